"""Lengths: functions, files, collectors, the interfaces together, CMakeLists.txt, README; parameters and nesting."""
import pathlib
import re
import subprocess
import sys

import tree

FUNCTION_MAX, FUNCTION_P95 = 100, 60
PARAMETERS_MAX, NESTING_MAX = 6, 4
CONTROL = re.compile(r"^(\t+)(?:\} else )?(?:if|for|while|switch|do|json_array_foreach|json_object_foreach)\b")
FILE_MAX, COLLECTOR_MAX, INTERFACES_MAX, CMAKE_MAX, README_MAX = 500, 250, 600, 120, 150


def lines(path):
    return len(path.read_text(errors="replace").splitlines()) if path.exists() else 0


def nested(text):
    """How deep control words stand in each other. The style's tabs tell, with or without braces."""
    return max((len(found.group(1)) for line in text if (found := CONTROL.match(line))), default=0)


def parameters(signature):
    """Not counted: the error that ends every list, and the arg that follows every callback."""
    inner = re.sub(r"\([^()]*\)", "", signature.strip()[1:-1])
    words = [word.strip() for word in inner.split(",")]
    return len([w for w in words if w not in ("", "void") and not re.search(r"struct kan_err ?\* ?err$|void ?\* ?arg$", w)])


def functions(top):
    sources = [str(p) for p in tree.files(top, ".c")]
    out = subprocess.run(
        ["ctags", "-x", "--_xformat=%N\t%F\t%n\t%e\t%S", "--kinds-C=f", "--fields=+neS", *sources],
        check=True, capture_output=True, text=True).stdout
    for row in out.splitlines():
        name, path, first, last, signature = row.split("\t", 4)
        if last.isdigit():
            text = pathlib.Path(path).read_text(errors="replace").splitlines()[int(first) - 1:int(last)]
            yield int(last) - int(first) + 1, name, path, nested(text), parameters(signature)


def main():
    top = pathlib.Path(sys.argv[1])
    faults = []
    lengths = sorted(functions(top))
    for length, name, path, depth, count in lengths:
        for number, most, word in ((length, FUNCTION_MAX, "lines"), (depth, NESTING_MAX, "levels of nesting"),
                                   (count, PARAMETERS_MAX, "parameters")):
            if number > most:
                faults.append(f"{path}: {name} has {number} {word}, over {most}")
    p95 = lengths[int(len(lengths) * 0.95)][0]
    if p95 > FUNCTION_P95:
        faults.append(f"functions: the 95th percentile is {p95} lines, over {FUNCTION_P95}")
    interfaces = 0
    for path in tree.files(top, ".c", ".h"):
        relative = path.relative_to(top)
        limit = COLLECTOR_MAX if relative.parts[0] == "collectors" else FILE_MAX
        if lines(path) > limit:
            faults.append(f"{relative}: {lines(path)} lines, over {limit}")
        interfaces += lines(path) if relative.parts[0] == "include" else 0
    if interfaces > INTERFACES_MAX:
        faults.append(f"include/kanshiki: {interfaces} lines together, over {INTERFACES_MAX}")
    for name, limit in (("CMakeLists.txt", CMAKE_MAX), ("README.md", README_MAX)):
        if not 0 < lines(top / name) <= limit:
            faults.append(f"{name}: {lines(top / name)} lines, not 1 to {limit}")
    print(f"functions: {len(lengths)}, 95th percentile {p95} lines, longest {lengths[-1][0]} ({lengths[-1][1]})")
    tree.end("budgets", len(lengths), faults)


main()
