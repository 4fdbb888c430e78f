"""What the tests of acts share: a container that counts, a capture beside us, and what is looked at afterwards."""
import json
import os
import pathlib
import subprocess
import time
import unittest

import test_kill
import world
from world import docker, remove, run_container

NAME = "c-web"
NETWORK = "c-shop"
SUBNET = "172.31.77.0/24"
ADDRESS = "172.31.77.42"
LIGHT = ("--image", "none", "--no-report")
RESUME_SECONDS = 5
# Counts, so that a test sees whether it runs; says when it was asked to end.
COUNTER = "trap 'echo handler ran >/root/term; exit 0' TERM; i=0; while :; do i=$((i+1)); echo $i >/root/count; sleep 0.02; done"


class Capture(test_kill.Capture):
    """A capture of our container that runs beside us."""

    def __init__(self, *flags, url=None):
        self.home = world.new_directory("home")
        argv = world.capture_argv(NAME, *LIGHT, *flags, home=self.home, url=url)
        self.process = subprocess.Popen([str(world.KANSHIKI), *map(str, argv)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=world.environment())


class Contain(unittest.TestCase):
    """What the tests of acts share; it has no test of its own."""

    def setUp(self):
        self.home = world.new_directory("home")
        self.captures = []

    def tearDown(self):
        for capture in self.captures:
            if capture.process.poll() is None:
                capture.process.kill()
                capture.process.communicate()
        remove(NAME)
        docker("network", "rm", NETWORK, check=False)
        world.wait_until(lambda: not world.own_processes(), RESUME_SECONDS, "no process of ours is left")

    def container(self, *flags, command=("sh", "-c", COUNTER)):
        self.info = run_container(NAME, *command, flags=flags)
        self.root = pathlib.Path(f"/proc/{self.info['State']['Pid']}/root/root")
        if command[-1] == COUNTER:
            world.wait_until(lambda: self.count() > 0, 10, "the container counts")
        return self.info

    def start(self, *flags, url=None):
        self.captures.append(Capture(*flags, url=url))
        return self.captures[-1]

    def then(self, act, *flags, status=0, **more):
        done = world.capture(NAME, *LIGHT, "--then", act, *flags, home=self.home, **more)
        self.assertEqual(done.status, status, str(done))
        return done

    def count(self):
        try:
            return int((self.root / "count").read_text() or 0)
        except (OSError, ValueError):
            return 0

    def state(self):
        return world.inspect(NAME)["State"]

    def runs(self):
        before = self.count()
        world.wait_until(lambda: self.count() > before, RESUME_SECONDS, "the container counts on")
        self.assertFalse(world.is_paused(self.info["Id"]))
        self.assertEqual((self.state()["Paused"], self.state()["Pid"]), (False, self.info["State"]["Pid"]))

    def stands_still(self):
        self.assertTrue(world.is_paused(self.info["Id"]))
        self.assertTrue(self.state()["Paused"])
        self.assertEqual(self.state()["Pid"], self.info["State"]["Pid"])
        before = self.count()
        time.sleep(0.2)     # ten counts of one that runs
        self.assertEqual(self.count(), before)

    def events(self):
        done = world.kanshiki("--home", self.home, "--json", "custody", "log")
        self.assertEqual(done.status, 0, str(done))
        return [json.loads(line) for line in done.out.splitlines()]

    def the_act(self):
        """The last act event; the chain verifies with it."""
        acts = [e for e in self.events() if e["type"] == "act"]
        self.assertEqual(world.verify(self.home / "custody.git").status, 0)
        self.assertEqual(acts[-1]["act"]["target"], self.info["Id"])
        return acts[-1]

    def as_the_schemas_say(self, document, event):
        """The keys of an act, in the two documents that carry one."""
        schema = {n: json.loads((world.TOP / f"docs/schema/kanshiki.{n}-1.json").read_text()) for n in ("capture", "event")}
        for told, wanted in ((document["act"], schema["capture"]["$defs"]["act"]), (event["act"], schema["event"]["properties"]["act"])):
            self.assertLessEqual(set(told), set(wanted["properties"]))
            self.assertLessEqual(set(wanted["required"]), set(told))
        network = schema["event"]["properties"]["act"]["properties"]["networks"]["items"]["properties"]
        for told in event["act"].get("networks", []):
            self.assertLessEqual(set(told), set(network))

    def undo(self, command):
        """As a person would: the line, in a shell, with the engine's client in the path."""
        client = pathlib.Path(world.engine().client[0]).parent
        world.sh("sh", "-c", command, env={**world.engine().environment, "PATH": f"{client}:{os.environ['PATH']}"})

    def posts(self, asked):
        return [a.split("/", 2)[2].replace(self.info["Id"], "ID") for a in asked() if a.startswith("POST")]

    def ended(self):
        self.assertEqual(self.state()["Status"], "exited")
        self.assertFalse(world.is_paused(self.info["Id"]))
        self.assertFalse(pathlib.Path(f"/proc/{self.info['State']['Pid']}").exists())
