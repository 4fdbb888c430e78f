"""What an attacker does inside of a container: a capture ends, is honest, takes nothing of the host, and leaves it running."""
import json
import os
import pathlib
import subprocess
import tarfile
import unittest

import world
from world import docker, inspect, remove, run_container, value

SECRET = "canary-of-the-host-5b1f"
BOUND_MS = 30_000  # of a pause on a busy machine: its own limits are a third of it together
UNCONFINED = ("--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined")


@world.once
def program():
    path = world.scratch() / "hostile"
    world.sh("gcc", "-static", "-O1", "-pthread", "-o", path, pathlib.Path(__file__).with_name("hostile.c"))
    return path


@world.once
def canary():
    """A directory of the host that links of containers point to."""
    path = world.new_directory("canary")
    (path / "marker").write_text(SECRET)
    (path / "sub").mkdir()
    (path / "sub" / "marker").write_text(SECRET)
    return path


def start(name, *command, flags=(), acts=()):
    """The program as the init; returns what inspect says once the acts are done."""
    remove(name)
    docker("create", "--name", name, *flags, world.IMAGE, "/hostile", *command)
    docker("cp", program(), f"{name}:/hostile")
    docker("start", name)
    root = f"/proc/{inspect(name)['State']['Pid']}/root"
    for act in acts:
        world.wait_until(lambda: os.path.exists(f"{root}/tmp/ready-{act}"), 60, f"the act {act}")
    return inspect(name)


def end(name):
    """An init whose first thread is gone is nothing that the engine can end."""
    pid = docker("inspect", "-f", "{{.State.Pid}}", name, check=False)
    if pid.isdigit() and int(pid):
        world.signal_all([int(pid)], 9)


