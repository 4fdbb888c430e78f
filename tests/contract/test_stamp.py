"""Trusted time from the outside: an authority on loopback that is up, down, lying or silent, and what capture, custody anchor and verify say.

usage: test_stamp.py KANSHIKI
"""
import http.server
import json
import os
import pathlib
import shutil
import re
import ssl
import subprocess
import threading
import unittest

import test_custody as custody
from test_custody import ENGINES, TOP, kanshiki, new, rows

SEAL = "seal/tagmanifest-sha256.txt"
CALL_S = 10  # what one call may take


def run(*argv, cwd, **more):
    return subprocess.run(list(map(str, argv)), cwd=cwd, check=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, **more).stdout


class Authority:
    """openssl's, behind HTTP on loopback. mode: what it does with a request."""

    def __init__(self, *dates):
        self.home = new("tsa-")
        run(TOP / "tests/custody/authority.sh", self.home, *dates, cwd="/")
        self.ca = self.home / "ca.pem"
        self.mode, self.asked, self.types = "good", [], []
        self.release = threading.Event()
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                authority.types.append((self.command, self.path, self.headers["Content-Type"]))
                authority.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
                getattr(authority, "do_" + authority.mode)(self, authority.asked[-1])

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/tsr"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    def reply(self, request):
        (self.home / "q").write_bytes(request)
        run("openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q", "-out", "r", cwd=self.home)
        return (self.home / "r").read_bytes()

    def send(self, handler, body, status=200, **headers):
        handler.send_response(status)
        for name, value in {"Content-Type": "application/timestamp-reply", "Content-Length": len(body), **headers}.items():
            handler.send_header(name, str(value))
        handler.end_headers()
        try:
            handler.wfile.write(body)
        except OSError:
            pass  # it had enough

    def query(self, *argv):
        run("openssl", "ts", "-query", *argv, "-out", "other", cwd=self.home)
        return (self.home / "other").read_bytes()

    def do_good(self, handler, request):
        self.send(handler, self.reply(request))

    def do_imprint(self, handler, request):
        self.send(handler, self.reply(self.query("-digest", "0" * 64, "-sha256", "-cert")))

    def do_nonce(self, handler, request):
        (self.home / "q").write_bytes(request)
        text = run("openssl", "ts", "-query", "-in", "q", "-text", cwd=self.home).decode()
        digest = re.sub("[ -]", "", "".join(re.findall(r"^ +[0-9a-f]{4} - ([0-9a-f -]{47})", text, re.M)))
        self.send(handler, self.reply(self.query("-digest", digest, "-sha256", "-cert")))

    def do_rejected(self, handler, request):
        self.send(handler, self.reply(self.query("-digest", "0" * 32, "-md5", "-cert")))

    def do_large(self, handler, request):
        self.send(handler, b"0" * (2 << 20))

    def do_error(self, handler, request):
        self.send(handler, b"out of order", status=503)

    def do_rubbish(self, handler, request):
        self.send(handler, b"<html>")

    def do_redirect(self, handler, request):
        if handler.path == "/good":
            self.do_good(handler, request)
        else:
            self.send(handler, b"", status=307, Location="/good")

    def do_cut(self, handler, request):
        body = self.reply(request)
        self.send(handler, body[:-9], **{"Content-Length": len(body)})
        handler.close_connection = True

    def do_silent(self, handler, request):
        self.release.wait(3 * CALL_S)


def authority():
    if not hasattr(authority, "made"):
        authority.made = Authority()
    authority.made.mode = "good"
    authority.made.asked.clear()
    authority.made.types.clear()
    return authority.made


def captured(tsa, *flags):
    """Home, document, stderr of a capture with this authority."""
    answers = ENGINES / "docker-20.10/running"
    ident = next(m.group(1) for f in os.listdir(answers) if (m := re.fullmatch("containers-([0-9a-f]{64})-json", f)))
    home = new("home-")
    status, out, err = kanshiki("-H", f"replay:{answers}", "--home", home, "--json", "capture", "--case", "inc-7",
                                *(("--tsa", tsa.url) if tsa else ()), *flags, ident)
    assert status in (0, 5), err
    assert rows.document_faults(out, "kanshiki.capture/1") == []
    return home, json.loads(out), err


def warnings(err):
    """Lines about stamps: the capture has others, about the engine that is a recording."""
    return [line for line in err.splitlines() if "stamp" in line]


