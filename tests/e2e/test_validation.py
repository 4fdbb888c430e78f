"""docs/validation.md says what these tests planted, and what was found. KAN_GOLDEN_WRITE=1 writes it."""
import os
import unittest

import incidents
import services
import world

PAGE = world.TOP / "docs/validation.md"
INTRO = """# Validation: what was planted, and what was found

Made by the end-to-end tests (`./run test validation`), which compare it with what they see: a page that is not current fails.
`KAN_GOLDEN_WRITE=1` writes it. All of it ran on a private Docker Engine, in containers of Debian's own packages of lighttpd,
nginx, PHP, redis, sqlite, OpenSSH and cron. Names, keys, digests and wallets are others in each run.

A finding counts when its class is intrusion and its severity medium or above.
"""
LIMITS = """## Limits
- **{incidents} incidents and {honest} honest containers are examples, no statistics.** They were staged by the authors of the rules, on one machine,
  and rules were mended by what they showed. A rate of errors cannot be had from them.
- **The intruder takes little trouble.** Nobody hides from the kernel, loads a module, or waits for the capture to end.
- **What left no trace has no finding**: a program that ran and ended, a connection that is closed, a request that nobody logged.
- **A library that programs load is not judged by itself.** The preload file is found; a library in place of another is found as a changed file
  only. No rule looks at mappings.
- **A file of root's says nothing of its maker.** A service that runs as root, and an exec, write the same file. So the crontab that the
  database wrote has no origin here, although its content is a dump.
- **A login's address is not judged**, though it is in the log; nor is a request of a form that no rule knows.
- **A server that runs a shell for a moment** is not told from a hole by `web.child-shell`: it looks at nginx, lighttpd, php-fpm and their like, and
  the application of PHP here is run by php-cgi.
- **Events are few.** An engine keeps 256, and a health check makes three at a time: after some minutes of them an exec is "not assessable".
- **Nothing of it ran in a cloud, below an orchestrator, with user namespaces, or on another processor than x86-64.**
"""


def cell(text):
    return text.replace("|", "\\|")


def row(*cells):
    return "| " + " | ".join(map(cell, cells)) + " |\n"


def table(*heads):
    return row(*heads) + "|" + "---|" * len(heads) + "\n"


def origin(report, name):
    best = incidents.told(report)
    if not best:
        return "nothing is claimed"
    strength = best[0].get("strength", "")
    return f"{best[0]['name']}: {best[0]['grade']}{', ' + strength if strength else ''}" + ("" if best[0]["name"] == name else " (wrong)")


def of_incidents(captured):
    text = "## Staged intrusions\n\n" + table("what was done", "level", "how it began", "what was told of that", "false findings")
    for incident, report, _ in captured:
        verdict = report["verdict"]
        text += row(incident.what, f"{verdict['level']}, {verdict['confidence']}", incident.origin or "nothing left shows it",
                    origin(report, incident.origin), ", ".join(incidents.false(incident, report)) or "none")
    text += "\n## What was planted\n\n" + table("incident", "technique", "what", "found by")
    for incident, report, _ in captured:
        for fact in incident.planted:
            text += row(incident.what, fact.technique, fact.what, ", ".join(incidents.rules_of(fact, report)) or "**missed**")
    return text


def of_less(captured):
    text = "\n## With one collector left out\n\nThe origin is judged without the collector that sees it best.\n\n"
    text += table("incident", "without", "what is told of its origin then")
    for incident, _, less in captured:
        if less is not None:
            h = incidents.hypotheses(less)[incident.origin]
            text += row(incident.what, incident.needs, f"{incident.origin}: {h['grade']}" + (f", {h['strength']}" if "strength" in h else ""))
    return text


def of_honest(reports):
    text = "\n## Honest containers at work\n\n" + table("what it does", "level", "false findings")
    for what, report in sorted(reports.items()):
        text += row(what, report["verdict"]["level"], ", ".join(sorted({f["rule"] for f in services.weighty(report)})) or "none")
    return text


def sums(captured, reports):
    planted = sum(len(i.planted) for i, _, _ in captured)
    missed = sum(len(incidents.missed(i, r)) for i, r, _ in captured)
    false = sum(len(incidents.false(i, r)) for i, r, _ in captured)
    alarms = sum(len(services.weighty(r)) for r in reports.values())
    known = [(i, r) for i, r, _ in captured if i.origin]
    right = sum([h["name"] for h in incidents.told(r)][:1] == [i.origin] for i, r in known)
    claimed = sum(bool(incidents.told(r)) for i, r, _ in captured if not i.origin)
    return (f"\nPlanted: {planted} facts in {len(captured)} containers. Found: {planted - missed}. Missed: {missed}. False: {false} in them, {alarms} in "
            f"{len(reports)} honest containers.\nOf {len(known)} known origins {right} were the best explanation; of {len(captured) - len(known)} "
            f"that nothing shows, {claimed} were claimed.\n\n")


def page():
    reports = services.honest()
    captured = list(incidents.captured().values())
    return (INTRO + sums(captured, reports) + of_incidents(captured) + of_less(captured) + of_honest(reports) + "\n" +
            LIMITS.format(incidents=len(captured), honest=len(reports)))


class Validation(unittest.TestCase):
    def test_the_page_says_what_was_planted_found_and_missed(self):
        text = page()
        if os.environ.get("KAN_GOLDEN_WRITE") == "1":
            PAGE.write_text(text)
        self.maxDiff = None
        self.assertEqual(PAGE.read_text(), text, "KAN_GOLDEN_WRITE=1 writes it")
