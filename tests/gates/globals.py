"""No mutable global outside src/cli: nothing of ours in .data or .bss."""
import pathlib
import re
import subprocess
import sys

import tree

ROOMS = ["base", "kernel", "engine", "image", "evidence", "capture", "analyze", "custody", "respond", "collectors",
         "reports"]
# The sanitizers and the compiler put their own words there.
OURS = re.compile(r"^(?!__|\.|_ZL|asan|\.L)")


def writable_sections(path):
    out = subprocess.run(["readelf", "-SW", str(path)], check=True, capture_output=True, text=True).stdout
    for found in re.finditer(r"\[\s*(\d+)\]\s+(\.(?:data|bss)(?:\.\S+)?)\s", out):
        if not found.group(2).startswith(".data.rel.ro"):
            yield found.group(1)


def mutable(path):
    sections = set(writable_sections(path))
    out = subprocess.run(["readelf", "-sW", str(path)], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        word = line.split()
        if len(word) == 8 and word[3] in ("OBJECT", "TLS", "COMMON") and (word[6] in sections or word[6] == "COM"):
            if OURS.match(word[7]):
                yield word[7]


def main():
    build = pathlib.Path(sys.argv[2])
    faults, count = [], 0
    for room in ROOMS:
        for path in sorted(build.rglob(f"CMakeFiles/kan_{room}.dir/**/*.o")):
            if "asan" in path.relative_to(build).parts or "fuzz" in path.relative_to(build).parts:
                continue
            count += 1
            faults += [f"{room}/{path.name}: {name} can be changed" for name in mutable(path)]
    tree.end("globals", count, faults)


main()
