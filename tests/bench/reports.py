"""REPORT and P16: what analysis and all reports cost, of a large bundle and of a small one; and when the first screen is there."""
import fcntl
import os
import pathlib
import pty
import select
import shutil
import struct
import subprocess
import tempfile
import termios
import time

import measure

FORMATS = "html,md,json,timeline,bodyfile,csv,stix,navigator,sarif,sbom"
CHANGES, FEW, PER_DIRECTORY = 100000, 50, 1000
LARGE_CPU_S, LARGE_RSS_KIB, SMALL_WALL_S, HTML_BYTES, SCREEN_S = 3, 64 << 10, 0.150, 2 << 20, 3
COLUMNS, LINES = 80, 24


def bundle_of(out):
    return next(p for p in pathlib.Path(out).iterdir() if not p.name.endswith("-report"))


def add_files(engine, name, count):
    root = f"/proc/{engine.run('inspect', '-f', '{{.State.Pid}}', name)}/root/many"
    for i in range(count):
        if i % PER_DIRECTORY == 0:
            os.makedirs(f"{root}/d{i // PER_DIRECTORY}")
        with open(f"{root}/d{i // PER_DIRECTORY}/f{i}", "wb") as file:
            file.write(b"%d" % i)


def rows_of(bundle, artefact):
    with open(bundle / artefact, "rb") as file:
        return sum(1 for _ in file) - 1


def kept(bench, name):
    """A sealed bundle of it, outside of what the next capture clears."""
    bench.fresh()
    subprocess.run(bench.collect(name), env=bench.engine.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    bundle = bundle_of(bench.out)
    place = pathlib.Path(tempfile.mkdtemp(dir=bench.work)) / bundle.name
    shutil.move(bundle, place)
    return place


def rendered(bench, bundle):
    """All reports of it, in so many rounds: the side with its costs, and the octets of report.html."""
    out = os.path.join(bench.work, "reports")

    def before():
        shutil.rmtree(out, ignore_errors=True)

    side = measure.Side("kanshiki report", [bench.binary, "-q", "report", "--format", FORMATS, "-o", out, str(bundle)], before)
    for _ in range(bench.options.rounds + 1):
        side.run(bench.engine.env, lambda: 0)
    before()
    peak = measure.peak_rss(side.command, bench.engine.env)
    files = sorted(p.name for p in pathlib.Path(out).iterdir())
    if len(files) != len(FORMATS.split(",")) + 1:    # sbom writes two
        raise RuntimeError(f"reports: {files}")
    return side, peak, (pathlib.Path(out) / "report.html").stat().st_size


def add(bench, item, what, values, goals):
    """Several figures of one thing: each with its goal."""
    met = "met" if all(values[key] <= goal for key, goal in goals.items()) else "missed"
    key = next(iter(goals))
    bench.rows.append({"item": item, "what": what, "cost": values[key], "goal_cost": goals[key], "met": met,
                       "values": values, "goals": goals})
    text = ", ".join(f"{key} {value}" + (f" (goal {goals[key]})" if key in goals else "") for key, value in values.items())
    print(f"{item:6} {what:34} {text}  {met}", flush=True)


def report(bench, busy):
    count = CHANGES // bench.scale
    add_files(bench.engine, busy.name, count)
    bundle = kept(bench, busy.name)
    busy.check(bundle, True)
    if rows_of(bundle, "data/filesystem/changes.ndjson") < count:
        raise RuntimeError("not every file is in the bundle")
    side, peak, page = rendered(bench, bundle)
    add(bench, "REPORT", f"{count} files, {busy.processes} processes", {"cpu_s": round(min(side.cpu), 3), "wall_s": round(min(side.wall), 3),
        "rss_kib": peak, "html_bytes": page}, {"cpu_s": LARGE_CPU_S, "rss_kib": LARGE_RSS_KIB, "html_bytes": HTML_BYTES})
    bench.engine.run("run", "-d", "--name", "few", "bench-busy:1", "/bin/busybox", "sleep", "1000000")
    add_files(bench.engine, "few", FEW)
    bench.case(FEW)
    for name, what in (("few", f"{FEW} files"), (f"c{FEW}", f"{FEW} files, 40,000 in the image")):
        side, peak, page = rendered(bench, kept(bench, name))
        add(bench, "REPORT", what, {"wall_s": round(min(side.wall), 3), "cpu_s": round(min(side.cpu), 3), "rss_kib": peak,
            "html_bytes": page}, {"wall_s": SMALL_WALL_S, "rss_kib": LARGE_RSS_KIB, "html_bytes": HTML_BYTES})


def first_screen(bench, name):
    """Seconds from the start of a capture to a whole first summary on a terminal; the capture is then let end."""
    bench.fresh()
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    began, text, at = time.monotonic(), b"", None
    child = subprocess.Popen([bench.binary, "capture", name, "--no-commit", "-o", bench.out], env=bench.engine.env,
                             stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    while True:
        try:
            ready, _, _ = select.select([ours], [], [], 600)
            block = os.read(ours, 1 << 16) if ready else b""
        except OSError:     # the other end is closed
            block = b""
        if not block:
            break
        text += block
        if at is None and b"VERDICT" in text and b"not sealed yet" in text:
            at = time.monotonic() - began
    os.close(ours)
    child.wait()
    if at is None:
        raise RuntimeError(f"no first screen: {text[-500:]!r}")
    return at, time.monotonic() - began


def p16(bench):
    bench.case(50)
    times = [first_screen(bench, "c50") for _ in range(bench.options.rounds)]
    add(bench, "P16", "first screen, 50 changes", {"screen_s": round(max(t[0] for t in times), 3),
        "whole_capture_s": round(max(t[1] for t in times), 3)}, {"screen_s": SCREEN_S})
