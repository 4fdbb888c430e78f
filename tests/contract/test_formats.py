"""Every report, of the incident's fixture and with every poison in every field of it, is what its format wants and inert.

test_formats.py PROGRAM: the program is reports_poisoned, which writes them."""
import csv
import html.parser
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import browser  # noqa: E402
import formats  # noqa: E402

MAX_HTML, MAX_MARKDOWN = 2 << 20, 8 << 20
MAX_SECONDS = 120
csv.field_size_limit(16 << 20)
place = None


def setUpModule():
    global place
    place = pathlib.Path(tempfile.mkdtemp(prefix="kan-formats-"))
    subprocess.run([PROGRAM], env=dict(os.environ, KAN_POISONED=str(place)), check=True, timeout=MAX_SECONDS,
                   stdout=subprocess.DEVNULL)


def tearDownModule():
    shutil.rmtree(place)


class Page(html.parser.HTMLParser):
    """The elements of a page, its texts, and what is not allowed in it."""
    ALLOWED = set("html head meta title link style body a header h1 h2 h3 p nav ul ol li main section article div span dl dt dd table "
                  "caption thead tbody tr th td code pre time details summary figure figcaption svg g rect circle polygon path text tspan "
                  "line footer br".split())

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.ids, self.targets = [], set(), set()

    def handle_starttag(self, tag, attributes):
        formats.need(tag in self.ALLOWED, "an element of the data:", tag)
        for name, value in attributes:
            formats.need(re.fullmatch(r"[a-zA-Z:-]+", name) and not name.startswith("on") and name != "style", tag, name)
            if name in ("href", "src"):
                formats.need(value.startswith("#") or (tag, value) == ("link", "data:,"), tag, name, value)
            if name == "href" and value.startswith("#"):
                self.targets.add(value[1:])
            if name == "id":
                formats.need(value not in self.ids, "an id twice", value)
                self.ids.add(value)
        self.tags.append(tag)

    def handle_comment(self, data):
        formats.need(False, "a comment", data)


def page_of(data):
    page = Page()
    page.feed(data.decode("utf-8"))
    page.close()
    return page


class Formats(unittest.TestCase):
    def each(self, name, check):
        """check(poison, bytes) of this file under every poison; what it gives, by poison."""
        found, results = sorted(place.iterdir()), {}
        self.assertEqual(len(found), 11)
        for directory in found:
            with self.subTest(directory.name):
                results[directory.name] = check(directory.name, (directory / name).read_bytes())
        return results

    def same(self, name, check, least):
        counts = self.each(name, lambda _, data: len(check(data)))
        self.assertGreater(counts.get("none", 0), least)
        self.assertEqual(set(counts.values()), {counts["none"]}, counts)

    def test_sarif_is_sarif_and_no_finding_is_lost(self):
        self.same("posture.sarif", formats.sarif, 1)

    def test_stix_is_stix(self):
        counts = self.each("stix.json", lambda _, data: len(formats.stix(data)))
        self.assertGreater(counts["none"], 20)

    def test_the_navigator_gets_a_layer(self):
        self.same("navigator.json", formats.navigator, 5)

    def test_timesketch_gets_the_same_entries_whatever_they_hold(self):
        self.same("timeline.jsonl", formats.timesketch, 20)

    def test_a_spreadsheet_gets_the_same_rows_and_no_formula(self):
        self.same("timeline.csv", formats.l2t, 20)

    def test_a_bodyfile_has_every_file_whatever_its_name(self):
        self.same("bodyfile.txt", formats.bodyfile, 5)

    def test_mactime_reads_the_bodyfile(self):
        if shutil.which("mactime") is None:
            if os.environ.get("CI") == "true":
                self.fail("CI requires mactime")
            self.skipTest("sleuthkit is not installed")

        def check(name, data):
            done = subprocess.run(["mactime", "-d", "-y", "-z", "UTC", "-b", str(place / name / "bodyfile.txt")],
                                  capture_output=True, check=True, timeout=MAX_SECONDS)
            self.assertEqual(done.stderr, b"")
            rows = list(csv.reader(done.stdout.decode("ascii").splitlines()))[1:]
            named = {row[7].strip('"') for row in rows}
            dated = [f for f in (line.split("|") for line in data.decode().splitlines()) if f[8:] != ["0", "0", "0"]]
            self.assertEqual(named, {f[1] for f in dated})
            return len(rows)
        self.assertGreater(self.each("bodyfile.txt", check)["none"], 5)

    def test_inventories_and_the_report_are_json(self):
        for file in ("report.json", "sbom-image.cdx.json", "sbom-container.cdx.json"):
            self.each(file, lambda _, data: formats.parsed(data))

    def test_html_has_the_elements_of_the_page_whatever_it_shows(self):
        def check(_, data):
            self.assertLess(len(data), MAX_HTML)
            self.assertIsNone(formats.ACTIVE.search(data.decode("utf-8")))
            page = page_of(data)
            self.assertEqual(page.targets - page.ids, set(), "a link into nothing")
            return page.tags
        tags = self.each("report.html", check)
        for name in ("octets", "bidi", "equals", "plus", "minus", "at", "tab", "return"):
            self.assertEqual(tags.get(name), tags["escapes"], name)

    def test_markdown_holds_no_element_and_no_link_of_the_data(self):
        def check(_, data):
            text = data.decode("utf-8")
            self.assertLess(len(data), MAX_MARKDOWN)
            self.assertIsNone(formats.ACTIVE.search(text))
            outside = re.sub(r"(?s)(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", text)
            self.assertNotRegex(outside, r"<[a-z/!]|\]\(|onerror|evil\.example")
        self.each("report.md", check)

    def test_the_screen_is_a_screen(self):
        def check(_, data):
            text = data.decode("utf-8")
            self.assertIsNone(formats.ACTIVE.search(text))
            self.assertLessEqual(text.count("\n"), 23)
        self.each("screen.txt", check)

    def test_a_browser_opens_every_page_without_a_message_or_a_request(self):
        if browser.program() is None:
            if os.environ.get("CI") == "true":
                self.fail("CI requires Chromium")
            self.skipTest("Chromium is not installed")
        with browser.Browser() as window:
            def check(name, _):
                path = place / name / "report.html"
                window.open(path)
                window.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
                self.assertEqual((window.messages(), window.requests()), ([], [path.as_uri()]))
                self.assertEqual(window.evaluate("document.title.includes('\\u202e')"), False)
            self.each("report.html", check)


class Checks(unittest.TestCase):
    """The checks themselves refuse what they should."""

    def refused(self, check, text, old, new):
        self.assertIn(old, text)
        with self.assertRaises((AssertionError, UnicodeDecodeError)):
            check(text.replace(old, new, 1).encode())

    def test_a_broken_document_of_each_format_is_refused(self):
        def read(name):
            return (place / "none" / name).read_text()
        self.refused(formats.sarif, read("posture.sarif"), '"ruleIndex": 0', '"ruleIndex": 9')
        self.refused(formats.sarif, read("posture.sarif"), '"level": "', '"level": "grave ')
        self.refused(formats.stix, read("stix.json"), '"id": "file--', '"id": "file--0')
        self.refused(formats.stix, read("stix.json"), '"pattern_type": "stix",', "")
        self.refused(formats.navigator, read("navigator.json"), '"layer": "4.5"', '"layer": "4.9"')
        self.refused(formats.timesketch, read("timeline.jsonl"), '"timestamp":', '"time":')
        self.refused(formats.l2t, read("timeline.csv"), ",UTC,", ",=1+1,")
        self.refused(formats.bodyfile, read("bodyfile.txt"), "|", "||")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
