"""Code against pages: every command, option, exit status, collector, gap code and row kind stands in both."""
import json
import pathlib
import re
import shlex
import subprocess
import sys

import tree

# Options of other people's programs that the pages name.
FOREIGN = {"rm", "xattrs"}


def run(binary, *words):
    return subprocess.run([binary, *words], capture_output=True, text=True, check=False).stdout


def page(top, name):
    """As text: no fonts, and a macro's arguments joined as it joins them."""
    path = top / name
    if not path.exists():
        return ""
    text = re.sub(r"\\f[BIRP]", "", path.read_text().replace("\\-", "-").replace("\\&", "").replace("\\e", "\\"))
    return re.sub(r"^(\.(?:B|BI|BR|I|RI)) (.*)$", lambda m: f"{m[1]} {joined(m[1], m[2])}", text, flags=re.M) if path.suffix == ".1" else text


def joined(macro, words):
    parts = [m[1] if m[1] is not None else m[2] for m in re.finditer(r'"([^"]*)"|(\S+)', words)]
    return (" " if macro in (".B", ".I") else "").join(parts)


def section(text, name):
    found = re.search(rf"^\.SH {name}\n(.*?)(?=^\.SH |\Z)", text, re.M | re.S)
    return found[1] if found else ""


def tags(text):
    """Options that a page explains: what stands behind a .TP, not what is nested below one."""
    text = re.sub(r"^\.RS$.*?^\.RE$", "", text, flags=re.M | re.S)
    found = {}
    for line in re.findall(r"^\.TP\n\.\w+ (-.*)$", text, re.M):
        for letter, name, arg in re.findall(r"(?:-(\w), )?--([a-z-]+)(?: ('[^']*'|[^,\s]+))?", line):
            found[name] = (letter, arg)
    return found


def helped(text):
    """Options of a help: name, then letter and argument's word."""
    found = {}
    for letter, name, rest in re.findall(r"^  (?:-(\w), |    )--([a-z-]+)(.*)$", text, re.M):
        arg = re.match(r" ('[^']*'|[A-Z][A-Z|-]*)(?= )", rest)
        found[name] = (letter, arg[1] if arg else "")
    return found


