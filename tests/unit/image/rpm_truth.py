"""Makes databases of rpm in every format, and says what rpm itself reads out of them: rpm_truth.py DIR.

rpm builds two packages and installs them into a database of SQLite. one.sqlite: the first package. two.sqlite, two.sqlite-wal: the
second one is in the log alone. The headers out of it are then written as rpm's own format and as Berkeley DB in both byte orders,
after the descriptions of these formats: Debian's rpm writes neither, and reads the second. *.txt: what rpm says, sorted.
"""
import hashlib
import os
import pathlib
import shutil
import sqlite3
import struct
import subprocess
import sys
import zlib

top = pathlib.Path(sys.argv[1])
shutil.rmtree(top, ignore_errors=True)
top.mkdir()
if not shutil.which("rpm") or not shutil.which("rpmbuild"):
    sys.exit()  # nothing to compare with: the tests say that they are skipped
env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(top), "LC_ALL": "C"}

HELLO = """
Name: hello-kan
Epoch: 2
Version: 1.0
Release: 3
Summary: x
License: x
AutoReqProv: no
BuildArch: noarch
%description
x
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc %{buildroot}/usr/share/hello
printf 'a program' >%{buildroot}/usr/bin/hello
printf 'conf' >%{buildroot}/etc/hello.conf
ln -s hello %{buildroot}/usr/bin/hallo
%files
/usr/bin/hello
/usr/bin/hallo
%config(noreplace) /etc/hello.conf
%ghost /var/log/hello.log
%dir /usr/share/hello
"""
MANY = """
%global _binary_filedigest_algorithm 1
Name: many-kan-libs
Version: 5~rc1
Release: 1.el8
Summary: x
License: x
AutoReqProv: no
BuildArch: noarch
%description
x
%install
for d in 0 1 2 3; do
	mkdir -p %{buildroot}/opt/many/$d
	for f in $(seq 60); do echo $d $f >%{buildroot}/opt/many/$d/a-file-with-a-name-$f; done
done
%files
/opt/many
"""
QUERY = (r"P\t%{NAME}\t%{ARCH}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n"
         r"[O\t%{=NAME}\t%{=ARCH}\t%{FILENAMES}\t%{FILEDIGESTS}\t%{FILEMODES:octal}\t%{FILEFLAGS}\t%{FILELINKTOS}\n]")


