"""ls --root against data roots made by hand, honest and hostile. No engine runs.

usage: test_dataroot.py KANSHIKI
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import rows
from dataroot import CREATED, ID, DataRoot

TOP = pathlib.Path(__file__).resolve().parents[2]
KANSHIKI = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else TOP / "build/kanshiki"
MAX_SECONDS = 60
OTHER = "b2" * 32
CANARY = "canary-of-the-host-5e1f"
scratch = tempfile.TemporaryDirectory(prefix="kan-dataroot-")
WORK = pathlib.Path(scratch.name)


def kanshiki(*argv):
    done = subprocess.run([str(KANSHIKI), *map(str, argv)], stdin=subprocess.DEVNULL, capture_output=True, timeout=MAX_SECONDS,
                          check=False, env={"PATH": os.environ["PATH"], "HOME": str(WORK)})
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def an_id(number):
    return f"{number:012x}".ljust(64, "0")


def new_root():
    return DataRoot(tempfile.mkdtemp(prefix="root-", dir=WORK))


class Listed(unittest.TestCase):
    def document(self, root, status=0):
        got, out, err = kanshiki("--json", "ls", "--root", root.path)
        self.assertEqual(got, status, err)
        self.assertEqual(rows.document_faults(out, "kanshiki.root/1"), [])
        self.assertNotIn(CANARY, out.decode(errors="replace") + err)
        return json.loads(out)

    def unreadable(self, root):
        return {one["name"]: one["why"] for one in self.document(root, 5)["unreadable"]}

    def test_each_container_with_its_name_image_tags_state_and_time(self):
        root = new_root()
        root.container()
        root.container(OTHER, "db", log_driver="local", State={"Running": True, "Paused": True, "StartedAt": CREATED})
        document = self.document(root)
        self.assertEqual((document["live"], document["unreadable"]), (False, []))
        self.assertEqual(document["containers"], [
            {"id": ID, "name": "web", "image": "shop:2.3", "image_id": root.image, "tags": ["shop:2.3"], "state": "exited",
             "created": CREATED, "started": "2026-11-20T10:00:01.5Z", "driver": "overlay2", "log_driver": "json-file", "layers": True},
            {"id": OTHER, "name": "db", "image": "shop:2.3", "image_id": root.image, "tags": ["shop:2.3"], "state": "paused",
             "created": CREATED, "started": CREATED, "driver": "overlay2", "log_driver": "local", "layers": True}])
        status, out, _ = kanshiki("ls", "--root", root.path)
        self.assertEqual((status, len(out.splitlines())), (0, 2))
        self.assertRegex(out.decode(), f"(?m)^{ID[:12]} exited +web +shop:2.3 +{CREATED} *$")

    def test_states_are_made_of_the_flags_as_the_engine_makes_them(self):
        zero = "0001-01-01T00:00:00Z"
        truth = {"created": {"StartedAt": zero}, "exited": {"StartedAt": CREATED}, "dead": {"Dead": True, "StartedAt": CREATED},
                 "running": {"Running": True}, "paused": {"Running": True, "Paused": True},
                 "restarting": {"Running": True, "Restarting": True}, "removing": {"RemovalInProgress": True, "Dead": True}}
        root = new_root()
        for number, (word, flags) in enumerate(truth.items()):
            root.container(an_id(number), word, State=flags)
        self.assertEqual({c["name"]: c["state"] for c in self.document(root)["containers"]}, {word: word for word in truth})

    def test_what_is_damaged_is_a_line_that_says_why(self):
        root = new_root()
        deep, twice = "[" * 5000 + "]" * 5000, '{"ID":"%s","ID":"%s"}' % (ID, OTHER)
        damage = {"": "config.v2.json: JSON", "{": "JSON: line 1", "[]": "no JSON object", deep: "deeper than", "\0\0": "JSON", twice: "JSON",
                  '{"ID":7}': "another container", '{"ID":"%s"}' % OTHER: "another container", '{"State":[],"ID":null}': "another container"}
        wanted = {}
        for number, (text, why) in enumerate(damage.items()):
            ident = an_id(number)
            (root.container(ident, "x") / "config.v2.json").write_text(text)
            wanted[ident] = why
        missing = root.container("c" * 64, "gone")
        (missing / "config.v2.json").unlink()
        wanted["c" * 64] = "No such file"
        root.container("d" * 64, "whole")
        found = self.unreadable(root)
        self.assertEqual(set(found), set(wanted))
        for ident, why in wanted.items():
            self.assertIn(why, found[ident])
        self.assertEqual([c["name"] for c in self.document(root, 5)["containers"]], ["whole"])

    def test_odd_types_of_known_keys_are_no_reason_to_fall(self):
        root = new_root()
        root.container(ID, "x", State=7, Config="text", MountPoints=[1], Image=None, Driver=["../../../etc"], Args=3, Name=4)
        only, = self.document(root)["containers"]
        self.assertEqual((only["name"], only["state"], only["layers"], only["tags"]), ("", "created", False, []))

    def test_a_list_of_images_that_is_damaged_or_gives_one_name_to_two_is_told(self):
        root = new_root()
        root.container()
        listed = root.path / "image/overlay2/repositories.json"
        named, other = {"shop:2.3": root.image}, "sha256:" + "e5" * 32
        damage = {"two images are called 'shop:2.3'": {"Repositories": {"shop": named, "evil": {"shop:2.3": other}}},
                  "no object Repositories": {"Repositories": []}, "'evil' is no object": {"Repositories": {"shop": named, "evil": []}},
                  "names no image": {"Repositories": {"shop": {**named, "x:1": 7}}}}
        for why, document in damage.items():
            for text in (document, {**document, "Other": None}):
                listed.write_text(json.dumps(text))
                self.assertIn(why, self.unreadable(root)["images of overlay2"])
        for text in ({}, 7, []):
            listed.write_text(json.dumps(text))
            self.assertEqual(set(self.unreadable(root)), {"images of overlay2"})
        listed.unlink()
        self.assertEqual(self.document(root)["unreadable"], [])
        listed.parent.rename(listed.parent.with_name("was"))
        listed.parent.write_text("")
        self.assertEqual(set(self.unreadable(root)), {"images of overlay2"})

    def test_a_driver_that_is_a_path_leads_nowhere(self):
        root = new_root()
        outside = pathlib.Path(tempfile.mkdtemp(prefix="outside-", dir=WORK))
        (outside / "repositories.json").write_text(json.dumps({"Repositories": {CANARY: {CANARY: root.image}}}))
        root.container(ID, "x", Driver=f"../../{outside.name}")
        only, = self.document(root)["containers"]
        self.assertEqual((only["tags"], only["layers"]), ([], False))

    def test_a_missing_hostconfig_is_said_and_the_container_is_listed(self):
        root = new_root()
        (root.container() / "hostconfig.json").unlink()
        only, = self.document(root, 5)["containers"]
        self.assertIn("hostconfig.json", only["lacks"])
        self.assertNotIn("log_driver", only)

    def test_links_are_not_followed_wherever_they_are(self):
        secret = WORK / "canary.json"
        secret.write_text(json.dumps({"ID": ID, "Name": CANARY, "Config": {"Image": CANARY}}))
        elsewhere = pathlib.Path(tempfile.mkdtemp(prefix="elsewhere-", dir=WORK))
        (elsewhere / "config.v2.json").write_text(secret.read_text())
        root = new_root()
        config = root.container() / "config.v2.json"
        config.unlink()
        config.symlink_to(secret)
        os.symlink(elsewhere, root.path / "containers" / OTHER)
        os.symlink("/proc/self/root", root.path / "containers" / ("e" * 64))
        found = self.unreadable(root)
        self.assertEqual(set(found), {ID, OTHER, "e" * 64})
        self.assertIn("no directory", found[OTHER])

    def test_a_linked_containers_directory_is_no_data_root(self):
        root = new_root()
        real = new_root()
        real.container(ID, CANARY)
        (root.path / "containers").rmdir()
        os.symlink(real.path / "containers", root.path / "containers")
        status, out, err = kanshiki("ls", "--root", root.path)
        self.assertEqual(status, 3, err)
        self.assertNotIn(CANARY.encode(), out)

    def test_pipes_sockets_and_directories_in_place_of_files_do_not_hold_it_up(self):
        root = new_root()
        for number, make in enumerate((os.mkfifo, os.mkdir)):
            ident = an_id(number)
            config = root.container(ident, "x") / "config.v2.json"
            config.unlink()
            make(config)
        os.mkfifo(root.path / "containers" / ("f" * 64))
        begin = time.monotonic()
        found = self.unreadable(root)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(len(found), 3)
        self.assertIn("no regular file", found[an_id(0)])

    def test_a_file_of_terabytes_is_refused_by_its_size(self):
        root = new_root()
        config = root.container() / "config.v2.json"
        os.truncate(config, 1 << 40)
        self.assertIn("octets, over", self.unreadable(root)[ID])

    def test_ten_thousand_directories_are_listed_each(self):
        root = new_root()
        for number in range(10000):
            (root.path / "containers" / f"{number:064x}").mkdir()
        root.container(ID, "found")
        begin = time.monotonic()
        document = self.document(root, 5)
        self.assertLess(time.monotonic() - begin, 30)
        self.assertEqual(len(document["unreadable"]), 10000)
        self.assertEqual([c["name"] for c in document["containers"]], ["found"])

    def test_names_of_any_bytes_come_out_exact_and_inert(self):
        root = new_root()
        os.mkdir(os.fsencode(root.path) + b"/containers/\x1b]0;x\x07\xff\xe2\x80\xae")
        root.container(ID, "a\u202e\x1bb", Config={"Image": "<b>\n"})
        _, out, _ = kanshiki("ls", "--root", root.path)
        for octet in (b"\x1b", b"\x07", b"\xff", "\u202e".encode()):
            self.assertNotIn(octet, out)
        self.assertEqual(len(out.splitlines()), 2)
        self.assertEqual(len(self.unreadable(root)), 1)

    def test_another_store_is_named_and_a_place_above_one_is_pointed_to(self):
        containerd = pathlib.Path(tempfile.mkdtemp(prefix="containerd-", dir=WORK))
        (containerd / "io.containerd.metadata.v1.bolt").mkdir()
        status, _, err = kanshiki("ls", "--root", containerd)
        self.assertEqual(status, 4)
        self.assertIn("root of containerd", err)
        for above, place in (("", "var/lib/docker"), ("var/lib", "docker"), ("", "var/lib/containers/storage"),
                             ("var/lib", "containers/storage"), ("var/lib/containers", "storage"), ("", ".local/share/containers/storage")):
            with self.subTest((above, place)):
                disk = pathlib.Path(tempfile.mkdtemp(prefix="disk-", dir=WORK))
                (disk / above / place / ("containers" if place.endswith("docker") else "overlay-containers")).mkdir(parents=True)
                status, _, err = kanshiki("ls", "--root", disk / above)
                self.assertEqual(status, 3)
                self.assertIn("name " + str(disk / above / place), err)

    def test_a_held_data_root_is_said_to_be_live(self):
        root = new_root()
        root.container()
        database = root.path / "volumes/metadata.db"
        database.write_bytes(b"")
        holder = subprocess.Popen([sys.executable, "-c", "import fcntl,sys;f=open(sys.argv[1],'rb');fcntl.flock(f,fcntl.LOCK_EX);"
                                   "print('held',flush=True);sys.stdin.read()", str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.assertEqual(holder.stdout.readline(), b"held\n")
            self.assertTrue(self.document(root)["live"])
            self.assertIn("may change while it is read", kanshiki("ls", "--root", root.path)[2])
        finally:
            holder.communicate()
        self.assertFalse(self.document(root)["live"])

    def test_it_leaves_every_file_as_it_was(self):
        root = new_root()
        root.container()
        before = root.snapshot()
        self.document(root)
        self.assertEqual(root.snapshot(), before)

    def test_a_bundle_beside_it_is_a_usage_error(self):
        self.assertEqual(kanshiki("ls", "--root", WORK, "x")[0], 2)
        self.assertEqual(kanshiki("ls", "--root", "")[0], 2)


if __name__ == "__main__":
    unittest.main(verbosity=0)
