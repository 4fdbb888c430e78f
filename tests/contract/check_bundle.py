#!/usr/bin/python3
"""Checks a sealed bundle without kanshiki: the bag's rules, and every row and document against docs/schema.

usage: check_bundle.py [--document FILE]... [BUNDLE]...      FILE: the output of capture --json, verify --json, or report.json

Prints each fault on a line; exit 1 when there is one.
"""
import argparse
import json
import pathlib
import sys

import bag
import rows


def check_bundle(path):
    """Faults of one bundle, and what was counted: {schema name: rows}."""
    it = bag.Bag(pathlib.Path(path).resolve())
    faults, counts, files = list(it.check()), {}, {}
    for name in [n for n in it.files if n.endswith(".ndjson")]:
        schema = name.removesuffix(".ndjson").removeprefix("data/").replace("/", ".")
        read = rows.Ndjson((it.path / name).read_bytes(), f"kanshiki.{schema}/1", it.path.name)
        faults += [f"{name}: {fault}" for fault in read.faults]
        counts[read.name] = len(read.rows)
        files[name] = read
    if {"journal.ndjson", "gaps.ndjson"} <= set(files):
        faults += rows.journal_faults(files["journal.ndjson"], it.listed, files["gaps.ndjson"].rows,
                                      it.read("manifest-sha256.txt"))
    return faults + capture_faults(it, files), counts


def capture_faults(it, files):
    """capture.json: its schema, its one form, and the numbers that stand elsewhere too."""
    octets = it.read("capture.json")
    faults = rows.document_faults(octets, "kanshiki.acquisition/1")
    if faults:
        return [f"capture.json: {fault}" for fault in faults]
    value = json.loads(octets)
    if octets.decode() != json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n":
        faults.append("not in the one form: sorted keys, indent 1")
    gaps = [r for r in files["gaps.ndjson"].rows[1:] if r.get("code") != "not-applicable"] if "gaps.ndjson" in files else []
    folded = sum(r["folded"] - 1 for r in gaps if "folded" in r)  # a record for many
    for label, mine in (("Kanshiki-Gaps", str(value["gaps"])), ("Kanshiki-Status", value["status"]),
                        ("External-Identifier", value["bundle"]), ("Kanshiki-Partial-Reason", value.get("partial_reason"))):
        if it.info.get(label) != mine:
            faults.append(f"{mine!r}, and bag-info.txt has {label}: {it.info.get(label)!r}")
    if value["gaps"] != len(gaps) + folded:
        faults.append(f"{value['gaps']} gaps, and gaps.ndjson has {len(gaps) + folded}")
    return [f"capture.json: {fault}" for fault in faults]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--document", action="append", default=[])
    arguments.add_argument("bundle", nargs="*")
    asked = arguments.parse_args()
    faults = []
    for path in asked.document:
        faults += [f"{path}: {fault}" for fault in rows.document_faults(pathlib.Path(path).read_bytes())]
    for path in asked.bundle:
        found, counts = check_bundle(path)
        faults += [f"{path}: {fault}" for fault in found]
        print(f"{path}: {sum(counts.values())} rows of {len(counts)} schemas")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
