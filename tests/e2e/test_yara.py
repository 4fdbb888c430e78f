"""A user's YARA rules over a captured container: files of its layer, of its mounts, carved bytes, its log."""
import json
import unittest

import world
from world import demo

RULES = """
rule Dropped_Program : foreign {
  meta: author = "A. Mori" reference = "https://example.org/dropped" license = "DRL 1.1" severity = "high"
  condition: uint32(0) == 0x464c457f and (filename == ".sshd" or filepath endswith "processes/content")
}
rule Planted_Job { meta: author = "B. Sato" strings: $job = "/usr/local/bin/.sshd listen" condition: $job and filename == ".sync" }
rule Staged_Note { strings: $note = "staged on tmpfs" condition: $note }
rule Upload { strings: $said = "unexpected content type" condition: $said }
rule Nowhere { strings: $none = "kanshiki-e2e-nowhere-7c1e" condition: $none }
"""


class Yara(unittest.TestCase):
    def setUp(self):
        self.assertIsNotNone(demo().bundle, str(demo().result))
        self.rules = world.new_directory("rules") / "own.yar"
        self.rules.write_text(RULES)

    def report(self, *flags):
        place = world.new_directory("report")
        done = world.kanshiki("--home", demo().home, "report", "--yara", self.rules, "-o", place, *flags, demo().bundle.path)
        return place, done

    def document(self):
        place, done = self.report()
        self.assertEqual(done.status, 0, str(done))
        return json.loads((place / "report.json").read_bytes())

    def test_what_was_staged_is_hit_where_it_lies(self):
        document, truth = self.document(), {c.get("path"): c for c in demo().truth["changes"]}
        hits = {(o["rule"], o["what"], o["file"]): o for f in document["findings"] if f["rule"].startswith("foreign-pack.")
                for o in f["objects"] if o["kind"] == "yara"}
        program = hits["Dropped_Program", "file", "/usr/local/bin/.sshd"]
        self.assertEqual(program["sha256"], truth["/usr/local/bin/.sshd"]["sha256"])
        self.assertEqual((program["author"], program["license"]), ("A. Mori", "DRL 1.1"))
        self.assertIn(("Planted_Job", "file", "/etc/cron.d/.sync"), hits)
        self.assertTrue([h for h in hits if h[:2] == ("Dropped_Program", "carved")], hits)
        self.assertTrue([h for h in hits if h[0] == "Staged_Note"], hits)
        self.assertTrue([h for h in hits if h[:2] == ("Upload", "log")], hits)
        self.assertFalse([h for h in hits if h[0] == "Nowhere"], hits)
        self.assertEqual(document["yara"]["gaps"], 0, document["yara"])
        self.assertEqual(document["yara"]["sources"][0]["sha256"], world.sha256(RULES.encode()))

    def test_a_hit_is_named_with_its_author_in_every_format_that_has_findings(self):
        place, done = self.report("--format", "html,md,json,stix")
        self.assertEqual(done.status, 0, str(done))
        for name in ("report.html", "report.md", "report.json", "stix.json"):
            text = (place / name).read_text()
            for word in ("Dropped_Program", "A. Mori", "https://example.org/dropped", "DRL 1.1"):
                self.assertIn(word, text, name)

    def test_show_prints_the_hit(self):
        found = [f for f in self.document()["findings"] if f["rule"] == "foreign-pack.yara-high"]
        done = world.kanshiki("--home", demo().home, "show", "-b", demo().bundle.path, "--yara", self.rules, found[0]["id"])
        self.assertEqual(done.status, 0, str(done))
        self.assertIn("author A. Mori; reference https://example.org/dropped; license DRL 1.1", done.text)

    def test_the_same_rules_give_the_same_bytes(self):
        first, second = self.report()[0], self.report()[0]
        for name in ("report.html", "report.md", "report.json"):
            self.assertEqual((first / name).read_bytes(), (second / name).read_bytes(), name)

    def test_a_faulty_rule_is_status_2_with_its_line_and_writes_nothing(self):
        self.rules.write_text("rule A {\n  condition:\n    nothing\n}\n")
        place, done = self.report()
        self.assertEqual(done.status, 2, str(done))
        self.assertIn("own.yar:3: undefined identifier", done.messages)
        self.assertEqual(list(place.iterdir()), [])
