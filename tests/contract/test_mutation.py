"""Each kind of change to a sealed bundle or to its repository is named by verify: status 7 within seconds, and the check that is to say it.

usage: test_mutation.py KANSHIKI
"""
import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import unittest
import zlib

from homes import Homes

HOMES = Homes(sys.argv.pop(1) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "build/kanshiki", "kan-mutation-")
SECONDS = 20
INSPECT, ROWS = "data/engine/inspect.json", "data/filesystem/changes.ndjson"


def edit(path, change):
    path = pathlib.Path(path)
    path.chmod(0o600)
    path.write_bytes(change(path.read_bytes()))


def flip(data, at=None):
    at = len(data) // 2 if at is None else at
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def rejournal(bag):
    """The journal as if it had seen the files that are there: digests, sizes, the chain, the seal line."""
    prev, made = "0" * 64, []
    for line in (bag / "journal.ndjson").read_bytes().splitlines():
        record = json.loads(line)
        record["prev"] = prev
        if record.get("type") == "artefact" and (bag / record["path"]).is_file():
            record["sha256"], record["octets"] = digest(bag / record["path"]), (bag / record["path"]).stat().st_size
        if record.get("type") == "seal":
            record["manifest"] = digest(bag / "manifest-sha256.txt")
            record["octets"] = sum(p.stat().st_size for p in (bag / "data").rglob("*") if p.is_file())
        made.append(json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
        prev = hashlib.sha256(made[-1]).hexdigest()
    edit(bag / "journal.ndjson", lambda old: b"".join(made))


def forged(*steps):
    """Everything rebuilt that needs no key: only the rules of the rows and the signature are left."""
    def mutate(bag):
        for step in steps:
            step(bag)
        rebuild(bag)
        rejournal(bag)
        edit(bag / "bag-info.txt", lambda d: re.sub(rb"Oxum: \d+", b"Oxum: %d" % sum(p.stat().st_size for p in (bag / "data").rglob("*") if p.is_file()), d))
        reseal(bag)
    return mutate


def rebuild(bag):
    """What somebody does who knows the format and has no key: both manifests anew."""
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        edit(bag / name, lambda old: b"".join(digest(bag / line[66:].decode()).encode() + line[64:] + b"\n" for line in old.splitlines()))


def reseal(bag):
    """Only the tag manifest anew: the manifest is what was spoilt."""
    edit(bag / "tagmanifest-sha256.txt", lambda old: b"".join(digest(bag / line[66:].decode()).encode() + line[64:] + b"\n" for line in old.splitlines()))


def hole(path, size=64 << 30):
    pathlib.Path(path).chmod(0o600)
    os.truncate(path, size)


def replaced(path, make):
    path = pathlib.Path(path)
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    make(path)


def elsewhere(bag, name):
    aside = bag.parent / "aside"
    (bag / name).rename(aside)
    (bag / name).symlink_to(aside)


def swap(a, b):
    aside = a.parent / "aside"
    a.rename(aside)
    b.rename(a)
    aside.rename(b)


def lines(change):
    return lambda data: b"".join(change(data.splitlines(keepends=True)))


def sealed(*steps):
    """An edit with all manifests rebuilt: the words of the format and the signature are what is left to tell."""
    def mutate(bag):
        for step in steps:
            step(bag)
        rebuild(bag)
    return mutate


def manifest(change):
    def mutate(bag):
        edit(bag / "manifest-sha256.txt", change)
        reseal(bag)
    return mutate


def journal(change):
    return sealed(lambda bag: edit(bag / "journal.ndjson", lines(change)))


def with_row(row):
    return forged(lambda bag: edit(bag / ROWS, lambda data: data + row + b"\n"))


def sign(bag, namespace="file", key=None):
    """seal/...sig anew by ssh-keygen."""
    target = bag / "seal/tagmanifest-sha256.txt.sig"
    target.unlink()
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", key or HOMES.sample()[0] / "keys/host", "-n", namespace, bag / "tagmanifest-sha256.txt"],
                   check=True, capture_output=True)
    (bag / "tagmanifest-sha256.txt.sig").rename(target)


