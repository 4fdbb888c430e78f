"""Settings and doctor on the real engine: what is in force, what can be had, and that looking changes nothing."""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

import jsonschema

import world
from test_bad_input import faulty
from world import docker, engine, remove, run_container

NAME = "s-web"
SCREEN = (80, 24)
ETC = "mount -t tmpfs none /mnt && mkdir /mnt/u /mnt/w && mount -t overlay -o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w none /etc"


def schema_of(name):
    return jsonschema.Draft202012Validator(json.loads((world.TOP / f"docs/schema/kanshiki.{name}-1.json").read_text()))


class Settings(unittest.TestCase):
    def setUp(self):
        """One container for all that leave it alone."""
        if not docker("ps", "-q", "--filter", f"name=^{NAME}$"):
            run_container(NAME, "sh", "-c", "echo x >/root/x; sleep 100000")
        self.home = world.new_directory("home")

    def doctor(self, *flags, url=None, home=None):
        done = world.kanshiki("--config", "/dev/null", "-H", url or engine().url, "--home", home or self.home, "--json", "doctor", *flags)
        schema_of("doctor").validate(done.json)
        self.assertEqual(done.json["exit"], done.status, str(done))
        return done.json

    def line(self, document, what):
        return next(c for c in document["checks"] if c["what"] == what)

    def modules(self):
        """Names of what is loaded; a kernel without modules has no such file."""
        path = pathlib.Path("/proc/modules")
        return {line.split()[0] for line in path.read_text().splitlines()} if path.exists() else set()

    def stored(self, home):
        return sorted(str(p) for p in home.rglob("*"))

    # --- settings

    def test_a_capture_without_a_flag_does_what_the_site_wants(self):
        config = world.new_directory("config") / "config"
        config.write_text(f"host {engine().url}\nhome {self.home}\noperator Aiko Mori <aiko@example.org>\nimage none\nno-report yes\n"
                          "freeze never\n")
        done = world.kanshiki("--config", config, "--json", "capture", NAME)
        self.assertEqual(done.status, 0, str(done))
        bundle = world.Bundle(done.json["bundle"])
        self.assertEqual(bundle.path.parent, self.home / "bundles")
        document = bundle.json("capture.json")
        self.assertEqual((document["operator"]["name"], document["freeze"]["mode"]), ("Aiko Mori", "never"))
        self.assertEqual({s["key"]: s["value"] for s in document["settings"]}["image"], "none")
        self.assertEqual({s["from"].rsplit(":", 1)[0] for s in document["settings"]}, {str(config)})
        self.assertEqual(world.verify(bundle.path).status, 0)
        again = world.kanshiki("--config", config, "--json", "capture", "--freeze", "auto", NAME)
        self.assertEqual(again.json["freeze"]["mode"], "auto", "the command line counts before the file")

    def test_the_users_file_overrides_the_systems_and_a_file_of_another_stops_root(self):
        """In a mount namespace of its own, where /etc/kanshiki is the test's."""
        own = world.new_directory("xdg")
        (own / "kanshiki").mkdir(mode=0o700)
        (own / "kanshiki/config").write_text("tsa https://own.example/tsr\n")
        script = (f"{ETC} && mkdir -p -m 755 /etc/kanshiki && printf 'tsa https://system.example/tsr\\nlang ja\\n' >/etc/kanshiki/config && "
                  "exec \"$@\"")

        def doctor():
            return world.kanshiki("-m", "sh", "-c", script, "sh", world.KANSHIKI, "-H", "unix:///nonexistent", "--home", self.home, "--json",
                                  "doctor", program="/usr/bin/unshare", env=world.environment(XDG_CONFIG_HOME=str(own)))
        done = doctor()
        told = {s["key"]: (s["value"], s["from"]) for s in done.json["settings"]}
        self.assertEqual(told["lang"], ("ja", "/etc/kanshiki/config:2"), str(done))
        self.assertEqual(told["tsa"], ("https://own.example/tsr", f"{own}/kanshiki/config:1"))
        os.chown(own / "kanshiki/config", 65534, 65534)
        done = doctor()
        self.assertEqual((done.status, done.json["schema"], done.json["exit"]), (2, "kanshiki.error/1", 2), str(done))
        self.assertIn(f"{own}/kanshiki/config: it belongs to uid 65534", done.messages)

    # --- doctor

    def test_on_a_good_host_each_line_is_as_the_engines_own_client_has_it(self):
        modules = self.modules()
        document = self.doctor()
        self.assertEqual(document["exit"], 0, document["checks"])
        told = document["engine"]
        self.assertEqual((told["version"], told["storage"]), tuple(docker("info", "--format", "{{.ServerVersion}} {{.Driver}}").split()))
        self.assertEqual(told["host"], engine().url)
        self.assertTrue(told["local"])
        self.assertEqual({c["state"] for c in document["collectors"]}, {"available"})
        self.assertEqual(told["same_disk"], os.stat(self.home).st_dev == os.stat(engine().data_root).st_dev)
        self.assertEqual(self.stored(self.home), [])
        self.assertEqual(self.modules(), modules)
        self.assertFalse(world.is_paused(world.inspect(NAME)["Id"]))

    def test_it_fits_a_small_screen(self):
        done = world.kanshiki("--config", "/dev/null", "-H", engine().url, "--home", self.home, "doctor")
        lines = done.text.splitlines()
        self.assertLessEqual(len(lines), SCREEN[1], str(done))
        self.assertEqual([line for line in lines if len(line) > SCREEN[0] and not line.startswith("  ")], [], str(done))
        self.assertRegex(lines[-1], "^exit 0: ready")
        told = done.text.replace("\n", " ")
        for collector in ("processes", "engine-after", "image"):
            self.assertIn(f" {collector}", told, "a list is not cut")

    def test_a_home_in_a_containers_mount_is_named_with_the_container(self):
        shared = world.new_directory("shared")
        run_container("s-bind", "sleep", "100000", flags=("-v", f"{shared}:/x"))
        try:
            document = self.doctor(home=shared / "evidence")
            self.assertEqual(document["engine"]["mounted_by"], ["s-bind"])
            place = self.line(document, "place")
            self.assertEqual((place["state"], "s-bind" in place["why"]), ("warn", True))
            self.assertEqual(self.doctor()["engine"]["mounted_by"], [])
            self.assertFalse((shared / "evidence").exists())
        finally:
            remove("s-bind")

    def test_an_engine_that_hangs_lies_or_stutters_ends_in_its_line_and_4(self):
        for do in ("silence", "garbage", "drip", "close"):
            with self.subTest(do), faulty({"path": ".", "do": do}) as (url, _):
                document = self.doctor(url=url)
                self.assertEqual((document["exit"], self.line(document, "engine")["state"]), (4, "missing"))
                self.assertEqual(self.line(document, "home")["state"], "ok")
                self.assertEqual({c["state"] for c in document["collectors"]}, {"unavailable"})
        self.assertEqual(world.own_processes(), [])

    def test_a_question_that_is_not_answered_is_missing_and_the_rest_is_told(self):
        with faulty({"path": "/info", "do": "status", "arg": 500}) as (url, _):
            document = self.doctor(url=url)
        self.assertEqual((document["exit"], [c["state"] for c in document["checks"] if c["what"] == "engine"]), (5, ["ok", "missing"]))
        self.assertEqual(document["engine"]["version"], docker("info", "--format", "{{.ServerVersion}}"))

    def test_names_of_containers_are_data(self):
        name = "x\\u001b[2Jy"
        shared = world.new_directory("shared")
        run_container("s-bind", "sleep", "100000", flags=("-v", f"{shared}:/x"))
        try:
            with faulty({"path": "/containers/json", "do": "replace", "arg": ["s-bind", name.replace("\\", "\\\\")]}) as (url, _):
                done = world.kanshiki("--config", "/dev/null", "-H", url, "--home", shared, "doctor")
            self.assertNotIn(b"\x1b", done.out, str(done))
            self.assertIn("within reach of container x", done.text)
        finally:
            remove("s-bind")

    def test_who_is_not_root_is_told_what_root_would_add(self):
        with faulty() as (url, _):
            done = self.as_nobody(url, "doctor")
        self.assertEqual(done.status, 5, str(done))
        schema_of("doctor").validate(done.json)
        states = {c["name"]: (c["state"], c.get("why"), c.get("do")) for c in done.json["collectors"]}
        self.assertEqual(states["processes"], ("unavailable", "not root", "run it as root"))
        self.assertEqual((states["engine"][0], states["filesystem"][0]), ("available", "limited"))
        self.assertEqual(self.line(done.json, "rights")["state"], "missing")

    def test_who_may_not_use_the_socket_is_told_so_with_6(self):
        done = self.as_nobody(engine().url, "doctor")
        self.assertEqual(done.status, 6, str(done))
        self.assertIn("permission denied", self.line(done.json, "engine")["why"])

    def test_root_without_its_powers_is_told_that_something_would_be_missing(self):
        argv = ["--config", "/dev/null", "-H", engine().url, "--home", self.home, "--json", "doctor"]
        done = world.kanshiki("--bounding-set", "-sys_ptrace,-sys_admin", "--", world.KANSHIKI, *argv, program="/usr/bin/setpriv")
        self.assertEqual(done.status, 5, str(done))
        states = {c["name"]: c for c in done.json["collectors"]}
        self.assertNotEqual(states["processes"]["state"], "available", str(done))

    def test_collectors_are_available_here_and_nowhere_else(self):
        done = world.kanshiki("--config", "/dev/null", "-H", engine().url, "--home", self.home, "--json", "collectors")
        schema_of("collectors").validate(done.json)
        self.assertEqual({c["state"] for c in done.json["collectors"]}, {"available"}, str(done))
        self.assertEqual(self.stored(self.home), [])

    def as_nobody(self, url, *words):
        directory = pathlib.Path(subprocess.run(["mktemp", "-d", "/tmp/kan-e2e-XXXXXX"], stdout=subprocess.PIPE, check=True).stdout.decode().strip())
        self.addCleanup(shutil.rmtree, directory)
        os.chmod(directory, 0o755)
        shutil.copy(world.KANSHIKI, directory / "kanshiki")
        (directory / "home").mkdir(mode=0o700)
        os.chown(directory / "home", 65534, 65534)
        if url != engine().url:
            (directory / "engine").mkdir()
            subprocess.run(["mount", "--bind", os.path.dirname(url.removeprefix("unix://")), directory / "engine"], check=True)
            self.addCleanup(subprocess.run, ["umount", str(directory / "engine")], check=True)
            url = f"unix://{directory}/engine/s"
        return world.kanshiki("--reuid", "65534", "--regid", "65534", "--clear-groups", directory / "kanshiki", "--config", "/dev/null", "-H", url,
                              "--home", directory / "home", "--json", *words, program="/usr/bin/setpriv")


if __name__ == "__main__":
    unittest.main()