def run(*words):
    return subprocess.run(words, env=env, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def copy(source, name):
    run("cp", str(source), str(top / name))  # closed in this process, the file would lose its locks


def build(name, spec):
    (top / f"{name}.spec").write_text(spec)
    run("rpmbuild", "-bb", "--define", f"_topdir {top}/top", "--define", f"_rpmdir {top}", "--define", "__os_install_post %{nil}",
        str(top / f"{name}.spec"))
    return next((top / "noarch").glob(f"{name}*.rpm"))


def rpm(*words):
    return run("rpm", "--dbpath", str(top / "db"), *words)


def truth(*words):
    lines = []
    for line in rpm(*words, "-qa", "--qf", QUERY).splitlines():
        kind, *f = line.split("\t")
        if kind == "P":
            lines.append("P {} {} {} src=/ installed".format(*f))
            continue
        name, arch, path, digest, mode, flags, link = f
        kind = int(mode, 8) & 0o170000
        digest = hashlib.sha256(link.encode()).hexdigest() if kind == 0o120000 else digest
        digest = "" if int(flags) & 64 else digest
        lines.append("O {}:{}:{} {}{}{}".format(name, arch, path[1:], digest[:8], " dir" if kind == 0o040000 else "",
                                                " conf" if int(flags) & 1 else ""))
    return "\n".join(sorted(lines)) + "\n"


def ndb(headers):
    """Slots for one page; headers in blocks of 16."""
    slots, blobs, block = b"", b"", 4096 // 16
    for index, header in enumerate(headers, 1):
        body = struct.pack("<4sIII", b"BlbS", index, 1, len(header)) + header
        body += b"\0" * (-(len(body) + 12) % 16) + struct.pack("<II4s", zlib.adler32(header), len(header), b"BlbE")
        slots += struct.pack("<4sIII", b"Slot", index, block, len(body) // 16)
        blobs += body
        block += len(body) // 16
    head = struct.pack("<4sIIII", b"RpmP", 0, 1, 1, len(headers) + 1).ljust(32, b"\0")
    free = struct.pack("<4sIII", b"Slot", 0, 0, 0)
    while len(head + slots) < 4096:
        slots += free
    return head + slots + blobs


def bdb(headers, order, size=512):
    """A hash of one bucket: long headers in pages of their own, the counter under key 0 in place."""
    def page(number, following, entries, offset, kind):
        return struct.pack(order + "8sIIIHHBB", b"\0" * 8, number, 0, following, entries, offset, 0, kind)
    items, overflow, number = [(b"\1" + struct.pack(order + "I", 0), b"\1" + struct.pack(order + "I", len(headers)))], b"", 2
    for key, header in enumerate(headers, 1):
        items.append((b"\1" + struct.pack(order + "I", key), struct.pack(order + "B3xII", 3, number, len(header))))
        room = size - 26
        pieces = [header[i:i + room] for i in range(0, len(header), room)]
        for i, piece in enumerate(pieces):
            following = 0 if i + 1 == len(pieces) else number + 1
            overflow += (page(number, following, 1, len(piece), 7) + piece).ljust(size, b"\0")
            number += 1
    body, offsets = b"", []
    for item in (half for pair in items for half in pair):
        body = item + body
        offsets.append(size - len(body))
    bucket = page(1, 0, len(offsets), offsets[-1], 13) + b"".join(struct.pack(order + "H", o) for o in offsets)
    bucket = bucket.ljust(size - len(body), b"\0") + body
    meta = struct.pack(order + "8sIIIIBBBBII", b"\0" * 8, 0, 0x061561, 9, size, 0, 8, 0, 0, 0, number - 1).ljust(72, b"\0")
    meta += struct.pack(order + "IIIIII32I", 0, 1, 0, 0, len(headers) + 1, 0x5e688dd1, 1, *[0] * 31)
    meta = meta.ljust(size, b"\0")
    return meta + bucket + overflow


hello, many = build("hello-kan", HELLO), build("many-kan", MANY)
rpm("--initdb")
rpm("-i", "--justdb", "--nodeps", str(hello))
database = top / "db/rpmdb.sqlite"
open_one = sqlite3.connect(database)
open_one.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
open_one.execute("BEGIN")
assert open_one.execute("SELECT count(*) FROM Packages").fetchone() == (1,)
copy(database, "one.sqlite")
(top / "one.txt").write_text(truth())
rpm("-i", "--justdb", "--nodeps", str(many))  # the open reader keeps it in the log
copy(database, "two.sqlite")
copy(str(database) + "-wal", "two.sqlite-wal")
assert (top / "one.sqlite").read_bytes() == (top / "two.sqlite").read_bytes() and os.stat(top / "two.sqlite-wal").st_size
(top / "two.txt").write_text(truth())
open_one.close()
headers = [row[0] for row in sqlite3.connect(database).execute("SELECT blob FROM Packages ORDER BY hnum")]
assert len(headers) == 2
(top / "two.header").write_bytes(headers[0])
(top / "two.ndb").write_bytes(ndb(headers))
(top / "many.bdb").write_bytes(bdb(headers[1:], "<"))
(top / "two.bdb").write_bytes(bdb(headers, "<"))
(top / "two-big.bdb").write_bytes(bdb(headers, ">"))
for name in ("two.bdb", "two-big.bdb"):  # what is written here is what rpm takes for one
    (top / "db/Packages").write_bytes((top / name).read_bytes())
    assert truth("--define", "_db_backend bdb_ro") == (top / "two.txt").read_text()
