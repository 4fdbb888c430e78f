"""What a report says about custody: its receipt, the seal as a code, commands of others that work, the label, the format's version.

usage: test_custody.py KANSHIKI
"""
import base64
import ctypes
import hashlib
import html
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import formats
import rows
from dataroot import DataRoot

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/e2e"))
import browser  # noqa: E402

ENGINES = TOP / "tests/fixtures/engines"
KANSHIKI = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else TOP / "build/kanshiki"
MAX_SECONDS = 60
ALL = "html,md,json,timeline,bodyfile,csv,stix,navigator,sarif,sbom"
LABELS = ("RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR")
scratch = tempfile.TemporaryDirectory(prefix="kan-custody-")
WORK = pathlib.Path(scratch.name)
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": str(WORK)}


def kanshiki(*argv, **more):
    done = subprocess.run([str(KANSHIKI), *map(str, argv)], stdin=subprocess.DEVNULL, capture_output=True, timeout=MAX_SECONDS,
                          check=False, env=ENVIRONMENT, **more)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def new(prefix):
    return pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=WORK))


def captured(*flags):
    """A home with one bundle, and what capture printed."""
    answers = ENGINES / "docker-20.10/running"
    ident = next(m.group(1) for f in os.listdir(answers) if (m := re.fullmatch("containers-([0-9a-f]{64})-json", f)))
    home = new("home-")
    status, out, err = kanshiki("-H", f"replay:{answers}", "--home", home, "--json", "capture", "--operator", "A <a@example.org>", *flags, ident)
    assert status in (0, 5), err
    assert rows.document_faults(out, "kanshiki.capture/1") == []
    return home, json.loads(out)


def sample():
    if not hasattr(sample, "made"):
        sample.made = captured()
    return sample.made


def sample_copy():
    """The home copied, so that it may be spoilt; its bundle."""
    home, document = sample()
    copy = new("copy-") / "home"
    shutil.copytree(home, copy, symlinks=True)
    return copy, copy / "bundles" / pathlib.Path(document["bundle"]).name


def reported(bundle, *flags, kinds="html,md,json", status=0):
    """The files by name, and stderr."""
    out = new("report-")
    got, _, err = kanshiki("report", "--format", kinds, "-o", out, *flags, bundle)
    assert got == status, err
    return {path.name: path.read_bytes() for path in out.iterdir()}, err


def needs(test, *programs):
    for name in programs:
        if not (browser.program() if name == "chromium" else shutil.which(name)):
            if os.environ.get("CI") == "true":
                test.fail(f"CI requires {name}")
            test.skipTest(f"{name} is not installed")


