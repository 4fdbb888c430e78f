"""custody push and verify --remote: to a bare repository of this machine, and to git's own HTTP backend with an LFS server.

usage: test_push.py KANSHIKI
"""
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest

import rows
from git_server import Server
from homes import Homes

HOMES = Homes(sys.argv.pop(1) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "build/kanshiki", "kan-push-")
kanshiki, new, home = HOMES.kanshiki, HOMES.new, HOMES.home


def push(where, remote, *flags):
    return kanshiki("--home", where, "--json", "custody", "push", *flags, remote)


def note(where, text="seen"):
    done = kanshiki("--home", where, "custody", "note", "--case", HOMES.sample()[2], text)
    assert done.status == 0, str(done)


def tip(where):
    return git("rev-parse", "refs/heads/main", cwd=where / "custody.git").strip()


def git(*argv, cwd=None, **more):
    return HOMES.git(*argv, cwd=cwd, **more)


def bare():
    where = new("bare-") / "r.git"
    git("init", "-q", "--bare", where)
    return where


class Case(unittest.TestCase):
    def server(self, **more):
        made = Server(new("server-"), **more)
        self.addCleanup(made.stop)
        return made

    def pushed(self, done, where):
        self.assertEqual(done.status, 0, str(done))
        self.assertEqual(done.json["tip"], tip(where))
        self.assertEqual(rows.document_faults(done.out, "kanshiki.push/1"), [])
        return done.json

    def refused(self, done, status, *words):
        self.assertEqual(done.status, status, str(done))
        for word in words:
            self.assertIn(word, done.err)


