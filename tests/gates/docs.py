"""Code against pages: every command, option, exit status, collector, gap code and row kind stands in both."""
import json
import pathlib
import re
import subprocess
import sys

import tree

OTHER_BOLD_WORDS = ("signed", "auto", "full", "never", "api")


def run(binary, *words):
    return subprocess.run([binary, *words], capture_output=True, text=True, check=False).stdout


def page(top, name):
    path = top / name
    return path.read_text().replace("\\-", "-").replace("\\fR", "").replace("\\fB", "") if path.exists() else ""


def indented(match):
    return match[0].replace("\n.B ", "\n.BI ")


class Check:
    def __init__(self, top, binary):
        self.top, self.binary, self.count, self.faults = top, binary, 0, []
        self.manual, self.readme = page(top, "docs/man/kanshiki.1"), page(top, "README.md")
        self.json = page(top, "docs/json.md")
        self.errors, self.format = page(top, "docs/errors.md"), page(top, "docs/bundle-format.md")

    def want(self, found, text):
        self.count += 1
        if not found:
            self.faults.append(text)

    def commands(self, text):
        known = re.findall(r"^  ([a-z]+) +\S", text, re.M)
        self.want(known, "the help names no command")
        for command in known:
            self.want(re.search(rf"^\.B {command}\b", self.manual, re.M), f"command {command} is not in the manual")
            own, common = (run(self.binary, command, "--help").split("common options:") + [""])[:2]
            for options, place in ((own, self.section(command)), (common, self.manual.split(".SH COMMON")[-1])):
                for option in re.findall(r"^  .{0,4}--([a-z-]+)", options, re.M):
                    self.want(re.search(rf"--{option}(?![a-z-])", place), f"option --{option} of {command} is not in the manual there")
        told = self.manual.split(".SH COMMANDS")[1].split(".SH COMMON")[0]
        for command in re.findall(r"^\.B ([a-z]+)\b", told, re.M):
            self.want(command in known or command in OTHER_BOLD_WORDS, f"the manual has a command {command} that the program lacks")

    def section(self, command):
        """What the manual says of one command: up to the next one at the same depth."""
        found = re.search(rf"^\.B {command}\b.*?(?=^\.TP\n\.B [a-z]|^\.SH )", re.sub(r"^\.RS$.*?^\.RE$", indented, self.manual, flags=re.M | re.S),
                          re.M | re.S)
        return found[0] if found else ""

    def statuses(self, text):
        known = re.findall(r"^  (\d+) +\S", text, re.M)
        self.want(known, "the help names no exit status")
        for status in known:
            self.want(re.search(rf"^\.B {status}$", self.manual, re.M), f"exit status {status} is not in the manual")
            self.want(re.search(rf"^\| {status} \|", self.readme, re.M), f"exit status {status} is not in the README's table")
            self.want(re.search(rf"^\| {status} \|", self.errors, re.M), f"exit status {status} is not in docs/errors.md")

    def collectors(self):
        known = json.loads(run(self.binary, "collectors", "--json") or "[]")
        told = self.manual.split(".SH COLLECTORS")[1].split(".SH")[0]
        self.want(known, "the program names no collector")
        for name in [c["name"] for c in known]:
            self.want(re.search(rf"(?<![a-z-]){name}(?![a-z-])", told), f"collector {name} is not in the manual")
            self.want(f"| `{name}/" in self.format, f"artefacts of {name} are not in docs/bundle-format.md")

    def gaps(self):
        sources = "".join(p.read_text() for p in sorted((self.top / "src/evidence").glob("*.c")))
        known = re.findall(r'\[KAN_GAP_[A-Z_]+\] = "([a-z-]+)"', sources)
        self.want(known, "no gap code was found")
        for code in known:
            self.want(re.search(rf"^\.B {code}$", self.manual, re.M), f"gap code {code} is not in the manual")
            self.want(f"| `{code}` |" in self.format, f"gap code {code} is not in docs/bundle-format.md")

    def schemas(self):
        """kanshiki.processes.fds-1.json: fds in a line of the table that begins with processes/."""
        for name in re.findall(r"^\|.*\| `kanshiki\.([a-z-]+)/1` \|$", self.json, re.M):
            self.want((self.top / f"docs/schema/kanshiki.{name}-1.json").exists(), f"docs/json.md names kanshiki.{name}/1, which is not in docs/schema")
        for path in sorted((self.top / "docs/schema").glob("kanshiki.*-1.json")):
            words = path.name.removesuffix("-1.json").split(".")[1:]
            if len(words) == 1:
                name = f"`kanshiki.{words[0]}/1`"
                self.want(name in self.format or name in self.json or f"`{words[0]}.ndjson`" in self.format,
                          f"{path.name} is neither in docs/bundle-format.md nor in docs/json.md")
                continue
            lines = re.findall(rf"^\| `{words[0]}/.*$", self.format, re.M)
            self.want(any(re.search(rf"\b{words[1]}\b", line) for line in lines), f"rows of {path.name} are not in docs/bundle-format.md")


def main():
    check = Check(pathlib.Path(sys.argv[1]), sys.argv[2])
    text = run(check.binary, "--help")
    check.commands(text)
    check.statuses(text)
    check.collectors()
    check.gaps()
    check.schemas()
    tree.end("docs", check.count, check.faults)


main()