class Receipt(unittest.TestCase):
    def written(self, home, document):
        return {p.name: p.read_bytes() for p in (home / "reports" / pathlib.Path(document["bundle"]).name).iterdir()}

    def test_a_report_made_later_has_the_bytes_that_capture_wrote_and_committed(self):
        home, document = sample()
        wrote = self.written(home, document)
        self.assertEqual(set(wrote), {"report.html", "report.md", "report.json"})
        made, err = reported(document["bundle"], "--home", home)
        self.assertEqual(made, wrote)
        self.assertNotIn("receipt", err)
        for name, data in made.items():
            digest = hashlib.sha256(data).hexdigest()
            kept = home / "custody.git/lfs/objects" / digest[:2] / digest[2:4] / digest
            self.assertEqual(kept.read_bytes(), data, name)
        receipt = json.loads(made["report.json"])["receipt"]
        self.assertEqual(receipt, {k: v for k, v in document["custody"].items() if k != "derived_commit"})
        self.assertEqual(rows.document_faults(made["report.json"], "kanshiki.report/1"), [])

    def test_a_note_and_a_second_bundle_do_not_change_it(self):
        home, bundle = sample_copy()
        before, _ = reported(bundle, "--home", home)
        self.assertEqual(kanshiki("--home", home, "custody", "note", "--case", "other", "seen")[0], 0)
        other = new("other-") / bundle.name
        shutil.copytree(bundle, other)
        self.assertEqual(kanshiki("--home", home, "import", "--case", "again", other)[0], 0)
        self.assertEqual(reported(bundle, "--home", home)[0], before)

    def test_a_repository_that_git_packed_is_read_too(self):
        home, bundle = sample_copy()
        before, _ = reported(bundle, "--home", home)
        subprocess.run(["git", "-c", "gc.auto=0", "-C", home / "custody.git", "gc", "-q", "--prune=now"], check=True, env=ENVIRONMENT)
        self.assertFalse((home / "custody.git/refs/heads/main").exists())
        self.assertEqual(reported(bundle, "--home", home)[0], before)

    def test_elsewhere_there_is_none_unless_it_is_handed_over(self):
        home, document = sample()
        wrote = self.written(home, document)
        empty = new("empty-")
        made, err = reported(document["bundle"], "--home", empty)
        self.assertNotIn("receipt", json.loads(made["report.json"]))
        self.assertIn(b"no receipt", made["report.html"])
        self.assertNotIn("receipt", err)
        self.assertEqual(list(empty.iterdir()), [], "a home was made by reading")
        papers = {"capture": json.dumps(document), "report": wrote["report.json"].decode(),
                  "import": json.dumps(json.loads(wrote["report.json"])["receipt"])}
        for name, text in papers.items():
            with self.subTest(name):
                paper = new("paper-") / "receipt.json"
                paper.write_text(text)
                self.assertEqual(reported(document["bundle"], "--home", empty, "--receipt", paper)[0], wrote)

    def test_a_paper_that_is_no_receipt_or_another_bundles_is_refused(self):
        _, document = sample()
        good = {k: v for k, v in document["custody"].items() if k != "derived_commit"}
        bad = ["", "{", "[]", "7", "{}", "[" * 5000, json.dumps({"custody": 7}), json.dumps({**good, "event": "1"}),
               json.dumps({**good, "event": 0}), json.dumps({**good, "commit": "HEAD"}), json.dumps({**good, "signer": "<b>"}),
               json.dumps({**good, "repo": ["x"]}), json.dumps({**good, "host_key": None}), json.dumps({**good, "seal": "0" * 64})]
        for text in bad:
            paper = new("paper-") / "receipt.json"
            paper.write_text(text)
            out = new("none-")
            status, _, err = kanshiki("report", "--home", WORK, "--receipt", paper, "-o", out, document["bundle"])
            self.assertEqual((status, list(out.iterdir())), (2, []), text[:60] + err)
            self.assertIn("receipt", err)
        self.assertEqual(kanshiki("report", "--receipt", WORK / "none", "-o", new("x"), document["bundle"])[0], 2)

    def spoilt(self, spoil):
        home, bundle = sample_copy()
        repo = home / "custody.git"
        subprocess.run(["chmod", "-R", "u+w", repo], check=True)
        spoil(repo)
        made, err = reported(bundle, "--home", home)
        self.assertNotIn("receipt", json.loads(made["report.json"]))
        self.assertIn("the report has no receipt", err)
        self.assertNotIn("\x1b", err)

    def test_a_damaged_or_hostile_repository_costs_the_receipt_and_a_warning(self):
        def objects(repo):
            return [p for p in (repo / "objects").rglob("*") if p.is_file()]

        def each(change):
            def spoil(repo):
                for path in objects(repo):
                    change(path)
            return spoil

        def fifo(name):
            def spoil(repo):
                (repo / name).parent.mkdir(parents=True, exist_ok=True)
                (repo / name).unlink(missing_ok=True)
                os.mkfifo(repo / name)
            return spoil

        def linked(repo):
            shutil.move(repo, repo.with_name("elsewhere"))
            repo.symlink_to("elsewhere")

        def emptied(repo):
            shutil.rmtree(repo)
            repo.write_bytes(b"")

        damage = {"emptied objects": each(lambda p: p.write_bytes(b"")), "cut objects": each(lambda p: os.truncate(p, p.stat().st_size // 2)),
                  "no objects": lambda r: shutil.rmtree(r / "objects"), "an unknown tip": lambda r: (r / "refs/heads/main").write_text("a" * 40 + "\n"),
                  "a tip that is none": lambda r: (r / "refs/heads/main").write_text("ref: \x1b[2J\n"), "a file": emptied, "a link": linked,
                  "a FIFO as main": fifo("refs/heads/main"), "a FIFO as a pack": fifo("objects/pack/pack-" + "a" * 40 + ".idx"),
                  "a FIFO as an object": fifo("objects/aa/" + "a" * 38),
                  "a pack of noise": lambda r: [(r / f"objects/pack/pack-{'a' * 40}.{e}").write_bytes(os.urandom(4096)) for e in ("idx", "pack")]
                  + [(r / "refs/heads/main").write_text("a" * 40 + "\n")]}
        for name, spoil in damage.items():
            with self.subTest(name):
                self.spoilt(spoil)

    def test_a_bundle_that_the_repository_does_not_know_has_none_and_no_warning(self):
        home, _ = sample_copy()
        _, other = captured("--no-commit", "--no-report")
        made, err = reported(other["bundle"], "--home", home)
        self.assertNotIn("receipt", json.loads(made["report.json"]))
        self.assertNotIn("receipt", err)


class Page(unittest.TestCase):
    def commands(self, page, name):
        return html.unescape(re.search(f'(?s)<pre id="check-{name}">(.*?)</pre>', page).group(1))

    def run_in(self, directory, text, **variables):
        return subprocess.run(["bash", "-e", "-o", "pipefail", "-c", text], cwd=directory, capture_output=True, text=True, check=False,
                              timeout=MAX_SECONDS, stdin=subprocess.DEVNULL,
                              env={**ENVIRONMENT, **{k: str(v) for k, v in variables.items()}, "GIT_CONFIG_NOSYSTEM": "1"})

    def test_the_commands_of_the_page_say_what_it_says_they_say(self):
        home, bundle = sample_copy()
        _, document = sample()
        page = reported(bundle, "--home", home)[0]["report.html"].decode()
        allowed = home / "allowed"
        who = "kanshiki@" + os.uname().nodename
        allowed.write_text(f'{who} namespaces="git,file" {" ".join((home / "keys/host.pub").read_text().split()[:2])}\n')
        place = new("clone-")
        names = {"ALLOWED": allowed, "WHO": who, "REPO": home / "custody.git"}
        done = self.run_in(bundle, self.commands(page, "bag"))
        self.assertEqual((done.returncode, done.stdout), (0, "tagmanifest-sha256.txt: OK\ntagmanifest-sha256.txt\n"), done.stderr)
        done = self.run_in(bundle, self.commands(page, "signature"), **names)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('Good "file" signature for ' + who, done.stdout)
        done = self.run_in(place, self.commands(page, "commit"), **names)
        self.assertEqual((done.returncode, done.stdout), (0, f"Kanshiki-Seal: {document['seal']}\n"), done.stderr)
        self.assertIn('Good "git" signature', done.stderr)
        # and each of them fails where it should
        data = bundle / "data/engine/inspect.json"
        data.chmod(0o600)
        data.write_bytes(data.read_bytes() + b" ")
        self.assertNotEqual(self.run_in(bundle, self.commands(page, "bag")).returncode, 0)
        allowed.write_text("")
        self.assertNotEqual(self.run_in(bundle, self.commands(page, "signature"), **names).returncode, 0)
        self.assertNotEqual(self.run_in(new("clone-"), self.commands(page, "commit"), **names).returncode, 0)

    def test_the_page_and_the_post_mortem_name_commit_event_signer_and_no_time_stamp(self):
        home, document = sample()
        made, _ = reported(document["bundle"], "--home", home)
        for name in ("report.html", "report.md"):
            text = html.unescape(made[name].decode())
            for part in ("commit", "case", "signer"):
                self.assertIn(document["custody"][part], text, name)
            self.assertIn(document["seal"], text)
            self.assertRegex(text, "(?i)no time-stamp")
            self.assertIn("own key: it vouches for nothing before", text)
            self.assertNotRegex(text, "(?i)time-?stamped|sealed at")

    def test_the_code_is_read_by_somebody_elses_decoder_in_light_dark_and_on_a_phone(self):
        needs(self, "chromium", "zbarimg")
        home, document = sample()
        made, _ = reported(document["bundle"], "--home", home, kinds="html")
        place = new("page-")
        (place / "report.html").write_bytes(made["report.html"])
        with browser.Browser() as page:
            for scheme, width, media in (("light", 1200, "screen"), ("dark", 1200, "screen"), ("dark", 500, "screen"), ("dark", 800, "print")):
                page.view(width, 900, scheme, media)
                page.open(place / "report.html")
                self.assertEqual(page.messages(), [])
                box = json.loads(page.evaluate("""(() => { const b = document.querySelector('#custody').getBoundingClientRect();
                    return JSON.stringify({x: b.x, y: b.y + scrollY, width: b.width, height: b.height, scale: 1}); })()"""))
                picture = page.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=box)["data"]
                (place / "page.png").write_bytes(base64.b64decode(picture))
                self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width)
                read = subprocess.run(["zbarimg", "-q", "--raw", place / "page.png"], capture_output=True, check=False, timeout=MAX_SECONDS)
                self.assertEqual(read.stdout.decode().strip().split("\n"),
                                 [f"kanshiki seal {document['seal']}", f"bundle {pathlib.Path(document['bundle']).name}"], (scheme, width, media))
            self.assertEqual(page.evaluate("document.querySelector('svg.qr').getAttribute('role')"), "img")


