#!/usr/bin/python3
"""An engine's data root with an image in it: layer tars, the directories they unpack to, tar-split. None of our C is used.

usage: integrity_world.py TOP     makes TOP/data and TOP/layerN.tar; prints the image id
"""
import base64
import gzip
import hashlib
import io
import json
import os
import pathlib
import sys
import tarfile

POLYNOMIAL = 0xd800000000000000
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")  # one permitted capability, revision 2
BLOCK = 512


def shifted(octet):
    for _ in range(8):
        octet = octet >> 1 ^ POLYNOMIAL if octet & 1 else octet >> 1
    return octet


TABLE = [shifted(octet) for octet in range(256)]


def crc64(octets):
    """ISO 3309, as Go's hash/crc64 counts it."""
    crc = 0xffffffffffffffff
    for octet in octets:
        crc = crc >> 8 ^ TABLE[crc & 0xff ^ octet]
    return crc ^ 0xffffffffffffffff


class Layer:
    """A tar that is filled member by member."""

    def __init__(self):
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, content=b"", kind=tarfile.REGTYPE, mode=0o644, uid=0, gid=0, mtime=1700000000, link="", pax=None, device=(0, 0)):
        it = tarfile.TarInfo(name)
        it.type, it.mode, it.uid, it.gid, it.mtime, it.linkname = kind, mode, uid, gid, mtime, link
        it.size, it.pax_headers = len(content), pax or {}
        it.devmajor, it.devminor = device
        self.tar.addfile(it, io.BytesIO(content))

    def octets(self):
        self.tar.close()
        return self.out.getvalue()


def image():
    """Three layers with all that a header can say."""
    base = Layer()
    for name in ("usr", "usr/bin", "etc", "old", "old/sub"):
        base.add(name + "/", kind=tarfile.DIRTYPE, mode=0o755)
    base.add("usr/bin/id", b"#!id\n" * 300, mode=0o755)
    base.add("usr/bin/su", b"su" * 4000, mode=0o4755)
    base.add("usr/bin/whoami", kind=tarfile.LNKTYPE, link="usr/bin/id", mode=0o755)
    base.add("etc/passwd", b"root:x:0:0\n", uid=0, gid=7)
    base.add("etc/empty", b"")
    base.add("etc/link", kind=tarfile.SYMTYPE, link="passwd", mode=0o777)
    base.add("usr/bin/ping", b"ping" * 99, mode=0o755,
             pax={"SCHILY.xattr.security.capability": CAPABILITY.decode("utf-8", "surrogateescape")})
    base.add("old/sub/f", b"gone later")
    base.add("old/w", b"gone later, too")
    base.add("etc/" + "n" * 120 + "/" + "m" * 120, b"a long name", mtime=1700000000.25)
    base.add("etc/null", kind=tarfile.CHRTYPE, mode=0o666, device=(1, 3))
    base.add("etc/pipe", kind=tarfile.FIFOTYPE, mode=0o600)
    base.add("etc/b\u00e9 \u0301", b"accents as they are", uid=65534, gid=65534)
    middle = Layer()
    middle.add("old/", kind=tarfile.DIRTYPE, mode=0o755)
    middle.add("old/.wh.w")
    middle.add("old/sub/", kind=tarfile.DIRTYPE, mode=0o755)
    middle.add("old/sub/new", b"new")
    middle.add("old/sub/.wh..wh..opq")
    middle.add("etc/", kind=tarfile.DIRTYPE, mode=0o755, pax={"SCHILY.xattr.user.overlay.impure": "y"})
    middle.add("etc/middle", b"of the middle")
    top = Layer()
    top.add("./", kind=tarfile.DIRTYPE, mode=0o700)
    top.add("opt/tool", bytes(range(256)) * 1000, mode=0o755, uid=1000, gid=1000)
    return [layer.octets() for layer in (base, middle, top)]


