"""capture --then: the container is left as the act says, after a good seal and not before, and can be brought back."""
import json
import os
import pathlib
import resource
import signal
import subprocess
import time
import unittest

import test_kill
import world
from test_bad_input import faulty
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
            document = self.then("pause", "--freeze", "never", url=url).json
            self.assertEqual(self.posts(asked), ["containers/ID/pause"])
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

    # --- no good seal, a failed act, the time limit, our own death

    def no_seal(self, *flags):
        self.container(command=("sh", "-c", "dd if=/dev/zero of=/root/big bs=1M count=12 2>/dev/null; echo ready; sleep 100000"))
        world.wait_until(lambda: "ready" in docker("logs", NAME), 30, "12 MB of changes")
        return self.then("kill", *flags, status=1, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20)))

    def test_evidence_that_cannot_be_sealed_means_no_act_and_a_resume(self):
        done = self.no_seal()
        self.assertEqual((self.state()["Status"], self.state()["Pid"]), ("running", self.info["State"]["Pid"]))
        self.assertFalse(world.is_paused(self.info["Id"]))
        self.assertFalse(done.json["act"]["ok"])
        self.assertIn("could not be sealed", done.json["act"]["why"])

    def test_evidence_that_cannot_be_sealed_leaves_it_paused_when_that_was_said(self):
        done = self.no_seal("--on-fail", "stay-paused")
        self.assertTrue(world.is_paused(self.info["Id"]))
        self.assertTrue(self.state()["Paused"])
        self.assertTrue(done.json["act"]["left_paused"])
        self.assertIn("stays paused", done.messages)
        self.undo(done.json["act"]["undo"])
        self.assertFalse(self.state()["Paused"])

    def test_an_engine_that_refuses_the_act_is_1_with_its_words_and_on_fail_decides(self):
        for on_fail, paused in (("resume", False), ("stay-paused", True)):
            with self.subTest(on_fail), faulty({"method": "POST", "path": "/kill$", "do": "status", "arg": 500}) as (url, asked):
                self.container()
                done = self.then("kill", "--on-fail", on_fail, url=url, status=1)
                self.assertEqual(self.posts(asked).count("containers/ID/kill"), 1)
                self.assertIn("a staged fault", done.json["act"]["why"])
                self.assertIn("a staged fault", done.messages)
                self.assertEqual(done.json["status"], "complete")
                event = self.the_act()
                self.as_the_schemas_say(done.json, event)
                self.assertEqual((event["act"]["do"], event["result"]["ok"]), ("kill", False))
                if paused:
                    self.stands_still()
                    self.assertIn(" unpause ", event["act"]["undo"])
                else:
                    self.runs()

    def test_an_act_whose_reply_is_lost_is_done_and_is_not_sent_again(self):
        self.container()
        with faulty({"method": "POST", "path": "/kill$", "do": "lost"}) as (url, asked):
            self.then("kill", url=url)
            self.assertEqual(self.posts(asked).count("containers/ID/kill"), 1)
        self.ended()

    def test_one_network_that_cannot_be_left_is_1_and_the_undo_has_the_other(self):
        docker("network", "create", "--subnet", SUBNET, NETWORK)
        self.container()
        docker("network", "connect", NETWORK, NAME)
        networks = world.inspect(NAME)["NetworkSettings"]["Networks"]
        first, second = sorted(networks)
        with faulty({"method": "POST", "path": f"{networks[second]['NetworkID']}/disconnect", "do": "status", "arg": 500}) as (url, _):
            done = self.then("disconnect", url=url, status=1)
        self.assertEqual(list(world.inspect(NAME)["NetworkSettings"]["Networks"]), [second])
        event = self.the_act()
        self.assertEqual(([n["name"] for n in event["act"]["networks"]], event["result"]["ok"]), ([first], False))
        self.assertIn(f"network connect {first} ", done.json["act"]["undo"])
        self.runs()

    def test_an_engine_that_hangs_at_the_act_does_not_keep_the_container_paused(self):
        self.container()
        with faulty({"method": "POST", "path": "/disconnect$", "do": "silence"}) as (url, _):
            done = self.then("disconnect", url=url, status=1)
        self.assertFalse(done.json["act"]["ok"])
        self.runs()

    def test_one_that_could_not_be_resumed_is_not_said_to_run(self):
        self.container()
        with faulty({"method": "POST", "path": "/(disconnect|unpause)$", "do": "status", "arg": "500"}) as (url, _):
            done = self.then("disconnect", "--depth", "api", "--no-commit", "--quiet", url=url, status=1)
        self.assertNotIn("was let run again", done.messages)
        self.assertIn(f"container {NAME} may still be paused", done.messages)
        for pid in world.own_processes():   # the lease would tell that engine for a minute
            os.kill(pid, signal.SIGKILL)
        docker("unpause", NAME, check=False)

    def test_the_time_limit_is_124_without_an_act_and_on_fail_decides(self):
        for on_fail, paused in (("resume", False), ("stay-paused", True)):
            with self.subTest(on_fail), faulty({"path": "/changes$", "do": "silence"}) as (url, asked):
                self.container()
                done = self.then("kill", "--timeout", "4", "--on-fail", on_fail, url=url, status=124)
                self.assertNotIn("containers/ID/kill", self.posts(asked))
                self.assertEqual((done.json["status"], done.json["act"]["ok"]), ("partial", False))
                if paused:
                    self.stands_still()
                    event = self.the_act()
                    self.assertEqual((event["act"]["do"], event["result"]["ok"]), ("pause", True))
                else:
                    self.runs()

    def test_an_interrupt_is_130_without_an_act_and_the_container_runs(self):
        self.container()
        capture = self.start("--then", "kill")
        self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
        capture.process.send_signal(signal.SIGINT)
        done = capture.end()
        self.assertEqual(done.status, 130, str(done))
        self.assertFalse(done.json["act"]["ok"])
        self.runs()

    def test_a_request_that_was_seen_before_is_no_act_that_was_not_done(self):
        self.container()
        first = world.capture(NAME, *LIGHT, "--request-id", "r1", home=self.home)
        self.assertEqual(first.status, 0, str(first))
        seen = self.then("kill", "--request-id", "r1", status=1)
        self.assertEqual((seen.json["status"], seen.json["exit"], seen.json["seal"]), ("done-before", 1, first.json["seal"]))
        self.assertIn("--then kill was not done", seen.messages)
        self.runs()
        self.then("pause", "--request-id", "r2")
        self.assertEqual(self.then("pause", "--request-id", "r2").json["status"], "done-before")
        self.then("kill", "--request-id", "r2", status=1)
        self.assertEqual(len(list(self.home.glob("bundles/*"))), 2)

    # One that notes a SIGTERM and goes on: the act takes until the engine's SIGKILL.
    STUBBORN = "trap 'echo asked >/root/term' TERM; while :; do sleep 0.1; done"

    def interrupt_while_it_is_asked_to_end(self, capture, info):
        term = pathlib.Path(f"/proc/{info['State']['Pid']}/root/root/term")
        world.wait_until(term.exists, 60, "the container was asked to end")
        capture.process.send_signal(signal.SIGINT)
        return capture.end()

    def test_an_interrupt_in_the_act_loses_neither_the_commit_nor_the_acts_event(self):
        for freeze in ("auto", "never"):
            with self.subTest(freeze=freeze):
                self.container(command=("sh", "-c", self.STUBBORN))
                capture = self.start("--freeze", freeze, "--then", "stop")
                done = self.interrupt_while_it_is_asked_to_end(capture, self.info)
                self.assertEqual(done.status, 130, str(done))
                self.home = capture.home
                self.assertEqual((self.the_act()["act"]["do"], done.json["act"]["ok"]), ("stop", True))
                self.ended()

    def test_an_interrupt_in_the_act_leaves_the_next_container_of_the_command_alone(self):
        self.addCleanup(remove, "c-first")
        first = run_container("c-first", "sh", "-c", self.STUBBORN)
        self.container()
        capture = self.start("--then", "stop", "c-first")
        done = self.interrupt_while_it_is_asked_to_end(capture, first)
        self.assertEqual(done.status, 130, str(done))
        self.assertIn(f"interrupted: not captured, nor acted upon: {NAME}", done.messages)
        self.assertEqual(len(list(capture.home.glob("bundles/*"))), 1)
        self.runs()

    def test_a_hold_that_somebody_else_ends_is_not_told_as_held(self):
        self.container()
        capture = self.start("--then", "pause")
        self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
        capture.process.send_signal(signal.SIGSTOP)
        docker("unpause", NAME)
        capture.process.send_signal(signal.SIGCONT)
        done = capture.end()
        self.assertEqual(done.status, 5, str(done))
        record = json.loads((pathlib.Path(done.json["bundle"]) / "capture.json").read_text())
        self.assertNotIn("held", record["freeze"])
        self.assertGreater(record["freeze"]["total_ns"], 0)
        gaps = [json.loads(g) for g in (pathlib.Path(done.json["bundle"]) / "gaps.ndjson").read_text().splitlines()]
        self.assertIn(("pause", "changed"), [(g.get("what"), g.get("code")) for g in gaps])
        self.assertTrue(done.json["act"]["ok"])
        self.stands_still()

    def test_a_killed_conductor_lets_the_container_run_again(self):
        self.container()
        capture = self.start("--then", "kill")
        self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
        capture.process.kill()
        capture.end()
        world.wait_until(lambda: not world.is_paused(self.info["Id"]), RESUME_SECONDS, "the container's freezer is open")
        self.runs()

    def test_a_killed_conductor_leaves_it_paused_when_that_was_said_and_says_so(self):
        self.container()
        capture = self.start("--then", "kill", "--on-fail", "stay-paused")
        self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
        capture.process.kill()
        done = capture.end()
        world.wait_until(lambda: not world.own_processes(), RESUME_SECONDS, "the lease has ended")
        self.stands_still()
        self.assertIn(f"docker unpause {self.info['Id'][:12]}", done.messages)
        left = capture.bundles()[0]
        self.assertEqual(json.loads((left / "lease.json").read_text())["what"], "kept")
        sealed = world.kanshiki("--home", capture.home, "seal", "--partial", left)
        self.assertEqual(sealed.status, 0, str(sealed))
        self.assertIn('"kept"', (left.with_suffix("") / "journal.ndjson").read_text())
        self.assertIn(world.verify(left.with_suffix("")).status, (0, 5))

    def test_a_conductor_that_is_killed_at_the_act_leaves_the_sealed_bundle_whole(self):
        for on_fail, paused in (("resume", False), ("stay-paused", True)):
            with self.subTest(on_fail), faulty({"method": "POST", "path": "/disconnect$", "do": "silence"}) as (url, asked):
                self.container()
                capture = self.start("--then", "disconnect", "--on-fail", on_fail, url=url)
                world.wait_until(lambda: any(a.endswith("/disconnect") for a in asked()), 60, "the act is asked for")
                capture.process.kill()
                capture.end()
                world.wait_until(lambda: not world.own_processes(), 15, "the lease has ended")
                self.assertEqual(world.is_paused(self.info["Id"]), paused)
                bundle = capture.bundles()[0]
                self.assertFalse((bundle / "lease.json").exists())
                self.assertEqual(world.verify(bundle).status, 0)

    def test_a_killed_lease_means_no_act_and_on_fail_decides(self):
        for on_fail, paused in (("resume", False), ("stay-paused", True)):
            with self.subTest(on_fail), faulty({"path": "/changes$", "do": "silence"}) as (url, asked):
                self.container()
                capture = self.start("--then", "kill", "--on-fail", on_fail, "--timeout", "20", url=url)
                self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
                lease = [pid for pid, is_lease in capture.children().items() if is_lease]
                os.kill(lease[0], signal.SIGKILL)
                done = capture.end()
                self.assertNotIn("containers/ID/kill", self.posts(asked))
                self.assertFalse(done.json["act"]["ok"])
                self.assertEqual(world.is_paused(self.info["Id"]), paused)

    def test_a_killed_lease_and_a_killed_conductor_leave_it_paused_when_that_was_said(self):
        for on_fail, paused in (("resume", False), ("stay-paused", True)):
            with self.subTest(on_fail), faulty({"path": "/changes$", "do": "silence"}) as (url, _):
                self.container()
                capture = self.start("--then", "kill", "--on-fail", on_fail, url=url)
                self.assertTrue(capture.wait_for(lambda j: b'"paused"' in j))
                lease = [pid for pid, is_lease in capture.children().items() if is_lease]
                capture.process.send_signal(signal.SIGSTOP)
                os.kill(lease[0], signal.SIGKILL)
                capture.process.kill()
                done = capture.end()
                world.wait_until(lambda: not world.own_processes(), 15, "the guard has ended")
                self.assertEqual(world.is_paused(self.info["Id"]), paused)
                self.assertEqual(f"docker unpause {self.info['Id'][:12]}" in done.messages, paused)
                left = json.loads((capture.bundles()[0] / "lease.json").read_text())
                self.assertEqual((left["by"], left["what"]), ("guard", "kept" if paused else "resumed"))

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
