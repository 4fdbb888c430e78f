"""`./run bench`: kanshiki beside what a user would use instead, in one run, on the private engine."""
import argparse
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

import custody
import files
import hunt
import incident
import measure
import repeat
import reports
import volatile
import workload

TOP = pathlib.Path(__file__).resolve().parents[2]
GIB, MIB = 1 << 30, 1 << 20


class Bench:
    def __init__(self, options):
        self.options, self.rows, self.bad = options, [], 0
        self.place = tempfile.mkdtemp(prefix="kb-", dir="/tmp")
        self.out = os.path.join(self.place, "out")
        free = shutil.disk_usage(self.place).free
        self.scale = 1 if free >= 8 * GIB and not options.small else 10
        self.binary = options.binary
        self.engine = None
        self.cases = {}
        self.busy, self.image, self.work = None, False, None

    def wanted(self, item):
        return not self.options.items or item in self.options.items

    def fresh(self):
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out, 0o700)

    def need_image(self):
        """The large image, made when the first item asks for it."""
        if not self.image:
            workload.build_image(self.engine, self.work, GIB // self.scale)
        self.image = True

    def case(self, count):
        """The container with so many changes: made once."""
        self.need_image()
        if count not in self.cases:
            total = 400 << 10 if count <= 50 else count * (8 << 10)
            self.cases[count] = workload.container(self.engine, f"c{count}", count, total)
        return self.cases[count]

    def collect(self, name, *more):
        return [self.binary, "-q", "capture", name, "--freeze", "never", "--no-commit", "--no-report", "-o", self.out, *more]

    def collector(self, name):
        """P2, P5 and P6 are of one collector: its own time, as the capture document has it."""
        return lambda: files.collector_ms(files.bundle_of(self.out), name) / 1e3

    def check_answer(self, truth):
        """Ours has to be right before it may be fast."""
        bundle = next(p for p in pathlib.Path(self.out).iterdir() if not p.name.endswith("-report"))
        found = {}
        with open(bundle / "data/filesystem/changes.ndjson", encoding="utf-8") as rows:
            next(rows)
            for line in rows:
                row = json.loads(line)
                if row["change"] not in ("parent", "engine") and row["type"] != "dir":
                    found[row["path"]] = row["change"]
        wrong = {p: (truth.get(p), found.get(p)) for p in truth.keys() | found.keys() if truth.get(p) != found.get(p)}
        if wrong:
            raise RuntimeError(f"{len(wrong)} wrong answers, such as {sorted(wrong.items())[:3]}")

    def add(self, item, what, ours, theirs, goal, ratio=None, unit="x"):
        ratio = theirs.compared() / ours.compared() if ratio is None else ratio
        met = "-" if goal is None else "met" if ratio >= goal else "missed"
        row = {"item": item, "what": what, "ours": ours.row(), "theirs": theirs.row() if theirs else None,
               "ratio": round(ratio, 2), "unit": unit, "goal": goal, "met": met}
        self.rows.append(row)
        whole = f"(whole command {min(ours.wall):.3f} s) " if ours.parts else ""
        print(f"{item:4} {what:34} ours {ours.compared():8.4f} s {whole} {theirs.name if theirs else '-':34} "
              f"{min(theirs.wall) if theirs else 0:8.3f} s  rounds {len(ours.wall)}  ratio {ratio:8.2f}  "
              f"goal {goal}  {met}", flush=True)

    def files(self, item, count, name, command, goal):
        truth, _ = self.case(count)
        ours = measure.Side("kanshiki", self.collect(f"c{count}", "--only", "filesystem", "--image", "none"), self.fresh,
                            self.collector("filesystem"))
        theirs = measure.Side(name, command)
        rounds = self.options.rounds if count <= 50 or "export" not in command else max(2, self.options.rounds - 2)
        measure.side_by_side(ours, theirs, rounds, self.engine.env, self.engine.pid)
        self.fresh()
        ours.run(self.engine.env, lambda: 0)
        self.check_answer(truth)
        self.add(item, f"{count} changes", ours, theirs, goal)
        return ours

    def p2(self):
        for count, export_goal, tar_goal in ((50, 100, 1), (10000, 25, 1.5), (100000 // self.scale, None, 1.5)):
            _, upper = self.case(count)
            docker = self.engine.docker
            if export_goal:
                self.files("P2", count, "docker export | sha256sum", f"{docker} export c{count} | sha256sum", export_goal)
            self.files("P2", count, "tar --xattrs | openssl dgst",
                       f"tar --xattrs -C {upper} -c . | openssl dgst -sha256", tar_goal)

    def p5(self):
        for count, goal in ((50, 500), (10000, 30), (100000 // self.scale, 10)):
            self.files("P5", count, "docker diff", f"{self.engine.docker} diff c{count}", goal)

    def p6(self):
        self.case(50)
        ours = measure.Side("kanshiki", self.collect("c50", "--only", "image"), self.fresh, self.collector("image"))
        theirs = measure.Side("docker save, tar and digests",
                              f"mkdir -p {self.place}/s && {self.engine.docker} save bench:1 | tar -x -C {self.place}/s && "
                              f"find {self.place}/s -name layer.tar -exec sh -c 'tar -xOf \"$1\" | sha256sum' _ {{}} \\; && "
                              f"rm -rf {self.place}/s")
        measure.side_by_side(ours, theirs, 2, self.engine.env, self.engine.pid)
        self.add("P6", "image baseline", ours, theirs, 5)

    def p10(self):
        self.case(50)
        own, total = [], []
        for _ in range(self.options.rounds):
            self.fresh()
            subprocess.run([self.binary, "-q", "capture", "c50", "--freeze", "auto", "--no-commit", "--no-report", "-o",
                            self.out], env=self.engine.env, check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            bundle = next(p for p in pathlib.Path(self.out).iterdir() if not p.name.endswith("-report"))
            freeze = json.loads((bundle / "capture.json").read_text())["freeze"]
            own.append((freeze["total_ns"] - freeze["engine_ns"]) / 1e6)
            total.append(freeze["total_ns"] / 1e6)
        met = "met" if min(own) <= 20 else "missed"
        self.rows.append({"item": "P10", "what": "freeze, own part, few processes", "own_ms": own, "total_ms": total,
                          "goal_ms": 20, "met": met})
        print(f"P10  freeze, few processes: own part min {min(own):.1f} ms max {max(own):.1f} ms of "
              f"{min(total):.1f} ms  goal 20 ms  {met}", flush=True)

    def busy_item(self, item):
        if not self.busy:
            self.busy = volatile.Busy(self.engine, self.work, self.scale)
        item(self, self.busy)

    def p7(self):
        self.busy_item(volatile.p7)

    def p8(self):
        self.busy_item(volatile.p8)

    def p10b(self):
        """Of a busy container: after all that has to be quiet."""
        self.busy_item(volatile.p10)

    def p1(self):
        files.p1(self)

    def p4(self):
        files.p4(self)

    def p9(self):
        files.p9(self)

    def p13(self):
        custody.p13(self, TOP)

    def report(self):
        self.busy_item(reports.report)

    def p16(self):
        reports.p16(self)

    def p15(self):
        incident.p15(self)

    def repeat(self):
        repeat.repeat(self, TOP)

    def hunt(self):
        hunt.hunt(self, TOP)

    def p12(self):
        self.need_image()
        files.p12(self)

    def add_cost(self, item, what, ours, theirs, goal, more):
        """CPU seconds that may be so many times the loop's: less is better."""
        ratio = ours / theirs
        met = "met" if ratio <= goal else "missed"
        self.rows.append({"item": item, "what": what, "cost": round(ratio, 2), "goal_cost": goal, "met": met,
                          **{k: round(v, 3) for k, v in more.items()}})
        print(f"{item:4} {what:34} {', '.join(f'{k} {v:.3f}' for k, v in more.items())}  cost {ratio:.2f} of the loop  "
              f"goal {goal}  {met}", flush=True)

    def add_limit(self, item, what, times, limit, has_goal=True):
        """Milliseconds of a command that has to be done within a limit; without a goal: to be known."""
        met = "-" if not has_goal else "met" if min(times) <= limit else "missed"
        self.rows.append({"item": item, "what": what, "ms": round(min(times), 1), "all_ms": [round(t, 1) for t in times],
                          "goal_ms": limit if has_goal else "-", "met": met})
        print(f"{item:4} {what:34} min {min(times):.1f} ms max {max(times):.1f} ms  goal {limit if has_goal else '-'} ms  {met}", flush=True)

    def head(self):
        model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                      if line.startswith("model name")), "unknown")
        version = self.engine.run("version", "-f", "{{.Server.Version}}")
        return {"schema": "kanshiki.bench/1", "cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
                "engine": version, "load": os.getloadavg(), "scale": f"1/{self.scale}", "rows": self.rows}

    def run(self):
        try:
            self.engine = workload.Engine(TOP, os.path.join(self.place, "e"))
            self.work = os.path.join(self.place, "w")
            os.mkdir(self.work)
            if self.scale != 1:
                print("asked for, or less than 8 GiB free: the image is a tenth, 100 MB")
            for item in ("p10", "p2", "p5", "p1", "p4", "p9", "p6", "p13", "p12", "p15", "hunt", "repeat", "p16", "p10b", "p7", "p8", "report"):
                if not self.wanted(item.upper().removesuffix("B")):
                    continue
                try:
                    getattr(self, item)()
                except (RuntimeError, subprocess.CalledProcessError, StopIteration, KeyError) as fault:
                    self.bad += 1
                    print(f"{item.upper()} FAILED: {fault!r} {getattr(fault, 'stderr', '')}", flush=True)
            self.write()
        finally:
            if self.engine:
                self.engine.down()
            shutil.rmtree(self.place, ignore_errors=True)
        return 1 if self.bad or not self.rows else 0

    def write(self):
        place = TOP / "build/bench"
        place.mkdir(parents=True, exist_ok=True)
        head = self.head()
        (place / "bench.json").write_text(json.dumps(head, indent=1) + "\n")
        lines = [f"# Benchmark\n\n{head['cpu']}, {head['cores']} cores, Linux {head['kernel']}, Docker {head['engine']}, "
                 f"load {head['load'][0]:.1f}, scale {head['scale']}\n",
                 "| item | what | ours (whole command) | theirs | ratio | goal | |", "|---|---|---|---|---|---|---|"]
        for row in self.rows:
            if "ratio" in row:
                lines.append(f"| {row['item']} | {row['what']} | {row['ours']['compared_min_s']} s ({row['ours']['wall_min_s']}) | "
                             f"{row['theirs']['command'].split('/')[-1]}: {row['theirs']['wall_min_s']} s | {row['ratio']} | "
                             f"{row['goal']} | {row['met']} |")
            else:
                lines.append(f"| {row['item']} | {row['what']} | {first(row, 'own_ms', 'kib', 'cost', 'ms')} | | | "
                             f"{first(row, 'goal_ms', 'goal_kib', 'goal_cost')} | {row['met']} |")
        (place / "bench.md").write_text("\n".join(lines) + "\n")


def first(row, *keys):
    return next(row[k] for k in keys if k in row)


def main():
    parser = argparse.ArgumentParser(description="side-by-side benchmark")
    parser.add_argument("items", nargs="*", help="P1 P2 P4 P5 P6 P7 P8 P9 P10 P12 P13 P15 P16 HUNT REPEAT REPORT; none: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="everything at a tenth")
    parser.add_argument("--binary", default=os.environ.get("KANSHIKI", str(TOP / "build/kanshiki")))
    options = parser.parse_args()
    options.items = [item.upper() for item in options.items]
    sys.exit(Bench(options).run())


main()
