"""Runs the end-to-end tests: run.py [--results FILE] [REGEX]. Names are sentences; every skip is said and counted."""
import argparse
import pathlib
import re
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import world  # noqa: E402  (found beside this file)

MAX_TEST_SECONDS = 240


def sentence(test):
    module, _, name = test.id().partition(".")
    return f"{module.removeprefix('test_')}: {name.rsplit('.', 1)[-1].removeprefix('test_')}"


class Lines(unittest.TestResult):
    """One line a test as it ends; the same to the results file."""

    def __init__(self, results):
        super().__init__()
        self.results = results
        self.counts = {"pass": 0, "fail": 0, "skip": 0}

    def startTest(self, test):
        super().startTest(test)
        self.begin, self.outcome, self.reason = time.monotonic(), "pass", ""
        signal.alarm(MAX_TEST_SECONDS)

    def stopTest(self, test):
        signal.alarm(0)
        seconds = time.monotonic() - self.begin
        self.counts[self.outcome] += 1
        mark = {"pass": "ok     ", "fail": "FAILED ", "skip": "SKIPPED"}[self.outcome]
        print(f"{mark} {sentence(test)} ({seconds:.1f} s){': ' + self.reason if self.outcome == 'skip' else ''}", flush=True)
        if self.results:
            self.results.write(f"{self.outcome}\te2e {world.NAME} {sentence(test)}\t{self.reason}\n")
            self.results.flush()
        super().stopTest(test)

    def broken(self, test, error):
        self.outcome = "fail"
        text = self._exc_info_to_string(error, test)
        said = [line for line in text.splitlines() if re.match(r"[\w.]*(Error|Exception|Expired|Interrupt)\b", line)]
        self.reason = (said or ["?"])[-1][:300].replace("\t", " ")
        print(text[-8000:], flush=True)

    def addError(self, test, err):
        if not hasattr(self, "begin"):
            self.startTest(test)
            self.broken(test, err)
            self.stopTest(test)
        else:
            self.broken(test, err)

    def addFailure(self, test, err):
        self.broken(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.broken(subtest, err)

    def addSkip(self, test, reason):
        self.outcome, self.reason = "skip", reason


def timed_out(*_):
    raise TimeoutError(f"a test took more than {MAX_TEST_SECONDS} s")


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("filter", nargs="?", default="")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, timed_out)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the engine is taken down
    suite = unittest.defaultTestLoader.discover(str(pathlib.Path(__file__).resolve().parent), pattern="test_*.py")
    tests = [t for t in flatten(suite) if re.search(options.filter, sentence(t))]
    results = open(options.results, "w") if options.results else None
    if not world.KANSHIKI.exists():
        print(f"no {world.KANSHIKI}: build it first")
        sys.exit(2)
    lines = Lines(results)
    for test in tests:
        test(lines)
    if not tests and not options.filter:
        sys.exit(3)
    print("e2e: {pass} passed, {fail} failed, {skip} skipped".format(**lines.counts))
    sys.exit(1 if lines.counts["fail"] else 0)


if __name__ == "__main__":
    main()
