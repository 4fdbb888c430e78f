"""Other people's formats, checked by what their specifications require; each check raises AssertionError with the place.

SARIF: OASIS SARIF 2.1.0. STIX: OASIS STIX 2.1. Navigator: MITRE's layer format 4.5. Timesketch: its JSONL import. Bodyfile:
The Sleuth Kit's bodyfile 3.x. l2t: log2timeline's 17 columns."""
import csv
import io
import json
import re
import uuid

ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
STIX_TIME = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?Z")
TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?")
OBSERVABLES = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")


def need(true, *what):
    if not true:
        raise AssertionError(" ".join(map(str, what))[:2000])


def of_type(value, kind, where):
    need(isinstance(value, kind) and not (kind is int and isinstance(value, bool)), where, "is no", kind.__name__, repr(value)[:200])
    return value


def keys(o, required, optional, where):
    """An object with these and no other properties."""
    of_type(o, dict, where)
    for key, kind in required.items():
        need(key in o, where, "lacks", key)
        of_type(o[key], kind, f"{where}.{key}")
    for key in o.keys() - required.keys():
        need(key in optional, where, "has the unknown", key)
        of_type(o[key], optional[key], f"{where}.{key}")


def parsed(data):
    """JSON as strict readers take it: UTF-8, no duplicate key, nothing that a terminal or a page acts on."""
    def pairs(items):
        need(len({k for k, _ in items}) == len(items), "a key is there twice", items[:3])
        return dict(items)
    text = data.decode("utf-8")
    need(not ACTIVE.search(text), "an active character in the text of JSON")
    return json.loads(text, object_pairs_hook=pairs, parse_constant=lambda word: need(False, word, "is no JSON"))


# --- SARIF -----------------------------------------------------------------------------------------------------------

LEVELS = ("none", "note", "warning", "error")


def sarif(data):
    log = parsed(data)
    keys(log, {"version": str, "runs": list}, {"$schema": str}, "log")                       # 3.13
    need(log["version"] == "2.1.0", "version", log["version"])
    need(len(log["runs"]) == 1, "one run")
    run = log["runs"][0]
    keys(run, {"tool": dict, "results": list}, {"automationDetails": dict}, "run")           # 3.14
    keys(run["tool"], {"driver": dict}, {}, "tool")                                          # 3.18
    driver = run["tool"]["driver"]
    keys(driver, {"name": str}, {"version": str, "rules": list, "informationUri": str}, "driver")
    rules = driver.get("rules", [])
    need(len({r["id"] for r in rules}) == len(rules), "rule ids are unique")                 # 3.19.23
    for rule in rules:
        sarif_rule(rule)
    for result in run["results"]:
        sarif_result(result, rules)
    return run["results"]


def sarif_message(message, where):
    keys(message, {"text": str}, {"markdown": str, "id": str}, where)                        # 3.11
    need(message["text"], where, "is empty")


def sarif_rule(rule):
    keys(rule, {"id": str}, {"shortDescription": dict, "fullDescription": dict, "defaultConfiguration": dict, "help": dict,
                             "helpUri": str, "properties": dict}, "rule")                    # 3.49
    for key in ("shortDescription", "fullDescription"):
        if key in rule:
            sarif_message(rule[key], key)
    need(rule.get("defaultConfiguration", {}).get("level", "warning") in LEVELS, "level of rule", rule["id"])


def sarif_result(result, rules):
    keys(result, {"message": dict, "ruleId": str}, {"ruleIndex": int, "level": str, "locations": list, "partialFingerprints": dict,
                                                     "properties": dict}, "result")          # 3.27
    sarif_message(result["message"], "result.message")
    need(result.get("level", "warning") in LEVELS, "level", result.get("level"))
    if "ruleIndex" in result:
        need(0 <= result["ruleIndex"] < len(rules), "ruleIndex")
        need(rules[result["ruleIndex"]]["id"] == result["ruleId"], "ruleIndex and ruleId differ")
    for key, value in result.get("partialFingerprints", {}).items():
        of_type(value, str, f"partialFingerprints.{key}")
    for location in result.get("locations", []):
        keys(location, {"physicalLocation": dict}, {}, "location")
        place = location["physicalLocation"]
        keys(place, {"artifactLocation": dict}, {"region": dict}, "physicalLocation")
        uri = of_type(place["artifactLocation"].get("uri"), str, "uri")
        need(re.fullmatch(r"[A-Za-z0-9._~!$&'()*+,;=:@/%-]+", uri), "no URI reference", uri)
        if "region" in place:
            keys(place["region"], {"startLine": int}, {}, "region")
            need(place["region"]["startLine"] >= 1, "startLine")


# --- STIX ------------------------------------------------------------------------------------------------------------