class Label(unittest.TestCase):
    """TLP 2.0, in what test_offline.py does not look at."""

    def ids(self, data):
        return {o["id"]: o for o in formats.stix(data)}

    def test_an_object_that_is_marked_otherwise_is_another_object(self):
        root = DataRoot(new("root-"))
        root.container()
        (root.upper() / "etc").mkdir()
        (root.upper() / "etc/ld.so.preload").write_text("/evil\n")
        status, out, err = kanshiki("--home", new("home-"), "--json", "capture", "--root", root.path, "web")
        self.assertEqual(status, 0, err)
        document = json.loads(out)
        made = {word: self.ids(reported(document["bundle"], *(("--tlp", word) if word else ()), kinds="stix")[0]["stix.json"])
                for word in (None, *LABELS)}
        bundles = set()
        for word, objects in made.items():
            kinds = {o["type"] for o in objects.values()}
            self.assertLessEqual({"observed-data", "report", "file"}, kinds, kinds)
            for other, others in made.items():
                for same in objects.keys() & others.keys() if word != other else ():
                    self.assertIn(objects[same]["type"], ("file", "ipv4-addr", "ipv6-addr", "network-traffic", "directory", "url"))
            bundles.add(next(i for i in objects if i.startswith("report--")))
        self.assertEqual(len(bundles), 1 + len(LABELS))
        files = [{i for i in objects if i.startswith("file--")} for objects in made.values()]
        self.assertTrue(files[0])
        self.assertTrue(all(f == files[0] for f in files), "an observable's id follows from what it is")

    def test_inventories_timelines_and_the_screen_have_it(self):
        _, document = sample()
        plain, _ = reported(document["bundle"], kinds=ALL)
        self.assertNotIn(b"TLP", b"".join(plain.values()))
        for word in LABELS:
            label = f"TLP:{word}"
            made, _ = reported(document["bundle"], "--tlp", word, kinds=ALL)
            for name in ("sbom-image.cdx.json", "sbom-container.cdx.json"):
                one, bare = json.loads(made[name]), json.loads(plain[name])
                self.assertIn({"name": "kanshiki:tlp", "value": label}, one["metadata"]["properties"])
                self.assertNotEqual(one["serialNumber"], bare["serialNumber"])
            lines = made["timeline.jsonl"].splitlines()
            self.assertGreater(len(lines), 5)
            self.assertEqual({json.loads(line)["tlp"] for line in lines}, {label})
            self.assertEqual(len(formats.timesketch(made["timeline.jsonl"])), len(lines))
            sheet = made["timeline.csv"].decode().splitlines()[1:]
            self.assertTrue(sheet and all(line.rstrip('"').endswith("; " + label) for line in sheet))
            formats.l2t(made["timeline.csv"])
            status, out, err = kanshiki("report", "--tlp", word, "-o", new("screen-"), document["bundle"])
            self.assertEqual((status, out.decode().split("\n")[0]), (0, label), err)
            self.assertLessEqual(out.count(b"\n"), 23)

    def test_every_printed_page_has_it_on_top_and_below(self):
        needs(self, "chromium", "pdftotext")
        _, document = sample()
        for word in LABELS:
            place = new("print-")
            (place / "report.html").write_bytes(reported(document["bundle"], "--tlp", word, kinds="html")[0]["report.html"])
            with browser.Browser() as page:
                page.view(800, 1100, "light", "print")
                page.open(place / "report.html")
                (place / "report.pdf").write_bytes(page.pdf_bytes())
            text = subprocess.run(["pdftotext", "-layout", place / "report.pdf", "-"], capture_output=True, check=True, timeout=MAX_SECONDS)
            pages = text.stdout.decode().split("\f")[:-1]
            self.assertGreater(len(pages), 3)
            for one in pages:
                lines = [line.strip() for line in one.strip().split("\n")]
                self.assertEqual((lines[0], lines[-1]), (f"TLP:{word}",) * 2, one)