def add(name, content=b"x"):
    def mutate(bag):
        path = bag / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return mutate


# name: (what is done, the check that fails, what it names)
BAG = {
    "a byte of an artefact is changed": (lambda b: edit(b / INSPECT, flip), "payload", INSPECT),
    "the first byte of an artefact is changed": (lambda b: edit(b / INSPECT, lambda d: flip(d, 0)), "payload", INSPECT),
    "a byte is added to an artefact": (lambda b: edit(b / INSPECT, lambda d: d + b"\n"), "payload", INSPECT),
    "an artefact is cut": (lambda b: edit(b / INSPECT, lambda d: d[:-1]), "payload", INSPECT),
    "an artefact is emptied": (lambda b: edit(b / INSPECT, lambda d: b""), "payload", INSPECT),
    "an artefact becomes a hole of 64 GiB": (lambda b: hole(b / INSPECT), "payload", INSPECT),
    "an artefact is deleted": (lambda b: (b / INSPECT).unlink(), "layout", INSPECT),
    "an artefact is renamed": (lambda b: (b / INSPECT).rename(b / "data/engine/inspected.json"), "layout", INSPECT),
    "an artefact gets another case": (lambda b: (b / INSPECT).rename(b / "data/engine/Inspect.json"), "layout", INSPECT),
    "two artefacts change places": (lambda b: swap(b / INSPECT, b / "data/engine/version.json"), "payload", INSPECT),
    "an artefact becomes a link to itself": (lambda b: elsewhere(b, INSPECT), "layout", INSPECT),
    "an artefact becomes a link to the host": (lambda b: replaced(b / INSPECT, lambda p: p.symlink_to("/etc/passwd")), "layout", INSPECT),
    "a directory becomes a link": (lambda b: elsewhere(b, "data/engine"), "layout", "data/engine"),
    "an artefact becomes a FIFO": (lambda b: replaced(b / INSPECT, os.mkfifo), "layout", INSPECT),
    "an artefact becomes a directory": (lambda b: replaced(b / INSPECT, pathlib.Path.mkdir), "layout", INSPECT),
    "an artefact becomes a socket": (lambda b: replaced(b / INSPECT, lambda p: os.mknod(p, 0o140600)), "layout", INSPECT),
    "a file is added to data": (add("data/engine/extra.json"), "layout", "data/engine/extra.json"),
    "a hidden file is added": (add(".hidden"), "layout", ".hidden"),
    "a tag file is added": (add("fetch.txt"), "layout", "fetch.txt"),
    "a .git directory is added": (add(".git/config"), "layout", ".git"),
    "an empty directory is added": (lambda b: (b / "data/empty").mkdir(), "layout", "data/empty"),
    "bagit.txt is deleted": (lambda b: (b / "bagit.txt").unlink(), "", "bagit.txt"),
    "bag-info.txt is deleted": (lambda b: (b / "bag-info.txt").unlink(), "layout", "bag-info.txt"),
    "capture.json is deleted": (lambda b: (b / "capture.json").unlink(), "layout", "capture.json"),
    "journal.ndjson is deleted": (lambda b: (b / "journal.ndjson").unlink(), "layout", "journal.ndjson"),
    "manifest-sha256.txt is deleted": (lambda b: (b / "manifest-sha256.txt").unlink(), "layout", "manifest-sha256.txt"),
    "README-verify.txt is deleted": (lambda b: (b / "README-verify.txt").unlink(), "layout", "README-verify.txt"),
    "tag manifest and proofs are deleted": (lambda b: ((b / "tagmanifest-sha256.txt").unlink(), shutil.rmtree(b / "seal")), "layout", "tagmanifest"),
    "a byte of a tag file is changed": (lambda b: edit(b / "capture.json", flip), "tagmanifest", "capture.json"),
    "bagit.txt claims another version": (sealed(lambda b: edit(b / "bagit.txt", lambda d: d.replace(b"1.0", b"0.9"))), "bagit", "bagit.txt"),
    "bag-info.txt claims another Oxum": (sealed(lambda b: edit(b / "bag-info.txt", lambda d: re.sub(rb"Oxum: \d", b"Oxum: 9", d))), "baginfo", "bag-info"),
    "bag-info.txt claims another bundle": (sealed(lambda b: edit(b / "bag-info.txt", lambda d: re.sub(rb"(Identifier: .*)-....", rb"\1-0000", d))),
                                           "tagmanifest", "capture.json"),
    "bag-info.txt is folded": (sealed(lambda b: edit(b / "bag-info.txt", lambda d: d.replace(b": ", b":\n  ", 1))), "baginfo", "bag-info.txt"),
    "a line of the manifest is dropped": (manifest(lines(lambda l: l[1:])), "layout", "data/"),
    "a line of the manifest is doubled": (manifest(lines(lambda l: l[:1] + l)), "manifest", "manifest-sha256.txt"),
    "the manifest is not sorted": (manifest(lines(lambda l: l[::-1])), "manifest", "manifest-sha256.txt"),
    "the manifest has CR LF": (manifest(lambda d: d.replace(b"\n", b"\r\n")), "manifest", "manifest-sha256.txt"),
    "the manifest has capitals": (manifest(lambda d: d[:64].upper() + d[64:]), "manifest", "manifest-sha256.txt"),
    "the manifest has one blank": (manifest(lambda d: d.replace(b"  data", b" data", 1)), "manifest", "manifest-sha256.txt"),
    "the manifest leads out": (manifest(lambda d: d + b"0" * 64 + b"  data/../../../etc/passwd\n"), "manifest", "manifest-sha256.txt"),
    "the manifest has an absolute path": (manifest(lambda d: d + b"0" * 64 + b"  /etc/passwd\n"), "manifest", "manifest-sha256.txt"),
    "the manifest has a NUL": (manifest(lambda d: d.replace(b"data/", b"data\0", 1)), "manifest", "manifest-sha256.txt"),
    "the manifest has no last LF": (manifest(lambda d: d[:-1]), "manifest", "manifest-sha256.txt"),
    "the manifest is a hole of 64 GiB": (lambda b: hole(b / "manifest-sha256.txt"), "tagmanifest", "manifest-sha256.txt"),
    "the tag manifest is a hole of 64 GiB": (lambda b: hole(b / "tagmanifest-sha256.txt"), "", "tagmanifest-sha256.txt"),
    "a line of the journal is dropped": (journal(lambda l: l[:3] + l[4:]), "journal", "journal.ndjson"),
    "two lines of the journal change places": (journal(lambda l: l[:3] + [l[4], l[3]] + l[5:]), "journal", "journal.ndjson"),
    "a line of the journal is edited": (journal(lambda l: l[:3] + [l[3].replace(b'"seq"', b'"seq" ')] + l[4:]), "journal", "journal.ndjson"),
    "the journal's end is dropped": (journal(lambda l: l[:-1]), "journal", "journal.ndjson"),
    "a gap is dropped": (sealed(lambda b: edit(b / "gaps.ndjson", lines(lambda l: l[:-1]))), "journal", "gaps.ndjson"),
    "an artefact is edited and everything rebuilt": (forged(lambda b: edit(b / INSPECT, flip)), "signature", ".sig"),
    "a row has a key twice": (with_row(b'{"a":1,"a":2}'), "rows", ROWS),
    "a row is 20 deep": (with_row(b'{"a":' * 20 + b"1" + b"}" * 20), "rows", ROWS),
    "a row is 200,000 deep": (with_row(b'{"a":' * 200000 + b"1" + b"}" * 200000), "rows", ROWS),
    "a row is of 2 MiB": (with_row(b'{"a":"' + b"x" * (2 << 20) + b'"}'), "rows", ROWS),
    "a row has a NUL": (with_row(b'{"a":"\0"}'), "rows", ROWS),
    "a row is no JSON": (with_row(b"<html>"), "rows", ROWS),
    "rows claim another bundle": (forged(lambda b: edit(b / ROWS, lambda d: d.replace(b'"bundle":"2', b'"bundle":"1', 1))), "rows", ROWS),
    "capture.json is 300,000 deep": (sealed(lambda b: edit(b / "capture.json", lambda d: b"[" * 300000)), "tagmanifest", "capture.json"),
    "the signature is of other bytes": (lambda b: edit(b / "seal/tagmanifest-sha256.txt.sig", lambda d: d.replace(d[200:204], d[204:208], 1)), "signature", ".sig"),
    "the signature is for another purpose": (lambda b: sign(b, "git"), "signature", ".sig"),
    "the signature is a hole of 64 GiB": (lambda b: hole(b / "seal/tagmanifest-sha256.txt.sig"), "", ".sig"),
    "the signature becomes a FIFO": (lambda b: replaced(b / "seal/tagmanifest-sha256.txt.sig", os.mkfifo), "layout", ".sig"),
    "seal/ has a stranger's file": (add("seal/notes.txt"), "layout", "seal/notes.txt"),
    "seal/ has a thousand proofs": (lambda b: [add(f"seal/{n:06}-dispose.json")(b) for n in range(1000)], "layout", "seal"),
}


