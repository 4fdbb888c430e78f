"""Rows and documents of kanshiki against docs/schema, and the rules that a schema cannot say. None of our C is used."""
import base64
import binascii
import codecs
import hashlib
import json
import pathlib
import re

import jsonschema

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "docs/schema"
MAX_LINE, MAX_DEPTH, MAX_FAULTS = 1 << 20, 16, 50
KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")
JOURNAL, GAPS = "kanshiki.journal/1", "kanshiki.gaps/1"
OWN = ("seq", "prev", "t_ns", "boot_ns")  # of a journal record, not of its gaps.ndjson row


def hidden(c):
    """Characters that a display would act on."""
    return c < 0x20 or 0x7f <= c < 0xa0 or c in (0x061c, 0x200e, 0x200f) or 0x2028 <= c <= 0x202e or 0x2066 <= c <= 0x2069


codecs.register_error("kan-each-octet", lambda e: ("\ufffd" * (e.end - e.start), e.end))


def display(octets):
    text = octets.decode("utf-8", errors="kan-each-octet")
    return "".join("\ufffd" if hidden(ord(c)) else c for c in text)


def no_duplicates(pairs):
    keys = [k for k, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"a key twice among {keys}")
    return dict(pairs)


def refuse(word):
    raise ValueError(f"{word}: no number of a row")


def parse_row(line):
    return json.loads(line, object_pairs_hook=no_duplicates, parse_float=refuse, parse_constant=refuse)


class Schema:
    """A file of docs/schema, with a validator for the whole and for each of its definitions."""

    def __init__(self, name):
        self.document = json.loads((SCHEMAS / (name.replace("/", "-") + ".json")).read_text())
        jsonschema.Draft202012Validator.check_schema(self.document)
        self.made = {}

    def faults(self, value, definition=None):
        if definition not in self.made:
            part = dict(self.document)
            if definition is not None:
                part = {"$defs": self.document["$defs"], "$ref": f"#/$defs/{definition}"}
            self.made[definition] = jsonschema.Draft202012Validator(part)
        return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in self.made[definition].iter_errors(value)]

    def has(self, definition):
        return definition in self.document["$defs"]


_schemas = {}


def schema(name):
    """None where docs/schema has no such file."""
    if name not in _schemas:
        known = re.fullmatch(r"kanshiki\.[a-z0-9.-]+/[0-9]+", name or "")
        file = SCHEMAS / (name.replace("/", "-") + ".json") if known else None
        _schemas[name] = Schema(name) if file and file.exists() else None
    return _schemas[name]


def twins(value, depth=1):
    """Faults of display texts and their exact twins, of keys, nulls and depth."""
    faults = [f"deeper than {MAX_DEPTH}"] if depth > MAX_DEPTH else []
    if value is None:
        faults.append("null")
    if isinstance(value, list):
        for one in value:
            faults += twins(one, depth + 1)
    if isinstance(value, dict):
        for key, one in value.items():
            if not KEY.fullmatch(key):
                faults.append(f"{key!r} is no key of a row")
            faults += twins(one, depth + 1)
            if not key.endswith("_b64"):
                faults += twin(key, one, value.get(key + "_b64"))
    return faults


def twin(key, text, exact):
    """The twin is there if and only if the octets differ from the text; the text is what a display may show."""
    many = isinstance(text, list) and all(isinstance(t, str) for t in text)
    if not many and not isinstance(text, str):
        return []
    texts = text if many else [text]
    if exact is None:
        return [f"{key}: not clean, and no twin"] if any(display(t.encode("utf-8", "surrogatepass")) != t for t in texts) else []
    try:
        octets = [base64.b64decode(e, validate=True) for e in (exact if many else [exact])]
    except (binascii.Error, TypeError, ValueError):
        return [f"{key}_b64: no base64"]
    if [display(o) for o in octets] != texts:
        return [f"{key}: not the display form of its twin"]
    return [f"{key}_b64: not needed"] if octets == [t.encode() for t in texts] else []


def lines_of(octets):
    """Lines with their LF. A last piece without one is a fault."""
    lines = octets.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines], [] if last == b"" else ["the last line has no end"]


class Ndjson:
    """One file of rows. name is its schema's; bundle what the header must say."""

    def __init__(self, octets, name, bundle):
        self.name, self.bundle, self.rows = name, bundle, []
        self.lines, self.faults = lines_of(octets)
        self.schema = schema(name)
        if not self.schema:
            self.faults.append(f"docs/schema has no {name}")
        for number, line in enumerate(self.lines, 1):
            self.one(number, line)

    def fault(self, number, texts):
        if len(self.faults) < MAX_FAULTS:
            self.faults += [f"line {number}: {text}" for text in texts]

    def one(self, number, line):
        if len(line) > MAX_LINE:
            self.fault(number, ["over 1 MiB"])
            return
        try:
            row = parse_row(line)
        except (ValueError, RecursionError) as error:
            self.fault(number, [str(error)[:200]])
            return
        if not isinstance(row, dict):
            self.fault(number, ["no object"])
            return
        self.rows.append(row)
        self.fault(number, twins(row))
        if self.schema:
            self.fault(number, self.schema.faults(row, self.definition(number, row)))
        if number == 1 and (row.get("schema"), row.get("bundle")) != (self.name, self.bundle):
            self.fault(1, [f"it says {row.get('schema')} of {row.get('bundle')}"])

    def definition(self, number, row):
        """Which part of the schema: naming it says what is wrong better than "none of them"."""
        word = row.get("type") if self.name in (JOURNAL, GAPS) else "row"
        if number == 1 and self.name != JOURNAL:
            word = "header"
        return word if isinstance(word, str) and self.schema.has(word) else None


def journal_faults(journal, listed, gap_rows, manifest):
    """The chain, and what it says against manifest-sha256.txt and gaps.ndjson."""
    faults, prev, artefacts = [], "0" * 64, {}
    for number, (row, line) in enumerate(zip(journal.rows, journal.lines), 1):
        if row.get("seq") != number or row.get("prev") != prev:
            faults.append(f"journal line {number}: the chain is broken")
        prev = hashlib.sha256(line).hexdigest()
        if row.get("type") == "artefact":
            artefacts[row.get("path")] = row.get("sha256")
    if artefacts != listed:
        differ = sorted(p for p in set(artefacts) | set(listed) if artefacts.get(p) != listed.get(p))
        faults.append(f"journal: not the artefacts of the manifest: {differ[:5]}")
    told = [{k: v for k, v in r.items() if k not in OWN} for r in journal.rows if r.get("type") in ("gap", "limit")]
    if told != gap_rows[1:]:
        faults.append("gaps.ndjson: not the gaps and limits of the journal, in their order")
    last = journal.rows[-1] if journal.rows else {}
    if last.get("type") != "seal" or last.get("manifest") != hashlib.sha256(manifest).hexdigest():
        faults.append("journal: it does not end with the seal of this manifest")
    return faults


def document_faults(octets, name=None):
    """A JSON document that names its own schema."""
    try:
        value = json.loads(octets, object_pairs_hook=no_duplicates, parse_constant=refuse)
        known = schema(value["schema"])
    except (ValueError, KeyError, TypeError) as error:
        return [f"no document of kanshiki: {error}"]
    if not known or (name and value["schema"] != name):
        return [f"{value['schema']}: not the schema that is expected, or none"]
    return known.faults(value)