class Case(unittest.TestCase):
    def test_what_a_report_over_a_case_does_not_do_is_refused_and_not_left_out(self):
        home, document = sample()
        for option in (["--redact"], ["--lang", "ja"], ["--receipt", "x"]):
            out = new("case-")
            status, _, err = kanshiki("--home", home, "report", "--case", document["case"], *option, "-o", out)
            self.assertEqual((status, list(out.iterdir())), (2, []), err)
            self.assertIn(f"{option[0]} is of the report of one bundle, and not of a case", err)

    def test_accepted_findings_are_accepted_in_each_bundle_of_it(self):
        home, document = sample()
        one, _ = reported(document["bundle"], "--home", home, kinds="json")
        findings = json.loads(one["report.json"])["findings"]
        accepted = new("accepted-") / "accepted.json"
        accepted.write_text(json.dumps([{"rule": f["rule"], "key": f["key"], "image": "*", "reason": "r", "by": "b", "added": "2026-10-01",
                                         "expires": "2027-10-01"} for f in findings[:1]]))
        for more, n in (([], len(findings)), (["--accepted", accepted], len(findings) - 1)):
            status, out, err = kanshiki("--home", home, "report", "--case", document["case"], *more, "-o", new("case-"))
            self.assertEqual(status, 0, err)
            self.assertIn(f", {n} finding".encode(), out)


