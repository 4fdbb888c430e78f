"""Settings of a site from a file, and doctor, against what was staged: which value counts, what is refused, and what each line says.

usage: test_settings.py KANSHIKI
"""
import fcntl
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

import test_custody as custody
from test_custody import ENGINES, kanshiki, new, rows
from test_stamp import authority

ANSWERS = ENGINES / "docker-20.10/running"
SCREEN = (80, 24)


def ident():
    return next(m[1] for f in os.listdir(ANSWERS) if (m := re.fullmatch("containers-([0-9a-f]{64})-json", f)))


def written(text, mode=0o600):
    path = new("config-") / "config"
    path.write_text(text)
    path.chmod(mode)
    return path


def authors(document):
    """Who committed, as git has it."""
    log = subprocess.run(["git", "--git-dir", document["custody"]["repo"], "log", "--format=%an", "main"], check=True, capture_output=True)
    return log.stdout.decode()


class Settings(unittest.TestCase):
    def refused(self, text, *words, argv=("collectors",)):
        path = written(text)
        status, out, err = kanshiki("--config", path, *argv)
        self.assertEqual((status, out), (2, b""), err)
        self.assertEqual(len(err.splitlines()), 1, err)
        for word in (str(path), *words):
            self.assertIn(word, err)

    def test_a_capture_is_what_the_file_says_it_is(self):
        home = new("home-")
        config = written(f"# a site\noperator Aiko Mori <aiko@example.org>\nhome {home}\nhost replay:{ANSWERS}\nno-report yes\nmax-freeze 7\n"
                         "quiet yes\n")
        status, out, err = kanshiki("--config", config, "--json", "capture", ident())
        self.assertIn(status, (0, 5), err)
        document = json.loads(out)
        self.assertEqual(pathlib.Path(document["bundle"]).parent, home / "bundles")
        self.assertEqual(list((home / "reports").iterdir()), [])
        acquisition = json.loads((pathlib.Path(document["bundle"]) / "capture.json").read_text())
        self.assertEqual((acquisition["operator"]["name"], acquisition["operator"]["email"]), ("Aiko Mori", "aiko@example.org"))
        self.assertEqual(acquisition["limits"]["conductor"]["max_freeze_ms"], 7000)
        self.assertIn("Aiko Mori", authors(document))
        self.assertIn({"key": "max-freeze", "value": "7", "from": f"{config}:6"}, acquisition["settings"])
        self.assertEqual(len(acquisition["settings"]), 6)

    def test_the_command_line_counts_before_the_file(self):
        home, other = new("home-"), new("home-")
        config = written(f"operator Aiko Mori <aiko@example.org>\nhome {home}\nhost unix:///nonexistent\nno-report yes\n")
        status, out, err = kanshiki("--config", config, "-H", f"replay:{ANSWERS}", "--home", other, "--json", "capture", "--operator",
                                    "Ben Sato <ben@example.org>", ident())
        self.assertIn(status, (0, 5), err)
        self.assertEqual(pathlib.Path(json.loads(out)["bundle"]).parent, other / "bundles")
        self.assertEqual(list(home.iterdir()), [])
        acquisition = json.loads((pathlib.Path(json.loads(out)["bundle"]) / "capture.json").read_text())
        self.assertEqual([s["key"] for s in acquisition["settings"]], ["no-report"])
        self.assertIn("Ben Sato", authors(json.loads(out)))

    def test_a_stamp_authority_of_the_site_does_not_stand_in_the_way_of_no_commit(self):
        config = written(f"tsa {authority().url}\ntsa-ca {authority().ca}\nkey agent\nrequire signed,pushed\n")
        status, out, err = kanshiki("--config", config, "-H", f"replay:{ANSWERS}", "--json", "--home", new("home-"), "capture", "--no-commit",
                                    "--no-report", "-o", new("out-"), ident())
        self.assertEqual(status, 5, err)
        self.assertEqual(authority().asked, [])
        self.assertEqual(json.loads(out)["timestamp"], "none")
        status, _, err = kanshiki("--config", config, "verify", json.loads(out)["bundle"])
        self.assertEqual(status, 5, "pushed does not hold: " + err)

    def test_a_bundle_is_verified_without_asking_the_remote_of_the_site(self):
        bundle = custody.sample()[1]["bundle"]
        config = written("remote https://127.0.0.1:9/repository.git\n")
        self.assertEqual(kanshiki("--config", config, "verify", bundle)[0], 0)
        status, _, err = kanshiki("verify", "--remote", "https://127.0.0.1:9/repository.git", bundle)
        self.assertNotEqual(status, 0, err)

    def test_who_only_reads_the_chain_needs_no_key(self):
        home = custody.sample()[0]
        config = written(f"home {home}\nkey agent\n")
        status, out, err = kanshiki("--config", config, "custody", "log")
        self.assertEqual(status, 0, err)
        self.assertIn(b"collect", out)

    def test_what_is_wrong_is_named_with_its_line(self):
        self.refused("lang en\ntsaa x\n", ":2: tsaa is no option of any command")
        self.refused("yes yes\n", ":1: yes may not stand in a configuration")
        self.refused("lang en\nlang ja\n", ":2: lang stands in line 1 already")
        self.refused("tsa-ca ca.pem\n", ":1: tsa-ca takes an absolute path")
        self.refused("max-freeze soon\n", ":1: max-freeze takes a whole number",
                     argv=("-H", f"replay:{ANSWERS}", "--home", new("home-"), "capture", ident()))
        self.refused("operator Aiko\n", ":1: operator takes 'NAME <EMAIL>'",
                     argv=("-H", f"replay:{ANSWERS}", "--home", new("home-"), "capture", ident()))

    def test_a_file_that_another_could_have_written_stops_everything_and_makes_nothing(self):
        home = new("home-") / "home"
        link, fifo = new("link-") / "config", new("fifo-") / "config"
        link.symlink_to(written("lang en\n"))
        os.mkfifo(fifo, 0o600)
        shared = written("lang en\n")
        shared.parent.chmod(0o777)
        cases = [(written("lang en\n", 0o602), "writable by others"), (shared, "its directory is writable by others"), (link, "symbolic link"),
                 (fifo, "no regular file"), (link.with_name("none"), "No such file")]
        if os.geteuid() == 0:
            foreign = written("lang en\n")
            os.chown(foreign, 65534, 65534)
            cases.append((foreign, "belongs to uid 65534"))
        for path, word in cases:
            with self.subTest(word):
                status, out, err = kanshiki("--config", path, "-H", f"replay:{ANSWERS}", "--home", home, "capture", ident())
                self.assertEqual((status, out), (2, b""), err)
                self.assertIn(word, err)
                self.assertIn(str(path), err)
        self.assertFalse(home.exists())
        self.assertEqual(kanshiki("--config", cases[0][0], "capture", "--help")[0], 0)

    @unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
    def test_a_home_that_one_may_not_enter_is_not_ones_own_and_the_systems_file_is(self):
        """As nobody, with root's HOME; the file itself, where it can be reached, has to be readable."""
        program = pathlib.Path(tempfile.mkdtemp(prefix="kan-settings-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, program)
        program.chmod(0o755)
        shutil.copy(custody.KANSHIKI, program / "kanshiki")
        home = program / "home"
        (home / ".config/kanshiki").mkdir(parents=True)
        (home / ".config/kanshiki/config").write_text("tsaa x\n")
        (home / ".config/kanshiki/config").chmod(0o600)

        def nobody():
            done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program / "kanshiki", "-H", "unix:///none",
                                   "collectors"], capture_output=True, env=dict(custody.ENVIRONMENT, HOME=str(home)), timeout=60, check=False)
            return done.returncode, done.stderr.decode()
        home.chmod(0o700)
        self.assertEqual(nobody()[0], 0)
        home.chmod(0o755)
        self.assertEqual(nobody()[0], 2)
        self.assertIn("Permission denied", nobody()[1])

    def test_the_users_own_file_is_read_and_dev_null_is_none(self):
        own = pathlib.Path(custody.ENVIRONMENT["HOME"]) / ".config/kanshiki"
        own.mkdir(parents=True, mode=0o700)
        self.addCleanup(shutil.rmtree, own)
        (own / "config").write_text("host unix:///of/the/file\n")
        self.assertIn("/of/the/file", kanshiki("collectors")[2])
        self.assertNotIn("/of/the/file", kanshiki("--config", "/dev/null", "collectors")[2])
        custody.ENVIRONMENT["DOCKER_HOST"] = "unix:///of/the/environment"
        self.addCleanup(custody.ENVIRONMENT.pop, "DOCKER_HOST")
        self.assertIn("/of/the/environment", kanshiki("collectors")[2])


