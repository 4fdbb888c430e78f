"""Repositories, homes and remotes made by somebody who wants us to hang, to die, or to read and write elsewhere.

usage: test_hostile.py KANSHIKI
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest
import zlib

from homes import Homes

HOMES = Homes(sys.argv.pop(1) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "build/kanshiki", "kan-hostile-")
SECONDS = 30
PACK = "objects/pack/pack-" + "0" * 40


def run(*argv):
    try:
        return HOMES.kanshiki(*argv, seconds=SECONDS)
    except subprocess.TimeoutExpired as hung:
        raise AssertionError(f"it hangs: {argv}") from hung


def tip(repo):
    return (repo / "refs/heads/main").read_text().strip()


def loose(repo, oid):
    return repo / "objects" / oid[:2] / oid[2:]


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.chmod(0o600)
    path.write_bytes(content)


def fifo(name):
    def spoil(repo, outside):
        path = repo / (name or "objects/" + tip(repo)[:2] + "/" + tip(repo)[2:])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    return spoil


def link(name):
    """What is there goes outside, and a link leads to it."""
    def spoil(repo, outside):
        path, target = repo / name, outside / "it"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            shutil.move(path, target)
        elif path.name in ("HEAD", "main"):
            target.write_bytes(b"")
        else:
            target.mkdir()
        path.symlink_to(target)
    return spoil


def text(name, content):
    return lambda repo, outside: write(repo / name, content.format(outside).encode())


def include(repo, outside):
    os.mkfifo(outside / "x")
    with open(repo / "config", "a", encoding="ascii") as config:
        config.write(f"[include]\n\tpath = {outside}/x\n")


def hole(repo, outside):
    if tip(repo):
        loose(repo, tip(repo)).chmod(0o600)
        os.truncate(loose(repo, tip(repo)), 8 << 30)


def seen(directory):
    return {p: (p.lstat().st_mtime_ns, p.lstat().st_size) for p in directory.rglob("*") if not p.is_dir()}


EITHER = {
    "alternates are a FIFO": fifo("objects/info/alternates"), "alternates": text("objects/info/alternates", "{0}\n"),
    "commondir": text("commondir", "{0}\n"), "gitdir is a FIFO": fifo("gitdir"), "config includes a FIFO": include,
    "an index of packs is a FIFO": fifo("objects/pack/multi-pack-index"), "objects are elsewhere": link("objects"),
    "packs are elsewhere": link("objects/pack"), "logs are elsewhere": link("logs"), "lfs is elsewhere": link("lfs"),
    "refs are elsewhere": link("refs"), "heads are elsewhere": link("refs/heads"),
}
HOME = {
    **EITHER, "an object is a FIFO": fifo(None), "an object is a hole of 8 GiB": hole, "the log of main is a FIFO": fifo("logs/refs/heads/main"),
    "the log of main is elsewhere": link("logs/refs/heads/main"), "the log of HEAD is elsewhere": link("logs/HEAD"),
}


class Traps(unittest.TestCase):
    def test_a_home_with_a_way_out_or_a_trap_is_refused_at_once_and_nothing_is_written_outside(self):
        for name, spoil in HOME.items():
            with self.subTest(name):
                home, outside = HOMES.home(), HOMES.new("outside-")
                spoil(home / "custody.git", outside)
                before = seen(outside)
                done = run("--home", home, "custody", "note", "--case", HOMES.sample()[2], "more")
                self.assertEqual((done.status, seen(outside)), (7, before), str(done))

    def test_a_remote_of_files_with_a_way_out_or_a_trap_is_refused_at_once_and_nothing_is_written_outside(self):
        for name, spoil in EITHER.items():
            with self.subTest(name):
                remote, outside = HOMES.new("remote-") / "r.git", HOMES.new("outside-")
                HOMES.git("init", "-q", "--bare", "-b", "main", remote)
                HOMES.git("-C", remote, "config", "core.logAllRefUpdates", "always")
                spoil(remote, outside)
                before = seen(outside)
                done = run("--home", HOMES.home(), "custody", "push", remote)
                self.assertEqual((done.status, seen(outside)), (8, before), str(done))


    def test_a_remote_whose_hooks_are_a_link_to_the_servers_is_pushed_to(self):
        for name in ("hooks", "hooks/update"):
            remote = HOMES.new("remote-") / "r.git"
            HOMES.git("init", "-q", "--bare", "-b", "main", "--template=", remote)
            (remote / name).parent.mkdir(exist_ok=True)
            (remote / name).symlink_to(HOMES.work)
            self.assertEqual(run("--home", HOMES.home(), "custody", "push", remote).status, 0)


class Objects(unittest.TestCase):
    def altered(self, repo, oid, packed, words):
        path = loose(repo, oid)
        write(path, packed)
        done = run("--json", "verify", repo)
        self.assertEqual(done.status, 7, str(done))
        self.assertIn(words, [c["detail"] for c in done.json["checks"] if c["name"] == "objects" and c["result"] == "failed"][0])

    def test_a_loose_object_that_is_not_as_long_as_its_header_says_is_not_given_to_libgit2(self):
        repo = HOMES.repository()
        kind, _, body = zlib.decompress(loose(repo, tip(repo)).read_bytes()).partition(b"\0")
        kind = kind.split()[0]
        for head in (kind + b" 2", kind + b" %d" % (len(body) - 1), kind + b" %d" % (len(body) + 1), kind + b" -1", kind, kind + b" ", b"x 2", b""):
            with self.subTest(head):
                self.altered(HOMES.repository(), tip(repo), zlib.compress(head + b"\0" + body), "or none")
        self.altered(HOMES.repository(), tip(repo), zlib.compress(body * 4), "or none")
        self.altered(HOMES.repository(), tip(repo), b"\x92\x01" + zlib.compress(body[:18]), "or none")
        self.altered(HOMES.repository(), tip(repo), zlib.compress(b"commit 99999999\0" + bytes(99999999)), "99999999")

    def test_a_tree_of_the_past_that_is_cut_off_holds_up_no_verb(self):
        """Those that libgit2 reads by itself: for a new tree, and for a pack."""
        for path in (HOMES.sample()[0] / "custody.git/objects").rglob("*/" + "?" * 38):
            home = HOMES.home()
            there = home / path.relative_to(HOMES.sample()[0])
            write(there, path.read_bytes()[:path.stat().st_size * 2 // 3])
            remote, files = HOMES.new("remote-") / "r.git", HOMES.new("files-")
            (files / "a.txt").write_text("x")
            HOMES.git("init", "-q", "--bare", "-b", "main", remote)
            self.assertEqual(run("--home", home, "custody", "push", remote).status, 7, path)
            self.assertIn(run("--home", home, "custody", "derive", HOMES.sample()[1], files).status, (0, 7), path)


class Tombstones(unittest.TestCase):
    def test_a_tombstone_under_the_number_of_another_event_is_told(self):
        home, name = HOMES.home(), HOMES.sample()[1]
        done = run("--home", home, "custody", "dispose", "--yes", "--bundle", name, "--file", "data/engine/inspect.json", "--reason", "r",
                   "--authority", "a")
        self.assertEqual(done.status, 0, str(done))
        seal = home / "bundles" / name / "seal"
        self.assertEqual(run("verify", seal.parent).status, 0)
        for stone in list(seal.glob("*-dispose.json*")):
            shutil.copy(stone, seal / ("000099" + stone.name[6:]))
        done = run("verify", seal.parent)
        self.assertEqual(done.status, 7, str(done))
        self.assertIn("its name is another event's", done.out.decode())


class Bombs(unittest.TestCase):
    """A few objects that are billions of files."""

    def setUp(self):
        self.repo = HOMES.repository()

    def put(self, kind, body):
        raw = b"%s %d\0" % (kind, len(body)) + body
        oid = hashlib.sha1(raw).hexdigest()
        if not loose(self.repo, oid).exists():
            write(loose(self.repo, oid), zlib.compress(raw, 1))
        return oid

    def tree(self, entries):
        """entries: name to (id, is it a directory)"""
        order = sorted(entries.items(), key=lambda e: e[0] + ("/" if e[1][1] else ""))
        return self.put(b"tree", b"".join((b"40000 " if d else b"100644 ") + n.encode() + b"\0" + bytes.fromhex(o) for n, (o, d) in order))

    def with_tree(self, root, path, oid):
        name, _, rest = path.partition("/")
        entries = {}
        for line in HOMES.git("-C", self.repo, "ls-tree", root).splitlines() if root else ():
            entries[line.split("\t")[1]] = (line.split()[2], line.split()[1] == "tree")
        entries[name] = (self.with_tree(entries.get(name, (None,))[0], rest, oid) if rest else oid, True)
        return self.tree(entries)

    def bomb(self, width, depth, leaf):
        for _ in range(depth):
            leaf = self.tree({f"d{i:04d}": (leaf, True) for i in range(width)})
        return leaf

    def committed(self, path, oid):
        root = HOMES.git("-C", self.repo, "rev-parse", "main^{tree}")
        body = f"tree {self.with_tree(root, path, oid)}\nparent {tip(self.repo)}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n"
        write(self.repo / "refs/heads/main", self.put(b"commit", body.encode()).encode() + b"\n")

    def ends(self, path, oid):
        self.committed(path, oid)
        begin = time.monotonic()
        done = run("verify", self.repo)
        self.assertEqual(done.status, 7, str(done))
        self.assertIn("than the format allows", done.out.decode())
        self.assertLess(time.monotonic() - begin, SECONDS)

    def files(self, content):
        return self.tree({f"f{i:05}": (self.put(b"blob", content), False) for i in range(1000)})

    def test_a_name_that_is_a_file_and_a_directory(self):
        """What is asked for by that name would be one of the two: git fsck refuses such a tree."""
        blob, directory = bytes.fromhex(self.put(b"blob", b"x")), bytes.fromhex(self.tree({}))
        self.committed("zzz", self.put(b"tree", b"100644 a\0" + blob + b"100644 a.b\0" + blob + b"40000 a\0" + directory))
        done = run("verify", self.repo)
        self.assertEqual(done.status, 7)
        self.assertIn("has a name twice", done.out.decode())

    def test_directories_in_directories(self):
        self.ends("zzz", self.bomb(50, 13, self.tree({})))

    def test_directories_of_what_is_derived(self):
        self.ends(f"cases/{HOMES.sample()[2]}/derived", self.bomb(50, 11, self.tree({})))

    def test_files_in_a_bag(self):
        self.ends(f"cases/{HOMES.sample()[2]}/bundles/{HOMES.sample()[1]}/data/z", self.bomb(50, 8, self.files(b"x")))

    def test_files_of_zeros(self):
        self.ends("zzz", self.bomb(50, 3, self.files(bytes(16 << 20))))


if __name__ == "__main__":
    unittest.main(verbosity=1)
