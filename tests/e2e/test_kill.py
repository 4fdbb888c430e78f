"""Killed or interrupted at any point: the container resumes, what was written stays, and nothing takes it for a bundle."""
import contextlib
import os
import pathlib
import random
import signal
import subprocess
import time
import unittest

import world
from world import docker

NAME = "k-web"
RESUME_SECONDS = 5
FULL_SECONDS = 10               # the longest pause of --freeze full
BATCH = 20                      # points of one test
BATCHES = 10 if world.SWEEP else 2
MAX_DELAY = 0.02
MODES = ("auto", "full", "cgroup")
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
OUTCOMES = {}                   # exit status -> how often


class Capture:
    """A capture that runs beside us, with its journal to look at."""

    def __init__(self, *flags):
        self.home = world.new_directory("home")
        argv = world.capture_argv(NAME, *flags, home=self.home)
        self.process = subprocess.Popen([str(world.KANSHIKI), *map(str, argv)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=world.environment())

    def journal(self):
        for path in self.home.glob("bundles/*/journal.ndjson"):
            try:
                return path.read_bytes()
            except OSError:
                return b""
        return b""

    def wait_for(self, condition):
        """True when it came to that; False when the capture ended before."""
        while self.process.poll() is None:
            if condition(self.journal()):
                return True
            time.sleep(0.0005)
        return False

    def children(self):
        """pid -> is it the lease? The guard, which only acts when lease and conductor cannot, is left out."""
        found = {}
        for pid in world.own_processes():
            if pid == self.process.pid:
                continue
            name = self.name_of(pid)
            if name and name != "kanshiki-guard":
                found[pid] = name == "kanshiki-lease"
        return found

    @staticmethod
    def name_of(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            return ""

    def end(self):
        out, err = self.process.communicate(timeout=world.MAX_SECONDS)
        world.check_sanitizers(self.process.args, err)
        return world.Result(self.process.args, self.process.returncode, out, err, 0)

    def bundles(self):
        return list((self.home / "bundles").iterdir()) if (self.home / "bundles").exists() else []


class Kill(unittest.TestCase):
    def setUp(self):
        if not docker("ps", "-q", "--filter", f"name=^{NAME}$"):
            world.run_container(NAME, "sh", "-c", "mkdir /srv/m; i=0; while [ $i -lt 1500 ]; do echo $i >/srv/m/$i; i=$((i+1)); done; echo ready; "
                                                  "sleep 100000 & sleep 100000 & wait")
            world.wait_until(lambda: "ready" in docker("logs", NAME), 60, "1500 files")
        self.info = world.inspect(NAME)
        self.captures = []

    def tearDown(self):
        for capture in self.captures:
            if capture.process.poll() is None:
                capture.process.kill()
                capture.process.communicate()
        docker("unpause", NAME, check=False)

    def start(self, *flags):
        self.captures.append(Capture(*flags))
        return self.captures[-1]

    def running_again(self):
        world.wait_until(lambda: not world.is_paused(self.info["Id"]), RESUME_SECONDS, "the container's freezer is open")
        world.wait_until(lambda: not world.inspect(NAME)["State"]["Paused"], RESUME_SECONDS, "the engine says it is not paused")
        self.assertEqual(world.inspect(NAME)["State"]["Pid"], self.info["State"]["Pid"])

    def nobody_left(self):
        world.wait_until(lambda: not world.own_processes(), RESUME_SECONDS, f"no process of ours: {world.own_processes()}")

    def sealed_partial(self, done, status, capture):
        self.assertEqual(done.status, status, str(done))
        self.assertEqual((done.json["status"], done.json["exit"]), ("partial", status))
        bundle = pathlib.Path(done.json["bundle"])
        self.assertEqual(capture.bundles(), [bundle])
        info = (bundle / "bag-info.txt").read_text()
        self.assertIn("Kanshiki-Status: partial", info)
        self.assertIn("Kanshiki-Partial-Reason: ", info.splitlines()[-1])
        verified = world.verify(bundle)
        self.assertEqual((verified.status, verified.json["result"]), (5, "incomplete"), str(verified))
        self.assertIn("interrupted", (bundle / "journal.ndjson").read_text())

    def test_sigint_and_sigterm_end_in_a_sealed_partial_bundle_and_130(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name):
                capture = self.start("--freeze", "full")
                self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
                capture.process.send_signal(number)
                self.sealed_partial(capture.end(), 130, capture)
                self.running_again()
                self.nobody_left()

    def test_an_interrupt_before_the_pause_pauses_nothing(self):
        capture = self.start()
        self.assertTrue(capture.wait_for(lambda j: j.count(b"\n") >= 1))
        capture.process.send_signal(signal.SIGINT)
        done = capture.end()
        self.assertEqual(done.status, 130, str(done))
        self.running_again()

    def test_a_second_interrupt_does_not_leave_it_paused(self):
        capture = self.start("--freeze", "full")
        self.assertTrue(capture.wait_for(lambda j: b'"asked"' in j))
        capture.process.send_signal(signal.SIGINT)
        capture.process.send_signal(signal.SIGINT)
        self.assertEqual(capture.end().status, 130)
        self.running_again()
        self.nobody_left()

    def test_a_killed_conductor_leaves_the_container_resumed_and_a_partial_that_is_no_bundle(self):
        capture = self.start("--freeze", "full", "--case", "inc-7")
        self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
        capture.process.kill()
        self.assertEqual(capture.end().status, -signal.SIGKILL)
        self.running_again()
        self.nobody_left()
        self.unsealed_then_sealed(capture)
        self.assertIn("Kanshiki-Case: inc-7\n", (capture.bundles()[0] / "bag-info.txt").read_text())
        self.assertIn("lease", (capture.bundles()[0] / "journal.ndjson").read_text())

    def unsealed_then_sealed(self, capture):
        """What is left is told as unsealed; seal --partial finishes it; a new capture succeeds."""
        left = capture.bundles()
        self.assertEqual(len(left), 1, left)
        if left[0].suffix != ".partial":
            self.assertEqual(world.verify(left[0]).status, 0)
            return
        verified = world.verify(left[0])
        self.assertEqual((verified.status, verified.json["result"]), (5, "incomplete"), str(verified))
        self.assertIn("unsealed", verified.text)
        sealed = world.kanshiki("--home", capture.home, "seal", "--partial", "--reason", "power cut", left[0])
        self.assertIn(sealed.status, (0, 5), str(sealed))
        bundle = left[0].with_suffix("")
        self.assertTrue((bundle / "bagit.txt").exists(), str(sealed))
        verified = world.verify(bundle)
        self.assertIn(verified.status, (0, 5), str(verified))
        world.sh("sha256sum", "-c", "--strict", "--quiet", "tagmanifest-sha256.txt", "manifest-sha256.txt", cwd=bundle)
        if "Kanshiki-Status: partial" in (bundle / "bag-info.txt").read_text():
            self.assertEqual(verified.status, 5)

    def test_a_killed_lease_is_noticed_and_the_conductor_resumes(self):
        capture = self.start("--freeze", "full")
        self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
        os.kill(self.lease_of(capture), signal.SIGKILL)
        done = capture.end()
        self.running_again()
        self.assertIn(done.status, (0, 5), str(done))
        self.assertIn(world.verify(done.json["bundle"]).status, (0, 5))

    def lease_of(self, capture):
        leases = [pid for pid, lease in capture.children().items() if lease]
        self.assertEqual(len(leases), 1, capture.children())
        return leases[0]

    def test_a_stopped_lease_does_not_keep_the_container_paused_nor_the_capture_waiting(self):
        capture = self.start("--freeze", "full")
        self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
        os.kill(self.lease_of(capture), signal.SIGSTOP)
        self.running_again()
        done = capture.end()
        self.assertEqual(done.status, 5, str(done))
        self.assertIn(("conductor", "crashed"), [(g["collector"], g["code"]) for g in done.json["gaps"]])
        self.nobody_left()

    @contextlib.contextmanager
    def engine_stopped(self):
        os.kill(world.engine().pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(world.engine().pid, signal.SIGCONT)

    def thawed(self):
        world.wait_until(lambda: not world.is_paused(self.info["Id"]), RESUME_SECONDS, "the container's freezer is open")

    def test_an_engine_that_hangs_during_the_pause_is_done_without_and_told_later(self):
        capture = self.start("--freeze", "full", "--only", "processes")
        self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
        with self.engine_stopped():
            self.thawed()
        done = capture.end()
        self.assertIn(done.status, (0, 5), str(done))
        self.nobody_left()
        self.running_again()
        docker("exec", NAME, "true")    # what a container that the engine believes paused refuses

    def test_a_killed_conductor_and_an_engine_that_hangs_leave_the_container_running_and_the_partial_whole(self):
        capture = self.start("--freeze", "full")
        self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
        with self.engine_stopped():
            capture.process.kill()
            self.thawed()
            world.wait_until(lambda: (capture.bundles()[0] / "lease.json").exists(), RESUME_SECONDS, "lease.json")
        self.assertEqual(capture.end().status, -signal.SIGKILL)
        self.unsealed_then_sealed(capture)
        self.nobody_left()
        self.running_again()
        self.assertEqual(world.verify(capture.bundles()[0]).status, 5)

    def test_a_pause_that_a_hanging_engine_carries_out_late_is_taken_back(self):
        capture = self.start("--freeze", "full", "--only", "processes,host,network")
        self.assertTrue(capture.wait_for(lambda j: b'"name":"host"' in j))
        with self.engine_stopped():
            if not capture.wait_for(lambda j: b'"not-frozen"' in j):
                self.skipTest("the capture ended before it asked for a pause")
        done = capture.end()
        self.assertEqual(done.status, 5, str(done))
        self.nobody_left()
        self.running_again()

    def test_a_container_found_paused_and_resumed_by_another_while_it_is_read_is_a_gap(self):
        docker("pause", NAME)
        capture = self.start()
        self.assertTrue(capture.wait_for(lambda j: b'"name":"processes"' in j))
        stopped = list(capture.children())
        world.signal_all(stopped, signal.SIGSTOP)
        docker("unpause", NAME)
        world.signal_all(stopped, signal.SIGCONT)
        done = capture.end()
        self.assertEqual(done.status, 5, str(done))
        self.assertIn(("conductor", "changed"), [(g["collector"], g["code"]) for g in done.json["gaps"]])

    def test_a_killed_collector_is_a_gap_and_the_others_go_on(self):
        capture = self.start("--freeze", "full")
        self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
        victims = []
        while capture.process.poll() is None and not victims:
            victims = [pid for pid, lease in capture.children().items() if not lease]
        self.assertTrue(victims, "it ended before a collector was seen")
        world.signal_all(victims[:1], signal.SIGKILL)
        done = capture.end()
        self.running_again()
        self.assertIn(done.status, (0, 5), str(done))
        if done.status == 5:
            self.assertIn("crashed", [g["code"] for g in done.json["gaps"]])
            failed = [c["name"] for c in done.json["collectors"] if c["status"] == "failed"]
            self.assertEqual(len(failed), 1, done.json["collectors"])
        self.assertEqual(world.verify(done.json["bundle"]).status, 0)

    def killed_at_seeded_points(self, batch):
        lines = self.journal_length()
        chance = random.Random(f"{world.SEED}/{batch}")
        for point in range(BATCH):
            strike = (chance.choice(("conductor", "conductor", "lease", "collector", "guard")), chance.choice(SIGNALS))
            at, later, mode = chance.randint(1, lines), chance.random() * MAX_DELAY, chance.choice(MODES)
            with self.subTest(f"point {batch}.{point}: {strike[1].name} to {strike[0]} {later * 1000:.1f} ms after line {at}, "
                              f"--freeze {mode}, seed {world.SEED}"):
                self.struck(at, later, strike, mode)

    def struck(self, at, later, strike, mode):
        capture = self.start("--freeze", mode)
        reached = capture.wait_for(lambda journal: journal.count(b"\n") >= at)
        if reached:
            time.sleep(later)       # no wait for anything: where in between it strikes is the point
            self.strike(capture, *strike)
        done = capture.end()
        self.running_again()
        self.nobody_left()
        OUTCOMES[done.status] = OUTCOMES.get(done.status, 0) + 1
        if done.status in (-signal.SIGKILL, -signal.SIGINT, -signal.SIGTERM):   # the two others only once it is sealed
            self.unsealed_then_sealed(capture)
        elif done.status == 130 and done.json["status"] == "complete":      # it came when all was there
            self.assertEqual((done.json["exit"], world.verify(done.json["bundle"]).status), (130, 0), str(done))
        elif done.status == 130:
            self.sealed_partial(done, 130, capture)
        else:
            self.assertIn(done.status, (0, 5), str(done))
            self.assertIn(world.verify(done.json["bundle"]).status, (0, 5))

    def journal_length(self):
        done = self.start("--freeze", "full").end()
        self.assertEqual(done.status, 0, str(done))
        return len(world.Bundle(done.json["bundle"]).lines("journal.ndjson"))

    def strike(self, capture, victim, number):
        if victim == "conductor":
            capture.process.send_signal(number)
            return
        for pid in world.own_processes():
            name = capture.name_of(pid)
            kind = {"kanshiki-lease": "lease", "kanshiki-guard": "guard"}.get(name, "collector")
            if pid != capture.process.pid and kind == victim:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                return

    def stopped_and_killed(self, mode, stopped):
        """The lease is stopped, so it resumes nothing; the conductor is dead, so it does not either."""
        capture = self.start("--freeze", mode)
        self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
        victims = [pid for pid in world.own_processes() if capture.name_of(pid) in stopped]
        world.signal_all(victims, signal.SIGSTOP)
        return capture

    def test_a_stopped_lease_and_a_killed_conductor_do_not_leave_it_paused(self):
        for mode in ("full", "cgroup"):
            with self.subTest(mode):
                capture = self.stopped_and_killed(mode, ("kanshiki-lease",))
                capture.process.kill()
                self.assertEqual(capture.end().status, -signal.SIGKILL)
                self.running_again()
                self.nobody_left()
                self.unsealed_then_sealed(capture)

    def test_a_stopped_lease_and_a_stopped_conductor_do_not_leave_it_paused(self):
        capture = self.stopped_and_killed("full", ("kanshiki-lease",))
        os.kill(capture.process.pid, signal.SIGSTOP)
        world.wait_until(lambda: not world.is_paused(self.info["Id"]), FULL_SECONDS + RESUME_SECONDS, "the guard has resumed it")
        os.kill(capture.process.pid, signal.SIGCONT)
        self.assertIn(capture.end().status, (0, 5))
        self.running_again()
        self.nobody_left()

    def test_a_killed_guard_changes_nothing(self):
        capture = self.start("--freeze", "full")
        self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
        self.strike(capture, "guard", signal.SIGKILL)
        self.assertEqual(capture.end().status, 0)
        self.running_again()
        self.nobody_left()

    def test_a_partial_that_a_running_capture_holds_is_not_sealed(self):
        capture = self.start("--freeze", "never")
        self.assertTrue(capture.wait_for(lambda j: j.count(b"\n") >= 2))
        done = world.kanshiki("seal", "--partial", capture.bundles()[0])
        if capture.process.poll() is None:
            self.assertEqual(done.status, 8, str(done))
        self.assertEqual(capture.end().status, 0)

    def test_a_partial_with_a_link_in_it_is_refused_and_left_alone(self):
        capture = self.start("--freeze", "never")
        self.assertTrue(capture.wait_for(lambda j: j.count(b"\n") >= 4))
        capture.process.kill()
        capture.end()
        self.nobody_left()
        left = capture.bundles()[0]
        (left / "data/link").symlink_to("/etc/passwd")
        done = world.kanshiki("seal", "--partial", left)
        self.assertEqual(done.status, 8, str(done))
        self.assertTrue((left / "data/link").is_symlink())
        self.assertFalse((left / "bagit.txt").exists())

    def test_a_new_capture_names_what_a_crash_left(self):
        capture = self.start("--freeze", "never")
        self.assertTrue(capture.wait_for(lambda j: j.count(b"\n") >= 4))
        capture.process.kill()
        capture.end()
        self.nobody_left()
        left = capture.bundles()[0]
        done = world.capture(NAME, "--image", "none", home=capture.home)
        self.assertEqual(done.status, 0, str(done))
        self.assertIn(left.name, done.messages)


def batch(number):
    def test(self):
        self.killed_at_seeded_points(number)
        print(f"        exit statuses so far: {dict(sorted(OUTCOMES.items()))}", flush=True)
    return test


for one in range(BATCHES):
    setattr(Kill, f"test_killed_at_seeded_points_the_container_is_always_as_found_{one}", batch(one))
