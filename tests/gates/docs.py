"""Code against manual: every command, option, exit status, collector and gap code stands in both."""
import json
import pathlib
import re
import subprocess
import sys

import tree


def run(binary, *words):
    return subprocess.run([binary, *words], capture_output=True, text=True, check=False).stdout


def main():
    top, binary = pathlib.Path(sys.argv[1]), sys.argv[2]
    manual = (top / "docs/man/kanshiki.1").read_text().replace("\\-", "-").replace("\\fR", "").replace("\\fB", "")
    readme = (top / "README.md").read_text() if (top / "README.md").exists() else ""
    faults, count = [], 0
    text = run(binary, "--help")
    commands = re.findall(r"^  ([a-z]+) +\S", text, re.M)
    statuses = re.findall(r"^  (\d+) +\S", text, re.M)
    for command in commands:
        count += 1
        if not re.search(rf"^\.B {command}\b", manual, re.M):
            faults.append(f"command {command} is not in the manual")
        for option in re.findall(r"^  .{0,4}--([a-z-]+)", run(binary, command, "--help"), re.M):
            count += 1
            if f"--{option}" not in manual:
                faults.append(f"option --{option} of {command} is not in the manual")
    for status in statuses:
        count += 1
        if not re.search(rf"^\.B {status}$", manual, re.M):
            faults.append(f"exit status {status} is not in the manual")
        if not re.search(rf"^\| {status} \|", readme, re.M):
            faults.append(f"exit status {status} is not in the README's table")
    for collector in json.loads(run(binary, "collectors", "--json") or "[]"):
        count += 1
        if collector["name"] not in manual:
            faults.append(f"collector {collector['name']} is not in the manual")
    for command in re.findall(r"^\.B ([a-z]+)\b", manual.split(".SH COMMANDS")[1].split(".SH COMMON")[0], re.M):
        if command not in commands and command not in ("signed", "auto", "full", "never", "api"):
            faults.append(f"the manual has a command {command} that the program lacks")
    sources = "".join(p.read_text() for p in sorted((top / "src/evidence").glob("*.c")))
    codes = re.findall(r'\[KAN_GAP_[A-Z_]+\] = "([a-z-]+)"', sources)
    if not (commands and statuses and codes):
        faults.append("no command, exit status or gap code was found to compare with")
    for code in codes:
        count += 1
        if not re.search(rf"^\.B {code}$", manual, re.M):
            faults.append(f"gap code {code} is not in the manual")
    tree.end("docs", count, faults)


main()
