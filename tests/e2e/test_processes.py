"""Processes that are hard to take: rows and carved bytes against the truth that the stager wrote, and against ps and ipcs."""
import ctypes
import os
import pathlib
import re
import resource
import signal
import tarfile
import threading
import unittest

import world
from world import docker, inspect, remove, value

UNCONFINED = ("--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined")


@world.once
def program():
    path = world.scratch() / "stager"
    world.sh("gcc", "-static", "-O1", "-pthread", "-o", path, pathlib.Path(__file__).with_name("stager.c"))
    return path


def copy_digest(name):
    """Of the copy of the program that ends in its name."""
    return world.sha256(program().read_bytes() + name.encode())


class Staged:
    """A container that runs the stager, and what it said."""

    def __init__(self, name, *acts, flags=(), wait=()):
        self.name = name
        remove(name)
        docker("create", "--name", name, "--tmpfs", "/cache:exec", *flags, world.IMAGE, "/stager", *acts)
        docker("cp", program(), f"{name}:/stager")
        docker("start", name)
        self.info = inspect(name)
        self.id, self.init = self.info["Id"], self.info["State"]["Pid"]
        for word in (*wait, "init"):
            world.wait_until(lambda: self.facts(word), 60, f"the word of {word}")

    def text(self):
        try:
            return pathlib.Path(f"/proc/{self.init}/root/tmp/truth").read_text()
        except OSError:
            return ""

    def facts(self, word):
        for line in self.text().splitlines():
            if line.startswith(f"{word} "):
                return {k: int(v, 0) for k, v in re.findall(r"(\w+)=(\S+)", line)}
        return None

    def members(self):
        """Of the kernel, by somebody else's words: every process whose cgroup names the container."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cgroup"):
            try:
                if self.id in path.read_text():
                    found.append(int(path.parent.name))
            except OSError:
                pass
        return sorted(found)


class Processes(unittest.TestCase):
    def setUp(self):
        self.names, self.home = [], world.new_directory("home")

    def tearDown(self):
        remove(*self.names) if self.names else None

    def stage(self, name, *acts, **more):
        self.names.append(name)
        return Staged(name, *acts, **more)

    def taken(self, staged, *flags, status=(0,), schema=True):
        done = world.capture(staged.name, "--no-report", "--image", "none", *flags, home=self.home)
        self.assertIn(done.status, status, str(done))
        self.assertEqual(world.verify(done.json["bundle"]).status, 0)
        if schema:
            world.sh("/usr/bin/python3", world.TOP / "tests/contract/check_bundle.py", done.json["bundle"])
        return done.json, world.Bundle(done.json["bundle"])

    def processes(self, bundle, inner=None):
        """By pid on the host; inner: by the pid inside."""
        rows = bundle.rows("processes/processes.ndjson")
        return {r["nspid"][1] if inner and len(r.get("nspid", ())) > 1 else r["pid"]: r for r in rows}

    def content(self, bundle, sha256):
        path = bundle / "data/processes/content" / sha256
        self.assertEqual(world.sha256_file(path), sha256)
        return next(r for r in bundle.rows("processes/content.ndjson") if r["sha256"] == sha256)

    # --- carving -----------------------------------------------------------------------------------------------------

    def test_each_form_of_a_hidden_program_is_kept_and_an_odd_name_is_no_form(self):
        names = ("deleted", "replaced", "named", "plain", "tmpfs", "memfd")
        staged = self.stage("p-exe", "programs", wait=names)
        _, bundle = self.taken(staged)
        rows = self.processes(bundle, inner=True)
        found = {}
        for name in names:
            exe = rows[staged.facts(name)["pid"]]["exe"]
            self.assertEqual(exe["sha256"], copy_digest(name), name)
            self.assertEqual(int(exe["ino"]), staged.facts(name)["ino"], name)
            found[name] = (exe["deleted"], exe["memfd"], exe["path_now"], exe["content"])
        self.assertEqual(found, {
            "deleted": (True, False, "absent", True), "replaced": (True, False, "other", True),
            "memfd": (True, True, "absent", True), "tmpfs": (False, False, "same", True),
            "named": (False, False, "same", False), "plain": (False, False, "same", False)})
        for name in ("deleted", "replaced", "memfd", "tmpfs"):
            row = self.content(bundle, copy_digest(name))
            self.assertTrue(row["whole"])
            self.assertIn({"pid": rows[staged.facts(name)["pid"]]["pid"], "as": "exe"}, row["refs"])
        kept = {p.name for p in (bundle / "data/processes/content").iterdir()}
        self.assertEqual(kept, {copy_digest(n) for n in ("deleted", "replaced", "memfd", "tmpfs")})

    def test_files_that_only_a_descriptor_or_a_mapping_keeps_are_kept(self):
        staged = self.stage("p-loot", "loot", wait=("log", "lib"))
        _, bundle = self.taken(staged)
        pids = {k: r["pid"] for k, r in self.processes(bundle, inner=True).items()}
        log, lib = staged.facts("log"), staged.facts("lib")
        row = self.content(bundle, world.sha256(b"L" * 4096))
        self.assertEqual(row["refs"], [{"pid": pids[log["pid"]], "as": "fd", "fd": log["fd"]}])
        self.assertEqual(int(row["ino"]), log["ino"])
        row = self.content(bundle, world.sha256(b"M" * 4096))
        self.assertEqual(row["refs"], [{"pid": pids[lib["pid"]], "as": "map", "start": f"0x{lib['start']:016x}"}])
        mapped = [r for r in bundle.rows("processes/maps.ndjson") if r.get("content")]
        self.assertEqual([(r["pid"], r["nlink0"]) for r in mapped], [(pids[lib["pid"]], True)])

    def test_a_device_a_pipe_and_a_socket_without_a_name_are_rows_and_never_opened(self):
        staged = self.stage("p-traps", "traps", wait=("traps",))
        truth = staged.facts("traps")
        _, bundle = self.taken(staged)
        pid = self.processes(bundle, inner=True)[truth["pid"]]["pid"]
        rows = {r["fd"]: r for r in bundle.rows("processes/fds.ndjson") if r["pid"] == pid}
        self.assertEqual({k: rows[truth[k]]["kind"] for k in ("fifo", "chr", "socket")},
                         {"fifo": "fifo", "chr": "chr", "socket": "socket"})
        self.assertEqual((rows[truth["chr"]]["rdev"], rows[truth["chr"]]["nlink"]), ("1:5", 0))
        self.assertEqual(bundle.rows("processes/content.ndjson"), [])

    # --- IPC, keys, the kernel's log ---------------------------------------------------------------------------------

    def test_objects_of_the_ipc_namespace_are_as_ipcs_sees_them(self):
        staged = self.stage("p-ipc", "ipc", wait=("ipc",))
        truth = staged.facts("ipc")
        _, bundle = self.taken(staged)
        pid = self.processes(bundle, inner=True)[truth["pid"]]["pid"]
        rows = {r["kind"]: r for r in bundle.rows("processes/ipc.ndjson")}
        self.assertEqual(sorted(rows), ["mqueue", "msg", "sem", "shm"])
        namespace = str(os.stat(f"/proc/{staged.init}/ns/ipc").st_ino)
        self.assertEqual({r["ipcns"] for r in rows.values()}, {namespace})
        self.assertTrue(all(r["frozen"] for r in rows.values()))
        shm, sem, msg, queue = (rows[k] for k in ("shm", "sem", "msg", "mqueue"))
        self.assertEqual((shm["id"], shm["key"], shm["perms"], shm["size"], shm["nattch"], shm["cpid"]),
                         (truth["shm"], "0x0000000000000000", "0640", 3 * 4096, 1, pid))
        self.assertEqual((sem["id"], sem["key"], sem["nsems"]), (truth["sem"], "0x000000000000002a", 5))
        self.assertEqual((msg["id"], msg["cbytes"], msg["qnum"], msg["lspid"]), (truth["msg"], 5, 1, pid))
        self.assertEqual((queue["name"], queue["mode"], queue["maxmsg"], queue["msgsize"], queue["curmsgs"]),
                         ("/plans", "0100620", 3, 64, 1))
        seen = world.sh("nsenter", "-t", staged.init, "-i", "ipcs", "-m").split()
        self.assertIn(str(shm["id"]), seen)
        self.assertIn(str(shm["size"]), seen)
        messages = world.sh("nsenter", "-t", staged.init, "-i", "ipcs", "-q", "-i", msg["id"])
        self.assertRegex(messages, r"qnum=1\b")

    def test_of_the_hosts_ipc_namespace_only_what_the_container_made_is_taken(self):
        stranger = int(world.sh("ipcmk", "-M", "4096").split()[-1])
        staged = self.stage("p-hostipc", "ipc", flags=("--ipc", "host"), wait=("ipc",))
        truth = staged.facts("ipc")
        try:
            _, bundle = self.taken(staged)
            rows = [(r["kind"], r.get("id", r.get("name"))) for r in bundle.rows("processes/ipc.ndjson")]
            self.assertIn(("shm", truth["shm"]), rows)
            self.assertIn(("msg", truth["msg"]), rows)
            self.assertNotIn(("shm", stranger), rows)
            scope = {s["what"] for s in bundle.json("capture.json")["scope"]}
            self.assertIn("semaphores of the host's IPC namespace", scope, "of those nobody can tell whose they are")
        finally:
            world.sh("ipcrm", "-m", stranger, "-m", truth["shm"], "-s", truth["sem"], "-q", truth["msg"])
            ctypes.CDLL("librt.so.1", use_errno=True).mq_unlink(b"/plans")

    def test_the_session_keyring_of_this_container_is_a_row_and_that_of_another_is_not(self):
        other = self.stage("p-other", "liar", wait=("liar",))
        staged = self.stage("p-keys", "liar", wait=("liar",))
        listed = pathlib.Path("/proc/keys").read_text()
        if f"_ses.{staged.id}" not in listed:
            self.skipTest("the runtime made no session keyring that we may see")
        _, bundle = self.taken(staged)
        rows = bundle.rows("processes/keys.ndjson")
        session = [r for r in rows if r["why"] == "session"]
        self.assertEqual([r["desc"].split(":")[0] for r in session], [f"_ses.{staged.id}"])
        self.assertIn(session[0]["serial"], listed)
        self.assertNotIn(other.id, str(rows))

    def test_lines_of_the_kernels_log_that_name_the_container_are_taken_with_the_time_of_the_oldest(self):
        staged = self.stage("p-kmsg", "liar", wait=("liar",))
        members = staged.members()
        try:
            with open("/dev/kmsg", "w") as log:
                log.write(f"p-kmsg: of the container {staged.id} tells nobody\n")
            with open("/dev/kmsg", "w") as log:
                log.write(f"x[{members[-1]}]: segfault at 0 of a test\n")
            with open("/dev/kmsg", "w") as log:
                log.write("x[1]: segfault at 0 of another test\n")
        except OSError as error:
            self.skipTest(f"the kernel's log cannot be written: {error}")
        _, bundle = self.taken(staged)
        rows = bundle.rows("processes/kmsg.ndjson")
        self.assertEqual([r["why"] for r in rows], ["cgroup", "pid"])
        self.assertIn("tells nobody", rows[0]["text"])
        self.assertIn("segfault at 0 of a test", rows[1]["text"])
        started = {r["pid"]: r for r in bundle.rows("processes/processes.ndjson")}[members[-1]]["start_ns"]
        self.assertGreater(rows[1]["t_ns"], started - 10**9)
        scope = [s for s in bundle.json("capture.json")["scope"] if s["what"] == "kmsg.ndjson"]
        self.assertRegex(scope[0]["why"], r"oldest record is of 20\d\d-\d\d-\d\dT")

    # --- states ------------------------------------------------------------------------------------------------------

    def test_every_state_is_a_row_that_ps_agrees_with(self):
        words = ("stopped", "traced", "vfork", "deadleader", "zombies", "liar")
        staged = self.stage("p-states", "stopped", "traced", "vfork", "deadleader", "zombies 50", "liar",
                            flags=UNCONFINED, wait=words)
        seen = {}
        for line in world.sh("ps", "-e", "-o", "pid=,ppid=,state=,uid=").splitlines():
            pid, ppid, state, uid = line.split()
            seen[int(pid)] = (int(ppid), state, int(uid))
        _, bundle = self.taken(staged)
        rows = self.processes(bundle)
        self.assertEqual(sorted(rows), staged.members())
        for pid, row in rows.items():
            ppid, state, uid = seen[pid]
            self.assertEqual((row["ppid"], row["uid"][0]), (ppid, uid), pid)
            self.assertEqual(row.get("state_before", row["state"]), state, pid)
        inner = self.processes(bundle, inner=True)
        stopped = inner[staged.facts("stopped")["pid"]]
        self.assertEqual(stopped.get("state_before", stopped["state"]), "T")
        traced = inner[staged.facts("traced")["pid"]]
        self.assertEqual((traced.get("state_before", traced["state"]), traced["tracer"]), ("t", inner[staged.facts("traced")["tracer"]]["pid"]))
        self.assertEqual(inner[staged.facts("vfork")["pid"]]["state"], "D")
        self.assertIn("argv", inner[staged.facts("vfork")["pid"]])
        dead = inner[staged.facts("deadleader")["pid"]]
        self.assertEqual((dead["state"], dead["leader_dead"]), ("Z", True))
        row = self.content(bundle, world.sha256(b"only a dead leader has me"))
        self.assertEqual([r["as"] for r in row["refs"]], ["map"])
        self.assertEqual(row["refs"][0]["pid"], dead["pid"])
        liar = inner[staged.facts("liar")["pid"]]
        self.assertEqual((value(liar, "comm"), value(liar, "argv")[0][:3]), (b"a) Z 1\n\x1b[2J", b"\x1b\x1b\x1b"))
        codes = sorted(r["exit_code"] >> 8 for r in rows.values() if r["state"] == "Z" and "leader_dead" not in r)
        self.assertEqual(codes, list(range(50)))
        self.assertEqual(bundle.gaps(), [])

    def test_an_argv_of_two_megabytes_is_cut_in_its_row_and_whole_in_the_tar(self):
        staged = self.stage("p-argv", "words 2", wait=("words",))
        _, bundle = self.taken(staged)
        row = self.processes(bundle, inner=True)[staged.facts("words")["pid"]]
        self.assertGreater(row["argv_len"], 2000000)
        self.assertEqual(row["argv"][:5], ["stager", "hold", "words", "stay", "-"])
        whole = pathlib.Path(f"/proc/{row['pid']}/cmdline").read_bytes()
        with tarfile.open(bundle / "data/processes/proc.tar") as tar:
            self.assertEqual(tar.extractfile(f"{row['pid']}/cmdline").read(), whole)
        self.assertGreater(len(whole), 2000000)

    def test_thousands_of_zombies_are_all_rows(self):
        staged = self.stage("p-zombies", "zombies 5000", flags=("--pids-limit", "-1"), wait=("zombies",))
        _, bundle = self.taken(staged, schema=False)
        rows = bundle.rows("processes/processes.ndjson")
        self.assertEqual(sum(r["state"] == "Z" for r in rows), 5000)
        self.assertEqual([g for g in bundle.gaps() if g["collector"] == "processes"], [])

    def test_a_hundred_thousand_descriptors_are_all_rows(self):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 100
        number = -(-100000 // most)
        staged = self.stage("p-fds", *[f"descriptors {min(most, 100000)}"] * number, wait=("descriptors",))
        world.wait_until(lambda: staged.text().count("descriptors ") == number, 60, "all")
        _, bundle = self.taken(staged, schema=False)
        rows = [r for r in bundle.rows("processes/fds.ndjson") if r["link"] == "/dev/null"]
        self.assertGreaterEqual(len(rows), 100000)

    def test_nested_pid_namespaces_and_an_ipc_namespace_of_their_own(self):
        staged = self.stage("p-nested", "nested 5", flags=UNCONFINED, wait=("nested",))
        _, bundle = self.taken(staged, status=(0, 5))
        rows = self.processes(bundle)
        self.assertEqual(sorted(rows), staged.members())
        deepest = max(rows.values(), key=lambda r: len(r["nspid"]))
        self.assertEqual((len(deepest["nspid"]), deepest["nspid"][-1]), (7, 1))
        own = [r for r in bundle.rows("processes/ipc.ndjson") if r["ipcns"] == deepest["ns"]["ipc"]]
        self.assertEqual([(r["id"], r["size"]) for r in own], [(staged.facts("nested")["shm"], 8192)])
        self.assertEqual({g["code"] for g in bundle.gaps()}, {"unsupported"}, "its queues have no mount that shows them")

    def test_parents_are_told_up_to_the_hosts_first_process(self):
        staged = self.stage("p-up", "liar", wait=("liar",))
        _, bundle = self.taken(staged)
        rows = {r["pid"]: r for r in bundle.rows("processes/ancestry.ndjson")}
        pid, line = int(world.sh("ps", "-o", "ppid=", "-p", staged.init)), []
        while pid:
            line.append(pid)
            pid = int(world.sh("ps", "-o", "ppid=", "-p", pid))
        self.assertEqual(line[-1], 1)
        self.assertEqual(sorted(rows), sorted(line))
        self.assertIn("shim", rows[line[0]]["argv"][0])
        self.assertEqual(rows[line[0]]["sha256"], world.sha256_file(f"/proc/{line[0]}/exe"))

    # --- what moves --------------------------------------------------------------------------------------------------

    def test_a_process_storm_is_whole_and_nobody_elses(self):
        staged = self.stage("p-storm", "storm 4", wait=("storm",))
        _, bundle = self.taken(staged)
        rows = bundle.rows("processes/processes.ndjson")
        self.assertGreaterEqual(len(rows), 6)
        self.assertEqual({r["ns"]["pid"] for r in rows if "ns" in r and "pid" in r["ns"]}, {str(os.stat(f"/proc/{staged.init}/ns/pid").st_ino)})
        self.assertEqual([r for r in rows if not r["frozen"]], [])
        self.assertEqual(bundle.gaps(), [])

    def test_a_storm_that_nobody_pauses_has_rows_or_gaps(self):
        staged = self.stage("p-live", "storm 4", wait=("storm",))
        _, bundle = self.taken(staged, "--freeze", "never", status=(0, 5))
        self.assertTrue({g["code"] for g in bundle.gaps()} <= {"vanished", "changed"}, bundle.gaps())
        rows = bundle.rows("processes/processes.ndjson")
        self.assertIn(staged.init, [r["pid"] for r in rows])
        self.assertEqual([r for r in rows if r["frozen"]], [])

    def test_a_container_that_ends_in_the_middle_leaves_rows_or_gaps(self):
        for delay in (0.05, 0.15, 0.3):
            staged = self.stage("p-end", "many 200", wait=("many",))
            killer = threading.Timer(delay, os.kill, (staged.init, signal.SIGKILL))
            killer.start()
            done = world.capture("p-end", "--no-report", "--image", "none", "--freeze", "never", home=self.home)
            killer.join()
            self.assertIn(done.status, (0, 3, 4, 5), str(done))
            self.assertEqual(world.own_processes(), [])
            if done.status in (0, 5):
                self.assertEqual(world.verify(done.json["bundle"]).status, 0)
