"""Busy but honest containers of real Debian services: nothing of medium or above is found."""
import unittest

import services

SENTENCE = "test_nothing_of_weight_is_found_with_"


class Benign(unittest.TestCase):
    def test_a_base_of_debian_services_is_made(self):
        """In a test of its own, as the first time takes minutes."""
        self.assertTrue(list(services.upgrades().glob("redis-server_*.deb")))

    def test_the_package_is_another_version_and_its_program_runs_on(self):
        report = services.honest()["a package upgrade in place"]
        self.assertIn("operator.package-install", {f["rule"] for f in report["findings"]})
        running = [p for p in report["processes"]["rows"] if p["ancestor"] == "init"]
        self.assertIn("(deleted)", running[0]["exe_link"])

    def test_a_health_check_is_no_exec_session(self):
        report = services.honest()["a health check"]
        self.assertEqual([f["rule"] for f in report["findings"] if f["rule"].startswith("operator.")], [])


def nothing_found(what):
    def test(self):
        report = services.honest()[what]
        self.assertEqual([(f["severity"], f["rule"], f["says"]) for f in services.weighty(report)], [])
        self.assertEqual(report["verdict"]["level"], "none")
    return test


for kind in services.HONEST:
    setattr(Benign, SENTENCE + "".join(c if c.isalnum() else "_" for c in kind).strip("_"), nothing_found(kind))
