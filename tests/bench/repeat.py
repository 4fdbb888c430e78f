"""REPEAT: a request that was done before, in a home of one bundle and of a thousand."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

import custody
import measure

LIMIT_MS, BUNDLES, CONTAINERS, PER_CASE, FILES = 50, 1000, 20, 4, 40


def sha(data):
    return hashlib.sha256(data).hexdigest()


class Bag:
    """A small sealed bundle, made by hand: what a capture takes is not what is measured here."""

    def __init__(self, top, number):
        self.container = sha(b"container %d" % (number % CONTAINERS))
        self.case = f"inc-{number // PER_CASE}"
        day, second = 1 + number // 86400, number % 86400
        self.name = f"202611{day:02}t{second // 3600:02}{second // 60 % 60:02}{second % 60:02}z-{self.container[:12]}-{number & 0xffff:04x}"
        self.place, self.octets, self.lines = pathlib.Path(top) / self.name, 0, {}
        for i in range(FILES):
            self.put(f"data/part{i % 5}/file{i}.json", b"bundle %d file %d\n" % (number, i) * 20, self.lines)
        self.seal()

    def put(self, path, data, lines):
        (self.place / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.place / path).write_bytes(data)
        (self.place / path).chmod(0o400)
        lines[path] = sha(data)
        self.octets += len(data)

    def seal(self):
        def listed(lines):
            return "".join(f"{digest}  {path}\n" for path, digest in sorted(lines.items())).encode()

        manifest, oxum, tags = listed(self.lines), f"{self.octets}.{FILES}", {}
        self.put("bag-info.txt", self.info(oxum), tags)
        self.put("bagit.txt", b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", tags)
        self.put("README-verify.txt", b"sha256sum -c\n", tags)
        self.put("capture.json", (json.dumps({"bundle": self.name, "case": self.case, "schema": "kanshiki.acquisition/1",
                                              "status": "complete"}, indent=1) + "\n").encode(), tags)
        self.put("gaps.ndjson", self.line({"schema": "kanshiki.gaps/1", "bundle": self.name, "collector": "conductor"}), tags)
        self.put("journal.ndjson", self.journal(sha(manifest), oxum), tags)
        self.put("manifest-sha256.txt", manifest, tags)
        self.put("tagmanifest-sha256.txt", listed(tags), {})

    def info(self, oxum):
        return (f"Bagging-Date: 2026-11-22\nBag-Software-Agent: kanshiki 0.1.0 (unknown)\nPayload-Oxum: {oxum}\n"
                f"External-Identifier: {self.name}\nKanshiki-Format: kanshiki-bag/1\nKanshiki-Case: {self.case}\n"
                f"Kanshiki-Host: web-03\nKanshiki-Container: {self.container}\nKanshiki-Gaps: 0\nKanshiki-Status: complete\n").encode()

    @staticmethod
    def line(row):
        return (json.dumps(row, separators=(",", ":")) + "\n").encode()

    def journal(self, manifest, oxum):
        start = self.line({"schema": "kanshiki.journal/1", "bundle": self.name, "collector": "conductor", "seq": 1, "prev": "0" * 64,
                           "t_ns": 1795325592000000000, "boot_ns": 1, "type": "start"})
        octets, files = map(int, oxum.split("."))
        return start + self.line({"seq": 2, "prev": sha(start), "t_ns": 1795325593000000000, "boot_ns": 2, "type": "seal", "manifest": manifest,
                                  "octets": octets, "files": files, "gaps": 0, "status": "complete"})


def filled(bench, top, count):
    """A home of so many bundles, with an event of each capture and of its reports; and the time it took."""
    place = pathlib.Path(bench.work) / f"home{count}"
    files, bags, home = place / "files", place / "bags", place / "home"
    files.mkdir(parents=True)
    (files / "report.md").write_text("report\n")
    names = "".join(f"{Bag(bags, i).place}\n" for i in range(count))
    program = custody.c_program(bench, top, "home")
    subprocess.run([program, str(home), str(files)], input=names, text=True, check=True)
    shutil.rmtree(bags)
    return home


def repeat(bench, top):
    for count in (1, BUNDLES):
        home = filled(bench, top, count)
        for what, request, hints in (("newest", count - 1, True), ("oldest", 0, True), ("oldest, no hint", 0, False)):
            if not hints:
                shutil.rmtree(home / "requests")
            ours = measure.Side("kanshiki", [bench.binary, "--home", str(home), "capture", "web", "--request-id", f"request-{request}"])
            for _ in range(max(5, bench.options.rounds)):
                ours.run(bench.engine.env, lambda: 0)
            bench.add_limit("REPEAT", f"{count} bundles, {what}", [t * 1e3 for t in ours.wall], LIMIT_MS, hints)
        shutil.rmtree(home.parent)
