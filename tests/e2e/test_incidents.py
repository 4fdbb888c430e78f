"""Staged intrusions: the facts with their techniques, and how it began: told when it shows, never claimed when it does not."""
import unittest

import incidents
import services


class Incidents(unittest.TestCase):
    def check(self, what):
        incident, report, _ = incidents.captured()[what]
        self.assertEqual([fact for fact in incidents.missed(incident, report) if fact.must], [], [f["says"] for f in report["findings"]])
        self.assertNotEqual(report["verdict"]["level"], "none")
        self.assertEqual(incidents.false(incident, report), [])
        claimed = [h["name"] for h in incidents.told(report)]
        self.assertEqual(claimed[:1], [incident.origin] if incident.origin else [], report["verdict"]["hypotheses"])

    def test_a_critical_finding_of_two_witnesses_is_an_intrusion(self):
        levels = {what: report["verdict"]["level"] for what, (_, report, _) in incidents.captured().items()}
        for what in ("a web shell by an upload", "a miner that was run by exec and deleted", "an image with a bad start"):
            self.assertEqual(levels[what], "intrusion", levels)

    def test_an_origin_whose_witness_was_left_out_is_not_told_with_strength(self):
        for what, (incident, report, less) in incidents.captured().items():
            if less is None:
                continue
            with self.subTest(what):
                then = incidents.hypotheses(less)[incident.origin]
                self.assertIn("missing", then)
                self.assertNotEqual(then.get("strength"), "high")
                self.assertTrue([n for n in less["not_assessed"] if n["rule"]], "no rule is told as not assessed")
                if then["weight_for"] < 3:
                    self.assertEqual(then["grade"], "not assessable")

    def test_what_is_told_is_shown_with_its_evidence(self):
        for what, (_, report, _) in incidents.captured().items():
            for finding in services.weighty(report):
                self.assertTrue(finding["evidence"], (what, finding["id"]))


def is_found(what):
    return lambda self: self.check(what)


for each in incidents.INCIDENTS:
    setattr(Incidents, "test_" + "".join(c if c.isalnum() else "_" for c in each.what) + "_is_found_and_its_origin_not_guessed", is_found(each.what))
