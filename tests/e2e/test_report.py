"""What people and machines read: the screen, report.html in a real browser, report.md, report.json against its schema."""
import fcntl
import html.parser
import json
import os
import pathlib
import pty
import re
import struct
import subprocess
import termios
import unittest

import browser
import world
from world import demo

SCHEMAS = world.TOP / "docs/schema"
PICTURES = world.BUILD / "screenshots"
COLUMNS, LINES = 80, 24
MAX_SUMMARY_LINES = 23
MAX_HTML = 2 << 20
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Report(unittest.TestCase):
    def setUp(self):
        self.assertIsNotNone(demo().bundle, str(demo().result))
        self.paths = {k: pathlib.Path(v) for k, v in demo().result.json["report"].items()}
        self.home = demo().home

    def render(self, *flags, **more):
        place = world.new_directory("report")
        done = world.kanshiki("--home", self.home, "report", "-o", place, *flags, demo().bundle.path, **more)
        self.assertEqual(done.status, 0, str(done))
        return place

    # --- the screen

    def on_a_terminal(self, *argv):
        """stdout of a run on a terminal of 80 by 24, as the terminal got it."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        process = subprocess.Popen([str(world.KANSHIKI), *map(str, argv)], stdin=subprocess.DEVNULL, stdout=theirs,
                                   stderr=subprocess.PIPE, env=world.environment(TERM="xterm-256color"))
        os.close(theirs)
        text = b""
        try:
            while block := os.read(ours, 1 << 16):
                text += block
        except OSError:
            pass    # the other end is closed
        os.close(ours)
        _, err = process.communicate(timeout=world.MAX_SECONDS)
        world.check_sanitizers(argv, err)
        return process.returncode, text.decode().replace("\r\n", "\n"), err.decode(errors="replace")

    def summary(self, text):
        """The last summary on the screen: from its first line on, colours taken away."""
        plain = ESCAPE.sub("", text)
        start = max(m.start() for m in re.finditer(r"^VERDICT ", plain, re.M))
        return plain[start:].rstrip("\n").split("\n")

    def test_the_summary_fits_a_screen_of_80_by_24(self):
        home = world.new_directory("home")
        status, text, err = self.on_a_terminal("-H", world.engine().url, "--home", home, "capture", "web")
        self.assertEqual(status, 0, text + err)
        lines = self.summary(text)
        self.assertNotIn("PROVISIONAL", lines[0])
        height = 0
        for line in lines:
            width = len(line)
            if not line.startswith(("bundle ", "report ")):
                self.assertLessEqual(width, COLUMNS, line)
            height += max(1, -(-width // COLUMNS))
        self.assertLessEqual(height, MAX_SUMMARY_LINES, "\n".join(lines))
        self.foot(lines)

    def foot(self, lines):
        seal = next(line for line in lines if line.startswith("seal "))
        self.assertRegex(seal, r"^seal [0-9a-f]{64}$")
        for word in ("NOT SEEN", "bundle ", "report ", "exit 0"):
            self.assertTrue([line for line in lines if line.startswith(word)], (word, lines))

    def test_no_control_or_bidi_character_of_the_container_reaches_the_terminal(self):
        home = world.new_directory("home")
        _, text, err = self.on_a_terminal("-H", world.engine().url, "--home", home, "capture", "--image", "none", "web")
        for bad in ESCAPE.sub("", text) + ESCAPE.sub("", err):
            self.assertFalse(ord(bad) < 0x20 and bad not in "\n\r\t" or 0x7f <= ord(bad) < 0xa0 or 0x202a <= ord(bad) <= 0x202e, repr(bad))

    def test_without_a_terminal_there_is_no_colour_and_the_same_foot(self):
        home = world.new_directory("home")
        done = world.kanshiki("-H", world.engine().url, "--home", home, "capture", "--image", "none", "web")
        self.assertEqual(done.status, 0, str(done))
        self.assertNotIn("\x1b", done.text)
        self.foot(self.summary(done.text))

    def test_the_summary_names_what_was_staged(self):
        home = world.new_directory("home")
        done = world.kanshiki("-H", world.engine().url, "--home", home, "capture", "web")
        self.assertIn("/tmp/.x/miner", done.text)
        self.assertIn(str(demo().truth["container"]["id"][:12]), done.text)
        self.assertIn("4444", done.text)

    # --- files

    def test_the_same_bundle_gives_the_same_bytes_in_another_zone_locale_and_directory(self):
        one = self.render()
        two = self.render(env=world.environment(TZ="Asia/Tokyo", LC_ALL="C", LANG="ja_JP.UTF-8"), cwd="/")
        names = sorted(p.name for p in one.iterdir())
        self.assertEqual(names, sorted(p.name for p in two.iterdir()))
        self.assertLessEqual({"report.html", "report.json", "report.md"}, set(names))
        for name in names:
            self.assertEqual((one / name).read_bytes(), (two / name).read_bytes(), name)

    def test_a_report_made_later_has_the_bytes_that_capture_committed(self):
        made = self.render()
        self.assertEqual({p.name for p in made.iterdir()}, {p.name for p in self.paths.values()})
        for path in self.paths.values():
            self.assertEqual((made / path.name).read_bytes(), path.read_bytes(), path.name)

    def test_rendering_commits_nothing_and_leaves_the_bundle_alone(self):
        repo = self.home / "custody.git"
        before = (repo / "refs/heads/main").read_text()
        self.render()
        self.assertEqual((repo / "refs/heads/main").read_text(), before)
        self.assertEqual(world.verify(demo().bundle.path).status, 0)

    def test_an_altered_bundle_is_not_reported_on(self):
        bag = world.demo_copy()
        path = bag / "data/processes/processes.ndjson"
        os.chmod(path, 0o600)
        path.write_bytes(path.read_bytes()[:-2] + b" \n")
        done = world.kanshiki("--home", self.home, "report", "-o", world.new_directory("none"), bag)
        self.assertEqual(done.status, 7, str(done))
        self.assertIn("processes.ndjson", done.messages + done.text)

    def test_report_json_follows_its_published_schema(self):
        import jsonschema
        schema = json.loads((SCHEMAS / "kanshiki.report-1.json").read_bytes())
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.Draft202012Validator(schema).validate(json.loads(self.paths["json"].read_bytes()))

    def test_every_row_of_the_bundle_follows_its_published_schema(self):
        import jsonschema
        for path in sorted((demo().bundle.path / "data").rglob("*.ndjson")) + [demo().bundle / "gaps.ndjson", demo().bundle / "journal.ndjson"]:
            lines = path.read_bytes().splitlines()
            name = json.loads(lines[0])["schema"].replace("/", "-") + ".json"
            with self.subTest(name):
                schema = json.loads((SCHEMAS / name).read_bytes())
                validator = jsonschema.Draft202012Validator(schema)
                for line in lines[:300]:
                    validator.validate(json.loads(line))

    def test_report_json_carries_findings_with_evidence_that_exists(self):
        report = json.loads(self.paths["json"].read_bytes())
        self.assertEqual((report["schema"], report["seal"]), ("kanshiki.report/1", demo().result.json["seal"]))
        self.assertTrue(report["findings"])
        for finding in report["findings"]:
            self.assertIn(finding["severity"], ("critical", "high", "medium", "low", "info"))
            for evidence in finding["evidence"]:
                path = demo().bundle / evidence["artefact"]
                self.assertEqual(world.sha256_file(path), evidence["sha256"], finding["id"])
                if path.suffix == ".ndjson":
                    self.assertLessEqual(evidence["row"], path.read_bytes().count(b"\n"))
                else:
                    self.assertNotIn("row", evidence)

    def test_report_md_has_its_sections_and_no_active_html(self):
        text = self.paths["md"].read_text()
        self.assertTrue(text.startswith("# "))
        self.assertIn(demo().result.json["seal"], text)
        self.assertNotIn("<script", text)

    # --- the browser

    def test_report_html_is_one_small_inert_file(self):
        data = self.paths["html"].read_bytes()
        self.assertLess(len(data), MAX_HTML)
        self.assertIn(b"default-src 'none'", data[:2000])
        Inert(self).feed(data.decode())

    def needs_browser(self):
        if browser.program() is None:
            if os.environ.get("CI") == "true":
                self.fail("CI requires Chromium")
            self.skipTest("Chromium is not installed")
        PICTURES.mkdir(exist_ok=True)
        return browser.Browser()

    def test_report_html_opens_without_a_message_or_a_request(self):
        with self.needs_browser() as page:
            page.open(self.paths["html"])
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            self.assertEqual(page.messages(), [])
            self.assertEqual(page.requests(), [self.paths["html"].as_uri()])
            self.assertIn(demo().result.json["seal"], page.evaluate("document.body.innerText"))
            self.assertEqual(page.evaluate("document.querySelectorAll('h1').length"), 1)
            self.assertEqual(page.evaluate("document.scripts.length"), 0)

    def test_every_picture_is_there_is_not_empty_and_has_its_table(self):
        with self.needs_browser() as page:
            page.view(1200, 900, "light")
            page.open(self.paths["html"])
            found = json.loads(page.evaluate("""JSON.stringify([...document.querySelectorAll('svg:not(.qr)')].map(s => ({
                title: s.querySelector('title').textContent, role: s.getAttribute('role'), box: s.getBBox().height,
                width: s.getBoundingClientRect().width, shapes: s.querySelectorAll('rect,circle,polygon,path').length,
                past: s.getBBox().x + s.getBBox().width - s.viewBox.baseVal.width,
                table: !!s.closest('section').querySelector('table')})))"""))
            self.assertEqual(len(found), 5, found)      # techniques, lanes, treemap, processes, connections
            for one in found:
                with self.subTest(one["title"]):
                    self.assertEqual((one["role"], one["table"]), ("img", True))
                    self.assertGreater(one["shapes"], 2)
                    self.assertGreater(min(one["box"], one["width"]), 30)
                    self.assertLessEqual(one["past"], 1, "it is drawn beyond its edge")

    def test_no_two_labels_of_the_techniques_lie_on_each_other(self):
        with self.needs_browser() as page:
            page.view(1200, 900, "light")
            page.open(self.paths["html"])
            boxes = json.loads(page.evaluate("""JSON.stringify([...document.querySelectorAll('#attack svg text')].map(t => {
                const b = t.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height, t.textContent]; }))"""))
            self.assertGreater(len(boxes), 10)
            for i, (left, top, right, bottom, text) in enumerate(boxes):
                for x, y, x2, y2, other in boxes[i + 1:]:
                    self.assertFalse(x + 1 < right and left + 1 < x2 and y + 3 < bottom and top + 3 < y2, (text, other))

    def test_the_keyboard_reaches_every_link_and_every_detail(self):
        with self.needs_browser() as page:
            page.open(self.paths["html"])
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            want = page.evaluate("document.querySelectorAll('a[href], summary').length")
            self.assertGreater(want, 50)
            reached = 0
            for _ in range(want + 5):
                for kind in ("keyDown", "keyUp"):
                    page.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
                reached = page.evaluate("""(() => { const e = document.activeElement; if (e && e !== document.body)
                    (window.seen = window.seen || new Set()).add(e); return window.seen ? window.seen.size : 0; })()""")
            self.assertEqual(reached, want)
            page.open(self.paths["html"])
            page.evaluate("document.querySelector('summary').focus()")
            for kind in ("keyDown", "keyUp"):
                page.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")
            self.assertTrue(page.evaluate("document.querySelector('details').open"))

    def test_every_claim_leads_to_artefact_row_digest_and_commit(self):
        with self.needs_browser() as page:
            page.open(self.paths["html"])
            self.assertEqual(page.evaluate("[...document.querySelectorAll('a[href]')].filter("
                                           "a => !document.querySelector(a.getAttribute('href'))).length"), 0)
            lines = json.loads(page.evaluate("""JSON.stringify([...document.querySelectorAll('article')].map(a => [
                a.id, [...a.querySelectorAll('details ol > li')].map(l => l.textContent), a.closest('section').id]))"""))
        report = json.loads(self.paths["json"].read_bytes())
        commit = report["receipt"]["commit"]
        lines.sort(key=lambda one: int(one[0][1:]))     # exposure stands apart, further down
        self.assertEqual([one for one, _, _ in lines], [f"f{f['n']}" for f in report["findings"]])
        for (_, shown, section), finding in zip(lines, report["findings"]):
            self.assertEqual(section == "findings", finding["class"] != "posture", finding["rule"])
            for text, evidence in zip(shown, finding["evidence"], strict=False):
                self.assertIn(evidence["artefact"], text)
                self.assertIn(f"sha256 {evidence['sha256']}", text)
                self.assertIn(f"commit {commit[:12]}", text)
                if "row" in evidence:
                    self.assertIn(f"line {evidence['row']},", text)

    def test_report_html_reads_in_light_dark_on_a_narrow_screen_and_in_print(self):
        with self.needs_browser() as page:
            for scheme, width in (("light", 1200), ("dark", 1200), ("light", 500)):
                page.view(width, 900, scheme)
                page.open(self.paths["html"])
                self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width)
                page.picture(PICTURES / f"report-{scheme}-{width}.png")
                self.assertGreater((PICTURES / f"report-{scheme}-{width}.png").stat().st_size, 10000)
            page.view(800, 1100, "dark", "print")
            page.open(self.paths["html"])
            self.assertEqual(page.evaluate("getComputedStyle(document.querySelector('nav')).display"), "none")
            self.assertEqual(page.evaluate("getComputedStyle(document.body).color"), "rgb(27, 32, 39)", "ink of the dark on paper")
            shown = page.evaluate("[...document.querySelectorAll('details > :not(summary)')].every(e => e.getBoundingClientRect().height > 0)")
            self.assertTrue(shown, "a detail that is closed is not printed")
            page.picture(PICTURES / "report-print.png")

    def test_report_html_prints(self):
        with self.needs_browser() as page:
            page.open(self.paths["html"])
            self.assertTrue(page.pdf_bytes().startswith(b"%PDF-"))


class Inert(html.parser.HTMLParser):
    """No script, no event attribute, no style attribute, no address outside the file."""

    def __init__(self, test):
        super().__init__()
        self.test = test

    def handle_starttag(self, tag, attributes):
        self.test.assertNotIn(tag, ("script", "iframe", "object", "embed", "form", "base", "img"), tag)
        for name, text in attributes:
            self.test.assertFalse(name.startswith("on") or name == "style", (tag, name))
            if name in ("href", "src", "xlink:href", "action", "data"):
                self.test.assertTrue((text or "").startswith(("#", "data:,")), (tag, name, text))
