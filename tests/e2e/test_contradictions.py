"""Independent views of one container that do not agree, made on purpose; and a quiet one where they do."""
import json
import os
import pathlib
import unittest

import world
from world import docker, remove, run_container

SLEEP = ("sleep", "100000")
IDS = ["cgroup-scan", "socket-unheld", "socket-unlisted", "exe-file", "mounts-inspect", "engine-changes", "engine-files", "log-times", "image-digests"]


def in_mounts_of(pid, *argv):
    """Behind the engine's back: in the mount namespace of the container alone."""
    world.sh("nsenter", "-t", pid, "-m", "--", *argv)


class Contradictions(unittest.TestCase):
    def setUp(self):
        self.home = world.new_directory("home")
        self.names = []

    def tearDown(self):
        remove(*self.names)

    def container(self, name, *flags, command=SLEEP):
        self.names.append(name)
        return run_container(name, *command, flags=flags)

    def taken(self, name, *flags):
        done = world.capture(name, *flags, home=self.home)
        self.assertEqual(done.status, 0, str(done))
        self.files = {k: pathlib.Path(v) for k, v in done.json["report"].items()}
        self.bundle = world.Bundle(done.json["bundle"])
        report = json.loads(self.files["json"].read_text())
        self.assertEqual([c["id"] for c in report["contradictions"]], IDS)
        return {c["id"]: c for c in report["contradictions"]}

    def subjects(self, comparison):
        return sorted(world.value(r, "what").decode() for r in comparison["rows"])

    def row(self, example):
        """The row that an example names, read from the bundle by its line."""
        return json.loads((self.bundle / example["artefact"]).read_bytes().splitlines()[example["row"] - 1])

    def test_a_quiet_container_has_none_and_every_comparison_was_made(self):
        shared = world.new_directory("bind")
        self.container("c-quiet", "-v", f"{shared}:/data", "-v", "c-quiet-volume:/volume", "--tmpfs", "/fast",
                       "--device", "/dev/zero:/dev/nothing")
        found = self.taken("c-quiet")
        findings = json.loads(self.files["json"].read_text())["findings"]
        rules = {f["rule"] for f in findings if not f["rule"].startswith("posture.")}  # how this engine is set up is its own
        self.assertEqual(rules, {"image.secret-in-env", "image.secret-in-history", "image.secret-in-layer"}, "what the image's build left in it, and no more")
        # The image was built here: no registry knows it.
        self.assertEqual(found.pop("image-digests")["missing"]["code"], "not-applicable")
        for name, comparison in found.items():
            self.assertTrue(comparison["assessed"], comparison)
            self.assertEqual((comparison["count"], comparison["rows"]), (0, []), name)
        docker("volume", "rm", "-f", "c-quiet-volume", check=False)

    def test_a_deleted_executable_that_runs_contradicts_its_path(self):
        info = self.container("c-exe", command=("sh", "-c", "cp /bin/sleep /tmp/s; /tmp/s 100000 & p=$!; "
                                                            "while ! [ /proc/$p/exe -ef /tmp/s ]; do :; done; "
                                                            "rm /tmp/s; echo ready; wait"))
        world.wait_until(lambda: docker("logs", "c-exe") == "ready", 10, "it runs")
        found = self.taken("c-exe")["exe-file"]
        self.assertEqual((found["assessed"], found["count"]), (True, 1))
        self.assertEqual(self.subjects(found), ["/tmp/s (deleted)"])
        row = self.row(found["rows"][0])
        self.assertTrue(row["exe"]["deleted"])
        self.assertNotEqual(row["pid"], info["State"]["Pid"])
        self.assertIn("no name left", found["rows"][0]["other"])

    def test_mounts_behind_the_engines_back_contradict_inspect(self):
        pid = self.container("c-mount")["State"]["Pid"]
        in_mounts_of(pid, "mount", "--bind", "/etc", "/mnt")
        in_mounts_of(pid, "mount", "-t", "tmpfs", "over", "/proc/1")
        found = self.taken("c-mount")["mounts-inspect"]
        self.assertEqual((found["assessed"], found["count"]), (True, 2))
        self.assertEqual(self.subjects(found), ["/mnt", "/proc/1"])
        self.assertIn("hide.proc-mount", [f["rule"] for f in json.loads(self.files["json"].read_text())["findings"]])
        rows = {self.row(e)["point"]: self.row(e) for e in found["rows"]}
        self.assertEqual(rows["/proc/1"]["covers"], {"what": "process", "path": "/1", "pid": 1})
        self.assertEqual(rows["/mnt"]["covers"], {"what": "path", "path": "/mnt"})

    def test_a_mount_that_the_engine_made_and_somebody_took_away_contradicts_inspect(self):
        shared = world.new_directory("bind")
        pid = self.container("c-gone", "-v", f"{shared}:/data")["State"]["Pid"]
        in_mounts_of(pid, "umount", "/data")
        found = self.taken("c-gone")["mounts-inspect"]
        self.assertEqual((found["assessed"], self.subjects(found)), (True, ["/data"]))
        self.assertEqual(found["rows"][0]["artefact"], "data/engine/inspect.json")

    def test_an_edit_that_keeps_size_and_times_contradicts_the_engines_list(self):
        self.container("c-edit", command=("sh", "-c", "touch -r /etc/issue /root/t; "
                                                      "printf X | dd of=/etc/issue conv=notrunc bs=1 count=1 2>/dev/null; "
                                                      "touch -r /root/t /etc/issue; echo ready; exec sleep 100000"))
        world.wait_until(lambda: docker("logs", "c-edit") == "ready", 10, "it was edited")
        self.assertNotIn("/etc/issue", docker("diff", "c-edit"))
        found = self.taken("c-edit")["engine-changes"]
        self.assertEqual((found["assessed"], self.subjects(found)), (True, ["/etc/issue"]))
        self.assertEqual(self.row(found["rows"][0])["change"], "changed")

    def test_a_process_moved_out_of_the_cgroup_contradicts_the_scan(self):
        self.container("c-moved", command=("sh", "-c", "sleep 100000 & echo $!; wait"))
        world.wait_until(lambda: docker("logs", "c-moved"), 10, "both run")
        pid = max(int(p) for p in docker("top", "c-moved", "-eo", "pid").split()[1:])
        self.move(pid)
        found = self.taken("c-moved")["cgroup-scan"]
        self.assertEqual((found["assessed"], self.subjects(found)), (True, [str(pid)]))
        self.assertEqual(self.row(found["rows"][0])["pid"], pid)

    def move(self, pid):
        """To the top of every hierarchy that there is; nothing is created where there is none."""
        root = pathlib.Path("/sys/fs/cgroup")
        files = [f for f in (root / "cgroup.procs", *root.glob("*/cgroup.procs")) if f.parent == root or f.parent.is_mount()]
        moved = 0
        for file in files:
            try:
                with open(os.open(file, os.O_WRONLY | os.O_CLOEXEC), "w") as stream:
                    stream.write(str(pid))
                moved += 1
            except OSError:
                pass
        self.assertGreater(moved, 0)

    def test_a_socket_without_a_descriptor_contradicts_the_tables(self):
        # Sent through a socket pair and closed: it goes on listening, and no descriptor is left. sendmsg is 46.
        script = ("use Socket; socket($l,AF_INET,SOCK_STREAM,0); bind($l,sockaddr_in(4444,INADDR_ANY)); listen($l,1); "
                  "socketpair($a,$b,AF_UNIX,SOCK_STREAM,0); $d='x'; $iov=pack('PQ',$d,1); "
                  "$c=pack('QiiIx4',20,1,1,fileno($l)); $m=pack('QLx4PQPQix4',0,0,$iov,1,$c,24,0); "
                  "syscall(46,fileno($a),$m,0)==1 or die \"sendmsg: $!\"; close $l; $|=1; print \"ready\\n\"; sleep 100000")
        self.container("c-socket", command=("perl", "-e", script))
        world.wait_until(lambda: docker("logs", "c-socket") == "ready", 10, "it is in flight")
        found = self.taken("c-socket")["socket-unheld"]
        self.assertEqual((found["assessed"], found["count"]), (True, 1), found)
        self.assertEqual(self.row(found["rows"][0])["lport"], 4444)

    def test_sockets_of_a_shared_network_namespace_are_not_assessed(self):
        self.container("c-owner")
        self.container("c-guest", "--network", "container:c-owner",
                       command=("perl", "-MIO::Socket::INET", "-e",
                                "my $s=IO::Socket::INET->new(Listen=>1,LocalPort=>4445) or die; sleep 100000"))
        for name in ("c-owner", "c-guest"):
            found = self.taken(name)["socket-unheld"]
            self.assertFalse(found["assessed"])
            self.assertEqual((found["count"], found["missing"]["code"]), (0, "shared"), name)

    def test_nothing_that_was_read_live_contradicts(self):
        self.container("c-live")
        found = self.taken("c-live", "--freeze", "never")
        self.assertFalse(found["cgroup-scan"]["assessed"])
        self.assertEqual(found["cgroup-scan"]["missing"]["code"], "live")
        self.assertEqual(sum(c["count"] for c in found.values()), 0)

    def test_the_report_shows_them_to_people(self):
        pid = self.container("c-shown")["State"]["Pid"]
        in_mounts_of(pid, "mount", "--bind", "/etc", "/mnt")
        self.taken("c-shown")
        place = world.new_directory("report")
        done = world.kanshiki("--home", self.home, "report", "-o", place, self.bundle.path)
        self.assertEqual(done.status, 0, str(done))
        self.assertRegex(done.text, r"VIEWS +differ: ")
        for kind in ("html", "md"):
            text = self.files[kind].read_text()
            self.assertIn("Mounts of the kernel against those that the engine knows", text)
            self.assertRegex(text, r"/mnt")
            self.assertIn("the engine does not know of it", text)


if __name__ == "__main__":
    unittest.main()
