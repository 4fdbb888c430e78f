"""capture --root against data roots made by hand: a whole bundle without an engine, and never a byte from outside the root.

usage: test_offline.py KANSHIKI
"""
import ctypes
import gzip
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tarfile
import tempfile
import unittest

import check_bundle
import formats
import rows
from dataroot import ID, LOG, DataRoot, sha256

TOP = pathlib.Path(__file__).resolve().parents[2]
KANSHIKI = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else TOP / "build/kanshiki"
MAX_SECONDS = 120
NOBODY = 65534
CANARY = b"canary-of-the-host-77c0"
VOLUME = {"/data": {"Type": "volume", "Name": "v", "Driver": "local", "RW": True, "Source": ""}}
scratch = tempfile.TemporaryDirectory(prefix="kan-offline-")
WORK = pathlib.Path(scratch.name)


def kanshiki(*argv, **more):
    done = subprocess.run([str(KANSHIKI), *map(str, argv)], stdin=subprocess.DEVNULL, capture_output=True, timeout=MAX_SECONDS,
                          check=False, env={"PATH": os.environ["PATH"], "HOME": str(WORK)}, **more)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def new_root():
    return DataRoot(tempfile.mkdtemp(prefix="root-", dir=WORK))


def never_listed(directory):
    """Who opens that directory waits for an answer that does not come: the descriptor of the mark."""
    libc = ctypes.CDLL(None, use_errno=True)
    content, add, open_perm, on_dir, here = 0x5, 0x1, 0x10000, 0x40000000, -100
    notes = libc.fanotify_init(content, os.O_RDONLY)
    if notes < 0 or libc.fanotify_mark(notes, add, ctypes.c_uint64(open_perm | on_dir), here, os.fsencode(directory)) < 0:
        raise OSError(ctypes.get_errno(), "fanotify")
    return notes


class Bundle:
    def __init__(self, document):
        self.document, self.path = document, pathlib.Path(document["bundle"])

    def rows(self, name):
        lines = (self.path / "data" / name).read_bytes().splitlines()
        return [json.loads(line) for line in lines[1:]]

    def octets(self, name):
        return (self.path / "data" / name).read_bytes()

    def has(self, name):
        return (self.path / "data" / name).exists()

    def members(self, name):
        with tarfile.open(self.path / "data" / name) as tar:
            return {m.name: tar.extractfile(m).read() for m in tar if m.isreg()}

    def statuses(self):
        return {c["name"]: c["status"] for c in self.document["collectors"]}

    def gaps(self):
        return {(g["collector"], g["what"]): g["code"] for g in self.document["gaps"] if g["code"] != "not-applicable"}


class Stuck(unittest.TestCase):
    """A directory that nobody may list, before anything is known of the container."""

    def started(self, *flags):
        root = new_root()
        root.container()
        notes = never_listed(root.path / "containers")
        self.addCleanup(os.close, notes)
        argv = [str(KANSHIKI), "--home", str(WORK / "stuck"), "--json", "capture", "--root", str(root.path), *flags, "web"]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env={"PATH": os.environ["PATH"], "HOME": str(WORK)})
        self.addCleanup(process.kill)
        self.assertTrue(select.select([notes], [], [], MAX_SECONDS)[0], "it did not get there")
        return process

    def ended(self, process, status):
        out, err = process.communicate(timeout=20)
        self.assertEqual((process.returncode, json.loads(out)["exit"]), (status, status), err)
        self.assertIn(b"nothing was written", err)
        self.assertFalse((WORK / "stuck").exists())

    def test_an_interrupt_ends_it(self):
        process = self.started()
        process.send_signal(signal.SIGINT)
        self.ended(process, 130)

    def test_the_time_limit_ends_it(self):
        self.ended(self.started("--timeout", "1"), 124)


def changed(root):
    """One file of each word, and one in the volume."""
    (root.base() / "etc").mkdir()
    (root.base() / "etc/passwd").write_text("old")
    (root.base() / "etc/gone").write_text("gone")
    (root.upper() / "etc").mkdir()
    (root.upper() / "etc/passwd").write_text("new!")
    os.mknod(root.upper() / "etc/gone", 0o020600, os.makedev(0, 0))
    (root.upper() / "evil").write_bytes(b"evil")
    (root.volume("v") / "file").write_bytes(b"in the volume")