class Http(Case):
    def test_git_and_git_lfs_take_the_whole_bag_out_of_the_remote_again(self):
        where, server = home(), self.server()
        said = self.pushed(push(where, server.url), where)
        self.assertEqual((said["before"], server.main()), ("", tip(where)))
        names = {p.name for p in (where / "custody.git/lfs/objects").rglob("*") if p.is_file()}
        self.assertEqual({p.name for p in server.objects.iterdir()}, names)
        self.assertEqual(said["sent"], len(names))
        clone = new("clone-") / "v"
        git("clone", "-q", server.url, clone, GIT_LFS_SKIP_SMUDGE="1")
        git("lfs", "install", "--local", "--skip-repo", cwd=clone)
        git("-c", f"lfs.url={server.url}/info/lfs", "lfs", "pull", cwd=clone)
        self.assertIn("OK", git("-c", f"lfs.url={server.url}/info/lfs", "lfs", "fsck", "--dry-run", "main", cwd=clone))
        bag = next((clone / "cases").glob("*/bundles/*"))
        done = subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "tagmanifest-sha256.txt", "manifest-sha256.txt"], cwd=bag, check=False,
                              capture_output=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        self.assertEqual(git("fsck", "--full", "--strict", cwd=server.repo), "")

    def test_a_second_push_sends_nothing_and_a_later_one_only_what_is_new(self):
        where, server = home(), self.server()
        self.pushed(push(where, server.url), where)
        before = len(server.seen)
        said = self.pushed(push(where, server.url), where)
        self.assertEqual((said["sent"], said["octets"], said["before"]), (0, 0, said["tip"]))
        self.assertFalse([s for s in server.seen[before:] if s[0] == "PUT" or s[1].endswith("git-receive-pack") and s[0] == "POST"])
        old = tip(where)
        note(where)
        said = self.pushed(push(where, server.url), where)
        self.assertEqual((said["sent"], said["before"], server.main()), (0, old, tip(where)))
        self.assertEqual(git("fsck", "--full", "--strict", cwd=server.repo), "")

    def test_objects_go_before_the_ref_and_a_server_that_fails_between_leaves_main_as_it_was(self):
        faults = [({"put_status": 500}, 1, "500"), ({"put_status": 507, "put_after": 3}, 1, "507"), ({"refuse": "quota"}, 8, "quota"),
                  ({"check": True}, 3, "404"), ({"drop": True}, 1, "does not answer"), ({"transfer": "tus"}, 8, "basic"),
                  ({"href": "file:///etc/passwd"}, 1, "no http address"), ({"header": {"A": "x\r\nHost: y"}}, 1, "impossible headers"),
                  ({"header": {"A b": "x"}}, 1, "impossible headers"), ({"batch_raw": b"{}"}, 1, "does not answer"),
                  ({"batch_raw": b"<html>"}, 1, ""), ({"batch_raw": b"[" * 100000}, 1, ""), ({"batch_raw": b"", "batch_status": 503}, 1, "503"),
                  ({"batch_raw": b" " * (5 << 20)}, 1, ""), ({"redirect": "http://127.0.0.1:1"}, 1, "redirect")]
        where = home()
        for fault, status, words in faults:
            with self.subTest(fault if "batch_raw" not in fault else str(fault)[:60]):
                server = self.server()
                server.faults = fault
                done = push(where, server.url)
                self.assertIn(done.status, {status, 1, 8}, str(done))
                self.assertIn(words, done.err)
                self.assertNotIn("Traceback", done.err)
                self.assertEqual(server.main(), "")
                server.faults = {}
                self.pushed(push(where, server.url), where)

    def test_what_receive_pack_says_is_told_and_nothing_is_believed_that_was_not_read_back(self):
        where, server = home(), self.server()
        hook = server.repo / "hooks/pre-receive"
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        self.refused(push(where, server.url), 8, "the remote refuses", "hook declined")
        hook.unlink()
        for name, answer, status in (("git:git-receive-pack:POST", b"000eunpack ok\n0017ok refs/heads/main\n0000", 7),
                                     ("git:git-receive-pack:POST", b"", 1), ("git:git-receive-pack:POST", b"000eunpack ok\n0000", 1),
                                     ("git:git-receive-pack:POST", b"0015unpack \x1b[31mred\n0000", 8), ("git:refs:GET", b"", 1),
                                     ("git:refs:GET", b"ffff" * 2000, 1), ("git:refs:GET", b"0000", 1), ("git:refs:GET", b"<html>", 1)):
            with self.subTest((name, answer[:30])):
                other = self.server()
                other.faults = {name: answer}
                done = push(where, other.url)
                self.assertEqual(done.status, status, str(done))
                self.assertNotIn("\x1b", done.err)
        self.pushed(push(where, server.url), where)

    def test_a_remote_that_is_ahead_or_has_another_history_gets_nothing_and_verify_says_so(self):
        where, server = home(), self.server()
        self.pushed(push(where, server.url), where)
        rewound = home()
        note(rewound, "one")
        self.pushed(push(rewound, server.url), rewound)
        self.refused(push(where, server.url), 7, "none of our commits", "nothing was pushed")
        note(where, "two")
        self.refused(push(where, server.url), 7, "none of our commits")
        self.assertEqual(server.main(), tip(rewound))
        checks = {c["name"]: c for c in kanshiki("--json", "verify", "--remote", server.url, where).json["checks"]}
        self.assertEqual(checks["remote"]["result"], "failed")
        self.assertIn(tip(rewound), checks["remote"]["detail"])

    def test_verify_knows_equal_behind_and_empty_remotes_and_require_takes_it(self):
        where, server = home(), self.server()

        def verify(*flags):
            done = kanshiki("--json", "verify", "--remote", server.url, *flags, where)
            return done.status, {c["name"]: c["result"] for c in done.json["checks"]}

        self.assertEqual(verify("--require", "pushed")[0], 5)
        self.pushed(push(where, server.url), where)
        status, checks = verify("--require", "pushed,anchored")
        self.assertEqual((status, checks["remote"], checks["anchors"]), (0, "ok", "ok"))
        note(where)
        status, checks = verify("--require", "pushed")
        self.assertEqual((status, checks["remote"], checks["anchors"]), (5, "not-done", "not-done"))
        self.assertEqual(verify()[0], 0)
        self.assertEqual(kanshiki("verify", "--require", "anchored", where).status, 5)
        self.refused(kanshiki("verify", "--remote", "http://127.0.0.1:9/x", where), 1, "cannot connect")
        self.refused(kanshiki("verify", "--remote", server.url, where / "bundles" / HOMES.sample()[1]), 2, "is a bundle")

    def test_credentials_come_from_a_private_file_and_go_to_the_remote_alone(self):
        storage = self.server()
        server = self.server(user="ir:s3cret", storage=storage)
        where, secret = home(), new("secret-") / "credentials"
        secret.write_text("ir:s3cret\n")
        self.refused(push(where, server.url, "--credentials", secret), 8, "chmod 600")
        secret.chmod(0o600)
        self.refused(push(where, server.url), 6, "401")
        self.pushed(push(where, server.url, "--credentials", secret), where)
        self.assertTrue([1 for s in storage.seen if s[0] == "PUT"])
        self.assertEqual([s for s in storage.seen if "Authorization" in s[2]], [])
        done = kanshiki("--json", "verify", "--remote", server.url, "--credentials", secret, "--require", "pushed", where)
        self.assertEqual(done.status, 0, str(done))
        secret.write_text("no colon\n")
        self.refused(push(where, server.url, "--credentials", secret), 2, "NAME:PASSWORD")
        secret.write_text("ir:s3cret\n")
        self.assertNotIn("in the clear", push(where, server.url, "--credentials", secret).err)
        done = push(where, "http://0.0.0.0:1/x.git", "--credentials", secret)
        self.assertIn("warning: the password goes to http://0.0.0.0:1/x.git in the clear", done.err)
        self.assertNotIn("s3cret", done.err)
        self.assertNotIn("in the clear", push(where, "http://0.0.0.0:1/x.git").err)
        self.refused(push(where, server.url.replace("//", "//ir:s3cret@")), 2, "--credentials")

    def test_https_is_believed_by_the_certificates_that_are_named(self):
        keys = new("tls-")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", keys / "key", "-out", keys / "ca"], check=True, capture_output=True)
        server, where = self.server(tls=(keys / "ca", keys / "key")), home()
        self.refused(push(where, server.url), 1, "TLS")
        self.pushed(push(where, server.url, "--remote-ca", keys / "ca"), where)
        other = self.server(tls=(keys / "ca", keys / "key"))
        other.faults = {"href": "http://127.0.0.1:9/x"}
        self.refused(push(where, other.url, "--remote-ca", keys / "ca"), 8, "over http")

    def test_a_push_that_is_killed_goes_on_where_it_stopped(self):
        where, server = home(), self.server()
        for kill_at in range(1, 12, 3):
            process = subprocess.Popen([str(HOMES.binary), "--home", str(where), "custody", "push", server.url], env=HOMES.environment, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until = time.monotonic() + 20
            while process.poll() is None and len(server.seen) < kill_at and time.monotonic() < until:
                time.sleep(0.0005)
            process.send_signal(signal.SIGKILL)
            process.wait()
            server.seen.clear()
        self.pushed(push(where, server.url), where)
        self.assertEqual(kanshiki("--json", "verify", "--remote", server.url, "--require", "pushed", where).status, 0)
        self.assertEqual([p for p in (where / "custody.git/lfs/tmp").iterdir()], [])


class File(Case):
    def test_the_copy_verifies_shares_no_inode_and_git_lfs_fetches_from_it(self):
        where, there = home(), bare()
        said = self.pushed(push(where, there), where)
        self.assertGreater(said["sent"], 5)
        done = kanshiki("--json", "verify", there)
        self.assertEqual((done.status, done.json["result"]), (0, "verified"), str(done))
        ours = {p.stat().st_ino for p in (where / "custody.git/lfs/objects").rglob("*") if p.is_file()}
        theirs = [p.stat().st_ino for p in (there / "lfs/objects").rglob("*") if p.is_file()]
        self.assertEqual([i for i in theirs if i in ours], [])
        clone = new("clone-") / "v"
        git("clone", "-q", "--no-local", "--branch", "main", f"file://{there}", clone, GIT_LFS_SKIP_SMUDGE="1")
        git("-c", f"lfs.url=file://{there}", "lfs", "fetch", "--all", cwd=clone)
        self.assertIn("OK", git("lfs", "fsck", "--dry-run", "main", cwd=clone))
        self.assertEqual(self.pushed(push(where, f"file://{there}/"), where)["sent"], 0)
        note(where)
        self.pushed(push(where, there), where)
        self.assertEqual(git("fsck", "--full", "--strict", cwd=there).strip(), "")

    def test_what_is_damaged_here_is_not_pushed(self):
        for spoil in (lambda h: flip(next(p for p in (h / "custody.git/lfs/objects").rglob("*") if p.is_file())),
                      lambda h: next(p for p in (h / "custody.git/lfs/objects").rglob("*") if p.is_file()).unlink(),
                      lambda h: (h / "custody.git/refs/tags/x").write_text(tip(h) + "\n")):
            where, there = home(), bare()
            spoil(where)
            done = push(where, there)
            self.assertIn(done.status, (3, 7), str(done))
            self.assertEqual(git("for-each-ref", cwd=there), "")

    def test_two_pushes_at_once_end_with_one_main_and_no_error_that_is_not_told(self):
        where, there = home(), bare()
        done = []
        threads = [threading.Thread(target=lambda: done.append(push(where, there))) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertIn(0, [d.status for d in done])
        self.assertTrue(all(d.status in (0, 1) for d in done), [str(d) for d in done])
        self.pushed(push(where, there), where)
        self.assertEqual(kanshiki("verify", there).status, 0)

    def test_a_place_that_is_no_bare_repository_is_told_apart(self):
        where, there = home(), new("none-")
        self.refused(push(where, there), 3, "git init --bare")
        self.refused(push(where, there / "gone"), 3)
        os.mkfifo(there / "HEAD")
        (there / "objects").mkdir()
        self.refused(push(where, there), 8, "not a regular file")
        sha256 = new("sha256-") / "r.git"
        git("init", "-q", "--bare", "--object-format=sha256", sha256)
        self.assertIn(push(where, sha256).status, (1, 8))

    def test_for_ssh_the_commands_of_git_are_printed_and_nothing_is_done(self):
        for url in ("ssh://git@example.org/custody.git", "git@example.org:custody.git"):
            self.refused(push(home(), url), 8, "nothing was pushed", f"lfs push --all {url} main", f"git ls-remote {url} main")

    def test_a_home_without_an_event_has_nothing_to_push(self):
        where = new("empty-") / "home"
        self.refused(push(where, bare()), 3, "no repository")


def flip(path):
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


if __name__ == "__main__":
    unittest.main(verbosity=2)