SDO = {"type": str, "spec_version": str, "id": str, "created": str, "modified": str}
SCO = {"type": str, "id": str}
STIX = {  # required; optional, of those we write
    "attack-pattern": ({**SDO, "name": str}, {"description": str, "external_references": list}),
    "indicator": ({**SDO, "pattern": str, "pattern_type": str, "valid_from": str},
                  {"name": str, "description": str, "indicator_types": list, "pattern_version": str}),
    "observed-data": ({**SDO, "first_observed": str, "last_observed": str, "number_observed": int, "object_refs": list}, {}),
    "report": ({**SDO, "name": str, "published": str, "object_refs": list}, {"description": str, "report_types": list}),
    "relationship": ({**SDO, "relationship_type": str, "source_ref": str, "target_ref": str}, {"description": str}),
    "sighting": ({**SDO, "sighting_of_ref": str}, {"observed_data_refs": list, "count": int}),
    "marking-definition": ({"type": str, "spec_version": str, "id": str, "created": str}, {"name": str, "extensions": dict}),
    "file": (SCO, {"spec_version": str, "hashes": dict, "name": str, "size": int, "parent_directory_ref": str}),
    "directory": ({**SCO, "path": str}, {"spec_version": str}),
    "process": (SCO, {"spec_version": str, "pid": int, "command_line": str, "image_ref": str, "created_time": str, "cwd": str}),
    "ipv4-addr": ({**SCO, "value": str}, {"spec_version": str}),
    "ipv6-addr": ({**SCO, "value": str}, {"spec_version": str}),
    "network-traffic": ({**SCO, "protocols": list}, {"spec_version": str, "src_ref": str, "dst_ref": str, "src_port": int,
                        "dst_port": int, "is_active": bool, "src_byte_count": int, "dst_byte_count": int}),
}
# The properties that make the id of an observable (2.9), per type.
IDENTITY = {"file": ("hashes", "name", "parent_directory_ref"), "directory": ("path",), "ipv4-addr": ("value",), "ipv6-addr": ("value",),
            "network-traffic": ("start", "end", "src_ref", "dst_ref", "src_port", "dst_port", "protocols")}
SOME_OF = {"file": ("hashes", "name"), "network-traffic": ("src_ref", "dst_ref"),
           "process": ("pid", "command_line", "image_ref", "created_time", "cwd")}


def stix(data):
    bundle = parsed(data)
    keys(bundle, {"type": str, "id": str}, {"objects": list}, "bundle")
    need(bundle["type"] == "bundle", "type", bundle["type"])
    stix_id(bundle)
    objects = bundle.get("objects", [])
    ids = {o["id"]: o for o in objects}
    need(len(ids) == len(objects), "an id is there twice")
    for o in objects:
        stix_object(o, ids)
    return objects


def stix_id(o):
    kind, _, rest = o["id"].partition("--")
    need(kind == o["type"] and UUID.fullmatch(rest), "id", o["id"], "of", o["type"])


def stix_object(o, ids):
    need(o.get("type") in STIX, "type", o.get("type"))
    required, optional = STIX[o["type"]]
    keys(o, required, {**optional, "object_marking_refs": list}, o["type"])
    stix_id(o)
    need(o.get("spec_version", "2.1") == "2.1", "spec_version")
    for key, value in o.items():
        if key in ("created", "modified", "valid_from", "published", "first_observed", "last_observed", "created_time"):
            need(STIX_TIME.fullmatch(value), o["type"], key, value)
        if key.endswith("_ref"):
            need(value in ids, o["id"], "refers to what is not there:", value)
        if key.endswith("_refs"):
            need(value, o["id"], key, "is empty")
            for ref in value:
                need(ref in ids, o["id"], "refers to what is not there:", ref)
        need(value != [] and value != {}, o["type"], key, "is empty")                        # 2.13, 2.7
    if "modified" in o:
        need(o["modified"] >= o["created"], "modified before created")
    stix_some(o)
    stix_made(o)
    stix_kind(o, ids)


def stix_some(o):
    some = SOME_OF.get(o["type"])
    need(not some or any(k in o for k in some), o["type"], "has none of", some)


def stix_made(o):
    """Equal observables of two producers have equal ids: UUIDv5 over the canonical JSON of what identifies them."""
    if o["type"] not in IDENTITY:
        return
    identity = {k: o[k] for k in IDENTITY[o["type"]] if k in o}
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if ACTIVE.search(text) or any(ord(c) > 0xffff for c in text):
        return      # RFC 8785 orders keys by UTF-16 and escapes as JSON.stringify: Python's writer is no judge there
    need(o["id"] == f"{o['type']}--{uuid.uuid5(OBSERVABLES, text)}", "id of", text[:300], "is", o["id"])


