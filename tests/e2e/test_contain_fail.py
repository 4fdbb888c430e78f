"""capture --then when something goes wrong: no good seal, a failed act, the time limit, our own death."""
import json
import os
import pathlib
import resource
import signal

import containing
import world
from containing import LIGHT, NAME, NETWORK, RESUME_SECONDS, SUBNET
from test_bad_input import faulty
from world import docker, remove, run_container


class ContainFail(containing.Contain):
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
        world.signal_all(world.own_processes(), signal.SIGKILL)     # the lease would tell that engine for a minute
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
        self.assertIn(f"unpause {self.info['Id'][:12]}", done.messages)
        left = capture.bundles()[0]
        self.assertEqual(json.loads((left / "lease.json").read_text())["what"], "kept")
        sealed = world.kanshiki("--home", capture.home, "seal", "--partial", left)
        self.assertEqual(sealed.status, 0, str(sealed))
        self.assertIn('"kept"', (left.with_suffix("") / "journal.ndjson").read_text())
        self.assertIn(world.verify(left.with_suffix("")).status, (0, 5))
        self.undo(done.messages.split("resume it by hand: ")[1].splitlines()[0])
        self.runs()

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
                self.assertEqual(f"docker -H {url} unpause {self.info['Id'][:12]}" in done.messages, paused)
                left = json.loads((capture.bundles()[0] / "lease.json").read_text())
                self.assertEqual((left["by"], left["what"]), ("guard", "kept" if paused else "resumed"))
