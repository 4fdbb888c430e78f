"""rules explain on a sealed bundle, and rules test on rules of one's own.

usage: test_rules.py KANSHIKI
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import rows
from dataroot import DataRoot

TOP = pathlib.Path(__file__).resolve().parents[2]
KANSHIKI = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else TOP / "build/kanshiki"
MAX_SECONDS = 120
scratch = tempfile.TemporaryDirectory(prefix="kan-rules-")
WORK = pathlib.Path(scratch.name)
CRON, NEAR = "/etc/cron.d/again", "/etc/cronies"


def kanshiki(*argv):
    done = subprocess.run([str(KANSHIKI), *map(str, argv)], stdin=subprocess.DEVNULL, capture_output=True, timeout=MAX_SECONDS,
                          check=False, cwd=TOP, env={"PATH": os.environ["PATH"], "HOME": str(WORK)})
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def own_rules():
    """A directory with one shipped rule and the fixtures that it names."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="own-", dir=WORK))
    rule = json.loads((TOP / "rules/persist/cron-changed.json").read_bytes())
    rule["id"] = "own.cron"
    (directory / "cron.json").write_text(json.dumps(rule))
    for name in ("base", *rule["tests"]["hit"], *rule["tests"]["miss"]):
        shutil.copytree(TOP / "tests/fixtures/rules" / name, directory / "fixtures" / name)
    return directory, rule


