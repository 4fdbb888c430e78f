"""P7, P8 and the busy half of P10: sockets, processes and the pause of a container with 500 processes and 25,000 sockets."""
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import time

import measure

HERE = pathlib.Path(__file__).resolve().parent
PROCESSES, PAIRS = 500, 25  # each process holds both ends of its connections: 50 sockets, and one that listens
READY_S = 60
RSS_GOAL_KIB = 32 << 10


class Busy:
    """The container, made once, and what is known of it."""

    def __init__(self, engine, place, scale):
        self.engine, self.name = engine, "busy"
        self.processes, self.pairs = PROCESSES // scale, PAIRS
        program = os.path.join(place, "busy")
        subprocess.run(["gcc", "-O1", "-static", "-o", program, str(HERE / "busy.c")], check=True)
        archive = os.path.join(place, "busy.tar")
        with tarfile.open(archive, "w") as tar:
            tar.add(program, "busy")
            tar.add(shutil.which("busybox", path="/bin:/usr/bin"), "bin/busybox")
            etc = tarfile.TarInfo("etc/hostname")
            tar.addfile(etc, io.BytesIO(b""))
        engine.run("import", archive, "bench-busy:1")
        engine.run("run", "-d", "--name", self.name, "bench-busy:1", "/busy", str(self.processes + 1), str(self.pairs))
        until = time.monotonic() + READY_S
        while "ready" not in engine.run("logs", self.name):
            if time.monotonic() > until:
                raise RuntimeError("the busy container did not get ready")
            time.sleep(0.2)
        self.pid = engine.run("inspect", "-f", "{{.State.Pid}}", self.name)

    def check(self, bundle, processes):
        """Every connection with its one owner, every listener, every process: else the time means nothing."""
        seen = {"ESTABLISHED": 0, "LISTEN": 0}
        with open(bundle / "data/network/sockets.ndjson", encoding="utf-8") as rows:
            next(rows)
            for row in map(json.loads, rows):
                if row.get("proto") == "tcp" and row["state"] in seen and len(row["owners"]) == 1:
                    seen[row["state"]] += 1
        want = {"ESTABLISHED": 2 * self.pairs * self.processes, "LISTEN": self.processes}
        if seen != want:
            raise RuntimeError(f"sockets with an owner: {seen}, wanted {want}")
        if processes:
            with open(bundle / "data/processes/processes.ndjson", encoding="utf-8") as rows:
                count = sum(1 for _ in rows) - 1
            if count != self.processes + 1:
                raise RuntimeError(f"{count} processes, wanted {self.processes + 1}")


def bundle_of(out):
    return next(p for p in pathlib.Path(out).iterdir() if not p.name.endswith("-report"))


def against(bench, busy, item, what, collectors, name, command, goal):
    ours = measure.Side("kanshiki", bench.collect(busy.name, "--only", collectors), bench.fresh)
    theirs = measure.Side(name, command)
    measure.side_by_side(ours, theirs, bench.options.rounds, bench.engine.env, bench.engine.pid)
    busy.check(bundle_of(bench.out), "processes" in collectors)
    bench.add(item, what, ours, theirs, goal)
    bench.add(item, what + ", CPU", ours, theirs, goal, ratio=min(theirs.cpu) / min(ours.cpu))
    peak = measure.peak_rss([*bench_fresh(bench), *bench.collect(busy.name, "--only", collectors)], bench.engine.env)
    met = "met" if peak <= RSS_GOAL_KIB else "missed"
    bench.rows.append({"item": item, "what": what + ", peak RSS", "kib": peak, "goal_kib": RSS_GOAL_KIB, "met": met})
    print(f"{item:4} {what + ', peak RSS of any process':34} {peak} KiB  goal {RSS_GOAL_KIB} KiB  {met}", flush=True)


def bench_fresh(bench):
    bench.fresh()
    return []


def p7(bench, busy):
    against(bench, busy, "P7", "25k sockets with owners", "network", "nsenter ss -tanp",
            ["nsenter", "-t", busy.pid, "-n", "ss", "-tanp"], 3)


def p8(bench, busy):
    against(bench, busy, "P8", "500 processes, 25k sockets", "processes,network", "nsenter lsof -n -P",
            ["sh", "-c", f"nsenter -t {busy.pid} -n lsof -n -P 2>/dev/null"], 5)


def runbook_pause(bench, busy):
    """Milliseconds from pause to unpause of what a responder types."""
    docker = bench.engine.docker
    script = (f"{docker} pause {busy.name} && {docker} top {busy.name} && nsenter -t {busy.pid} -n ss -tanp && "
              f"{docker} inspect {busy.name} && {docker} diff {busy.name}; {docker} unpause {busy.name}")
    began = time.monotonic()
    subprocess.run(script, shell=True, check=True, env=bench.engine.env, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return (time.monotonic() - began) * 1000


def p10(bench, busy):
    own, total, theirs = [], [], []
    for _ in range(bench.options.rounds):
        bench.fresh()
        subprocess.run([bench.binary, "-q", "capture", busy.name, "--freeze", "auto", "--only", "processes,network,filesystem",
                        "--no-commit", "--no-report", "-o", bench.out], env=bench.engine.env, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        freeze = json.loads((bundle_of(bench.out) / "capture.json").read_text())["freeze"]
        own.append((freeze["total_ns"] - freeze["engine_ns"]) / 1e6)
        total.append(freeze["total_ns"] / 1e6)
        theirs.append(runbook_pause(bench, busy))
    busy.check(bundle_of(bench.out), True)
    ratio = min(theirs) / min(total)
    met = "met" if min(own) <= 250 and ratio >= 10 else "missed"
    bench.rows.append({"item": "P10", "what": "freeze, 500 processes, 25k sockets", "own_ms": own, "total_ms": total,
                       "runbook_ms": theirs, "goal_ms": 250, "goal_ratio": 10, "met": met})
    print(f"P10  freeze, 500 processes, 25k sockets: own part min {min(own):.0f} ms of {min(total):.0f} ms, shell runbook "
          f"{min(theirs):.0f} ms, ratio {ratio:.1f}  goal 250 ms and 10  {met}", flush=True)