class Repo:
    """Edits of a repository as somebody makes them who has git, and for some the host's key, too."""

    def __init__(self, path):
        self.path = path
        self.index = path.parent / "index"

    def git(self, *argv, **more):
        return HOMES.git(*argv, cwd=self.path, GIT_INDEX_FILE=str(self.index), **more)

    def __truediv__(self, name):
        return self.path / name

    def blob(self, content):
        aside = self.path.parent / "content"
        aside.write_bytes(content)
        return self.git("hash-object", "-w", aside)

    def tree(self, changes, of="main"):
        """The tree of a commit with changes: path to (mode, content), to a mode and an id, or to None."""
        self.git("read-tree", of)
        for path, to in changes.items():
            if to is None:
                self.git("rm", "-q", "--cached", path)
            else:
                mode, content = to
                ident = content if isinstance(content, str) else self.blob(content)
                self.git("update-index", "--add", "--cacheinfo", f"{mode},{ident},{path}")
        return self.git("write-tree")

    def commit(self, tree, *parents, message="kanshiki: note", signed=False, **more):
        flags = [f for p in parents for f in ("-p", p)]
        signing = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={HOMES.sample()[0]}/keys/host"] if signed else []
        return HOMES.git(*signing, "commit-tree", *(["-S"] if signed else []), tree, *flags, "-m", message, cwd=self.path, **more)

    def move(self, commit):
        self.git("update-ref", "refs/heads/main", commit)

    def grow(self, changes, **more):
        self.move(self.commit(self.tree(changes), "main", **more))

    def show(self, path, of="main"):
        return subprocess.run(["git", "-c", "safe.directory=*", "cat-file", "blob", f"{of}:{path}"], cwd=self.path, check=True, capture_output=True,
                              env=HOMES.environment).stdout

    @property
    def case(self):
        return f"cases/{HOMES.sample()[2]}"

    @property
    def bag(self):
        return f"{self.case}/bundles/{HOMES.sample()[1]}"

    def loose(self, what):
        ident = self.git("rev-parse", what)
        return self.path / "objects" / ident[:2] / ident[2:]

    def artefact(self):
        return lfs_of(self, self.bag, INSPECT)


