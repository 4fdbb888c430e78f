"""Memory when asked: core files against what the process itself says, read by gdb and readelf; indicators at their addresses."""
import json
import os
import pathlib
import re
import subprocess
import time
import unittest

import world
from world import docker, inspect, remove, value

PAGE = 4096
MIB = 1 << 20
FAULTS = ("--cap-add", "SYS_PTRACE", "--security-opt", "seccomp=unconfined")


@world.once
def program():
    path = world.scratch() / "planter"
    world.sh("gcc", "-static", "-O1", "-pthread", "-o", path, pathlib.Path(__file__).with_name("memory.c"))
    return path


def pattern(n, seed):
    """The bytes that pattern() of memory.c writes."""
    return bytes((i * 31 + i // PAGE * 7 + seed) & 255 for i in range(n))


def with_text(data, at, text):
    return data[:at] + text + data[at + len(text):]


class Planted:
    """A container that says where it planted what."""

    def __init__(self, name, *command, flags=()):
        remove(name)
        docker("create", "--name", name, *flags, world.IMAGE, "/planter", *command)
        docker("cp", program(), f"{name}:/planter")
        docker("start", name)
        self.name, self.pid = name, inspect(name)["State"]["Pid"]
        self.root = pathlib.Path(f"/proc/{self.pid}/root")
        world.wait_until(lambda: (self.root / "tmp/planted").exists(), 60, "it has planted")
        lines = (self.root / "tmp/planted").read_text().splitlines()
        self.at = {name: int(address, 16) for name, address in (line.split() for line in lines)}

    @property
    def start_time(self):
        return pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")")[-1].split()[19]

    def beats(self):
        with open(f"/proc/{self.pid}/mem", "rb") as stream:
            stream.seek(self.at["beats"])
            return int.from_bytes(stream.read(8), "little")


class Memory(unittest.TestCase):
    def setUp(self):
        self.names = []
        self.home = world.new_directory("home")

    def tearDown(self):
        remove(*self.names) if self.names else None

    def planted(self, *command, flags=()):
        name = f"mem-{len(self.names)}"
        self.names.append(name)
        return Planted(name, *(command or ("plant",)), flags=flags)

    def taken(self, target, *flags, statuses=(0,)):
        done = world.capture(target.name, "--no-report", "--no-commit", "--image", "none", *flags, home=self.home)
        self.assertIn(done.status, statuses, str(done))
        bundle = world.Bundle(done.json["bundle"])
        self.assertEqual(world.verify(bundle.path).status, 0)
        self.assertFalse(world.is_paused(done.json["container"]["id"]))
        self.assertEqual(world.own_processes(), [])
        return bundle

    def core(self, bundle, target):
        return bundle / f"data/memory/core/{target.pid}-{target.start_time}.elf"

    def gdb(self, core, *commands):
        words = [w for c in commands for w in ("-ex", c)]
        return world.sh("gdb", "-nx", "-batch", "-ex", f"core-file {core}", *words, check=False)

    def string_at(self, core, address):
        line = re.search(rf"^{address:#x}:\t(.*)$", self.gdb(core, f"x/s {address:#x}"), re.M)
        return line and line.group(1)

    def region(self, bundle, target, address):
        rows = [r for r in bundle.rows("memory/regions.ndjson")
                if r["pid"] == target.pid and int(r["start"], 16) <= address < int(r["end"], 16)]
        return rows[0] if rows else None

    def indicators(self, *lines):
        path = world.new_directory("indicators") / "list"
        path.write_bytes(b"\n".join(lines) + b"\n")
        return path

    def follows_its_schema(self, bundle):
        world.sh("python3", world.TOP / "tests/contract/check_bundle.py", bundle.path)

    def memory_gaps(self, bundle):
        return [g for g in bundle.gaps() if g["collector"] == "memory"]

    # --- cores -------------------------------------------------------------------------------------------------------

    def test_gdb_reads_what_the_process_has_planted(self):
        target = self.planted(flags=FAULTS)
        bundle = self.taken(target, "--memory", "writable")
        self.assertEqual(self.memory_gaps(bundle), [])
        self.follows_its_schema(bundle)
        core = self.core(bundle, target)
        for name, text in (("heap", "planted on the heap 4111"), ("stack", "planted on the stack 4222"),
                           ("sparse", "first page of the sparse one"), ("faulted", "the only page that is there")):
            self.assertEqual(self.string_at(core, target.at[name]), f'"{text}"', name)
        self.assertEqual(self.string_at(core, target.at["sparse"] + (1 << 29)), '"middle page of the sparse one"')
        self.assertEqual(self.string_at(core, target.at["sparse"] + (1 << 30) - PAGE), '"last page of the sparse one"')
        self.assertEqual(self.string_at(core, target.at["anon"] + PAGE - 8)[:17], '"across two pages')
        threads = os.listdir(f"/proc/{target.pid}/task")
        self.assertEqual(sorted(re.findall(r"LWP (\d+)", self.gdb(core, "info threads").split("Frame")[1])), sorted(threads))

    def test_what_was_not_there_or_not_taken_is_no_zeros(self):
        target = self.planted(flags=FAULTS)
        core = self.core(self.taken(target, "--memory", "writable"), target)
        for name, offset in (("none", 0), ("read_only", 0), ("sparse", PAGE), ("faulted", PAGE)):
            said = self.gdb(core, f"x/s {target.at[name] + offset:#x}")
            self.assertIn("Cannot access memory", said, name)
        self.assertLess(core.stat().st_size, 8 * MIB, "a sparse gigabyte is three pages")

    def test_readelf_agrees_with_the_kernels_own_list_of_mappings(self):
        target = self.planted()
        bundle = self.taken(target, "--memory", "writable")
        core = self.core(bundle, target)
        said = world.sh("readelf", "-lnW", core)
        self.assertNotIn("Warning", said)
        loads = [[int(w, 16) for w in found] for found in
                 re.findall(r"^  LOAD +(\w+) (\w+) \w+ (\w+) (\w+) ", said, re.M)]
        maps = [r for r in bundle.rows("processes/maps.ndjson") if r["pid"] == target.pid]
        starts = {vaddr for _, vaddr, _, _ in loads}
        for row in maps:
            self.assertIn(int(row["start"], 16), starts, row)
        writable = [(int(r["start"], 16), int(r["end"], 16)) for r in maps if r["perms"][1] == "w"]
        size = core.stat().st_size
        for offset, vaddr, kept, length in loads:
            self.assertEqual(kept, length)
            self.assertLessEqual(offset + kept, size)
            if kept:
                self.assertTrue(any(a <= vaddr and vaddr + kept <= b for a, b in writable), hex(vaddr))
        self.assertEqual(sum(kept for _, _, kept, _ in loads),
                         sum(r.get("bytes", 0) for r in bundle.rows("memory/regions.ndjson")))
        for note in ("NT_PRSTATUS", "NT_PRPSINFO", "NT_AUXV", "NT_FILE"):
            self.assertIn(note, said)
        self.assertRegex(self.gdb(core, "info proc mappings"), rf"0x400000 +0x[0-9a-f]+ +0x[0-9a-f]+ +0x0 /planter")

    def test_digests_of_regions_are_those_that_the_planter_would_compute(self):
        target = self.planted()
        bundle = self.taken(target, "--memory", "writable")
        truth = {"anon": with_text(pattern(16 * PAGE, 1), PAGE - 8, b"across two pages"),
                 "big": with_text(pattern(3 * MIB, 2), MIB - 10, b"across two reads of a megabyte"),
                 "shared": pattern(4 * PAGE, 3)}
        for name, data in truth.items():
            row = self.region(bundle, target, target.at[name])
            self.assertEqual((row["bytes"], row["sha256"], row["frozen"], row["stored"]),
                             (len(data), world.sha256(data), True, True), name)
        sparse = self.region(bundle, target, target.at["sparse"])
        pages = [text.ljust(PAGE, b"\0") for text in
                 (b"first page of the sparse one", b"middle page of the sparse one", b"last page of the sparse one")]
        self.assertEqual((sparse["bytes"], sparse["sha256"]), (3 * PAGE, world.sha256(b"".join(pages))))
        self.assertIsNone(self.region(bundle, target, target.at["read_only"]))
        self.assertIsNone(self.region(bundle, target, target.at["none"]))

    def test_the_process_runs_on_as_it_was(self):
        target = self.planted()
        before, start, threads = target.beats(), target.start_time, os.listdir(f"/proc/{target.pid}/task")
        bundle = self.taken(target, "--memory", "writable")
        world.wait_until(lambda: target.beats() > before + 100, 10, "it counts on")
        self.assertEqual((target.start_time, sorted(os.listdir(f"/proc/{target.pid}/task"))), (start, sorted(threads)))
        status = pathlib.Path(f"/proc/{target.pid}/status").read_text()
        self.assertIn("TracerPid:\t0", status)
        freeze = bundle.json("capture.json")["freeze"]
        self.assertTrue(freeze["paused_by_us"])
        self.assertLess(freeze["total_ns"], 10 * 10**9)
        self.assertIn("read the memory", " ".join(bundle.json("capture.json")["impact"]))

    def test_memory_is_read_when_processes_and_network_have_been(self):
        bundle = self.taken(self.planted(), "--memory", "writable")
        self.assertTrue(all(r["frozen"] for r in bundle.rows("memory/regions.ndjson")))
        self.assertTrue(all(r["frozen"] for r in bundle.rows("processes/processes.ndjson")))

    def test_without_being_asked_there_is_none_and_no_gap(self):
        target = self.planted()
        bundle = self.taken(target)
        self.assertFalse(bundle.has("memory"))
        document = bundle.json("capture.json")
        self.assertEqual([s["why"] for s in document["scope"] if s["collector"] == "memory"], ["--memory none"])
        self.assertNotIn("memory", [c["name"] for c in document["collectors"]])
        self.assertEqual(bundle.gaps(), [])

    # --- limits and bad input ----------------------------------------------------------------------------------------

    def test_a_region_that_is_too_much_is_a_row_without_bytes_and_a_limit(self):
        target = self.planted("fill", "300")
        bundle = self.taken(target, "--memory", "writable", statuses=(5,))
        row = self.region(bundle, target, target.at["filled"])
        self.assertEqual((row["why"], row["present"], "bytes" in row, "sha256" in row), ("limit", 300 * MIB, False, False))
        gap = [g for g in self.memory_gaps(bundle) if g["what"] == str(target.pid)]
        self.assertEqual([g["code"] for g in gap], ["limit"])
        self.assertEqual(gap[0]["limit"], 256 * MIB)
        self.assertEqual(gap[0]["seen"] - gap[0]["kept"], 300 * MIB)
        stack = [r for r in bundle.rows("memory/regions.ndjson") if r.get("bytes")]
        self.assertGreater(len(stack), 2, "what fits is taken all the same")
        self.assertIn("Cannot access memory", self.gdb(self.core(bundle, target), f"x/s {target.at['filled']:#x}"))

    def test_the_end_of_the_pause_is_the_end_of_reading(self):
        target = self.planted("fill", "250")
        docker("exec", "-d", target.name, "/planter", "fill", "240")
        docker("exec", "-d", target.name, "/planter", "fill", "230")
        world.wait_until(lambda: len(processes_of(target.name)) == 3, 30, "there are three")
        bundle = self.taken(target, "--indicators", self.indicators(b"never in any memory of this"), "--max-freeze", "1",
                            statuses=(0, 5))
        freeze = bundle.json("capture.json")["freeze"]
        self.assertLess(freeze["total_ns"], 2 * 10**9)
        self.assertTrue(all(r["frozen"] for r in bundle.rows("processes/processes.ndjson")), "memory comes last and ages nobody")
        self.assertTrue(all(r["frozen"] for r in bundle.rows("network/sockets.ndjson")))
        rows = bundle.rows("memory/regions.ndjson")
        gaps = [(g["what"], g["code"]) for g in self.memory_gaps(bundle)]
        left = [r for r in rows if r.get("bytes", 0) < r["present"]]
        self.assertEqual(("deadline", "limit") in gaps, bool(left) or len({r["pid"] for r in rows}) < 3)
        self.assertTrue(all(r["why"] == "deadline" for r in left), left)
        late = [r["pid"] for r in rows if r.get("bytes") and not r["frozen"]]
        self.assertEqual(len(late), len(set(late)), "of each, at most the region that the end fell into")

    def test_thousands_of_mappings_are_all_there(self):
        most = 20000 if world.KANSHIKI.parent.name == "asan" else 60000    # looking has a time limit
        for count in (1000, most):
            target = self.planted("many", str(count))
            bundle = self.taken(target, "--memory", "writable")
            self.assertEqual(self.memory_gaps(bundle), [])
            core = self.core(bundle, target)
            self.assertEqual(self.string_at(core, target.at["mapping"]), '"mapping number 500"')
            rows = [r for r in bundle.rows("memory/regions.ndjson") if r["pid"] == target.pid]
            self.assertGreaterEqual(len(rows), count // 2)
            self.assertTrue(all(r["frozen"] and r["bytes"] == r["present"] for r in rows))
            self.assertLess(bundle.json("capture.json")["freeze"]["total_ns"], 10 * 10**9)
            remove(target.name)

    def killed_while_it_is_read(self, target, child):
        argv = [str(world.KANSHIKI), *world.capture_argv(target.name, "--no-report", "--no-commit", "--image", "none", "--freeze",
                                                         "never", "--memory", "writable", home=self.home)]
        before = set(self.home.glob("bundles/*"))
        run = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=world.environment())
        end = time.monotonic() + 60
        while time.monotonic() < end and run.poll() is None:
            cores = [c for c in self.home.glob(f"bundles/*.partial/data/memory/core/{child}-*.elf") if c.parents[3] not in before]
            if cores and cores[0].stat().st_size > MIB:
                os.kill(child, 9)
                break
        return world.Bundle(json.loads(run.communicate(timeout=world.MAX_SECONDS)[0])["bundle"])

    def test_a_process_that_ends_in_the_middle_leaves_a_core_that_opens_and_a_gap(self):
        for _ in range(5):  # it may be read to its end before it is killed
            target = self.planted("child", "200")
            world.wait_until(lambda: (target.root / "tmp/child").exists(), 30, "the child has its memory")
            child = int(processes_of(target.name)[-1])
            bundle = self.killed_while_it_is_read(target, child)
            row = max((r for r in bundle.rows("memory/regions.ndjson") if r["pid"] == child), key=lambda r: r["present"])
            if row["bytes"] != row["present"]:
                break
        self.assertEqual(row["why"], "vanished")
        self.assertIn((str(child), "vanished"), [(g["what"], g["code"]) for g in self.memory_gaps(bundle)])
        self.assertEqual(row["sha256"], world.sha256(b"c" * row["bytes"]))
        self.assertFalse(row["frozen"])
        self.assertEqual(world.verify(bundle.path).status, 0)
        core = next((bundle / "data/memory/core").glob(f"{child}-*.elf"))
        start = int(row["start"], 16)
        self.assertIn("0x63", self.gdb(core, f"x/1xb {start + row['bytes'] - 1:#x}"))
        self.assertIn("Cannot access memory", self.gdb(core, f"x/s {start + row['bytes']:#x}"))

    def test_killed_while_memory_is_read_the_container_runs_on_and_what_is_there_can_be_sealed(self):
        target = self.planted("fill", "250")
        container = inspect(target.name)["Id"]
        argv = [str(world.KANSHIKI), *world.capture_argv(target.name, "--no-report", "--no-commit", "--image", "none", "--memory",
                                                         "writable", home=self.home)]
        run = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=world.environment())
        world.wait_until(lambda: any(c.stat().st_size > MIB for c in self.home.glob("bundles/*.partial/data/memory/core/*")), 60,
                         "a core grows")
        self.assertTrue(world.is_paused(container))
        run.kill()
        run.wait()
        world.wait_until(lambda: not world.is_paused(container), 5, "it runs again")
        world.wait_until(lambda: not world.own_processes(), 10, "nobody of ours is left")
        partial = next(self.home.glob("bundles/*.partial"))
        sealed = world.kanshiki("--home", self.home, "seal", "--partial", partial)
        self.assertIn(sealed.status, (0, 5), str(sealed))
        self.assertEqual(world.verify(partial.with_suffix("")).status, 5, "incomplete, and not altered")

    # --- indicators --------------------------------------------------------------------------------------------------

    def test_indicators_are_found_at_their_addresses_and_nothing_is_stored(self):
        target = self.planted()
        lines = [b"# what the planter planted", b"planted on the heap 4111", b"hex:" + b"planted on the stack".hex().encode(),
                 b"across two pages", b"across two reads of a megabyte", b"last page of the sparse one",
                 b"planted where nobody may look", b"planted and then made readable only", b"this is in no memory at all"]
        path = self.indicators(*lines)
        bundle = self.taken(target, "--indicators", path)
        self.assertFalse((bundle / "data/memory/core").exists())
        self.assertEqual((bundle / "data/memory/indicators.txt").read_bytes(), path.read_bytes())
        found = {(r["indicator"], int(r["start"], 16) + r["offset"]) for r in bundle.rows("memory/hits.ndjson")}
        at = target.at
        planted = {(2, at["heap"]), (3, at["stack"]), (4, at["anon"] + PAGE - 8), (5, at["big"] + MIB - 10),
                   (6, at["sparse"] + (1 << 30) - PAGE)}
        self.assertEqual({h for h in found if h[1] in {a for _, a in planted}}, planted)
        self.assertEqual({i for i, _ in found}, {2, 3, 4, 5, 6})
        self.assertTrue(all(not r["stored"] for r in bundle.rows("memory/regions.ndjson") if "stored" in r))
        hit = [r for r in bundle.rows("memory/hits.ndjson") if int(r["start"], 16) + r["offset"] == at["anon"] + PAGE - 8][0]
        data = with_text(pattern(16 * PAGE, 1), PAGE - 8, b"across two pages")
        self.assertEqual(value(hit, "before"), data[PAGE - 40:PAGE - 8])
        self.assertEqual(value(hit, "after"), data[PAGE + 8:PAGE + 40])
        self.assertTrue(hit["frozen"])
        self.follows_its_schema(bundle)

    def test_searching_a_stored_core_finds_the_same(self):
        target = self.planted()
        path = self.indicators(b"across two pages", b"across two reads of a megabyte", b"middle page of the sparse one")
        rows = []
        for flags in ((), ("--memory", "writable")):
            bundle = self.taken(target, "--indicators", path, *flags)
            rows.append(sorted((r["indicator"], r["start"], r["offset"], value(r, "before"), value(r, "after"))
                               for r in bundle.rows("memory/hits.ndjson")))
        self.assertEqual(rows[0], rows[1])
        self.assertEqual(len(rows[0]), 3)

    def test_an_indicator_that_is_found_is_a_finding_with_its_row_as_evidence(self):
        target = self.planted()
        path = self.indicators(b"# seen on another host", b"planted on the heap 4111")
        done = world.capture(target.name, "--image", "none", "--indicators", path, home=self.home)
        self.assertIn(done.status, (0, 5), str(done))
        report = json.loads(pathlib.Path(done.json["report"]["json"]).read_text())
        found = [f for f in report["findings"] if f["rule"] == "memory.indicator"]
        self.assertEqual([(f["severity"], f["confidence"]) for f in found], [("high", "moderate")])
        self.assertIn(f"process {target.pid}", json.dumps(found[0]))
        evidence = [e for e in found[0]["evidence"] if e["artefact"] == "data/memory/hits.ndjson"]
        self.assertTrue(evidence, found[0]["evidence"])
        html = pathlib.Path(done.json["report"]["html"]).read_text()
        self.assertIn("memory.indicator", html)
        without = world.capture(target.name, "--image", "none", home=self.home)
        report = json.loads(pathlib.Path(without.json["report"]["json"]).read_text())
        self.assertNotIn("memory.indicator", [r["rule"] for r in report["not_assessed"]])

    def test_digests_name_regions_and_executables(self):
        target = self.planted()
        path = self.indicators(b"sha256:" + world.sha256(pattern(4 * PAGE, 3)).encode(), world.sha256_file(program()).encode(),
                               b"sha256:" + b"0" * 64)
        bundle = self.taken(target, "--indicators", path)
        hits = [(r["indicator"], r["as"], r["pid"], r.get("start")) for r in bundle.rows("memory/hits.ndjson")]
        self.assertEqual(sorted(hits), [(1, "region", target.pid, f"{target.at['shared']:#018x}"), (2, "exe", target.pid, None)])

    def test_an_indicator_that_is_everywhere_is_a_limit(self):
        target = self.planted("child", "16")
        world.wait_until(lambda: (target.root / "tmp/child").exists(), 30, "the child has its memory")
        bundle = self.taken(target, "--indicators", self.indicators(b"cccccccc"), statuses=(5,))
        gap = [g for g in self.memory_gaps(bundle) if g["code"] == "limit"][0]
        self.assertEqual((gap["kept"], gap["limit"]), (256, 256))
        self.assertGreater(gap["seen"], 16 * MIB - PAGE)
        self.assertEqual(len(bundle.rows("memory/hits.ndjson")), 256)

    def test_a_file_that_is_wrong_is_refused_before_anything_is_paused(self):
        for lines, says in (((b"good one", b"abc"), "line 2"), ((b"hex:123",), "line 1"), ((b"# nothing",), "no indicator")):
            path = self.indicators(*lines)
            done = world.capture("nobody", "--indicators", path, home=self.home)
            self.assertEqual(done.status, 2, str(done))
            self.assertIn(str(path), done.messages)
            self.assertIn(says, done.messages)
        self.assertEqual(world.capture("nobody", "--indicators", "/nonexistent", home=self.home).status, 2)
        self.assertEqual(world.capture("nobody", "--memory", "all", home=self.home).status, 2)
        self.assertEqual(list(self.home.iterdir()), [])


def processes_of(name):
    return docker("top", name, "-o", "pid").split()[1:]


if __name__ == "__main__":
    unittest.main()