def git(home, *argv):
    return run("git", "-C", home / "custody.git", *argv, cwd="/", env=custody.ENVIRONMENT).decode().strip()


def events(home):
    status, out, err = kanshiki("--home", home, "--json", "custody", "log")
    if status == 3:  # nothing was ever committed there
        return []
    assert status == 0, err
    return [json.loads(line) for line in out.decode().splitlines()]


def seal_of(home, document):
    return home / "bundles" / pathlib.Path(document["bundle"]).name / "seal"


def names(folder):
    return sorted(path.name.removeprefix("tagmanifest-sha256.txt") for path in folder.iterdir())


def verified(what, *flags):
    status, out, err = kanshiki("--json", "verify", *flags, what)
    document = json.loads(out)
    return status, {check["name"]: (check["result"], check["detail"]) for check in document["checks"]}, err


def anchored(home, *flags):
    return kanshiki("--home", home, "custody", "anchor", *flags)


class Up(unittest.TestCase):
    def test_seal_and_commit_are_stamped_and_what_git_and_openssl_say_agrees(self):
        tsa = authority()
        home, document, err = captured(tsa, "--tsa-ca", tsa.ca)
        self.assertEqual(warnings(err), [])
        self.assertEqual(document["timestamp"], "verified")
        self.assertEqual(tsa.types, [("POST", "/tsr", "application/timestamp-query")] * 2)
        self.assertEqual(names(seal_of(home, document)), [".sig", ".tsr"])
        commit = document["custody"]["commit"]
        tree = git(home, "ls-tree", "-r", "--name-only", "main").splitlines()
        self.assertIn(f"cases/inc-7/anchors/{commit}.tsr", tree)
        brought = git(home, "ls-tree", "-r", "--name-only", commit).splitlines()
        self.assertIn(f"cases/inc-7/bundles/{document['custody']['bundle']}/{SEAL}.tsr", brought)
        for event in events(home):
            self.assertLess(abs(event["when"]["clock_offset_ms"]), 3000, "this machine's own clock stamped it")
        status, checks, _ = verified(home, "--tsa-ca", tsa.ca, "--require", "stamped,anchored")
        self.assertEqual(status, 0)
        self.assertEqual(checks["timestamp"][0], "ok")
        self.assertRegex(checks["anchors"][1], "covers the first 1 of 2 commits, up to event 1 of case inc-7")
        status, checks, _ = verified(document["bundle"], "--tsa-ca", tsa.ca, "--require", "stamped,anchored")
        self.assertEqual((status, checks["timestamp"][0]), (0, "ok"))
        self.page(tsa, home, document)
        self.assertEqual(anchored(home, "--tsa", tsa.url)[:2], (0, b"nothing to do: 1 bundles looked at\n"))

    def page(self, tsa, home, document):
        """B7 as the bag's own README has it, R5 as the design has it, and the page's blocks."""
        bag = pathlib.Path(document["bundle"])
        readme = (bag / "README-verify.txt").read_text()
        b7 = readme[readme.index("T=seal/"):].split("\n\n")[0]
        done = subprocess.run(["bash", "-ec", b7.replace("-CAfile CA", f"-CAfile {tsa.ca}")], cwd=bag, capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertIn("Verification: OK", done.stdout, done.stderr)
        work = new("clone-")
        run("git", "clone", "-q", "--no-local", home / "custody.git", "v", cwd=work, env={**custody.ENVIRONMENT, "GIT_LFS_SKIP_SMUDGE": "1"})
        commit = document["custody"]["commit"]
        stamp = f"cases/inc-7/anchors/{commit}.tsr"
        r5 = (f"N=$(date -ud \"$(openssl ts -reply -in {stamp} -text | sed -n 's/^Time stamp: //p')\" +%s)\n"
              f"git cat-file commit {commit} > c && openssl ts -verify -data c -in {stamp} -CAfile {tsa.ca} -attime $N")
        done = subprocess.run(["bash", "-ec", r5], cwd=work / "v", capture_output=True, text=True, timeout=60, check=False)
        self.assertIn("Verification: OK", done.stdout, done.stderr)

    def test_without_a_ca_it_is_kept_and_called_unchecked(self):
        tsa = authority()
        home, document, err = captured(tsa)
        self.assertEqual(document["timestamp"], "unchecked")
        self.assertEqual(len(warnings(err)), 1)
        self.assertIn("not checked against an authority", err)
        self.assertEqual(names(seal_of(home, document)), [".sig", ".tsr"])
        self.assertNotIn("clock_offset_ms", events(home)[0]["when"], "whoever is on the way may have answered")
        status, checks, _ = verified(home)
        self.assertEqual((status, checks["timestamp"][0], checks["anchors"][0]), (0, "not-done", "not-done"))
        self.assertEqual(verified(home, "--require", "stamped")[0], 5)
        self.assertEqual(verified(home, "--tsa-ca", tsa.ca, "--require", "stamped")[0], 0)
        other = Authority()
        self.addCleanup(other.close)
        status, checks, _ = verified(home, "--tsa-ca", other.ca)
        self.assertEqual((status, checks["timestamp"][0]), (7, "failed"))

    def test_import_stamps_too(self):
        tsa = authority()
        _, document = custody.sample()
        home = new("home-")
        status, out, err = kanshiki("--home", home, "import", "--case", "inc-8", "--tsa", tsa.url, "--tsa-ca", tsa.ca, copied(document["bundle"]))
        self.assertEqual(status, 0, err)
        self.assertEqual([e["type"] for e in events(home)], ["import", "anchor"])
        self.assertEqual(verified(home, "--tsa-ca", tsa.ca, "--require", "stamped,anchored")[0], 0)

    def test_import_takes_no_bag_with_a_proof_of_other_bytes_and_puts_right_what_a_crash_cut(self):
        tsa = authority()
        _, document = custody.sample()
        bag = copied(document["bundle"])
        good = tsa.reply(tsa.query("-data", bag / "tagmanifest-sha256.txt", "-sha256", "-cert"))
        other = tsa.reply(tsa.query("-data", bag / "bagit.txt", "-sha256", "-cert"))
        stamp, request = (bag / f"{SEAL}{kind}" for kind in (".tsr", ".tsq"))
        for content in (other, good[:-7], b""):
            home = new("home-")
            stamp.write_bytes(content)
            status, _, err = kanshiki("--home", home, "import", "--case", "inc-9", bag)
            self.assertEqual(status, 7, err)
            self.assertEqual(events(home), [])
        request.write_bytes(tsa.query("-data", bag / "tagmanifest-sha256.txt", "-sha256", "-cert"))
        ours = home / "bundles" / bag.name
        home.mkdir(0o700, exist_ok=True)
        shutil.copytree(bag, ours)
        status, _, err = kanshiki("--home", home, "import", "--case", "inc-9", ours)
        self.assertEqual((status, (ours / f"{SEAL}.tsr").exists(), (ours / f"{SEAL}.tsq").exists()), (0, False, True), err)
        stamp.write_bytes(good)
        home = new("home-")
        status, _, err = kanshiki("--home", home, "import", "--case", "inc-9", bag)
        self.assertEqual((status, warnings(err)), (0, []), err)
        self.assertEqual(verified(home, "--tsa-ca", tsa.ca)[1]["anchors"][0], "ok")

    def test_a_bundle_that_lies_elsewhere_is_told_and_its_commit_stamped(self):
        tsa = authority()
        home, document, _ = captured(None, "-o", new("elsewhere-"))
        status, out, err = anchored(home, "--tsa", tsa.url)
        self.assertEqual((status, len(tsa.asked)), (0, 1))
        self.assertRegex(out.decode(), "^event 3 commit [0-9a-f]{40}  cases/inc-7/anchors/")
        self.assertIn("1 bundles whose seals have no stamp are not in bundles/ of this home", err)
        status, out, err = anchored(home, "--tsa", tsa.url)
        self.assertEqual((status, out), (0, b""))
        self.assertIn("not in bundles/ of this home", err)

    def test_without_a_report_anchor_stores_the_commits_stamp(self):
        tsa = authority()
        home, document, _ = captured(tsa, "--tsa-ca", tsa.ca, "--no-report")
        self.assertEqual(document["timestamp"], "verified")
        self.assertEqual(verified(home, "--tsa-ca", tsa.ca, "--require", "stamped")[0], 5)
        status, out, err = anchored(home, "--tsa", tsa.url, "--tsa-ca", tsa.ca, "--case", "inc-7")
        self.assertEqual(status, 0, err)
        last = events(home)[-1]
        commit = document["custody"]["commit"]
        self.assertEqual((last["type"], last["anchor"]), ("anchor", {"kind": "stamp", "commit": commit, "file": f"cases/inc-7/anchors/{commit}.tsr"}))
        self.assertEqual(last["what"][0]["seal"], document["seal"])
        self.assertEqual(verified(home, "--tsa-ca", tsa.ca, "--require", "stamped")[0], 0)

    def test_an_anchor_event_is_a_document_of_its_schema(self):
        tsa = authority()
        home, _, _ = captured(None)
        status, out, err = kanshiki("--home", home, "--json", "custody", "anchor", "--tsa", tsa.url)
        self.assertEqual(status, 0, err)
        document = json.loads(out)
        self.assertEqual({k: v for k, v in document.items() if k != "events"}, {"schema": "kanshiki.anchor/1", "exit": 0, "bundles": 1, "failed": 0, "waiting": 0, "absent": 0})
        self.assertEqual([pathlib.Path(e["file"]).suffix for e in document["events"]], [".tsr", ".tsr"])
        for name in git(home, "ls-tree", "-r", "--name-only", "main").splitlines():
            if "/events/" in name:
                text = subprocess.run(["git", "-C", home / "custody.git", "show", f"main:{name}"], capture_output=True, check=True).stdout
                self.assertEqual(rows.document_faults(text, "kanshiki.event/1"), [], name)


def copied(bundle):
    copy = new("bag-") / pathlib.Path(bundle).name
    run("cp", "-r", bundle, copy, cwd="/")
    return copy


class Down(unittest.TestCase):
    def test_it_is_queued_and_the_same_bytes_are_sent_later(self):
        tsa = Authority()
        tsa.close()
        home, document, err = captured(tsa, "--tsa-ca", tsa.ca)
        self.assertEqual(document["timestamp"], "queued")
        self.assertEqual(len(warnings(err)), 1, err)
        self.assertRegex(err, "cannot connect: the request is kept, kanshiki custody anchor sends it later")
        seal = seal_of(home, document)
        self.assertEqual(names(seal), [".sig", ".tsq"])
        request = (seal / "tagmanifest-sha256.txt.tsq").read_bytes()
        status, checks, _ = verified(home, "--tsa-ca", tsa.ca)
        self.assertEqual((status, checks["timestamp"]), (0, ("not-done", "not stamped yet: 1 requests wait, kanshiki custody anchor sends them")))
        tip = git(home, "rev-parse", "main")
        status, out, err = anchored(home, "--tsa", tsa.url)
        self.assertEqual((status, out), (1, b""))
        self.assertIn(f"no time stamp from {tsa.url}: cannot connect", err)
        self.assertEqual((git(home, "rev-parse", "main"), names(seal)), (tip, [".sig", ".tsq"]))
        status, out, _ = anchored(home)
        self.assertEqual((status, out), (0, b"2 seals and commits have no stamp: --tsa URL asks an authority\n"))
        up = authority()
        status, out, err = anchored(home, "--tsa", up.url, "--tsa-ca", up.ca)
        self.assertEqual(status, 0, err)
        self.assertEqual(up.asked[0], request)
        self.assertEqual(names(seal), [".sig", ".tsr"])
        self.assertEqual([e.get("anchor", {}).get("kind") for e in events(home)][-2:], ["stamp", "stamp"])
        self.assertEqual(events(home)[-2]["anchor"]["seal"], document["seal"])
        for what in (home, document["bundle"]):
            status, checks, _ = verified(what, "--tsa-ca", up.ca, "--require", "stamped,anchored")
            self.assertEqual((status, checks["timestamp"][0]), (0, "ok"), checks)
        # A clone still has the queued request of the collect commit: it was answered.
        work = new("clone-")
        run("git", "clone", "-q", "--bare", "--no-local", home / "custody.git", "v.git", cwd=work, env=custody.ENVIRONMENT)
        self.assertEqual(verified(work / "v.git", "--tsa-ca", up.ca)[1]["timestamp"][0], "ok")

    def test_a_capture_waits_for_a_silent_one_no_longer_than_said_and_once(self):
        tsa = Authority()
        self.addCleanup(tsa.close)
        tsa.mode = "silent"
        home, document, err = captured(tsa)
        self.assertEqual((document["timestamp"], len(tsa.asked)), ("queued", 1))
        self.assertIn("no answer in time", err)
        self.assertEqual(len(warnings(err)), 1, err)
        self.assertEqual(verified(home)[0], 0)


class Lying(unittest.TestCase):
    """Nothing it sends is kept, nothing changes, and the request waits."""

    WORDS = {"imprint": "over other bytes", "nonce": "answers another request", "rejected": "gave no stamp (status 2)", "large": "over 1048576 octets",
             "error": "HTTP status 503", "rubbish": "no reply of a time stamp authority", "redirect": "HTTP status 307", "cut": "cut short"}

    def test_each_lie_is_named_and_changes_nothing(self):
        tsa = Authority()
        self.addCleanup(tsa.close)
        tsa.mode = "error"
        home, document, err = captured(tsa)
        self.assertEqual((document["timestamp"], len(warnings(err))), ("queued", 1))
        tip, seal = git(home, "rev-parse", "main"), seal_of(home, document)
        for mode, words in self.WORDS.items():
            for flags in ((), ("--tsa-ca", tsa.ca)):
                with self.subTest(mode, flags=flags):
                    tsa.mode = mode
                    status, out, err = anchored(home, "--tsa", tsa.url, *flags)
                    self.assertEqual((status, out), (1, b""), err)
                    self.assertIn(words, err)
                    self.assertEqual((git(home, "rev-parse", "main"), names(seal)), (tip, [".sig", ".tsq"]))
        tsa.mode = "good"
        status, _, err = anchored(home, "--tsa", tsa.url, "--tsa-ca", authority().ca)
        self.assertEqual(status, 1)
        self.assertIn("not by an authority of the CA file", err)
        self.assertEqual((git(home, "rev-parse", "main"), names(seal)), (tip, [".sig", ".tsq"]))

    def test_one_whose_certificate_has_expired_is_not_believed_today(self):
        tsa = Authority("20200101000000Z", "20210101000000Z")
        self.addCleanup(tsa.close)
        _, document, err = captured(tsa, "--tsa-ca", tsa.ca)
        self.assertEqual(document["timestamp"], "queued")
        self.assertIn("certificate has expired", err)


class Https(unittest.TestCase):
    def test_a_server_that_the_systems_list_does_not_know_is_not_asked(self):
        tsa = Authority()
        self.addCleanup(tsa.close)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tsa.home / "server.pem", tsa.home / "server.key")
        tsa.server.socket = context.wrap_socket(tsa.server.socket, server_side=True)
        tsa.url = tsa.url.replace("http://", "https://")
        _, document, err = captured(tsa, "--tsa-ca", tsa.ca)
        self.assertEqual((document["timestamp"], tsa.asked), ("queued", []))
        self.assertRegex(err, "no time stamp from https://[^ ]*: TLS: ")


