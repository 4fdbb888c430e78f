"""Functions and words that are banned, and where they stand."""
import pathlib
import re
import sys

import tree

CALLS = ["system", "popen", "strcpy", "strcat", "sprintf", "vsprintf", "gets", "atoi", "atol", "strtok", "mktemp",
         "tmpnam", "alloca", "setjmp", "longjmp", "gmtime", "localtime", "ctime", "asctime", "rand"]
CALL = re.compile(r"(?<![\w>.])(" + "|".join(CALLS) + r")\s*\(")
EVERYBODY = re.compile(r"\bkill\(\s*-1\b")
PRINT = re.compile(r"(?<![\w>.])(printf|puts|putchar|perror|fprintf)\s*\(")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
ENTER = re.compile(r"\b(execve|execv|execvp|execvpe|execl|execle|execlp|fexecve|execveat|posix_spawn|posix_spawnp|ptrace|chroot)\s*\(")

# --key ssh-keygen:FILE is a request to run it; no other program is ever started.
MAY_ENTER = {"src/custody/keygen.c"}


def without_text(line):
    return re.sub(r'"(\\.|[^"\\])*"', '""', line)


def main():
    top = pathlib.Path(sys.argv[1])
    faults, count = [], 0
    for path in tree.files(top, ".c", ".h"):
        count += 1
        relative = str(path.relative_to(top))
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if UNFINISHED.search(line):
                faults.append(f"{relative}:{number}: unfinished: {line.strip()}")
        text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"), path.read_text(), flags=re.S)
        for number, line in enumerate(text.splitlines(), 1):
            code, where = without_text(line), f"{relative}:{number}"
            for pattern in (CALL, EVERYBODY, ENTER):
                if pattern.search(code) and not (pattern is ENTER and relative in MAY_ENTER):
                    faults.append(f"{where}: banned: {line.strip()}")
            if PRINT.search(code) and not relative.startswith("src/cli/"):
                faults.append(f"{where}: only src/cli prints: {line.strip()}")
    tree.end("bans", count, faults)


main()
