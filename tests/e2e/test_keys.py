"""Who signs: keys in an agent, in files with a password or a certificate; and a second station that signs what came to it."""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

import world
from world import demo, demo_copy, sh

OPERATOR = ("--operator", "Aiko Mori <aiko@example.org>")


def key(folder, *flags):
    sh("ssh-keygen", "-q", "-N", "", "-C", "aiko", "-f", folder / "key", *flags)
    return folder / "key"


class Agent:
    """OpenSSH's own, for as long as the test runs."""

    def __init__(self, test, *keys):
        self.socket = world.new_directory("agent") / "socket"
        process = subprocess.Popen(["ssh-agent", "-D", "-a", str(self.socket)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        test.addCleanup(process.wait)
        test.addCleanup(process.kill)
        self.environment = {"SSH_AUTH_SOCK": str(self.socket)}
        # 2: nobody answers. The socket is there a moment before that.
        world.wait_until(lambda: self.add("-l").returncode != 2, 20, "an answer of the agent")
        for path in keys:
            self.add("-q", str(path)).check_returncode()

    def add(self, *flags):
        return subprocess.run(["ssh-add", *flags], env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def fingerprint(path):
    return sh("ssh-keygen", "-l", "-f", f"{path}.pub").split()[1]


def allowed(folder, path):
    line = f'aiko@example.org namespaces="git,file,kanshiki-custody" {pathlib.Path(f"{path}.pub").read_text()}'
    (folder / "allowed").write_text(line)
    return folder / "allowed"


def events(home):
    done = world.kanshiki("--json", "--home", home, "custody", "log")
    return [json.loads(line) for line in done.out.decode().splitlines()]


def certificate(folder, algorithm):
    """An authority ca.crt, and me.pem: a key with its certificate."""
    script = """
        openssl req -new -x509 -nodes -newkey rsa:2048 -subj /CN=root -days 9 -keyout ca.key -out ca.crt
        openssl req -new -nodes -newkey $1 -subj '/CN=Aiko Mori' -keyout me.key -out me.csr
        openssl x509 -req -in me.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 9 -out me.crt
        cat me.key me.crt > me.pem && chmod 600 me.pem"""
    sh("bash", "-ec", script, "bash", algorithm, cwd=folder)
    return folder / "me.pem"


class Keys(unittest.TestCase):
    def setUp(self):
        self.assertIsNotNone(demo().bundle, str(demo().result))
        self.folder = world.new_directory("keys")

    def captured(self, *flags, **environment):
        home = world.new_directory("home")
        done = world.capture("web", "--only", "engine", "--no-report", *OPERATOR, *flags, home=home, env=world.environment(**environment))
        self.assertTrue(done.out, str(done))
        return home, done

    def test_an_agents_rsa_key_signs_the_capture_and_git_and_ssh_keygen_accept_it(self):
        path = key(self.folder, "-t", "rsa", "-b", "2048")
        agent = Agent(self, path)
        home, done = self.captured("--key", "agent", **agent.environment)
        trust = allowed(self.folder, path)
        self.assertEqual(done.json["custody"]["signer"], fingerprint(path), str(done))
        self.assertEqual([(e["who"]["key"], e["who"]["key_fpr"]) for e in events(home)], [("given", fingerprint(path))])
        sh("git", "-c", "safe.directory=*", "-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={trust}", "verify-commit", "main",
           cwd=home / "custody.git")
        bag = pathlib.Path(done.json["bundle"])
        sh("bash", "-c", f"ssh-keygen -Y verify -f {trust} -I aiko@example.org -n file -s seal/tagmanifest-sha256.txt.sig"
           " < tagmanifest-sha256.txt", cwd=bag)
        for target in (bag, home / "custody.git"):
            verified = world.verify(target, "--require", "signed,known-signer", "--allowed-signers", trust)
            self.assertEqual(verified.status, 0, str(verified))

    def test_root_is_warned_of_a_forwarded_agent_and_the_event_says_it(self):
        path = key(self.folder, "-t", "ed25519")
        agent = Agent(self, path)
        home, done = self.captured("--key", f"agent:{path}.pub", SSH_CONNECTION="192.0.2.1 1 192.0.2.2 22", **agent.environment)
        self.assertIn("warning: a forwarded agent signs: root here, the intruder too, can sign as you", done.messages)
        self.assertTrue(any("a forwarded agent signs" in line for line in events(home)[0]["impact"]))

    def test_a_key_that_cannot_be_used_costs_a_warning_and_the_host_key_signs(self):
        pem = self.folder / "locked.pem"
        sh("openssl", "genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:secret", "-out", pem)
        pem.chmod(0o600)
        for word, why in ((pem, "no terminal"), ("agent", "SSH_AUTH_SOCK names no agent"), (f"ssh-keygen:{pem}", "ssh-keygen would not sign")):
            home = world.new_directory("home")
            argv = world.capture_argv("web", "--only", "engine", "--no-report", "--key", str(word), home=home)
            done = world.kanshiki(*argv, start_new_session=True)
            self.assertIn("signing with this host's own key instead", done.messages, str(done))
            self.assertIn(why, done.messages)
            self.assertEqual(events(home)[0]["who"]["key"], "host")

    def test_openssl_cms_accepts_what_a_key_with_a_certificate_leaves(self):
        for algorithm in ("rsa:2048", "ec:p256.pem"):
            folder = world.new_directory("ca")
            sh("openssl", "ecparam", "-name", "prime256v1", "-out", folder / "p256.pem")
            pem = certificate(folder, algorithm)
            home, done = self.captured("--key", pem)
            bag = pathlib.Path(done.json["bundle"])
            sh("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "seal/tagmanifest-sha256.txt.p7s", "-content",
               "tagmanifest-sha256.txt", "-CAfile", folder / "ca.crt", "-out", "/dev/null", cwd=bag)
            for target in (bag, home / "custody.git"):
                checks = {c["name"]: c for c in world.verify(target, "--ca", folder / "ca.crt").json["checks"]}
                self.assertEqual(checks["cms"]["result"], "ok", str(checks["cms"]))
            met = world.verify(bag, "--ca", demo().home / "nothing")
            self.assertEqual(met.status, 2, str(met))
            proof = bag / "seal/tagmanifest-sha256.txt.p7s"
            proof.chmod(0o600)
            proof.write_bytes(proof.read_bytes()[:-1] + bytes([proof.read_bytes()[-1] ^ 1]))
            done = world.verify(bag)
            self.assertEqual((done.status, done.json["result"]), (7, "tampered"), str(done))

    def test_a_second_station_signs_beside_the_first_and_both_verify(self):
        path = key(self.folder, "-t", "ecdsa", "-b", "256")
        agent, given, home = Agent(self, path), demo_copy(), world.new_directory("station")
        bag = home / "bundles" / given.name
        for _ in range(2):  # a second time it adds nothing
            done = world.kanshiki("--home", home, "--json", "import", "--key", f"agent:{fingerprint(path)}", given,
                                  env=world.environment(**agent.environment))
            self.assertEqual(done.status, 0, str(done))
        self.assertEqual(sorted(p.name for p in (bag / "seal").iterdir()),
                         ["tagmanifest-sha256.txt.2.sig", "tagmanifest-sha256.txt.sig"])
        trust = self.folder / "both"
        host = (demo().home / "keys/host.pub").read_text()
        trust.write_text(allowed(self.folder, path).read_text() + f"host@web {host}")
        for target in (bag, home / "custody.git"):
            checks = [c for c in world.verify(target, "--allowed-signers", trust).json["checks"] if c["name"] == "signature"]
            self.assertEqual([c["result"] for c in checks], ["ok"], str(checks))

    def test_a_bag_without_a_signature_does_not_meet_signed(self):
        bag = demo_copy()
        shutil.rmtree(bag / "seal")
        done = world.verify(bag, "--require", "signed")
        self.assertEqual((done.status, done.json["result"]), (5, "incomplete"), str(done))

    def test_custody_key_makes_a_key_that_ssh_keygen_signs_with_and_its_line_is_trusted(self):
        done = world.kanshiki("custody", "key", "--out", self.folder / "mine", *OPERATOR)
        self.assertEqual(done.status, 0, str(done))
        (self.folder / "allowed").write_text(done.text)
        self.assertEqual((self.folder / "mine").stat().st_mode & 0o777, 0o600)
        sh("bash", "-c", "echo seal > m && ssh-keygen -q -Y sign -f mine -n file m && ssh-keygen -Y verify -f allowed -I aiko@example.org"
           " -n file -s m.sig < m", cwd=self.folder)
        again = world.kanshiki("custody", "key", "--out", self.folder / "mine", *OPERATOR)
        self.assertEqual(again.status, 8, str(again))
        told = world.kanshiki("custody", "key", "--key", self.folder / "mine", *OPERATOR)
        self.assertEqual(told.text, done.text)
        host = world.kanshiki("--home", demo().home, "custody", "key")
        self.assertIn((demo().home / "keys/host.pub").read_text().split()[1], host.text)
