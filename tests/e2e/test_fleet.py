"""examples/fleet on a swarm of two real engines: each with a network namespace and a host name of its own, joined by a cable."""
import ctypes
import importlib.util
import io
import json
import os
import pathlib
import subprocess
import tarfile
import types
import unittest

import world
from world import Bundle, new_directory, sh


def of_the_contract(name):
    """By its path: its directory has modules of the same names as ours."""
    spec = importlib.util.spec_from_file_location(name, world.TOP / f"tests/contract/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Server = of_the_contract("git_server").Server
FLEET = world.TOP / "examples/fleet"
LINK_SH = world.TOP / "tests/engine/link.sh"
NODES = {"node1": "10.211.7.1", "node2": "10.211.7.2"}
IMAGE, SERVICE, LABEL = "kanshiki-fleet:1", "fleet_capture", "kanshiki.capture=yes"
CLONE_NEWNET = 0x40000000
HERE = "{{.Node.Hostname}}"


class Node:
    """One engine, a container that is meant, with the label of a helper as any image could have it, and one that is not."""

    def __init__(self, name):
        self.name, self.address = name, NODES[name]
        self.engine = world.Engine(f"-{name}", KAN_ENGINE="docker20", KAN_ENGINE_HOSTNAME=name)
        self.home, self.socket = world.scratch() / f"fleet-{name}", self.engine.socket
        self.secret = f"only-on-{name}-{os.urandom(4).hex()}"
        self.meant = self.run("meant", "--label", LABEL, "--label", "kanshiki.fleet=helper")
        self.other = self.run("other")

    def run(self, name, *flags):
        script = f"echo {self.secret} >/tmp/{name}-planted; exec sleep 100000"
        return self.engine.docker("run", "-d", "--name", name, "--network", "none", *flags, world.IMAGE, "/bin/sh", "-c", script)

    def inside(self, *argv):
        """A program of the host in the node's network."""
        return ["nsenter", f"--net=/proc/{self.engine.pid}/ns/net", *map(str, argv)]

    def status(self):
        return json.loads((self.home / "status.json").read_text())

    def bundles(self):
        return sorted(p.name for p in (self.home / "bundles").iterdir())

    def running(self):
        return self.engine.docker("ps", "--format", "{{.Names}}").split()

    def containers(self):
        return sorted(self.engine.docker("ps", "-a", "--format", "{{.Names}}").split())


def in_network(pid, make):
    """What make returns, its sockets being of that process's network."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as ours, open(f"/proc/{pid}/ns/net") as theirs:
        assert libc.setns(theirs.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            return make()
        finally:
            assert libc.setns(ours.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


def new_client():
    """docker stack deploy knows jobs from 23.0 on; the engines are of 20.10."""
    done = subprocess.run([str(world.ENGINE_SH), "fetch"], env=dict(os.environ, KAN_ENGINE="docker26"), capture_output=True, timeout=900, check=False)
    if done.returncode == 9:
        raise world.NoPackages(done.stderr.decode(errors="replace").strip()[-200:])
    assert done.returncode == 0, done.stderr
    root = pathlib.Path(os.environ.get("KAN_ENGINE_ROOT", world.BUILD / "engine-root"))
    return root.with_name(root.name + "-docker26") / "usr/bin/docker"


def image():
    return subprocess.run([str(FLEET / "image.sh"), str(world.KANSHIKI)], stdout=subprocess.PIPE, check=True, timeout=world.MAX_SECONDS).stdout


class Swarm:
    def __init__(self):
        self.client = new_client()
        self.nodes = [Node(name) for name in NODES]
        first, second = self.nodes
        sh(LINK_SH, first.engine.pid, f"{first.address}/24", second.engine.pid, f"{second.address}/24")
        first.engine.docker("swarm", "init", "--advertise-addr", first.address)
        token = first.engine.docker("swarm", "join-token", "-q", "worker")
        second.engine.docker("swarm", "join", "--advertise-addr", second.address, "--token", token, f"{first.address}:2377")
        self.server = in_network(first.engine.pid, lambda: Server(new_directory("server"), user="ir:s3cret", address=first.address))
        for node in self.nodes:
            node.repository = self.server.repository(f"evidence-{node.name}.git")
            node.url = f"{self.server.base}/evidence-{node.name}.git"
        tar = new_directory("image") / "fleet.tar"
        tar.write_bytes(image())
        for node in self.nodes:
            node.engine.docker("import", tar, IMAGE)
        self.docker("secret", "create", "kanshiki_remote", "-", input=b"ir:s3cret\n")
        self.credentials = new_directory("credentials") / "file"
        self.credentials.write_text("ir:s3cret\n")
        self.credentials.chmod(0o600)

    def docker(self, *argv, **more):
        return sh(self.client, *argv, env=dict(self.nodes[0].engine.environment, **more.pop("environment", {})), **more).strip()

    def deploy(self, request, nodes=NODES, **more):
        return self.finished(lambda: self.start(request, **more), nodes)

    def start(self, request, stack="fleet", **more):
        socket = str(self.nodes[0].engine.socket).replace("node1", HERE)
        words = {"KANSHIKI_REQUEST": request, "KANSHIKI_LABEL": LABEL, "KANSHIKI_SOCKET": socket,
                 "KANSHIKI_DIR": f"{world.scratch()}/fleet-{HERE}", "KANSHIKI_REMOTE": f"{self.server.base}/evidence-{HERE}.git", **more}
        argv = ("stack", "deploy", "--resolve-image", "never", "--detach=true", "-c", FLEET / "swarm/stack.yaml", stack)
        self.docker(*argv, environment=words)

    def tasks(self, service=SERVICE):
        lines = self.docker("service", "ps", service, "--no-trunc", "--format", "{{.ID}} {{.Node}} {{.DesiredState}} {{.CurrentState}} {{.Error}}",
                            check=False)
        return [line.split(" ", 3) for line in lines.splitlines()]

    def documents(self):
        """What the newest job's log says, by node."""
        lines = self.docker("service", "logs", "--raw", SERVICE, check=False).splitlines()
        return {d["node"]: d for d in (json.loads(line) for line in lines if line.startswith("{"))}

    def finished(self, start, nodes=NODES):
        """Starts a job, and waits until each of these nodes has a task of it that has ended, and has said what it did."""
        old = {t[0] for t in self.tasks()}
        start()

        def done():
            new = [t for t in self.tasks() if t[0] not in old]
            return {t[1] for t in new} == set(nodes) == set(self.documents()) and {t[3].split()[0] for t in new} <= {"Complete", "Failed", "Rejected"}
        try:
            world.wait_until(done, 90, "the job's end")
        except AssertionError as late:
            raise AssertionError(f"{late}: {self.tasks()}\n{self.docker('service', 'logs', '--raw', SERVICE, check=False)[-3000:]}") from None
        return self.documents()


def start_job(node, image=IMAGE, **more):
    """The task as the swarm makes it, by hand on one node; its id."""
    words = {"KANSHIKI_REQUEST": "by-hand", "KANSHIKI_LABEL": LABEL, "KANSHIKI_DIR": f"{node.home}-by-hand", "KANSHIKI_NODE": node.name,
             "KANSHIKI_SOCKET": node.socket, "KANSHIKI_TASK": "by-hand", **more}
    flags = [word for key, value in words.items() for word in ("-e", f"{key}={value}")]
    return node.engine.docker("run", "-d", "--name", "by-hand", "--label", "kanshiki.fleet=helper", "--read-only", "--cap-drop", "ALL", "--network", "host",
                              "-v", f"{node.socket}:/run/engine.sock", *flags, "--entrypoint", "/fleet/job", image)


def run_job(node, image=IMAGE, **more):
    """To its end, which is status 0; its log."""
    job = start_job(node, image, **more)
    try:
        assert node.engine.docker("wait", job) == "0", node.engine.docker("logs", job)
        return node.engine.docker("logs", job)
    finally:
        node.engine.docker("rm", "-f", job)


@world.once
def swarm():
    return Swarm()


@world.once
def first_request():
    return swarm().deploy("inc-1")


class Case(unittest.TestCase):
    def setUp(self):
        try:
            swarm()
        except world.NoPackages as none:
            self.skipTest(str(none))
        first_request()


class Fleet(Case):
    def test_each_node_has_a_verified_bundle_of_its_own_container_and_of_no_other(self):
        for node in swarm().nodes:
            with self.subTest(node.name):
                [said] = first_request()[node.name]["containers"]
                self.assertEqual((said["id"], said["name"], said["exit"], said["captured"]), (node.meant, "meant", 0, True))
                self.assertIn(pathlib.Path(said["bundle"]).name, node.bundles())
                done = world.verify(said["bundle"], "--seal", said["seal"])
                self.assertEqual((done.status, done.json["result"]), (0, "verified"), str(done))
                bundle = Bundle(said["bundle"])
                self.assertEqual((bundle.json("capture.json")["depth"], bundle.gaps()), ("host", []))
                planted = [r for r in bundle.rows("filesystem/changes.ndjson") if r.get("path") == "/tmp/meant-planted"]
                self.assertEqual([r["sha256"] for r in planted], [world.sha256(f"{node.secret}\n".encode())])
                self.assertEqual({b.split("-")[1] for b in node.bundles()}, {node.meant[:12]})

    def test_the_status_names_what_was_done_and_is_the_same_in_the_directory_and_in_the_log(self):
        logged = swarm().deploy("status-1")
        for node in swarm().nodes:
            with self.subTest(node.name):
                said = node.status()
                self.assertEqual(said, logged[node.name])
                self.assertEqual((said["schema"], said["node"], said["request"], said["label"]), ("kanshiki.fleet/1", node.name, "status-1", LABEL))
                self.assertEqual((said["exit"], said["why"], said["push"]["pushed"], said["push"]["remote"]), (0, None, True, node.url))
                self.assertEqual((node.home / "status.json").stat().st_mode & 0o777, 0o600)
                self.assertEqual(node.home.stat().st_mode & 0o777, 0o700)

    def test_the_remote_has_each_nodes_history_whole_in_a_repository_of_its_own(self):
        swarm().deploy("remote-1")
        for node in swarm().nodes:
            with self.subTest(node.name):
                done = world.kanshiki(*node.inside(world.KANSHIKI)[1:], "--json", "verify", "--remote", node.url, "--credentials", swarm().credentials,
                                      "--require", "pushed", node.home, program="/usr/bin/nsenter")
                self.assertEqual((done.status, done.json["result"]), (0, "verified"), str(done))
                clone = new_directory("clone") / "c"
                url = node.url.replace("//", "//ir:s3cret@")
                git = ["git", "-c", f"lfs.url={url}/info/lfs"]
                sh(*node.inside(*git, "clone", "-q", url, clone), env=dict(os.environ, GIT_LFS_SKIP_SMUDGE="1"))
                sh(*node.inside(*git, "lfs", "pull"), cwd=clone)
                self.assertIn("OK", sh(*git, "lfs", "fsck", "--dry-run", "main", cwd=clone))
                bundle = next((clone / "cases").glob(f"*/bundles/*{node.meant[:12]}*"))
                sh("sha256sum", "-c", "--strict", "--quiet", "tagmanifest-sha256.txt", "manifest-sha256.txt", cwd=bundle)

    def test_a_container_without_the_label_is_not_touched_and_no_helper_is_left(self):
        for node in swarm().nodes:
            with self.subTest(node.name):
                def paused(name):
                    words = ("events", "--since", "0", "--until", "0s", "--filter", f"container={name}", "--filter", "event=pause", "--format", "{{.ID}}")
                    return node.engine.docker(*words).split()
                self.assertIn(node.meant, paused("meant"))
                self.assertEqual(paused("other"), [])
                self.assertEqual([n for n in node.containers() if n.startswith("kanshiki-fleet")], [])
                self.assertFalse(world.is_paused(node.meant))

    def test_the_helper_sees_what_kanshiki_on_the_host_itself_sees(self):
        node = swarm().nodes[0]
        uts = f"--uts=/proc/{node.engine.pid}/ns/uts"
        done = world.kanshiki(uts, *node.inside(world.KANSHIKI)[1:], *world.capture_argv("meant", home=new_directory("home"), url=node.engine.url),
                              program="/usr/bin/nsenter")
        self.assertEqual(done.status, 0, str(done))
        mine, theirs = Bundle(done.json["bundle"]), Bundle(first_request()["node1"]["containers"][0]["bundle"])
        documents = []
        for bundle in (mine, theirs):
            host = json.loads((bundle / "data/host/host.json").read_bytes())
            for own in ("cap_bounding", "cap_effective", "bundle", "tool"):
                host.pop(own, None)
            documents.append((host, bundle.lines("gaps.ndjson")[1:], bundle.json("capture.json")["depth"], sorted(self.artefacts(bundle))))
        self.assertEqual(documents[0][0]["name"], "node1")
        for mine_has, theirs_has in zip(*documents):
            self.assertEqual(theirs_has, mine_has)

    @staticmethod
    def artefacts(bundle):
        return [str(p.relative_to(bundle.path)) for p in (bundle / "data").rglob("*") if p.is_file()]

    def test_the_same_request_again_captures_nothing_and_a_new_one_does(self):
        before = [node.bundles() for node in swarm().nodes]
        first = swarm().deploy("twice-1")
        once = [node.bundles() for node in swarm().nodes]
        self.assertEqual([len(b) + 1 for b in before], [len(b) for b in once])
        second = swarm().deploy("twice-1")
        self.assertEqual([node.bundles() for node in swarm().nodes], once)
        for name in NODES:
            [was], [now] = first[name]["containers"], second[name]["containers"]
            self.assertEqual((now["status"], now["captured"], second[name]["push"]["pushed"]), ("done-before", False, True))
            self.assertEqual([now[k] for k in ("id", "bundle", "seal", "exit")], [was[k] for k in ("id", "bundle", "seal", "exit")])

    def test_what_is_missing_in_a_bundle_is_told_by_status_5_and_is_told_again(self):
        said = [swarm().deploy("gaps-1", KANSHIKI_FLAGS="--require stamped") for _ in range(2)]
        for name in NODES:
            self.assertEqual([(s[name]["exit"], s[name]["containers"][0]["exit"]) for s in said], [(5, 5), (5, 5)], said)
            self.assertEqual([s[name]["push"]["exit"] for s in said], [0, 0])
        self.assertEqual([t[3].split()[0] for t in swarm().tasks()], ["Complete"] * len(NODES))

    def test_a_constraint_says_on_which_nodes_it_runs(self):
        before = [node.bundles() for node in swarm().nodes]
        said = swarm().deploy("one-1", nodes=["node2"], KANSHIKI_NODES="node.hostname == node2")
        self.assertEqual(set(said), {"node2"})
        self.assertEqual([len(node.bundles()) - len(b) for node, b in zip(swarm().nodes, before)], [0, 1])

    def test_a_request_without_a_name_is_not_deployed(self):
        before = swarm().tasks()
        with self.assertRaisesRegex(AssertionError, "say which request this is"):
            swarm().deploy("")
        self.assertEqual([t[0] for t in swarm().tasks()], [t[0] for t in before])


class Failing(Case):
    def test_a_node_that_the_remote_refuses_ends_well_and_says_so_and_the_other_is_not_held_up(self):
        first, second = swarm().nodes
        hook = second.repository / "hooks/pre-receive"
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        self.addCleanup(hook.unlink)
        said = swarm().deploy("refused-1")
        self.assertEqual((said["node1"]["exit"], said["node1"]["push"]["pushed"]), (0, True))
        self.assertEqual((said["node2"]["exit"], said["node2"]["push"]["exit"], said["node2"]["push"]["pushed"]), (8, 8, False))
        self.assertIn("hook declined", said["node2"]["push"]["why"])
        [container] = said["node2"]["containers"]
        self.assertEqual((container["exit"], world.verify(container["bundle"]).status), (0, 0))
        self.assertEqual(second.status(), said["node2"])
        self.ended_once()

    def test_a_node_whose_disk_is_full_ends_well_and_says_so(self):
        node = swarm().nodes[1]
        space = ["nsenter", f"--mount=/proc/{node.engine.pid}/ns/mnt"]
        sh(*space, "mount", "-t", "tmpfs", "-o", "size=96k,mode=700", "tmpfs", node.home)
        self.addCleanup(sh, *space, "umount", "-l", node.home)
        said = swarm().deploy("full-1")
        self.assertEqual(said["node1"]["exit"], 0)
        self.assertEqual((said["node2"]["exit"], [c["exit"] for c in said["node2"]["containers"]]), (1, [1]), said["node2"])
        self.assertRegex(said["node2"]["containers"][0]["why"], "less than 64 MiB free")
        self.assertFalse(world.is_paused(node.meant))
        self.ended_once()

    def test_where_the_task_cannot_start_the_next_one_waits_and_is_not_started_at_once(self):
        self.addCleanup(swarm().docker, "stack", "rm", "lost")
        swarm().start("lost-1", stack="lost", KANSHIKI_SOCKET="/nowhere/docker.sock")

        def states():
            return sorted((t[1], t[2]) for t in swarm().tasks("lost_capture"))
        waiting = [("node1", "Ready"), ("node1", "Shutdown"), ("node2", "Ready"), ("node2", "Shutdown")]
        world.wait_until(lambda: states() == waiting, 30, f"one rejected task and one that waits on each node: {states()}")

    def ended_once(self):
        """A task that ends badly would have been started again at once, which would make more of them."""
        self.assertEqual(sorted((t[1], t[3].split()[0]) for t in swarm().tasks()), [("node1", "Complete"), ("node2", "Complete")])

    def test_where_no_helper_can_be_made_the_directory_says_why(self):
        node = swarm().nodes[0]
        log = run_job(node, KANSHIKI_SOCKET="/nowhere/docker.sock")
        said = json.loads(pathlib.Path(f"{node.home}-by-hand/status.json").read_text())
        self.assertEqual((said["exit"], said["containers"]), (1, []))
        self.assertIn("/nowhere/docker.sock", said["why"])
        self.assertIn("/nowhere/docker.sock", log)
        self.assertFalse(pathlib.Path("/nowhere").exists())
        self.assertEqual([n for n in node.containers() if n.startswith("kanshiki-fleet")], [])

    def captured_by(self, node, **more):
        run_job(node, **more)
        said = json.loads(pathlib.Path(f"{node.home}-by-hand/status.json").read_text())
        return [(c["name"], c["status"]) for c in said["containers"]]

    def test_helper_and_task_are_not_captured_when_the_label_is_theirs_and_a_container_that_poses_as_one_is(self):
        done = self.captured_by(swarm().nodes[0], KANSHIKI_REQUEST="self-1", KANSHIKI_LABEL="kanshiki.fleet=helper")
        self.assertEqual(done, [("meant", "complete")])

    def test_a_pod_is_not_captured_by_itself(self):
        node = swarm().nodes[0]
        for name in ("pod-1", "pod-2"):
            node.run(name, "--label", "pod=yes", "--label", f"io.kubernetes.pod.uid={name}")
        self.addCleanup(node.engine.docker, "rm", "-f", "pod-1", "pod-2")
        self.assertEqual(self.captured_by(node, KANSHIKI_LABEL="pod=yes", KANSHIKI_POD="pod-1"), [("pod-2", "complete")])

    def test_without_a_label_nothing_is_captured(self):
        node = swarm().nodes[0]
        run_job(node, KANSHIKI_LABEL="")
        said = json.loads(pathlib.Path(f"{node.home}-by-hand/status.json").read_text())
        self.assertEqual((said["exit"], said["containers"]), (1, []))
        self.assertIn("every container", said["why"])

    def test_a_task_that_is_told_to_end_ends_its_helper_which_seals_and_resumes_first(self):
        node = swarm().nodes[0]
        names = [f"long-{n}" for n in range(4)]
        ids = [node.run(name, "--label", "long=yes") for name in names]
        self.addCleanup(node.engine.docker, "rm", "-f", *names)
        job = start_job(node, KANSHIKI_LABEL="long=yes")
        self.addCleanup(node.engine.docker, "rm", "-f", "by-hand")
        world.wait_until(lambda: "kanshiki-fleet-by-hand" in node.running(), 30, "the helper runs")
        node.engine.docker("stop", "-t", "140", job)
        self.assertEqual(node.engine.docker("wait", job), "0")
        self.assertIn("stopping the helper: this task is told to end", node.engine.docker("logs", job))
        said = json.loads(pathlib.Path(f"{node.home}-by-hand/status.json").read_text())
        self.assertNotEqual(said["exit"], 0)
        self.assertLess(len([c for c in said["containers"] if c["status"] == "complete"]), len(ids))
        self.assertEqual([i for i in ids if world.is_paused(i)], [])
        self.assertEqual([n for n in node.containers() if n.startswith("kanshiki-fleet")], [])

    def test_a_helper_whose_task_was_killed_runs_to_its_end_and_the_next_task_removes_it(self):
        node = swarm().nodes[0]
        job = start_job(node, KANSHIKI_REQUEST="orphan-1")
        world.wait_until(lambda: "kanshiki-fleet-orphan-1" in node.running(), 30, "the helper runs")
        node.engine.docker("kill", job)
        node.engine.docker("rm", "-f", job)
        self.assertEqual(node.engine.docker("wait", "kanshiki-fleet-orphan-1"), "0")
        self.assertIn("kanshiki-fleet-orphan-1", node.containers())
        first = json.loads(pathlib.Path(f"{node.home}-by-hand/status.json").read_text())
        self.assertEqual((first["request"], first["exit"], first["containers"][0]["status"]), ("orphan-1", 0, "complete"))
        run_job(node, KANSHIKI_REQUEST="orphan-1")
        second = json.loads(pathlib.Path(f"{node.home}-by-hand/status.json").read_text())
        self.assertEqual([c["status"] for c in second["containers"]], ["done-before"])
        self.assertEqual([n for n in node.containers() if n.startswith("kanshiki-fleet")], [])

    def test_a_helper_that_is_killed_leaves_no_container_paused_but_one_that_was(self):
        node = swarm().nodes[0]
        before = node.run("paused-before", "--label", LABEL)
        self.addCleanup(node.engine.docker, "rm", "-f", "paused-before")
        node.engine.docker("pause", before)
        context = new_directory("killed")
        (context / "node").write_text("#!/bin/sh\ncurl -sS --unix-socket /run/engine.sock -X POST http://engine/containers/meant/pause\nkill -9 $$\n")
        (context / "node").chmod(0o755)
        (context / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY node /fleet/node\n")
        node.engine.docker("build", "-q", "-t", "killed:1", context)
        log = run_job(node, image="killed:1")
        self.assertIn(f"resuming {node.meant}", log)
        self.assertFalse(world.is_paused(node.meant))
        self.assertTrue(world.is_paused(before))
        self.assertEqual([n for n in node.containers() if n.startswith("kanshiki-fleet")], [])


class OtherEngines(unittest.TestCase):
    """One node of a newer engine, with cgroup v2 and images in containerd's store, and of Podman: paths are the engine's own there."""

    def node(self, kind):
        try:
            engine = world.Engine(f"-fleet-{kind}", KAN_ENGINE=kind)
        except world.NoPackages as none:
            self.skipTest(str(none))
        self.addCleanup(engine.down)
        inner = "/kan-" + world.sha256(str(engine.directory).encode())[:10]
        engine.docker("import", self.tar(), IMAGE)
        engine.docker("run", "-d", "--name", "meant", "--label", LABEL, "--network", "none", world.IMAGE, "/bin/sh", "-c",
                      "echo planted >/tmp/meant-planted; exec sleep 100000")
        return engine, inner

    @staticmethod
    def tar():
        tar = new_directory("image") / "fleet.tar"
        tar.write_bytes(image())
        return tar

    def captured(self, engine):
        said = json.loads((engine.directory / "home/status.json").read_text())
        self.assertEqual((said["exit"], said["why"], [c["name"] for c in said["containers"]]), (0, None, ["meant"]), said)
        path = engine.on_host(said["containers"][0]["bundle"])
        self.assertEqual(world.verify(path).json["result"], "verified")
        bundle = Bundle(path)
        self.assertEqual((bundle.json("capture.json")["depth"], bundle.gaps()), ("host", []))
        self.assertIn("/tmp/meant-planted", [r.get("path") for r in bundle.rows("filesystem/changes.ndjson")])

    def capture(self, kind):
        engine, inner = self.node(kind)
        node = types.SimpleNamespace(engine=engine, name="node", home=f"{inner}/home", socket=f"{inner}/docker.sock")
        log = run_job(node, KANSHIKI_DIR=node.home)
        self.assertIn("kanshiki.fleet/1", log)
        self.captured(engine)

    def test_the_task_captures_on_docker_28_with_cgroup_v2(self):
        self.capture("docker28")

    def test_the_task_captures_on_podman(self):
        self.capture("podman4")


class Image(unittest.TestCase):
    def test_the_same_files_make_the_same_image_with_no_file_that_gives_rights(self):
        first, second = image(), image()
        self.assertEqual(world.sha256(first), world.sha256(second))
        with tarfile.open(fileobj=io.BytesIO(first)) as tar:
            members = tar.getmembers()
        self.assertEqual([m.name for m in members if m.mode & 0o6000 or (m.isreg() and m.mode & 0o022)], [])
        self.assertEqual({(m.uid, m.gid, m.mtime) for m in members}, {(0, 0, 0)})
        self.assertIn("./usr/bin/kanshiki", [m.name for m in members])


if __name__ == "__main__":
    unittest.main(verbosity=2)
