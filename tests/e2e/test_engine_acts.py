"""quarantine and its way back on every engine: what it can do is done, and what it cannot is told and harms nothing else."""
import unittest

import test_engines
import world
from world import KIND, docker

NAME = "ea-web"
NETWORK = "ea-net"
PODMAN = KIND == "podman4"


class EngineActs(unittest.TestCase):
    def setUp(self):
        self.home = world.new_directory("home")
        world.remove(NAME, f"{NAME}-quarantined")
        world.engine()
        docker("network", "create", NETWORK)
        docker("run", "-d", "--name", NAME, "--restart=always", "--network", NETWORK, "--network-alias", "db", test_engines.image(),
               "sh", "-c", "while :; do sleep 0.1; done")
        self.container = world.inspect(NAME)["Id"]

    def tearDown(self):
        world.remove(NAME, f"{NAME}-quarantined")
        docker("network", "rm", NETWORK, check=False)

    def quarantine(self, *flags):
        return world.kanshiki("-H", world.engine().url, "--home", self.home, "--json", "quarantine", "--yes", "--image", "none", "--no-report",
                              *flags, NAME)

    def networks(self, name=NAME):
        return set(world.inspect(name)["NetworkSettings"]["Networks"] or {})

    def test_it_is_contained_as_far_as_the_engine_can_and_all_of_that_comes_back(self):
        done = self.quarantine("--action", "pause,disconnect,no-restart,label")
        acts = {a["do"]: a for a in done.json["acts"]}
        self.assertTrue(acts["pause"]["ok"] and acts["label"]["ok"], str(done))
        self.assertTrue(world.is_paused(self.container))
        inspect = world.inspect(f"{NAME}-quarantined")
        self.assertEqual(inspect["Id"], self.container)
        # What an engine refuses is told with its words, and is then as it was.
        self.assertEqual(acts["disconnect"]["ok"], NETWORK not in self.networks(f"{NAME}-quarantined"), str(done))
        self.assertEqual(acts["no-restart"]["ok"], inspect["HostConfig"]["RestartPolicy"]["Name"] in ("no", ""), str(done))
        refused = [a for a in acts.values() if not a["ok"]]
        self.assertEqual(done.status, 1 if refused else 0, str(done))
        if not PODMAN:
            self.assertEqual(refused, [])
        for act in refused:
            self.assertRegex(act["why"], "status [45]", str(act))
        back = self.quarantine("--undo")
        self.assertEqual(back.status, 0, str(back))
        info = world.inspect(NAME)
        self.assertEqual((info["Id"], info["HostConfig"]["RestartPolicy"]["Name"]), (self.container, "always"))
        self.assertIn(NETWORK, self.networks())
        if acts["disconnect"]["ok"]:
            self.assertIn("db", info["NetworkSettings"]["Networks"][NETWORK]["Aliases"])
        self.assertFalse(world.is_paused(self.container))
        self.assertEqual(world.verify(self.home / "custody.git").status, 0)

    def test_it_is_ended_and_started_again(self):
        done = self.quarantine("--action", "no-restart,kill")
        acts = {a["do"]: a for a in done.json["acts"]}
        if acts["no-restart"]["ok"]:
            self.assertTrue(acts["kill"]["ok"], str(done))
            self.assertEqual(world.inspect(NAME)["State"]["Running"], False)
        self.assertEqual(self.quarantine("--undo").status, 0)
        self.assertTrue(world.inspect(NAME)["State"]["Running"])
