"""Bundles made from recorded answers, without an engine: each fits the schemas, and the checker sees each way to spoil one.

usage: test_bundles.py KANSHIKI
"""
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import bag
import check_bundle
import rows

TOP = pathlib.Path(__file__).resolve().parents[2]
ENGINES = TOP / "tests/fixtures/engines"
KANSHIKI = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else TOP / "build/kanshiki"
MAX_SECONDS = 60
scratch = tempfile.TemporaryDirectory(prefix="kan-contract-")
WORK = pathlib.Path(scratch.name)


def kanshiki(*argv):
    done = subprocess.run([str(KANSHIKI), *map(str, argv)], stdin=subprocess.DEVNULL, capture_output=True, timeout=MAX_SECONDS,
                          check=False)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def container_of(answers):
    return next(m.group(1) for f in os.listdir(answers) if (m := re.fullmatch("containers-([0-9a-f]{64})-json", f)))


def capture(answers, *flags):
    home = pathlib.Path(tempfile.mkdtemp(prefix="home-", dir=WORK))
    return kanshiki("-H", f"replay:{answers}", "--home", home, "--json", "capture", "--operator", "A <a@example.org>", *flags,
                    container_of(answers))


def sample():
    """One bundle that is sound; made once."""
    if not hasattr(sample, "path"):
        status, out, err = capture(ENGINES / "docker-20.10/running")
        assert status in (0, 5), err
        sample.path = pathlib.Path(json.loads(out)["bundle"])
    return sample.path


class Recorded(unittest.TestCase):
    def test_each_recorded_engine_gives_a_bundle_that_fits(self):
        states = sorted(ENGINES.glob("*/*/"))
        self.assertGreaterEqual(len(states), 12)
        for answers in states:
            with self.subTest(answers.relative_to(ENGINES)):
                status, out, err = capture(answers)
                self.assertIn(status, (0, 5), err)
                self.assertEqual(rows.document_faults(out, "kanshiki.capture/1"), [])
                document = json.loads(out)
                faults, counts = check_bundle.check_bundle(document["bundle"])
                self.assertEqual(faults, [])
                self.assertIn("kanshiki.journal/1", counts)
                report = pathlib.Path(document["report"]["json"]).read_bytes()
                self.assertEqual(rows.document_faults(report, "kanshiki.report/1"), [])

    def test_verify_prints_a_document_that_fits(self):
        status, out, err = kanshiki("--json", "verify", sample())
        self.assertEqual(status, 0, err)
        self.assertEqual(rows.document_faults(out, "kanshiki.verify/1"), [])

    def test_a_failure_is_a_document_too(self):
        answers = WORK / "broken"
        shutil.copytree(ENGINES / "docker-26/running", answers)
        inspect = answers / f"containers-{container_of(answers)}-json"
        inspect.write_text("{}")
        status, out, _ = capture(answers)
        self.assertEqual(status, 4)
        self.assertEqual(rows.document_faults(out, "kanshiki.capture/1"), [])
        self.assertEqual(json.loads(out)["status"], "failed")


