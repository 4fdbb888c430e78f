"""Whatever is changed after the seal is found by verify, with status 7 and the name of the file."""
import json
import os
import shutil
import stat
import subprocess
import unittest

import world
from world import demo, demo_copy


def writable(path):
    os.chmod(path, os.stat(path).st_mode | stat.S_IWUSR)
    return path


def flip(path, offset=None):
    data = bytearray(writable(path).read_bytes())
    data[len(data) // 2 if offset is None else offset] ^= 1
    path.write_bytes(data)


class Tamper(unittest.TestCase):
    def bag(self):
        self.assertIsNotNone(demo().bundle, str(demo().result))
        return demo_copy()

    def refused(self, target, name, status=7):
        """verify names `name` in a failed check, and never says verified."""
        done = world.verify(target)
        self.assertEqual(done.status, status, str(done))
        document = done.json
        self.assertEqual((document["result"], document["exit"]), ("tampered", 7))
        failed = [c for c in document["checks"] if c["result"] == "failed"]
        self.assertTrue([c for c in failed if name in c.get("path", "") + c.get("detail", "")], (name, failed))
        return failed

    def test_an_untouched_copy_verifies(self):
        done = world.verify(self.bag())
        self.assertEqual((done.status, done.json["result"]), (0, "verified"), str(done))

    def test_a_flipped_byte_in_any_file_is_found_and_the_file_is_named(self):
        names = [str(p.relative_to(demo().bundle.path)) for p in sorted(demo().bundle.path.rglob("*"))
                 if p.is_file() and p.stat().st_size and p.name != "tagmanifest-sha256.txt.sig"]
        for name in names:
            with self.subTest(name):
                bag = self.bag()
                flip(bag / name)
                done = world.verify(bag)
                self.assertEqual(done.status, 7, f"{name}: {done}")
                self.assertIn(os.path.basename(name), done.text)
                shutil.rmtree(bag.parent)

    def test_a_signature_over_other_bytes_is_found(self):
        bag = self.bag()
        flip(bag / "seal/tagmanifest-sha256.txt.sig", 200)
        self.refused(bag, "tagmanifest-sha256.txt.sig")

    def test_a_missing_payload_file_is_told_apart_from_an_altered_one(self):
        bag = self.bag()
        (bag / "data/network/sockets.ndjson").unlink()
        failed = self.refused(bag, "data/network/sockets.ndjson")
        self.assertIn("missing", json.dumps(failed))
        bag = self.bag()
        flip(bag / "data/network/sockets.ndjson")
        self.assertNotIn("missing", json.dumps(self.refused(bag, "data/network/sockets.ndjson")))

    def test_an_added_file_is_found_though_sha256sum_is_blind_to_it(self):
        for name in ("data/extra.txt", "stray.txt", "data/network/extra.ndjson"):
            bag = self.bag()
            (bag / name).write_text("x")
            world.sh("sha256sum", "-c", "--quiet", "tagmanifest-sha256.txt", "manifest-sha256.txt", cwd=bag)
            self.refused(bag, name)

    def test_a_file_that_became_a_link_a_fifo_or_a_directory_is_found(self):
        for make in (lambda p, aside: (p.rename(aside), p.symlink_to(aside)),
                     lambda p, aside: (p.unlink(), os.mkfifo(p)), lambda p, aside: (p.unlink(), p.mkdir())):
            bag = self.bag()
            make(bag / "data/engine/inspect.json", bag.parent / "aside")
            self.refused(bag, "data/engine/inspect.json")

    def test_an_empty_directory_is_found(self):
        bag = self.bag()
        (bag / "data/empty").mkdir()
        self.refused(bag, "data/empty")

    def test_two_files_that_changed_places_are_found(self):
        bag = self.bag()
        one, two = bag / "data/engine/version.json", bag / "data/engine/info.json"
        one.rename(bag.parent / "x")
        two.rename(one)
        (bag.parent / "x").rename(two)
        self.refused(bag, "data/engine/version.json")

    def test_a_dropped_journal_line_is_found_even_with_all_manifests_rebuilt(self):
        bag = self.bag()
        lines = writable(bag / "journal.ndjson").read_bytes().splitlines(keepends=True)
        (bag / "journal.ndjson").write_bytes(b"".join(lines[:3] + lines[4:]))
        rebuild(bag)
        self.refused(bag, "journal.ndjson")

    def test_an_edited_payload_with_all_manifests_rebuilt_fails_the_signature(self):
        bag = self.bag()
        rows = writable(bag / "data/processes/processes.ndjson").read_bytes().splitlines(keepends=True)
        (bag / "data/processes/processes.ndjson").write_bytes(b"".join(rows[:-1]))
        rebuild(bag)
        failed = self.refused(bag, "tagmanifest-sha256.txt")
        self.assertIn("signature", [c["name"] for c in failed])

    def test_removed_manifests_and_proofs_are_found(self):
        bag = self.bag()
        (bag / "tagmanifest-sha256.txt").unlink()
        shutil.rmtree(bag / "seal")
        self.refused(bag, "tagmanifest-sha256.txt")

    def test_a_seal_from_elsewhere_that_differs_is_found(self):
        done = world.kanshiki("--json", "verify", "--seal", "0" * 64, self.bag())
        self.assertEqual(done.status, 7, str(done))
        self.assertEqual(world.verify(self.bag(), "--seal", demo().result.json["seal"]).status, 0)

    def test_a_mode_or_time_of_the_bag_is_no_evidence(self):
        bag = self.bag()
        for path in bag.rglob("*"):
            os.utime(path, (1, 1))
            os.chmod(path, 0o755 if path.is_dir() else 0o644)
        self.assertEqual(world.verify(bag).status, 0)

    # --- the repository

    def repository(self):
        self.assertIsNotNone(demo().bundle, str(demo().result))
        target = world.new_directory("repo") / "custody.git"
        shutil.copytree(demo().home / "custody.git", target, symlinks=True)
        return target

    def git(self, repo, *argv, **more):
        return subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *argv], cwd=repo, check=True,
                              stdout=subprocess.PIPE, **more).stdout.decode().strip()

    def test_an_untouched_repository_verifies(self):
        done = world.verify(self.repository())
        self.assertEqual((done.status, done.json["result"]), (0, "verified"), str(done))

    def test_an_altered_lfs_object_is_named(self):
        repo = self.repository()
        victim = max((p for p in (repo / "lfs/objects").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
        flip(victim)
        self.assertNotIn("missing", json.dumps(self.refused(repo, victim.name)))

    def test_a_missing_lfs_object_is_named_and_called_missing(self):
        repo = self.repository()
        victim = next(p for p in (repo / "lfs/objects").rglob("*") if p.is_file())
        victim.unlink()
        self.assertIn("missing", json.dumps(self.refused(repo, victim.name)))

    def test_an_altered_git_object_is_found(self):
        repo = self.repository()
        blob = self.git(repo, "rev-parse", f"main:cases/inc-42/bundles/{demo().bundle.path.name}/capture.json")
        victim = repo / "objects" / blob[:2] / blob[2:]
        flip(victim)
        self.assertEqual(world.verify(repo).status, 7)

    def test_an_amended_commit_is_found(self):
        repo = self.repository()
        tree = self.git(repo, "rev-parse", "main^{tree}")
        parent = self.git(repo, "rev-parse", "main^")
        forged = self.git(repo, "commit-tree", tree, "-p", parent, "-m", self.git(repo, "log", "-1", "--format=%B", "main"))
        self.git(repo, "update-ref", "refs/heads/main", forged)
        done = world.verify(repo)
        self.assertEqual(done.status, 7, str(done))
        self.assertIn(forged, done.text)

    def test_a_commit_that_removes_evidence_is_found(self):
        repo = self.repository()
        env = dict(os.environ, GIT_INDEX_FILE=str(repo.parent / "index"))
        self.git(repo, "read-tree", "main", env=env)
        name = f"cases/inc-42/bundles/{demo().bundle.path.name}/gaps.ndjson"
        self.git(repo, "rm", "-q", "--cached", name, env=env)
        tree = self.git(repo, "write-tree", env=env)
        self.git(repo, "update-ref", "refs/heads/main", self.git(repo, "commit-tree", tree, "-p", "main", "-m", "x"))
        self.assertEqual(world.verify(repo).status, 7)

    def test_things_that_make_git_lie_are_found_by_name(self):
        for name, content in (("objects/info/alternates", "/tmp\n"), ("info/grafts", "x\n"), ("shallow", "0" * 40 + "\n"),
                              ("commondir", "..\n")):
            with self.subTest(name):
                repo = self.repository()
                (repo / name).parent.mkdir(exist_ok=True)
                (repo / name).write_text(content)
                self.refused(repo, os.path.basename(name))

    def test_a_second_branch_and_a_replaced_object_are_found(self):
        for ref in ("refs/heads/other", "refs/replace/" + "1" * 40):
            repo = self.repository()
            (repo / ref).parent.mkdir(parents=True, exist_ok=True)
            (repo / ref).write_text(self.git(repo, "rev-parse", "main") + "\n")
            self.refused(repo, ref.rsplit("/", 1)[0].rsplit("/", 1)[1] if "replace" in ref else ref)

    def test_a_tip_that_was_rewound_is_found_only_from_outside(self):
        repo = self.repository()
        tip = self.git(repo, "rev-parse", "main^")
        self.git(repo, "update-ref", "refs/heads/main", tip)
        self.assertEqual(world.verify(repo).status, 0)

    def test_nothing_of_a_received_configuration_is_run(self):
        repo = self.repository()
        mark = repo.parent / "ran"
        script = repo.parent / "evil.sh"
        script.write_text(f"#!/bin/sh\ntouch {mark}\n")
        script.chmod(0o755)
        with open(repo / "config", "a") as config:
            config.write(f"[core]\n\tfsmonitor = {script}\n\tsshCommand = {script}\n[gpg \"ssh\"]\n\tprogram = {script}\n"
                         f"[include]\n\tpath = {script}\n")
        world.verify(repo)
        self.assertFalse(mark.exists())


def rebuild(bag):
    """What somebody who knows the format does after an edit: both manifests anew, with coreutils."""
    script = """cd "$1" && chmod u+w manifest-sha256.txt tagmanifest-sha256.txt &&
        cut -c67- manifest-sha256.txt | while read -r f; do sha256sum "$f"; done >../m && cat ../m >manifest-sha256.txt &&
        cut -c67- tagmanifest-sha256.txt | while read -r f; do sha256sum "$f"; done >../m && cat ../m >tagmanifest-sha256.txt"""
    world.sh("sh", "-c", script, "sh", bag)


if __name__ == "__main__":
    unittest.main()
