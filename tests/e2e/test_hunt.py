"""hunt: planted indicators are found in the bundles of a home, and what cannot be searched is named; ls lists the bundles."""
import hashlib
import json
import os
import shutil
import unittest

import world

SCHEMAS = world.TOP / "docs/schema"
NAME, CASE = "hunted", "inc-11"
CONTENT = b"the planted file\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PEER = "198.51.100.77"
ODD = b"/tmp/od\x1b[2Jd\xff\xfe"
LIGHT = ("--image", "none", "--operator", "Aiko Mori <aiko@example.org>")
CRON = b"* * * * * root true\n"


def plant():
    world.run_container(NAME, "1000", flags=("--entrypoint", "sleep"))
    root = f"/proc/{world.inspect(NAME)['State']['Pid']}/root"
    for path, content in ((b"/tmp/.cache/planted", CONTENT), (ODD, b"odd\n"), (b"/etc/cron.d/planted", CRON)):
        place = root.encode() + path
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(content)
    world.docker("exec", "-d", NAME, "sh", "-c", f"sleep 1000; : /dev/tcp/{PEER}/4444")
    world.wait_until(lambda: PEER in world.docker("top", NAME, "-o", "pid,args"), 20, "the process is there")


@world.once
def kept():
    """A home with two bundles of the planted container, and one of another case without anything planted."""
    home = world.new_directory("hunt")
    world.run_container("quiet", "1000", flags=("--entrypoint", "sleep"))
    # First: later the engine's events would tell it of the other one.
    other = world.capture("quiet", *LIGHT, "--case", "inc-12", home=home).json
    plant()
    bundles = [world.capture(NAME, *LIGHT, "--case", CASE, home=home).json for _ in range(2)]
    return home, bundles, other


def name_of(document):
    return document["bundle"].rsplit("/", 1)[-1]


