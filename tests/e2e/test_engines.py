"""The same truth on every engine: what was planted is what is found, and what an engine cannot give is told.

KAN_ENGINE says which engine runs: docker20, docker26, docker28 (images in containerd's store, cgroup v2) or podman4. Those
but the first have a root of their own: the paths that they name mean nothing on the host.
"""
import json
import os
import pathlib
import time
import unittest

import test_offline
import world
from test_logs import frames
from world import KIND, docker, sha256, value

PODMAN = KIND == "podman4"
CONTAINERD = KIND == "docker28"
OUT, ERR = "a line of standard output", "a line of standard error"
# A command as the engine runs it: the log's both streams, then the image's own service.
COMMAND = ("sh", "-c", f"echo {OUT}; echo {ERR} >&2; exec /usr/local/bin/shopd")


@world.once
def image():
    """A small one, in layers; engines other than the usual one have no other."""
    if KIND != "docker20":
        return world.IMAGE
    world.engine()
    world.sh(world.IMAGE_SH, world.engine().directory, "small:1", env=dict(os.environ, KAN_IMAGE_BASE="busybox"))
    return "small:1"


def inside(name, script):
    return docker("exec", name, "sh", "-c", script)


class Planted:
    """A container with one change of each kind, made through the engine or through the container's own root."""

    def __init__(self, name):
        self.name = name
        world.remove(name)
        docker("volume", "rm", "-f", f"{name}-volume", check=False)
        docker("run", "-d", "--name", name, "-v", f"{name}-volume:/data", *(("--log-driver", "k8s-file") if PODMAN else ()), image(), *COMMAND)
        self.info = world.inspect(name)
        self.id, self.pid = self.info["Id"], self.info["State"]["Pid"]
        self.root = pathlib.Path(f"/proc/{self.pid}/root")
        world.wait_until(self.listens, 20, "the service listens")
        # Docker 28 tells the neighbours of a new container, through a packet socket in its namespace.
        world.wait_until(self.announced, 20, "the engine has told the neighbours")
        self.plant()

    def listens(self):
        return any(line.split()[3] == "0A" and line.split()[1].endswith(":1F90")
                   for line in pathlib.Path(f"/proc/{self.pid}/net/tcp").read_text().splitlines()[1:])

    def announced(self):
        return len(pathlib.Path(f"/proc/{self.pid}/net/packet").read_text().splitlines()) == 1

    def plant(self):
        inside(self.name, "echo more >>/etc/passwd")
        # Same size, and the old mtime put back: no engine's own comparison sees this one.
        inside(self.name, "f=/usr/bin/id; touch -r $f /tmp/ref; n=$(stat -c %s $f); "
                          "printf X | dd of=$f bs=1 seek=$((n - 1)) conv=notrunc 2>/dev/null; touch -r /tmp/ref $f; rm /tmp/ref")
        inside(self.name, "rm /var/log/dpkg.log; echo new >/tmp/new; chmod 700 /srv/shop")
        inside(self.name, "chmod 600 /etc/group; chmod 644 /etc/group")
        inside(self.name, "rm -r /usr/share/doc/busybox; mkdir /usr/share/doc/busybox; echo x >/usr/share/doc/busybox/new")
        inside(self.name, "cp /etc/shop/shop.conf /tmp/c; echo y >>/tmp/c; mv /tmp/c /etc/shop/shop.conf")
        os.setxattr(self.root / "srv/shop/index.html", "user.note", b"planted")
        inside(self.name, "echo kept >/data/kept")
        docker("exec", "-d", self.name, "sleep", "100000")
        world.wait_until(self.execd, 20, "what was exec'd runs")

    def execd(self):
        """The pid of the process that was exec'd into it."""
        for path in pathlib.Path("/proc").glob("[0-9]*/cgroup"):
            if self.id in safe_read(path) and safe_read(path.with_name("cmdline")) == "sleep\x00100000\x00":
                return int(path.parent.name)
        return None

    def digest(self, path):
        return world.sha256_file(self.root / path.lstrip("/"))


