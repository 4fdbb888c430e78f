"""A capture of the staged container holds exactly what was staged, and leaves the container as it was."""
import base64
import gzip
import io
import json
import os
import pathlib
import tarfile
import unittest

import world
from world import demo, docker, sha256, value


def path_of(change):
    return base64.b64decode(change["path_b64"]) if "path_b64" in change else change["path"].encode()


def clean(name):
    """A member's name as an absolute path: tars say ./name or name."""
    data = os.fsencode(name).rstrip(b"/")
    return b"/" + data.removeprefix(b"./").removeprefix(b"/")


def members(path):
    """name -> (TarInfo, digest of the content) of a tar, read by Python's own reader."""
    found = {}
    with tarfile.open(path, errors="surrogateescape") as tar:
        for info in tar:
            data = tar.extractfile(info).read() if info.isreg() else b""
            found[clean(info.name)] = (info, sha256(data))
    return found


def mode_bits(text):
    return int(text, 8) & 0o7777


class Capture(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.demo = demo()
        self.truth = self.demo.truth
        self.bundle = self.demo.bundle
        self.assertIsNotNone(self.bundle, str(self.demo.result))

    # --- the document and the container afterwards

    def test_the_capture_is_complete_and_says_so_with_status_0(self):
        self.assertEqual(self.demo.result.status, 0, str(self.demo.result) + str(self.bundle.gaps()))
        document = self.demo.result.json
        self.assertEqual(document["schema"], "kanshiki.capture/1")
        self.assertEqual((document["status"], document["exit"], document["depth"]), ("complete", 0, "host"))
        self.assertEqual(document["container"]["id"], self.demo.id)
        self.assertEqual(document["container"]["image_id"], self.truth["container"]["image_id"])
        self.assertEqual(document["case"], "inc-42")

    def test_standard_output_is_one_json_document_and_nothing_else(self):
        self.assertEqual(self.demo.result.out.count(b"\n"), 1)
        json.loads(self.demo.result.out)

    def test_the_container_runs_and_is_not_paused_afterwards(self):
        state = world.inspect("web")["State"]
        self.assertTrue(state["Running"])
        self.assertFalse(state["Paused"])
        self.assertFalse(world.is_paused(self.demo.id))

    def test_the_container_was_paused_by_us_and_the_time_is_stated(self):
        freeze = self.demo.result.json["freeze"]
        self.assertTrue(freeze["paused_by_us"])
        self.assertGreater(freeze["ms"], 0)
        self.assertLess(freeze["ms"], 10000)

    def test_processes_files_and_access_times_are_as_before_the_capture(self):
        self.assertEqual(self.demo.before, self.demo.after)

    def test_the_access_times_that_are_touched_are_named_as_impact(self):
        impact = "\n".join(self.bundle.json("capture.json")["impact"])
        self.assertIn("paused", impact)
        self.assertIn("symbolic links", impact)
        self.assertIn("lists directories", impact)

    def test_no_process_of_ours_is_left(self):
        self.assertEqual(world.own_processes(), [])

    def test_the_bundle_is_readable_by_its_owner_alone_and_by_nobody_writable(self):
        for directory, _, files in os.walk(self.bundle.path):
            self.assertEqual(os.stat(directory).st_mode & 0o777, 0o700, directory)
            for name in files:
                path = os.path.join(directory, name)
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o400, path)
        self.assertEqual(os.stat(self.demo.home).st_mode & 0o777, 0o700)

    # --- processes

    def processes(self):
        return {row["pid"]: row for row in self.bundle.rows("processes/processes.ndjson") if not row.get("neighbour")}

    def row_of(self, role):
        return self.processes()[self.truth["processes"][role]["pid"]]

    def test_every_process_of_the_container_is_a_row_and_no_other_process_is(self):
        self.assertEqual(sorted(self.processes()), self.truth["members"])

    def test_each_executable_has_the_digest_of_the_file_as_staged(self):
        for role, staged in self.truth["processes"].items():
            if "exe_sha256" in staged:
                self.assertEqual(self.row_of(role)["exe"]["sha256"], staged["exe_sha256"], role)

    def test_the_execd_shell_is_there_with_its_argv_and_terminal(self):
        row = self.row_of("shell")
        self.assertEqual(value(row, "argv"), [b"sh", b"-i"])
        self.assertIn("cgroup", row["member_by"])
        self.assertNotIn(row.get("tty", 0), (0, "0", ""))

    def test_the_zombie_is_there_though_cgroup_procs_leaves_it_out(self):
        row = self.row_of("zombie")
        self.assertEqual(row["state"], "Z")
        self.assertEqual(row["ppid"], self.truth["processes"]["listener"]["pid"])

    def test_a_deleted_executable_is_marked_and_its_bytes_are_kept(self):
        self.carved("miner", "deleted")

    def test_an_executable_in_memory_is_marked_and_its_bytes_are_kept(self):
        self.carved("memory", "memfd")
        self.assertEqual(value(self.row_of("memory"), "argv")[0], b"[kworker/u4:1]")
        self.assertFalse(self.row_of("memory").get("kthread", False))

    def carved(self, role, word):
        exe, staged = self.row_of(role)["exe"], self.truth["processes"][role]["exe_sha256"]
        self.assertTrue(exe[word])
        self.assertEqual(exe["sha256"], staged)
        self.assertEqual(world.sha256_file(self.bundle / "data/processes/content" / staged), staged)

    def test_an_unlinked_file_that_is_still_open_is_kept(self):
        digest = self.truth["unlinked_open"]["sha256"]
        self.assertEqual(world.sha256_file(self.bundle / "data/processes/content" / digest), digest)
        pid = self.truth["processes"]["listener"]["pid"]
        links = [value(r, "link") for r in self.bundle.rows("processes/fds.ndjson") if r["pid"] == pid and r["kind"] == "file"]
        self.assertIn(self.truth["unlinked_open"]["path"].encode() + b" (deleted)", links)

    def test_an_executable_that_is_where_it_was_is_not_carved(self):
        self.assertNotIn(self.truth["processes"]["service"]["exe_sha256"],
                         os.listdir(self.bundle / "data/processes/content"))

    def test_the_environment_is_recorded_byte_for_byte(self):
        pid = self.truth["processes"]["service"]["pid"]
        rows = {value(r, "name"): value(r, "value") for r in self.bundle.rows("processes/environ.ndjson") if r["pid"] == pid}
        pairs = pathlib.Path(f"/proc/{pid}/environ").read_bytes().rstrip(b"\0").split(b"\0")
        self.assertEqual(rows, dict(pair.split(b"=", 1) for pair in pairs))
        self.assertEqual(rows[b"DB_PASSWORD"], self.truth["secret"].encode())

    def test_credentials_and_namespaces_are_those_the_kernel_shows(self):
        row, pid = self.row_of("service"), self.truth["processes"]["service"]["pid"]
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        self.assertEqual(row["uid"], [int(n) for n in status["Uid"].split()])
        self.assertEqual(int(row["cap"]["eff"], 16), int(status["CapEff"], 16))
        self.assertEqual(row["nspid"], [int(n) for n in status["NSpid"].split()])
        for name in ("mnt", "net", "pid", "ipc", "uts"):
            self.assertEqual(f"{name}:[{row['ns'][name]}]", os.readlink(f"/proc/{pid}/ns/{name}"))
        self.assertEqual(row["starttime"], int(self.demo.before["processes"][pid]))

    # --- network

    def sockets(self):
        return self.bundle.rows("network/sockets.ndjson")

    def test_the_staged_sockets_are_rows_with_their_owners(self):
        for staged in self.truth["sockets"]:
            wanted = {k: v for k, v in staged.items() if k != "role"}
            found = [s for s in self.sockets() if all(s.get(k) == v for k, v in wanted.items())]
            self.assertEqual(len(found), 1, (wanted, found))
            owners = [pid for pid, _ in found[0]["owners"]]
            self.assertEqual(owners, [self.truth["processes"][staged["role"]]["pid"]])

    def test_the_tcp_sockets_are_those_of_the_kernels_own_table(self):
        table = set()
        for line in pathlib.Path(f"/proc/{self.truth['container']['pid']}/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] in ("0A", "01"):
                table.add((fields[9], int(fields[1].split(":")[1], 16), int(fields[2].split(":")[1], 16)))
        rows = {(s["ino"], s["lport"], s.get("rport", 0)) for s in self.sockets()
                if s.get("proto") == "tcp" and s["family"] == "inet" and s["state"] in ("LISTEN", "ESTABLISHED")}
        self.assertEqual(rows, table)

    def test_an_abstract_unix_name_keeps_its_nul_and_line_feed(self):
        names = [value(s, "name") for s in self.sockets() if s["family"] == "unix" and ("name" in s or "name_b64" in s)]
        self.assertIn(base64.b64decode(self.truth["abstract_b64"]), names)

    def test_the_address_and_the_default_route_are_recorded(self):
        addresses = json.dumps(self.bundle.rows("network/addresses.ndjson"))
        self.assertIn(self.truth["container"]["address"], addresses)
        routes = json.dumps(self.bundle.rows("network/routes.ndjson"))
        self.assertIn(world.inspect("web")["NetworkSettings"]["Gateway"], routes)

    def test_hosts_and_resolv_conf_are_the_containers_own(self):
        for name in ("hosts", "resolv.conf"):
            seen = pathlib.Path(f"/proc/{self.truth['container']['pid']}/root/etc/{name}").read_bytes()
            self.assertEqual((self.bundle / "data/network" / name).read_bytes(), seen)

    # --- filesystem

    def changes(self):
        return {value(row, "path"): row for row in self.bundle.rows("filesystem/changes.ndjson")
                if "path" in row or "path_b64" in row}

    def test_every_staged_change_is_a_row_with_its_word(self):
        rows = self.changes()
        for staged in self.truth["changes"]:
            row = rows[path_of(staged)]
            self.assertEqual(row["change"], staged["change"], staged)
            for key in ("size", "type"):
                if key in staged:
                    self.assertEqual(row[key], staged[key], staged)
            if "mode" in staged:
                self.assertEqual(mode_bits(row["mode"]), int(staged["mode"], 8), staged)
            if "link" in staged:
                self.assertEqual(value(row, "link"), staged["link"].encode())

    def test_the_digests_are_those_of_the_files_as_staged(self):
        rows = self.changes()
        for staged in self.truth["changes"]:
            if "sha256" in staged:
                self.assertEqual(rows[path_of(staged)]["sha256"], staged["sha256"], staged)

    def test_nothing_is_called_added_changed_or_deleted_that_was_not_staged(self):
        staged = {path_of(c) for c in self.truth["changes"]} | {b"/tmp/.x", b"/root/.ssh"}
        gone = os.path.dirname(next(c["path"] for c in self.truth["changes"] if c["path"].endswith("README.new"))).encode()
        for path, row in self.changes().items():
            if row["change"] in ("added", "changed", "deleted") and path not in staged:
                self.assertEqual((row["change"], os.path.dirname(path)), ("deleted", gone), path)

    def test_the_tar_holds_the_bytes_of_each_staged_file(self):
        found = members(self.bundle / "data/filesystem/upper.tar")
        for staged in self.truth["changes"]:
            if "sha256" in staged:
                self.assertEqual(found[path_of(staged)][1], staged["sha256"], staged)
        self.assertEqual(found[b"/tmp/.x/shadow"][0].linkname, "/etc/shadow")

    def test_the_tar_has_no_set_id_bit_no_fifo_and_no_whiteout(self):
        for name, (info, _) in members(self.bundle / "data/filesystem/upper.tar").items():
            self.assertEqual(info.mode & 0o6000, 0, name)
            self.assertTrue(info.isreg() or info.isdir() or info.issym() or info.islnk(), name)

    def test_before_tar_has_the_images_version_of_what_was_changed_or_deleted(self):
        found = members(self.bundle / "data/filesystem/before.tar")
        for path in ("/etc/passwd", "/usr/bin/id", "/var/log/dpkg.log"):
            original = docker_file(self.truth["container"]["image"], path)
            self.assertEqual(found[path.encode()][1], sha256(original), path)

    def test_a_same_size_edit_with_its_mtime_put_back_is_found_and_the_engine_does_not_see_it(self):
        row = self.changes()[b"/usr/bin/id"]
        self.assertEqual((row["change"], row["size"], row["mtime_ns"]), ("changed", row["below"]["size"], row["below"]["mtime_ns"]))
        self.assertNotIn("C /usr/bin/id", self.demo.before["diff"])
        self.assertGreaterEqual(self.demo.result.json["changes"]["hidden_from_engine"], 1)

    def test_a_directory_made_anew_hides_each_file_below_it_in_a_row_of_its_own(self):
        directory = os.path.dirname(next(c["path"] for c in self.truth["changes"] if c["path"].endswith("README.new")))
        rows = self.changes()
        self.assertTrue(rows[directory.encode()].get("opaque"))
        deleted = {p for p, r in rows.items() if r["change"] == "deleted" and os.path.dirname(p) == directory.encode()}
        names = world.sh(*world.engine().client, "run", "--rm", "--entrypoint", "ls", world.IMAGE, directory, env=world.engine().environment)
        self.assertEqual(deleted, {f"{directory}/{name}".encode() for name in names.split()})

    def test_the_engines_own_diff_lists_nothing_that_we_lack(self):
        rows = self.changes()
        words = {"A": ("added",), "D": ("deleted",), "C": ("changed", "metadata", "parent", "identical", "engine")}
        text = docker("diff", "web", check=True)
        for line in text.splitlines():
            path = line[2:].encode("utf-8", "surrogateescape")
            if line[:2] in ("A ", "C ", "D ") and not path.startswith(b"/tmp/.x/\x1b"):
                self.assertIn(rows[path]["change"], words[line[0]], line)

    def test_a_link_to_a_host_path_brings_no_byte_of_the_host(self):
        row = self.changes()[b"/tmp/.x/shadow"]
        self.assertNotIn("sha256", row)
        secret = pathlib.Path("/etc/shadow").read_bytes()
        self.assertNotIn(secret, (self.bundle / "data/filesystem/upper.tar").read_bytes())

    # --- mounts, logs, image, engine

    def test_shm_tmpfs_and_volume_are_copied_with_their_digests(self):
        rows = self.bundle.rows("mounts/mounts.ndjson")
        files = self.bundle.rows("mounts/files.ndjson")
        found = members(self.bundle / "data/mounts/content.tar")
        for staged in self.truth["mounted"]:
            mount = next(r for r in rows if value(r, "point") == staged["mount"].encode())
            self.assertTrue(mount["copied"], mount)
            self.assertEqual(found[f"/{mount['id']}/{staged['path']}".encode()][1], staged["sha256"])
            digests = [f.get("sha256") for f in files if f["mnt_id"] == mount["id"]]
            self.assertIn(staged["sha256"], digests)

    def test_every_mount_of_the_container_is_a_row(self):
        table = pathlib.Path(f"/proc/{self.truth['container']['pid']}/mountinfo").read_text().splitlines()
        self.assertEqual({r["id"] for r in self.bundle.rows("mounts/mounts.ndjson")}, {int(line.split()[0]) for line in table})

    def test_the_log_is_the_engines_file_byte_for_byte_with_both_streams(self):
        kept = (self.bundle / "data/logs/json-file/0.log").read_bytes()
        engine_file = pathlib.Path(world.inspect("web")["LogPath"]).read_bytes()
        self.assertTrue(kept and engine_file.startswith(kept))
        lines = [json.loads(line) for line in kept.splitlines()]
        for stream in ("stdout", "stderr"):
            self.assertIn(self.truth["logs"][stream], [line["log"].strip() for line in lines if line["stream"] == stream])
        row = next(r for r in self.bundle.rows("logs/files.ndjson") if r["n"] == 0)
        self.assertEqual((row["driver"], row["kept"], row["sha256"]), ("json-file", len(kept), sha256(kept)))

    def test_the_baseline_is_every_file_of_every_layer_as_docker_save_has_it(self):
        truth = saved_layers(world.IMAGE)
        rows = [r for r in self.bundle.rows("image/baseline.ndjson") if r["layer"] != "init"]
        ours = {(r["layer"], value(r, "path"), r["sha256"]) for r in rows if r["type"] == "file" and "sha256" in r}
        self.assertEqual(ours ^ truth, set())

    def test_a_file_that_a_later_layer_removed_is_a_ghost_with_its_bytes(self):
        staged = self.truth["ghost"]
        row = next(r for r in self.bundle.rows("image/ghosts.ndjson") if value(r, "path") == staged["path"].encode())
        self.assertEqual(row["sha256"], staged["sha256"])
        self.assertIn(staged["sha256"], [digest for _, digest in members(self.bundle / "data/image/ghosts.tar").values()])

    def test_the_layers_are_proven_by_their_chain_ids(self):
        rows = [r for r in self.bundle.rows("image/layers.ndjson") if not r.get("init")]
        wanted = json.loads(docker("image", "inspect", world.IMAGE))[0]["RootFS"]["Layers"]
        self.assertEqual([r["diff_id"] for r in sorted(rows, key=lambda r: r["n"])], wanted)
        self.assertEqual({r["proof"] for r in rows}, {"chain"})

    def test_the_engines_answers_are_kept_raw(self):
        inspect = json.loads((self.bundle / "data/engine/inspect.json").read_bytes())
        self.assertEqual((inspect["Id"], inspect["State"]["Pid"]), (self.demo.id, self.truth["container"]["pid"]))
        for name in ("events", "version", "info", "image-inspect", "image-history", "networks", "containers"):
            self.assertTrue((self.bundle / f"data/engine/{name}.json").read_bytes(), name)
        changes = json.loads((self.bundle / "data/engine-after/changes.json").read_bytes())
        self.assertIn({"Path": "/etc/passwd", "Kind": 0}, changes)

    def test_the_host_is_identified(self):
        host = json.loads((self.bundle / "data/host/host.json").read_bytes())
        self.assertIn(pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip(), json.dumps(host))
        self.assertIn(os.uname().release, json.dumps(host))

    # --- what the capture asked of the engine, and its counts

    def test_only_get_and_one_pause_and_one_unpause_were_asked(self):
        requests = [(r["method"], r["path"]) for r in self.bundle.lines("journal.ndjson") if r.get("type") == "request"]
        posts = [path.rsplit("/", 1)[-1].split("?")[0] for method, path in requests if method == "POST"]
        self.assertLessEqual(set(posts), {"pause", "unpause"})
        self.assertLessEqual(len(posts), 2)
        self.assertLessEqual({m for m, _ in requests}, {"GET", "POST"})
        for word in ("/exec", "/attach", "/top", "/archive", "/commit", "size=1", "system/df"):
            self.assertFalse([p for _, p in requests if word in p], word)

    def test_each_collector_is_named_ok_and_counted(self):
        collectors = {c["name"]: c for c in self.demo.result.json["collectors"]}
        for name in ("host", "engine", "processes", "network", "mounts", "filesystem", "logs", "posture", "engine-after", "image"):
            self.assertEqual(collectors[name]["status"], "ok", collectors[name])
        self.assertGreaterEqual(collectors["processes"]["items"], len(self.truth["members"]))

    def test_changes_are_counted_by_word(self):
        counts = self.demo.result.json["changes"]
        rows = [r["change"] for r in self.bundle.rows("filesystem/changes.ndjson")]
        for word in ("added", "changed", "deleted", "metadata", "identical"):
            self.assertEqual(counts[word], rows.count(word), word)

    def test_the_rules_find_what_was_staged(self):
        report = json.loads(pathlib.Path(self.demo.result.json["report"]["json"]).read_bytes())
        text = json.dumps(report["findings"])
        for role in ("miner", "memory", "listener"):
            self.assertIn(str(self.truth["processes"][role]["pid"]), text, role)
        for path in ("/usr/bin/id", "/usr/bin/.sysd", "/etc/cron.d/.sync", "/root/.ssh/authorized_keys"):
            self.assertIn(path, text)
        self.assertGreater(sum(self.demo.result.json["findings"].values()), 4)

    def test_the_secret_of_the_environment_is_in_no_report(self):
        for path in self.demo.result.json["report"].values():
            self.assertNotIn(self.truth["secret"].encode(), pathlib.Path(path).read_bytes(), path)


def docker_file(image, path):
    """A file of the image as docker itself extracts it, from a container that never ran."""
    container = docker("create", image)
    data = world.subprocess.run([*world.engine().client, "cp", f"{container}:{path}", "-"], stdout=world.subprocess.PIPE,
                                env=world.engine().environment, check=True).stdout
    docker("rm", container)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.extractfile(tar.next()).read()


def saved_layers(image):
    """(layer, path, digest) of every regular file of `docker save`, whiteouts left out."""
    archive = world.scratch() / "image.tar"
    docker("save", "-o", archive, image)
    found = set()
    with tarfile.open(archive) as outer:
        manifest = json.load(outer.extractfile("manifest.json"))[0]
        for number, name in enumerate(manifest["Layers"]):
            data = outer.extractfile(name).read()
            data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
            found |= layer_files(number, data)
    return found


def layer_files(number, data):
    found, digests = set(), {}
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as tar:
        for info in tar:
            name = clean(info.name)
            if os.path.basename(name).startswith(b".wh."):
                continue
            if info.isreg():
                digests[name] = sha256(tar.extractfile(info).read())
            elif info.islnk():
                digests[name] = digests[clean(info.linkname)]
            else:
                continue
            found.add((number, name, digests[name]))
    return found
