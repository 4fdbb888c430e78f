"""quarantine when something goes wrong between and during its steps: a status, a line each, and a rerun that completes."""
import json
import os
import signal
import subprocess
import time

import quarantining
import world
from containing import LIGHT, NAME, NETWORK
from test_bad_input import faulty
from world import docker


class QuarantineFail(quarantining.Quarantine):
    def lines(self, done):
        container, evidence = done.text.splitlines()[-2:]
        self.assertTrue(container.startswith("container "), done.text)
        self.assertTrue(evidence.startswith("evidence: "), done.text)
        return container, evidence

    def contained(self):
        self.stands_still()
        self.assertEqual(world.inspect(NAME)["NetworkSettings"]["Networks"], {})
        self.assertEqual(world.verify(self.home / "custody.git").status, 0)

    def beside(self, *flags, url=None):
        """A run in a process of its own, in its own session."""
        argv = [str(world.KANSHIKI), "-H", url or world.engine().url, "--home", str(self.home), "-q", "quarantine", "--yes", *LIGHT, *flags, NAME]
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=world.environment())

    # --- killed at a step: what was done is known, and a rerun does the rest

    def killed_at(self, path, action="pause,disconnect,label", method="POST", do="silence"):
        """SIGKILL to the run when the engine is asked for this; silence: the engine never hears it; lost: it does it."""
        self.container()
        self.request = "r1"
        with faulty({"method": method, "path": path, "do": do}) as (url, asked):
            run = self.beside("--request-id", self.request, "--action", action, url=url)
            world.wait_until(lambda: any(a.startswith(f"{method} ") and path.strip("$") in a for a in asked()), 60, f"asked for {path}")
            time.sleep(0.3)     # an engine that does it, does it by now
            run.kill()
            run.communicate()
        world.wait_until(lambda: not world.own_processes(), 15, "no process of ours is left")
        return self.quarantine("--request-id", self.request, "--action", action).json

    def test_killed_before_the_disconnect_it_stays_paused_and_a_rerun_does_the_rest_of_the_same_evidence(self):
        document = self.killed_at("/disconnect$")
        self.assertTrue(document["repeated"])
        self.assertEqual(len(list(self.home.glob("bundles/*"))), 1)
        self.assertEqual([(a["do"], a["ok"], a.get("before_this_run")) for a in document["acts"]],
                         [("pause", True, True), ("disconnect", True, None), ("label", True, None)])
        self.assertEqual(world.inspect(quarantining.MARKED)["NetworkSettings"]["Networks"], {})
        self.assertTrue(world.is_paused(self.info["Id"]))

    def test_killed_after_the_engine_did_it_and_before_its_event_the_undo_is_known_all_the_same(self):
        docker("network", "create", NETWORK)
        self.container()
        docker("network", "connect", "--alias", "db", NETWORK, NAME)
        before = set(world.inspect(NAME)["NetworkSettings"]["Networks"])
        with faulty({"method": "POST", "path": "/disconnect$", "do": "lost"}) as (url, asked):
            run = self.beside("--request-id", "r1", url=url)
            world.wait_until(lambda: any("disconnect" in a for a in asked()), 60, "asked to disconnect")
            world.wait_until(lambda: set(world.inspect(NAME)["NetworkSettings"]["Networks"]) != before, 30, "a network is gone")
            run.kill()
            run.communicate()
        world.wait_until(lambda: not world.own_processes(), 15, "no process of ours is left")
        document = self.quarantine("--request-id", "r1").json
        act = document["acts"][1]
        self.assertEqual((act["do"], act["ok"]), ("disconnect", True))
        self.assertEqual({n["name"] for n in act["networks"]}, before)
        self.contained()
        self.quarantine("--undo")
        after = world.inspect(NAME)["NetworkSettings"]["Networks"]
        self.assertEqual(set(after), before)
        self.assertIn("db", after[NETWORK]["Aliases"])

    def test_killed_while_it_collects_a_rerun_captures_anew(self):
        document = self.killed_at("/networks$", "pause", method="GET")
        self.assertFalse(document["repeated"])
        self.stands_still()

    def test_sealed_and_not_committed_is_taken_up_and_not_captured_again(self):
        self.container()
        home = self.home
        lock = home / "custody.git" / "refs" / "heads" / "main.lock"
        self.quarantine("--request-id", "r0", "--action", "no-restart")     # a home that is there
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
        first = self.run_it(*LIGHT, "--request-id", "r1", json_too=False)
        self.assertEqual(first.status, 1, str(first))
        container, evidence = self.lines(first)
        self.assertIn("paused, on no network", container)
        self.assertIn("in no chain", evidence)
        lock.unlink()
        document = self.quarantine("--request-id", "r1").json
        self.assertEqual(len(list(home.glob("bundles/*"))), 2)
        self.assertEqual([(a["do"], a.get("since_seal")) for a in document["acts"]], [("pause", True), ("disconnect", True)])
        self.contained()
        self.quarantine("--undo")
        self.assertIn("bridge", world.inspect(NAME)["NetworkSettings"]["Networks"])
        self.runs()

    # --- the engine hangs, refuses, lies, restarts

    def test_an_act_that_the_engine_refuses_is_1_the_others_are_done_and_a_rerun_completes(self):
        self.container()
        with faulty({"method": "POST", "path": "/disconnect$", "do": "status", "arg": 500}) as (url, _):
            done = self.run_it(*LIGHT, "--request-id", "r1", "--action", "pause,disconnect,label", url=url, json_too=False)
        self.assertEqual(done.status, 1, str(done))
        self.assertIn("disconnect was NOT done", done.text)
        container, evidence = self.lines(done)
        self.assertIn("paused, on network bridge", container)
        self.assertIn("verified", evidence)
        document = self.quarantine("--request-id", "r1", "--action", "pause,disconnect,label").json
        self.assertEqual([(a["do"], a["ok"]) for a in document["acts"]], [("pause", True), ("disconnect", True), ("label", True)])

    def test_an_engine_that_hangs_at_an_act_leaves_it_paused_with_status_1(self):
        self.container()
        with faulty({"method": "POST", "path": "/disconnect$", "do": "silence"}) as (url, _):
            done = self.run_it(*LIGHT, "--request-id", "r1", url=url, json_too=False)
        self.assertEqual(done.status, 1, str(done))
        self.assertTrue(world.is_paused(self.info["Id"]))
        self.lines(done)
        self.quarantine("--request-id", "r1")
        self.contained()

    def test_what_stays_paused_because_no_act_was_done_is_told_with_the_command_that_resumes_it(self):
        self.container()
        with faulty({"method": "POST", "path": "/disconnect$", "do": "status", "arg": 500}) as (url, _):
            done = self.quarantine("--action", "disconnect", "--on-fail", "stay-paused", url=url, status=1)
        self.stands_still()
        self.assertRegex(done.messages, rf"it stays paused.*; undo: docker .*unpause {self.info['Id'][:12]}")
        docker("unpause", NAME)

    def test_an_engine_that_says_done_and_did_not_is_not_believed(self):
        self.container()
        with faulty({"method": "POST", "path": "/(disconnect|update|rename)", "do": "empty"}) as (url, _):
            done = self.quarantine("--request-id", "r1", "--action", "pause,disconnect,label", url=url, status=1)
        self.assertEqual([(a["do"], a["ok"]) for a in done.json["acts"]], [("pause", True), ("disconnect", False), ("label", False)])
        self.quarantine("--request-id", "r1")
        self.contained()

    def test_a_name_that_no_container_can_have_is_3_and_the_engine_is_not_asked_for_it(self):
        with faulty() as (url, asked):
            for name in ("a/b", "a b", "a\nb", "../x", "x?all=1", "%2e"):
                for flags in ((), ("--undo",)):
                    with self.subTest(name, flags=flags):
                        done = self.quarantine(*flags, name=name, url=url, status=3)
                        self.assertIn("no", done.json["error"])
            self.assertEqual([a for a in asked() if "/containers/" in a and "json?" not in a], [])

    def test_an_engine_that_is_not_there_is_4_with_both_lines(self):
        done = world.kanshiki("-H", "unix:///nonexistent/docker.sock", "--home", self.home, "quarantine", "--yes", NAME)
        self.assertEqual(done.status, 4, str(done))
        container, evidence = self.lines(done)
        self.assertIn("unknown", container)
        self.assertEqual(evidence, "evidence: none")

    def test_an_engine_that_drops_the_connection_during_an_act_is_1_and_a_rerun_completes(self):
        self.container()
        with faulty({"method": "POST", "path": "/disconnect$", "do": "close"}) as (url, _):
            done = self.run_it(*LIGHT, "--request-id", "r1", url=url)
        self.assertEqual(done.status, 1, str(done))
        self.quarantine("--request-id", "r1")
        self.contained()

    # --- the container exits, restarts, is removed

    def test_one_that_ends_while_it_is_captured_is_told_and_the_evidence_is_kept(self):
        self.container()
        with faulty({"method": "POST", "path": "/disconnect$", "do": "run", "arg": self.client(f"kill {NAME}")}) as (url, _):
            done = self.run_it(*LIGHT, url=url, json_too=False)
        container, evidence = self.lines(done)
        self.assertIn("exited", container)
        self.assertIn("sealed, signed", evidence)
        self.assertIn(done.status, (0, 1))
        self.assertEqual(world.inspect(NAME)["NetworkSettings"]["Networks"], {})

    def client(self, words):
        engine = world.engine()
        return f"DOCKER_HOST={engine.url} {' '.join(engine.client)} {words} >/dev/null 2>&1"

    def test_one_that_is_removed_between_the_steps_is_gone_and_the_evidence_stands(self):
        self.container()
        with faulty({"method": "POST", "path": "/disconnect$", "do": "run", "arg": self.client(f"rm -f {NAME}")}) as (url, _):
            done = self.run_it(*LIGHT, "--request-id", "r1", url=url, json_too=False)
        container, evidence = self.lines(done)
        self.assertIn("gone", container)
        self.assertIn("sealed, signed", evidence)
        again = self.run_it(*LIGHT, "--request-id", "r1", json_too=False)
        self.assertIn("gone", self.lines(again)[0])
        self.assertIn("sealed, signed", self.lines(again)[1])
        undo = self.run_it("--undo")
        self.assertEqual(undo.status, 3, str(undo))
        self.assertIn("what is gone cannot be brought back", undo.messages)

    def test_one_that_was_restarted_is_another_quarantine(self):
        self.container()
        first = self.quarantine("--action", "kill").json
        docker("start", NAME)
        second = self.quarantine("--action", "kill").json
        self.assertNotEqual(second["evidence"]["seal"], first["evidence"]["seal"])
        self.assertEqual(self.state()["Status"], "exited")

    # --- two at once, a full disk, signals

    def test_two_runbooks_at_once_on_one_container_are_one_capture_and_one_receipt(self):
        self.container()
        runs = [self.beside("--request-id", "r1") for _ in range(3)]
        ends = [r.communicate(timeout=world.MAX_SECONDS) + (r.returncode,) for r in runs]
        self.assertEqual([e[2] for e in ends], [0, 0, 0], ends)
        self.assertEqual(len(list(self.home.glob("bundles/*"))), 1)
        self.assertEqual(len({e[0].decode().splitlines()[-1].split(", verified")[0].split(";")[0] for e in ends}), 1, ends)
        self.assertEqual(self.types(), ["collect", "verify", "pause", "disconnect"])
        self.contained()

    def test_two_captures_of_one_request_at_once_are_one_bundle(self):
        self.container()
        argv = [str(world.KANSHIKI), *map(str, world.capture_argv(NAME, *LIGHT, "--request-id", "r1", home=self.home))]
        runs = [subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=world.environment())
                for _ in range(3)]
        ends = [r.communicate(timeout=world.MAX_SECONDS) for r in runs]
        self.assertEqual([r.returncode for r in runs], [0, 0, 0], ends)
        documents = [json.loads(out) for out, _ in ends]
        self.assertEqual(len({d["seal"] for d in documents}), 1, documents)
        self.assertEqual(sorted(d["status"] for d in documents), ["complete", "done-before", "done-before"])
        self.assertEqual(len(list(self.home.glob("bundles/*"))), 1)

    def test_who_waits_for_another_says_for_whom(self):
        self.container()
        with faulty({"method": "POST", "path": "/disconnect$", "do": "silence"}) as (url, asked):
            first = self.beside("--request-id", "r1", url=url)
            world.wait_until(lambda: any("disconnect" in a for a in asked()), 60, "asked to disconnect")
            second = self.run_it(*LIGHT, "--request-id", "r2", "--timeout", "2")
            self.assertEqual(second.status, 8, str(second))
            self.assertIn(f"waiting for another kanshiki, process {first.pid}", second.messages)
            first.kill()
            first.communicate()

    def test_a_disk_that_is_full_means_no_act_and_a_container_that_runs(self):
        self.container()
        docker("exec", NAME, "dd", "if=/dev/urandom", "of=/root/big", "bs=1M", "count=90")
        disk = world.new_directory("small")
        world.sh("mount", "-t", "tmpfs", "-o", "size=80m,mode=0700", "none", disk)
        try:
            done = self.run_it(*LIGHT, "--request-id", "r1", home=disk / "home", json_too=False)
            self.assertEqual(done.status, 1, str(done))
            container, evidence = self.lines(done)
            self.assertIn("running", container)
            self.assertTrue(evidence.startswith("evidence: unsealed, in "), evidence)
            self.runs()
            world.sh("mount", "-o", "remount,size=400m", disk)
            again = self.run_it(*LIGHT, "--request-id", "r1", home=disk / "home", json_too=False)
            self.assertEqual(again.status, 0, str(again))
            self.stands_still()
        finally:
            world.sh("umount", "-l", disk)

    def test_a_bundle_that_was_altered_gets_no_act(self):
        self.container()
        self.quarantine("--request-id", "r1", "--action", "no-restart")
        bundle = next(self.home.glob("bundles/*"))
        victim = bundle / "data/engine/inspect.json"
        os.chmod(victim, 0o600)
        victim.write_bytes(victim.read_bytes().replace(b"c-web", b"c-wex"))
        done = self.quarantine("--request-id", "r1", "--action", "no-restart,pause", status=7)
        self.assertIn("does not verify", done.messages)
        self.assertEqual(done.json["evidence"]["verified"], "tampered")
        self.runs()

    def test_an_interrupt_seals_what_is_there_does_no_act_and_lets_it_run(self):
        self.container()
        with faulty({"path": "/images/.*/json$", "do": "silence"}) as (url, asked):
            run = self.beside("--request-id", "r1", url=url)
            world.wait_until(lambda: any(a.endswith("/pause") for a in asked()), 60, "it is paused")
            run.send_signal(signal.SIGINT)
            out, err = run.communicate(timeout=world.MAX_SECONDS)
        self.assertEqual(run.returncode, 130, err)
        container, evidence = out.decode().splitlines()[-2:]
        self.assertIn("running", container)
        self.assertIn("sealed", evidence)
        self.runs()

    def test_the_freezer_alone_holds_it_where_that_was_asked_for(self):
        self.container()
        self.quarantine("--freeze", "cgroup", "--action", "pause,disconnect")
        self.contained()
        self.quarantine("--undo")
        self.runs()


    # --- asked again with something else

    def test_an_act_that_loses_the_original_is_refused_for_a_request_that_was_seen_as_well(self):
        self.container("--rm")
        self.quarantine("--request-id", "r1", "--action", "pause")
        done = self.quarantine("--request-id", "r1", "--action", "pause,kill", status=8)
        self.assertIn("--yes-loses-original", done.messages)
        self.stands_still()
        self.assertEqual(self.types(), ["collect", "verify", "pause"])

    def test_evidence_that_is_not_where_it_was_gets_no_act(self):
        self.container()
        self.quarantine("--request-id", "r1", "--action", "no-restart")
        bundle = next(self.home.glob("bundles/*"))
        bundle.rename(self.home / "elsewhere")
        done = self.quarantine("--request-id", "r1", "--action", "no-restart,pause", status=3)
        self.assertIn("is not in", done.messages)
        self.assertIn("not found", done.json["evidence"]["words"])
        self.runs()
        self.quarantine("--request-id", "r1", "--action", "no-restart", status=5)
        (self.home / "elsewhere").rename(bundle)
        self.quarantine("--request-id", "r1", "--action", "no-restart,pause")
        self.stands_still()

    def test_what_was_missing_in_the_evidence_is_told_by_its_status_each_time(self):
        self.container()
        with faulty({"path": "/changes$", "do": "status", "arg": 500}) as (url, _):
            self.quarantine("--request-id", "r1", url=url, status=5)
        self.quarantine("--request-id", "r1", status=5)
        self.contained()

    def test_a_dry_run_of_an_undo_is_usage_and_takes_nothing_back(self):
        self.container()
        self.quarantine("--action", "pause")
        self.assertEqual(self.run_it("--undo", "--dry-run").status, 2)
        self.stands_still()

    def test_the_undo_of_a_request_that_never_was_is_3(self):
        self.container()
        self.quarantine("--request-id", "r1", "--action", "pause")
        done = self.run_it("--undo", "--request-id", "r11")
        self.assertEqual(done.status, 3, str(done))
        self.assertIn("no act on", done.messages)
        self.stands_still()

    def test_a_name_that_two_marked_containers_had_is_ambiguous_and_neither_is_let_go(self):
        self.container()
        first = self.info["Id"]
        self.quarantine("--action", "pause,label")
        self.container()
        self.quarantine("--action", "pause,label", name=self.info["Id"])
        try:
            done = self.run_it("--undo")
            self.assertEqual(done.status, 2, str(done))
            self.assertIn(first[:12], done.messages)
            self.assertIn(self.info["Id"][:12], done.messages)
            self.assertTrue(world.is_paused(first))
            docker("unpause", first)
            docker("rm", "-f", first)
            self.quarantine("--undo")   # one is left that was called so
            self.runs()
        finally:
            docker("rm", "-f", self.info["Id"])

    def test_a_name_of_240_characters_is_marked_found_again_and_given_back(self):
        name = "n" * 240
        info = world.run_container(name, "sleep", "1000")
        try:
            self.quarantine("--request-id", "r1", "--action", "pause,label", name=name)
            self.quarantine("--request-id", "r1", "--action", "pause,label", name=name)
            self.quarantine("--undo", name=name)
            self.assertEqual(world.inspect(info["Id"])["Name"], f"/{name}")
        finally:
            docker("rm", "-f", info["Id"])

    def test_a_container_that_is_named_like_the_id_of_another_is_not_taken_for_it(self):
        self.container()
        self.quarantine("--request-id", "r1", "--action", "no-restart")
        short = self.info["Id"][:12]
        decoy = docker("run", "-d", "--name", short, world.IMAGE, "sleep", "1000")
        try:
            self.quarantine("--request-id", "r1", "--action", "no-restart,pause", name=short)
            self.assertFalse(world.is_paused(decoy))
            self.stands_still()
        finally:
            docker("rm", "-f", decoy)

    def test_one_document_also_where_it_is_refused(self):
        self.container()
        for flags in ((), ("--undo",), ("--request-id", "r1")):
            with self.subTest(flags):
                if flags and flags[0] == "--request-id":
                    self.quarantine(*flags, "--action", "no-restart")
                done = self.run_it(*LIGHT, *flags, yes=False)
                self.assertEqual(done.status, 8, str(done))
                self.schema(done.json)
                self.assertEqual(done.json["exit"], 8)
        self.runs()
