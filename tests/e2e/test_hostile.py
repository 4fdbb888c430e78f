"""What an attacker does inside of a container: a capture ends, is honest, takes nothing of the host, and leaves it running."""
import os
import pathlib
import subprocess
import unittest

import world
from world import docker, inspect, remove, run_container, value

SECRET = "canary-of-the-host-5b1f"
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
        os.kill(int(pid), 9)


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