class Capturing(unittest.TestCase):
    """Whose data root it is makes no difference: the bundle is whole, and no byte of the host is in it."""

    def capture(self, root, *flags, name="web", status=0):
        home = pathlib.Path(tempfile.mkdtemp(prefix="home-", dir=WORK))
        got, out, err = kanshiki("--home", home, "--json", "capture", "--operator", "A <a@example.org>", "--root", root.path, *flags, name)
        self.assertEqual(got, status, err + out.decode(errors="replace"))
        if not out:
            return None
        self.assertEqual(rows.document_faults(out, "kanshiki.capture/1"), [])
        document = json.loads(out)
        if "bundle" not in document:
            return None
        self.assertEqual(check_bundle.check_bundle(document["bundle"])[0], [])
        report = pathlib.Path(document["report"]["json"]).read_bytes()
        self.assertEqual(rows.document_faults(report, "kanshiki.report/1"), [])
        self.report = json.loads(report)
        self.assert_no_canary(home)
        return Bundle(document)

    def assert_no_canary(self, home):
        for path in home.rglob("*"):
            if path.is_file() and not path.is_symlink():
                self.assertNotIn(CANARY, path.read_bytes(), path)


class Offline(Capturing):
    def test_a_whole_bundle_with_what_files_can_tell(self):
        root = new_root()
        directory = root.container(MountPoints=VOLUME)
        changed(root)
        before = root.snapshot()
        bundle = self.capture(root)
        self.assertEqual(root.snapshot(), before)
        self.assertEqual(bundle.document["depth"], "offline")
        self.assertEqual(bundle.statuses(), {"host": "not-applicable", "engine": "ok", "processes": "not-applicable", "network": "not-applicable",
                                             "mounts": "ok", "filesystem": "ok", "logs": "ok", "posture": "not-applicable",
                                             "engine-after": "not-applicable", "image": "ok"})
        changes = {r["path"]: r["change"] for r in bundle.rows("filesystem/changes.ndjson") if r["change"] not in ("parent", "identical")}
        self.assertEqual(changes, {"/etc/passwd": "changed", "/etc/gone": "deleted", "/evil": "added"})
        self.assertEqual(bundle.members("filesystem/upper.tar")["evil"], b"evil")
        self.assertEqual(bundle.members("mounts/content.tar"), {"1/file": b"in the volume"})
        self.assertEqual(bundle.octets("engine/config.v2.json"), (directory / "config.v2.json").read_bytes())
        self.assertEqual(bundle.octets("engine/hostconfig.json"), (directory / "hostconfig.json").read_bytes())
        self.assertEqual(kanshiki("compare", bundle.path, "--max-bytes", "9")[0], 2, "it is about a reference")
        self.assertEqual(bundle.octets("logs/json-file/0.log"), LOG)
        self.assertEqual([r["proof"] for r in bundle.rows("image/layers.ndjson")], ["chain", "chain"])
        self.assertFalse(bundle.document["freeze"]["paused_by_us"])

    def test_the_report_says_offline_and_what_cannot_be_seen(self):
        root = new_root()
        root.container()
        bundle = self.capture(root)
        self.assertEqual(self.report["record"]["depth"], "offline")
        self.assertEqual(self.report["container"]["state"], "exited")
        self.assertEqual(self.report["reach"]["privileged"], False)
        unseen = " ".join(n["why"] for n in self.report["not_seen"])
        self.assertIn("a data root has none of them", unseen)
        text = pathlib.Path(bundle.document["report"]["md"]).read_text()
        self.assertIn("offline, from a data root", text)
        self.assertNotIn("not paused", text)
        page = pathlib.Path(bundle.document["report"]["html"]).read_text()
        self.assertIn("processes, sockets and memory cannot be seen", page)

    def reported(self, bundle, *flags, kinds="html,md,json,stix,navigator,sarif", status=0):
        out = pathlib.Path(tempfile.mkdtemp(prefix="report-", dir=WORK))
        got, _, err = kanshiki("report", "--format", kinds, "-o", out, *flags, bundle.path)
        self.assertEqual(got, status, err)
        return {path.name: path.read_bytes() for path in out.iterdir()}

    def test_a_label_is_on_top_of_every_format_that_has_a_place_for_it(self):
        root = new_root()
        root.container()
        changed(root)
        (root.upper() / "etc/ld.so.preload").write_text("/evil\n")
        bundle = self.capture(root)
        marks = {"RED": "e828b379-4e03-4974-9ac4-e53a884c97c1", "AMBER+STRICT": "939a9414-2ddd-4d32-a0cd-375ea402b003",
                 "AMBER": "55d920b0-5e8b-4f79-9ee9-91f868d9b421", "GREEN": "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
                 "CLEAR": "94868c89-83c2-464b-929b-a1a8aa3c8487"}
        for word, mark in marks.items():
            with self.subTest(word):
                label = f"TLP:{word}"
                made = self.reported(bundle, "--tlp", word)
                self.assertEqual(made, self.reported(bundle, "--tlp", word))
                self.assertEqual(rows.document_faults(made["report.json"], "kanshiki.report/1"), [])
                self.assertEqual(json.loads(made["report.json"])["tlp"], label)
                self.assertTrue(made["report.md"].lstrip(b"`").startswith(label.encode()), made["report.md"][:60])
                self.assertEqual(made["report.html"].count(f">{label}<".encode()), 2)
                self.assertIn({"name": "TLP", "value": label}, json.loads(made["navigator.json"])["metadata"])
                self.assertEqual(json.loads(made["posture.sarif"])["runs"][0]["properties"], {"tlp": label})
                objects = formats.stix(made["stix.json"])
                self.assertGreater(len(objects), 2)
                for one in objects:
                    if one["type"] != "marking-definition":
                        self.assertEqual(one["object_marking_refs"], [f"marking-definition--{mark}"])
        plain = self.reported(bundle)
        self.assertNotIn(b"TLP", b"".join(plain.values()))
        self.assertEqual(kanshiki("report", "--tlp", "WHITE", "-o", WORK, bundle.path)[0], 2)

    def test_show_prints_each_finding_as_the_report_has_it_with_path_row_and_digest(self):
        root = new_root()
        root.container()
        changed(root)
        (root.upper() / "etc/ld.so.preload").write_text("/evil\n")
        bundle = self.capture(root)
        self.assertGreater(len(self.report["findings"]), 0)
        for number, finding in enumerate(self.report["findings"], 1):
            for asked in (f"#{number}", finding["id"]):
                status, out, err = kanshiki("show", "-b", bundle.path, asked)
                self.assertEqual(status, 0, err)
                self.assertIn(finding["rule"], out.decode())
                self.assertNotIn("(null)", out.decode())
                for e in finding["evidence"]:
                    row = f" row {e['row']}" if "row" in e else ""
                    digest = f" sha256 {e['sha256']}" if "sha256" in e else ""
                    self.assertIn(f"evidence  {e['artefact']}{row}{digest}\n", out.decode())
        self.assertEqual(kanshiki("show", "-b", bundle.path, "#999")[0], 3)

    def test_show_takes_the_rules_that_the_report_was_made_with(self):
        root = new_root()
        root.container()
        changed(root)
        bundle = self.capture(root)
        own = pathlib.Path(tempfile.mkdtemp(prefix="rules-", dir=WORK))
        document = json.loads((TOP / "rules/persist/account-file.json").read_text())
        document["id"] = "own.rule"
        (own / "own.json").write_text(json.dumps(document))
        made = json.loads(self.reported(bundle, "--rules", own, kinds="json")["report.json"])
        self.assertIn("own.rule", [f["rule"] for f in made["findings"]])
        status, out, err = kanshiki("show", "-b", bundle.path, "--rules", own, next(f["id"] for f in made["findings"] if f["rule"] == "own.rule"))
        self.assertEqual(status, 0, err)
        self.assertIn("own.rule", out.decode())

    def test_a_state_that_says_running_pauses_nothing_and_reads_no_process(self):
        root = new_root()
        root.container(State={"Running": True, "Paused": True, "Pid": os.getpid(), "StartedAt": "2026-11-20T10:00:01.5Z"})
        bundle = self.capture(root)
        self.assertEqual(bundle.statuses()["processes"], "not-applicable")
        self.assertEqual({r["frozen"] for r in bundle.rows("filesystem/changes.ndjson")}, {False})
        self.assertNotIn("found_paused", json.loads((bundle.path / "capture.json").read_bytes())["freeze"])

    def test_by_name_id_and_prefix_and_not_by_less(self):
        root = new_root()
        root.container()
        root.container("a1" * 5 + "ff" * 27, "other")
        self.assertEqual(self.capture(root, name="web").document["container"]["id"], ID)
        self.assertEqual(self.capture(root, name=ID).document["container"]["id"], ID)
        self.assertEqual(self.capture(root, name=ID[:63]).document["container"]["id"], ID)
        self.capture(root, name="a1a1", status=2)
        self.capture(root, name="nobody", status=3)

    def test_rotated_packed_and_missing_logs(self):
        root = new_root()
        directory = root.container()
        log = directory / f"{ID}-json.log"
        packed = gzip.compress(b"second\n")
        (directory / f"{log.name}.1").write_bytes(b"first\n")
        (directory / f"{log.name}.2.gz").write_bytes(packed)
        (directory / f"{log.name}.4.gz").write_bytes(packed)
        log.write_bytes(LOG + b"torn")
        bundle = self.capture(root, status=5)
        found = {(r["n"], r["packed"]): r for r in bundle.rows("logs/files.ndjson")}
        self.assertEqual(set(found), {(0, False), (1, False), (2, True), (4, True)})
        self.assertEqual(bundle.octets("logs/json-file/1.log"), b"first\n")
        self.assertEqual(bundle.octets("logs/json-file/2.log.gz"), packed)
        self.assertEqual((found[0, False]["tail_partial"], found[1, False]["tail_partial"]), (True, False))
        self.assertEqual(found[4, True]["sha256"], sha256(packed))
        self.assertEqual(bundle.gaps(), {("logs", "json-file/3.log"): "vanished"})

    def test_a_log_over_a_gibibyte_keeps_both_ends_and_tells_the_hole(self):
        root = new_root()
        log = root.container() / f"{ID}-json.log"
        size = (1 << 30) + (5 << 20)
        with open(log, "wb") as stream:
            stream.write(b"begin")
            stream.truncate(size)
            stream.seek(size - 4)
            stream.write(b"end\n")
        home = pathlib.Path(tempfile.mkdtemp(prefix="home-", dir=WORK))
        status, out, err = kanshiki("--home", home, "--json", "capture", "--root", root.path, "--no-commit", "--only", "logs", "web")
        self.assertEqual(status, 5, err)
        doc = json.loads(out)
        gap, = doc["gaps"]
        self.assertEqual((gap["collector"], gap["what"], gap["code"], gap["why"]),
                         ("logs", "json-file/0.log", "limit", f"seen {size}, kept {1 << 30}, limit {1 << 30}"))
        bundle = Bundle(doc)
        row, = bundle.rows("logs/files.ndjson")
        self.assertEqual((row["size"], row["kept"], row["hole_at"], row["hole"]), (size, 1 << 30, 64 << 20, 5 << 20))
        with open(bundle.path / "data/logs/json-file/0.log", "rb") as stream:
            self.assertEqual(stream.read(5), b"begin")
            stream.seek(-4, 2)
            self.assertEqual((stream.read(), stream.tell()), (b"end\n", 1 << 30))
        self.assertIn("json-file/0.log", pathlib.Path(doc["report"]["md"]).read_text().split("Not seen")[1])
        (bundle.path / "data/logs/json-file/0.log").unlink()

    def test_the_local_driver_and_a_driver_that_sends_elsewhere(self):
        root = new_root()
        logs = root.container(log_driver="local", LogPath="") / "local-logs"
        logs.mkdir()
        frames = b"\0\0\0\x05hello\0\0\0\x05"
        (logs / "container.log").write_bytes(frames)
        (logs / "container.log.1.gz").write_bytes(gzip.compress(frames))
        other = "b2" * 32
        (root.container(other, "sends", log_driver="syslog", LogPath="") / "container-cached.log").write_bytes(b"cached")
        root.container("c3" * 32, "none", log_driver="none", LogPath="")
        bundle = self.capture(root)
        self.assertEqual([(r["n"], r["dir"], r["packed"], r["tail_partial"]) for r in bundle.rows("logs/files.ndjson")],
                         [(0, "local", False, False), (1, "local", True, False)])
        self.assertEqual(bundle.octets("logs/local/0.log"), frames)
        self.assertEqual(self.capture(root, name="sends").octets("logs/cached/0.log"), b"cached")
        self.assertEqual(self.capture(root, name="none", status=5).gaps(), {("logs", "none"): "unsupported"})

    def test_a_container_never_started_has_no_log_and_no_gap(self):
        root = new_root()
        (root.container(LogPath="", State={"StartedAt": "0001-01-01T00:00:00Z"}) / f"{ID}-json.log").unlink()
        bundle = self.capture(root)
        self.assertEqual(bundle.statuses()["logs"], "not-applicable")

    def test_binds_tmpfs_and_foreign_volumes_are_listed_and_not_read(self):
        secret = pathlib.Path(tempfile.mkdtemp(prefix="bind-", dir=WORK))
        (secret / "file").write_bytes(CANARY)
        root = new_root()
        root.container(MountPoints={
            "/bind": {"Type": "bind", "Source": str(secret), "RW": True}, "/tmp": {"Type": "tmpfs"},
            "/nfs": {"Type": "volume", "Name": "far", "Driver": "local"}, "/plugin": {"Type": "volume", "Name": "p", "Driver": "rexray"},
            "/up": {"Type": "volume", "Name": "../../" + secret.name, "Driver": "local"}, **VOLUME})
        root.volume("v")
        root.volume("far")
        (root.path / "volumes/far/opts.json").write_text('{"MountType":"nfs","MountDevice":":/export","MountOpts":"addr=x"}')
        bundle = self.capture(root)
        copied = {r["point"]: (r["copied"], r.get("why", "")) for r in bundle.rows("mounts/named.ndjson")}
        self.assertEqual({p for p, (yes, _) in copied.items() if yes}, {"/data"})
        self.assertEqual(list(copied), sorted(copied), "the order in which the engine lists them is chance")
        self.assertIn("not in the data root", copied["/bind"][1])
        self.assertIn("gone", copied["/tmp"][1])
        self.assertIn("mounted from elsewhere", copied["/nfs"][1])
        self.assertIn("not in the data root", copied["/up"][1])

    def test_links_in_place_of_every_file_lead_to_no_byte_of_the_host(self):
        outside = pathlib.Path(tempfile.mkdtemp(prefix="host-", dir=WORK))
        (outside / "file").write_bytes(CANARY)
        (outside / "_data").mkdir()
        (outside / "_data/file").write_bytes(CANARY)
        root = new_root()
        directory = root.container(MountPoints=VOLUME)
        os.symlink(outside, root.path / "volumes/v")
        os.symlink(outside / "file", root.upper() / "link")
        os.symlink("../../../../../../../../../../" + str(outside / "file"), root.base() / "up")
        log = directory / f"{ID}-json.log"
        log.unlink()
        log.symlink_to(outside / "file")
        os.symlink(outside / "file", directory / f"{log.name}.1")
        (directory / "hostconfig.json").unlink()
        (directory / "hostconfig.json").symlink_to(outside / "file")
        bundle = self.capture(root, status=5)
        gaps = bundle.gaps()
        self.assertIn(("mounts", "/data"), gaps)
        self.assertIn(("logs", "json-file/0.log"), gaps)
        self.assertEqual(gaps["logs", "json-file/1.log"], "contradicted")
        self.assertIn(("engine", "hostconfig.json"), gaps)
        link, = [r for r in bundle.rows("filesystem/changes.ndjson") if r["name"] == "link"]
        self.assertEqual((link["type"], link["link"]), ("symlink", str(outside / "file")))

    def test_layers_that_are_links_are_not_entered(self):
        outside = pathlib.Path(tempfile.mkdtemp(prefix="host-", dir=WORK))
        (outside / "file").write_bytes(CANARY)
        for what in ("upper", "lower", "short"):
            with self.subTest(what):
                root = new_root()
                root.container()
                if what == "short":
                    short = root.path / f"overlay2/l/I{ID[:12]}"
                    short.unlink()
                    short.symlink_to(outside)
                else:
                    diff = root.upper() if what == "upper" else root.base()
                    diff.rmdir()
                    diff.symlink_to(outside)
                bundle = self.capture(root, status=5)
                self.assertEqual(bundle.gaps()["filesystem", "filesystem"], "unsupported")

    @unittest.skipUnless(os.geteuid() == 0, "a whiteout is a device")
    def test_a_layer_that_is_gone_costs_the_words_and_nothing_that_the_container_changed(self):
        for what in ("layer", "short", "list"):
            with self.subTest(what):
                root = new_root()
                root.container()
                (root.upper() / "evil").write_bytes(b"evil")
                (root.upper() / "etc").mkdir()
                os.mknod(root.upper() / "etc/gone", 0o020600, os.makedev(0, 0))
                os.setxattr(root.upper() / "etc", "trusted.overlay.opaque", b"y")
                lost = {"layer": root.base(), "short": root.path / "overlay2/l/BASE", "list": root.upper().parent / "lower"}[what]
                lost.rmdir() if what == "layer" else lost.unlink()
                bundle = self.capture(root, status=5)
                found = {r["path"]: r for r in bundle.rows("filesystem/changes.ndjson")}
                self.assertEqual({p: r["type"] for p, r in found.items()}, {"/": "dir", "/etc": "dir", "/etc/gone": "chr", "/evil": "file"})
                self.assertEqual([p for p, r in found.items() if {"change", "planted", "below"} & set(r)], [])
                self.assertEqual(found["/etc"]["opaque"], "y")
                self.assertEqual((found["/evil"]["sha256"], found["/evil"]["stored"]), (sha256(b"evil"), "upper.tar"))
                self.assertEqual(bundle.members("filesystem/upper.tar")["evil"], b"evil")
                gap, = [g for g in bundle.document["gaps"] if g["collector"] == "filesystem"]
                self.assertEqual((gap["what"], gap["code"]), ("changes.ndjson", "vanished"))
                self.assertIn("/BASE" if what == "short" else lost.parent.name, gap["why"])
                claims = {c["claim"]: c["verdict"] for c in json.loads((bundle.path / "capture.json").read_bytes())["target"]["claims"]}
                self.assertEqual((claims["overlay"], claims["lower directories"]), ("proven", "unproven"))
                self.assertEqual(bundle.gaps()["image", "baseline.ndjson"], "vanished")
                status, out, err = kanshiki("--json", "compare", bundle.path)
                self.assertEqual(status, 5, err)
                self.assertIn(b"no layer of the image was there to compare with", out)

    def test_pipes_in_place_of_files_do_not_hold_it_up(self):
        root = new_root()
        directory = root.container(MountPoints=VOLUME)
        image = root.path / "image/overlay2"
        for path in (image / "layerdb/mounts" / ID / "parent", image / "imagedb/content/sha256" / root.image.removeprefix("sha256:"),
                     directory / "hostconfig.json", directory / f"{ID}-json.log", image / "layerdb/mounts" / ID / "mount-id"):
            path.unlink()
            os.mkfifo(path)
        bundle = self.capture(root, status=5)
        self.assertIn(("filesystem", "filesystem"), bundle.gaps())
        self.assertIn(("image", "config.json"), bundle.gaps())

    def test_a_word_of_layerdb_with_a_nul_is_not_read_as_a_shorter_one(self):
        for name in ("cache-id", "diff"):
            root = new_root()
            root.container()
            word, = (root.path / "image/overlay2/layerdb/sha256").glob(f"*/{name}")
            word.write_bytes(word.read_bytes() + b"\0evil")
            bundle = self.capture(root, status=5)
            self.assertIn("image", {collector for collector, _ in bundle.gaps()})
            self.assertTrue(any("has a NUL in it" in gap["why"] for gap in bundle.document["gaps"]), bundle.document["gaps"])

    def test_a_damaged_config_is_kept_and_the_rest_is_taken_by_id(self):
        for damage in (b"", b"{", b"\xff\xfe", b"[]", b'{"ID":"%s"}' % (b"0" * 64)):
            with self.subTest(damage):
                root = new_root()
                (root.container() / "config.v2.json").write_bytes(damage)
                (root.upper() / "evil").write_bytes(b"evil")
                bundle = self.capture(root, name=ID[:12], status=5)
                self.assertEqual(bundle.octets("engine/config.v2.json"), damage)
                self.assertEqual(bundle.octets("logs/json-file/0.log"), LOG)
                self.assertEqual([r["change"] for r in bundle.rows("filesystem/changes.ndjson") if r["name"] == "evil"], ["added"])
                claims = json.loads((bundle.path / "capture.json").read_bytes())["target"]["claims"]
                self.assertEqual([c["verdict"] for c in claims if c["claim"] == "config"], ["unproven"])

    def test_another_storage_driver_is_a_gap_and_logs_and_volumes_are_taken(self):
        root = new_root()
        root.container(Driver="vfs", MountPoints=VOLUME)
        (root.volume("v") / "file").write_bytes(b"v")
        bundle = self.capture(root, status=5)
        self.assertEqual(bundle.gaps()["filesystem", "filesystem"], "unsupported")
        self.assertEqual(bundle.octets("logs/json-file/0.log"), LOG)
        self.assertEqual(bundle.members("mounts/content.tar"), {"1/file": b"v"})

    def test_images_in_containerds_store_elsewhere_are_a_gap(self):
        root = new_root()
        root.container(Driver="overlayfs")
        bundle = self.capture(root, status=5)
        self.assertEqual(bundle.gaps()["filesystem", "filesystem"], "unsupported")
        self.assertEqual(bundle.statuses()["filesystem"], "failed")
        self.assertEqual(bundle.octets("logs/json-file/0.log"), LOG)

    def test_a_root_that_is_a_link_is_refused_and_one_behind_a_link_is_said(self):
        root, place = new_root(), pathlib.Path(tempfile.mkdtemp(prefix="disk-", dir=WORK))
        root.container()
        (place / "docker").symlink_to(root.path)
        (place / "lib").symlink_to(root.path.parent)
        for name in (place / "docker", f"{place}/docker/", f"{place}/docker/./"):
            for command in (("capture", "--root", name, "web"), ("ls", "--root", name)):
                status, _, err = kanshiki(*command)
                self.assertEqual(status, 8, err)
                self.assertIn("symbolic link", err)
        behind = place / "lib" / root.path.name
        self.assertIn("symbolic link on the way", kanshiki("ls", "--root", behind)[2])
        home = pathlib.Path(tempfile.mkdtemp(prefix="home-", dir=WORK))
        status, out, err = kanshiki("--home", home, "--json", "capture", "--root", behind, "web")
        self.assertEqual(status, 0, err)
        self.assertIn(f"through a symbolic link to {root.path.resolve()}", err)
        claims = json.loads((Bundle(json.loads(out)).path / "capture.json").read_bytes())["target"]["claims"]
        self.assertIn(("data root", str(root.path.resolve())), [(c["claim"], c["value"]) for c in claims])

    def test_two_containers_of_one_name_are_ambiguous(self):
        root, other = new_root(), "b2" * 32
        root.container()
        root.container(other)
        status, _, err = kanshiki("capture", "--root", root.path, "web")
        self.assertEqual(status, 2, err)
        self.assertIn(ID[:12], err)
        self.assertIn(other[:12], err)
        self.assertEqual(self.capture(root, name=other).document["container"]["id"], other)

    def test_a_name_that_is_not_found_tells_how_many_configs_cannot_be_read(self):
        root = new_root()
        (root.container() / "config.v2.json").write_text("{")
        status, _, err = kanshiki("capture", "--root", root.path, "web")
        self.assertEqual(status, 3, err)
        self.assertIn("1 whose config cannot be read", err)

    def test_mounts_that_cannot_be_told_are_a_gap(self):
        for damage in ([1], 7, None):
            with self.subTest(damage):
                root = new_root()
                directory = root.container(MountPoints=damage)
                if damage is None:
                    (directory / "config.v2.json").write_text("{")
                self.assertEqual(self.capture(root, name=ID, status=5).gaps()["mounts", "named.ndjson"], "malformed")
        root = new_root()
        root.container(MountPoints={"/odd": 7, **VOLUME})
        (root.volume("v") / "file").write_bytes(b"v")
        bundle = self.capture(root, status=5)
        self.assertEqual(bundle.gaps(), {("mounts", "/odd"): "malformed"})
        self.assertEqual({r["point"]: r["copied"] for r in bundle.rows("mounts/named.ndjson")}, {"/odd": False, "/data": True})

    def test_a_volume_whose_options_cannot_be_read_is_not_taken_for_one_without(self):
        for damage in ("{", None):
            with self.subTest(damage):
                root = new_root()
                root.container(MountPoints=VOLUME)
                (root.volume("v") / "file").write_bytes(b"v")
                options = root.path / "volumes/v/opts.json"
                options.symlink_to("/etc/passwd") if damage is None else options.write_text(damage)
                bundle = self.capture(root, status=5)
                self.assertEqual(list(bundle.gaps()), [("mounts", "/data")])
                self.assertEqual([r["copied"] for r in bundle.rows("mounts/named.ndjson")], [False])

    @unittest.skipUnless(os.geteuid() == 0, "something is mounted")
    def test_what_is_mounted_on_a_volume_is_not_its_content(self):
        root, secret = new_root(), pathlib.Path(tempfile.mkdtemp(prefix="secret-", dir=WORK))
        (secret / "file").write_bytes(CANARY)
        root.container(MountPoints=VOLUME)
        data, home = root.volume("v"), pathlib.Path(tempfile.mkdtemp(prefix="home-", dir=WORK))
        argv = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', secret, data, KANSHIKI, "--home", home, "--json",
                "capture", "--root", root.path, "web"]
        done = subprocess.run(list(map(str, argv)), stdin=subprocess.DEVNULL, capture_output=True, timeout=MAX_SECONDS, check=False)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertEqual(Bundle(json.loads(done.stdout)).gaps(), {("mounts", "/data"): "unsupported"})
        self.assert_no_canary(home)

    @unittest.skipUnless(os.geteuid() == 0, "attributes of the overlay are root's")
    def test_overlay_words_of_the_kind_that_is_not_in_force_are_a_gap(self):
        for owner, word in ((0, "user"), (NOBODY, "trusted")):
            with self.subTest(word):
                root = new_root()
                root.container()
                os.chown(root.path / "overlay2", owner, owner)
                (root.upper() / "d").mkdir()
                force = {"user": "trusted", "trusted": "user"}[word]
                os.setxattr(root.upper() / "d", f"{force}.overlay.opaque", b"y")
                bundle = self.capture(root)
                claims = json.loads((bundle.path / "capture.json").read_bytes())["target"]["claims"]
                self.assertIn(("overlay attributes", f"{force}.overlay."), [(c["claim"], c["value"]) for c in claims])
                os.setxattr(root.upper() / "d", f"{word}.overlay.opaque", b"y")
                self.assertEqual(self.capture(root, status=5).gaps(), {("filesystem", "overlay attributes"): "contradicted"})

    def test_a_place_inside_the_data_root_is_refused_before_anything_is_written(self):
        root = new_root()
        root.container()
        before = root.snapshot()
        status, _, err = kanshiki("--home", root.path / "home", "capture", "--root", root.path, "web")
        self.assertEqual(status, 8, err)
        self.assertEqual(root.snapshot(), before)

    @unittest.skipUnless(os.geteuid() == 0, "root becomes somebody else")
    def test_without_root_it_says_that_attributes_of_the_overlay_are_not_seen(self):
        with tempfile.TemporaryDirectory(prefix="kan-nobody-") as place:
            root = DataRoot(pathlib.Path(place) / "root")
            root.container()
            for path in (pathlib.Path(place), *pathlib.Path(place).rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
            status, out, err = kanshiki("--home", f"{place}/home", "--json", "capture", "--root", root.path, "web", user=NOBODY, group=NOBODY,
                                        extra_groups=[])
            self.assertEqual(status, 5, err)
            bundle = Bundle(json.loads(out))
            self.assertEqual(bundle.gaps(), {("filesystem", "overlay attributes"): "denied"})
            self.assertEqual(bundle.octets("logs/json-file/0.log"), LOG)

    def test_what_has_no_meaning_beside_it_is_a_usage_error(self):
        root = new_root()
        root.container()
        for flags in (("--then", "pause"), ("--memory", "writable"), ("--freeze", "full"), ("--depth", "api"), ("-H", "unix:///x")):
            status, _, err = kanshiki("capture", "--root", root.path, *flags, "web")
            self.assertEqual(status, 2, err)
            self.assertIn("no meaning beside it", err)


if __name__ == "__main__":
    unittest.main(verbosity=0)
