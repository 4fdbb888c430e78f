"""Counts the results that ./run test left in files, says every skip and failure, and prints the closing line."""
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

SANITIZER = re.compile(r"ERROR: (Address|Leak|Thread)Sanitizer|: runtime error: |SUMMARY: \w*Sanitizer")


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    def criterion(self, program, text):
        """Criterion's own words, one line a test; False when this was no Criterion program."""
        synthesis = re.search(r"Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+)", text)
        if not synthesis:
            return False
        self.passed += int(synthesis[2])
        failures = re.findall(r"^\[FAIL\] (\S+?):? .*$", text, re.M)
        self.failed += [f"{program}: {name}" for name in failures]
        self.failed += [program] * max(0, int(synthesis[3]) - len(failures))
        for name, reason in re.findall(r"^\[SKIP\] (\S+?): (.*)$", text, re.M):
            self.skipped.append((f"{program}: {name}", reason))
        return True

    def ctest(self, path):
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            name, status = f"{path.stem} {case.get('name')}", case.get("status")
            text = case.findtext("system-out") or ""
            if SANITIZER.search(text):
                self.failed.append(f"{name}: sanitizer report")
            before = len(self.failed)
            known = self.criterion(name, text)
            if status == "fail":
                if len(self.failed) == before:
                    self.failed.append(name)
                print(f"--- {name}\n{text[-6000:]}")
            elif status == "run":
                self.passed += 0 if known else 1
            elif case.find("skipped") is not None and "SKIP_RETURN_CODE" in case.find("skipped").get("message", ""):
                self.skipped.append((name, text.strip().splitlines()[-1] if text.strip() else "no reason given"))
            else:
                self.failed.append(f"{name}: did not run")

    def lines(self, path):
        for line in path.read_text().splitlines():
            result, name, reason = (line.split("\t") + ["", ""])[:3]
            if result == "pass":
                self.passed += 1
            elif result == "skip":
                self.skipped.append((name, reason))
            else:
                self.failed.append(f"{name}: {reason}" if reason else name)

    def sanitizer(self, directory):
        for report in sorted(directory.glob("*")):
            print(f"--- {report}\n{report.read_text(errors='replace')[:6000]}")
            self.failed.append(f"sanitizer report {report.name}")


def grouped(failed):
    """A line each; those that failed for one reason, many tests of one engine that did not come up, say, in one."""
    by_reason = {}
    for failure in failed:
        reason = failure.split(": ", 2)[2] if failure.startswith("e2e ") and failure.count(": ") >= 2 else failure
        by_reason.setdefault(reason, []).append(failure)
    return [of[0] if len(of) == 1 else f"{of[0]} (and {len(of) - 1} more for this reason)" for of in by_reason.values()]


def main():
    results = pathlib.Path(sys.argv[1])
    tally = Tally()
    for path in sorted(results.glob("*.xml")):
        tally.ctest(path)
    for path in sorted(results.glob("*.tsv")):
        tally.lines(path)
    tally.sanitizer(results / "sanitizer")
    for name, reason in tally.skipped:
        print(f"SKIPPED {name}: {reason}")
    for line in grouped(tally.failed):
        print(f"FAILED {line}")
    print(f"{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped")
    return 1 if tally.failed or tally.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
