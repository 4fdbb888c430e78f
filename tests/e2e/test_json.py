"""--json of every command: each document and line fits its published schema, also when the command fails."""
import functools
import json
import os
import pathlib
import re
import shutil
import unittest

import jsonschema
import world

SCHEMAS = world.TOP / "docs/schema"
CASE, OPERATOR = "inc-42", "Aiko Mori <aiko@example.org>"
# Their standard output is bytes: there is a document when they fail, and none else.
BYTES = {"cat", "completion"}
CASES = {}  # words of command and verb: a function that prepares, and gives (arguments, status)
FAILURES = {}  # the same, and the code of kanshiki.error/1 as a third


def case(where, words):
    def keep(make):
        where[words] = make
        return make
    return keep


@functools.cache
def commands():
    text = world.kanshiki("--help").text
    return re.findall(r"^  ([a-z]+) +\S", text.partition("\nexit statuses")[0], re.M)


@functools.cache
def verbs(command):
    """Those that the usage line names: words in small letters that begin an alternative."""
    usage = world.kanshiki(command, "--help").text.splitlines()[0].removeprefix(f"usage: kanshiki {command} ")
    return [m[1] for part in usage.split("|") if (m := re.match(r"\s*([a-z]+)\b(?!=)", part))]


def every_word():
    """Commands, and verbs where a command has verbs."""
    return {f"{c} {v}".strip() for c in commands() if c not in BYTES for v in verbs(c) or [""]}


def fault_of(document, name=None):
    name = name or re.fullmatch(r"kanshiki\.([a-z-]+)/1", document["schema"])[1]
    schema = json.loads((SCHEMAS / f"kanshiki.{name}-1.json").read_text())
    return [e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(document)]


def bundle():
    return world.demo().bundle.path


@world.once
def kept():
    """A home of its own, for what adds events to it."""
    home = world.new_directory("json") / "home"
    shutil.copytree(world.demo().home, home, symlinks=True)
    return home


def finding():
    return json.loads(pathlib.Path(world.demo().result.json["report"]["json"]).read_text())["findings"][0]["id"]


# --- what goes well --------------------------------------------------------------------------------------------------

# The document of one that is done is looked at by its own tests.
CASES["quarantine"] = lambda: (["-H", world.engine().url, "--dry-run", "web"], 0)
CASES["doctor"] = lambda: (["-H", world.engine().url], None)
CASES["capture"] = lambda: (["-H", world.engine().url, "--image", "none", "web"], 0)
CASES["verify"] = lambda: ([bundle()], 0)
CASES["compare"] = lambda: ([bundle()], None)
CASES["compare pair"] = lambda: ([bundle(), bundle()], 0)
CASES["compare all"] = lambda: (["--all", world.IMAGE], 0)
CASES["report"] = lambda: (["--format", "html,md,json,sbom", "-o", world.new_directory("report"), bundle()], 0)
CASES["report case"] = lambda: (["--case", CASE, "-o", world.new_directory("report")], 0)
CASES["ls"] = lambda: ([bundle()], 0)
CASES["ls home"] = lambda: (["--home", world.demo().home], 0)
CASES["hunt"] = lambda: (["--home", world.demo().home, "xmrig", "name:miner"], 0)
CASES["ls root"] = lambda: (["--root", world.engine().data_root], 0)
CASES["show"] = lambda: (["-b", bundle(), finding()], 0)
CASES["custody log"] = lambda: ([], 0)
CASES["custody note"] = lambda: (["--case", CASE, "seen \x1b[2J"], 0)
CASES["custody close"] = lambda: (["--case", CASE, "rebuilt"], 0)
CASES["custody key"] = lambda: (["--operator", OPERATOR], 0)
CASES["custody anchor"] = lambda: ([], 0)
CASES["custody dispose"] = lambda: (["--bundle", bundle().name, "--file", "data/engine/info.json", "--reason", "agreed", "--authority",
                                     "the owner", "--yes"], 0)
CASES["export"] = lambda: (["-o", world.new_directory("tar") / "a.tar", bundle()], 0)
CASES["import"] = lambda: ([bundle()], 0)
CASES["rules list"] = lambda: ([], 0)
CASES["rules explain"] = lambda: (["exe.foreign", bundle()], 0)
CASES["rules test"] = lambda: (["--fixtures", world.TOP / "tests/fixtures/rules"], 0)
CASES["collectors"] = lambda: ([], 0)
CASES["version"] = lambda: ([], 0)