class Languages(unittest.TestCase):
    def test_the_japanese_page_is_whole_in_chromium_and_takes_the_same_receipt(self):
        needs(self, "chromium")
        home, document = sample()
        made, _ = reported(document["bundle"], "--home", home, "--lang", "ja", kinds="html")
        place = new("page-")
        (place / "report.html").write_bytes(made["report.html"])
        self.assertIn(document["custody"]["commit"].encode(), made["report.html"])
        with browser.Browser() as page:
            for scheme, width in (("light", 1200), ("dark", 500)):
                page.view(width, 900, scheme)
                page.open(place / "report.html")
                self.assertEqual((page.messages(), len(page.requests())), ([], 1))
                self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width)
                self.assertEqual(page.evaluate("document.documentElement.lang"), "ja")
                self.assertEqual(page.evaluate("[...document.querySelectorAll('h2')].filter(h => /^[ -~]*$/.test(h.textContent)).length"), 0)


class Version(unittest.TestCase):
    def of_another(self, name, ours):
        """A bundle that is whole and of a version that is not ours."""
        _, bundle = sample_copy()
        shutil.rmtree(bundle / "seal")
        family = ours.rsplit("/", 1)[0]
        for path in (bundle / name, bundle / "tagmanifest-sha256.txt"):
            path.chmod(0o600)
        (bundle / name).write_text((bundle / name).read_text().replace(ours, family + "/2"))
        self.seal(bundle)
        return bundle, family + "/2"

    def seal(self, bundle):
        listed = [line[66:] for line in (bundle / "tagmanifest-sha256.txt").read_text().splitlines()]
        (bundle / "tagmanifest-sha256.txt").write_text(
            "".join(f"{hashlib.sha256((bundle / one).read_bytes()).hexdigest()}  {one}\n" for one in listed))

    def test_a_bundle_of_another_version_is_refused_in_one_sentence_by_every_command_that_reads_one(self):
        _, document = sample()
        for name, ours in (("bag-info.txt", "kanshiki-bag/1"), ("capture.json", "kanshiki.acquisition/1")):
            bundle, theirs = self.of_another(name, ours)
            out = new("refused-")
            for argv in (("report", "-o", out, bundle), ("show", "-b", bundle, "#1"), ("verify", bundle), ("--json", "verify", bundle),
                         ("compare", bundle), ("compare", bundle, document["bundle"]), ("compare", document["bundle"], bundle),
                         ("ls", bundle), ("rules", "explain", "exe.foreign", bundle), ("--home", new("h-"), "import", bundle)):
                with self.subTest(argv=argv):
                    status, printed, err = kanshiki(*argv)
                    self.assertEqual(status, 1, err)
                    if "--json" in argv:
                        self.assertEqual(rows.document_faults(printed, "kanshiki.error/1"), [])
                    else:
                        self.assertEqual(printed, b"")
                    self.assertEqual(err.count("\n"), 1, err)
                    self.assertIn(f"{name}: it is of format {theirs}, and this kanshiki reads {ours} alone", err)
            self.assertEqual(list(out.iterdir()), [])

    def test_what_was_altered_after_the_seal_is_tampered_whatever_version_it_claims(self):
        _, bundle = sample_copy()
        path = bundle / "bag-info.txt"
        path.chmod(0o600)
        path.write_text(path.read_text().replace("kanshiki-bag/1", "kanshiki-bag/2"))
        for argv in (("verify", bundle), ("report", "-o", new("none-"), bundle)):
            self.assertEqual(kanshiki(*argv)[0], 7)


