"""capture --then: the container is left as the act says, after a good seal and not before, and can be brought back."""
import pathlib

import containing
import world
from containing import ADDRESS, LIGHT, NAME, NETWORK, SUBNET
from test_bad_input import faulty
from world import docker


class Contain(containing.Contain):
    # --- each act, its truth, its undo, and done once more

    def test_pause_leaves_it_paused_and_the_printed_command_resumes_it(self):
        self.container()
        document = self.then("pause").json
        self.stands_still()
        self.assertEqual((document["act"]["ok"], document["act"]["before"], document["act"]["after"]), (True, "running", "paused"))
        event = self.the_act()
        self.assertEqual((event["act"]["do"], event["result"]), ("pause", {"ok": True, "errors": []}))
        self.assertEqual(event["what"][0]["seal"], document["seal"])
        self.assertEqual([e["type"] for e in self.events()], ["collect", "act"])
        self.as_the_schemas_say(document, event)
        log = world.kanshiki("--home", self.home, "custody", "log").text.splitlines()[1]
        self.assertTrue(log.endswith(f"pause, undo: {document['act']['undo']}"), log)
        self.assertEqual(world.verify(document["bundle"]).status, 0)
        again = self.then("pause").json
        self.assertTrue(again["act"]["already"])
        self.assertEqual(again["act"]["impact"], [])
        self.assertTrue(self.the_act()["act"]["already"])
        self.stands_still()
        self.undo(document["act"]["undo"])
        self.runs()

    def test_what_is_collected_before_a_pause_that_stays_is_frozen_throughout(self):
        self.container()
        document = self.then("pause").json
        bundle = world.Bundle(document["bundle"])
        self.assertEqual({r["frozen"] for r in bundle.rows("processes/processes.ndjson")}, {True})
        self.assertEqual({r["frozen"] for r in bundle.rows("filesystem/changes.ndjson")}, {True})
        self.assertNotIn("resumed", [r.get("what") for r in bundle.lines("journal.ndjson")])
        capture = bundle.json("capture.json")
        self.assertTrue(capture["freeze"]["held"])
        self.assertIn("held paused for --then", [s["why"].split(":")[0] for s in capture["scope"] if s["what"] == "members"])
        self.assertFalse((bundle.path / "data/engine-after/members.ndjson").exists())
        self.assertGreater(document["freeze"]["ms"], 0)

    def test_disconnect_takes_it_off_all_networks_and_the_printed_command_brings_them_back(self):
        docker("network", "create", "--subnet", SUBNET, NETWORK)
        self.container()
        docker("network", "connect", "--ip", ADDRESS, "--alias", "db", NETWORK, NAME)
        before = world.inspect(NAME)["NetworkSettings"]["Networks"]
        self.assertEqual(set(before), {"bridge", NETWORK})
        document = self.then("disconnect").json
        act = document["act"]
        self.as_the_schemas_say(document, self.the_act())
        self.assertEqual(world.inspect(NAME)["NetworkSettings"]["Networks"], {})
        devices = pathlib.Path(f"/proc/{self.info['State']['Pid']}/net/dev").read_text()
        self.assertEqual([line.split(":")[0].strip() for line in devices.splitlines()[2:]], ["lo"])
        self.runs()
        recorded = {n["name"]: n for n in self.the_act()["act"]["networks"]}
        self.assertEqual(set(recorded), set(before))
        for name, network in before.items():
            self.assertEqual((recorded[name]["id"], recorded[name]["ip"], recorded[name]["mac"]),
                             (network["NetworkID"], network["IPAddress"], network["MacAddress"]))
        self.assertEqual((recorded[NETWORK]["aliases"], recorded[NETWORK]["fixed"]), (["db"], {"ip": ADDRESS}))
        self.assertIn(f"network {NETWORK} detached", self.the_act()["impact"])
        self.assertIn("connections that were open", act["lost"])
        again = self.then("disconnect").json["act"]
        self.assertEqual((again["already"], again["undo"]), (True, ""))
        self.runs()
        self.undo(act["undo"])
        after = world.inspect(NAME)["NetworkSettings"]["Networks"]
        self.assertEqual(set(after), set(before))
        self.assertEqual(after[NETWORK]["IPAddress"], ADDRESS)
        self.assertIn("db", after[NETWORK]["Aliases"])

    def test_kill_ends_it_without_running_its_handler_and_the_printed_command_starts_it(self):
        self.container()
        document = self.then("kill").json
        self.ended()
        self.assertEqual(self.state()["ExitCode"], 137)
        self.assertEqual(docker("diff", NAME).count("/root/term"), 0)
        self.assertEqual((self.the_act()["act"]["do"], self.the_act()["act"]["after"]), ("kill", "exited"))
        self.assertTrue(self.then("kill").json["act"]["already"])
        self.undo(document["act"]["undo"])
        self.assertEqual(self.state()["Status"], "running")

    def test_stop_runs_its_handler_and_the_printed_command_starts_it(self):
        self.container()
        document = self.then("stop").json
        self.ended()
        self.assertIn("/root/term", docker("diff", NAME))
        self.assertEqual(self.the_act()["act"]["do"], "stop")
        self.assertTrue(self.then("stop").json["act"]["already"])
        self.undo(document["act"]["undo"])
        self.assertEqual(self.state()["Status"], "running")

    def test_a_capture_with_an_act_sends_one_pause_and_the_act(self):
        want = {"pause": ["containers/ID/pause"], "kill": ["containers/ID/pause", "containers/ID/kill"],
                "stop": ["containers/ID/pause", "containers/ID/unpause", "containers/ID/stop?t=10"]}
        for act, posts in want.items():
            with self.subTest(act), faulty() as (url, asked):
                self.container()
                self.then(act, url=url)
                self.assertEqual(self.posts(asked), posts)

    def test_a_container_found_paused_is_killed_and_stays_paused_after_disconnect(self):
        self.container()
        docker("pause", NAME)
        self.then("disconnect")
        self.assertEqual(world.inspect(NAME)["NetworkSettings"]["Networks"], {})
        self.stands_still()
        self.then("kill")
        self.ended()

    def test_without_a_pause_before_the_act_is_done_all_the_same(self):
        self.container()
        with faulty() as (url, asked):
            done = world.capture(NAME, *LIGHT, "--freeze", "never", "--then", "pause", home=self.home, url=url)
            self.assertEqual(self.posts(asked), ["containers/ID/pause"])
        # What counts forks all the time: a process that ends while it is read live is a gap.
        document = done.json
        lost = [g for g in document["gaps"] if g["code"] != "not-applicable"]
        self.assertEqual({(g["collector"], g["code"]) for g in lost} - {("processes", "vanished")}, set())
        self.assertEqual(done.status, 5 if lost else 0, str(done))
        self.assertFalse(document["freeze"]["paused_by_us"])
        self.stands_still()

    def test_with_only_the_engine_to_ask_its_pause_is_held_until_the_act(self):
        self.container()
        document = self.then("pause", "--depth", "api").json
        self.assertEqual((document["depth"], document["freeze"]["paused_by_us"]), ("api-only", True))
        self.stands_still()
        self.undo(document["act"]["undo"])
        self.then("kill", "--depth", "api")
        self.ended()

    def test_without_a_commit_the_act_is_told_in_the_output_alone(self):
        self.container()
        done = world.kanshiki("-H", world.engine().url, "--home", self.home, "capture", *LIGHT, "--then", "pause", "--no-commit", NAME)
        self.assertEqual(done.status, 0, str(done))
        last = done.text.splitlines()[-1]
        self.assertIn(f"container {NAME} is paused and stays so; undo: docker -H {world.engine().url} unpause {self.info['Id'][:12]}", last)
        self.assertIn("in no custody event", last)
        self.stands_still()

    # --- refused before anything is paused

    def refused(self, act, *words):
        with faulty() as (url, asked):
            done = self.then(act, status=8, url=url)
            self.assertEqual(self.posts(asked), [])
        for word in words:
            self.assertIn(word, done.messages)
        self.assertEqual(list(self.home.glob("bundles/*")), [])
        self.assertEqual(self.state()["Status"], "running")

    def test_kill_and_stop_of_one_that_removes_itself_are_refused_but_for_the_word(self):
        self.container("--rm")
        for act in ("kill", "stop"):
            self.refused(act, "--rm", "--yes-loses-original")
        document = self.then("kill", "--yes-loses-original").json
        world.wait_until(lambda: not docker("ps", "-aq", "--filter", f"name=^{NAME}$"), 10, "the engine has removed it")
        self.assertEqual(document["act"]["undo"], "")
        self.assertEqual(self.the_act()["act"]["do"], "kill")

    def test_kill_of_a_task_of_swarm_is_refused_and_pause_is_not(self):
        self.container("--label", "com.docker.swarm.task.id=abc")
        self.refused("kill", "Swarm")
        self.then("pause")
        self.stands_still()

    def test_the_hosts_network_cannot_be_disconnected_and_none_is_done_already(self):
        self.container("--network", "host")
        self.refused("disconnect", "host's own network")
        self.container("--network", "none")
        self.assertTrue(self.then("disconnect").json["act"]["already"])
        self.runs()

    def test_words_of_an_act_without_an_act_are_usage(self):
        for flags in (("--on-fail", "resume"), ("--yes-loses-original",), ("--then", "explode"), ("--then", "pause", "--on-fail", "x")):
            done = world.capture(NAME, *flags, home=self.home)
            self.assertEqual(done.status, 2, str(done))

    # --- the freezer behind the engine's back: what stays is the engine's, or says how it is opened

    def test_a_pause_by_the_kernel_becomes_the_engines_when_it_stays(self):
        self.container()
        document = self.then("pause", "--freeze", "cgroup").json
        self.assertEqual(document["freeze"]["by"], "cgroup")
        self.stands_still()
        self.undo(self.the_act()["act"]["undo"])
        self.runs()

    def test_held_by_the_kernel_each_act_is_done(self):
        for act, status in (("kill", "exited"), ("stop", "exited"), ("disconnect", "running")):
            with self.subTest(act):
                self.container()
                document = self.then(act, "--freeze", "cgroup").json
                self.assertEqual((document["freeze"]["by"], document["act"]["ok"]), ("cgroup", True))
                self.assertEqual(self.state()["Status"], status)
                self.assertFalse(world.is_paused(self.info["Id"]))

    def test_what_the_kernel_alone_holds_is_opened_by_the_printed_command(self):
        self.container()
        with faulty({"method": "POST", "path": "/kill$", "do": "status", "arg": 500}) as (url, _):
            done = self.then("kill", "--freeze", "cgroup", "--on-fail", "stay-paused", url=url, status=1)
        self.assertTrue(world.is_paused(self.info["Id"]))
        self.assertIn("stays paused", done.messages)
        self.undo(done.json["act"]["undo"])
        self.runs()