def stix_kind(o, ids):
    kind = o["type"]
    if kind == "indicator":
        need(o["pattern_type"] == "stix", "pattern_type")
        need(re.fullmatch(r"\[(file:hashes\.'SHA-256' = '[0-9a-f]{64}'|ipv[46]-addr:value = '[0-9a-f.:]+')\]", o["pattern"]), o["pattern"])
    if kind == "observed-data":
        need(1 <= o["number_observed"] <= 999999999 and o["last_observed"] >= o["first_observed"], "observed-data")
        need(all("created" not in ids[r] for r in o["object_refs"]), "observes what is no observable")
    if kind == "relationship":
        need(re.fullmatch(r"[a-z0-9-]+", o["relationship_type"]), o["relationship_type"])
        need("modified" in ids[o["source_ref"]], "a relationship from an observable")
    if kind == "sighting":
        need("modified" in ids[o["sighting_of_ref"]], "a sighting of an observable")
        need(all(ids[r]["type"] == "observed-data" for r in o.get("observed_data_refs", [])), "observed_data_refs")
    if kind == "file" and "hashes" in o:
        need(all(k == "SHA-256" and re.fullmatch("[0-9a-f]{64}", v) for k, v in o["hashes"].items()), o["hashes"])
    if kind == "network-traffic":
        need(all(re.fullmatch("[a-z0-9-]+", p) for p in o["protocols"]), o["protocols"])
        need(all(0 <= o.get(k, 0) <= 65535 for k in ("src_port", "dst_port")), "ports")
    for ref in o.get("object_marking_refs", []):
        need(ids[ref]["type"] == "marking-definition", o["id"], "is marked by what is no marking")
    if kind == "attack-pattern":
        for reference in o.get("external_references", []):
            keys(reference, {"source_name": str}, {"external_id": str, "url": str}, "external_reference")


# --- the Navigator ---------------------------------------------------------------------------------------------------

def navigator(data):
    layer = parsed(data)
    keys(layer, {"name": str, "versions": dict, "domain": str, "techniques": list},
         {"description": str, "gradient": dict, "metadata": list}, "layer")
    for one in layer.get("metadata", []):
        keys(one, {"name": str, "value": str}, {}, "metadata")
    need(layer["versions"]["layer"] == "4.5", "layer", layer["versions"])
    keys(layer["versions"], {"layer": str}, {"navigator": str, "attack": str}, "versions")
    need(layer["domain"] in ("enterprise-attack", "mobile-attack", "ics-attack"), layer["domain"])
    keys(layer["gradient"], {"colors": list, "minValue": int, "maxValue": int}, {}, "gradient")
    need(len(layer["gradient"]["colors"]) >= 2 and all(re.fullmatch("#[0-9a-fA-F]{6,8}", c) for c in layer["gradient"]["colors"]), "colors")
    seen = set()
    for technique in layer["techniques"]:
        keys(technique, {"techniqueID": str}, {"score": int, "comment": str, "enabled": bool, "showSubtechniques": bool, "tactic": str},
             "technique")
        need(TECHNIQUE.fullmatch(technique["techniqueID"]), technique["techniqueID"])
        need(technique["techniqueID"] not in seen, technique["techniqueID"], "is there twice")
        need(0 <= technique["score"] <= layer["gradient"]["maxValue"], "score")
        seen.add(technique["techniqueID"])
    return layer["techniques"]


# --- timelines -------------------------------------------------------------------------------------------------------

def timesketch(data):
    entries = []
    need(data.endswith(b"\n"), "the last line ends")
    for line in data[:-1].split(b"\n"):
        entry = parsed(line)
        keys(entry, {"message": str, "datetime": str, "timestamp": int, "timestamp_desc": str},
             {"trust": str, "artefact": str, "row": int, "finding": str, "act": str, "bundle": str, "tlp": str}, "entry")
        need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", entry["datetime"]), entry["datetime"])
        need(entry["message"] and entry["timestamp_desc"], "an empty message")
        entries.append(entry)
    return entries


L2T = ["date", "time", "timezone", "MACB", "source", "sourcetype", "type", "user", "host", "short", "desc", "version", "filename",
       "inode", "notes", "format", "extra"]


def l2t(data):
    """17 cells a row, as RFC 4180 has them, and none of them a formula for a spreadsheet."""
    text = data.decode("utf-8")
    need(not ACTIVE.search(text.replace("\r\n", "\n")), "an active character")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    need(rows[0] == L2T, rows[0])
    for row in rows[1:]:
        need(len(row) == len(L2T), len(row), "cells:", row)
        need(re.fullmatch(r"\d\d/\d\d/\d{4}", row[0]) and re.fullmatch(r"\d\d:\d\d:\d\d", row[1]) and row[2] == "UTC", row[:3])
        need(re.fullmatch(r"[M.][A.][C.][B.]", row[3]), row[3])
        for cell in row:
            need(not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r")), "a formula:", cell)
    return rows[1:]


def bodyfile(data):
    lines = data.decode("ascii").splitlines()
    for line in lines:
        need(re.fullmatch(r"[ -~]+", line), "an octet that is not printable", repr(line))
        fields = line.split("|")
        need(len(fields) == 11, len(fields), "fields:", line[:300])
        need(fields[0] == "0" and re.fullmatch(r"[!-$&-~]+( \(deleted\))?", fields[1]), fields[:2])
        need(re.fullmatch(r"\d+", fields[2]) and re.fullmatch(r"[a-z-]/[a-z-]([r-][w-][xsS-]){2}[r-][w-][xtT-]", fields[3]), fields[2:4])
        need(all(re.fullmatch(r"\d+", f) for f in fields[4:7]), fields[4:7])
        need(all(re.fullmatch(r"\d+(\.\d{1,9})?", f) for f in fields[7:]), fields[7:])
    return lines
