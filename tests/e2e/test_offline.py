"""A stopped container by its engine, and by the files of the data root alone: what is compared must be the same."""
import json
import os
import pathlib
import tarfile
import unittest

import world
from world import docker, remove, run_container

NAME, VOLUME = "o-web", "o-vol"
CANARY = b"canary-of-the-host-91d4"
STAGED = ("i=0; while [ $i -lt 100 ]; do echo line $i of the log; i=$((i+1)); done; echo added >/root/added; echo changed >>/etc/passwd; "
          "rm /etc/issue; rm -r /etc/skel; mkdir /etc/skel; echo o >/etc/skel/new; chmod 4755 /bin/true; ln -s /etc/shadow /root/link; "
          "mkfifo /root/pipe; echo in the volume >/data/file; mkdir /data/d; ln -s /etc/passwd /data/d/link")
OF_THE_COPY = ("dev", "ino", "ctime_ns", "btime_ns", "blocks", "origin_ino", "origin_gen", "bound_ns", "id", "parent")


def members(path):
    with tarfile.open(path) as tar:
        return {m.name: (m.type, m.mode, m.linkname, tar.extractfile(m).read() if m.isreg() else b"") for m in tar}


def without(value, keys):
    if isinstance(value, dict):
        return {k: without(v, keys) for k, v in value.items() if k not in keys}
    return [without(v, keys) for v in value] if isinstance(value, list) else value


def facts(bundle, name, keys):
    """In no order: a walk goes by the inodes, and a copy has others."""
    return sorted(without(bundle.rows(name), keys), key=lambda row: json.dumps(row, sort_keys=True))


def offline(root, *flags, name=NAME, before=()):
    argv = [*before, str(world.KANSHIKI), "--home", world.new_directory("home"), "--json", "capture", "--root", root, *flags, name]
    done = world.kanshiki(*map(str, argv[1:]), program=argv[0])
    return done, world.Bundle(done.json["bundle"]) if done.out and "bundle" in done.json else None


class Staged:
    """A container with changes of each kind, rotated logs and a volume, stopped; and its capture by the engine."""

    def __init__(self):
        docker("volume", "rm", "-f", VOLUME, check=False)
        self.info = run_container(NAME, "sh", "-c", STAGED, flags=("-v", f"{VOLUME}:/data", "-v", "/etc:/host:ro", "--log-opt", "max-size=4k",
                                                                   "--log-opt", "max-file=5", "--log-opt", "compress=true"))
        world.wait_until(lambda: world.inspect(NAME)["State"]["Status"] == "exited", 20, "it ended")
        self.directory = world.engine().data_root / "containers" / self.info["Id"]
        world.wait_until(lambda: all(p.suffix == ".gz" for p in self.directory.glob("*-json.log.*")), 20, "the engine has packed its logs")
        self.done = world.capture(NAME, home=world.new_directory("home"))
        self.live = world.Bundle(self.done.json["bundle"])


staged = world.once(Staged)


def copied():
    """The parts of the data root that this container needs, as root's cp keeps them."""
    root, copy = world.engine().data_root, world.new_directory("disk") / "docker"
    mount = (root / "image/overlay2/layerdb/mounts" / staged().info["Id"] / "mount-id").read_text()
    lowers = (root / "overlay2" / mount / "lower").read_text().split(":")
    layers = {mount} | {pathlib.Path(os.readlink(root / "overlay2" / one)).parent.name for one in lowers}
    for part in ["containers", "image", "volumes", "overlay2/l", *(f"overlay2/{one}" for one in layers)]:
        (copy / part).parent.mkdir(parents=True, exist_ok=True)
        world.sh("cp", "-a", root / part, (copy / part).parent)
    return copy