def calls_of(line):
    """The words behind each kanshiki of a shell's line, up to a pipe, a redirection or the end."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|<>()")
    lexer.commenters, lexer.whitespace_split = "", True
    calls, open_ = [], False
    for word in lexer:
        if word == "kanshiki":
            calls.append([])
            open_ = True
        elif re.fullmatch(r"[|<>()]+", word):
            open_ = False
        elif open_:
            calls[-1].append(word)
    return calls


class Check:
    def __init__(self, top, binary):
        self.top, self.binary, self.count, self.faults = top, binary, 0, []
        self.manual, self.readme = page(top, "docs/man/kanshiki.1"), page(top, "README.md")
        self.json = page(top, "docs/json.md")
        self.errors, self.format = page(top, "docs/errors.md"), page(top, "docs/bundle-format.md")
        # 'capture --freeze') _kanshiki_offer 'auto' 'full': the words of an option, joined as a page may have them.
        self.words = {m[1].strip(): "|".join(re.findall(r"'([^']+)'", m[2])) for m in
                      re.finditer(r"'([^']* --[a-z-]+)'\) _kanshiki_offer ('.*') ;;", run(binary, "completion", "bash"))}

    def want(self, found, text):
        self.count += 1
        if not found:
            self.faults.append(text)

    def commands(self, text):
        known = dict(re.findall(r"^  ([a-z]+) +(\S.*)$", text.partition("\nexit statuses")[0], re.M))
        self.want(known, "the help names no command")
        listed = dict(re.findall(r"^\.TP\n\.BR kanshiki-([a-z]+)\(1\)\n(.*)$", section(self.manual, "COMMANDS"), re.M))
        self.want(listed == known, f"COMMANDS of kanshiki.1 is not the help's list: {set(listed.items()) ^ set(known.items())}")
        told = helped(run(self.binary, next(iter(known)), "--help").split("common options:")[1])
        self.options("kanshiki.1", "", tags(section(self.manual, "COMMON OPTIONS")), told)
        self.all = {c: helped(run(self.binary, c, "--help")) for c in known}
        everywhere = {o for options in self.all.values() for o in options} | FOREIGN
        for command, summary in known.items():
            self.command(command, summary, everywhere)
        there = {p.name.removeprefix("kanshiki-").removesuffix(".1") for p in (self.top / "docs/man").glob("kanshiki-*.1")}
        self.want(there <= set(known), f"pages of commands that the program lacks: {there - set(known)}")

    def command(self, command, summary, everywhere):
        name = f"kanshiki-{command}.1"
        text = page(self.top, f"docs/man/{name}")
        self.want(text, f"docs/man/{name} is not there: CONTRIBUTING.md says how a command gets its page")
        if not text:
            return
        usage = run(self.binary, command, "--help")
        self.want(section(text, "NAME").strip() == f"kanshiki-{command} - {summary}", f"NAME of {name} is not the summary of the help")
        synopsis = " ".join(line.removeprefix(".B ") for line in section(text, "SYNOPSIS").strip().splitlines())
        self.want(f"usage: {synopsis}" == usage.splitlines()[0].strip(), f"SYNOPSIS of {name} is not the usage line of the help: {synopsis}")
        self.options(name, command, tags(section(text, "OPTIONS")), helped(usage.split("common options:")[0]))
        for part in ("DESCRIPTION", "EXAMPLES", "SEE ALSO"):
            self.want(section(text, part).strip(), f"{name} has no {part}")
        for option in set(re.findall(r"(?<![\w-])--([a-z][a-z-]*)", text)):
            self.want(option in everywhere, f"{name} names --{option}, which no command has")
        self.examples(name, section(text, "EXAMPLES"))

    def options(self, name, command, told, known):
        for option, (letter, arg) in known.items():
            self.want(option in told, f"--{option} is not explained in {name}")
            if option not in told:
                continue
            words = self.words.get(f"{command} --{option}".strip(), arg)
            self.want(told[option][0] == letter, f"--{option} has another letter in {name}")
            self.want(told[option][1] in (arg, words), f"--{option} takes {arg} and not {told[option][1]} as {name} says")
        for option in set(told) - set(known):
            self.want(False, f"{name} explains --{option}, which the program lacks there")

    def examples(self, name, text):
        """Each names a command with options that it has."""
        calls = [call for example in re.findall(r"^\.EX\n(.*?)^\.EE", text, re.M | re.S) for line in example.splitlines() for call in calls_of(line)]
        self.want(calls, f"{name} has no example of kanshiki")
        for words in calls:
            command = next((w for w in words if w in self.all), None)
            self.want(command, f"{name}: no command in the example: {' '.join(words)}")
            own = self.all.get(command, {})
            known = {f"--{o}" for o in own} | {f"-{letter}" for letter, _ in own.values()}
            for word in words:
                self.want(not re.match(r"--?[a-z]", word) or word in known, f"{name}: {word} in the example: {' '.join(words)}")

    def lint(self):
        """mandoc and groff have nothing to warn of. The pages have no date: the same sources, the same bytes."""
        for path in sorted((self.top / "docs/man").glob("*.1")):
            for argv in (["mandoc", "-Tlint", "-W", "warning", path], ["groff", "-man", "-Tutf8", "-ww", "-z", path]):
                try:
                    done = subprocess.run(argv, capture_output=True, text=True, check=False)
                except FileNotFoundError:
                    self.want(False, f"{argv[0]} is not installed (packages.txt)")
                    continue
                said = [line for line in (done.stdout + done.stderr).splitlines() if "missing date" not in line]
                self.want(not said, f"{path.name}: {' / '.join(said)}")

    def statuses(self, text):
        known = re.findall(r"^  (\d+) +\S", text, re.M)
        self.want(known, "the help names no exit status")
        for status in known:
            self.want(re.search(rf"^\.B {status}$", self.manual, re.M), f"exit status {status} is not in the manual")
            self.want(re.search(rf"^\| {status} \|", self.readme, re.M), f"exit status {status} is not in the README's table")
            self.want(re.search(rf"^\| {status} \|", self.errors, re.M), f"exit status {status} is not in docs/errors.md")

    def collectors(self):
        found = (json.loads(run(self.binary, "collectors", "--json") or "{}")).get("collectors", [])
        known = found["collectors"] if isinstance(found, dict) else found
        told = self.manual.split(".SH COLLECTORS")[1].split(".SH")[0]
        self.want(known, "the program names no collector")
        for name in [c["name"] for c in known]:
            self.want(re.search(rf"(?<![a-z-]){name}(?![a-z-])", told), f"collector {name} is not in the manual")
            self.want(f"| `{name}/" in self.format, f"artefacts of {name} are not in docs/bundle-format.md")

    def gaps(self):
        sources = "".join(p.read_text() for p in sorted((self.top / "src/evidence").glob("*.c")))
        known = re.findall(r'\[KAN_GAP_[A-Z_]+\] = "([a-z-]+)"', sources)
        self.want(known, "no gap code was found")
        for code in known:
            self.want(re.search(rf"^\.B {code}$", self.manual, re.M), f"gap code {code} is not in the manual")
            self.want(f"| `{code}` |" in self.format, f"gap code {code} is not in docs/bundle-format.md")

    def schemas(self):
        """kanshiki.processes.fds-1.json: fds in a line of the table that begins with processes/."""
        for name in re.findall(r"^\|.*\| `kanshiki\.([a-z-]+)/1` \|$", self.json, re.M):
            self.want((self.top / f"docs/schema/kanshiki.{name}-1.json").exists(), f"docs/json.md names kanshiki.{name}/1, which is not in docs/schema")
        for path in sorted((self.top / "docs/schema").glob("kanshiki.*-1.json")):
            words = path.name.removesuffix("-1.json").split(".")[1:]
            if len(words) == 1:
                name = f"`kanshiki.{words[0]}/1`"
                self.want(name in self.format or name in self.json or f"`{words[0]}.ndjson`" in self.format,
                          f"{path.name} is neither in docs/bundle-format.md nor in docs/json.md")
                continue
            lines = re.findall(rf"^\| `{words[0]}/.*$", self.format, re.M)
            self.want(any(re.search(rf"\b{words[1]}\b", line) for line in lines), f"rows of {path.name} are not in docs/bundle-format.md")


def main():
    check = Check(pathlib.Path(sys.argv[1]), sys.argv[2])
    text = run(check.binary, "--help")
    check.commands(text)
    check.lint()
    check.statuses(text)
    check.collectors()
    check.gaps()
    check.schemas()
    tree.end("docs", check.count, check.faults)


main()
