"""Truth of layer directories, by a plain search: what each has, and what a later one hides.

  layers_truth.py make SEED DIR...        fills layer directories (the base first) at random
  layers_truth.py check BASELINE DIR...   compares every row; the last DIR may be "init:DIR"
"""
import base64
import hashlib
import json
import os
import random
import stat
import sys

OPAQUE = "trusted.overlay.opaque"
TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo", stat.S_IFCHR: "chr",
         stat.S_IFSOCK: "socket", stat.S_IFBLK: "blk"}


def entries(top):
    yield b"/"
    for where, dirs, files in os.walk(top):
        for name in dirs + files:
            yield b"/" + os.path.relpath(os.path.join(where, name), top)


def look(top, path):
    try:
        return os.lstat(top + path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def opaque(top, path):
    try:
        return os.getxattr(top + path, OPAQUE, follow_symlinks=False) == b"y"
    except OSError:
        return False


def hides(top, path, is_dir):
    """Does this layer hide the entry of a layer below it?"""
    parts = path.strip(b"/").split(b"/")
    for n in range(1, len(parts) + 1):
        prefix = b"/" + b"/".join(parts[:n])
        st = look(top, prefix)
        if st is None:
            return False
        last = n == len(parts)
        if not stat.S_ISDIR(st.st_mode) or (last and not is_dir) or opaque(top, prefix):
            return True
    return False


def truth(tops, names):
    rows = {}
    for k, top in enumerate(tops):
        for path in entries(top):
            st = os.lstat(top + path)
            row = {"type": TYPES[stat.S_IFMT(st.st_mode)], "mode": "0%06o" % st.st_mode, "uid": st.st_uid, "gid": st.st_gid,
                   "size": st.st_size, "mtime_ns": st.st_mtime_ns, "ino": str(st.st_ino), "nlink": st.st_nlink}
            if stat.S_ISREG(st.st_mode):
                row["sha256"] = hashlib.sha256(open(top + path, "rb").read()).hexdigest()
            by = [names[j] for j in range(k + 1, len(tops)) if path != b"/" and hides(tops[j], path, stat.S_ISDIR(st.st_mode))]
            if by:
                row["hidden_by"] = by[0]
            rows[names[k], path] = row
    return rows


def value(row, key):
    return base64.b64decode(row[key + "_b64"]) if key + "_b64" in row else row[key].encode()


def check(baseline, tops):
    names = ["init" if t.startswith("init:") else n for n, t in enumerate(tops)]
    wanted = truth([os.fsencode(t.removeprefix("init:")) for t in tops], names)
    found, order = {}, []
    for line in list(open(baseline, encoding="utf-8"))[1:]:
        row = json.loads(line)
        key = (row["layer"], value(row, "path"))
        assert key not in found, key
        found[key] = {k: row[k] for k in ("type", "mode", "uid", "gid", "size", "mtime_ns", "ino", "nlink", "sha256", "hidden_by")
                      if k in row}
        order.append(row["layer"])
    for key in sorted(set(wanted) | set(found), key=str):
        assert wanted.get(key) == found.get(key), (key, wanted.get(key), found.get(key))
    assert [x for i, x in enumerate(order) if i == 0 or order[i - 1] != x] == names, "layers from the base upwards"


def fill(rand, top, depth):
    for _ in range(rand.randrange(1, 9)):
        # Few names, so that layers meet; any byte but NUL and '/'.
        name = bytes([rand.choice([97, 98, 99, 100, 10, 27, 34, 92, 128, 255])]) * rand.choice([1, 1, 1, 255])
        path = top + b"/" + name
        if os.path.lexists(path):
            continue
        kind = rand.choice(["file", "file", "dir", "dir", "dir", "white", "link", "fifo", "hard"])
        if kind == "dir":
            os.mkdir(path, rand.choice([0o755, 0o700]))
            if rand.random() < 0.25:
                os.setxattr(path, OPAQUE, rand.choice([b"y", b"y", b"x", b"n"]))
            if depth < 4:
                fill(rand, path, depth + 1)
        elif kind == "white":
            os.mknod(path, stat.S_IFCHR | 0o000, os.makedev(0, 0))
        elif kind == "link":
            os.symlink(rand.choice([b"a", b"/etc/passwd", b"../b"]), path)
        elif kind == "fifo":
            os.mkfifo(path)
        else:
            with open(path, "wb") as f:
                f.write(rand.randbytes(rand.choice([0, 1, 100, 5000])))
            os.chown(path, rand.randrange(3), rand.randrange(3))
            if kind == "hard" and not os.path.lexists(path[:-1] + b"~"):
                os.link(path, path[:-1] + b"~")


def make(seed, tops):
    for n, top in enumerate(tops):
        fill(random.Random(f"{seed} {n}"), os.fsencode(top), 0)


if sys.argv[1] == "make":
    make(sys.argv[2], sys.argv[3:])
else:
    check(sys.argv[2], sys.argv[3:])
