"""Lengths: functions, files, collectors, the interfaces together, CMakeLists.txt, README."""
import pathlib
import subprocess
import sys

import tree

FUNCTION_MAX, FUNCTION_P95 = 100, 60
FILE_MAX, COLLECTOR_MAX, INTERFACES_MAX, CMAKE_MAX, README_MAX = 500, 250, 600, 120, 150


def lines(path):
    return len(path.read_text(errors="replace").splitlines())


def functions(top):
    sources = [str(p) for p in tree.files(top, ".c")]
    out = subprocess.run(
        ["ctags", "-x", "--_xformat=%N\t%F\t%n\t%e", "--kinds-C=f", "--fields=+ne", *sources],
        check=True, capture_output=True, text=True).stdout
    for row in out.splitlines():
        name, path, first, last = row.split("\t")
        if last.isdigit():
            yield int(last) - int(first) + 1, name, path


def main():
    top = pathlib.Path(sys.argv[1])
    faults = []
    lengths = sorted(functions(top))
    for length, name, path in lengths:
        if length > FUNCTION_MAX:
            faults.append(f"{path}: {name} has {length} lines, over {FUNCTION_MAX}")
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
        if lines(top / name) > limit:
            faults.append(f"{name}: {lines(top / name)} lines, over {limit}")
    print(f"functions: {len(lengths)}, 95th percentile {p95} lines, longest {lengths[-1][0]} ({lengths[-1][1]})")
    tree.end("budgets", len(lengths), faults)


main()