@case(CASES, "seal")
def left_by_a_crash():
    """A bundle without its seal is what a capture leaves that was killed before it."""
    path = world.new_directory("left") / (bundle().name + ".partial")
    shutil.copytree(bundle(), path, symlinks=True)
    for name in ("tagmanifest-sha256.txt", "manifest-sha256.txt", "bag-info.txt", "bagit.txt"):
        (path / name).unlink()
    shutil.rmtree(path / "seal")
    return ["--partial", path], 0


@case(CASES, "custody push")
def a_bare_repository():
    remote = world.new_directory("remote") / "r.git"
    world.sh("git", "init", "-q", "--bare", "-b", "main", remote)
    return [remote], 0


@case(CASES, "custody derive")
def a_directory():
    made = world.new_directory("made")
    (made / "notes.txt").write_text("by hand\n")
    return [bundle().name, made], 0


def transferred():
    return ["--case", CASE, "--to", "Lab", "--method", "courier", "--reference", "C-1"]


CASES["custody transfer"] = lambda: (transferred(), 0)


@case(CASES, "custody ack sign")
def lines_of_a_transfer():
    lines = world.new_directory("ack") / "lines"
    done = world.kanshiki("--home", kept(), "custody", "transfer", *transferred(), "-o", lines)
    assert done.status == 0, str(done)
    return ["--sign", lines], 0


@case(CASES, "custody ack")
def a_signature():
    signature = world.new_directory("ack") / "signature"
    words, _ = lines_of_a_transfer()
    done = world.kanshiki("--home", kept(), "custody", "ack", *words, "-o", signature)
    assert done.status == 0, str(done)
    return ["--case", CASE, "--by", "Lab", "--signature", signature], 0


# --- what fails ------------------------------------------------------------------------------------------------------

NOWHERE = "/nowhere/at/all"
FAILURES["verify"] = lambda: ([NOWHERE], 3, "not-found")
FAILURES["compare"] = lambda: ([NOWHERE], 3, "not-found")
FAILURES["report"] = lambda: (["--case", "no-such-case"], 3, "not-found")
FAILURES["seal"] = lambda: ([NOWHERE], 2, "usage")
FAILURES["ls"] = lambda: ([NOWHERE], 3, "not-found")
FAILURES["show"] = lambda: (["-b", bundle(), "F-00000000"], 3, "not-found")
FAILURES["cat"] = lambda: (["-b", bundle(), "data/none"], 3, "not-found")
FAILURES["custody log"] = lambda: (["--case", "no-such-case"], 3, "not-found")
FAILURES["custody key"] = lambda: (["--key", NOWHERE], 2, "usage")
FAILURES["custody push"] = lambda: (["ssh://host/path"], 8, "refused")
FAILURES["custody dispose"] = lambda: (["--bundle", bundle().name, "--file", "data/engine/version.json", "--reason", "r", "--authority", "a"],
                                       8, "refused")
FAILURES["export"] = lambda: (["-o", bundle() / "bagit.txt", bundle()], 1, "io")
FAILURES["import"] = lambda: ([NOWHERE], 3, "not-found")
FAILURES["rules explain"] = lambda: (["no.such-rule", bundle()], 3, "not-found")
FAILURES["rules test"] = lambda: (["--fixtures", NOWHERE], 3, "not-found")


def argv(words, more):
    """Command and verb; a third word of a case's name only tells two cases apart."""
    command, *verb = words.split()
    return ["--home", kept(), "--json", command, *[v for v in verb if v in verbs(command)], *more]