class Taken(Planted):
    def __init__(self, name):
        super().__init__(name)
        self.digests = {p: self.digest(p) for p in ("/etc/passwd", "/usr/bin/id", "/tmp/new", "/etc/shop/shop.conf")}
        self.engine_diff = docker("diff", name).splitlines()
        self.home = world.new_directory("home")
        self.result = world.capture(name, home=self.home)
        self.bundle = world.Bundle(self.result.json["bundle"]) if self.result.out else None


@world.once
def taken():
    return Taken("e-web")


def claims(document):
    return {c["claim"]: c for c in document["target"]["claims"]}


class Engines(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.taken = taken()
        self.bundle = self.taken.bundle
        self.assertIsNotNone(self.bundle, str(self.taken.result))

    def changes(self):
        return {value(r, "path").decode(): r for r in self.bundle.rows("filesystem/changes.ndjson")}

    # --- is the image what it claims to be

    def test_an_untouched_image_is_verified_on_every_rung(self):
        done = world.capture(self.taken.name, "--verify-image", "--only", "image", "--no-report", home=self.taken.home)
        rows = world.Bundle(done.json["bundle"]).rows("image/integrity.ndjson")
        self.assertEqual([r for r in rows if r["about"] == "path" or r["result"] == "damaged"], [])
        self.assertEqual({(r["rung"], r["result"]) for r in rows}, {(2, "verified"), (3, "verified"), (4, "verified")}, str(done))
        self.assertEqual(done.status, 0, str(done))

    # --- who it is

    def test_the_capture_is_complete_and_says_so_with_status_0(self):
        self.assertEqual((self.taken.result.status, self.bundle.gaps()), (0, []), str(self.taken.result))
        document = self.taken.result.json
        self.assertEqual((document["status"], document["depth"], document["container"]["id"]), ("complete", "host", self.taken.id))

    def test_the_bundle_verifies(self):
        self.assertEqual(world.verify(self.bundle.path).status, 0)

    def test_every_claim_of_the_engine_is_proven_below_the_root_of_its_own_process(self):
        found = claims(self.bundle.json("capture.json"))
        for claim in ("engine", "data root", "State.Pid", "overlay"):
            self.assertEqual(found[claim]["verdict"], "proven", found)
        name = "podman" if PODMAN else "dockerd"
        self.assertTrue(found["engine"]["proof"].endswith(f"/{name}"), found["engine"])
        if KIND != "docker20":
            self.assertFalse(os.path.exists(found["data root"]["value"]), "this path exists on the host, too")

    def test_the_engine_is_the_one_that_this_run_is_about(self):
        version = json.loads((self.bundle / "data/engine/version.json").read_bytes())
        wanted = {"docker20": "20.10.", "docker26": "26.1.", "docker28": "28.5.", "podman4": "4.3."}[KIND]
        self.assertTrue(version["Version"].startswith(wanted), version["Version"])
        info = json.loads((self.bundle / "data/engine/info.json").read_bytes())
        driver = {"docker28": "overlayfs", "podman4": "overlay"}.get(KIND, "overlay2")
        self.assertEqual(info["Driver"], driver)
        self.assertEqual("io.containerd.snapshotter.v1" in json.dumps(info.get("DriverStatus")), CONTAINERD)
        self.assertEqual(info["CgroupVersion"], "2" if CONTAINERD or os.environ.get("KAN_E2E_CGROUP") == "2" else "1")

    # --- what it changed

    def test_each_planted_change_is_a_row_with_its_word_and_digest(self):
        rows = self.changes()
        wanted = {"/etc/passwd": "changed", "/usr/bin/id": "changed", "/etc/shop/shop.conf": "changed", "/tmp/new": "added",
                  "/var/log/dpkg.log": "deleted", "/srv/shop": "metadata", "/srv/shop/index.html": "metadata",
                  "/etc/group": "identical", "/usr/share/doc/busybox/README": "deleted", "/usr/share/doc/busybox/new": "added"}
        self.assertEqual({p: rows[p]["change"] for p in wanted}, wanted)
        for path, digest in self.taken.digests.items():
            self.assertEqual(rows[path]["sha256"], digest, path)
        self.assertEqual({r["source"] for r in rows.values()}, {"upper"})

    def test_nothing_else_is_called_added_changed_metadata_or_deleted(self):
        words = ("added", "changed", "metadata", "deleted")
        found = {p for p, r in self.changes().items() if r["change"] in words}
        self.assertEqual(found, {"/etc/passwd", "/usr/bin/id", "/etc/shop/shop.conf", "/tmp/new", "/var/log/dpkg.log", "/srv/shop",
                                 "/srv/shop/index.html", "/usr/share/doc/busybox", "/usr/share/doc/busybox/README",
                                 "/usr/share/doc/busybox/new"})
        self.assertEqual((self.changes()["/usr/share/doc/busybox"]["change"], self.changes()["/usr/share/doc/busybox"]["opaque"]),
                         ("metadata", "y"))

    def test_what_differs_is_said_of_metadata(self):
        rows = self.changes()
        self.assertEqual(rows["/srv/shop"]["differs"], ["mode"])
        self.assertEqual(rows["/srv/shop/index.html"]["differs"], ["xattrs"])
        self.assertIn(("user.note", "planted"), [(x["name"], x["value"]) for x in rows["/srv/shop/index.html"]["xattrs"]])

    def test_a_same_size_edit_with_its_mtime_put_back_is_found(self):
        row = self.changes()["/usr/bin/id"]
        self.assertEqual((row["size"], row["mtime_ns"]), (row["below"]["size"], row["below"]["mtime_ns"]))
        self.assertNotEqual(row["sha256"], row["below"]["sha256"])
        # Podman's list has all of the upper directory; Docker's compares sizes and times.
        self.assertEqual("C /usr/bin/id" in self.taken.engine_diff, PODMAN)

    def test_how_a_change_came_about_is_told_by_its_origin(self):
        rows = self.changes()
        self.assertIn("origin_ino", rows["/etc/passwd"])
        self.assertEqual(rows["/etc/passwd"]["origin_ino"], rows["/etc/passwd"]["below"]["ino"])
        self.assertNotIn("origin_ino", rows["/etc/shop/shop.conf"])
        how = {c["path"]: c.get("how") for c in self.report()["changes"]["rows"] if "path" in c}
        self.assertEqual((how["/etc/passwd"], how["/etc/shop/shop.conf"]), ("edited", "replaced"))

    def report(self):
        found = sorted((self.taken.home / "reports").rglob("report.json"))
        self.assertTrue(found, "no report")
        return json.loads(found[-1].read_bytes())

    # --- the image

    def test_the_layers_are_those_of_the_image_with_their_proof(self):
        rows = self.bundle.rows("image/layers.ndjson")
        layers = sorted((r for r in rows if not r["init"]), key=lambda r: r["n"])
        wanted = json.loads(docker("image", "inspect", image()))[0]["RootFS"]["Layers"]
        self.assertEqual([r["diff_id"] for r in layers], wanted)
        self.assertEqual({r["proof"] for r in layers}, {"chain"})
        # Podman has none; the builder of Docker 28 leaves one below what each of the two RUN made.
        self.assertEqual(len([r for r in rows if r["init"]]), {"podman4": 0, "docker28": 3}.get(KIND, 1))

    def test_the_images_config_is_kept_raw_and_leads_to_those_layers(self):
        config = json.loads((self.bundle / "data/image/config.json").read_bytes())
        self.assertEqual(config["rootfs"]["diff_ids"], json.loads(docker("image", "inspect", image()))[0]["RootFS"]["Layers"])

    def test_the_baseline_has_the_files_of_the_image_with_their_digests(self):
        rows = {(r["layer"], value(r, "path")): r for r in self.bundle.rows("image/baseline.ndjson")}
        busybox = [r for (layer, path), r in rows.items() if path == b"/bin/busybox"]
        self.assertEqual([r["sha256"] for r in busybox], [self.taken.digest("/bin/busybox")])
        ghosts = [value(r, "path") for r in self.bundle.rows("image/ghosts.ndjson")]
        self.assertIn(b"/srv/shop/deploy.key", ghosts)

    # --- what runs

    def test_every_process_is_a_row_and_no_other_process_is(self):
        rows = [r for r in self.bundle.rows("processes/processes.ndjson") if not r.get("neighbour")]
        members = {int(p.parent.name) for p in pathlib.Path("/proc").glob("[0-9]*/cgroup") if self.taken.id in safe_read(p)}
        self.assertEqual({r["pid"] for r in rows}, members)
        self.assertIn(self.taken.pid, members)

    def test_what_was_execd_is_told_from_what_the_init_started(self):
        row = next(r for r in self.report()["processes"]["rows"] if r["argv"][0] == "sleep")
        self.assertEqual((row["pid"], row["ancestor"]), (self.taken.execd(), "exec"))

    def test_who_started_the_init_is_recorded_up_to_the_hosts_first_process(self):
        rows = self.bundle.rows("processes/ancestry.ndjson")
        shim = int(pathlib.Path(f"/proc/{self.taken.pid}/stat").read_text().rsplit(")")[-1].split()[1])
        self.assertEqual(pathlib.Path(f"/proc/{shim}/comm").read_text().strip(), "conmon" if PODMAN else "containerd-shim")
        self.assertIn(shim, [r["pid"] for r in rows])

    def test_a_named_volume_is_told_from_a_bind_and_copied(self):
        mount = next(r for r in self.bundle.rows("mounts/mounts.ndjson") if value(r, "point") == b"/data")
        self.assertEqual((mount["class"], mount["copied"]), ("volume", True), mount)
        files = {value(r, "path"): r["sha256"] for r in self.bundle.rows("mounts/files.ndjson")
                 if r["mnt_id"] == mount["id"] and "sha256" in r}
        self.assertEqual(files[b"/kept"], sha256(b"kept\n"))

    def test_the_listening_socket_is_a_row_with_its_owner(self):
        found = [s for s in self.bundle.rows("network/sockets.ndjson") if s.get("state") == "LISTEN" and s.get("lport") == 8080]
        self.assertEqual([[pid for pid, _ in s["owners"]] for s in found], [[self.taken.pid]])

    def test_the_container_was_paused_by_the_kernels_word_and_runs_again(self):
        freeze = self.taken.result.json["freeze"]
        self.assertTrue(freeze["paused_by_us"])
        self.assertGreater(freeze["ms"], 0)
        rows = self.bundle.rows("processes/processes.ndjson")
        self.assertEqual({r["frozen"] for r in rows}, {True})
        self.assertFalse(world.is_paused(self.taken.id))
        self.assertEqual(world.inspect("e-web")["State"]["Status"], "running")

    # --- what it printed, and what the engine says

    def test_the_log_has_both_streams_byte_for_byte(self):
        driver = "k8s-file" if PODMAN else "json-file"
        kept = (self.bundle / f"data/logs/{driver}/0.log").read_text()
        lines = kept.splitlines()
        if PODMAN:
            self.assertIn(f" stdout F {OUT}", "".join(l[l.index(" "):] + "\n" for l in lines))
            self.assertIn(f" stderr F {ERR}", "".join(l[l.index(" "):] + "\n" for l in lines))
        else:
            streams = {(d["stream"], d["log"].strip()) for d in map(json.loads, lines)}
            self.assertLessEqual({("stdout", OUT), ("stderr", ERR)}, streams)
        row = next(r for r in self.bundle.rows("logs/files.ndjson") if r["n"] == 0)
        self.assertEqual((row["dir"], row["kept"], row["sha256"]), (driver, len(kept), sha256(kept.encode())))

    def test_the_engine_alone_tells_what_was_changed_with_its_content_and_the_log_with_both_streams(self):
        done = world.capture(self.taken.name, "--depth", "api", "--no-report", home=self.taken.home)
        # Podman's list calls a directory deleted that was taken away and made anew: its export has it, and that is told.
        told = [("changed", "/usr/share/doc/busybox")] if PODMAN else []
        self.assertEqual((done.status, done.json["depth"]), (5 if PODMAN else 0, "api-only"), str(done))
        bundle = world.Bundle(done.json["bundle"])
        self.assertEqual([(g["code"], g["what"]) for g in bundle.gaps()], told)
        rows = {value(r, "path").decode(): r for r in bundle.rows("filesystem/changes.ndjson")}
        wanted = {"/etc/passwd": "changed", "/etc/shop/shop.conf": "changed", "/tmp/new": "added", "/var/log/dpkg.log": "deleted"}
        self.assertEqual({p: rows[p]["change"] for p in wanted}, wanted)
        for path in ("/etc/passwd", "/tmp/new", "/etc/shop/shop.conf"):
            self.assertEqual((rows[path]["sha256"], rows[path]["stored"]), (self.taken.digests[path], "upper.tar"), path)
        self.assertEqual({r["source"] for r in rows.values()}, {"export"})
        self.assertNotIn("/data/kept", rows)
        said = {(stream, line.partition(b" ")[2].strip().decode()) for stream, line in frames((bundle / "data/logs/api.stream").read_bytes())}
        self.assertLessEqual({(1, OUT), (2, ERR)}, said)

    def test_the_engines_own_list_lacks_what_docker_cannot_see_and_has_nothing_that_we_lack(self):
        compared = next(c for c in self.report()["contradictions"] if c["id"] == "engine-changes")
        self.assertTrue(compared["assessed"], compared)
        hidden = [] if PODMAN else ["/srv/shop/index.html", "/usr/bin/id"]
        self.assertEqual(sorted(r["what"] for r in compared["rows"]), hidden)
        self.assertEqual({r["other"] for r in compared["rows"]}, {"not in the engine's list"} if hidden else set())
        self.assertEqual(self.taken.result.json["changes"]["hidden_from_engine"], len(hidden))

    def test_every_other_comparison_with_the_engine_was_made_and_found_nothing(self):
        others = [c for c in self.report()["contradictions"] if c["id"] != "engine-changes"]
        # On overlay2 Docker names no digest of an image that was built here.
        none = set() if PODMAN or KIND == "docker28" else {"image-digests"}
        self.assertEqual([(c["id"], c["assessed"], c["count"]) for c in others], [(c["id"], c["id"] not in none, 0) for c in others])
        files = next(c["sides"][1] for c in others if c["id"] == "engine-files")
        self.assertEqual(files, f"data/engine/{'store-containers.json' if PODMAN else 'config.v2.json'}")

    def test_hosts_hostname_and_resolv_conf_are_the_engines_too(self):
        for name in ("hosts", "hostname", "resolv.conf"):
            seen = (self.taken.root / "etc" / name).read_bytes()
            self.assertEqual((self.bundle / f"data/network/{name}").read_bytes(), seen)
            self.assertEqual((self.bundle / f"data/network/engine-{name}").read_bytes(), seen)


def safe_read(path):
    try:
        return path.read_text()
    except OSError:
        return ""


class Stopped(unittest.TestCase):
    """A container that has ended: its layers out of the engine's own files."""

    def test_its_changes_are_found_in_the_engines_own_files(self):
        name = "e-gone"
        world.remove(name)
        docker("run", "--name", name, image(), "sh", "-c", "echo left >/root/left; rm /var/log/dpkg.log; echo said")
        world.wait_until(lambda: world.inspect(name)["State"]["Status"] == "exited", 20, "exited")
        done = world.capture(name, home=world.new_directory("home"))
        bundle = world.Bundle(done.json["bundle"])
        try:
            self.assertEqual((done.status, bundle.gaps()), (0, []), str(done))
            rows = {value(r, "path"): r for r in bundle.rows("filesystem/changes.ndjson")}
            self.assertEqual((rows[b"/root/left"]["change"], rows[b"/root/left"]["sha256"]), ("added", sha256(b"left\n")))
            self.assertEqual(rows[b"/var/log/dpkg.log"]["change"], "deleted")
            self.assertEqual({r["proof"] for r in bundle.rows("image/layers.ndjson")}, {"chain"})
            report = json.loads(pathlib.Path(done.json["report"]["json"]).read_bytes())
            compared = next(c for c in report["contradictions"] if c["id"] == "engine-changes")
            # It stood still: what only the engine's list had would be told.
            self.assertEqual((compared["assessed"], compared["rows"]), (True, []))
            self.same_from_the_disk(name, bundle)
        finally:
            world.remove(name)


    def same_from_the_disk(self, name, live):
        """Its data root as a dead disk has it: nobody is asked, and the rows and the layers are the same."""
        done, dead = test_offline.offline(world.engine().data_root, name=name)
        self.assertEqual((done.status, done.json["depth"]), (5 if PODMAN else 0, "offline"), str(done))
        self.assertEqual([(g["collector"], g["what"]) for g in dead.gaps()], [("engine", "libpod")] if PODMAN else [])
        for artefact, columns in (("filesystem/changes.ndjson", ("path", "change", "sha256", "ino", "origin_ino")),
                                  ("image/layers.ndjson", ("n", "diff_id", "chain_id", "cache_id", "proof"))):
            facts = [sorted(([r.get(c + "_b64", r.get(c)) for c in columns] for r in b.rows(artefact)), key=str) for b in (live, dead)]
            self.assertEqual(facts[1], facts[0])
        self.assertEqual((dead / "data/image/config.json").read_bytes(), (live / "data/image/config.json").read_bytes())


class Dead:
    """A container that has ended, as its engine gives it and as a copy of Podman's store does."""

    NAME, VOLUME = "e-dead", "e-dead-volume"
    STAGED = ("i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done; echo added >/root/added; echo changed >>/etc/passwd; "
              "rm /var/log/dpkg.log; rm -r /usr/share/doc/busybox; mkdir /usr/share/doc/busybox; chmod 4755 /srv/shop/index.html; "
              "mkfifo /root/pipe; echo kept >/data/kept; ln -s /etc/passwd /data/link")

    def __init__(self):
        docker("run", "--name", self.NAME, "-v", f"{self.VOLUME}:/data", "-v", "/etc:/host:ro", "--log-driver", "k8s-file", image(),
               "sh", "-c", self.STAGED)
        world.wait_until(lambda: world.inspect(self.NAME)["State"]["Status"] == "exited", 20, "exited")
        self.live = world.Bundle(world.capture(self.NAME, home=world.new_directory("home")).json["bundle"])
        self.copy = world.new_directory("disk") / "storage"
        world.sh("cp", "-a", world.engine().data_root, self.copy)
        self.done, self.bundle = test_offline.offline(self.copy, name=self.NAME)


dead = world.once(Dead)


class DeadCopy(unittest.TestCase):
    """A copy of Podman's store against what its engine and the live store gave."""

    def setUp(self):
        self.live, self.copy, self.done, self.dead = dead().live, dead().copy, dead().done, dead().bundle

    @classmethod
    def tearDownClass(cls):
        world.remove(Dead.NAME)
        docker("volume", "rm", "-f", Dead.VOLUME, check=False)

    def same(self, name, *drop):
        drop = {*drop, *test_offline.OF_THE_COPY, "atime_ns"}
        facts = [test_offline.facts(b, name, drop) for b in (self.live, self.dead)]
        self.assertTrue(facts[0], name)
        self.assertEqual(facts[1], facts[0], name)

    def test_a_copy_gives_the_same_rows_and_the_same_bytes(self):
        self.assertEqual((self.done.status, self.done.json["depth"]), (5, "offline"), str(self.done))
        self.assertEqual([(g["collector"], g["what"], g["code"]) for g in self.dead.gaps()], [("engine", "libpod", "unsupported")])
        for name in ("filesystem/changes.ndjson", "image/layers.ndjson", "image/baseline.ndjson", "image/ghosts.ndjson", "mounts/files.ndjson"):
            self.same(name)
        self.same("logs/files.ndjson", "driver")            # Docker's client asked for another word
        self.same("mounts/named.ndjson", "why")
        for tar in ("filesystem/upper.tar", "filesystem/before.tar", "mounts/content.tar"):
            self.assertEqual(test_offline.members(self.dead / "data" / tar), test_offline.members(self.live / "data" / tar), tar)
        log = "data/logs/k8s-file/0.log"
        self.assertEqual((self.dead / log).read_bytes(), (self.live / log).read_bytes())
        self.assertIn(b" stdout F line 99\n", (self.dead / log).read_bytes())

    def test_its_layers_are_verified_on_every_rung(self):
        done, bundle = test_offline.offline(self.copy, "--verify-image", "--only", "image", "--no-report", name=Dead.NAME)
        rows = bundle.rows("image/integrity.ndjson")
        self.assertEqual([r for r in rows if r["about"] == "path" or r["result"] == "damaged"], [])
        self.assertEqual({(r["rung"], r["result"]) for r in rows}, {(2, "verified"), (3, "verified"), (4, "verified")}, str(done))

    def test_who_it_was_is_told_as_its_engine_tells_it(self):
        target, info = self.dead.json("capture.json")["target"], world.inspect(Dead.NAME)
        self.assertEqual((target["id"], target["name"], target["image"], target["image_id"]),
                         (info["Id"], Dead.NAME, info["Config"]["Image"], info["Image"]))
        spec = json.loads((self.dead / "data/engine/oci-spec.json").read_bytes())
        self.assertEqual(spec["process"]["args"], [info["Path"], *info["Args"]])

    def test_a_list_that_was_edited_on_disk_contradicts_the_engines_answer(self):
        path = world.engine().data_root / "overlay-containers/containers.json"
        before = path.read_bytes()
        entries = json.loads(before)
        next(e for e in entries if Dead.NAME in e["names"])["image"] = "e" * 64
        try:
            path.write_text(json.dumps(entries))
            done = world.capture(Dead.NAME, "--only", "engine", home=world.new_directory("home"))
        finally:
            path.write_bytes(before)
        report = json.loads(pathlib.Path(done.json["report"]["json"]).read_bytes())
        told = next(c for c in report["contradictions"] if c["id"] == "engine-files")
        self.assertEqual([(r["what"], r["other"]) for r in told["rows"]], [("Image", "its file: another value")])

    def test_the_listing_is_what_the_engine_lists(self):
        done = world.kanshiki("--json", "ls", "--root", self.copy)
        known = json.loads("[" + ",".join(docker("ps", "-a", "--no-trunc", "--format", "{{json .}}").splitlines()) + "]")
        self.assertEqual({c["id"]: c["name"] for c in done.json["containers"]}, {c["ID"]: c["Names"] for c in known}, str(done))


if not PODMAN:
    del DeadCopy    # the dead disks of the other engines are those of test_offline


class ImageGone(unittest.TestCase):
    """Its image was removed while the container lives: the lower directories still serve."""

    @unittest.skipIf(PODMAN, "Podman removes a container together with its image")
    def test_the_lowers_still_serve_and_the_history_is_a_gap_vanished(self):
        name = "e-orphan"
        world.remove(name)
        image()
        docker("import", world.BUILD / "image/base-busybox.tar", "orphan:1")
        docker("run", "-d", "--name", name, "orphan:1", "sh", "-c", "rm /var/log/dpkg.log; echo x >/root/left; sleep 100000")
        docker("stop", "-t", "0", name)
        docker("rmi", "-f", "orphan:1")
        docker("start", name)
        root = pathlib.Path(f"/proc/{world.inspect(name)['State']['Pid']}/root")
        world.wait_until((root / "root/left").exists, 20, "it runs again")
        try:
            done = world.capture(name, home=world.new_directory("home"))
            bundle = world.Bundle(done.json["bundle"])
            if CONTAINERD:  # it keeps what a container was made from, without a name
                self.assertEqual((done.status, bundle.gaps()), (0, []), str(done))
            else:
                self.assertEqual(done.status, 5, str(done))
                self.assertEqual({g["code"] for g in bundle.gaps()}, {"vanished"}, bundle.gaps())
                self.assertIn("image-history.json", [g["what"] for g in bundle.gaps()])
            rows = {value(r, "path"): r for r in bundle.rows("filesystem/changes.ndjson")}
            self.assertEqual((rows[b"/root/left"]["change"], rows[b"/var/log/dpkg.log"]["change"]), ("added", "deleted"))
            self.assertIn(b"/var/log/dpkg.log", [value(r, "path") for r in bundle.rows("image/baseline.ndjson")])
        finally:
            world.remove(name)


if __name__ == "__main__":
    unittest.main()