class Hostile(unittest.TestCase):
    def setUp(self):
        self.names = []
        self.home = world.new_directory("home")

    def tearDown(self):
        for name in self.names:
            end(name)
        remove(*self.names) if self.names else None

    def start(self, name, *command, **more):
        self.names.append(name)
        return start(name, *command, **more)

    def several(self, name, *acts, flags=()):
        return self.start(name, "all", *acts, flags=flags, acts=[a.split()[0] for a in acts])

    def taken(self, name, *flags):
        done = world.capture(name, "--no-report", "--image", "none", *flags, home=self.home)
        self.assertIn(done.status, (0, 5), str(done))
        self.assertEqual(world.verify(done.json["bundle"]).status, 0)
        bundle = world.Bundle(done.json["bundle"])
        self.assertEqual(done.status, 5 if bundle.gaps() else 0)
        found = subprocess.run(["grep", "-rl", SECRET, bundle.path], capture_output=True, text=True).stdout
        self.assertEqual(found, "", "bytes of the host are in the bundle")
        self.assertEqual(inspect(name)["State"]["Status"], "running")
        self.assertFalse(world.is_paused(done.json["container"]["id"]))
        self.assertEqual(world.own_processes(), [])
        return done.json, bundle

    def changes(self, bundle):
        return {value(r, "path"): r for r in bundle.rows("filesystem/changes.ndjson") if "path" in r}

    def claim(self, bundle, name):
        return [c for c in bundle.json("capture.json")["target"]["claims"] if c["claim"] == name]

    # --- the init ----------------------------------------------------------------------------------------------------

    def test_an_init_in_a_chroot_hides_neither_files_nor_mounts(self):
        self.start("h-jail", "jail", flags=("--tmpfs", "/cache"), acts=("jail",))
        _, bundle = self.taken("h-jail")
        self.assertEqual(bundle.gaps(), [])
        rows = self.changes(bundle)
        self.assertEqual(rows[b"/root/outside"]["sha256"], world.sha256(b"outside\n"))
        self.assertEqual(rows[b"/srv/jail/inside"]["sha256"], world.sha256(b"inside\n"))
        points = {r["point"]: r for r in bundle.rows("mounts/mounts.ndjson")}
        self.assertTrue(points["/cache"]["copied"])
        self.assertEqual(bundle.rows("processes/processes.ndjson")[0]["exe"]["path_now"], "same")
        self.assertEqual([c["verdict"] for c in self.claim(bundle, "root of the init")], ["unproven"])

    def test_an_init_whose_first_thread_is_gone_is_taken_through_another(self):
        info = self.start("h-dead", "deadinit")
        world.wait_until(lambda: pathlib.Path(f"/proc/{info['State']['Pid']}/stat").read_text().split(") ")[-1][0] == "Z", 10, "Z")
        _, bundle = self.taken("h-dead")
        row = bundle.rows("processes/processes.ndjson")[0]
        self.assertEqual((row["pid"], row["leader_dead"]), (info["State"]["Pid"], True))
        self.assertEqual(row["exe"]["sha256"], world.sha256_file(program()))
        self.assertEqual(self.changes(bundle)[b"/root/mine"]["sha256"], world.sha256(b"mine\n"))
        self.assertGreater(len(bundle.rows("mounts/mounts.ndjson")), 10)

    def test_a_mount_over_the_root_hides_nothing(self):
        self.start("h-over", "overroot", flags=UNCONFINED)
        world.wait_until(lambda: "cover" in pathlib.Path(f"/proc/{inspect('h-over')['State']['Pid']}/mountinfo").read_text(), 10, "it")
        _, bundle = self.taken("h-over")
        self.assertEqual(self.changes(bundle)[b"/root/mine"]["sha256"], world.sha256(b"mine\n"))

    def test_an_overlay_with_words_of_the_host_does_not_lead_to_another_container(self):
        victim = run_container("h-victim", "sleep", "100000")
        self.names.append("h-victim")
        docker("cp", canary() / "marker", "h-victim:/root/of-another")
        data = victim["GraphDriver"]["Data"]
        info = self.start("h-forge", "forge", data["UpperDir"], data["LowerDir"].split(":")[0], flags=UNCONFINED)
        world.wait_until(lambda: data["UpperDir"] in pathlib.Path(f"/proc/{info['State']['Pid']}/mountinfo").read_text(), 10, "it")
        _, bundle = self.taken("h-forge")
        self.assertEqual([c["verdict"] for c in self.claim(bundle, "root of the init")], ["contradicted"])
        self.assertIn(b"/hostile", self.changes(bundle))

    # --- the pause ---------------------------------------------------------------------------------------------------

    def test_an_exec_that_is_frozen_while_it_starts_does_not_hold_the_pause(self):
        self.names.append("h-exec")
        run_container("h-exec", "sleep", "100000", flags=("--health-cmd", "true", "--health-interval", "1s"))
        busy = [subprocess.Popen(["sh", "-c", 'while "$@"; do :; done', "sh", *world.engine().client, "exec", "h-exec", "true"],
                                 env=world.engine().environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
        try:
            document, _ = self.taken("h-exec")
        finally:
            for process in busy:
                process.kill()
                process.wait()
        self.assertLess(document["freeze"]["ms"], BOUND_MS)
        self.assertEqual(docker("exec", "h-exec", "echo", "works"), "works")

    def test_a_crash_loop_is_taken_in_every_phase_and_never_left_paused(self):
        self.names.append("h-loop")
        run_container("h-loop", "sh", "-c", "echo x >/root/left; sleep 0.3; exit 1", flags=("--restart", "always"))
        for least in (0, 5):
            world.wait_until(lambda: inspect("h-loop")["RestartCount"] >= least, 60, f"{least} restarts")
            done = world.capture("h-loop", "--no-report", "--image", "none", home=self.home)
            self.assertIn(done.status, (0, 5), str(done))
            self.assertLess(done.seconds, 60)
            self.assertNotIn("still paused", done.messages)
            self.assertFalse(inspect("h-loop")["State"]["Paused"])
            bundle = world.Bundle(done.json["bundle"])
            self.assertEqual(self.changes(bundle)[b"/root/left"]["sha256"], world.sha256(b"x\n"))

    def test_neighbours_that_come_and_go_are_no_gap(self):
        self.names.append("h-host")
        run_container("h-host", "sleep", "100000", flags=("--pid", "host"))
        busy = [subprocess.Popen(["sh", "-c", "while :; do /bin/true; done"]) for _ in range(2)]
        try:
            _, bundle = self.taken("h-host")
        finally:
            for process in busy:
                process.kill()
                process.wait()
        self.assertEqual(bundle.gaps(), [])

    # --- files -------------------------------------------------------------------------------------------------------

    def test_files_of_every_kind_are_exact_while_links_to_the_host_are_exchanged(self):
        self.names.append("h-files")
        docker("volume", "rm", "-f", "h-volume", check=False)
        self.several("h-files", f"swap /srv/swap {canary()}", "names /srv/names", "odd /srv/odd", f"swap /data/swap {canary()}",
                     flags=("-v", "h-volume:/data", "--cap-add", "LINUX_IMMUTABLE"))
        _, bundle = self.taken("h-files", "--freeze", "never")
        rows = self.changes(bundle)
        for code in range(1, 256):
            if code != ord("/"):
                self.assertEqual(rows[b"/srv/names/b" + bytes([code])]["sha256"], world.sha256(bytes([code])))
        kinds = {"fifo": "fifo", "socket": "socket", "watchdog": "chr", "disk": "blk", "loop": "symlink", "hole": "file"}
        self.assertEqual({k: rows[b"/srv/odd/" + k.encode()]["type"] for k in kinds}, kinds)
        self.assertEqual(rows[b"/srv/odd/watchdog"]["rdev"], "10:130")
        self.assertEqual(rows[b"/srv/odd/hole"]["size"], 100 << 30)
        self.assertLess((bundle / "data/filesystem/upper.tar").stat().st_size, 64 << 20)
        self.assertEqual(rows[b"/srv/odd/setid"]["mode"], "0106755")
        self.assertIn("immutable", rows[b"/srv/odd/immutable"]["flags"])
        self.assertEqual(len([r for r in rows.values() if r.get("hardlink_to", "").startswith("/srv/odd/hard")]), 2)
        self.assertIn("user.overlay.opaque", rows[b"/srv/odd/attrs"]["planted"])
        world.sh("chattr", "-i", f"{inspect('h-files')['GraphDriver']['Data']['UpperDir']}/srv/odd/immutable")

    def test_a_directory_that_is_exchanged_with_a_link_is_there_once_or_said(self):
        self.several("h-swap", f"swap /srv/swap {canary()}", "names /srv/names")  # more than the pause would take
        for _ in range(8):
            _, bundle = self.taken("h-swap", "--freeze", "never")
            rows, told = self.changes(bundle), {g["what"] for g in bundle.gaps() if g["code"] == "changed"}
            for i in (37, 39):
                place = f"/srv/swap/{i}"
                types = sorted(rows[f"{place}/{n}".encode()]["type"] for n in "12" if f"{place}/{n}".encode() in rows)
                whole = sum(f"{place}/{n}/sub".encode() in rows for n in "12")
                if (types, whole) != (["dir", "symlink"], 1):
                    self.assertTrue(told & {place, f"{place}/1", f"{place}/2"}, f"{place}: {types}, {told}")

    def test_a_flood_of_names_a_storm_of_hard_links_and_a_path_beyond_every_limit_are_told_each(self):
        # Beyond the table of links: a unit test, in memory. With --sweep here, too, on the engine's disk.
        files, pairs = (100_000, 70_000) if world.SWEEP else (5_000, 2_000)
        self.several("h-many", f"many /srv/many {files}", f"links /srv/links {pairs}", "deep /srv/deep 300 200")
        _, bundle = self.taken("h-many")
        rows = self.changes(bundle)
        self.assertEqual(sum(p.startswith(b"/srv/many/") for p in rows), files)
        for i in range(pairs):
            two = [rows[b"/srv/links/%s/%d" % (place, i)] for place in (b"a", b"b")]
            self.assertEqual({r["sha256"] for r in two}, {world.sha256(b"a/%d" % i)})
        linked = sum("hardlink_to" in r for p, r in rows.items() if p.startswith(b"/srv/links/"))
        self.assertEqual(linked, min(pairs, 65_536))
        leaf = [r for r in bundle.rows("filesystem/changes.ndjson") if r["name"] == "leaf"]
        self.assertEqual([r["sha256"] for r in leaf], [world.sha256(b"leaf\n")])
        self.assertEqual((bundle / "data/filesystem" / leaf[0]["stored"]).read_bytes(), b"leaf\n")

    def test_files_that_move_while_they_are_read_are_said_to_and_leave_the_tar_whole(self):
        self.start("h-moving", "moving", "/srv/moving", acts=("moving",))
        moved = 0
        for freeze in ("never", "auto", *["never"] * 8):
            if freeze == "never" and moved:
                continue  # one of them at least has to meet a file that moves
            _, bundle = self.taken("h-moving", "--freeze", freeze)
            rows = self.changes(bundle)
            unstable = {p.decode() for p, r in rows.items() if r.get("stable") is False}
            read = {g["what"] for g in bundle.gaps() if g["code"] == "changed" and "while it was read" in g["why"]}
            self.assertEqual(read & {p.decode() for p in rows}, unstable)
            moved += len(unstable & {"/srv/moving/grow", "/srv/moving/shrink"})
            with tarfile.open(bundle / "data/filesystem/upper.tar") as tar:
                sizes = {"/" + m.name: m.size for m in tar if len(tar.extractfile(m).read() if m.isreg() else b"") == m.size}
            for path in ("/srv/moving/grow", "/srv/moving/shrink"):
                row = rows[path.encode()]
                if "stored" in row:
                    self.assertEqual(sizes[path], row["size"])
                else:  # a read that waits for a busy disk is left behind, and said
                    self.assertIn(path, [g["what"] for g in bundle.gaps()])
        self.assertGreater(moved, 0)

    def test_what_is_mounted_over_files_and_over_proc_hides_nothing(self):
        self.start("h-cover", "cover", "200", flags=UNCONFINED, acts=())
        world.wait_until(lambda: len(self.text(f"/proc/{inspect('h-cover')['State']['Pid']}/mountinfo").splitlines()) > 200, 20, "them")
        _, bundle = self.taken("h-cover")
        rows = self.changes(bundle)
        below = {"hidden": b"hidden\n", "d/below": b"below\n"}
        self.assertEqual({n: rows[f"/root/{n}".encode()]["sha256"] for n in below}, {n: world.sha256(b) for n, b in below.items()})
        self.assertIn("shadowed_by", rows[b"/root/hidden"])
        self.assertIn("shadowed_by", rows[b"/root/d/below"])
        self.assertNotIn(b"/etc/passwd", rows)
        mounts = bundle.rows("mounts/mounts.ndjson")
        covers = {m["point"]: m.get("covers", {}).get("what") for m in mounts}
        self.assertEqual((covers["/root/d"], covers["/root/hidden"], covers["/etc"]), ("path", "path", "path"))
        over = [m for m in mounts if m.get("covers", {}).get("what") == "process"]
        self.assertEqual([m["covers"]["pid"] for m in over], [1])
        self.assertEqual(sum(m["point"] == "/mnt/l" for m in mounts), 200)
        self.assertTrue(all(m["proof"] for m in bundle.json("capture.json")["target"]["claims"]))

    # --- what it prints ----------------------------------------------------------------------------------------------

    def test_a_log_that_gushes_while_it_is_read_is_the_beginning_of_the_one_on_the_disk(self):
        info = self.start("h-gush", "gush", "300")
        log = pathlib.Path(info["LogPath"])
        world.wait_until(lambda: log.exists() and log.stat().st_size > 1 << 20, 20, "the log")
        document, bundle = self.taken("h-gush")
        taken = (bundle / "data/logs/json-file/0.log").read_bytes()
        self.assertGreater(len(taken), 1 << 20)
        with log.open("rb") as stream:
            self.assertEqual(world.sha256(stream.read(len(taken))), world.sha256(taken))
        self.assertNotIn("\x1b", json.dumps(document, ensure_ascii=False))

    # --- processes ---------------------------------------------------------------------------------------------------

    def test_processes_that_lie_and_sockets_that_hide_are_exact(self):
        info = self.several("h-procs", "fds 5000", "threads 500", "comm", "argv 2", "zombies 20", "deadleader", "memfd", "deleted",
                            "abstract", "scm", "spaces", flags=UNCONFINED)
        world.wait_until(lambda: os.path.exists(f"/proc/{info['State']['Pid']}/root/tmp/ready-netns"), 20, "the namespace")
        _, bundle = self.taken("h-procs")
        members = [int(p.parent.name) for p in pathlib.Path("/proc").glob("[0-9]*/cgroup") if info["Id"] in self.text(p)]
        rows = {r["pid"]: r for r in bundle.rows("processes/processes.ndjson")}
        self.assertEqual(sorted(rows), sorted(members))
        self.assertEqual(sum(r["state"] == "Z" and not r.get("leader_dead") for r in rows.values()), 20)
        names = {value(r, "comm") for r in rows.values()}
        self.assertLessEqual({b"x) R 1 (", b"a\nb\x1b[31m", b"kworker/0:1", b"\xff\xfe)"}, names)
        forms = {r["argv"][0]: (r["exe"]["memfd"], r["exe"]["deleted"]) for r in rows.values() if "argv" in r}
        self.assertEqual([forms[k] for k in ("memfd-proc", "named-proc", "gone-proc")], [(True, True), (False, False), (False, True)])
        sockets = bundle.rows("network/sockets.ndjson")
        abstract = {value(r, "name") for r in sockets if "name" in r}
        self.assertIn(b"\0a\nffff: 00000002 0 10000 1 1 99 @forged", abstract)
        ports = {r.get("lport"): r for r in sockets}
        self.assertEqual(ports[7777]["owners"], [])
        self.assertNotEqual(ports[4242]["netns"], ports[7777]["netns"])

    def test_a_storm_of_forks_and_thousands_of_sockets_are_taken_in_bounded_time(self):
        self.several("h-storm", "storm 4", "sockets 3000")
        document, bundle = self.taken("h-storm")
        owner = [r["pid"] for r in bundle.rows("processes/processes.ndjson") if r.get("argv", [""])[1:2] == ["sockets"]]
        self.assertEqual(len(owner), 1)
        held = {value(r, "link") for r in bundle.rows("processes/fds.ndjson") if r["pid"] == owner[0] and r["kind"] == "socket"}
        self.assertEqual(len(held), 3000)
        self.assertLess(document["freeze"]["ms"], BOUND_MS)

    def text(self, path):
        try:
            return pathlib.Path(path).read_text()
        except OSError:
            return ""