class Json(unittest.TestCase):
    def documents(self, done):
        self.assertTrue(done.out.endswith(b"\n"), str(done))
        found, text = [], done.text
        while text:
            document, end = json.JSONDecoder().raw_decode(text)
            self.assertEqual(text[end], "\n", str(done))
            found, text = [*found, document], text[end + 1:]
        return found

    def fits(self, document, done, name=None):
        self.assertEqual(fault_of(document, name), [], str(done))

    def test_every_command_and_verb_has_a_case(self):
        named = {" ".join(w for i, w in enumerate(words.split()) if i == 0 or w in verbs(words.split()[0])) for words in CASES}
        self.assertEqual(every_word() - named, set(), "commands that take --json and have no case in test_json.py")

    def test_every_document_fits_its_published_schema(self):
        for words, make in CASES.items():
            with self.subTest(words):
                more, status = make()
                done = world.kanshiki(*argv(words, more))
                if status is not None:
                    self.assertEqual(done.status, status, str(done))
                documents = self.documents(done)
                self.assertTrue(documents, str(done))
                lines = documents[0]["schema"] == "kanshiki.compare/1"
                if lines:
                    self.assertIn("end", documents[-1])
                for document in documents:
                    # Of the lines of compare the first one names the schema of all.
                    self.fits(document, done, "compare" if lines else None)
                    self.assertNotEqual(document.get("schema"), "kanshiki.error/1", str(done))

    def test_a_finding_is_the_one_of_the_report(self):
        report = json.loads((SCHEMAS / "kanshiki.report-1.json").read_text())
        document = world.kanshiki("--json", "show", "-b", bundle(), finding()).json
        self.assertEqual(document.pop("schema"), "kanshiki.show/1")
        whole = json.loads(pathlib.Path(world.demo().result.json["report"]["json"]).read_text())
        self.assertEqual(document, whole["findings"][0])
        validator = jsonschema.Draft202012Validator({"$ref": "#/$defs/finding", "$defs": report["$defs"]})
        self.assertEqual([e.message for e in validator.iter_errors(document)], [])

    def failed(self, done, status=None, code=None):
        documents = self.documents(done)
        self.assertEqual(len(documents), 1, str(done))
        document = documents[0]
        self.fits(document, done)
        self.assertEqual(document["schema"], "kanshiki.error/1", str(done))
        self.assertEqual(document["exit"], done.status, str(done))
        self.assertIn(document["error"], done.messages)
        self.assertNotEqual(done.status, 0)
        if status is not None:
            self.assertEqual((done.status, document["code"]), (status, code), str(done))

    def test_a_failure_is_one_document_with_the_status_and_the_message(self):
        for words, make in FAILURES.items():
            with self.subTest(words):
                more, status, code = make()
                self.failed(world.kanshiki(*argv(words, more)), status, code)

    def test_a_word_that_no_command_knows_fails_alike_for_all(self):
        for command in commands():
            with self.subTest(command):
                self.failed(world.kanshiki(command, "--json", "--no-such-option"), 2, "usage")
        self.failed(world.kanshiki("no-such-command", "--json"), 2, "usage")
        self.failed(world.kanshiki("--json"), 2, "usage")

    def test_without_json_a_failure_prints_nothing_on_standard_output(self):
        self.assertEqual(world.kanshiki("ls", NOWHERE).out, b"")
        self.assertEqual(world.kanshiki("custody", "note", "--", "--json").out, b"")

    def test_what_capture_says_of_a_failure_keeps_its_schema(self):
        done = world.kanshiki("-H", world.engine().url, "--home", kept(), "--json", "capture", "no-such-container", "nor-this")
        documents = self.documents(done)
        self.assertEqual([(d["schema"], d["status"], d["exit"]) for d in documents], [("kanshiki.capture/1", "failed", 3)] * 2)
        for document in documents:
            self.fits(document, done)

    def test_a_bad_end_that_has_a_document_has_no_second_one(self):
        copy = world.demo_copy()
        with open(copy / "data/engine/inspect.json", "ab") as stream:
            stream.write(b" ")
        tar = world.new_directory("tar") / "a.tar"
        world.sh("tar", "-C", copy.parent, "-cf", tar, copy.name)
        for path in (copy, tar):
            done = world.kanshiki("--json", "verify", path)
            self.assertEqual([d["schema"] for d in self.documents(done)], ["kanshiki.verify/1"], str(done))
            self.assertEqual(done.status, 7)

    def test_a_tar_that_is_none_is_one_document(self):
        path = world.new_directory("tar") / "no.tar"
        path.write_bytes(os.urandom(4096))
        self.failed(world.kanshiki("--json", "verify", path))

    def test_an_error_in_the_middle_of_lines_is_the_last_line(self):
        copy = world.demo_copy()
        rows = copy / "data/filesystem/changes.ndjson"
        with open(rows, "r+b") as stream:
            stream.truncate(rows.stat().st_size - 20)
        done = world.kanshiki("--json", "compare", copy)
        documents = self.documents(done)
        self.assertEqual(documents[-1]["schema"], "kanshiki.error/1", str(done)[-800:])
        self.assertNotIn("end", documents[-1])
        self.assertEqual((done.status, documents[-1]["exit"], documents[-1]["code"]), (7, 7, "tamper"))

    def test_bytes_of_an_artefact_are_never_followed_by_a_document(self):
        copy = world.demo_copy()
        artefact = copy / "data/engine/inspect.json"
        truth = artefact.read_bytes()
        done = world.kanshiki("--json", "cat", "-b", copy, "data/engine/inspect.json")
        self.assertEqual((done.status, done.out), (0, truth))
        artefact.write_bytes(truth[:-1] + b" ")
        done = world.kanshiki("--json", "cat", "-b", copy, "data/engine/inspect.json")
        self.assertEqual((done.status, done.out), (7, truth[:-1] + b" "))
        done = world.kanshiki("--json", "export", copy)
        self.failed(done, 7, "tamper")


if __name__ == "__main__":
    unittest.main()
