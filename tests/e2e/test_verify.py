"""verify and the other readers: what is no bundle, what is unfinished, what a requirement changes."""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

import world
from world import demo, demo_copy


class Verify(unittest.TestCase):
    def setUp(self):
        self.assertIsNotNone(demo().bundle, str(demo().result))

    def test_a_bundle_and_its_repository_are_verified_with_status_0(self):
        for target in (demo().bundle.path, demo().home / "custody.git"):
            done = world.verify(target)
            self.assertEqual((done.status, done.json["schema"], done.json["result"], done.json["exit"]),
                             (0, "kanshiki.verify/1", "verified", 0), str(done))

    def test_every_check_has_a_name_and_one_of_three_results(self):
        for check in world.verify(demo().bundle.path).json["checks"]:
            self.assertIn(check["result"], ("ok", "failed", "not-done"))
            self.assertTrue(check["name"])

    def test_the_plain_output_says_verified_and_prints_other_peoples_commands(self):
        done = world.kanshiki("verify", demo().bundle.path)
        self.assertEqual(done.status, 0, str(done))
        self.assertIn("verified", done.text)
        self.assertIn("sha256sum", done.text)

    def test_verify_writes_nothing_into_the_bundle(self):
        bag = demo_copy()
        before = {p: p.lstat().st_mtime_ns for p in [bag, *bag.rglob("*")]}
        world.verify(bag)
        self.assertEqual({p: p.lstat().st_mtime_ns for p in [bag, *bag.rglob("*")]}, before)

    def test_what_is_not_there_or_no_bundle_is_status_3(self):
        empty = world.new_directory("empty")
        for target in (empty / "nothing", empty):
            done = world.kanshiki("verify", target)
            self.assertEqual(done.status, 3, str(done))
            self.assertEqual(len(done.messages.strip().splitlines()), 1, str(done))

    def test_a_bag_without_bagit_txt_is_unsealed_and_status_5(self):
        bag = demo_copy()
        (bag / "bagit.txt").unlink()
        partial = bag.rename(bag.with_name(bag.name + ".partial"))
        done = world.verify(partial)
        self.assertEqual((done.status, done.json["result"]), (5, "incomplete"), str(done))
        self.assertIn("unsealed", done.text)

    def test_a_requirement_that_is_not_met_is_status_5_and_without_it_0(self):
        done = world.verify(demo().bundle.path, "--require", "signed,known-signer")
        self.assertEqual((done.status, done.json["result"]), (5, "incomplete"), str(done))
        self.assertEqual(world.verify(demo().bundle.path, "--require", "signed").status, 0)

    def test_a_known_signer_meets_the_requirement(self):
        key = (demo().home / "keys/host.pub").read_text().split()[:2]
        mail = world.sh("git", "-c", "safe.directory=*", "log", "-1", "--format=%ce", "main", cwd=demo().home / "custody.git").strip()
        allowed = world.scratch() / "signers"
        allowed.write_text(f'{mail} namespaces="git,file,kanshiki-custody" {" ".join(key)}\n')
        for target in (demo().bundle.path, demo().home / "custody.git"):
            done = world.verify(target, "--require", "known-signer", "--allowed-signers", allowed)
            self.assertEqual(done.status, 0, str(done))

    def test_an_unknown_requirement_or_option_is_usage(self):
        for argv in (("verify", "--require", "blessed", demo().bundle.path), ("verify", "--no-such"), ("verify",), ("no-such",)):
            done = world.kanshiki(*argv)
            self.assertEqual(done.status, 2, str(done))

    def test_the_sandbox_is_on_or_its_lack_is_said(self):
        done = world.kanshiki("verify", demo().bundle.path)
        self.assertTrue("sandbox" in done.messages + done.text or done.messages == "", str(done))

    def test_a_reader_that_is_not_root_verifies_a_readable_copy(self):
        home = pathlib.Path(world.sh("mktemp", "-d", "/tmp/kan-e2e-XXXXXX").strip())
        try:
            os.chmod(home, 0o755)
            shutil.copytree(demo().bundle.path, home / demo().bundle.path.name)
            shutil.copy(world.KANSHIKI, home / "kanshiki")
            world.sh("chown", "-R", "nobody", home)
            done = world.kanshiki("--reuid", "65534", "--clear-groups", home / "kanshiki", "verify", home / demo().bundle.path.name,
                                  program="/usr/bin/setpriv")
            self.assertEqual(done.status, 0, str(done))
        finally:
            shutil.rmtree(home)

    def test_a_home_of_somebody_else_is_permission_and_not_an_empty_one(self):
        place = pathlib.Path(world.sh("mktemp", "-d", "/tmp/kan-e2e-XXXXXX").strip())
        try:
            os.chmod(place, 0o755)
            (place / "home").mkdir(mode=0o700)
            shutil.copy(world.KANSHIKI, place / "kanshiki")
            for argv in (("verify", place / "home"), ("--home", place / "home", "ls")):
                done = world.kanshiki("--reuid", "65534", "--clear-groups", place / "kanshiki", *argv, program="/usr/bin/setpriv")
                self.assertEqual(done.status, 6, str(done))
        finally:
            shutil.rmtree(place)

    def test_reading_the_log_of_a_home_that_is_not_there_makes_none(self):
        home = world.scratch() / "mistyped"
        self.assertEqual(world.kanshiki("--home", home, "custody", "log").status, 3)
        self.assertFalse(home.exists())
        self.assertEqual(world.kanshiki("--home", demo().home, "custody", "log", "--case", "no-such").status, 3)

    def test_an_altered_bundle_is_neither_signed_nor_imported_nor_reported_on(self):
        bag, home = demo_copy(), world.scratch() / "importing"
        path = bag / "data/engine/inspect.json"
        path.chmod(0o600)
        path.write_bytes(path.read_bytes() + b"\n")
        proofs = sorted((bag / "seal").iterdir())
        for argv in (("--home", home, "import", bag), ("report", "-o", world.new_directory("report"), bag),
                     ("show", "-b", bag, "#1")):
            done = world.kanshiki(*argv)
            self.assertEqual(done.status, 7, str(done))
            self.assertIn("inspect.json", done.messages)
        self.assertEqual(sorted((bag / "seal").iterdir()), proofs)
        self.assertFalse(home.exists())

    def test_the_seal_that_was_told_is_compared_with_a_bundle_and_with_nothing_else(self):
        seal = world.sha256_file(demo().bundle.path / "tagmanifest-sha256.txt")
        self.assertEqual(world.verify(demo().bundle.path, "--seal", seal).status, 0)
        self.assertEqual(world.verify(demo().bundle.path, "--seal", "0" * 64).status, 7)
        self.assertEqual(world.kanshiki("verify", "--seal", seal, demo().home / "custody.git").status, 2)

    def test_the_list_of_artefacts_is_one_document_with_json(self):
        document = world.kanshiki("--json", "ls", demo().bundle.path).json
        files = document["files"]
        self.assertEqual((document["bundle"], document["seal"]), (demo().bundle.path.name, demo().result.json["seal"]))
        self.assertIn("data/engine/inspect.json", [f["path"] for f in files])

    def test_the_record_has_the_words_as_they_were_typed(self):
        argv = world.kanshiki("--home", demo().home, "--json", "custody", "log").text.splitlines()[0]
        words = json.loads(argv)["how"]["argv"]
        self.assertEqual(words[1:], demo().result.argv[1:])

    def test_output_that_cannot_be_written_is_status_1(self):
        for argv in (("--json", "verify"), ("verify",), ("ls",), ("--json", "report", "-o", world.new_directory("report"))):
            with self.subTest(argv), open("/dev/full", "wb") as full:
                done = subprocess.run([str(world.KANSHIKI), *map(str, argv), str(demo().bundle.path)], stdout=full,
                                      stderr=subprocess.PIPE, env=world.environment(), check=False)
                self.assertEqual(done.returncode, 1, done.stderr)

    def test_version_and_help_name_every_command_and_status(self):
        self.assertEqual(world.kanshiki("version").status, 0)
        done = world.kanshiki("--help")
        self.assertEqual(done.status, 0, str(done))
        for word in ("capture", "verify", "report", "seal"):
            self.assertIn(word, done.text)