@unittest.skipUnless(os.geteuid() == 0, "root's files are read")
class Offline(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        remove(NAME)
        docker("volume", "rm", "-f", VOLUME, check=False)

    def same(self, one, other, name, *drop):
        drop = (*drop, "atime_ns")      # our own looks at directories count
        self.assertEqual(facts(one, name, drop), facts(other, name, drop), name)

    def same_octets(self, one, other, under):
        found = {p.relative_to(one / "data").as_posix(): world.sha256_file(p) for p in sorted((one / "data" / under).rglob("*"))
                 if p.is_file() and p.suffix != ".ndjson"}
        self.assertTrue(found)
        for name, digest in found.items():
            self.assertEqual(world.sha256_file(other / "data" / name), digest, name)

    def test_the_same_files_with_and_without_the_engine_give_the_same_rows(self):
        live = staged().live
        self.assertEqual(staged().done.status, 0, str(staged().done))
        done, found = offline(world.engine().data_root)
        self.assertEqual(done.status, 0, str(done))
        self.assertEqual(done.json["depth"], "offline")
        self.assertIn("holds the data root", done.messages)
        changes = {world.value(r, "path").decode(): r["change"] for r in live.rows("filesystem/changes.ndjson")}
        self.assertLessEqual({"/root/added": "added", "/etc/passwd": "changed", "/etc/issue": "deleted", "/bin/true": "metadata"}.items(),
                             {k.replace("/usr/bin/true", "/bin/true"): v for k, v in changes.items()}.items())
        for name in ("filesystem/changes.ndjson", "logs/files.ndjson", "mounts/files.ndjson", "image/layers.ndjson", "image/baseline.ndjson"):
            self.same(live, found, name)
        self.same(live, found, "mounts/named.ndjson", "source", "why")
        self.same_octets(live, found, "logs")
        self.assertEqual(members(live / "data/mounts/content.tar"), members(found / "data/mounts/content.tar"))
        self.assertEqual(members(live / "data/filesystem/upper.tar"), members(found / "data/filesystem/upper.tar"))
        self.assertEqual((live / "data/engine/config.v2.json").read_bytes(), (found / "data/engine/config.v2.json").read_bytes())

    def test_the_volume_of_a_stopped_container_is_taken_and_its_bind_is_listed(self):
        rows = {r["point"]: r for r in staged().live.rows("mounts/named.ndjson")}
        self.assertEqual({p: r["copied"] for p, r in rows.items()}, {"/data": True, "/host": False})
        self.assertEqual(rows["/host"]["source"], "/etc")
        content = members(staged().live / "data/mounts/content.tar")
        self.assertEqual(content[f"{rows['/data']['id']}/file"][3], b"in the volume\n")

    def test_a_copy_that_is_read_only_gives_the_same_changes_logs_and_volume(self):
        copy = copied()
        read_only = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"', str(copy))
        done, found = offline(copy, before=read_only)
        self.assertEqual(done.status, 0, str(done))
        self.assertNotIn("holds the data root", done.messages)
        live = staged().live
        self.same(live, found, "filesystem/changes.ndjson", *OF_THE_COPY)
        self.same(live, found, "mounts/files.ndjson", *OF_THE_COPY)
        self.same(live, found, "logs/files.ndjson", "ctime_ns")
        self.same_octets(live, found, "logs")
        self.assertEqual(members(live / "data/mounts/content.tar"), members(found / "data/mounts/content.tar"))
        self.assertEqual([r["proof"] for r in found.rows("image/layers.ndjson")], [r["proof"] for r in live.rows("image/layers.ndjson")])

    def test_links_planted_in_a_copy_lead_to_no_byte_of_the_host(self):
        copy, secret = copied(), world.new_directory("secret")
        (secret / "file").write_bytes(CANARY)
        ident = staged().info["Id"]
        log = copy / "containers" / ident / f"{ident}-json.log"
        data = copy / "volumes" / VOLUME / "_data"
        for path in (log, copy / "containers" / ident / "hostconfig.json"):
            path.unlink()
            path.symlink_to(secret / "file")
        world.sh("rm", "-r", data)
        data.symlink_to(secret)
        mount = (copy / "image/overlay2/layerdb/mounts" / ident / "mount-id").read_text()
        os.symlink(secret / "file", copy / "overlay2" / mount / "diff/root/host")
        short = copy / "overlay2" / (copy / "overlay2" / mount / "lower").read_text().split(":")[0]
        short.unlink()
        short.symlink_to(secret)
        done, found = offline(copy)
        self.assertEqual(done.status, 5, str(done))
        gaps = {(g["collector"], g["what"]) for g in found.gaps()}
        self.assertLessEqual({("engine", "hostconfig.json"), ("filesystem", "filesystem"), ("mounts", "/data")}, gaps)
        for path in found.path.parent.parent.rglob("*"):
            if path.is_file() and not path.is_symlink():
                self.assertNotIn(CANARY, path.read_bytes(), path)

    def test_the_listing_is_what_the_engine_lists(self):
        staged()
        done = world.kanshiki("--json", "ls", "--root", world.engine().data_root)
        self.assertEqual(done.status, 0, str(done))
        document = done.json
        self.assertTrue(document["live"])
        known = json.loads("[" + ",".join(docker("ps", "-a", "--no-trunc", "--format", "{{json .}}").splitlines()) + "]")
        self.assertEqual({c["id"]: c["name"] for c in document["containers"]}, {c["ID"]: c["Names"] for c in known})
        mine, = [c for c in document["containers"] if c["name"] == NAME]
        self.assertEqual((mine["state"], mine["image_id"], mine["created"], mine["log_driver"], mine["layers"]),
                         ("exited", staged().info["Image"], staged().info["Created"], "json-file", True))
        self.assertIn(world.IMAGE, mine["tags"])

    def test_a_setting_edited_on_disk_contradicts_the_engines_answer(self):
        path = staged().directory / "hostconfig.json"
        before = path.read_bytes()
        told = {c["id"]: c for c in json.loads(pathlib.Path(staged().done.json["report"]["json"]).read_text())["contradictions"]}
        self.assertEqual((told["engine-files"]["assessed"], told["engine-files"]["rows"]), (True, []))
        edited = json.loads(before)
        edited["Privileged"], edited["PidMode"] = True, "host"
        try:
            path.write_text(json.dumps(edited))
            done = world.capture(NAME, "--only", "engine", home=world.new_directory("home"))
        finally:
            path.write_bytes(before)
        told = {c["id"]: c for c in json.loads(pathlib.Path(done.json["report"]["json"]).read_text())["contradictions"]}
        self.assertEqual([(r["what"], r["other"]) for r in told["engine-files"]["rows"]],
                         [("HostConfig.Privileged", "its file: true"), ("HostConfig.PidMode", "its file: another value")])

    def test_a_container_with_many_settings_agrees_with_its_files(self):
        network = "o-net"
        docker("network", "create", network, check=False)
        flags = ("--privileged", "--tmpfs", "/run/x", "--mount", f"type=volume,source={VOLUME},target=/v,readonly", "--env", "A=b", "--label", "l=m",
                 "--user", "33", "--workdir", "/tmp", "--pids-limit", "100", "--restart", "on-failure:3", "--sysctl", "net.ipv4.ip_forward=1",
                 "--add-host", "h:192.0.2.1", "--dns", "192.0.2.2", "--network", network, "-p", "127.0.0.1:18099:80", "--health-cmd", "true",
                 "--hostname", "many", "--log-opt", "max-size=1m", "--ulimit", "nofile=100:100", "--device", "/dev/null:/dev/n", "--init")
        try:
            run_container("o-many", "sleep", "100000", flags=flags)
            done = world.capture("o-many", "--only", "engine", home=world.new_directory("home"))
        finally:
            remove("o-many")
            docker("network", "rm", network, check=False)
        told = {c["id"]: c for c in json.loads(pathlib.Path(done.json["report"]["json"]).read_text())["contradictions"]}
        self.assertEqual((told["engine-files"]["assessed"], told["engine-files"]["rows"]), (True, []))
