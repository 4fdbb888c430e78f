"""200 kills at seeded points of a capture and its commit; eight captures at once. Nothing verifies that is not whole, no chain breaks.

usage: test_kills.py KANSHIKI
"""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

from homes import ANSWERS, IDENT, TOP, Homes

HOMES = Homes(sys.argv.pop(1) if len(sys.argv) > 1 else TOP / "build/kanshiki", "kan-kills-")
KILLS, HOMES_AT_ONCE, SEED = int(os.environ.get("KAN_KILLS", "200")), 2, 20261122
PER_HOME = 10
kanshiki = HOMES.kanshiki


def start(home):
    argv = [str(HOMES.binary), "-H", f"replay:{ANSWERS}", "--home", str(home), "-q", "capture", "--operator", "A <a@example.org>", "--case", "storm", IDENT]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=HOMES.environment,
                            start_new_session=True)


def kill_at(home, seconds, whole_group):
    process = start(home)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL) if whole_group else process.kill()
    except ProcessLookupError:
        pass
    process.wait()
    # What was forked from it ends by itself; what still holds the journal is not done yet.
    until = time.monotonic() + 10
    while subprocess.run(["pgrep", "-s", str(process.pid)], stdout=subprocess.DEVNULL, check=False).returncode == 0 and time.monotonic() < until:
        time.sleep(0.01)


def checked_by_others(bag):
    """Our independent checker, that has none of our C."""
    done = subprocess.run(["/usr/bin/python3", str(TOP / "tests/contract/check_bundle.py"), str(bag)], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


class Kills(unittest.TestCase):
    def setUp(self):
        self.faults = []

    def look(self, home, known, point):
        """Everything that is new after a kill."""
        for entry in sorted((home / "bundles").iterdir()):
            if entry.name in known:
                continue
            status = kanshiki("verify", entry).status
            whole, words = checked_by_others(entry)
            if entry.name.endswith(".partial"):
                if status not in (3, 5) or (whole and not (entry / "bagit.txt").exists()):
                    self.faults.append(f"{point}: {entry.name} is {status}, and {whole} to the other checker")
            else:
                known.add(entry.name)
                if status != 0 or not whole:
                    self.faults.append(f"{point}: sealed {entry.name} is {status}: {words[:300]}")
        done = kanshiki("verify", home)
        if done.status != 0:
            self.faults.append(f"{point}: the chain: {done}")

    def finish(self, home, point):
        """What a person does in the morning: every left-over finished and committed, and the next capture works."""
        for entry in sorted((home / "bundles").iterdir()):
            if not entry.name.endswith(".partial"):
                continue
            done = kanshiki("seal", "--partial", entry)
            if done.status != 0 and (entry / "journal.ndjson").exists() and (entry / "journal.ndjson").stat().st_size:
                self.faults.append(f"{point}: seal --partial: {done}")
        for entry in sorted((home / "bundles").iterdir()):
            if entry.name.endswith(".partial"):
                shutil.rmtree(entry)  # not a line was written
                continue
            done = kanshiki("--home", home, "import", entry)
            if done.status != 0:
                self.faults.append(f"{point}: import: {done}")
            if kanshiki("verify", entry).status not in (0, 5):
                self.faults.append(f"{point}: {entry.name} is not whole at the end")
        done = HOMES.capture(home, "--case", "storm")
        if done.status not in (0, 5):
            self.faults.append(f"{point}: the next capture: {done}")
        done = kanshiki("verify", home)
        if done.status != 0:
            self.faults.append(f"{point}: the chain at the end: {done}")

    def storm(self, number, duration):
        random_points = random.Random(SEED + number)
        home, known = HOMES.new(f"storm{number}-") / "home", set()
        shutil.copytree(HOMES.sample()[0], home, symlinks=True)
        for n in range(PER_HOME):
            point = f"kill {number}.{n}"
            kill_at(home, random_points.uniform(0, duration * 1.1), random_points.random() < 0.5)
            self.look(home, known, point)
        self.finish(home, f"home {number}")
        shutil.rmtree(home.parent)

    def test_a_capture_killed_anywhere_leaves_nothing_that_verifies_and_is_not_whole(self):
        HOMES.sample()
        trial = HOMES.new("trial-") / "home"
        began = time.monotonic()
        start(trial).wait()
        duration = time.monotonic() - began
        numbers = iter(range(-(-KILLS // PER_HOME)))
        lock = threading.Lock()

        def work():
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                try:
                    self.storm(number, duration)
                except Exception as fault:  # pylint: disable=broad-except
                    self.faults.append(f"home {number}: {fault!r}")

        workers = [threading.Thread(target=work) for _ in range(HOMES_AT_ONCE)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
        self.assertEqual(self.faults, [])

    def test_eight_captures_at_once_into_one_home_end_committed_in_one_chain(self):
        home = HOMES.new("eight-") / "home"
        running = [start(home) for _ in range(8)]
        self.assertEqual({p.wait(120) in (0, 5) for p in running}, {True})
        log = [line.split() for line in kanshiki("--home", home, "custody", "log").out.decode().splitlines()]
        self.assertEqual(sorted(line[2] for line in log), ["collect"] * 8 + ["derive"] * 8)
        self.assertEqual([int(line[1]) for line in log], list(range(1, 17)))
        self.assertEqual(kanshiki("verify", home).status, 0)
        self.assertEqual(HOMES.git("rev-list", "--count", "main", cwd=home / "custody.git"), "16")
        self.assertEqual(HOMES.git("fsck", "--full", "--strict", cwd=home / "custody.git"), "")
        self.assertEqual(len(list((home / "bundles").iterdir())), 8)
        self.assertEqual(list((home / "custody.git/lfs/tmp").iterdir()), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