class Crashed(unittest.TestCase):
    """What a crash left at any line of the journal, finished by seal --partial, fits as well."""

    def left(self, lines, torn=b""):
        """The sample as it was when its journal had so many lines."""
        home = pathlib.Path(tempfile.mkdtemp(prefix="crash-", dir=WORK))
        partial = home / f"{sample().name}.partial"
        shutil.copytree(sample(), partial, ignore=shutil.ignore_patterns("seal"))
        for name in set(bag.TAGS) - {"journal.ndjson"} | {bag.TAG_MANIFEST}:
            (partial / name).unlink()
        journal = partial / "journal.ndjson"
        octets = b"".join(journal.read_bytes().splitlines(keepends=True)[:lines]) + torn
        journal.chmod(0o600)
        journal.write_bytes(octets)
        return home, partial

    def finished(self, lines, torn=b""):
        home, partial = self.left(lines, torn)
        status, _, err = kanshiki("--home", home, "seal", "--partial", partial)
        self.assertEqual(status, 0, err)
        faults, _ = check_bundle.check_bundle(partial.with_suffix(""))
        self.assertEqual(faults, [], f"{lines} lines")
        document = json.loads((partial.with_suffix("") / "capture.json").read_bytes())
        self.assertEqual((document["status"], document["partial_reason"]), ("partial", "crash"))

    def test_after_few_some_and_nearly_all_lines(self):
        count = len((sample() / "journal.ndjson").read_bytes().splitlines())
        for lines in (2, count // 3, count // 2, count - 2):
            with self.subTest(lines=lines):
                self.finished(lines)

    def test_with_a_torn_last_line(self):
        self.finished(9, b'{"seq":10,"prev":"\xff')


class Bag(unittest.TestCase):
    """Each spoilt copy is found, and by the rule that it breaks."""

    def setUp(self):
        self.bag = pathlib.Path(tempfile.mkdtemp(prefix="copy-", dir=WORK)) / sample().name
        shutil.copytree(sample(), self.bag)

    def spoil(self, name, change):
        path = self.bag / name
        octets = change(path.read_bytes())
        path.chmod(0o600)
        path.write_bytes(octets)
        path.chmod(0o400)

    def found(self, words):
        faults = bag.Bag(self.bag).check()
        self.assertTrue(any(re.search(words, fault) for fault in faults), f"{words}: {faults}")

    def test_a_sound_copy_has_no_fault(self):
        self.assertEqual(check_bundle.check_bundle(self.bag)[0], [])

    def test_a_changed_octet(self):
        self.spoil("data/engine/inspect.json", lambda b: b.replace(b"web", b"wab", 1))
        self.found(r"inspect\.json: not the digest")

    def test_a_missing_file(self):
        (self.bag / "data/engine/info.json").unlink()
        self.found(r"info\.json: not there")

    def test_an_added_file(self):
        (self.bag / "data/engine/more.json").write_text("{}")
        self.found(r"more\.json: in no manifest")

    def test_an_added_tag_file(self):
        (self.bag / "fetch.txt").write_text("")
        self.found(r"fetch\.txt: in no manifest")

    def test_a_link_instead_of_a_file(self):
        target = self.bag / "data/engine/info.json"
        target.rename(self.bag.parent / "elsewhere")
        target.symlink_to(self.bag.parent / "elsewhere")
        self.found(r"info\.json: no regular file")

    def test_an_empty_directory(self):
        (self.bag / "data/none").mkdir(mode=0o700)
        self.found("an empty directory")

    def test_a_name_outside_the_grammar(self):
        for name in ("Upper.json", "nul.json", "dot.", "blank here"):
            (self.bag / "data/engine" / name).write_text("{}")
            self.found(re.escape(name) + ": no name of a bag")

    def test_a_wrong_mode(self):
        (self.bag / "capture.json").chmod(0o644)
        (self.bag / "data").chmod(0o755)
        self.found(r"capture\.json: mode 644")
        self.found("data/: mode 755")

    def test_a_manifest_out_of_order(self):
        self.spoil("manifest-sha256.txt", lambda b: b"".join(reversed(b.splitlines(keepends=True))))
        self.found("not in the order")

    def test_a_manifest_in_another_form(self):
        self.spoil("manifest-sha256.txt", lambda b: b.replace(b"  data", b" *data", 1))
        self.found("no line of digest")

    def test_labels_in_another_order_and_a_wrong_oxum(self):
        self.spoil("bag-info.txt", lambda b: b"".join(sorted(b.splitlines(keepends=True))))
        self.found("labels")
        self.spoil("bag-info.txt", lambda b: re.sub(rb"Payload-Oxum: \d+", b"Payload-Oxum: 7", b))
        self.found("counted")

    def test_another_name_of_the_bundle(self):
        self.bag = self.bag.rename(self.bag.with_name("20200101t000000z-000000000000-0000"))
        self.found("External-Identifier")

    def test_a_bagit_txt_with_crlf(self):
        self.spoil("bagit.txt", lambda b: b.replace(b"\n", b"\r\n"))
        self.found(r"bagit\.txt: not its two lines")


class Rows(unittest.TestCase):
    """One row, altered: the rule that it breaks is found."""

    header = {"schema": "kanshiki.host.binfmt/1", "bundle": "20261122t053312z-3f2a9c41d0be-7c1e", "collector": "host"}

    def faults(self, *lines, name="kanshiki.host.binfmt/1"):
        text = b"".join(x if isinstance(x, bytes) else json.dumps(x, ensure_ascii=False).encode() + b"\n" for x in (self.header, *lines))
        return rows.Ndjson(text, name, self.header["bundle"]).faults

    def test_a_clean_row_and_one_with_a_twin_fit(self):
        octets = b"\xffx\x1b"
        twin = {"name": "\ufffdx\ufffd", "name_b64": base64.b64encode(octets).decode(), "text": "enabled"}
        self.assertEqual(self.faults({"name": "qemu", "text": "a"}, twin), [])

    def test_a_twin_that_is_not_needed_or_missing_or_of_other_bytes(self):
        for row in ({"name": "a", "name_b64": "YQ==", "text": ""}, {"name": "\x1b", "text": ""},
                    {"name": "\ufffd", "name_b64": "YQ==", "text": ""}, {"name": "a\u202e", "text": ""},
                    {"name": "\ufffd", "name_b64": "=", "text": ""}, {"name_b64": "YQ==", "text": ""}):
            self.assertNotEqual(self.faults(row), [], row)

    def test_what_no_row_may_hold(self):
        good = b'{"name":"a","text":"b"'
        for line in (good + b',"more":1}\n', good + b',"name":"c"}\n', good.replace(b'"b"', b"1.5") + b"}\n",
                     good.replace(b'"b"', b"null") + b"}\n", good + b',"Key":1}\n', b"[]\n", good + b"}", good + b"} {}\n",
                     good.replace(b"b", b"b" * (1 << 20)) + b"}\n", b'{"name":"a"}\n', b"{" * 100000 + b"\n"):
            self.assertNotEqual(self.faults(line), [], line[:80])

    def test_a_header_of_another_schema_bundle_or_collector(self):
        for key, value in (("schema", "kanshiki.host.sysctl/1"), ("bundle", "20261122t053312z-3f2a9c41d0be-0000"), ("collector", "engine")):
            text = json.dumps({**self.header, key: value}).encode() + b"\n"
            self.assertNotEqual(rows.Ndjson(text, "kanshiki.host.binfmt/1", self.header["bundle"]).faults, [], key)

    def test_rows_without_a_published_schema(self):
        self.assertIn("docs/schema has no kanshiki.host.other/1", self.faults(name="kanshiki.host.other/1"))


class Journal(unittest.TestCase):
    def found(self, change):
        text = (sample() / "journal.ndjson").read_bytes().splitlines(keepends=True)
        it = bag.Bag(sample())
        it.check()
        gaps = rows.Ndjson((sample() / "gaps.ndjson").read_bytes(), rows.GAPS, sample().name)
        journal = rows.Ndjson(b"".join(change(text)), rows.JOURNAL, sample().name)
        return rows.journal_faults(journal, it.listed, gaps.rows, (sample() / "manifest-sha256.txt").read_bytes())

    def test_as_it_is_it_is_whole(self):
        self.assertEqual(self.found(lambda lines: lines), [])

    def test_a_line_that_was_dropped_changed_swapped_or_cut_off(self):
        for change in (lambda l: l[:5] + l[6:], lambda l: [*l[:5], l[5].replace(b'"GET"', b'"PUT"', 1), *l[6:]] if b'"GET"' in l[5]
                       else [*l[:5], l[5].replace(b'"seq"', b'"seq" '), *l[6:]],
                       lambda l: [*l[:5], l[6], l[5], *l[7:]], lambda l: l[:-1], lambda l: [l[0], *l]):
            self.assertNotEqual(self.found(change), [])


if __name__ == "__main__":
    unittest.main()
