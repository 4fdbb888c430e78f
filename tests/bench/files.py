"""P1, P4, P9 and P12: files, a hole, a log and memory; against what the machine itself costs, and what a user would type."""
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile
import time

import measure
import workload

HERE = pathlib.Path(__file__).resolve().parent
MIB, GIB = 1 << 20, 1 << 30
HOLE, ISLANDS, ISLAND = 100 * GIB, 4, 64 << 10
LOG_LINE = 400
P12_GOAL_KIB = 32 << 10


def loop_program(bench):
    program = os.path.join(bench.work, "loop")
    if not os.path.exists(program):
        subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", program, str(HERE / "loop.c"), "-lcrypto"], check=True)
    return program


def bundle_of(out):
    return next(p for p in pathlib.Path(out).iterdir() if not p.name.endswith("-report"))


def collector_ms(bundle, name):
    return next(c["ns"] / 1e6 for c in json.loads((bundle / "capture.json").read_text())["collectors"] if c["name"] == name)


def cpu_of(bench, command):
    side = measure.Side("loop", command)
    for _ in range(bench.options.rounds):
        side.run(bench.engine.env, lambda: 0)
    return min(side.cpu)


def p1(bench):
    """CPU of all of it against one loop. The tar's own digest is the bag's and not the loop's: shown, and not counted."""
    count = 100000 // bench.scale
    truth, upper = bench.case(count)
    program = loop_program(bench)
    ours = measure.Side("kanshiki", bench.collect(f"c{count}", "--only", "filesystem", "--image", "none"), bench.fresh)
    theirs = measure.Side("walk, open, read, SHA-256", [program, "tree", upper])
    measure.side_by_side(ours, theirs, bench.options.rounds, bench.engine.env, bench.engine.pid)
    bench.check_answer(truth)
    tar = cpu_of(bench, [program, "digest", str(bundle_of(bench.out) / "data/filesystem/upper.tar")])
    bench.add_cost("P1", f"{count} changes, CPU", min(ours.cpu) - tar, min(theirs.cpu), 1.25,
                   {"whole_s": min(ours.cpu), "tar_digest_s": tar, "loop_s": min(theirs.cpu)})


def p4(bench):
    """100 GiB with four islands of data: what the collector takes, and what it stores."""
    bench.need_image()
    bench.engine.run("run", "-d", "--name", "sparse", "bench:1", "/bin/sleep", "1000000")
    pid = bench.engine.run("inspect", "-f", "{{.State.Pid}}", "sparse")
    place = pathlib.Path(f"/proc/{pid}/root/hole")
    with open(place, "wb") as file:
        file.truncate(HOLE)
        for i in range(ISLANDS):
            file.seek(i * (HOLE // ISLANDS))
            file.write(os.urandom(ISLAND))
    times = []
    for _ in range(bench.options.rounds):
        bench.fresh()
        subprocess.run(bench.collect("sparse", "--only", "filesystem", "--image", "none"), env=bench.engine.env,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        times.append(collector_ms(bundle_of(bench.out), "filesystem"))
    tar = bundle_of(bench.out) / "data/filesystem/upper.tar"
    same_islands(bench, tar, place)
    stored, data = tar.stat().st_size, ISLANDS * ISLAND
    met = "met" if min(times) < 100 and stored < 2 * data else "missed"
    bench.rows.append({"item": "P4", "what": "100 GiB sparse file", "ms": times, "stored": stored, "data": data, "goal_ms": 100,
                       "met": met})
    print(f"P4   100 GiB sparse file: collector min {min(times):.1f} ms, stored {stored} for {data} of data  goal 100 ms, twice "
          f"the data  {met}", flush=True)


def same_islands(bench, tar, original):
    """GNU tar makes the file from our tar; its islands are those of the original."""
    place = tempfile.mkdtemp(dir=bench.work)
    subprocess.run(["tar", "-x", "--sparse", "-f", str(tar), "-C", place], check=True)
    found = next(pathlib.Path(place).rglob("hole"))
    if found.stat().st_size != HOLE:
        raise RuntimeError(f"the extracted file has {found.stat().st_size} bytes")
    with open(found, "rb") as mine, open(original, "rb") as theirs:
        for i in range(ISLANDS):
            for file in (mine, theirs):
                file.seek(i * (HOLE // ISLANDS))
            if mine.read(ISLAND) != theirs.read(ISLAND):
                raise RuntimeError(f"island {i} differs")
    found.unlink()


def write_log(path, octets):
    """A log as the engine writes it. Its digest."""
    digest, text = hashlib.sha256(), "x" * LOG_LINE
    line = json.dumps({"log": text + "\n", "stream": "stdout", "time": "2026-11-22T10:00:00.000000000Z"},
                      separators=(",", ":")).encode() + b"\n"
    block = line * (MIB // len(line))
    with open(path, "wb") as file:
        while file.tell() < octets:
            file.write(block)
            digest.update(block)
    return digest.hexdigest()


def p9(bench):
    bench.need_image()
    engine, program = bench.engine, loop_program(bench)
    engine.run("run", "--name", "chatty", "bench:1", "/bin/true")
    log = f"/proc/{engine.pid}/root" + engine.run("inspect", "-f", "{{.LogPath}}", "chatty")
    truth = write_log(log, GIB * 9 // 10 // bench.scale)
    ours = measure.Side("kanshiki", bench.collect("chatty", "--only", "logs", "--image", "none"), bench.fresh)
    theirs = measure.Side("docker logs", f"{engine.docker} logs chatty >{bench.work}/logs.out")
    measure.side_by_side(ours, theirs, max(2, bench.options.rounds - 3), engine.env, engine.pid)
    stored = bundle_of(bench.out) / "data/logs/json-file/0.log"
    if hashlib.file_digest(open(stored, "rb"), "sha256").hexdigest() != truth:
        raise RuntimeError("the stored log is not the log")
    bench.add("P9", "1 GB json-file log", ours, theirs, 20)
    loop = cpu_of(bench, [program, "copy", log, f"{bench.work}/log.copy"])
    bench.add_cost("P9", "the same, CPU", min(ours.cpu), loop, 1.25, {"whole_s": min(ours.cpu), "loop_s": loop})


def p12(bench):
    """The largest process, from few files to very many: all at the same peak."""
    peaks = {}
    for count in (1000, 100000 // bench.scale, 1000000 // bench.scale):
        name = workload.many(bench.engine, count)
        bench.fresh()
        peaks[count] = measure.peak_rss(bench.collect(name, "--only", "filesystem", "--image", "none"), bench.engine.env)
        rows = sum(1 for _ in open(bundle_of(bench.out) / "data/filesystem/changes.ndjson", "rb")) - 1
        if rows < count:
            raise RuntimeError(f"{rows} rows for {count} files")
        bench.engine.run("rm", "-f", name)
    met = "met" if max(peaks.values()) <= P12_GOAL_KIB else "missed"
    bench.rows.append({"item": "P12", "what": "peak RSS", "kib": peaks, "goal_kib": P12_GOAL_KIB, "met": met})
    print(f"P12  peak RSS of any process: {peaks} KiB  goal {P12_GOAL_KIB} KiB  {met}", flush=True)
