"""Everything that is guaranteed can be checked with other people's tools alone: coreutils, git, git-lfs, ssh-keygen, jq, tar."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import world
from world import demo, sh

SAFE = ["-c", "safe.directory=*"]


def quiet_git(*argv, cwd=None, **more):
    """git without this machine's own configuration, which could hide or add something."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(world.scratch()), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C",
                   "GIT_LFS_SKIP_SMUDGE": "1"}
    return subprocess.run(["git", *map(str, argv)], cwd=cwd, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=world.MAX_SECONDS, **more)


class ThirdParty(unittest.TestCase):
    def setUp(self):
        self.assertIsNotNone(demo().bundle, str(demo().result))
        self.bundle = demo().bundle.path
        self.document = demo().result.json
        self.repo = pathlib.Path(self.document["custody"]["repo"])

    def git(self, *argv, cwd=None, status=0):
        done = quiet_git(*argv, cwd=cwd)
        self.assertEqual(done.returncode, status, f"git {argv}: {done.stdout.decode(errors='replace')}")
        return done.stdout.decode(errors="replace")

    def clone(self):
        target = world.new_directory("clone") / "v"
        self.git("clone", "--no-local", f"file://{self.repo}", target)
        return target

    def allowed_signers(self):
        """One line, from the public key in the home and the committer that the commits name."""
        key = (demo().home / "keys/host.pub").read_text().split()[:2]
        email = self.git("log", "-1", "--format=%ce", "main", cwd=self.repo).strip()
        path = world.scratch() / "allowed_signers"
        path.write_text(f'{email} namespaces="git,file,kanshiki-custody" {" ".join(key)}\n')
        return path, email

    # --- the bag

    def bash(self, script):
        return sh("bash", "-c", "set -o pipefail; export LC_ALL=C\n" + script, cwd=self.bundle)

    def test_sha256sum_accepts_both_manifests(self):
        self.bash("sha256sum -c --strict --quiet tagmanifest-sha256.txt manifest-sha256.txt")

    def test_every_row_and_document_fits_its_published_schema(self):
        """Our own checker, but none of our C: the bag's rules, docs/schema, twins, the journal's chain."""
        documents = {"capture.json": demo().result.out, "verify.json": world.verify(self.bundle).out}
        folder = world.new_directory("documents")
        for name, octets in documents.items():
            (folder / name).write_bytes(octets)
        flags = [f"--document={path}" for path in [*folder.iterdir(), self.document["report"]["json"]]]
        sh("/usr/bin/python3", world.TOP / "tests/contract/check_bundle.py", *flags, self.bundle)

    def test_the_manifests_list_every_file_and_nothing_else(self):
        text = self.bash("""find . -type f ! -path './seal/*' -printf '%P\\n' | sort |
            comm -3 - <(cut -c67- manifest-sha256.txt tagmanifest-sha256.txt | sort)""")
        self.assertEqual(text.strip(), "tagmanifest-sha256.txt")
        self.assertEqual(self.bash("find . ! -type d ! -type f -o -type d -empty"), "")

    def test_the_seal_is_the_digest_of_the_tag_manifest(self):
        self.assertEqual(self.bash("sha256sum tagmanifest-sha256.txt").split()[0], self.document["seal"])

    def test_jq_and_sha256sum_walk_the_journals_chain(self):
        self.bash("""diff <(jq -r .prev journal.ndjson | tail -n +2) <(head -n -1 journal.ndjson |
            while IFS= read -r l; do printf '%s\\n' "$l" | sha256sum | cut -c1-64; done)""")
        last = json.loads((self.bundle / "journal.ndjson").read_bytes().splitlines()[-1])
        self.assertEqual((last["type"], last["manifest"]),
                         ("seal", world.sha256_file(self.bundle / "manifest-sha256.txt")))

    def test_bagit_txt_and_the_oxum_are_as_the_rfc_says(self):
        self.assertEqual((self.bundle / "bagit.txt").read_bytes(),
                         b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
        info = dict(line.split(": ", 1) for line in (self.bundle / "bag-info.txt").read_text().splitlines())
        files = [p for p in (self.bundle / "data").rglob("*") if p.is_file()]
        self.assertEqual(info["Payload-Oxum"], f"{sum(p.stat().st_size for p in files)}.{len(files)}")
        self.assertEqual(info["External-Identifier"], self.bundle.name)
        self.assertEqual(info["Kanshiki-Status"], "complete")

    def test_manifest_lines_are_sorted_lower_case_and_two_spaces(self):
        for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
            lines = (self.bundle / name).read_bytes().splitlines()
            self.assertEqual([line for line in lines if not re.fullmatch(rb"[0-9a-f]{64}  ([a-z0-9._/-]+|README-verify.txt)", line)], [])
            self.assertEqual(lines, sorted(lines, key=lambda line: line[66:]))

    def test_ssh_keygen_accepts_the_signature_of_the_seal(self):
        allowed, email = self.allowed_signers()
        with open(self.bundle / "tagmanifest-sha256.txt", "rb") as stream:
            sh("ssh-keygen", "-Y", "verify", "-f", allowed, "-I", email, "-n", "file", "-s",
               self.bundle / "seal/tagmanifest-sha256.txt.sig", stdin=stream)

    def test_gnu_tar_reads_every_archive(self):
        archives = list(self.bundle.rglob("*.tar"))
        self.assertGreaterEqual(len(archives), 4)
        for path in archives:
            sh("tar", "-tf", path)

    def test_gnu_tar_extracts_the_upper_layer_with_its_times_and_modes(self):
        target = world.new_directory("untar")
        sh("tar", "-xpf", self.bundle / "data/filesystem/upper.tar", "-C", target)
        for staged in demo().truth["changes"]:
            if "sha256" in staged and "path" in staged:
                self.assertEqual(world.sha256_file(f"{target}{staged['path']}"), staged["sha256"])

    def test_every_line_of_every_ndjson_file_is_json_to_jq(self):
        for path in self.bundle.rglob("*.ndjson"):
            sh("jq", "-c", "empty", path)

    def test_the_readme_of_the_bundle_holds_the_commands_that_were_just_run(self):
        text = (self.bundle / "README-verify.txt").read_text()
        for command in ("sha256sum -c --strict", "ssh-keygen -Y verify", "jq -r .prev"):
            self.assertIn(command, text)

    # --- the repository

    def test_git_fsck_strict_is_content(self):
        self.git("fsck", "--full", "--strict", "--no-dangling", cwd=self.repo)

    def test_git_clone_gives_the_bag_and_every_pointer_is_small(self):
        clone = self.clone()
        self.assertEqual(self.git("rev-parse", "--is-shallow-repository", cwd=clone).strip(), "false")
        bag = clone / "cases/inc-42/bundles" / self.bundle.name
        for path in self.bundle.rglob("*"):
            relative = path.relative_to(self.bundle)
            if path.is_file() and relative.parts[0] not in ("data",):
                self.assertEqual((bag / relative).read_bytes(), path.read_bytes(), relative)
            elif path.is_file() and path.stat().st_size:
                pointer = (bag / relative).read_text()
                self.assertEqual(pointer, "version https://git-lfs.github.com/spec/v1\n"
                                          f"oid sha256:{world.sha256_file(path)}\nsize {path.stat().st_size}\n")

    def test_the_history_only_adds_files(self):
        self.assertEqual(self.git("log", "--diff-filter=MDRT", "--format=%H", "main", cwd=self.repo), "")

    def test_git_verifies_the_signature_of_every_commit(self):
        allowed, _ = self.allowed_signers()
        clone = self.clone()
        commits = self.git("rev-list", "main", cwd=clone).split()
        self.assertEqual(len(commits), 2)
        self.assertIn(self.document["custody"]["commit"], commits)
        self.assertIn(self.document["custody"]["derived_commit"], commits)
        for commit in commits:
            self.git("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", commit, cwd=clone)
        for line in self.git("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}", "log",
                             "--format=%G? %GS %ce", "main", cwd=clone).splitlines():
            good, signer, committer = line.split()
            self.assertEqual((good, signer), ("G", committer))

    def test_the_events_are_one_chain_by_their_digests(self):
        events = sorted((self.clone() / "cases/inc-42/events").iterdir())
        self.assertEqual([p.name for p in events], ["000001-collect.json", "000002-derive.json"])
        before = "0" * 64
        for path in events:
            self.assertEqual(json.loads(path.read_bytes())["prev"], before)
            before = world.sha256_file(path)
        first = json.loads(events[0].read_bytes())
        self.assertEqual(first["what"][0]["seal"], self.document["seal"])
        self.assertEqual((first["who"]["name"], first["who"]["email"]), ("Aiko Mori", "aiko@example.org"))
        self.assertEqual(first["why"]["purpose"], "seen by monitoring")

    def test_commit_messages_carry_event_and_seal(self):
        text = self.git("log", "-1", "--format=%B", self.document["custody"]["commit"], cwd=self.repo)
        self.assertTrue(text.startswith(f"kanshiki: collect inc-42 {self.bundle.name}\n"), text)
        self.assertIn(f"Kanshiki-Seal: {self.document['seal']}", text)
        self.assertIn("Kanshiki-Event: 1\n", text)

    def test_git_lfs_finds_every_object_and_its_digest(self):
        clone = self.clone()
        self.git("-c", f"lfs.url=file://{self.repo}", "lfs", "fetch", "--all", cwd=clone)
        self.assertIn("OK", self.git("-c", "lfs.fetchexclude=", "lfs", "fsck", "--dry-run", "main", cwd=clone))

    def test_the_object_store_is_named_by_its_digests(self):
        objects = [p for p in (self.repo / "lfs/objects").rglob("*") if p.is_file()]
        self.assertGreater(len(objects), 20)
        for path in objects:
            self.assertEqual(world.sha256_file(path), path.name)
            self.assertEqual(path.parent.name, path.name[2:4])

    def test_a_checkout_with_git_lfs_is_the_bag_again(self):
        clone = self.clone()
        self.git("-c", f"lfs.url=file://{self.repo}", "lfs", "fetch", "--all", cwd=clone)
        self.git("lfs", "install", "--local", "--skip-repo", cwd=clone)
        self.git("lfs", "checkout", cwd=clone)
        bag = clone / "cases/inc-42/bundles" / self.bundle.name
        sh("sha256sum", "-c", "--strict", "--quiet", "tagmanifest-sha256.txt", "manifest-sha256.txt", cwd=bag)

    def test_another_user_can_clone_a_copy_and_check_it(self):
        home = pathlib.Path(subprocess.run(["mktemp", "-d", "/tmp/kan-e2e-XXXXXX"], stdout=subprocess.PIPE, check=True)
                            .stdout.decode().strip())
        try:
            os.chmod(home, 0o755)
            shutil.copytree(self.repo, home / "mine.git")
            sh("chown", "-R", "nobody", home)
            sh("setpriv", "--reuid", "65534", "--clear-groups", "env", "-i", "PATH=/usr/bin:/bin", f"HOME={home}", "GIT_LFS_SKIP_SMUDGE=1",
               "sh", "-c", f"cd {home} && git clone -q --no-local file://{home}/mine.git v && cd v && git fsck --full --strict")
        finally:
            shutil.rmtree(home)

    def test_verify_prints_commands_of_others_that_work_as_printed(self):
        checks = world.verify(self.bundle).json["checks"]
        printed = [c["third_party"] for c in checks if c.get("third_party") and "sha256sum" in c["third_party"]]
        self.assertTrue(printed, checks)
        for command in set(printed):
            self.bash(command)
