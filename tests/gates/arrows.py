"""The layer test: reads every #include and fails on an arrow that architecture.md forbids."""
import pathlib
import re
import sys

import tree

BASE, KERNEL, ENGINE, IMAGE, EVIDENCE = "base", "kernel", "engine", "image", "evidence"
LOW = {BASE, KERNEL, ENGINE, IMAGE}
# room -> rooms whose headers it may include; its own is always allowed
MAY = {
    "base": set(),
    "kernel": {BASE},
    "engine": {BASE, KERNEL},
    "image": LOW - {IMAGE},
    "evidence": LOW,
    "collectors": LOW | {EVIDENCE},
    "capture": LOW | {EVIDENCE, "collectors"},
    "analyze": {BASE, IMAGE, EVIDENCE},
    "reports": {BASE, "analyze"},
    "custody": {BASE, EVIDENCE},
    "respond": {BASE, KERNEL, ENGINE},
    "cli": LOW | {EVIDENCE, "collectors", "capture", "analyze", "reports", "custody", "respond"},
}
# interface header -> rooms that may include it
ALL = set(MAY)
PUBLIC = {
    "err": ALL,
    "bytes": ALL,
    "engine": ALL - {"base", "kernel", "analyze", "reports", "custody"},
    "target": ALL - {"base", "kernel", "analyze", "reports", "custody"},
    "sink": {"evidence", "collectors", "capture", "image", "cli"},
    "collector": {"collectors", "capture", "cli"},
    "bundle": {"evidence", "analyze", "custody", "cli"},
    "rule": {"analyze", "cli"},
    "report": {"reports", "cli"},
    "custody": {"custody", "cli"},
}
# third-party header (prefix) -> where it may be seen
FOREIGN = {
    "archive": {"src/base/tar.c", "src/base/tar_read.c", "src/base/unpack.c"},
    "git2": {"src/custody/git.c", "src/custody/guard.c", "src/custody/guard.h"},
    "curl/": {"src/base/http.c"},
    "openssl/": {"src/base", "src/custody"},
    "libmnl/": {"src/kernel"},
    "libnftnl/": {"src/kernel"},
    "seccomp": {"src/base/sandbox.c"},
    "pcre2": {"src/analyze"},
    "qrencode": {"reports"},
    "yara": {"src/analyze/yaraengine.c"},
    "sys/capability": {"src/base", "src/kernel", "src/image"},
    "zlib": {"src/image", "src/base"},
}
INTERFACE_MAY = {"err.h", "bytes.h"}


def room_of(path, top):
    parts = path.relative_to(top).parts
    if parts[0] == "src":
        return parts[1]
    return parts[0]


def check_public(where, room, header, faults):
    name = header.removesuffix(".h")
    if name not in PUBLIC:
        faults.append(f"{where}: <kanshiki/{header}> is not an interface this gate knows")
    elif room == "include":
        if header not in INTERFACE_MAY:
            faults.append(f"{where}: an interface includes at most err.h and bytes.h, not {header}")
    elif room not in PUBLIC[name]:
        faults.append(f"{where}: {room} may not see <kanshiki/{header}>")


def check_room(where, room, header, faults):
    other = header.split("/")[0]
    if other in MAY and other != room and other not in MAY.get(room, set()):
        faults.append(f"{where}: {room} may not include {header}")


def check_foreign(where, relative, header, faults):
    for prefix, places in FOREIGN.items():
        if header.startswith(prefix) and not any(relative == p or relative.startswith(p + "/") for p in places):
            faults.append(f"{where}: <{header}> belongs to {', '.join(sorted(places))}")


def main():
    top = pathlib.Path(sys.argv[1])
    faults, count = [], 0
    for path in tree.files(top, ".c", ".h"):
        count += 1
        room, relative = room_of(path, top), str(path.relative_to(top))
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            if not found:
                continue
            header, where = found.group(1), f"{relative}:{number}"
            if header.startswith("kanshiki/"):
                check_public(where, room, header.split("/", 1)[1], faults)
            elif "/" in header and header.split("/")[0] in MAY:
                check_room(where, room, header, faults)
            else:
                check_foreign(where, relative, header, faults)
    tree.end("arrows", count, faults)


main()
