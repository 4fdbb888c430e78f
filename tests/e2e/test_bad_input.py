"""What goes wrong gets its exit status and one clear line; evidence stays; the container is never left paused."""
import contextlib
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import threading
import time
import unittest

import world
from world import docker, engine, remove, run_container

NAME = "b-web"
LIGHT = ("--image", "none", "--no-report")
MAX_SILENT_SECONDS = 75


@contextlib.contextmanager
def faulty(*faults, as_engine=True):
    """The URL of an engine with these faults, and the list of what it was asked."""
    directory = world.new_directory("faulty")
    os.chmod(directory, 0o755)
    program = directory / "dockerd"
    shutil.copy(os.path.realpath("/usr/bin/python3"), program)
    log = directory / "requests"
    log.touch()
    argv = [program, pathlib.Path(__file__).with_name("faulty_engine.py"), directory / "s", engine().socket, log, json.dumps(faults)]
    if as_engine:
        argv = ["nsenter", f"--mount=/proc/{engine().pid}/ns/mnt", "--", *argv]
    proxy = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL)
    try:
        world.wait_until((directory / "s").exists, 10, "the faulty engine listens")
        yield f"unix://{directory}/s", lambda: log.read_text().splitlines()
    finally:
        proxy.kill()
        proxy.wait()


