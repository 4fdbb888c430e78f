"""quarantine: captured, verified, contained, each act an event; repeatable, and taken back from what the chain tells."""
import os
import pty
import re
import subprocess

import quarantining
import world
from containing import ADDRESS, LIGHT, NAME, NETWORK, SUBNET
from quarantining import MARKED
from world import docker

LAST = re.compile(rf"^container {NAME}\S* \([0-9a-f]{{12}}\): (.*)$")


class Quarantine(quarantining.Quarantine):
    # --- the acts, in their order, and the way back

    def test_by_default_it_is_paused_and_off_its_networks_after_a_verified_capture(self):
        self.two_networks()
        document = self.quarantine().json
        self.stands_still()
        self.assertEqual(world.inspect(NAME)["NetworkSettings"]["Networks"], {})
        self.assertEqual(self.acts(document), [("pause", True), ("disconnect", True)])
        self.assertEqual(self.types(), ["collect", "verify", "pause", "disconnect"])
        self.assertEqual(document["evidence"]["verified"], "verified")
        self.assertEqual(world.verify(document["evidence"]["bundle"], "--seal", document["evidence"]["seal"]).status, 0)
        self.assertEqual(world.verify(self.home / "custody.git").status, 0)
        self.assertEqual(document["container"]["words"].split(": ", 1)[1], "paused, on no network, restart policy on-failure")
        rows = world.Bundle(document["evidence"]["bundle"]).rows("processes/processes.ndjson")
        self.assertEqual({r["frozen"] for r in rows}, {True})

    def test_acts_are_done_in_one_order_whatever_order_they_are_asked_for_in(self):
        self.two_networks()
        document = self.quarantine("--action", "label,stop,no-restart,disconnect,pause").json
        self.assertEqual([a["do"] for a in document["acts"]], ["pause", "disconnect", "no-restart", "stop", "label"])
        self.assertEqual(self.types()[2:], ["pause", "disconnect", "no-restart", "stop", "label"])
        info = world.inspect(MARKED)
        self.assertEqual((info["Id"], info["State"]["Status"]), (self.info["Id"], "exited"))
        self.assertEqual(info["HostConfig"]["RestartPolicy"], {"Name": "no", "MaximumRetryCount": 0})

    def test_undo_brings_back_name_restart_policy_networks_with_aliases_and_chosen_addresses_and_lets_it_run(self):
        before = self.two_networks()
        self.quarantine("--action", "pause,disconnect,no-restart,label")
        document = self.quarantine("--undo").json
        self.assertEqual([a["do"] for a in document["acts"]], ["rename", "restart-policy", "connect", "resume"])
        self.runs()
        info = world.inspect(NAME)
        self.assertEqual(info["HostConfig"]["RestartPolicy"], {"Name": "on-failure", "MaximumRetryCount": 3})
        after = info["NetworkSettings"]["Networks"]
        self.assertEqual(set(after), set(before))
        self.assertEqual(after[NETWORK]["IPAddress"], ADDRESS)
        self.assertIn("db", after[NETWORK]["Aliases"])
        seq = {e["act"]["do"]: e["seq"] for e in self.events() if e["type"] == "act"}
        self.assertEqual({a["do"]: a["of"] for a in document["acts"]},
                         {"rename": seq["label"], "restart-policy": seq["no-restart"], "connect": seq["disconnect"], "resume": seq["pause"]})
        self.assertEqual(world.verify(self.home / "custody.git").status, 0)
        again = self.quarantine("--undo").json
        self.assertEqual((again["acts"], again["repeated"]), ([], True))

    def test_undo_tells_the_address_and_the_mac_address_that_it_could_not_bring_back(self):
        docker("network", "create", "--subnet", SUBNET, NETWORK)
        self.container("--network", NETWORK)
        old = world.inspect(NAME)["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
        self.quarantine()
        squatter = docker("run", "-d", "--network", NETWORK, "--ip", old, world.IMAGE, "sleep", "1000")
        try:
            done = self.run_it("--undo", json_too=False)
        finally:
            docker("rm", "-f", squatter)
        new = world.inspect(NAME)["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
        self.assertNotEqual(new, old)
        self.assertIn(f"not restored: on network {NETWORK} the address {old}: it is {new} now", done.text)
        self.assertIn("not restored: connections that were open", done.text)

    def test_what_was_ended_is_started_and_what_is_lost_is_told(self):
        self.container()
        self.quarantine("--action", "kill")
        self.assertEqual(self.state()["ExitCode"], 137)
        document = self.quarantine("--undo").json
        self.assertEqual(self.acts(document), [("start", True)])
        self.assertIn("its processes and their memory", document["acts"][0]["lost"])
        self.assertEqual(self.state()["Status"], "running")

    def test_what_was_found_so_is_left_so_by_the_undo(self):
        self.container()
        docker("pause", NAME)
        document = self.quarantine().json
        self.assertTrue(document["acts"][0]["already"])
        self.quarantine("--undo")
        self.stands_still()
        docker("unpause", NAME)

    def test_the_act_of_a_capture_is_taken_back_as_well(self):
        self.container()
        self.then("disconnect")
        self.assertEqual(world.inspect(NAME)["NetworkSettings"]["Networks"], {})
        self.assertEqual(self.acts(self.quarantine("--undo").json), [("connect", True)])
        self.assertIn("bridge", world.inspect(NAME)["NetworkSettings"]["Networks"])

    def test_without_a_pause_it_runs_on_only_after_the_last_act(self):
        self.container("--restart=always")
        self.quarantine("--action", "disconnect,no-restart,label")
        self.assertFalse(world.is_paused(self.info["Id"]))
        self.assertEqual(world.inspect(MARKED)["NetworkSettings"]["Networks"], {})
        before = self.count()
        world.wait_until(lambda: self.count() > before, 10, "it counts on")

    def test_a_second_container_of_the_same_name_is_marked_as_well(self):
        self.container()
        self.quarantine("--action", "pause,label")
        first = self.info["Id"]
        self.container()
        document = self.quarantine("--action", "pause,label", name=self.info["Id"]).json
        to = document["acts"][1]["renamed"]["to"]
        self.assertEqual(to, f"{MARKED}-{self.info['Id'][:12]}")
        self.assertEqual((world.inspect(to)["Id"], world.inspect(MARKED)["Id"]), (self.info["Id"], first))
        docker("rm", "-f", to)

    # --- asked again

    def test_a_request_seen_before_gives_the_same_receipt_and_collects_nothing(self):
        self.container()
        first = self.quarantine("--request-id", "r1").json
        events = len(self.events())
        again = self.quarantine("--request-id", "r1").json
        self.assertTrue(again["repeated"])
        self.assertEqual((again["evidence"]["seal"], again["evidence"]["custody"]), (first["evidence"]["seal"], first["evidence"]["custody"]))
        self.assertEqual([a["event"] for a in again["acts"]], [a["event"] for a in first["acts"]])
        self.assertEqual((len(self.events()), len(list(self.home.glob("bundles/*")))), (events, 1))

    def test_without_a_request_id_what_is_contained_is_not_captured_again_and_what_was_let_go_is(self):
        self.container()
        first = self.quarantine().json
        again = self.quarantine().json
        self.assertEqual((again["repeated"], again["request_id"], again["evidence"]["seal"]), (True, first["request_id"], first["evidence"]["seal"]))
        self.quarantine("--undo")
        third = self.quarantine().json
        self.assertFalse(third["repeated"])
        self.assertNotEqual(third["evidence"]["seal"], first["evidence"]["seal"])
        self.stands_still()

    def test_more_acts_are_added_to_what_is_contained(self):
        self.container()
        first = self.quarantine("--action", "pause").json
        more = self.quarantine("--action", "pause,disconnect,label").json
        self.assertEqual((more["repeated"], more["evidence"]["seal"]), (True, first["evidence"]["seal"]))
        self.assertEqual(self.types(), ["collect", "verify", "pause", "verify", "disconnect", "label"])
        self.assertEqual(self.acts(self.quarantine("--undo").json), [("rename", True), ("connect", True), ("resume", True)])

    def test_what_somebody_has_changed_since_is_told_with_status_5_and_not_done_again_for_the_same_request(self):
        self.container()
        self.quarantine("--request-id", "r1", "--action", "pause")
        docker("unpause", NAME)
        again = self.quarantine("--request-id", "r1", "--action", "pause", status=5).json
        self.assertIs(again["acts"][0]["holds"], False)
        self.assertIn("running", again["container"]["words"])
        self.runs()

    def test_a_request_that_was_taken_back_is_not_done_again(self):
        self.container()
        self.quarantine("--request-id", "r1")
        self.quarantine("--undo", "--request-id", "r1")
        again = self.quarantine("--request-id", "r1").json
        self.assertEqual([a["taken_back"] for a in again["acts"]], [True, True])
        self.runs()

    def test_a_request_of_another_container_is_refused(self):
        self.container()
        self.quarantine("--request-id", "r1")
        other = docker("run", "-d", "--name", "c-other", world.IMAGE, "sleep", "1000")
        try:
            done = self.quarantine("--request-id", "r1", name="c-other", status=8)
            self.assertIn("was used for container", done.messages)
            self.assertFalse(world.is_paused(other))
        finally:
            docker("rm", "-f", "c-other")

    def test_a_repeated_request_says_that_it_was_verified_and_how_it_is_taken_back_from_any_shell(self):
        self.container()
        self.quarantine("--request-id", "r1")
        env = world.environment(DOCKER_HOST=world.engine().url, KANSHIKI_HOME=str(self.home))
        done = world.kanshiki("--json", "quarantine", "--yes", "--request-id", "r1", *LIGHT, NAME, env=env)
        self.assertEqual(done.status, 0, str(done))
        seq = [e["seq"] for e in self.events() if e["type"] == "verify"]
        self.assertIn(f", verified then (event {seq[-1]})", done.json["evidence"]["words"])
        self.assertEqual(done.json["undo"], f"kanshiki --host {world.engine().url} --home {self.home} quarantine {self.info['Id'][:12]} --undo")

    def test_settings_of_the_site_count_as_for_a_capture_and_a_wrong_one_is_refused(self):
        self.container()
        config = self.home / "config"
        config.write_text("memory writable\nimage none\nno-report yes\n")
        done = self.run_it("--config", config)
        self.assertEqual(done.status, 0, str(done))
        self.assertIn("memory", [c["name"] for c in done.json["capture"]["collectors"]])
        self.assertNotIn("report", done.json["capture"])
        config.write_text("freeze nevr\n")
        done = self.run_it("--config", config)
        self.assertEqual(done.status, 2, str(done))
        self.assertIn("freeze", done.messages)

    # --- asked, and refused

    def test_dry_run_tells_what_would_be_done_and_changes_nothing(self):
        before = self.two_networks()
        home = self.home / "none"
        done = self.run_it("--dry-run", "--action", "pause,disconnect,no-restart", home=home, yes=False)
        self.assertEqual(done.status, 0, str(done))
        self.schema(done.json)
        plan = done.json
        self.assertEqual((plan["container"]["id"], plan["acts"]), (self.info["Id"], ["pause", "disconnect", "no-restart"]))
        self.assertIn("processes", [c["name"] for c in plan["collect"]])
        self.assertEqual(plan["leave_out"], [{"name": "memory", "why": "--memory none"}])
        self.assertGreaterEqual(plan["space"]["needed"], 64 << 20)
        self.assertFalse(home.exists())
        self.assertEqual(world.inspect(NAME)["NetworkSettings"]["Networks"], before)
        self.runs()
        text = self.run_it("--dry-run", home=home, yes=False, json_too=False).text
        self.assertTrue(text.startswith(f"would capture {NAME} ({self.info['Id'][:12]})"), text)
        self.assertTrue(text.endswith("nothing was done\n"), text)
        plan = world.kanshiki("-H", world.engine().url, "--home", home, "--json", "capture", "--dry-run", NAME).json
        self.schema(plan)
        self.assertEqual(plan["acts"], [])

    def test_dry_run_counts_what_was_written_over_the_image(self):
        self.container()
        docker("exec", NAME, "dd", "if=/dev/zero", "of=/root/big", "bs=1M", "count=8")
        plan = self.run_it("--dry-run").json
        self.assertGreaterEqual(plan["space"]["upper"], 8 << 20)
        self.assertGreaterEqual(plan["space"]["needed"], (64 << 20) + 2 * plan["space"]["upper"])

    def test_without_a_terminal_and_without_yes_it_is_refused_before_anything_is_made(self):
        self.container()
        home = self.home / "none"
        done = self.run_it(home=home, yes=False)
        self.assertEqual(done.status, 8, str(done))
        self.assertIn("--yes", done.messages)
        self.assertFalse(home.exists())
        self.runs()

    def typed(self, text, *flags):
        """On a terminal, as a person does it; what was said, and the status."""
        main, side = pty.openpty()
        argv = [str(world.KANSHIKI), "-H", world.engine().url, "--home", str(self.home), "-q", "quarantine", *LIGHT, *flags, NAME]
        process = subprocess.Popen(argv, stdin=side, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=world.environment())
        os.close(side)
        os.write(main, text.encode())
        out, err = process.communicate(timeout=world.MAX_SECONDS)
        os.close(main)
        return process.returncode, out.decode(), err.decode()

    def test_on_a_terminal_the_containers_name_is_typed_and_nothing_else_will_do(self):
        self.container()
        status, _, err = self.typed("yes\n")
        self.assertEqual(status, 8, err)
        self.assertIn("not its name", err)
        self.runs()
        status, out, err = self.typed(f"{NAME}\n")
        self.assertEqual(status, 0, err)
        self.stands_still()
        container, evidence = out.splitlines()[-2:]
        self.assertRegex(container, LAST)
        self.assertTrue(evidence.startswith("evidence: sealed, signed, case "), evidence)
        status, _, err = self.typed(f"{NAME}\n", "--undo")
        self.assertEqual(status, 0, err)
        self.runs()

    def test_words_that_are_none_are_usage(self):
        for flags in (("--action", "burn"), ("--action", ""), ("--undo", "--action", "pause"), ("--on-fail", "x")):
            with self.subTest(flags):
                self.assertEqual(self.run_it(*flags).status, 2)

    def test_what_would_lose_the_original_is_refused_and_nothing_is_paused(self):
        self.container("--rm")
        for action in ("kill", "stop", "pause,kill"):
            with self.subTest(action):
                done = self.quarantine("--action", action, status=8)
                self.assertIn("--yes-loses-original", done.messages)
                self.runs()
        self.assertEqual(self.run_it("--action", "kill", "--dry-run").status, 8)

    def test_a_container_that_is_not_there_is_3_and_so_is_an_undo_of_nothing(self):
        self.assertEqual(self.run_it(name="c-none").status, 3)
        self.container()
        done = self.run_it("--undo")
        self.assertEqual(done.status, 3)
        self.assertIn("no act on", done.messages)

    def test_a_stopped_container_is_captured_and_its_networks_are_taken_from_it(self):
        self.two_networks()
        docker("kill", NAME)
        document = self.quarantine("--action", "pause,disconnect,no-restart").json
        self.assertTrue(document["acts"][0]["already"])
        self.assertEqual(world.inspect(NAME)["NetworkSettings"]["Networks"], {})
        self.quarantine("--undo")
        self.assertEqual(set(world.inspect(NAME)["NetworkSettings"]["Networks"]), {"bridge", NETWORK})
        self.quarantine("--action", "disconnect")
        self.assertEqual(world.inspect(NAME)["NetworkSettings"]["Networks"], {})

    def test_the_report_is_in_the_chain_and_a_run_that_missed_it_makes_it(self):
        self.container()
        first = self.run_it("--request-id", "r1", "--no-report", "--image", "none").json
        self.assertNotIn("derive", self.types())
        again = self.run_it("--request-id", "r1", "--image", "none", json_too=False)
        self.assertEqual(again.status, 0, str(again))
        self.assertIn("derive", self.types())
        self.assertIn("VERDICT", again.text)
        self.assertTrue((self.home / "reports" / os.path.basename(first["evidence"]["bundle"]) / "report.html").exists())
