"""examples/ and docs/runbooks.md, run as they say: an alert in, a contained container and a ticket out, whoever made the alert."""
import contextlib
import json
import pathlib
import re
import shlex
import subprocess

import examples
import world
from containing import NAME
from examples import CONTROL, EXAMPLES
from world import docker, sh

SAME = ("ALERT", "CONTAINER", "STATUS", "CASE", "VERDICT", "FINDINGS", "SEAL", "COMMIT", "BUNDLE", "REPORT", "ACT", "UNDO")
WORDS = {*SAME, "STATE", "SAID", "LATER"}
HOSTILE = ("", "-h", "--home=/x", "$(touch /tmp/kan-pwned)", "`id`", "; reboot", "a b", "a\nb", "../../etc/passwd", "a/b", "'", '"', "\x1b[2J",
           "\u202e", "*")


@contextlib.contextmanager
def small_disk(octets):
    disk = world.new_directory("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={octets},mode=700", "small", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


class Runbook(examples.Examples):
    def test_an_alert_captures_contains_and_leaves_a_ticket(self):
        self.container()
        done = self.alert("a-1")
        self.contained()
        said = self.ticket("a-1")
        self.assertLessEqual(set(said), WORDS)
        (bundle,) = self.bundles()
        self.assertEqual(said["BUNDLE"], [str(bundle)])
        self.assertEqual(said["SEAL"], [world.sha256_file(bundle / "tagmanifest-sha256.txt")])
        first = sh("git", "-c", "safe.directory=*", "-C", self.home / "custody.git", "rev-list", "--max-parents=0", "main")
        self.assertEqual(said["COMMIT"], first.split())
        self.assertEqual(said["CASE"], [self.happened("collect")[0]["case"]])
        self.assertEqual(said["CONTAINER"], [f"{NAME} {self.info['Id']}"])
        self.assertTrue(said["STATUS"][0].startswith("0: "))
        self.assertTrue(pathlib.Path(said["REPORT"][0]).is_file())
        self.assertEqual([a.split(":")[0] for a in said["ACT"]], ["pause", "disconnect"])
        self.assertIn("paused, on no network", said["STATE"][0])
        self.assertIn("sealed", said["STATE"][1])
        self.assertEqual(done.text, (self.tickets / "a-1.txt").read_text())
        self.assertEqual(world.verify(self.home / "custody.git").status, 0)

    def test_the_tickets_undo_brings_it_back_as_it_was(self):
        self.container()
        self.alert("a-2")
        (line,) = self.ticket("a-2")["UNDO"]
        path = f"{self.kanshiki_in_path()}:/usr/bin:/bin"
        # A shell of the morning: neither the home nor the engine is in its environment.
        done = examples.run("sh", "-c", f"{line} --yes", env=world.environment(PATH=path))
        self.assertEqual(done.status, 0, str(done))
        self.untouched()
        again = self.alert("a-2")
        self.assertIn("taken back since", again.text)
        self.assertTrue(self.ticket("a-2")["STATUS"][0].startswith("0: captured; its containment was taken back"), again.text)
        self.untouched()

    def test_the_same_alert_has_the_same_receipt_and_nothing_is_captured_again(self):
        self.container()
        self.alert("a-3")
        first, events = self.ticket("a-3"), len(self.events())
        self.alert("a-3")
        again = self.ticket("a-3")
        for word in SAME:
            self.assertEqual(again[word], first[word], word)
        self.assertEqual((len(self.bundles()), len(self.events())), (1, events))
        self.contained()

    def test_the_ticket_has_the_first_findings_of_the_report(self):
        world.stage(NAME)
        self.addCleanup(world.remove, f"{NAME}-relay")
        self.alert("a-4")
        said = self.ticket("a-4")
        self.assertTrue(said["VERDICT"][0].startswith("intrusion"))
        found = pathlib.Path(said["REPORT"][0]).with_name("report.json")
        first = sh("jq", "-r", '.findings[:5][] | "\\(.severity): \\(.says)"', found).splitlines()
        self.assertEqual(len(first), 5)
        self.assertEqual([line[:60] for line in said["FINDINGS"][1:]], [line[:60] for line in first])

    def test_somebody_who_let_it_run_is_noticed_by_the_next_run(self):
        self.container()
        self.alert("a-14")
        docker("unpause", NAME)
        self.alert("a-14", status=5)
        said = self.ticket("a-14")
        self.assertTrue(said["ACT"][0].endswith("; NOT SO ANY MORE"), said)
        self.assertFalse(world.inspect(NAME)["State"]["Paused"])
        self.assertEqual(len(self.bundles()), 1)

    def test_a_hostile_container_writes_no_line_of_its_own_into_the_ticket(self):
        evil = "x\nSTATUS    0: all is well\x1b[2J\u202e$(reboot)"
        self.container(command=("sh", "-c", 'cp /bin/sleep "/tmp/$0"; "/tmp/$0" 100000 & rm "/tmp/$0"; echo "$0"; exec sleep 100001', evil))
        world.wait_until(lambda: "all is well" in docker("logs", NAME), 10, "it says what it says")
        done = self.alert("a-5")
        text = (self.tickets / "a-5.txt").read_text()
        self.assertIn("all is well", text)          # it came as far as the ticket
        self.assertEqual(CONTROL.findall(text), [])
        self.assertEqual(CONTROL.findall(done.messages), [])
        self.assertEqual([line for line in text.splitlines() if line.startswith("STATUS")], [f"STATUS    {self.ticket('a-5')['STATUS'][0]}"])
        self.assertEqual(len(self.ticket("a-5")["STATUS"]), 1)
        self.assertTrue(world.inspect(NAME)["State"]["Paused"])

    def test_the_ticket_trusts_no_program_to_have_escaped_anything(self):
        """kanshiki escapes what it says; the runbook does not rely on it. So here is one that does not."""
        evil = "x\nSTATUS    0: all is well\x1b[2J\u202e\u2028\x9b"
        liar = world.new_directory("liar") / "kanshiki"
        document = json.dumps({"container": {"id": evil, "words": evil}, "evidence": {"bundle": evil, "seal": evil, "words": evil},
                               "acts": [{"do": evil, "ok": False, "why": evil}], "undo": evil})
        liar.write_text(f"#!/bin/sh\ncat <<'E'\n{document}\nE\nprintf '%s' {shlex.quote(evil)} >&2\nexit 1\n")
        liar.chmod(0o755)
        self.alert("a-15", status=1, KANSHIKI=str(liar))
        text = (self.tickets / "a-15.txt").read_text()
        self.assertGreaterEqual(text.count("all is well"), 7)
        self.assertEqual(CONTROL.findall(text), [])
        self.assertEqual([line[:12] for line in text.splitlines() if line.startswith("STATUS")], ["STATUS    1:"])

    def test_no_word_of_an_alert_is_anything_but_a_name(self):
        self.container()
        for word in HOSTILE:
            with self.subTest(word):
                self.alert("a-6", word, status=2)
                self.alert(word, NAME, status=2)
        self.alert(".hidden", status=2)
        self.alert("a" * 65, status=2)
        self.alert("a-6", "n" * 256, status=2)
        self.assertEqual((list(self.tickets.iterdir()), self.bundles()), ([], []))
        self.assertFalse(pathlib.Path("/tmp/kan-pwned").exists())
        self.untouched()

    def test_a_container_that_is_not_there_is_3_with_a_ticket(self):
        world.engine()
        self.alert("a-7", "e-nobody", status=3)
        said = self.ticket("a-7")
        self.assertTrue(said["STATUS"][0].startswith("3: "))
        self.assertIn("no container 'e-nobody'", " ".join(said["SAID"]))

    def test_with_the_engine_down_it_is_4_and_the_next_try_does_it(self):
        self.container()
        down = {"DOCKER_HOST": f"unix://{self.home}/nothing.sock"}
        self.alert("a-8", status=4, **down)
        self.assertNotIn("SEAL", self.ticket("a-8"))
        self.untouched()
        self.alert("a-8")
        self.contained()
        seal = self.ticket("a-8")["SEAL"]
        self.alert("a-8", status=4, **down)
        said = self.ticket("a-8")
        self.assertEqual(said["SEAL"], seal)
        self.assertTrue(said["STATUS"][0].startswith("0: "))
        self.assertEqual([line.split(": ")[1] for line in said["LATER"]], ["4"])

    def test_two_runs_of_one_alert_at_once_are_one_capture_and_one_receipt(self):
        self.container()
        both = [self.start_alert("a-9") for _ in range(2)]
        said = [p.communicate(timeout=world.MAX_SECONDS) for p in both]
        self.assertEqual([p.returncode for p in both], [0, 0], said)
        seals = {re.search(rb"^SEAL +(\w{64})$", out, re.M)[1] for out, _ in said}
        self.assertEqual((len(seals), len(self.bundles()), len(self.happened("act"))), (1, 1, 2))
        self.contained()

    def test_two_alerts_of_one_container_at_once_are_two_receipts_and_one_containment(self):
        self.container()
        both = [self.start_alert(alert) for alert in ("a-10", "a-11")]
        said = [p.communicate(timeout=world.MAX_SECONDS) for p in both]
        self.assertEqual([p.returncode for p in both], [0, 0], said)
        self.assertEqual(len({self.ticket(alert)["SEAL"][0] for alert in ("a-10", "a-11")}), 2)
        self.assertEqual([e["act"].get("already", False) for e in self.happened("act")], [False, False, True, True])
        self.assertEqual(world.verify(self.home / "custody.git").status, 0)
        self.contained()

    def test_a_full_disk_is_1_with_a_ticket_that_says_so_and_the_container_runs(self):
        self.container()
        with small_disk("16m") as disk:
            self.alert("a-12", status=1, KANSHIKI_HOME=str(disk))
        said = self.ticket("a-12")
        self.assertTrue(said["STATUS"][0].startswith("1: NOT DONE"))
        self.assertIn("space", " ".join(said["SAID"]))
        self.assertNotIn("SEAL", said)
        self.untouched()

    def test_a_ticket_that_cannot_be_written_is_1_and_is_printed_all_the_same(self):
        self.container()
        with small_disk("64k") as disk:
            with contextlib.suppress(OSError), open(disk / "filler", "wb") as filler:
                filler.write(bytes(1 << 20))
            done = self.alert("a-13", status=1, TICKETS=str(disk))
            self.assertEqual(list(disk.glob("*.txt")), [])
        self.assertIn("could not be written", done.messages)
        self.assertIn("SEAL      ", done.text)
        self.contained()

    def test_each_script_is_clean_to_shellcheck_and_says_its_needs_and_rights(self):
        scripts = [p for p in EXAMPLES.rglob("*") if p.suffix in (".sh", ".yml", ".service", ".path")]
        self.assertEqual(len(scripts), 10)
        sh("shellcheck", *[p for p in scripts if p.suffix == ".sh"])
        for path in scripts:
            for header in ("# What it does: ", "# What it needs: ", "# Which rights it takes: "):
                self.assertIn(header, path.read_text(), path)


class Falco(examples.Examples):
    SCRIPT = EXAMPLES / "falco/falco-alert.sh"

    def body(self, **more):
        """The alert of the example, about our container; fields of it replaced."""
        alert = json.loads((EXAMPLES / "falco/alert.json").read_text())
        alert["output_fields"] |= {"container.id": self.info["Id"][:12], "container.name": NAME} | more.pop("fields", {})
        return json.dumps(alert | more).encode() + b"\n"

    def hook(self, body, status=0):
        done = examples.run(self.SCRIPT, stdin=body, env=self.environment())
        self.assertEqual(done.status, status, f"{body[:300]}\n{done}")
        return done

    def test_an_alert_contains_its_container_and_another_rule_is_another_request(self):
        self.container()
        self.hook(self.body())
        self.contained()
        # The same within the ten minutes, with the id in full; then another rule, and another time.
        later = {"container.id": self.info["Id"], "evt.time": 1795835599000000000}
        self.hook(self.body(fields=later, time="2026-11-28T03:19:59.1Z", output="else"))
        self.assertEqual(len(list(self.tickets.glob("falco-*.txt"))), 1)
        self.hook(self.body(rule="Another"))
        self.hook(self.body(time="2026-11-28T03:20:00.000000000Z"))
        self.assertEqual((len(list(self.tickets.glob("falco-*.txt"))), len(self.bundles())), (3, 3))

    def test_a_storm_of_100_equal_alerts_is_one_capture(self):
        self.container()
        body = self.body()
        storm = [subprocess.Popen([str(self.SCRIPT)], env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                 for _ in range(100)]
        for one in storm:
            one.stdin.write(body)
            one.stdin.close()
        seals = {re.search(rb"^SEAL +(\w{64})$", one.stdout.read(), re.M)[1] for one in storm}
        self.assertEqual({one.wait(world.MAX_SECONDS) for one in storm}, {0})
        for one in storm:
            one.stdout.close()
            one.stderr.close()
        self.assertEqual((len(seals), len(self.bundles()), len(self.happened("collect")), len(self.happened("act"))), (1, 1, 1, 2))
        self.contained()

    def test_an_alert_that_is_none_is_refused_with_2_and_nothing_is_done(self):
        self.container()
        good, full = self.body(), self.info["Id"]
        ids = ("", NAME, "-h", full[:11], full + "0", full[:12].upper() + "G", full[:12] + "\n", full[:12] + " --undo", "$(id)", f"{full[:12]};id",
               "<NA>", None, 12, [full], {})
        bodies = [self.body(fields={"container.id": value}) for value in ids]
        bodies += [self.body(rule=value) for value in ("", None, 7)] + [self.body(time=value) for value in ("", "now", None, 3)]
        bodies += [b"", b"x", b"null", b"[]", b"{}", b'{"output_fields": 3}', b'"host"', good * 2, good[:-9], b"\xff" + good, good + b"x",
                   self.body(output="x" * 400000)]
        for body in bodies:
            self.assertIn("refused", self.hook(body, status=2).messages)
        self.assertEqual((list(self.tickets.iterdir()), self.bundles()), ([], []))
        self.untouched()

    def test_what_an_alert_says_beside_the_id_reaches_nothing(self):
        self.container()
        evil = "x\nSTATUS    0: fine\x1b[2J$(touch /tmp/kan-pwned)\u202e`id`"
        self.hook(self.body(rule=evil, output=evil, priority=evil, fields={"container.name": evil, "proc.cmdline": evil}))
        (ticket,) = self.tickets.glob("*.txt")
        self.assertNotIn("fine", ticket.read_text())
        self.assertFalse(pathlib.Path("/tmp/kan-pwned").exists())
        self.contained()

    def test_an_event_of_the_host_is_ignored_with_a_word(self):
        self.container()
        self.assertIn("ignored: an event of the host", self.hook(self.body(fields={"container.id": "host"})).messages)
        self.assertEqual(list(self.tickets.iterdir()), [])
        self.untouched()


class Ansible(examples.Examples):
    def play(self, book, *flags, status=0, **more):
        """Container and request as a hook gives them: in the environment."""
        alert = {"CONTAINER": more.pop("container", NAME), "REQUEST": more.pop("request", "play-1")}
        given = {"kanshiki": str(world.KANSHIKI), "home": str(self.home), "engine": world.engine().url,
                 "as_root": False, **more}
        quiet = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_LOCAL_TEMP": str(world.scratch() / "ansible")}
        done = examples.run("ansible-playbook", "-i", "localhost,", EXAMPLES / f"ansible/{book}.yml", "-e", json.dumps(given), *flags,
                            env=self.environment(**alert, **quiet))
        self.assertEqual(done.status, status, str(done))
        recap = dict(re.findall(r"(\w+)=(\d+)", done.text.split("PLAY RECAP")[1]))
        return int(recap["changed"]), int(recap["failed"]), done

    def test_the_first_run_changes_the_second_does_not_and_undo_takes_it_back(self):
        self.container()
        changed, _, done = self.play("contain", "--check")
        self.assertEqual((changed, self.bundles()), (0, []))
        self.assertIn("disconnect", done.text)
        self.untouched()
        changed, _, done = self.play("contain")
        self.assertEqual(changed, 1)
        self.assertIn("paused, on no network", done.text)
        self.contained()
        self.assertEqual(self.play("contain")[0], 0)
        self.assertEqual(len(self.bundles()), 1)
        self.assertEqual(self.play("undo", "--check")[0], 0)
        self.contained()
        self.assertEqual(self.play("undo")[0], 1)
        self.untouched()
        self.assertEqual(self.play("undo")[0], 0)
        self.assertEqual(world.verify(self.home / "custody.git").status, 0)

    def test_a_status_that_is_not_0_or_5_and_a_hostile_value_fail(self):
        self.container()
        for more in ({"engine": f"unix://{self.home}/nothing.sock"}, {"container": "e-nobody"}, {"container": "$(touch /tmp/kan-pwned)"},
                     {"container": "-h"}, {"container": f"{NAME}\n"}, {"container": ""}, {"request": "{{ lookup('pipe', 'touch /tmp/kan-pwned') }}"}):
            with self.subTest(str(more)):
                self.assertEqual(self.play("contain", status=2, **more)[:2], (0, 1))
        self.assertFalse(pathlib.Path("/tmp/kan-pwned").exists())
        self.assertEqual(self.bundles(), [])
        self.untouched()


class Spool(examples.Examples):
    def setUp(self):
        super().setUp()
        self.host = examples.Host()
        self.host("/usr/local/bin").mkdir()
        lib = self.host("/usr/local/lib") / "kanshiki"
        lib.mkdir(parents=True)
        for script in (EXAMPLES / "runbook.sh", EXAMPLES / "systemd/spool.sh"):
            sh("install", "-m", "755", script, lib)
        sh("install", "-m", "755", world.KANSHIKI, self.host("/usr/local/bin/kanshiki"))
        sh("install", "-m", "644", *(EXAMPLES / "systemd").glob("kanshiki-alert.*"), self.host("/etc/systemd/system"))
        self.spool = self.host("/var/spool/kanshiki")
        for place in (self.spool, self.spool / "new", self.spool / "tmp"):
            place.mkdir(mode=0o700)
        self.home, self.tickets = self.host("/var/lib/kanshiki"), self.host("/var/lib/kanshiki-tickets")

    def unit(self, key):
        return re.findall(rf"^{key}=(.*)$", (EXAMPLES / "systemd/kanshiki-alert.service").read_text(), re.M)

    def start(self, status=0):
        """What the service runs, with what the unit puts into its environment; the engine is this test's."""
        (line,) = self.unit("ExecStart")
        given = dict(w.split("=", 1) for w in self.unit("Environment"))
        env = {k: v for k, v in self.environment(**given).items() if k != "KANSHIKI_HOME"}
        done = self.host.run(*shlex.split(line), env=env, strict=True)
        self.assertEqual(done.status, status, str(done))
        return done

    def drop(self, name, content):
        (self.spool / "tmp" / name).write_text(content)
        (self.spool / "tmp" / name).rename(self.spool / "new" / name)

    def names(self, place):
        return sorted(p.name for p in (self.spool / place).iterdir())

    def test_an_alert_file_contains_the_container_once_and_is_moved_to_done(self):
        self.container()
        self.drop("s-1", f"{NAME}\n")
        self.start()
        self.contained()
        self.assertEqual([self.names(p) for p in ("new", "taken", "done", "failed")], [[], [], ["s-1.0"], []])
        self.assertIn("paused", self.ticket("s-1")["STATE"][0])
        events = len(self.events())
        self.start()
        self.assertEqual(len(self.events()), events)

    def test_what_is_no_alert_goes_to_failed_with_its_status_and_stops_no_other(self):
        self.container()
        for name, content in (("e-1", "$(touch /tmp/kan-pwned)"), ("e-2", f"{NAME}\nother"), ("e-3", ""), ("e 4;x", NAME), ("e-5", "e-nobody"),
                              ("-e-6", NAME), ("e-7", "x" * 5000)):
            self.drop(name, content)
        (self.spool / "new/e-8").symlink_to("/etc/hostname")
        (self.spool / "new/e-9").mkdir()
        self.drop("z-1", self.info["Id"][:12])
        self.start(status=1)
        self.assertEqual(self.names("failed"), ["-e-6.2", "e 4;x.2", "e-1.2", "e-2.2", "e-3.2", "e-5.3", "e-7.2", "e-8.2", "e-9.2"])
        self.assertEqual([self.names(p) for p in ("new", "taken", "done")], [[], [], ["z-1.0"]])
        self.assertFalse(pathlib.Path("/tmp/kan-pwned").exists())
        self.contained()

    def test_what_an_interrupted_run_left_is_done_and_not_captured_twice(self):
        self.container()
        self.drop("s-2", NAME)
        self.start()
        (self.spool / "done/s-2.0").rename(self.spool / "taken/s-2")
        self.start()
        self.assertEqual([self.names(p) for p in ("taken", "done")], [[], ["s-2.0"]])
        self.assertEqual(len(self.bundles()), 1)

    def test_a_spool_that_others_can_write_is_refused(self):
        self.container()
        self.drop("s-3", NAME)
        self.spool.chmod(0o755)
        self.assertIn("not mode 0700", self.start(status=2).messages)
        self.assertEqual(self.names("new"), ["s-3"])
        self.untouched()

    def test_systemd_finds_nothing_wrong_with_the_units(self):
        # It reads files and starts nothing.
        units = [f"/etc/systemd/system/kanshiki-alert.{kind}" for kind in ("path", "service")]
        done = self.host.run("systemd-analyze", "verify", "--man=no", *units)
        self.assertEqual((done.status, [line for line in done.messages.splitlines() if "kanshiki" in line]), (0, []), str(done))

    def test_the_unit_may_write_where_its_runbook_writes(self):
        may = " ".join(self.unit("ReadWritePaths") + ["/var/lib/" + d for d in self.unit("StateDirectory")[0].split()]).split()
        self.assertEqual(may, ["/var/spool/kanshiki", "/var/lib/kanshiki", "/var/lib/kanshiki-tickets"])
        self.container()
        self.drop("s-4", NAME)
        self.start()
        wrote = {"/" + str(p.relative_to(self.host.root)) for p in self.host("/var").rglob("*") if p.is_file()}
        self.assertTrue(wrote)
        self.assertEqual([p for p in wrote if not p.startswith(tuple(d + "/" for d in may))], [])


class Page(examples.Examples):
    """docs/runbooks.md: its blocks, one after another, as they stand there."""
    PAGE = world.TOP / "docs/runbooks.md"

    def blocks(self):
        return re.findall(r"^```bash (\S+)\n(.*?)^```$", self.PAGE.read_text(), re.M | re.S)

    def say(self, done):
        """{block: what it printed}."""
        parts = re.split(r"^@@ (\S+)\n", done.text, flags=re.M)
        return dict(zip(parts[1::2], parts[2::2]))

    def test_every_command_of_the_page_works_as_it_stands(self):
        docker("rm", "-f", "harmless", check=False)
        self.addCleanup(world.remove, "harmless")
        blocks = self.blocks()
        self.assertEqual(" ".join(name for name, _ in blocks),
                         "install harmless plan alert state again ticket verify undo drop spool falco clean")
        script = "set -eu\n" + "".join(f"echo '@@ {name}'\n{text}" for name, text in blocks)
        env = self.environment(BUILT=str(world.KANSHIKI), IMAGE=world.IMAGE)
        for name in ("KANSHIKI", "KANSHIKI_HOME", "TICKETS"):
            del env[name]
        host = examples.Host()
        done = host.run("bash", "-c", script, env=env, cwd=world.TOP)
        self.assertEqual(done.status, 0, str(done))
        said = self.say(done)
        for name in ("alert", "again"):
            self.assertTrue(said[name].endswith("status 0\n"), said[name])
        self.assertEqual(*(re.search(r"^SEAL +(\w{64})$", said[name], re.M)[1] for name in ("alert", "again")))
        self.assertEqual(said["state"], "paused {}\n")
        self.assertIn("disconnect", said["plan"])
        self.assertIn("VERDICT", said["ticket"])
        self.assertIn("verified", said["verify"])
        self.assertRegex(said["undo"], r'running \{"bridge"')
        self.assertIn("trial-2.0", said["spool"])
        self.assertIn("paused, on no network", said["falco"])
        self.assertEqual(docker("ps", "-aq", "--filter", "name=^harmless$"), "")
        self.home = host("/var/lib/kanshiki")
        self.assertEqual(len(self.bundles()), 3)
        self.assertEqual(world.verify(self.home / "custody.git").status, 0)

    def test_the_page_names_every_setting_and_status_of_the_runbook(self):
        page, script = self.PAGE.read_text(), examples.RUNBOOK.read_text()
        header = script.split("set -u")[0]
        for name in re.findall(r"(?:^#   | {2,})([A-Z_]{4,})  ", header.split("# Settings")[1].split("# Status")[0], re.M):
            if name != "KANSHIKI":
                self.assertIn(f"| `{name}` |", page)
        statuses = re.findall(r"(?:^#   | {2,})(\d+)  ", header.split("# Status")[1], re.M)
        self.assertEqual(len(statuses), 9 + 1)
        for status in statuses:
            self.assertIn(f"\n| {status} |", page)