class BadInput(unittest.TestCase):
    @classmethod
    def container(cls):
        """One container for all that leave it alone."""
        if not docker("ps", "-q", "--filter", f"name=^{NAME}$"):
            run_container(NAME, "sh", "-c", "echo x >/root/x; sleep 100000")
        return world.inspect(NAME)

    def setUp(self):
        self.info = self.container()
        self.home = world.new_directory("home")
        self.extra = []

    def tearDown(self):
        if self.extra:
            remove(*self.extra)
        self.check_left_alone()
        self.assertEqual(world.own_processes(), [])

    def check_left_alone(self):
        state = world.inspect(NAME)["State"]
        self.assertFalse(state["Paused"])
        self.assertFalse(world.is_paused(self.info["Id"]))
        self.assertEqual(state["Pid"], self.info["State"]["Pid"])

    def one_line(self, done, status, *words):
        """The status, and one clear line on stderr with these words."""
        self.assertEqual(done.status, status, str(done))
        lines = [line for line in done.messages.splitlines() if line.strip()]
        self.assertEqual(len(lines), 1, str(done))
        for word in words:
            self.assertIn(word, lines[0])

    def no_bundle(self):
        self.assertEqual([p for p in self.home.rglob("bagit.txt")], [])

    def gaps(self, done, collector=None):
        return [(g["collector"], g["code"]) for g in done.json["gaps"]
                if collector in (None, g["collector"]) and g["code"] != "not-applicable"]

    def members(self):
        """The container's processes, as the kernel's cgroup files say."""
        return {int(p.parent.name) for p in pathlib.Path("/proc").glob("[0-9]*/cgroup") if self.of_container(p)}

    def of_container(self, path):
        try:
            return self.info["Id"] in path.read_text()
        except OSError:
            return False

    # --- which container

    def test_no_such_container_is_3_and_is_named(self):
        self.one_line(world.capture("no-such-thing", home=self.home), 3, "no-such-thing")
        self.no_bundle()

    def test_an_ambiguous_prefix_is_2_with_the_candidates(self):
        ids = {}
        prefix = None
        while prefix is None:
            new = docker("create", world.IMAGE)
            self.extra.append(new)
            ids.setdefault(new[0], []).append(new)
            prefix = next((k for k, v in ids.items() if len(v) > 1), None)
        done = world.capture(prefix, home=self.home)
        self.assertEqual(done.status, 2, str(done))
        for candidate in ids[prefix]:
            self.assertIn(candidate[:12], done.messages)
        self.no_bundle()

    def test_a_name_that_is_no_name_is_refused_without_a_request_for_it(self):
        for name in ("../../info", "a/b?x=1", "web\nx", "", "x" * 5000):
            with self.subTest(repr(name[:20])), faulty() as (url, asked):
                done = world.capture(name, home=self.home, url=url)
                self.assertIn(done.status, (2, 3), str(done))
                self.assertFalse([a for a in asked() if ".." in a or "?x" in a], asked())

    # --- which engine

    def test_no_engine_at_the_socket_is_4(self):
        self.one_line(world.capture(NAME, home=self.home, url="unix:///nonexistent/docker.sock"), 4, "/nonexistent/docker.sock")

    def test_a_socket_that_nobody_listens_at_is_4(self):
        path = world.scratch() / "dead.sock"
        with world_socket(path):
            pass
        self.one_line(world.capture(NAME, home=self.home, url=f"unix://{path}"), 4, str(path))

    def test_an_engine_that_never_answers_is_4_in_bounded_time(self):
        with faulty({"path": ".", "do": "silence"}) as (url, _):
            done = world.capture(NAME, home=self.home, url=url)
        self.one_line(done, 4)
        self.assertLess(done.seconds, MAX_SILENT_SECONDS)

    def test_an_engine_that_answers_garbage_to_everything_is_4(self):
        for do in ("garbage", "html", "empty", "close", "redirect", "endless"):
            with self.subTest(do), faulty({"path": ".", "do": do}) as (url, _):
                done = world.capture(NAME, home=self.home, url=url)
                self.one_line(done, 4)
                self.assertLess(done.seconds, MAX_SILENT_SECONDS)
        self.no_bundle()

    def test_an_answer_for_another_container_is_4(self):
        other = run_container("b-other", "sleep", "100000")
        self.extra.append("b-other")
        swap = [self.info["Id"], other["Id"]]
        with faulty({"path": rf"/containers/{NAME}/json", "do": "replace", "arg": swap}, {"path": rf"/containers/{self.info['Id']}/json",
                    "do": "replace", "arg": swap}) as (url, _):
            done = world.capture(self.info["Id"], home=self.home, url=url)
        self.one_line(done, 4, "another container")

    # --- an engine that fails in the middle

    def test_each_endpoint_that_fails_is_a_gap_and_the_rest_is_collected(self):
        endpoints = ("/events", "/version", "/info", "/containers/json", "/networks", "/volumes", r"/images/[^/]*/json",
                     "/history", "/changes")
        for do in ("garbage", "cut", "close"):
            for path in endpoints:
                with self.subTest(f"{do} {path}"), faulty({"path": path, "do": do}) as (url, _):
                    done = world.capture(NAME, *LIGHT, home=self.home, url=url)
                    self.assertEqual(done.status, 5, str(done))
                    self.assertTrue({c for c, _ in self.gaps(done)} <= {"engine", "engine-after", "image"}, done.json["gaps"])
                    self.assertTrue({code for _, code in self.gaps(done)} <= {"malformed", "vanished", "limit", "unsupported"}, done.json["gaps"])
                    collectors = {c["name"]: c["status"] for c in done.json["collectors"]}
                    self.assertEqual((collectors["processes"], collectors["filesystem"]), ("ok", "ok"))
                    self.assertEqual(world.verify(done.json["bundle"]).status, 0)

    def test_an_error_of_each_kind_is_told_apart(self):
        for status, code in ((404, "vanished"), (500, "unsupported"), (501, "unsupported")):
            with self.subTest(status), faulty({"path": "/changes", "do": "status", "arg": status}) as (url, _):
                done = world.capture(NAME, *LIGHT, home=self.home, url=url)
                self.assertEqual((done.status, self.gaps(done)), (5, [("engine-after", code)]), str(done))

    def test_silence_endless_and_dripping_answers_end_in_bounded_time(self):
        for do in ("silence", "endless", "drip"):
            with self.subTest(do), faulty({"path": "/history", "do": do}) as (url, _):
                done = world.capture(NAME, *LIGHT, home=self.home, url=url)
                self.assertEqual(done.status, 5, str(done))
                self.assertTrue(self.gaps(done, "engine"), done.json["gaps"])
                self.assertTrue({code for _, code in self.gaps(done, "engine")} <= {"timeout", "limit", "malformed"})
                self.assertLess(done.seconds, MAX_SILENT_SECONDS)

    def test_an_unusable_inspect_is_made_up_for_by_a_search_of_proc(self):
        for do in ("garbage", "cut", "duplicate", "deep"):
            with self.subTest(do), faulty({"path": rf"/containers/{self.info['Id']}/json", "do": do}) as (url, _):
                done = world.capture(self.info["Id"], *LIGHT, home=self.home, url=url)
                self.assertIn(done.status, (4, 5), str(done))
                if done.status == 5:
                    rows = world.Bundle(done.json["bundle"]).rows("processes/processes.ndjson")
                    self.assertIn(self.info["State"]["Pid"], [r["pid"] for r in rows])

    def test_a_lie_about_the_pid_opens_no_process_of_the_host(self):
        for pid in ("1", "0", "-1", str(os.getpid()), "9223372036854775807"):
            with self.subTest(pid), faulty({"path": "/containers/.*/json", "do": "replace",
                                            "arg": [r'"Pid":\d+', f'"Pid":{pid}']}) as (url, _):
                done = world.capture(NAME, *LIGHT, home=self.home, url=url)
                self.assertIn(done.status, (4, 5), str(done))
                if done.out:
                    bundle = world.Bundle(done.json["bundle"])
                    self.assertIn("contradicted", {code for _, code in self.gaps(done)})
                    rows = bundle.rows("processes/processes.ndjson") if bundle.has("processes/processes.ndjson") else []
                    self.assertLessEqual({r["pid"] for r in rows if not r.get("neighbour")}, self.members())

    def test_a_lie_about_paths_reads_no_file_of_the_host(self):
        canary = world.scratch() / "canary"
        canary.write_text("canary-of-the-host-4f1c\n")
        with faulty({"path": "/containers/.*/json", "do": "replace", "arg": [r'"LogPath":"[^"]*"', f'"LogPath":"{canary}"']}) as (url, _):
            done = world.capture(NAME, *LIGHT, home=self.home, url=url)
        self.assertEqual(done.status, 5, str(done))
        self.assertIn(("logs", "contradicted"), self.gaps(done))
        found = subprocess.run(["grep", "-rl", "canary-of-the-host", str(self.home)], stdout=subprocess.PIPE, check=False).stdout
        self.assertEqual(found, b"")

    # --- pause and resume

    def test_a_pause_that_the_engine_refuses_is_made_by_the_kernel_and_says_so(self):
        with faulty({"method": "POST", "path": "/pause", "do": "status", "arg": 500}) as (url, _):
            done = world.capture(NAME, *LIGHT, home=self.home, url=url)
        self.assertEqual(done.status, 0, str(done))
        bundle = world.Bundle(done.json["bundle"])
        self.assertEqual({r["frozen"] for r in bundle.rows("processes/processes.ndjson")}, {True})
        freeze = bundle.json("capture.json")["freeze"]
        self.assertEqual((freeze["by"], freeze["paused_by_us"]), ("cgroup", True))
        self.check_left_alone()

    def test_lost_replies_to_pause_and_unpause_leave_the_container_running(self):
        for path in ("/pause", "/unpause"):
            with self.subTest(path), faulty({"method": "POST", "path": path, "do": "lost", "times": 1}) as (url, _):
                done = world.capture(NAME, *LIGHT, home=self.home, url=url)
                self.assertIn(done.status, (0, 5), str(done))
                self.check_left_alone()

    def test_an_unpause_that_fails_twice_is_tried_again(self):
        with faulty({"method": "POST", "path": "/unpause", "do": "status", "arg": 500, "times": 2}) as (url, asked):
            done = world.capture(NAME, *LIGHT, home=self.home, url=url)
            self.assertIn(done.status, (0, 5), str(done))
            self.assertEqual(len([a for a in asked() if a.endswith("/unpause")]), 3)

    def test_an_unpause_that_never_answers_is_made_up_for_by_the_freezer(self):
        with faulty({"method": "POST", "path": "/unpause", "do": "silence", "times": 1}) as (url, _):
            done = world.capture(NAME, *LIGHT, home=self.home, url=url)
            self.assertIn(done.status, (0, 5), str(done))

    # --- the container goes away

    def test_a_container_that_exits_before_the_pause_is_a_gap_and_what_is_there_is_kept(self):
        self.gone("kill")

    def test_a_container_that_is_removed_before_the_pause_is_a_gap_and_what_is_there_is_kept(self):
        self.gone("rm -f")

    def gone(self, verb):
        info = run_container("b-gone", "sh", "-c", "echo x >/root/x; sleep 100000")
        self.extra.append("b-gone")
        client = " ".join(engine().client)
        with faulty({"method": "POST", "path": "/pause", "do": "run", "times": 1,
                     "arg": f"DOCKER_HOST={engine().url} {client} {verb} {info['Id']} >/dev/null 2>&1"}) as (url, _):
            done = world.capture("b-gone", *LIGHT, home=self.home, url=url)
        self.assertEqual(done.status, 5, str(done))
        self.assertIn("vanished", {code for _, code in self.gaps(done)}, str(done))
        bundle = world.Bundle(done.json["bundle"])
        self.assertEqual(json.loads((bundle / "data/engine/inspect.json").read_bytes())["Id"], info["Id"])
        self.assertIn(world.verify(bundle.path).status, (0, 5))

    def test_a_container_that_is_removed_after_the_resume_keeps_its_processes_in_the_bundle(self):
        info = run_container("b-gone", "sh", "-c", "echo x >/root/x; sleep 100000")
        self.extra.append("b-gone")
        client = " ".join(engine().client)
        with faulty({"path": "/changes", "do": "run", "times": 1,
                     "arg": f"DOCKER_HOST={engine().url} {client} rm -f {info['Id']} >/dev/null 2>&1"}) as (url, _):
            done = world.capture("b-gone", *LIGHT, home=self.home, url=url)
        self.assertEqual(done.status, 5, str(done))
        bundle = world.Bundle(done.json["bundle"])
        self.assertIn(info["State"]["Pid"], [r["pid"] for r in bundle.rows("processes/processes.ndjson")])

    def test_the_time_limit_ends_in_a_sealed_partial_bundle_and_124(self):
        with faulty({"path": "/changes", "do": "silence"}) as (url, _):
            done = world.capture(NAME, "--timeout", "3", *LIGHT, home=self.home, url=url)
        self.assertEqual((done.status, done.json["status"]), (124, "partial"), str(done))
        self.assertLess(done.seconds, 30)
        self.assertEqual(world.verify(done.json["bundle"]).status, 5)

    # --- who may

    def test_a_user_without_access_to_the_socket_is_told_so_with_6(self):
        done = self.as_nobody(engine().url)
        self.one_line(done, 6)

    def test_root_that_asks_for_the_engine_alone_reads_nothing_of_the_host_and_that_is_no_gap(self):
        done = world.capture(NAME, "--depth", "api", home=self.home)
        self.assertEqual((done.status, done.json["depth"], self.gaps(done)), (0, "api-only", []), str(done))
        self.assertFalse(done.json["freeze"]["paused_by_us"])
        bundle = world.Bundle(done.json["bundle"])
        self.assertEqual({p.name for p in (bundle.path / "data").iterdir()}, {"engine", "engine-after", "filesystem", "image", "logs"})
        self.assertIn("--depth api", {s["why"] for s in done.json["scope"] if s["collector"] == "processes"})

    def test_a_user_with_access_to_the_socket_gets_an_api_only_bundle_and_5(self):
        with faulty() as (url, _):
            done = self.as_nobody(url)
        self.assertEqual((done.status, done.json["depth"]), (5, "api-only"), str(done))
        self.assertIn(("processes", "denied"), self.gaps(done))
        self.assertIn("root", done.messages)

    def as_nobody(self, url):
        directory = pathlib.Path(subprocess.run(["mktemp", "-d", "/tmp/kan-e2e-XXXXXX"], stdout=subprocess.PIPE, check=True).stdout.decode().strip())
        self.addCleanup(shutil.rmtree, directory)
        os.chmod(directory, 0o755)
        shutil.copy(world.KANSHIKI, directory / "kanshiki")
        (directory / "home").mkdir(mode=0o700)
        os.chown(directory / "home", 65534, 65534)
        if url != engine().url:
            # A socket that everybody may use, at a place that everybody can reach.
            path = url.removeprefix("unix://")
            subprocess.run(["mount", "--bind", os.path.dirname(path), self.place(directory)], check=True)
            self.addCleanup(subprocess.run, ["umount", str(directory / "engine")], check=True)
            url = f"unix://{directory}/engine/s"
        return world.kanshiki("--reuid", "65534", "--regid", "65534", "--clear-groups", directory / "kanshiki", "-H", url,
                              "--home", directory / "home", "--json", "capture", NAME, program="/usr/bin/setpriv")

    def place(self, directory):
        (directory / "engine").mkdir()
        return str(directory / "engine")

    # --- where to

    def test_an_output_place_that_is_a_link_is_8_before_anything_is_written(self):
        real = world.new_directory("real")
        link = world.scratch() / f"link-{time.monotonic_ns()}"
        link.symlink_to(real)
        self.one_line(world.capture(NAME, "-o", link, home=self.home), 8, str(link))
        self.one_line(world.capture(NAME, home=link), 8, str(link))
        self.assertEqual(list(real.iterdir()), [])

    def test_an_output_place_that_is_a_file_is_8(self):
        path = world.scratch() / "a-file"
        path.write_text("mine")
        self.one_line(world.capture(NAME, "-o", path, home=self.home), 8, str(path))
        self.assertEqual(path.read_text(), "mine")

    def test_an_output_place_that_others_may_write_or_own_is_8(self):
        for mode, owner in ((0o770, 0), (0o777, 0), (0o700, 65534)):
            place = world.new_directory("place")
            os.chmod(place, mode)
            os.chown(place, owner, 0)
            self.one_line(world.capture(NAME, "-o", place, home=self.home), 8, str(place))
            self.assertEqual(list(place.iterdir()), [])

    def test_an_output_place_that_the_container_can_reach_is_8(self):
        shared = world.new_directory("shared")
        run_container("b-bind", "sleep", "100000", flags=("-v", f"{shared}:/shared"))
        self.extra.append("b-bind")
        inner = shared / "out"
        inner.mkdir(mode=0o700)
        self.one_line(world.capture("b-bind", "-o", inner, home=self.home), 8, str(inner))
        self.one_line(world.capture("b-bind", home=inner), 8, str(inner))
        self.assertEqual(list(inner.iterdir()), [])

    def test_an_output_directory_gets_bundle_and_report_and_the_home_the_commit(self):
        place = world.new_directory("place")
        done = world.capture(NAME, "--image", "none", "-o", place, home=self.home)
        self.assertEqual(done.status, 0, str(done))
        bundle = pathlib.Path(done.json["bundle"])
        self.assertEqual(bundle.parent, place)
        self.assertTrue((place / f"{bundle.name}-report/report.html").exists())
        self.assertEqual(world.verify(self.home / "custody.git").status, 0)

    # --- a full disk

    @contextlib.contextmanager
    def small_disk(self, megabytes):
        disk = world.new_directory("disk")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "small", str(disk)], check=True)
        try:
            yield disk
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)

    def test_too_little_space_at_the_start_is_1_before_the_pause(self):
        with self.small_disk(16) as disk, faulty() as (url, asked):
            done = world.capture(NAME, home=disk, url=url)
            self.one_line(done, 1, "space")
            self.assertEqual([a for a in asked() if a.startswith("POST")], [])

    def test_a_disk_that_fills_up_while_writing_is_1_and_the_partial_stays_unsealed(self):
        run_container("b-big", "sh", "-c", "dd if=/dev/urandom of=/root/big bs=1M count=60 2>/dev/null; echo ready; sleep 100000")
        self.extra.append("b-big")
        world.wait_until(lambda: "ready" in docker("logs", "b-big"), 30, "60 MB of changes")
        with self.small_disk(200) as disk:
            stop = threading.Event()
            filler = threading.Thread(target=fill_when_it_begins, args=(disk, stop))
            filler.start()
            done = world.capture("b-big", home=disk)
            stop.set()
            filler.join()
            self.assertEqual(done.status, 1, str(done))
            self.assertIn("space", done.messages)
            self.unsealed(disk)
        self.assertFalse(world.inspect("b-big")["State"]["Paused"])

    def test_a_file_size_limit_while_writing_is_1_and_the_partial_stays_unsealed(self):
        run_container("b-limit", "sh", "-c", "dd if=/dev/zero of=/root/big bs=1M count=12 2>/dev/null; echo ready; sleep 100000")
        self.extra.append("b-limit")
        world.wait_until(lambda: "ready" in docker("logs", "b-limit"), 30, "12 MB of changes")
        done = world.capture("b-limit", *LIGHT, home=self.home,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20)))
        self.assertEqual(done.status, 1, str(done))
        self.unsealed(self.home)
        self.assertFalse(world.inspect("b-limit")["State"]["Paused"])

    def test_too_few_descriptors_are_1_and_leave_nothing_or_a_partial_with_a_journal(self):
        for limit in (24, 32):
            with self.subTest(limit):
                home = world.new_directory("home")
                done = world.capture(NAME, *LIGHT, home=home, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
                self.assertIn(done.status, (1, 5), str(done))
                for left in home.glob("bundles/*"):
                    self.assertIn(world.verify(left).status, (0, 5), str(done))

    def unsealed(self, home):
        left = list((home / "bundles").iterdir())
        self.assertEqual([p.suffix for p in left], [".partial"], left)
        self.assertFalse((left[0] / "bagit.txt").exists())
        self.assertTrue((left[0] / "data/engine/inspect.json").exists())
        self.assertEqual(world.verify(left[0]).status, 5)

    # --- an odd environment

    def test_closed_standard_streams_an_open_umask_and_a_hostile_environment_harm_nothing(self):
        argv = [str(world.KANSHIKI), *map(str, world.capture_argv(NAME, *LIGHT, home=self.home))]
        hostile = world.environment(LD_PRELOAD="/nonexistent.so", GIT_DIR="/tmp", OPENSSL_CONF="/nonexistent", http_proxy="http://127.0.0.1:9",
                                    LC_ALL="tr_TR.UTF-8", TZ="Asia/Tokyo")
        if world.KANSHIKI.parent.name == "asan":
            hostile.pop("LD_PRELOAD")
        done = subprocess.run(["sh", "-c", 'umask 0; exec "$@" <&- >&- 2>&-', "sh", *argv], env=hostile, timeout=world.MAX_SECONDS,
                              check=False)
        self.assertEqual(done.returncode, 0)
        bundle = next((self.home / "bundles").iterdir())
        self.assertEqual(world.verify(bundle).status, 0)
        self.assertEqual(os.stat(bundle / "capture.json").st_mode & 0o777, 0o400)

    def test_usage_errors_are_2_and_one_line(self):
        for argv in (("capture",), ("capture", "--no-such-option", NAME), ("capture", "--freeze", "sometimes", NAME),
                     ("capture", "--timeout", "soon", NAME), ("capture", "--fail-on", "severe", NAME),
                     ("capture", "--rules", "/nonexistent", NAME), ("capture", "--request-id", "", NAME),
                     ("compare", "--only", "delted"), ("verify", "--seal", "12", self.home),
                     ("verify", "--allowed-signers", "/nonexistent", self.home)):
            with self.subTest(argv):
                done = world.kanshiki("-H", engine().url, "--home", self.home, *argv)
                self.assertEqual(done.status, 2, str(done))
                self.assertLessEqual(len(done.messages.strip().splitlines()), 2, str(done))
        self.assertEqual(list(self.home.iterdir()), [])


@contextlib.contextmanager
def world_socket(path):
    import socket
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        yield listener


def fill_when_it_begins(disk, stop):
    """As soon as the first artefact of tier 0 is closed, all space but one page goes."""
    while not stop.is_set() and not list(disk.glob("bundles/*.partial/data/engine/inspect.json")):
        time.sleep(0.001)
    with open(disk / "filler", "wb") as filler:
        with contextlib.suppress(OSError):
            while not stop.is_set():
                filler.write(bytes(1 << 20))
                filler.flush()


if __name__ == "__main__":
    sys.exit(unittest.main())
