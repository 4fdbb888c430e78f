"""Every state a container can be in: each is taken as far as it goes and left as it was found."""
import time
import unittest

import world
from world import docker, remove, run_container

SLEEP = ("sleep", "100000")


class States(unittest.TestCase):
    def setUp(self):
        self.names = []
        self.home = world.new_directory("home")

    def tearDown(self):
        remove(*self.names) if self.names else None

    def container(self, name, *flags, command=SLEEP):
        self.names.append(name)
        return run_container(name, *command, flags=flags)

    def taken(self, name, status=0, *flags):
        done = world.capture(name, *flags, home=self.home)
        self.assertEqual(done.status, status, str(done))
        self.assertEqual(world.verify(done.json["bundle"]).status, 0 if done.json["status"] == "complete" else 5)
        return done.json, world.Bundle(done.json["bundle"])

    def collectors(self, document):
        return {c["name"]: c["status"] for c in document["collectors"]}

    def test_running_is_taken_and_goes_on_running(self):
        info = self.container("s-running")
        document, bundle = self.taken("s-running")
        self.assertEqual(len(bundle.rows("processes/processes.ndjson")), 1)
        state = world.inspect("s-running")["State"]
        self.assertEqual((state["Status"], state["Pid"], state["StartedAt"]), ("running", info["State"]["Pid"], info["State"]["StartedAt"]))

    def test_paused_is_taken_without_a_pause_of_ours_and_stays_paused(self):
        info = self.container("s-paused")
        docker("pause", "s-paused")
        document, bundle = self.taken("s-paused")
        self.assertFalse(document["freeze"]["paused_by_us"])
        self.assertEqual(world.inspect("s-paused")["State"]["Status"], "paused")
        self.assertTrue(world.is_paused(info["Id"]))
        self.assertEqual([r["pid"] for r in bundle.rows("processes/processes.ndjson")], [info["State"]["Pid"]])
        posts = [r for r in bundle.lines("journal.ndjson") if r.get("method") == "POST"]
        self.assertEqual(posts, [])

    def test_exited_has_no_processes_and_that_is_no_gap(self):
        self.container("s-exited", command=("sh", "-c", "echo gone; echo x >/root/left"))
        world.wait_until(lambda: world.inspect("s-exited")["State"]["Status"] == "exited", 10, "exited")
        document, bundle = self.taken("s-exited")
        states = self.collectors(document)
        self.assertEqual((states["processes"], states["network"]), ("not-applicable", "not-applicable"))
        self.assertEqual((document["status"], bundle.gaps()), ("complete", []))
        rows = {world.value(r, "path"): r for r in bundle.rows("filesystem/changes.ndjson")}
        self.assertEqual(rows[b"/root/left"]["sha256"], world.sha256(b"x\n"))
        self.assertIn(b"gone", (bundle / "data/logs/json-file/0.log").read_bytes())

    def test_created_and_never_started_is_taken(self):
        self.names.append("s-created")
        remove("s-created")
        docker("create", "--name", "s-created", world.IMAGE)
        document, bundle = self.taken("s-created")
        self.assertEqual(self.collectors(document)["processes"], "not-applicable")
        self.assertEqual(world.inspect("s-created")["State"]["Status"], "created")
        self.assertGreater(len(bundle.rows("image/baseline.ndjson")), 20)

    def test_one_that_removes_itself_at_its_end_is_taken_while_it_lives(self):
        self.container("s-rm", "--rm")
        self.taken("s-rm")
        self.assertEqual(world.inspect("s-rm")["State"]["Status"], "running")

    def test_a_container_is_found_by_name_by_id_and_by_a_prefix_of_its_id(self):
        info = self.container("s-named")
        for text in ("s-named", info["Id"], info["Id"][:12]):
            document, _ = self.taken(text, 0, "--image", "none", "--no-report")
            self.assertEqual(document["container"]["id"], info["Id"])

    def test_freeze_never_pauses_nothing(self):
        info = self.container("s-live")
        document, bundle = self.taken("s-live", 0, "--freeze", "never")
        self.assertFalse(document["freeze"]["paused_by_us"])
        self.assertEqual([r for r in bundle.lines("journal.ndjson") if r.get("method") == "POST"], [])
        self.assertFalse(bundle.rows("processes/processes.ndjson")[0]["frozen"])
        self.assertEqual(world.inspect("s-live")["State"]["StartedAt"], info["State"]["StartedAt"])

    def test_a_container_in_the_hosts_pid_namespace_brings_no_process_of_others_as_a_member(self):
        info = self.container("s-hostpid", "--pid", "host")
        _, bundle = self.taken("s-hostpid")
        rows = bundle.rows("processes/processes.ndjson")
        self.assertEqual([r["pid"] for r in rows if not r.get("neighbour")], [info["State"]["Pid"]])
        self.assertEqual({r["pid"] for r in bundle.rows("processes/environ.ndjson")}, {info["State"]["Pid"]})

    def test_a_container_without_a_network_and_with_a_read_only_root_is_complete(self):
        self.container("s-bare", "--network", "none", "--read-only")
        document, bundle = self.taken("s-bare")
        self.assertEqual(bundle.gaps(), [])
        self.assertEqual(document["changes"]["added"], 0)

    def test_logs_of_a_driver_that_keeps_none_are_a_gap_with_the_engines_words(self):
        self.container("s-nolog", "--log-driver", "none")
        document, bundle = self.taken("s-nolog", 5)
        self.assertEqual([(g["collector"], g["code"]) for g in bundle.gaps()], [("logs", "unsupported")])

    def test_rotated_logs_are_all_there(self):
        self.container("s-rotate", "--log-opt", "max-size=4k", "--log-opt", "max-file=3",
                       command=("sh", "-c", "i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); done; sleep 100000"))
        world.wait_until(lambda: "line 199" in docker("logs", "--tail", "3", "s-rotate"), 10, "200 lines")
        _, bundle = self.taken("s-rotate")
        rows = bundle.rows("logs/files.ndjson")
        self.assertEqual(sorted(r["n"] for r in rows), [0, 1, 2])
        base = world.inspect("s-rotate")["LogPath"]
        for row in rows:
            path = base if row["n"] == 0 else f"{base}.{row['n']}"
            self.assertEqual(row["sha256"], world.sha256_file(path))

    def test_several_containers_are_one_document_a_line_in_one_case(self):
        self.container("s-one")
        self.container("s-two")
        done = world.kanshiki("-H", world.engine().url, "--home", self.home, "--json", "capture", "--image", "none", "s-one", "s-two")
        self.assertEqual(done.status, 0, str(done))
        documents = [world.json.loads(line) for line in done.out.splitlines()]
        self.assertEqual([d["container"]["name"] for d in documents], ["s-one", "s-two"])
        self.assertEqual(len({d["case"] for d in documents}), 1)
        self.assertEqual(world.verify(self.home / "custody.git").status, 0)

    def test_two_captures_at_once_into_one_home_make_one_unbroken_chain(self):
        self.container("s-both")
        runs = [world.subprocess.Popen([str(world.KANSHIKI), *map(str, world.capture_argv("s-both", "--case", "c", "--image", "none",
                "--freeze", "never", home=self.home))], stdout=world.subprocess.PIPE, stderr=world.subprocess.PIPE,
                env=world.environment()) for _ in range(2)]
        for run in runs:
            out, err = run.communicate(timeout=world.MAX_SECONDS)
            world.check_sanitizers(run.args, err)
            self.assertEqual(run.returncode, 0, err.decode(errors="replace"))
        self.assertEqual(world.verify(self.home / "custody.git").status, 0)

    def test_a_request_id_seen_before_collects_nothing_again(self):
        self.container("s-again")
        first, _ = self.taken("s-again", 0, "--request-id", "r-1", "--image", "none")
        second = world.capture("s-again", "--request-id", "r-1", home=self.home)
        self.assertEqual(second.status, 0, str(second))
        self.assertEqual(second.json["custody"]["commit"], first["custody"]["commit"])
        self.assertEqual(len(list((self.home / "bundles").iterdir())), 1)
        self.container("s-else")
        self.assertEqual(world.capture("s-else", "s-again", "--request-id", "r-2", home=self.home).status, 2)

    def test_many_files_and_long_names_are_taken(self):
        script = ("i=0; mkdir -p /srv/many; while [ $i -lt 2000 ]; do echo $i >/srv/many/$i; i=$((i+1)); done; "
                  "cd /srv; d=$(printf 'x%.0s' $(seq 200)); for i in $(seq 25); do mkdir $d && cd $d; done; echo deep >leaf; sleep 100000")
        self.container("s-many", command=("sh", "-c", script))
        world.wait_until(lambda: "leaf" in docker("exec", "s-many", "find", "/srv", "-name", "leaf", check=False), 60, "the tree")
        time.sleep(0)
        document, bundle = self.taken("s-many", 5)
        # The engine's own list of changes does not survive such a path.
        self.assertEqual([(g["collector"], g["code"]) for g in bundle.gaps()], [("engine-after", "unsupported")])
        made = world.sh("find", ".", "-mindepth", "1", "!", "-path", "./shop*", "-printf", "x",
                        cwd=f"/proc/{world.inspect('s-many')['State']['Pid']}/root/srv")
        self.assertGreater(len(made), 2020)
        self.assertEqual(document["changes"]["added"], len(made))
        digest = world.sha256(b"deep\n")
        self.assertEqual(len([r for r in bundle.rows("filesystem/changes.ndjson") if r.get("sha256") == digest]), 1)