class Hunt(unittest.TestCase):
    def setUp(self):
        self.home, self.bundles, self.other = kept()

    def copied(self):
        home = world.new_directory("copy") / "home"
        shutil.copytree(self.home, home, symlinks=True)
        return home

    def hunt(self, *words, home=None, status=0):
        """Hits and the last line; each line is of the published schema."""
        import jsonschema
        check = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "kanshiki.hunt-1.json").read_text()))
        done = world.kanshiki("--home", home or self.home, "--json", "hunt", *words)
        self.assertEqual(done.status, status, str(done))
        lines = [json.loads(line) for line in done.text.splitlines()]
        for line in lines:
            check.validate(line)
        self.assertEqual([line["type"] for line in lines], ["hit"] * (len(lines) - 1) + ["end"])
        return lines[:-1], lines[-1]

    def rows(self, bundle, hit):
        lines = (world.Bundle(self.home / "bundles" / bundle) / hit["artefact"]).read_bytes().splitlines()
        return json.loads(lines[hit["row"] - 1])

    def planted(self):
        return {name_of(b) for b in self.bundles}

    def test_a_digest_an_address_and_a_name_are_found_in_the_bundles_that_have_them(self):
        for word, artefact in ((DIGEST, "data/filesystem/changes.ndjson"), (PEER, "data/processes/processes.ndjson"), (f"{PEER}:4444", None),
                               ("198.51.100.0/24", None), ("planted", "data/filesystem/changes.ndjson"), ("/tmp/.cache/pl*", None)):
            with self.subTest(word):
                hits, end = self.hunt(word)
                self.assertEqual({h["bundle"] for h in hits}, self.planted())
                self.assertEqual((end["searched"], end["not_searched"], end["hits"]), (3, 0, len(hits)))
                if artefact:
                    found = [h for h in hits if h["artefact"] == artefact]
                    self.assertEqual({h["bundle"] for h in found}, self.planted())
                    for hit in found:
                        self.assertIn(word, json.dumps(self.rows(hit["bundle"], hit)))
                        self.assertEqual(hit["sha256"], world.sha256_file(self.home / "bundles" / hit["bundle"] / artefact))

    def test_a_hit_names_container_seal_and_row(self):
        hits, _ = self.hunt(DIGEST)
        hit = next(h for h in hits if h["artefact"] == "data/filesystem/changes.ndjson")
        self.assertEqual((hit["kind"], hit["ioc"], hit["where"], hit["object"]), ("digest", DIGEST, "sha256", "/tmp/.cache/planted"))
        self.assertEqual(hit["container"]["name"], NAME)
        self.assertEqual(hit["seal"], world.sha256_file(self.home / "bundles" / hit["bundle"] / "tagmanifest-sha256.txt"))
        self.assertEqual((hit["recorded"], hit["case"]), (True, CASE))

    def test_a_digest_in_a_manifest_is_the_artefact(self):
        artefact = "data/filesystem/upper.tar"
        bundle = name_of(self.bundles[0])
        digest = world.sha256_file(self.home / "bundles" / bundle / artefact)
        hits, _ = self.hunt(digest)
        self.assertIn((bundle, artefact), [(h["bundle"], h["artefact"]) for h in hits])
        self.assertEqual({h["sha256"] for h in hits}, {digest})

    def test_a_name_of_any_bytes_is_found_and_printed_so_that_it_can_be_hunted_again(self):
        shown = "od\\x1b[2Jd\\xff\\xfe"
        done = world.kanshiki("--home", self.home, "hunt", shown)
        self.assertEqual(done.status, 0)
        self.assertIn(f"  {shown}  ", done.text)
        self.assertNotIn(b"\x1b", done.out + done.err)
        self.assertEqual(done.out.count(b"data/filesystem/changes.ndjson"), 2, str(done))
        hits, _ = self.hunt(os.fsdecode(ODD))
        self.assertEqual({world.value(h, "matched") for h in hits}, {ODD})

    def test_indicators_come_from_a_file_and_each_is_counted(self):
        path = world.new_directory("iocs") / "list"
        path.write_text(f"# of the advisory\n{DIGEST.upper()}\n\n{PEER}\nnobody-has-this\n")
        hits, end = self.hunt("--file", path)
        self.assertEqual({h["kind"] for h in hits}, {"digest", "address"})
        self.assertEqual([i["hits"] > 0 for i in end["iocs"]], [True, True, False])

    def test_a_rule_is_looked_up_in_the_report_that_the_repository_has(self):
        hits, end = self.hunt("persist.cron-changed")
        self.assertEqual({(h["bundle"], h["source"]) for h in hits}, {(b, "report") for b in self.planted()})
        report = json.loads(open(self.bundles[0]["report"]["json"], encoding="utf-8").read())
        ids = {f["id"] for f in report["findings"] if f["rule"] == "persist.cron-changed"}
        self.assertTrue(ids)
        self.assertEqual({h["finding"] for h in hits if h["bundle"] == name_of(self.bundles[0])}, ids)
        self.assertEqual(end["not_searched"], 0)

    def test_a_report_that_was_edited_is_not_believed_and_the_bundle_can_be_analysed(self):
        home = self.copied()
        path = home / "reports" / name_of(self.other) / "report.json"
        path.chmod(0o600)
        path.write_text(path.read_text().replace('"findings": [', '"findings": [{"rule": "persist.cron-changed", "id": "F-00000000"},', 1))
        hits, end = self.hunt("persist.cron-changed", home=home, status=5)
        self.assertEqual({h["bundle"] for h in hits}, self.planted())
        self.assertEqual([(f["bundle"], f["code"]) for f in end["faults"]], [(name_of(self.other), "no-rules")])
        shutil.rmtree(home / "reports")
        hits, end = self.hunt("--analyze", "persist.cron-changed", home=home)
        self.assertEqual({(h["bundle"], h["source"]) for h in hits}, {(b, "analysis") for b in self.planted()})
        self.assertEqual(end["faults"], [])

    def test_a_case_limits_the_hunt_and_a_bundle_that_is_gone_is_named(self):
        hits, end = self.hunt("--case", "inc-12", DIGEST)
        self.assertEqual((hits, end["searched"]), ([], 1))
        home = self.copied()
        shutil.rmtree(home / "bundles" / name_of(self.bundles[0]))
        hits, end = self.hunt("--case", CASE, DIGEST, home=home, status=5)
        self.assertEqual({h["bundle"] for h in hits}, {name_of(self.bundles[1])})
        self.assertEqual([(f["bundle"], f["code"]) for f in end["faults"]], [(name_of(self.bundles[0]), "gone")])
        self.assertEqual(world.kanshiki("--home", self.home, "hunt", "--case", "inc-13", NAME).status, 3)

    def test_nothing_of_an_altered_artefact_is_believed_and_the_rest_is_searched(self):
        home = self.copied()
        bundle = name_of(self.bundles[0])
        path = home / "bundles" / bundle / "data/filesystem/changes.ndjson"
        path.chmod(0o600)
        path.write_bytes(path.read_bytes().replace(b"planted", b"plAnted"))
        hits, end = self.hunt("plAnted", home=home, status=7)
        self.assertEqual(hits, [])
        self.assertEqual([(f["bundle"], f["code"]) for f in end["faults"]], [(bundle, "altered")])
        self.assertIn("changes.ndjson", end["faults"][0]["why"])
        hits, _ = self.hunt(PEER, home=home, status=7)
        self.assertEqual({h["bundle"] for h in hits}, self.planted())

    def test_a_bundle_that_was_sealed_anew_is_altered(self):
        home = self.copied()
        bag = home / "bundles" / name_of(self.bundles[0])
        for name in ("bag-info.txt", "tagmanifest-sha256.txt"):
            (bag / name).chmod(0o600)
        before = world.sha256_file(bag / "bag-info.txt")
        (bag / "bag-info.txt").write_text((bag / "bag-info.txt").read_text().replace("Kanshiki-Host: ", "Kanshiki-Host: x"))
        (bag / "tagmanifest-sha256.txt").write_text((bag / "tagmanifest-sha256.txt").read_text().replace(before, world.sha256_file(bag / "bag-info.txt")))
        hits, end = self.hunt(DIGEST, home=home, status=7)
        self.assertEqual({h["bundle"] for h in hits}, {name_of(self.bundles[1])})
        self.assertIn("the repository recorded", end["faults"][0]["why"])
        done = world.kanshiki("--home", home, "--json", "ls")
        self.assertEqual(done.status, 7)
        self.assertIn("altered", [json.loads(line)["state"] for line in done.text.splitlines()])

    def test_what_is_no_bundle_in_the_home_is_named_and_holds_nothing_up(self):
        home = self.copied()
        bundles = home / "bundles"
        (bundles / (name_of(self.other) + ".partial")).mkdir()
        os.mkfifo(bundles / "20260101t000000z-000000000000-0000")
        os.symlink(bundles / name_of(self.other), bundles / "link")
        os.rename(bundles / name_of(self.bundles[0]), bundles / "renamed")
        (bundles / os.fsdecode(b"od\x1bd\xff")).mkdir()
        hits, end = self.hunt(DIGEST, home=home, status=5)
        self.assertEqual({h["bundle"] for h in hits}, {name_of(self.bundles[1])})
        self.assertEqual(sorted(f["code"] for f in end["faults"]), ["unreadable"] * 4 + ["unsealed"])
        self.assertEqual((end["searched"], end["not_searched"]), (2, 5))
        done = world.kanshiki("--home", home, "ls")
        self.assertEqual(done.status, 5)
        self.assertEqual(len(done.text.splitlines()), 7)
        self.assertNotIn(b"\x1b", done.out + done.err)

    def test_a_partial_bundle_is_searched_and_told(self):
        home = world.new_directory("partial")
        begun = world.capture(NAME, *LIGHT, "--no-report", home=home).json
        bag = world.pathlib.Path(begun["bundle"])
        left = bag.with_name(bag.name + ".partial")
        bag.rename(left)
        for name in ("bagit.txt", "tagmanifest-sha256.txt", "bag-info.txt", "README-verify.txt", "manifest-sha256.txt", "capture.json", "gaps.ndjson"):
            (left / name).unlink()
        shutil.rmtree(left / "seal")
        shutil.rmtree(home / "custody.git")
        lines = (left / "journal.ndjson").read_bytes().splitlines(keepends=True)
        (left / "journal.ndjson").chmod(0o600)
        (left / "journal.ndjson").write_bytes(b"".join(lines[:-1]))
        (left / "journal.ndjson").chmod(0o400)
        hits, end = self.hunt(DIGEST, home=home, status=5)
        self.assertEqual((hits, end["searched"], end["faults"][0]["code"]), ([], 0, "unsealed"))
        done = world.kanshiki("--home", home, "seal", "--partial", left)
        self.assertIn(done.status, (0, 5), str(done))
        hits, end = self.hunt(DIGEST, home=home, status=5)
        self.assertTrue([h for h in hits if h["artefact"] == "data/filesystem/changes.ndjson"])
        self.assertEqual((end["searched"], [f["code"] for f in end["faults"]]), (1, ["partial"]))

    def test_exit_code_is_asked_for(self):
        for words, status in (((DIGEST,), 0), (("--exit-code", DIGEST), 10), (("--exit-code", "nobody-has-this"), 0), ((), 2),
                              (("rule:no.such",), 2), (("digest:12",), 2), (("--file", "/nonexistent"), 2)):
            with self.subTest(words):
                self.assertEqual(world.kanshiki("--home", self.home, "hunt", *words).status, status)
        self.assertEqual(world.kanshiki("--home", self.home / "mistyped", "hunt", DIGEST).status, 3)

    def test_ls_lists_the_bundles_the_newest_last(self):
        import jsonschema
        check = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "kanshiki.bundles-1.json").read_text()))
        done = world.kanshiki("--home", self.home, "--json", "ls")
        self.assertEqual(done.status, 0, str(done))
        lines = [json.loads(line) for line in done.text.splitlines()]
        for line in lines:
            check.validate(line)
        self.assertEqual([line["bundle"] for line in lines], [name_of(b) for b in (self.other, *self.bundles)])
        for line, capture in zip(lines, (self.other, *self.bundles)):
            report = json.loads(open(capture["report"]["json"], encoding="utf-8").read())
            self.assertEqual((line["seal"], line["case"], line["verdict"]), (capture["seal"], capture["case"], report["verdict"]["level"]))
            self.assertEqual((line["state"], line["recorded"], line["container"]["name"]), ("complete", True, capture["container"]["name"]))
        text = world.kanshiki("--home", self.home, "ls").text.splitlines()
        self.assertEqual([line.split()[0] for line in text], [line["bundle"] for line in lines])
        artefacts = world.kanshiki("--home", self.home, "ls", name_of(self.other)).text
        self.assertIn("data/engine/inspect.json", artefacts)