class Doctor(unittest.TestCase):
    def setUp(self):
        self.home = new("home-")

    def doctor(self, *flags, host=f"replay:{ANSWERS}", home=None, config="/dev/null"):
        status, out, err = kanshiki("--config", config, "-H", host, "--home", home or self.home, "--json", "doctor", *flags)
        self.assertEqual(rows.document_faults(out, "kanshiki.doctor/1"), [], err)
        document = json.loads(out)
        self.assertEqual(document["exit"], status)
        return document

    def line(self, document, what):
        found = [c for c in document["checks"] if c["what"] == what]
        self.assertEqual(len(found), 1, document["checks"])
        return found[0]

    def test_it_makes_nothing(self):
        home = new("none-") / "deep/home"
        document = self.doctor(home=home)
        self.assertEqual(self.line(document, "home")["state"], "ok")
        self.assertIn("not there yet", self.line(document, "home")["why"])
        self.assertFalse(home.parent.exists())
        self.doctor()
        self.assertEqual(list(self.home.iterdir()), [])

    def test_what_answers_is_told_as_it_said_it(self):
        version, info = (json.loads((ANSWERS / name).read_text()) for name in ("version", "info"))
        engine = self.doctor()["engine"]
        self.assertEqual((engine["version"], engine["storage"], engine["data_root"]), (version["Version"], info["Driver"], info["DockerRootDir"]))
        self.assertFalse(engine["local"], "a folder of answers is no process of this host")

    def test_an_engine_that_is_not_there_is_4_and_the_other_lines_are_still_told(self):
        document = self.doctor(host="unix:///nonexistent/docker.sock")
        self.assertEqual((document["exit"], self.line(document, "engine")["state"]), (4, "missing"))
        self.assertIn("/nonexistent/docker.sock", self.line(document, "engine")["why"])
        self.assertEqual({c["state"] for c in document["collectors"]}, {"unavailable"})
        self.assertEqual(self.line(document, "home")["state"], "ok")

    def test_an_engine_that_hangs_ends_in_its_line(self):
        path = new("hang-") / "s"
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(path))
            silent.listen(8)
            document = self.doctor(host=f"unix://{path}")
        self.assertEqual((document["exit"], self.line(document, "engine")["state"]), (4, "missing"))
        self.assertEqual(self.line(document, "repository")["state"], "ok")

    def test_a_home_that_a_capture_would_refuse_is_8(self):
        self.home.chmod(0o755)
        open_home = self.doctor()
        self.assertEqual((open_home["exit"], self.line(open_home, "home")["do"]), (8, "chmod 700"))
        link = new("link-") / "home"
        link.symlink_to(self.home)
        self.assertEqual(self.doctor(home=link)["exit"], 8)
        (link.parent / "file").write_text("")
        self.assertEqual(self.doctor(home=link.parent / "file")["exit"], 8)
        if os.geteuid() == 0:
            self.home.chmod(0o700)
            os.chown(self.home, 65534, 65534)
            self.assertIn("uid 65534", self.line(self.doctor(), "home")["why"])

    def test_what_crashes_left_is_named_with_what_to_do(self):
        home = new("home-")
        shutil.copytree(custody.sample()[0], home, dirs_exist_ok=True, symlinks=True)
        document = self.doctor(home=home)
        self.assertEqual([self.line(document, w)["state"] for w in ("captures", "repository", "host key")], ["ok"] * 3)
        fingerprint = subprocess.run(["ssh-keygen", "-lf", home / "keys/host.pub"], check=True, capture_output=True).stdout.split()[1].decode()
        self.assertEqual(self.line(document, "host key")["why"], fingerprint)
        partial = home / "bundles/20261122t053312z-3f2a9c41d0be-7c1e.partial"
        partial.mkdir(mode=0o700)
        (home / "custody.git/refs/heads/main.lock").touch()
        document = self.doctor(home=home)
        self.assertEqual(self.line(document, "captures"), {"what": "captures", "state": "warn", "why": f"not finished: {partial}",
                                                           "do": "kanshiki seal --partial, of each"})
        self.assertIn("--break-lock", self.line(document, "repository")["do"])
        self.assertTrue((home / "custody.git/refs/heads/main.lock").exists(), "it only looks")
        (home / "custody.git/kanshiki.lock").write_text("M")
        self.assertIn("the next one puts it right", self.line(self.doctor(home=home), "repository")["why"])
        with open(home / "custody.git/kanshiki.lock", "rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.assertIn("another kanshiki", self.line(self.doctor(home=home), "repository")["why"])

    def test_a_host_key_that_others_can_read_is_missing(self):
        home = new("home-")
        shutil.copytree(custody.sample()[0], home, dirs_exist_ok=True, symlinks=True)
        (home / "keys/host").chmod(0o644)
        document = self.doctor(home=home)
        self.assertEqual((document["exit"], self.line(document, "host key")["state"]), (8, "missing"))

    def test_the_clock_is_compared_with_an_authority_only_when_one_is_named(self):
        a = authority()
        self.assertNotIn("offset_ms", self.doctor()["clock"])
        self.assertEqual(a.asked, [])
        document = self.doctor("--tsa", a.url, "--tsa-ca", a.ca)
        self.assertEqual(len(a.asked), 1)
        self.assertEqual(self.line(document, "time stamps")["state"], "ok")
        self.assertLess(abs(document["clock"]["offset_ms"]), 2000)
        self.assertNotIn("nobody checks", self.line(document, "time stamps")["why"])
        unchecked = self.doctor("--tsa", a.url)
        self.assertIn("nobody checks", self.line(unchecked, "time stamps")["why"])
        for mode in ("rubbish", "nonce", "error"):
            a.mode = mode
            with self.subTest(mode):
                wrong = self.doctor("--tsa", a.url, "--tsa-ca", a.ca)
                self.assertEqual(self.line(wrong, "time stamps")["state"], "warn")
                self.assertNotIn("offset_ms", wrong["clock"])

    def test_each_setting_in_force_is_told_with_where_it_is_from(self):
        config = written("lang ja\n\noperator Aiko Mori <aiko@example.org>\nhome /srv/other\n")
        custody.ENVIRONMENT["NO_COLOR"] = "1"
        self.addCleanup(custody.ENVIRONMENT.pop, "NO_COLOR")
        told = {(s["key"], s["value"], s["from"]) for s in self.doctor(config=config)["settings"]}
        self.assertLessEqual({("lang", "ja", f"{config}:1"), ("operator", "Aiko Mori <aiko@example.org>", f"{config}:3"),
                              ("home", str(self.home), "command line"), ("color", "1", "NO_COLOR")}, told)
        self.assertNotIn("/srv/other", {value for _, value, _ in told})

    def test_a_wrong_configuration_is_2(self):
        self.assertEqual(kanshiki("--config", written("no\n"), "doctor")[0], 2)

    def test_the_screen_is_one_screen(self):
        config = written("lang ja\nkey agent\n")
        status, out, _ = kanshiki("--config", config, "-H", "unix:///nonexistent", "--home", self.home, "doctor")
        lines = out.decode().splitlines()
        self.assertEqual(status, 4)
        self.assertLessEqual(len(lines), SCREEN[1])
        self.assertEqual([line for line in lines if len(line) > SCREEN[0] and not line.startswith("  ")], [])
        self.assertTrue(lines[-1].startswith("exit 4: "))

    def test_collectors_say_what_can_be_had_here(self):
        status, out, err = kanshiki("-H", f"replay:{ANSWERS}", "--json", "collectors")
        self.assertEqual((status, rows.schema("kanshiki.collectors/1").faults(json.loads(out))), (0, []), err)
        states = {c["name"]: c["state"] for c in json.loads(out)["collectors"]}
        self.assertEqual((states["engine"], states["processes"], states["filesystem"]), ("available", "unavailable", "limited"))


if __name__ == "__main__":
    unittest.main(verbosity=1)