class Captured(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        root = DataRoot(tempfile.mkdtemp(prefix="root-", dir=WORK))
        root.container()
        (root.upper() / "etc/cron.d").mkdir(parents=True)
        (root.upper() / CRON[1:]).write_text("* * * * * root true\n")
        (root.upper() / NEAR[1:]).write_text("not a table\n")
        status, out, err = kanshiki("--home", WORK / "home", "--json", "capture", "--operator", "A <a@example.org>", "--root", root.path,
                                    "web")
        assert status == 0, err
        cls.bundle = json.loads(out)["bundle"]


class Explaining(Captured):
    def explained(self, *argv):
        status, out, err = kanshiki("--json", "rules", "explain", *argv)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(rows.document_faults(out, "kanshiki.explain/1"), [])
        return json.loads(out)

    def test_the_row_that_holds_and_the_clauses_with_their_values(self):
        told = self.explained("persist.cron-changed", self.bundle)
        self.assertEqual((told["matched"], told["findings"]), (1, 1))
        match, = told["matches"]
        self.assertEqual([clause["result"] for clause in match["clauses"]], ["true"] * 3)
        self.assertEqual(match["clauses"][2]["values"], {"path": CRON})
        line = (pathlib.Path(self.bundle) / match["artefact"]).read_bytes().splitlines()
        self.assertTrue(any(json.loads(one).get("path") == CRON for one in line[match["row"] - 1:match["row"] + 1]), match["row"])

    def test_the_nearest_miss_says_which_clause_failed_and_on_what(self):
        told = self.explained("persist.cron-changed", self.bundle)
        near = next(one for one in told["nearest"] if one["object"]["path"] == NEAR)
        failed, = near["clauses"]
        self.assertEqual((near["met"], near["of"], failed["result"], failed["values"]), (2, 3, "false", {"path": NEAR}))
        self.assertIn("path", failed["clause"])
        lacking = [one["of"] - one["met"] for one in told["nearest"]]
        self.assertEqual(lacking, sorted(lacking))

    def test_rows_that_are_missing_are_said(self):
        told = self.explained("image.history-fetch", self.bundle)
        self.assertEqual([one["rule"] for one in told["not_assessed"]], ["image.history-fetch"])

    def test_twice_the_same(self):
        self.assertEqual(*(kanshiki("rules", "explain", "persist.cron-changed", self.bundle)[1] for _ in "ab"))

    def test_a_rule_of_ones_own(self):
        directory, _ = own_rules()
        self.assertEqual(self.explained("--rules", directory, "own.cron", self.bundle)["findings"], 1)
        status, out, _ = kanshiki("rules", "explain", "--rules", directory, "own.cron", self.bundle)
        self.assertEqual(status, 0)
        self.assertIn(f"path \"{NEAR}\"".encode(), out)

    def test_what_is_not_there(self):
        status, _, err = kanshiki("rules", "explain", "own.cron", self.bundle)
        self.assertEqual(status, 3)
        self.assertIn("own.cron: no such rule", err)
        self.assertEqual(kanshiki("rules", "explain", "exe.memfd", WORK / "none")[0], 3)
        self.assertEqual(kanshiki("rules", "explain")[0], 2)


class Testing(unittest.TestCase):
    def outcome(self, *argv):
        status, out, err = kanshiki("--json", "rules", "test", *argv)
        self.assertEqual(err, "")
        self.assertEqual(rows.document_faults(out, "kanshiki.rules-test/1"), [])
        return status, json.loads(out)

    def test_the_shipped_rules_hold(self):
        status, told = self.outcome("--fixtures", TOP / "tests/fixtures/rules")
        self.assertEqual((status, told["faults"]), (0, []))
        self.assertGreater(told["fixtures"], 2 * told["rules"] - 1)

    def test_rules_of_ones_own(self):
        directory, rule = own_rules()
        status, told = self.outcome(directory)
        n = len(rule["tests"]["hit"]) + len(rule["tests"]["miss"])
        self.assertEqual((status, told["rules"], told["fixtures"], told["failed"]), (0, 1, n, 0))

    def test_a_rule_that_does_not_do_what_it_says_is_1(self):
        directory, rule = own_rules()
        rule["where"]["all"][1] = {"type": "symlink"}
        (directory / "cron.json").write_text(json.dumps(rule))
        status, told = self.outcome(directory)
        self.assertEqual(status, 1)
        self.assertEqual([one["fixture"] for one in told["faults"]], rule["tests"]["hit"])
        self.assertEqual({one["why"] for one in told["faults"]}, {"it did not hit"})

    def test_a_fixture_that_is_not_there_or_elsewhere_is_1(self):
        for name in ("absent", "../fixtures/honest"):
            directory, rule = own_rules()
            rule["tests"]["miss"] = [name]
            (directory / "cron.json").write_text(json.dumps(rule))
            status, told = self.outcome(directory)
            self.assertEqual((status, told["failed"], told["faults"][0]["fixture"]), (1, 1, name))

    def test_a_malformed_rule_is_2_with_its_place(self):
        directory, rule = own_rules()
        rule["where"] = {"colour": "red"}
        (directory / "cron.json").write_text(json.dumps(rule))
        status, out, err = kanshiki("rules", "test", directory)
        self.assertEqual((status, out), (2, b""))
        self.assertIn("cron.json: own.cron: where: unknown column colour", err)

    def test_no_fixtures_at_all_is_3(self):
        directory, _ = own_rules()
        shutil.rmtree(directory / "fixtures")
        self.assertEqual(kanshiki("rules", "test", directory)[0], 3)


class Beside(Captured):
    """The user's rules beside the shipped ones, at the command line."""

    def test_the_report_names_what_was_added_replaced_and_turned_off(self):
        directory, _ = own_rules()
        memfd = json.loads((TOP / "rules/exe/memfd.json").read_bytes())
        (directory / "memfd.json").write_text(json.dumps({**memfd, "title": "mine"}))
        (directory / "off.json").write_text(json.dumps({"id": "net.tunnel", "disabled": "our VPN sidecar"}))
        out = pathlib.Path(tempfile.mkdtemp(prefix="out-", dir=WORK))
        status, _, err = kanshiki("report", "--rules", directory, "-o", out, self.bundle)
        self.assertEqual((status, err), (0, ""))
        document = (out / "report.json").read_bytes()
        self.assertEqual(rows.document_faults(document, "kanshiki.report/1"), [])
        document = json.loads(document)
        changed = document["rules_changed"]
        self.assertEqual(changed["added"], ["own.cron"])
        self.assertEqual([(r["id"], r["version"]) for r in changed["replaced"]], [("exe.memfd", memfd["version"])])
        self.assertEqual(changed["disabled"], [{"id": "net.tunnel", "reason": "our VPN sidecar"}])
        self.assertEqual({"own.cron", "persist.cron-changed"} - {f["rule"] for f in document["findings"]}, set())
        for name in ("report.html", "report.md"):
            text = (out / name).read_text()
            self.assertTrue(all(word in text for word in ("own.cron", "net.tunnel", "our VPN sidecar")), name)
        status, listed, _ = kanshiki("rules", "list", "--rules", directory)
        self.assertIn(b"own.cron", listed)
        self.assertRegex(listed.decode(), r"exe.memfd .* \(yours, replaces the shipped one\)\n")
        self.assertRegex(listed.decode(), r"net.tunnel +off +our VPN sidecar\n")

    def test_a_malformed_rule_is_refused_before_anything_is_read(self):
        directory, _ = own_rules()
        (directory / "x.json").write_text('{"id":"own.x",\n "disabled":}')
        for argv in (["report", self.bundle], ["capture", "web"], ["rules", "list"], ["show", "-b", self.bundle, "#1"]):
            status, _, err = kanshiki(*argv, "--rules", directory)
            self.assertEqual(status, 2, err)
            self.assertIn("x.json: not a rule: JSON: line 2 column 13", err)


class Accepting(Captured):
    """Findings that somebody has accepted, at the command line."""

    def reported(self, entries, *more, status=0):
        file = pathlib.Path(tempfile.mkdtemp(prefix="accepted-", dir=WORK)) / "accepted.json"
        file.write_text(json.dumps(entries))
        out = file.parent / "out"
        got, screen, err = kanshiki("report", "--accepted", file, "-o", out, *more, self.bundle)
        self.assertEqual((got, err), (status, ""))
        document = (out / "report.json").read_bytes()
        self.assertEqual(rows.document_faults(document, "kanshiki.report/1"), [])
        return json.loads(document), screen.decode(), out, file

    def entry(self, finding, **more):
        return {"rule": finding["rule"], "key": finding["key"], "image": "*", "reason": "a test <i>", "by": "A", "added": "2026-10-01",
                "expires": "2027-10-01", **more}

    def test_what_is_accepted_is_out_of_the_verdict_and_still_on_screen_and_in_every_report(self):
        whole, _, _, _ = self.reported([])
        cron = next(f for f in whole["findings"] if f["rule"] == "persist.cron-changed")
        self.assertEqual(cron["key"], [CRON])
        kanshiki("report", "--fail-on", "high", "-o", WORK / "x", self.bundle)
        document, screen, out, file = self.reported([self.entry(f, key=f["key"][0] if len(f["key"]) == 1 else f["key"])
                                                     for f in whole["findings"]], "--fail-on", "low")
        self.assertEqual((document["findings"], document["verdict"]["level"]), ([], "none"))
        self.assertEqual([s["finding"]["id"] for s in document["suppressed"]], [f["id"] for f in whole["findings"]])
        self.assertIn(f"{len(whole['findings'])} suppressed as accepted", " ".join(screen.split()))
        for name in ("report.html", "report.md"):
            self.assertIn(cron["id"], (out / name).read_text(), name)
        self.assertIn("a test &lt;i&gt;", (out / "report.html").read_text())
        status, shown, _ = kanshiki("show", "-b", self.bundle, "--accepted", file, cron["id"])
        self.assertEqual(status, 0)
        self.assertTrue(shown.startswith(b"accepted  a test <i>\nby        A\nuntil     2027-10-01\n"), shown)
        status, shown, _ = kanshiki("show", "-b", self.bundle, cron["id"])
        self.assertIn(f'key       "{CRON}"\n'.encode(), shown)

    def test_one_that_has_expired_counts_again_and_one_that_fits_nothing_is_listed(self):
        whole, _, _, _ = self.reported([])
        cron = next(f for f in whole["findings"] if f["rule"] == "persist.cron-changed")
        document, screen, _, _ = self.reported([self.entry(cron, added="2020-01-01", expires="2020-06-01"), self.entry(cron, rule="a.b")])
        self.assertEqual(document["findings"], whole["findings"])
        self.assertEqual([(s["state"], s["rule"]) for s in document["suppressed"]],
                         [("expired", "persist.cron-changed"), ("unmatched", "a.b")])
        self.assertNotIn("suppressed", screen)

    def test_a_malformed_file_is_refused_with_its_place_before_anything_is_read(self):
        bad = WORK / "bad.json"
        bad.write_text('[{"rule":"a.b"}]')
        for argv in (["report", self.bundle], ["capture", "web"], ["show", "-b", self.bundle, "#1"]):
            status, _, err = kanshiki(*argv, "--accepted", bad)
            self.assertEqual(status, 2, err)
            self.assertIn("bad.json: entry 1: no key", err)
            status, _, err = kanshiki(*argv, "--accepted", WORK / "nowhere")
            self.assertEqual(status, 2, err)
            self.assertIn("nowhere: No such file or directory", err)


class Redacting(Captured):
    def test_a_copy_to_give_away_lies_beside_the_whole_report_and_names_nobody(self):
        formats = "html,md,json,timeline,bodyfile,csv,stix,navigator,sarif,sbom"
        status, screen, err = kanshiki("--home", WORK / "home", "report", "--redact", "--format", formats, self.bundle)
        self.assertEqual((status, err), (0, ""))
        self.assertIn(b"; redacted", screen)
        whole = WORK / "home/reports" / pathlib.Path(self.bundle).name
        copy = whole.with_name(whole.name + "-redacted")
        before = json.loads((whole / "report.json").read_bytes())
        document = (copy / "report.json").read_bytes()
        self.assertEqual(rows.document_faults(document, "kanshiki.report/1"), [])
        document = json.loads(document)
        self.assertNotIn("receipt", document)
        self.assertEqual([f["id"] for f in document["findings"]], [f["id"] for f in before["findings"]])
        self.assertEqual(document["verdict"], before["verdict"])
        login = before["record"]["operator"]["login"]
        self.assertEqual(document["record"]["operator"],
                         {"name": "user-1", "email": "user-1", "login": login if login == "root" else "user-1"})
        host = before["record"]["host"]
        for path in copy.iterdir():
            text = path.read_text(errors="replace")
            for word in ("a@example.org", host["machine_id"], before.get("receipt", {}).get("commit", "a@example.org")):
                self.assertNotIn(word, text, path)
        self.assertIn("/etc/cron.d/again", (copy / "report.md").read_text())
        for name in ("report.html", "report.md", "timeline.csv", "timeline.jsonl", "sbom-image.cdx.json", "posture.sarif", "navigator.json"):
            self.assertIn("redacted", (copy / name).read_text().lower(), name)
        self.assertIn("redacted", document)


class Speaking(Captured):
    def test_the_report_in_japanese_has_the_same_facts(self):
        out = WORK / "ja"
        status, _, err = kanshiki("report", "--lang", "ja", "-o", out, self.bundle)
        self.assertEqual((status, err), (0, ""))
        kanshiki("report", "-o", WORK / "en", self.bundle)
        japanese, english = (json.loads((WORK / lang / "report.json").read_bytes()) for lang in ("ja", "en"))
        spoken = ("title", "says", "parts", "why", "next", "false_positives")
        for document in (japanese, english):
            for finding in document["findings"]:
                for key in spoken:
                    del finding[key]
        self.assertEqual(japanese, english)
        page = (out / "report.html").read_text()
        self.assertIn('<html lang="ja">', page)
        self.assertIn("cron の表が追加または変更された", page)
        self.assertIn("/etc/cron.d/again", page)
        self.assertIn("事後報告", (out / "report.md").read_text())

    def test_a_language_that_is_not_there_is_refused(self):
        for argv in (["report", self.bundle], ["capture", "web"]):
            status, _, err = kanshiki(*argv, "--lang", "xx")
            self.assertEqual(status, 2)
            self.assertIn("--lang", err)


class IntoAFile(Captured):
    """What a reader says goes wherever its output is sent."""

    def test_show_cat_verify_and_explain_write_into_a_file(self):
        for argv in (["show", "-b", self.bundle, "#1"], ["cat", "-b", self.bundle, "data/filesystem/changes.ndjson"], ["verify", self.bundle],
                     ["rules", "explain", "persist.cron-changed", self.bundle], ["ls", self.bundle]):
            with open(WORK / "said", "wb") as said:
                status = subprocess.run([str(KANSHIKI), *argv], stdin=subprocess.DEVNULL, stdout=said, check=False, cwd=TOP).returncode
            self.assertEqual(status, 0, argv)
            self.assertGreater((WORK / "said").stat().st_size, 100, argv)


if __name__ == "__main__":
    unittest.main(verbosity=0)
