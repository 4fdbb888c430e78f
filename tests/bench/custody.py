"""P13 and VERIFY: what the custody commit costs beside hashing and beside git, its objects, and verify beside openssl."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import measure

HERE = pathlib.Path(__file__).resolve().parent
MIB, GIB = 1 << 20, 1 << 30
COMMIT_CPU, COMMIT_WALL, VERIFY_CPU, RSS_KIB, SAME_WALL = 0.15, 10, 1.2, 32 << 10, 1.5
SAME_CONTENT = 2    # two artefacts of one content are one object: that the engine says the same twice is chance
LIBRARIES = ("libgit2", "libcrypto", "jansson", "libcurl", "libarchive", "zlib", "libseccomp")


def c_program(bench, top, name):
    """One of the C files here, linked with what was built."""
    program = os.path.join(bench.work, name)
    if not os.path.exists(program):
        build = pathlib.Path(bench.binary).resolve().parent
        flags = subprocess.run(["pkg-config", "--libs", *LIBRARIES], check=True, capture_output=True, text=True).stdout.split()
        subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", f"-I{top}/include", f"-I{top}/src", "-o", program, str(HERE / f"{name}.c"), "-Wl,--start-group",
                        *map(str, sorted(build.glob("src/*/libkan_*.a"))), "-Wl,--end-group", *flags], check=True)
    return program


def kept(bench, name, *more):
    """A sealed bundle outside of what the next capture clears."""
    bench.fresh()
    subprocess.run(bench.collect(name, *more), env=bench.engine.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    bundle = next(p for p in pathlib.Path(bench.out).iterdir() if not p.name.endswith("-report"))
    place = pathlib.Path(tempfile.mkdtemp(dir=bench.work)) / bundle.name
    shutil.move(bundle, place)
    return place


def big_bundle(bench):
    size = GIB // bench.scale
    bench.need_image()
    bench.engine.run("run", "-d", "--name", "big", "bench:1", "/bin/sleep", "1000000")
    root = f"/proc/{bench.engine.run('inspect', '-f', '{{.State.Pid}}', 'big')}/root"
    with open(f"{root}/big", "wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
    return kept(bench, "big", "--only", "filesystem,engine", "--image", "none", "--max-bytes", str(4 * GIB)), size


def objects(home):
    done = subprocess.run(["git", "-c", "safe.directory=*", "-C", f"{home}/custody.git", "count-objects", "-v"], check=True, capture_output=True, text=True)
    return int(done.stdout.split("count: ")[1].split()[0])


def cost(bench, item, what, ours, theirs, goal, more):
    bench.add_cost(item, what, ours, theirs, goal, more)


def committed(bench, program, bundle):
    """So many commits of one bundle, each into a fresh home on its own file system; and the last home."""
    home = os.path.join(bench.work, "commit-home")

    def before():
        shutil.rmtree(home, ignore_errors=True)
        os.sync()

    side = measure.Side("custody commit", [program, home, str(bundle)], before)
    return side, home


def p13(bench, top):
    program = c_program(bench, top, "commit")
    bundle, size = big_bundle(bench)
    print(f"P13  evidence of {sum(p.stat().st_size for p in bundle.rglob('*') if p.is_file()) / MIB:.0f} MiB", flush=True)
    ours, _ = committed(bench, program, bundle)
    work = os.path.join(bench.work, "git-add")
    script = (f"rm -rf {work} && cp -r {bundle} {work} && sync && cd {work} && git init -q . && git config user.name x && git config user.email x@example.org"
              " && git add . && git commit -q -m x && sync")
    theirs = measure.Side("git add && git commit", f"cd {work} && git add . && git commit -q -m x && sync",
                          lambda: subprocess.run(["sh", "-c", script.split(" && git add")[0]], check=True))
    measure.side_by_side(ours, theirs, max(2, bench.options.rounds - 2), bench.engine.env, bench.engine.pid)
    bench.add("P13", "commit of 1 GiB, wall", ours, theirs, COMMIT_WALL)
    hashing = measure.Side("openssl dgst", f"find {bundle} -type f -exec openssl dgst -sha256 {{}} +")
    for _ in range(bench.options.rounds):
        hashing.run(bench.engine.env, lambda: 0)
    cost(bench, "P13", "commit of 1 GiB, CPU of hashing", min(ours.cpu), min(hashing.cpu), COMMIT_CPU, {"ours_s": min(ours.cpu), "hash_s": min(hashing.cpu)})
    fresh = os.path.join(bench.work, "memory-home")
    cost(bench, "P13", "commit of 1 GiB, peak KiB", measure.peak_rss([program, fresh, str(bundle)], bench.engine.env), 1, RSS_KIB, {})
    counts, walls, files_of = {}, {}, {}
    for count in (50, 100000 // bench.scale):
        bench.case(count)
        source = kept(bench, f"c{count}")
        files_of[count] = {(str(p.relative_to(source)), p.stat().st_size == 0) for p in source.rglob("*") if p.is_file()}
        one, home = committed(bench, program, source)
        for _ in range(3):
            one.run(bench.engine.env, lambda: 0)
        counts[count], walls[count] = objects(home), min(one.wall)
    few, many = counts
    if abs(counts[few] - counts[many]) > SAME_CONTENT:
        raise RuntimeError(f"git objects differ: {counts}: {files_of[few] ^ files_of[many]}")
    cost(bench, "P13", f"{many} files beside {few}, wall", walls[many], walls[few], SAME_WALL, {"objects": counts[few], "many_s": walls[many], "few_s": walls[few]})
    verify(bench, bundle, hashing, size)


def verify(bench, bundle, hashing, size):
    ours = measure.Side("kanshiki verify", [bench.binary, "verify", str(bundle)])
    measure.side_by_side(ours, hashing, bench.options.rounds, bench.engine.env, bench.engine.pid)
    cost(bench, "P13", f"verify of {size // MIB} MiB, CPU of openssl dgst", min(ours.cpu), min(hashing.cpu), VERIFY_CPU,
         {"ours_s": min(ours.cpu), "openssl_s": min(hashing.cpu)})
    cost(bench, "P13", "verify of 1 GiB, peak KiB", measure.peak_rss(ours.command, bench.engine.env), 1, RSS_KIB, {})