class Usage(unittest.TestCase):
    def test_what_makes_no_sense_is_refused_before_anything_is_collected(self):
        tsa = authority()
        for flags in (("--tsa", "ftp://x"), ("--tsa-ca", tsa.ca), ("--tsa", tsa.url, "--tsa-ca", "/nowhere"), ("--tsa", tsa.url, "--no-commit"),
                      ("--tsa", tsa.url, "--tsa-ca", tsa.home / "tsa.key")):
            with self.subTest(flags):
                home = new("home-")
                status, _, err = kanshiki("-H", f"replay:{ENGINES / 'docker-20.10/running'}", "--home", home, "capture", *flags, "x")
                self.assertEqual(status, 2, err)
                self.assertIn("--tsa", err)
                self.assertEqual(list(home.iterdir()), [])
        self.assertEqual(tsa.asked, [])
        _, document = custody.sample()
        self.assertEqual(kanshiki("verify", "--tsa-ca", "/nowhere", document["bundle"])[0], 2)
        self.assertEqual(kanshiki("verify", "--tsa-ca", tsa.home / "tsa.key", document["bundle"])[0], 2)
        self.assertEqual(kanshiki("verify", "--require", "stampe", document["bundle"])[0], 2)

    def test_a_told_seal_is_an_anchor_and_no_stamp(self):
        _, document = custody.sample()
        seal = document["seal"]
        self.assertEqual(kanshiki("verify", "--require", "anchored", document["bundle"])[0], 5)
        self.assertEqual(kanshiki("verify", "--require", "anchored", "--seal", seal, document["bundle"])[0], 0)
        self.assertEqual(kanshiki("verify", "--require", "stamped", "--seal", seal, document["bundle"])[0], 5)
        self.assertEqual(kanshiki("verify", "--require", "anchored", "--seal", "0" * 64, document["bundle"])[0], 7)


if __name__ == "__main__":
    unittest.main(verbosity=1)
