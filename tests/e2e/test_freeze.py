"""The pause: by whom, proven by what, how long, and what is done when it cannot be had."""
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

import world
from world import docker, inspect

SLACK = 1.0                 # seconds that a resume may be late on a busy machine
UNCONFINED = ("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined")


@world.once
def program():
    path = world.scratch() / "stuck"
    world.sh("gcc", "-static", "-O1", "-o", path, pathlib.Path(__file__).with_name("stuck.c"))
    return path


class Freeze(unittest.TestCase):
    def setUp(self):
        self.names = []
        self.home = world.new_directory("home")

    def tearDown(self):
        for name in self.names:
            pid = docker("inspect", "-f", "{{.State.Pid}}", name, check=False)
            if pid.isdigit() and int(pid):
                world.signal_all([int(pid)], signal.SIGKILL)
        world.remove(*self.names)

    def start(self, name, *command, flags=(), ready=None):
        self.names.append(name)
        world.remove(name)
        docker("create", "--name", name, *flags, world.IMAGE, *command)
        docker("cp", program(), f"{name}:/stuck")
        docker("start", name)
        if ready:
            self.wait_ready(name, ready)
        return inspect(name)

    def wait_ready(self, name, act):
        root = f"/proc/{inspect(name)['State']['Pid']}/root"
        world.wait_until(lambda: os.path.exists(f"{root}/tmp/ready-{act}"), 60, act)

    def taken(self, name, *flags):
        done = world.capture(name, "--no-report", "--image", "none", *flags, home=self.home)
        self.assertIn(done.status, (0, 5), str(done))
        bundle = world.Bundle(done.json["bundle"])
        self.assertEqual(world.verify(bundle.path).status, 0)
        self.assertFalse(world.is_paused(done.json["container"]["id"]))
        state = inspect(name)["State"]
        self.assertEqual((state["Status"], state["Paused"]), ("running", False))
        self.assertEqual(world.own_processes(), [])
        return bundle, bundle.json("capture.json")["freeze"]

    def members(self, name):
        return [int(line.split()[0]) for line in docker("top", name, "-eo", "pid").splitlines()[1:]]

    @staticmethod
    def state(pid):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]

    def frozen(self, bundle, name="processes/processes.ndjson"):
        return {r["frozen"] for r in bundle.rows(name)}

    def pauses(self, name, since):
        """What the engine says of its own pauses of that container since then."""
        text = docker("events", "--since", str(since), "--until", str(time.time()), "--filter", f"container={name}",
                      "--format", "{{.Action}}")
        return [w for w in text.split() if w in ("pause", "unpause")]

    def test_by_default_the_engine_pauses_and_the_kernel_proves_it(self):
        self.start("f-auto", "sleep", "100000")
        since = time.time()
        bundle, freeze = self.taken("f-auto")
        self.assertEqual((freeze["by"], freeze["proof"]), ("engine", "freezer.state: FROZEN"))
        self.assertEqual(self.pauses("f-auto", since), ["pause", "unpause"])
        self.assertEqual(self.frozen(bundle), {True})

    def test_cgroup_freezes_behind_the_engines_back(self):
        self.start("f-cgroup", "sleep", "100000")
        since = time.time()
        bundle, freeze = self.taken("f-cgroup", "--freeze", "cgroup")
        self.assertEqual((freeze["by"], freeze["mode"], freeze["proof"]), ("cgroup", "cgroup", "freezer.state: FROZEN"))
        self.assertEqual((freeze["engine_ns"], self.pauses("f-cgroup", since)), (0, []))
        self.assertEqual(self.frozen(bundle), {True})
        self.assertIn("behind the engine's back", " ".join(bundle.json("capture.json")["impact"]))
        docker("exec", "f-cgroup", "true")

    def test_a_container_found_paused_stays_paused_in_every_mode(self):
        info = self.start("f-found", "sleep", "100000")
        docker("pause", "f-found")
        for mode in ("auto", "cgroup"):
            done = world.capture("f-found", "--no-report", "--image", "none", "--freeze", mode, home=self.home)
            freeze = world.Bundle(done.json["bundle"]).json("capture.json")["freeze"]
            self.assertEqual((freeze["found_paused"], freeze["paused_by_us"]), (True, False))
            self.assertTrue(world.is_paused(info["Id"]), mode)
        docker("unpause", "f-found")

    def test_a_container_that_somebody_freezes_by_hand_stays_frozen(self):
        info = self.start("f-hand", "sleep", "100000")
        state = next(pathlib.Path("/sys/fs/cgroup/freezer").glob(f"*/{info['Id']}")) / "freezer.state"
        state.write_text("FROZEN")
        world.wait_until(lambda: state.read_text().strip() == "FROZEN", 5, "frozen by hand")
        done = world.capture("f-hand", "--no-report", "--image", "none", "--freeze", "cgroup", home=self.home)
        freeze = world.Bundle(done.json["bundle"]).json("capture.json")["freeze"]
        self.assertEqual((freeze.get("found_paused"), freeze["paused_by_us"]), (True, False))
        self.assertEqual(state.read_text().strip(), "FROZEN")
        state.write_text("THAWED")

    def test_where_the_engine_refuses_the_kernels_freezer_is_used(self):
        self.start("f-refuse", "sh", "-c", "sleep 100000 & wait")
        refused = docker("pause", "f-refuse", check=False)      # the reference: this one it can
        docker("unpause", "f-refuse")
        self.assertEqual(refused, "f-refuse")
        hostile = world.scratch() / "deadinit"
        world.sh("gcc", "-static", "-O1", "-pthread", "-o", hostile, pathlib.Path(__file__).with_name("hostile.c"))
        self.names.append("f-dead")
        world.remove("f-dead")
        docker("create", "--name", "f-dead", world.IMAGE, "/hostile", "deadinit")
        docker("cp", hostile, "f-dead:/hostile")
        docker("start", "f-dead")
        pid = inspect("f-dead")["State"]["Pid"]
        world.wait_until(lambda: pathlib.Path(f"/proc/{pid}/stat").read_text().split(") ")[-1][0] == "Z", 10, "a dead first thread")
        bundle, freeze = self.taken("f-dead", "--only", "processes,network,host,filesystem")
        self.assertEqual((freeze["mode"], freeze["by"], freeze["paused_by_us"]), ("auto", "cgroup", True))
        self.assertIn("pause", freeze["why"])
        self.assertEqual(self.frozen(bundle), {True})

    def test_the_self_check_finds_the_same_processes_and_connections(self):
        info = self.start("f-check", "/stuck", "connected", ready="connected")
        told = world.sh("nsenter", "-t", info["State"]["Pid"], "-n", "ss", "-Htne", "state", "established").splitlines()
        truth = {(*line.split()[2:4], line.split("ino:")[1].split()[0]) for line in told}
        self.assertEqual(len(truth), 2)
        done = world.capture("f-check", "--image", "none", home=self.home)
        bundle = world.Bundle(done.json["bundle"])
        rows = bundle.rows("engine-after/connections.ndjson")
        self.assertEqual({(f"{r['laddr']}:{r['lport']}", f"{r['raddr']}:{r['rport']}", r["ino"]) for r in rows}, truth)
        check = self.report(done)["record"]["self_check"]
        self.assertEqual(check["says"], "the same 1 process and 2 connections")
        freeze, clock = bundle.json("capture.json")["freeze"], bundle.json("data/engine-after/clock.json")
        late = (clock["boottime_ns"] - freeze["resumed_boot_ns"]) / 1e9
        self.assertTrue(0 < late < SLACK, f"the check ran {late} s after the resume")

    @staticmethod
    def report(done):
        path = next(pathlib.Path(p) for p in done.json["report"].values() if str(p).endswith("report.json"))
        return json.loads(path.read_text())

    # --- cgroup v2 ---------------------------------------------------------------------------------------------------

    def test_a_whole_capture_on_cgroup_v2_is_proven_by_cgroup_events(self):
        engine = world.Engine(suffix="v2", cgroup=2)
        self.addCleanup(engine.down)
        run = lambda *argv: world.sh(*engine.client, *argv, env=engine.environment).strip()  # noqa: E731
        run("run", "-d", "--name", "two", world.IMAGE, "sh", "-c", "echo planted >/srv/planted; sleep 100000 & sleep 100000 & wait")
        self.assertEqual(run("info", "-f", "{{.CgroupVersion}}"), "2")
        container = run("inspect", "-f", "{{.Id}}", "two")
        directory = next(pathlib.Path("/sys/fs/cgroup/unified").glob(f"*/{container}"))
        members = {int(p) for p in (directory / "cgroup.procs").read_text().split()}
        self.assertEqual(len(members), 3)
        for mode, by in (("auto", "engine"), ("cgroup", "cgroup")):
            with self.subTest(mode):
                done = world.capture("two", "--freeze", mode, home=self.home, url=engine.url)
                self.assertIn(done.status, (0, 5), str(done))
                bundle = world.Bundle(done.json["bundle"])
                self.assertEqual(bundle.gaps(), [])
                freeze = bundle.json("capture.json")["freeze"]
                self.assertEqual((freeze["by"], freeze["proof"]), (by, "cgroup.events: frozen 1"))
                rows = bundle.rows("processes/processes.ndjson")
                self.assertEqual({r["pid"] for r in rows}, members)
                self.assertEqual({r["frozen"] for r in rows}, {True})
                self.assertEqual({r["frozen"] for r in bundle.rows("network/sockets.ndjson")} - {True}, set())
                changes = {r["path"]: r for r in bundle.rows("filesystem/changes.ndjson") if "path" in r}
                self.assertEqual((changes["/srv/planted"]["sha256"], changes["/srv/planted"]["frozen"]), (world.sha256(b"planted\n"), True))
                self.assertEqual((directory / "cgroup.freeze").read_text().strip(), "0")
                self.assertIn("frozen 0", (directory / "cgroup.events").read_text())
                self.assertEqual(run("inspect", "-f", "{{.State.Status}}", "two"), "running")
                self.assertEqual({r["pid"] for r in bundle.rows("engine-after/members.ndjson")}, members)

    # --- what blocks -------------------------------------------------------------------------------------------------

    def test_a_task_that_no_freezer_takes_is_a_gap_and_the_capture_goes_on_live(self):
        for mode in ("auto", "cgroup"):
            with self.subTest(mode):
                self.start("f-fuse", "/stuck", "fuse", "/mnt", flags=("--device", "/dev/fuse", "--cap-add", "SYS_ADMIN", *UNCONFINED),
                           ready="fuse")
                world.wait_until(lambda: sum(self.state(p) == "D" for p in self.members("f-fuse")) == 2, 10, "two wait")
                begin = time.monotonic()
                bundle, freeze = self.taken("f-fuse", "--only", "processes,network,host", "--freeze", mode)
                self.assertLess(time.monotonic() - begin, 30)
                self.assertEqual((freeze["not_frozen"], freeze["paused_by_us"]), (True, False))
                self.assertIn(("conductor", "pause", "timeout"), [(g["collector"], g["what"], g["code"]) for g in bundle.gaps()])
                self.assertEqual(self.frozen(bundle), {False})

    def test_a_parent_that_waits_in_vfork_is_taken_whole(self):
        self.start("f-vfork", "/stuck", "vfork", ready="vfork")
        bundle, freeze = self.taken("f-vfork", "--only", "processes,network,host")
        rows = bundle.rows("processes/processes.ndjson")
        self.assertEqual(len(rows), 3)
        self.assertEqual(self.frozen(bundle), {freeze["paused_by_us"]})

    def test_an_open_that_never_comes_back_ends_the_pause_and_is_one_gap(self):
        overlay = world.engine().data_root / "overlay2"
        info = self.start("f-mark", "sh", "-c", "echo marked >/root/marked; echo other >/root/other; sleep 100000 & wait",
                          flags=("--cap-add", "SYS_ADMIN", *UNCONFINED, "-v", f"{overlay}:/layers"))
        upper = pathlib.Path(info["GraphDriver"]["Data"]["UpperDir"])
        world.wait_until(lambda: (upper / "root/other").exists(), 10, "the files")
        docker("exec", "-d", "f-mark", "/stuck", "mark", f"/layers/{upper.parent.name}/diff/root/marked")
        self.wait_ready("f-mark", "mark")
        bundle, freeze = self.taken("f-mark", "--only", "processes,network,filesystem", "--freeze", "full")
        self.assertLess(freeze["total_ns"] / 1e9, 2 + 2 * SLACK)     # 2 s for the open, and not the 10 of full
        stuck = [g for g in bundle.gaps() if g["code"] == "stuck"]
        self.assertEqual([g["collector"] for g in stuck], ["filesystem"], bundle.gaps())
        self.assertIn("marked", stuck[0]["what"])
        rows = {r["path"]: r for r in bundle.rows("filesystem/changes.ndjson") if "path" in r}
        self.assertEqual(rows["/root/other"]["sha256"], world.sha256(b"other\n"))
        self.assertNotIn("sha256", rows["/root/marked"])
        self.assertEqual(self.frozen(bundle), {True})
        self.assertIn(False, self.frozen(bundle, "filesystem/changes.ndjson"))

    def test_a_directory_that_never_opens_is_one_gap_and_costs_no_other_row(self):
        overlay = world.engine().data_root / "overlay2"
        info = self.start("f-markdir", "sh", "-c", "mkdir /held; echo held >/held/file; echo other >/root/other; sleep 100000 & wait",
                          flags=("--cap-add", "SYS_ADMIN", *UNCONFINED, "-v", f"{overlay}:/layers"))
        upper = pathlib.Path(info["GraphDriver"]["Data"]["UpperDir"])
        world.wait_until(lambda: (upper / "root/other").exists(), 10, "the files")
        docker("exec", "-d", "f-markdir", "/stuck", "markdir", f"/layers/{upper.parent.name}/diff/held")
        self.wait_ready("f-markdir", "mark")
        bundle, _ = self.taken("f-markdir", "--only", "filesystem")
        self.assertEqual([(g["collector"], g["what"], g["code"]) for g in bundle.gaps() if g["code"] == "stuck"],
                         [("filesystem", "/held", "stuck")], bundle.gaps())
        rows = {r["path"]: r for r in bundle.rows("filesystem/changes.ndjson") if "path" in r}
        self.assertEqual(rows["/root/other"]["sha256"], world.sha256(b"other\n"))
        self.assertIn("/held", rows)
        self.assertNotIn("/held/file", rows)

    def test_the_deadline_holds_when_a_collector_blocks(self):
        info = self.start("f-late", "sh", "-c", "i=0; while [ $i -lt 1500 ]; do echo $i >/srv/$i; i=$((i+1)); done; echo ready; sleep 100000")
        world.wait_until(lambda: "ready" in docker("logs", "f-late"), 60, "1500 files")
        argv = world.capture_argv("f-late", "--no-report", "--image", "none", "--freeze", "full", "--max-freeze", "1", home=self.home)
        capture = subprocess.Popen([str(world.KANSHIKI), *map(str, argv)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=world.environment())
        self.addCleanup(capture.kill)
        world.wait_until(lambda: world.is_paused(info["Id"]), 30, "paused")
        begin = time.monotonic()
        others = [p for p in world.own_processes() if p != capture.pid and not self.comm(p).startswith("kanshiki-")]
        world.signal_all(others, signal.SIGSTOP)
        world.wait_until(lambda: not world.is_paused(info["Id"]), 1 + SLACK, "resumed at the deadline")
        self.assertLess(time.monotonic() - begin, 1 + SLACK)
        world.signal_all(others, signal.SIGCONT)
        out, err = capture.communicate(timeout=world.MAX_SECONDS)
        self.assertIn(capture.returncode, (0, 5), err)
        freeze = world.Bundle(world.Result(argv, 0, out, err, 0).json["bundle"]).json("capture.json")["freeze"]
        self.assertLess(freeze["total_ns"] / 1e9, 1 + SLACK)

    @staticmethod
    def comm(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            return "kanshiki-gone"
