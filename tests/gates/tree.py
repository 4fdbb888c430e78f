"""The project's own C files, and a gate's way to end."""
import pathlib
import sys

ROOMS = ["src", "collectors", "reports", "include"]


def files(top, *suffixes, rooms=ROOMS):
    for room in rooms:
        for path in sorted((pathlib.Path(top) / room).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def end(name, looked_at, faults):
    for fault in faults:
        print(fault)
    print(f"{name}: {looked_at} looked at, {len(faults)} faults")
    if looked_at == 0:
        print(f"{name}: nothing was looked at, so nothing was checked")
    sys.exit(1 if faults or looked_at == 0 else 0)