def split(octets):
    """What tar-split says of a tar: segments, and files by name, size and checksum."""
    entries, at = [], 0

    def segment(end):
        if end > at:
            entries.append({"type": 2, "payload": base64.b64encode(octets[at:end]).decode()})
    for it in tarfile.open(fileobj=io.BytesIO(octets)):
        segment(it.offset_data)
        name = it.name + ("/" if it.isdir() else "")
        entry = {"type": 1, "name": name, "payload": None}
        if it.isfile() and it.size:
            content = octets[it.offset_data:it.offset_data + it.size]
            entry.update(size=it.size, payload=base64.b64encode(crc64(content).to_bytes(8, "big")).decode())
        entries.append(entry)
        at = it.offset_data + (it.size if it.isfile() else 0)
    segment(len(octets))
    return "".join(json.dumps(dict(e, position=n)) + "\n" for n, e in enumerate(entries)).encode()


def unpack(octets, top):
    """As an engine does it, into an overlay's directory."""
    tar, times = tarfile.open(fileobj=io.BytesIO(octets)), []
    for it in tar:
        path = top / it.name
        if path == top:  # engines make the root of a layer themselves
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if it.name.endswith("/.wh..wh..opq"):
            os.setxattr(path.parent, "trusted.overlay.opaque", b"y")
            continue
        if path.name.startswith(".wh."):
            os.mknod(path.with_name(path.name[4:]), 0o20000, 0)
            continue
        if it.isdir():
            path.mkdir(exist_ok=True)
        elif it.issym():
            os.symlink(it.linkname, path)
        elif it.islnk():
            os.link(top / it.linkname, path)
            continue
        elif it.isfile():
            path.write_bytes(tar.extractfile(it).read())
        else:
            os.mknod(path, it.mode | (0o20000 if it.ischr() else 0o10000), os.makedev(it.devmajor, it.devminor))
        os.chown(path, it.uid, it.gid, follow_symlinks=False)
        if not it.issym():
            os.chmod(path, it.mode)
        for key, value in it.pax_headers.items():
            if key.startswith("SCHILY.xattr.") and "overlay" not in key:  # it keeps its own
                os.setxattr(path, key[13:], value.encode("utf-8", "surrogateescape"))
        times.append((path, int(it.mtime) * 10**9 + round(it.mtime % 1 * 10**9)))
    for path, ns in reversed(times):
        os.utime(path, ns=(ns, ns), follow_symlinks=False)


def put(path, octets):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)


def main():
    top = pathlib.Path(sys.argv[1])
    data, chain, diffs = top / "data", None, []
    layers = image()
    for n, octets in enumerate(layers):
        (top / f"layer{n}.tar").write_bytes(octets)
        diffs.append("sha256:" + hashlib.sha256(octets).hexdigest())
        text = diffs[-1] if chain is None else f"{chain} {diffs[-1]}"
        parent, chain = chain, diffs[-1] if chain is None else "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        at = data / f"image/overlay2/layerdb/sha256/{chain[7:]}"
        put(at / "tar-split.json.gz", gzip.compress(split(octets)))
        put(at / "diff", diffs[-1].encode())
        put(at / "cache-id", f"cache{n}".encode())
        if parent:
            put(at / "parent", parent.encode())
        os.symlink(f"data/image/overlay2/layerdb/sha256/{chain[7:]}/tar-split.json.gz", top / f"split{n}")
        directory = data / f"overlay2/cache{n}/diff"
        directory.mkdir(parents=True)
        unpack(octets, directory)
        os.symlink(directory, top / f"d{n}")
    config = json.dumps({"architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diffs}}).encode()
    digest = hashlib.sha256(config).hexdigest()
    put(data / f"image/overlay2/imagedb/content/sha256/{digest}", config)
    os.symlink(f"data/image/overlay2/imagedb/content/sha256/{digest}", top / "config")
    print("sha256:" + digest)


if __name__ == "__main__":
    main()
