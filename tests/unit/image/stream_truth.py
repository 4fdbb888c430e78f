#!/usr/bin/python3
"""Truth of an image's stream: what Python's own reader has of its layers, against the rows of a baseline. None of our C is used.

usage: stream_truth.py BASELINE LAYER.tar ...     the base first
"""
import base64
import hashlib
import json
import os
import sys
import tarfile

TYPES = {tarfile.DIRTYPE: ("dir", 0o40000), tarfile.SYMTYPE: ("symlink", 0o120000), tarfile.CHRTYPE: ("chr", 0o20000),
         tarfile.FIFOTYPE: ("fifo", 0o10000), tarfile.REGTYPE: ("file", 0o100000), tarfile.LNKTYPE: ("file", 0o100000)}


def clean(name):
    return b"/" + b"/".join(p for p in os.fsencode(name).split(b"/") if p not in (b"", b"."))


def marked(path):
    """A whiteout, or an opaque directory, as the overlay has it; None: an entry."""
    place, _, name = path.rpartition(b"/")
    if name == b".wh..wh..opq":
        return place or b"/", {"type": "dir", "opaque": True}
    if name.startswith(b".wh."):
        return place + b"/" + name[4:], {"type": "chr", "rdev": "0:0"}
    return None


def facts(it, content):
    kind, bits = TYPES[it.type]
    row = {"type": kind, "mode": f"{bits | it.mode & 0o7777:07o}", "uid": it.uid, "gid": it.gid,
           "mtime_ns": int(it.mtime) * 10**9 + round(it.mtime % 1 * 10**9)}
    if kind == "symlink":
        row.update(link=it.linkname, size=len(it.linkname))
    elif kind != "dir":
        row["size"] = len(content)
    if kind == "file":
        row["sha256"] = hashlib.sha256(content).hexdigest()
    if kind == "chr":
        row["rdev"] = f"{it.devmajor}:{it.devminor}"
    if it.type == tarfile.LNKTYPE:
        row["hardlink_to"] = clean(it.linkname).decode()
    names = [key[13:] for key in it.pax_headers if key.startswith("SCHILY.xattr.")]
    return dict(row, xattrs=names) if names else row


def wanted(layer, path):
    contents, rows = {}, []
    with tarfile.open(path) as tar:
        for it in tar:
            name = clean(it.name)
            mark = marked(name)
            if mark:
                rows.append((layer, *mark))
                continue
            content = tar.extractfile(it).read() if it.isreg() else contents.get(clean(it.linkname), b"")
            contents[name] = content
            rows.append((layer, name, facts(it, content)))
    return rows


def found(path):
    with open(path, "rb") as lines:
        rows = [json.loads(line) for line in lines][1:]
    for row in rows:
        assert row.pop("source") == "stream", row
        layer, text, exact = row.pop("layer"), row.pop("path"), row.pop("path_b64", None)
        for key in ("capability", "undecoded"):
            row.pop(key, None)
        if "xattrs" in row:
            row["xattrs"] = [x["name"] for x in row["xattrs"]]
        yield layer, base64.b64decode(exact) if exact else text.encode(), row


def main():
    truth = [row for n, path in enumerate(sys.argv[2:]) for row in wanted(n, path)]
    ours = list(found(sys.argv[1]))
    for mine, right in zip(ours, truth):
        assert mine == right, f"\nours  {mine}\ntruth {right}"
    assert len(ours) == len(truth) > 0, (len(ours), len(truth))


if __name__ == "__main__":
    main()
