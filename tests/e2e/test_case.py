"""report --case: two bundles, an act, its undo and notes on one timeline; what was altered is named and not used."""
import json
import os
import shlex
import shutil
import unittest

import browser
import world

SCHEMA = world.TOP / "docs/schema/kanshiki.case-report-1.json"
PICTURES = world.BUILD / "screenshots"
CASE, NAME = "inc-7", "cased"
LIGHT = ("--image", "none", "--case", CASE, "--operator", "Aiko Mori <aiko@example.org>")
EVIL = "<script>alert(1)</script>\u202e \x1b[2J"


@world.once
def kept():
    """The home of a case: looked at, looked at again and paused, resumed, judged, closed."""
    world.stage(NAME)
    home = world.new_directory("case")
    first = world.capture(NAME, *LIGHT, home=home).json
    second = world.capture(NAME, *LIGHT, "--then", "pause", home=home).json
    undo = second["act"]["undo"]
    world.docker(*shlex.split(undo)[-2:])
    bad = max(json.loads(open(first["report"]["json"], encoding="utf-8").read())["findings"],
              key=lambda f: ["low", "medium", "high", "critical"].index(f["severity"]))
    for words in (("note", f"undone with: {undo}"), ("note", "--finding", bad["id"], "--as", "confirmed", "--text", EVIL), ("close", "rebuilt")):
        done = world.kanshiki("--home", home, "custody", "--case", CASE, *words)
        assert done.status == 0, str(done)
    return home, first, second, bad


class Case(unittest.TestCase):
    def setUp(self):
        self.home, self.first, self.second, self.bad = kept()

    def report(self, *flags, home=None, status=0):
        place = world.new_directory("report")
        done = world.kanshiki("--home", home or self.home, "report", "--case", CASE, "-o", place, *flags)
        self.assertEqual(done.status, status, str(done))
        return place

    def document(self, place):
        import jsonschema
        document = json.loads((place / "report.json").read_text())
        jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
        return document

    def copied(self):
        home = world.new_directory("copy") / "home"
        shutil.copytree(self.home, home, symlinks=True)
        return home

    def test_bundles_act_undo_and_notes_are_on_one_timeline(self):
        document = self.document(self.report())
        line = document["timeline"]
        self.assertEqual(line, sorted(line, key=lambda e: e["time_ns"]))
        self.assertEqual({e["bundle"] for e in line if "bundle" in e}, {1, 2})
        acts = [e["message"] for e in line if "seq" in e]
        undo = self.second["act"]["undo"]
        self.assertTrue([m for m in acts if m.startswith("act: pause ") and m.endswith(f", undo: {undo}")], acts)
        self.assertIn(f"note: undone with: {undo}", acts)
        self.assertEqual(acts[-1], "close: rebuilt")
        self.assertEqual({e["who"] for e in line if "seq" in e and e["message"].startswith(("collect", "act"))}, {"Aiko Mori"})

    def test_what_both_bundles_have_is_shared(self):
        document = self.document(self.report())
        shared = {kind: [s for s in document["shared"] if s["kind"] == kind] for kind in ("digest", "peer", "rule")}
        for kind, found in shared.items():
            self.assertTrue(found, kind)
        self.assertEqual({tuple(s["bundles"]) for s in document["shared"]}, {(1, 2)})
        self.assertIn(self.bad["rule"], [s["value"] for s in shared["rule"]])

    def test_times_are_of_events_and_the_judgement_stands_beside_the_finding(self):
        document = self.document(self.report())
        events = {e["type"]: e for e in reversed(document["events"])}
        for key, kind in (("detected", "collect"), ("contained", "act"), ("resolved", "close")):
            self.assertEqual(document["times"][key]["time_ns"], events[kind]["time_ns"], key)
        judged = [f for f in document["findings"] if f["judgements"]]
        self.assertTrue(judged)
        self.assertEqual({(f["id"], f["judgements"][0]["as"]) for f in judged}, {(self.bad["id"], "confirmed")})
        self.assertEqual({f["severity"] for f in judged}, {self.bad["severity"]})

    def test_an_altered_bundle_is_named_and_none_of_its_rows_is_used(self):
        home = self.copied()
        name = self.second["bundle"].rsplit("/", 1)[-1]
        target = home / "bundles" / name / "data/processes/processes.ndjson"
        target.chmod(0o600)
        target.write_bytes(target.read_bytes().replace(b'"pid"', b'"pjd"', 1))
        document = self.document(self.report(home=home, status=7))
        self.assertEqual([b["used"] for b in document["bundles"]], [True, False])
        self.assertIn("processes.ndjson", document["bundles"][1]["why"])
        self.assertEqual({e["bundle"] for e in document["timeline"] if "bundle" in e}, {1})
        self.assertEqual({f["bundle"] for f in document["findings"]}, {1})
        self.assertEqual(document["shared"], [])

    def test_a_bundle_that_is_gone_is_named(self):
        home = self.copied()
        shutil.rmtree(home / "bundles" / self.first["bundle"].rsplit("/", 1)[-1])
        document = self.document(self.report(home=home, status=5))
        self.assertEqual([b["used"] for b in document["bundles"]], [False, True])

    def test_the_same_case_gives_the_same_bytes_elsewhere(self):
        flags = ("--format", "html,md,json,timeline,csv", "--tlp", "AMBER")
        one, two = self.report(*flags), self.report(*flags, home=self.copied())
        self.assertEqual(len(list(one.iterdir())), 5)
        for path in one.iterdir():
            self.assertEqual(path.read_bytes(), (two / path.name).read_bytes(), path.name)

    def test_an_unknown_case_and_a_format_of_one_container_are_refused_in_a_sentence(self):
        done = world.kanshiki("--home", self.home, "report", "--case", "inc-8")
        self.assertEqual(done.status, 3)
        self.assertIn(f"there are: {CASE}", done.messages)
        done = world.kanshiki("--home", self.home, "report", "--case", CASE, "--format", "html,bodyfile")
        self.assertEqual(done.status, 2)
        self.assertIn("bodyfile is not made of a case: ", done.messages)

    def test_the_page_in_a_browser_asks_for_nothing_and_says_nothing(self):
        if browser.program() is None:
            if os.environ.get("CI") == "true":
                self.fail("CI requires Chromium")
            self.skipTest("Chromium is not installed")
        path = self.report("--tlp", "AMBER") / "report.html"
        PICTURES.mkdir(exist_ok=True)
        with browser.Browser() as page:
            for scheme, width in (("light", 1200), ("dark", 1200), ("light", 500)):
                page.view(width, 900, scheme)
                page.open(path)
                page.picture(PICTURES / f"case-{scheme}-{width}.png")
                self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width)
                self.assertEqual(page.messages(), [])
                self.assertEqual(page.requests(), [path.as_uri()])
            self.assertEqual(page.evaluate("document.querySelectorAll('script').length"), 0)
            self.assertIn("<script>alert(1)</script>", page.evaluate("document.body.innerText"))