class Sandbox(unittest.TestCase):
    """A kernel without Landlock is made by a filter that answers ENOSYS to its first call."""
    LANDLOCK_CREATE, ENOSYS, X86_64 = 444, 38, 0xc000003e

    def without_landlock(self):
        load, jump_if, give = 0x20, 0x15, 0x06
        code = [(load, 0, 0, 4), (jump_if, 1, 0, self.X86_64), (give, 0, 0, 0x7fff0000), (load, 0, 0, 0),
                (jump_if, 0, 1, self.LANDLOCK_CREATE), (give, 0, 0, 0x00050000 | self.ENOSYS), (give, 0, 0, 0x7fff0000)]
        filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
        program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(filters)))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
            raise OSError(ctypes.get_errno(), "seccomp")

    def test_each_command_that_reads_tells_what_its_sandbox_lacks(self):
        if os.uname().machine != "x86_64":
            self.skipTest("the filter is of x86_64")
        home, document = sample()
        bundle, outs = document["bundle"], [new("with-"), new("without-")]
        told = "warning: the sandbox is not whole here (landlock no, seccomp yes)"
        commands = [("--home", home, "report", "-o", outs[1], bundle), ("show", "-b", bundle, "#1"), ("verify", bundle), ("compare", bundle),
                    ("compare", bundle, bundle), ("--home", home, "compare", "--all", "shop:2.3"), ("ls", bundle),
                    ("cat", "-b", bundle, "bagit.txt"), ("rules", "explain", "exe.foreign", bundle)]
        for argv in commands:
            with self.subTest(argv=argv):
                err = kanshiki(*argv, preexec_fn=self.without_landlock)[2]
                self.assertEqual(err.count(told), 1, err)
                self.assertNotIn(told, kanshiki(*argv)[2])
        answers = ENGINES / "docker-20.10/running"
        err = kanshiki("-H", f"replay:{answers}", "--home", new("home-"), "capture", "--operator", "A <a@example.org>", "--only", "engine",
                       document["container"]["id"], preexec_fn=self.without_landlock)[2]
        self.assertEqual(err.count(told), 1, "capture: " + err)
        self.assertEqual(kanshiki("--home", home, "report", "-o", outs[0], bundle)[0], 0)
        made = [{p.name: p.read_bytes() for p in out.iterdir()} for out in outs]
        self.assertEqual(made[0], made[1], "the kernel of whoever renders is not in a report")
        for argv, more, held in (((), {}, True), ((), {"preexec_fn": self.without_landlock}, False)):
            out = kanshiki("--home", home, "--json", "report", *argv, "-o", new("json-"), bundle, **more)[1]
            self.assertEqual(json.loads(out)["sandbox"], {"no_new_privs": True, "landlock": held, "seccomp": True})


if __name__ == "__main__":
    unittest.main(verbosity=2)