def ref(name, to="main"):
    def mutate(r):
        path = r / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(r.git("rev-parse", to) + "\n")
    return mutate


def plant(name, content=b"x\n"):
    def mutate(r):
        path = r / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return mutate


def inflated(path, change):
    """A loose object with other content under its old name."""
    path.chmod(0o600)
    path.write_bytes(zlib.compress(change(zlib.decompress(path.read_bytes()))))


def amended(r):
    parent = r.git("rev-parse", "main^")
    r.move(r.commit(r.git("rev-parse", "main^{tree}"), parent, message=r.git("log", "-1", "--format=%B", "main")))


def redated(r):
    raw = subprocess.run(["git", "-c", "safe.directory=*", "cat-file", "commit", "main"], cwd=r.path, check=True, capture_output=True,
                         env=HOMES.environment).stdout
    new = re.sub(rb"> \d+ ", b"> 1700000000 ", raw)
    aside = r.path.parent / "raw"
    aside.write_bytes(new)
    r.move(r.git("hash-object", "-w", "-t", "commit", aside))


def rebased(skip):
    """The chain of commits without one of them, each signed again with the host's key."""
    def mutate(r):
        ids = r.git("rev-list", "--reverse", "main").split()
        parent = None
        for n, ident in enumerate(ids):
            if n == skip:
                continue
            parent = r.commit(r.git("rev-parse", ident + "^{tree}"), *([parent] if parent else []), signed=True,
                              message=r.git("log", "-1", "--format=%B", ident))
        r.move(parent)
    return mutate


def events_swapped(r):
    names = [line.split("\t")[1] for line in r.git("ls-tree", "-r", "main", "--", f"{r.case}/events").splitlines()]
    one, two = r.show(names[1]), r.show(names[2])
    r.grow({names[1]: ("100644", two), names[2]: ("100644", one)}, signed=True)


def event_added(change):
    """A further event, as the format wants it but for the change; signed with the host's key."""
    def mutate(r):
        names = sorted(line.split("\t")[1] for line in r.git("ls-tree", "-r", "main", "--", f"{r.case}/events").splitlines())
        last = r.show(names[-1])
        event = json.loads(last)
        event["seq"] += 1
        event["prev"] = hashlib.sha256(last).hexdigest()
        text = (json.dumps(event, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()
        text = change(text)
        sha = hashlib.sha256(text).hexdigest()
        message = f"kanshiki: note {HOMES.sample()[2]} -\n\nKanshiki-Event: {event['seq']}\nKanshiki-Event-SHA256: {sha}\n"
        r.grow({f"{r.case}/events/{event['seq']:06}-note.json": ("100644", text)}, signed=True, message=message)
    return mutate


REPOSITORY = {
    "a byte of a commit is changed": (lambda r: edit(r.loose("main"), flip), "objects", ""),
    "a byte of a blob is changed": (lambda r: edit(r.loose(f"main:{r.bag}/capture.json"), flip), "objects", "capture.json"),
    "a blob has other content": (lambda r: inflated(r.loose(f"main:{r.bag}/gaps.ndjson"), lambda d: d.replace(b'"', b"'", 1)), "objects", "gaps.ndjson"),
    "a blob is cut": (lambda r: edit(r.loose(f"main:{r.bag}/capture.json"), lambda d: d[:-9]), "objects", "capture.json"),
    "a blob is deleted": (lambda r: r.loose(f"main:{r.bag}/capture.json").unlink(), "objects", "capture.json"),
    "a tree is deleted": (lambda r: r.loose(f"main:{r.case}/events").unlink(), "objects", "events"),
    "the first commit is deleted": (lambda r: r.loose("main~2").unlink(), "objects", ""),
    "a commit is a bomb": (lambda r: inflated(r.loose("main"), lambda d: b"commit 17179869184\0" + b"\0" * (1 << 20)), "objects", ""),
    "an object becomes a link": (lambda r: replaced(r.loose("main^"), lambda p: p.symlink_to("/etc/passwd")), "repo", "objects/"),
    "an object becomes a FIFO": (lambda r: replaced(r.loose("main^"), os.mkfifo), "repo", "objects/"),
    "an artefact is changed": (lambda r: edit(r.artefact(), flip), "store", "data/"),
    "an artefact is cut": (lambda r: edit(r.artefact(), lambda d: d[:-1]), "store", "data/"),
    "an artefact is grown": (lambda r: edit(r.artefact(), lambda d: d + b"x"), "store", "data/"),
    "an artefact becomes a hole of 64 GiB": (lambda r: hole(r.artefact()), "store", "data/"),
    "an artefact is deleted": (lambda r: r.artefact().unlink(), "store", "data/"),
    "an artefact becomes a link": (lambda r: replaced(r.artefact(), lambda p: p.symlink_to("/etc/passwd")), "repo", "lfs/objects"),
    "a report is changed": (lambda r: edit(lfs_of(r, f"{r.case}/derived", "report.html"), flip), "store", "derived/"),
    "the tip is amended": (amended, "events", ""),
    "the tip is dated back": (redated, "commits", ""),
    "a merge": (lambda r: r.move(r.commit(r.git("rev-parse", "main^{tree}"), "main", "main^")), "history", ""),
    "a second root": (lambda r: r.move(r.commit(r.git("rev-parse", "main^{tree}"), signed=True)), "history", ""),
    "a commit without an event": (lambda r: r.move(r.commit(r.git("rev-parse", "main^{tree}"), "main", signed=True)), "history", ""),
    "the first event is left out": (rebased(0), "history", ""),
    "an event in the middle is left out": (rebased(1), "history", ""),
    "two events change places": (events_swapped, "history", "events/"),
    "an event has a key twice": (event_added(lambda t: t.replace(b'{\n "', b'{\n "schema": "x",\n "', 1)), "events", "-note.json"),
    "an event is not in the one form": (event_added(lambda t: t.replace(b'": ', b'" : ', 1)), "events", "-note.json"),
    "an event has a foreign prev": (event_added(lambda t: re.sub(rb'"prev": "....', b'"prev": "0000', t)), "events", "-note.json"),
    "an event has a hole before it": (event_added(lambda t: re.sub(rb'"seq": (\d+)', lambda m: b'"seq": %d' % (int(m[1]) + 1), t)), "events", "-note.json"),
    "an event of 300,000 levels": (event_added(lambda t: b"[" * 300000), "events", "-note.json"),
    "an event says that somebody else acted": (event_added(lambda t: t.replace(b"a@example.org", b"b@example.org")), "signers", "-note.json"),
    "an event names another key": (event_added(lambda t: re.sub(rb"SHA256:....", b"SHA256:AAAA", t)), "signers", "-note.json"),
    "a file of the bag is changed by a commit": (lambda r: r.grow({f"{r.bag}/gaps.ndjson": ("100644", b"{}\n")}, signed=True), "history", "gaps.ndjson"),
    "a file of the bag is removed by a commit": (lambda r: r.grow({f"{r.bag}/gaps.ndjson": None}, signed=True), "history", "gaps.ndjson"),
    "a file is added to the bag by a commit": (lambda r: r.grow({f"{r.bag}/x.txt": ("100644", b"x")}, signed=True), "pointers", "x.txt"),
    "a pointer is changed": (lambda r: r.grow({f"{r.bag}/{INSPECT}": ("100644", b"version https://git-lfs.github.com/spec/v1\n")}), "pointers", INSPECT),
    "content instead of a pointer": (lambda r: r.grow({f"{r.bag}/{INSPECT}": ("100644", b"{}\n" * 99)}), "pointers", INSPECT),
    "a pointer to another artefact": (lambda r: r.grow({f"{r.bag}/{INSPECT}": ("100644", r.show(f"{r.bag}/data/engine/version.json"))}), "pointers", INSPECT),
    "a file becomes executable": (lambda r: r.grow({f"{r.bag}/gaps.ndjson": ("100755", r.show(f"{r.bag}/gaps.ndjson"))}), "objects", ""),
    "a file becomes a link": (lambda r: r.grow({f"{r.bag}/gaps.ndjson": ("120000", b"/etc/passwd")}), "objects", ""),
    "a submodule is added": (lambda r: r.grow({f"{r.case}/sub": ("160000", r.git("rev-parse", "main"))}), "objects", ""),
    ".gitattributes is changed": (lambda r: r.grow({".gitattributes": ("100644", b"* filter=x\n")}), "pointers", ".gitattributes"),
    ".lfsconfig is committed": (lambda r: r.grow({".lfsconfig": ("100644", b"[lfs]\nfetchexclude = *\n")}), "repo", ".lfsconfig"),
    ".gitmodules is committed": (lambda r: r.grow({".gitmodules": ("100644", b"[submodule]\n")}), "history", ""),
    "a second branch": (ref("refs/heads/other"), "repo", "refs/heads/other"),
    "a tag": (ref("refs/tags/v1"), "repo", "refs/tags/v1"),
    "a second branch, packed": (lambda r: (ref("refs/heads/other")(r), r.git("pack-refs", "--all")), "repo", "other"),
    "a replaced commit": (lambda r: ref("refs/replace/" + r.git("rev-parse", "main"), "main^")(r), "repo", "refs/replace"),
    "grafts": (plant("info/grafts"), "repo", "info/grafts"),
    "shallow": (lambda r: plant("shallow", r.git("rev-parse", "main").encode() + b"\n")(r), "repo", "shallow"),
    "alternates": (plant("objects/info/alternates", b"/tmp\n"), "repo", "alternates"),
    "alternates of http": (plant("objects/info/http-alternates", b"http://127.0.0.1/\n"), "repo", "alternates"),
    "commondir": (plant("commondir", b"/tmp\n"), "repo", "commondir"),
    "HEAD is an id": (lambda r: (r / "HEAD").write_text(r.git("rev-parse", "main") + "\n"), "repo", "HEAD"),
    "HEAD is a hole of 64 GiB": (lambda r: hole(r / "HEAD"), "repo", "HEAD"),
    "packed-refs is a hole of 64 GiB": (lambda r: ((r / "packed-refs").touch(), hole(r / "packed-refs")), "repo", "packed-refs"),
    "main is no id": (lambda r: (r / "refs/heads/main").write_text("ref: HEAD\n"), "repo", "refs/heads/main"),
    "main is gone": (lambda r: (r / "refs/heads/main").unlink(), "repo", "refs/heads/main"),
    "main becomes a link": (lambda r: replaced(r / "refs/heads/main", lambda p: p.symlink_to("/etc/hostname")), "repo", "refs/heads/main"),
    "the object directory becomes a link": (lambda r: elsewhere(r.path, "objects"), "repo", "objects"),
}


def lfs_of(r, below, name):
    path = next(line.split("\t")[1] for line in r.git("ls-tree", "-r", "main", "--", below).splitlines() if line.endswith(name))
    oid = re.search(rb"sha256:(\w+)", r.show(path))[1].decode()
    return r / "lfs/objects" / oid[:2] / oid[2:4] / oid


class Mutations(unittest.TestCase):
    def names(self, target, check, what):
        began = time.monotonic()
        done = HOMES.kanshiki("--json", "verify", target, seconds=SECONDS + 10)
        self.assertLess(time.monotonic() - began, SECONDS)
        self.assertEqual(done.status, 7, str(done)[:3000])
        document = done.json
        self.assertEqual((document["result"], document["exit"]), ("tampered", 7))
        failed = [c for c in document["checks"] if c["result"] == "failed"]
        told = [c for c in failed if c["name"].startswith(check) and what in c["path"] + c["detail"]]
        self.assertTrue(told, f"{check} {what!r} is not among {json.dumps(failed, indent=1)[:3000]}")
        self.assertTrue(all(c["third_party"] for c in failed), failed)
        # The words for people say it, too, with nothing in them that a terminal obeys.
        plain = HOMES.kanshiki("verify", target, seconds=SECONDS + 10)
        self.assertEqual(plain.status, 7)
        self.assertEqual([b for b in plain.out if b < 32 and b != 10], [])

    def test_what_is_untouched_verifies(self):
        for target in (HOMES.bag(), HOMES.repository(), HOMES.home()):
            self.assertEqual(HOMES.kanshiki("verify", target).status, 0)

    def test_every_kind_of_change_to_a_bundle_is_named(self):
        self.assertGreater(len(BAG), 40)
        for name, (mutate, check, what) in BAG.items():
            with self.subTest(name):
                bag = HOMES.bag()
                mutate(bag)
                self.names(bag, check, what)
                shutil.rmtree(bag.parent)

    def test_every_kind_of_change_to_a_repository_is_named(self):
        self.assertGreater(len(REPOSITORY), 40)
        for name, (mutate, check, what) in REPOSITORY.items():
            with self.subTest(name):
                repo = Repo(HOMES.repository())
                mutate(repo)
                self.names(repo.path, check, what)
                shutil.rmtree(repo.path.parent)

    def test_somebody_with_the_key_can_make_everything_anew_and_only_what_is_outside_shows_it(self):
        repo, bag, seal = Repo(HOMES.repository()), HOMES.bag(), HOMES.sample()[3]
        before = repo.git("rev-parse", "main")
        aside = repo.path.parent / "remote.git"
        shutil.copytree(repo.path, aside)
        repo.move("main^")
        done = HOMES.kanshiki("--json", "verify", repo.path)
        self.assertEqual(done.status, 0, str(done))
        anchors = [c for c in done.json["checks"] if c["name"] == "anchors"]
        self.assertEqual([c["result"] for c in anchors], ["not-done"])
        self.assertIn("could have rebuilt everything", anchors[0]["detail"])
        done = HOMES.kanshiki("--json", "verify", "--remote", aside, repo.path)
        self.assertEqual(done.status, 7)
        self.assertIn(before, done.out.decode())
        edit(bag / INSPECT, flip)
        edit(bag / "journal.ndjson", lambda d: d)
        rebuild(bag)
        sign(bag)
        self.assertEqual(HOMES.kanshiki("verify", "--seal", seal, bag).status, 7)

    def test_nothing_of_a_received_configuration_is_read_or_run(self):
        repo = Repo(HOMES.repository())
        mark, script = repo.path.parent / "ran", repo.path.parent / "evil"
        script.write_text(f"#!/bin/sh\ntouch {mark}\n")
        script.chmod(0o755)
        with open(repo / "config", "a") as config:
            config.write(f"[core]\n\tfsmonitor = {script}\n\tsshCommand = {script}\n\thooksPath = {repo.path.parent}\n[gpg \"ssh\"]\n\tprogram = {script}\n"
                         f"[filter \"lfs\"]\n\tsmudge = {script}\n\tprocess = {script}\n[include]\n\tpath = /dev/zero\n[lfs]\n\tfetchexclude = *\n")
        for hook in ("post-checkout", "reference-transaction", "pre-receive"):
            plant(f"hooks/{hook}", f"#!/bin/sh\ntouch {mark}\n".encode())(repo)
            (repo / "hooks" / hook).chmod(0o755)
        self.assertEqual(HOMES.kanshiki("verify", repo.path).status, 0)
        self.assertFalse(mark.exists())

    def test_a_signature_by_a_key_that_nobody_vouches_for_is_not_known(self):
        bag, keys = HOMES.bag(), HOMES.new("keys-")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / "k"], check=True)
        sign(bag, key=keys / "k")
        allowed = keys / "allowed"
        host = (HOMES.sample()[0] / "keys/host.pub").read_text()
        allowed.write_text(f"kanshiki@host {host}")
        done = HOMES.kanshiki("--json", "verify", "--allowed-signers", allowed, "--require", "known-signer", bag)
        self.assertEqual(done.status, 5, str(done))
        self.assertEqual(len(base64.b64decode(host.split()[1])), 51)


if __name__ == "__main__":
    unittest.main(verbosity=2)
