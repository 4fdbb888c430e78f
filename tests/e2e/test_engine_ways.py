"""Engines that run in other ways: socket activation, tcp with TLS, --userns-remap, other storage drivers.

Each has an engine of its own. Those of another release are skipped, and that is said, where its packages cannot be had.
"""
import io
import os
import pathlib
import subprocess
import tarfile
import unittest

import test_offline
import test_overlay as overlay
import world
from world import sha256, value

TLS_PORT = "2376"
SERVICE = ("sh", "-c", "echo said; exec /usr/local/bin/shopd")


class Way(unittest.TestCase):
    """An engine for one test; what is staged is the same."""

    def start(self, suffix, **more):
        try:
            self.engine = world.Engine(suffix=suffix, **more)
        except world.NoPackages as why:
            self.skipTest(str(why))
        self.addCleanup(self.engine.down)
        self.home = world.new_directory("home")

    def podman(self, *argv):
        """Podman's own client, for what Docker's has no word for."""
        inner = f"/kan-{sha256(str(self.engine.directory).encode())[:10]}"
        return world.sh("nsenter", "-m", "-n", "-t", self.engine.pid, "env", "HOME=/root", f"CONTAINERS_CONF={inner}/containers.conf", "podman",
                        "--url", f"unix://{inner}/docker.sock", *argv)

    def container(self, name, *flags):
        self.engine.docker("run", "-d", "--name", name, *flags, world.IMAGE, *SERVICE)
        self.engine.docker("exec", name, "sh", "-c", "echo new >/root/new; rm /var/log/dpkg.log; echo more >>/etc/passwd")
        return self.engine.inspect(name)

    def capture(self, name, *flags, status):
        done = world.capture(name, *flags, home=self.home, url=self.engine.url)
        self.assertEqual(done.status, status, str(done))
        bundle = world.Bundle(done.json["bundle"])
        self.assertEqual(world.verify(bundle.path).status, 0)
        return done.json, bundle

    def verified(self, name):
        """Nothing of the image is damaged, by the owners that this engine's store has; the map that layers.ndjson says."""
        _, bundle = self.capture(name, "--verify-image", "--only", "image", "--no-report", status=0)
        rows = bundle.rows("image/integrity.ndjson")
        self.assertEqual([r for r in rows if r["about"] == "path"], [])
        self.assertEqual({(r["rung"], r["result"]) for r in rows}, {(2, "verified"), (3, "verified"), (4, "verified")})
        return bundle.rows("image/layers.ndjson")[0]["uid_map"]

    def lower(self, path, upper=None):
        """Where Podman's layers of the image have it."""
        found, = (p for p in self.engine.data_root.glob(f"overlay/*/diff/{path}") if upper not in p.parents)
        return found

    def rows(self, bundle):
        return {value(r, "path"): r for r in bundle.rows("filesystem/changes.ndjson")}

    def claims(self, bundle):
        return {c["claim"]: c for c in bundle.json("capture.json")["target"]["claims"]}


class Activated(Way):
    def test_behind_socket_activation_the_engine_is_the_one_that_holds_the_listening_socket(self):
        self.start("act", KAN_ENGINE="docker20", KAN_ENGINE_ACTIVATE="1")
        launcher = int((self.engine.directory / "started.pid").read_text())
        self.assertIn("python", os.readlink(f"/proc/{launcher}/exe"))
        self.container("w-act")
        document, bundle = self.capture("w-act", status=0)
        claim = self.claims(bundle)["engine"]
        self.assertEqual((claim["verdict"], claim["value"]), ("proven", f"pid {self.engine.pid}"))
        self.assertEqual((document["depth"], self.rows(bundle)[b"/root/new"]["change"]), ("host", "added"))


class Remapped(Way):
    def test_with_userns_remap_ids_are_those_of_the_host_and_content_is_readable(self):
        self.start("remap", KAN_ENGINE="docker26", KAN_ENGINE_REMAP="1")
        info = self.container("w-remap")
        document, bundle = self.capture("w-remap", status=0)
        rows = self.rows(bundle)
        new = rows[b"/root/new"]
        self.assertEqual((new["change"], new["uid"], new["gid"], new["sha256"]), ("added", 100000, 100000, sha256(b"new\n")))
        self.assertEqual(rows[b"/etc/passwd"]["below"]["uid"], 100000)
        init = next(r for r in bundle.rows("processes/processes.ndjson") if r["pid"] == info["State"]["Pid"])
        self.assertEqual(init["uid"], [100000] * 4)
        self.assertEqual({r["proof"] for r in bundle.rows("image/layers.ndjson")}, {"chain"})
        self.assertIn(b"said", (bundle / "data/logs/json-file/0.log").read_bytes())
        self.assertEqual(self.verified("w-remap"), ["0 100000 65536"])


class Mapped(Way):
    """Podman as root that gives a container ids of its own: the image's layers stay root's on disk, and are mounted with those ids."""
    # Revision 2, cap_net_raw; u::rw-,u:33:r--,g::r--,m::r--,o::r--.
    CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")
    LIST = bytes.fromhex("02000000" "01000600ffffffff" "0200040021000000" "04000400ffffffff" "10000400ffffffff" "20000400ffffffff")

    def planted_below(self):
        os.chown(self.lower("srv/shop/index.html"), 33, 33)
        os.setxattr(self.lower("etc/group"), "security.capability", self.CAPABILITY)
        os.setxattr(self.lower("etc/shop/shop.conf"), "system.posix_acl_access", self.LIST)
        return {"/srv/shop/index.html": ["owner"], "/etc/group": ["capability"], "/etc/shop/shop.conf": ["acl"]}

    def compared(self, bundle, uid, gid):
        rows = self.rows(bundle)
        index, group, conf = (rows[p] for p in (b"/srv/shop/index.html", b"/etc/group", b"/etc/shop/shop.conf"))
        self.assertEqual([r["change"] for r in (index, group, conf)], ["identical"] * 3, (index, group, conf))
        self.assertEqual([(r["uid"], r["gid"]) for r in (index, index["below"])], [(uid + 33, gid + 33)] * 2)
        self.assertEqual([r["capability"]["rootid"] for r in (group, group["below"])], [uid] * 2)
        self.assertEqual([r["acl"] for r in (conf, conf["below"])], [f"u::rw-,u:{uid + 33}:r--,g::r--,m::r--,o::r--"] * 2)
        self.assertEqual((rows[b"/etc/passwd"]["change"], rows[b"/etc/passwd"]["below"]["uid"]), ("changed", uid))
        given = rows[b"/usr/bin/id"]
        self.assertEqual((given["change"], given["differs"], given["uid"], given["below"]["uid"]), ("metadata", ["owner"], uid + 33, uid))
        gone = rows[b"/var/log/dpkg.log"]
        self.assertEqual((gone["change"], gone["below"]["uid"], gone["below"]["gid"]), ("deleted", uid, gid))
        self.assertEqual((rows[b"/root/new"]["change"], rows[b"/etc"]["change"]), ("added", "parent"))
        self.assertEqual({r["source"] for r in rows.values()}, {"upper"})

    def taken(self, name, damage):
        """While it runs and when it has ended; the layers are those of the image, but for the damage."""
        self.engine.docker("start", name)
        self.engine.docker("exec", name, "sh", "-c", "echo new >/root/new; rm /var/log/dpkg.log; echo more >>/etc/passwd; chown 33 /usr/bin/id; "
                           "for f in /srv/shop/index.html /etc/group /etc/shop/shop.conf; do chmod 600 $f; chmod 644 $f; done")
        pid = self.engine.inspect(name)["State"]["Pid"]
        uid, gid = (int(pathlib.Path(f"/proc/{pid}/{kind}_map").read_text().split()[1]) for kind in ("uid", "gid"))
        self.assertGreater(min(uid, gid), 0)
        _, bundle = self.capture(name, "--verify-image", status=0)
        self.compared(bundle, uid, gid)
        self.assertEqual({r["proof"] for r in bundle.rows("image/layers.ndjson")}, {"chain"})
        named = {r["path"]: r["differs"] for r in bundle.rows("image/integrity.ndjson") if r["about"] == "path"}
        self.assertEqual(named, damage)
        self.engine.docker("stop", "-t", "0", name)
        _, bundle = self.capture(name, status=0)
        self.compared(bundle, uid, gid)

    def test_podman_that_gives_a_container_ids_of_its_own_has_them_on_both_sides_and_its_layers_those_of_the_image(self):
        self.start("map", KAN_ENGINE="podman4")
        self.podman("create", "--name", "w-map", "--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536", world.IMAGE, *SERVICE)
        damage = self.planted_below()
        self.taken("w-map", damage)
        world.sh("nsenter", "-m", "-t", self.engine.pid, "sh", "-c", "for f in /etc/subuid /etc/subgid; do echo containers:1000000:1000000 >>$f; done")
        self.podman("create", "--name", "w-auto", "--userns", "auto:size=65536", world.IMAGE, *SERVICE)
        self.taken("w-auto", damage)


class Metacopy(Way):
    """Podman with the mount option that Fedora and RHEL ship: what only changes facts is copied up without its bytes."""
    ACTS = ("chmod 600 /etc/group; chown 33 /usr/bin/id; chmod 600 /srv/shop/index.html; chmod 644 /srv/shop/index.html",
            "mv /usr/share/doc /usr/share/moved; echo x >>/usr/share/moved/busybox/README; mv /srv/shop /srv/x; mv /srv/x /srv/shop",
            "mv /etc/shop/shop.conf /etc/shop/moved.conf; ln /etc/passwd /etc/second; rm /var/log/dpkg.log; echo n >/root/new")

    def told(self, upper):
        """Rows as compare prints them; the marks are the kernel's own."""
        _, bundle = self.capture("w-meta", status=0)
        joined = {value(r, "path"): r for r in overlay.compare_json(bundle.path) if "path" in r}
        says = {p.decode(): (r["change"], r.get("how"), r.get("metacopy", False)) for p, r in joined.items()}
        self.assertEqual({p: w for p, w in says.items() if w[0] not in ("parent", "engine", "deleted")}, {
            "/etc/group": ("metadata", "edited", True), "/usr/bin/id": ("metadata", "edited", True),
            "/srv/shop/index.html": ("identical", "edited", True), "/usr/share/moved": ("added", "renamed", False),
            "/usr/share/moved/busybox/README": ("changed", "edited", False), "/etc/shop/moved.conf": ("added", "renamed", True),
            "/etc/passwd": ("identical", "edited", True), "/etc/second": ("added", "linked", True), "/root/new": ("added", None, False)})
        self.assertEqual({p for p, w in says.items() if w[0] == "deleted"}, {
            "/usr/share/doc", "/usr/share/doc/busybox", "/usr/share/doc/busybox/README", "/etc/shop/shop.conf", "/var/log/dpkg.log"})
        self.assertEqual([(joined[p]["from"], joined[p]["redirect"]) for p in (b"/usr/share/moved", b"/etc/shop/moved.conf")],
                         [("/usr/share/doc", "doc"), ("/etc/shop/shop.conf", "shop.conf")])
        self.assertEqual([joined[p]["differs"] for p in (b"/etc/group", b"/usr/bin/id")], [["mode"], ["owner"]])
        for path in ("etc/group", "usr/bin/id", "srv/shop/index.html", "etc/passwd"):
            data = self.lower(path, upper).read_bytes()
            self.assertEqual(joined[f"/{path}".encode()]["sha256"], sha256(data))
            self.assertNotEqual((upper / path).read_bytes(), data, "its bytes are the image's alone")
        return self.rows(bundle)

    def test_what_the_container_does_is_told_as_what_it_did_and_the_kernels_mount_agrees(self):
        self.start("meta", KAN_ENGINE="podman4", KAN_ENGINE_MOUNTOPT="nodev,metacopy=on")
        self.engine.docker("run", "-d", "--name", "w-meta", world.IMAGE, *SERVICE)
        for act in self.ACTS:
            self.engine.docker("exec", "w-meta", "sh", "-c", act)
        upper, *lowers = self.engine.layers("w-meta")
        rows, lowers = self.told(upper), ":".join(map(str, lowers))
        seen = overlay.differing_layers(lowers, f"{upper}:{lowers}", ",redirect_dir=on,metacopy=on")
        parents = {p for p, r in rows.items() if r["change"] == "parent"}
        self.assertEqual(seen - parents, {p for p, r in rows.items() if r["change"] not in ("identical", "parent")})
        self.engine.docker("stop", "-t", "0", "w-meta")
        self.told(upper)


class Beside(Way):
    def test_with_a_containerd_of_its_own_place_layers_lie_outside_of_the_data_root_and_are_proven(self):
        self.start("ctr", KAN_ENGINE="docker28", KAN_ENGINE_CONTAINERD="1")
        self.container("w-ctr")
        document, bundle = self.capture("w-ctr", status=0)
        self.assertTrue(self.claims(bundle)["overlay"]["value"].startswith("/var/lib/containerd/"))
        self.assertEqual({r["proof"] for r in bundle.rows("image/layers.ndjson")}, {"chain"})
        kept = {r["expected_digest"]: r["result"] for r in bundle.rows("image/integrity.ndjson") if r["about"] == "manifest"}
        self.assertEqual(kept.get(self.engine.inspect("w-ctr")["Image"]), "verified")
        self.assertEqual(set(kept.values()), {"verified"})
        rows = self.rows(bundle)
        self.assertEqual((rows[b"/root/new"]["change"], rows[b"/var/log/dpkg.log"]["change"]), ("added", "deleted"))
        self.engine.docker("stop", "-t", "0", "w-ctr")
        document, bundle = self.capture("w-ctr", status=0)
        self.assertEqual(self.rows(bundle)[b"/root/new"]["change"], "added")


class Rootless(Way):
    """Engines of a user who is not root, with a user namespace that has more ids; root captures."""

    def test_podman_of_a_user_is_proven_like_another(self):
        self.of_a_user("user", "podman4", "k8s-file")
        self.by_its_manifest()

    def test_docker_of_a_user_in_namespaces_of_its_own_is_proven_like_another(self):
        self.of_a_user("kit", "docker26", "json-file")

    def test_a_copy_of_the_image_that_a_users_podman_makes_for_other_ids_is_the_engines_and_what_is_compared_with(self):
        self.start("copy", KAN_ENGINE="podman4", KAN_ENGINE_ROOTLESS="1", KAN_ENGINE_CGROUP="2")
        for name, *ids in (("w-copy", "--uidmap", "0:1:1000", "--gidmap", "0:1:1000"), ("w-keep", "--userns", "keep-id", "--user", "0")):
            self.podman("create", "--name", name, "--network", "none", *ids, world.IMAGE, *SERVICE)
            self.engine.docker("start", name)
            self.engine.docker("exec", name, "sh", "-c", "echo new >/root/new; rm /var/log/dpkg.log; echo more >>/etc/passwd; chmod 600 /srv/shop/index.html; "
                               "chmod 644 /srv/shop/index.html; chown 33 /usr/bin/id")
            self.of_a_copy(name)
            self.engine.docker("stop", "-t", "0", name)
            self.of_a_copy(name)

    def of_a_copy(self, name):
        _, bundle = self.capture(name, "--verify-image", status=0)
        rows = self.rows(bundle)
        words = {b"/root/new": "added", b"/var/log/dpkg.log": "deleted", b"/etc/passwd": "changed", b"/srv/shop/index.html": "identical",
                 b"/etc": "parent", b"/etc/mtab": "engine"}
        self.assertEqual({p: rows[p]["change"] for p in words}, words)
        given = rows[b"/usr/bin/id"]
        self.assertEqual((given["change"], given["differs"], given["uid"] - given["below"]["uid"]), ("metadata", ["owner"], 33), given)
        self.assertEqual({(r["below"]["layer"], r["below"]["uid"]) for r in rows.values() if "below" in r}, {("init", 100000)})
        layers = bundle.rows("image/layers.ndjson")
        self.assertEqual({(r["init"], r["proof"]) for r in layers}, {(False, "chain"), (True, "none")})
        self.assertEqual([r for r in bundle.rows("image/integrity.ndjson") if r["result"] != "verified"], [])

    def of_a_user(self, suffix, kind, log):
        self.start(suffix, KAN_ENGINE=kind, KAN_ENGINE_ROOTLESS="1", KAN_ENGINE_CGROUP="2")
        self.assertEqual(os.stat(f"/proc/{self.engine.pid}").st_uid, 64000)
        info = self.container("w-user", "--network", "none", "-v", "w-user-volume:/data")
        self.engine.docker("exec", "w-user", "sh", "-c", "echo kept >/data/kept; cd /usr/share/doc; rm -r busybox; mkdir busybox; "
                           "echo x >busybox/new; mv /etc/shop/shop.conf /etc/shop/moved")
        document, bundle = self.capture("w-user", status=0)
        found = self.claims(bundle)
        self.assertEqual({n: found[n]["verdict"] for n in ("engine", "data root", "State.Pid", "overlay")},
                         dict.fromkeys(("engine", "data root", "State.Pid", "overlay"), "proven"))
        rows = self.rows(bundle)
        new = rows[b"/root/new"]
        self.assertEqual((new["change"], new["uid"], new["sha256"]), ("added", 64000, sha256(b"new\n")))
        self.assertEqual(rows[b"/var/log/dpkg.log"]["change"], "deleted")
        self.assertEqual({r["proof"] for r in bundle.rows("image/layers.ndjson")}, {"chain"})
        self.assertTrue(document["freeze"]["paused_by_us"])
        init = next(r for r in bundle.rows("processes/processes.ndjson") if r["pid"] == info["State"]["Pid"])
        self.assertEqual(init["uid"], [64000] * 4)
        self.assertEqual(self.verified("w-user")[0], "0 64000 1")
        self.overlay_of_a_user(rows)
        self.kept_in_a_volume(bundle, "mounts")
        self.without_a_node()
        # Without a mount its options are not known: that overlay's words are the user's follows from whose the engine is.
        self.engine.docker("stop", "-t", "0", "w-user")
        document, bundle = self.capture("w-user", status=0)
        self.overlay_of_a_user(self.rows(bundle))
        self.kept_in_a_volume(bundle, "named")
        self.assertIn(b"said", (bundle / f"data/logs/{log}/0.log").read_bytes())
        self.from_the_disk(bundle, log, 5 if kind == "podman4" else 0)

    def from_the_disk(self, live, log, status):
        """A copy of the user's store, read by root without the engine."""
        copy = world.new_directory("disk") / "store"
        world.sh("cp", "-a", self.engine.data_root, copy)
        done, dead = test_offline.offline(copy, name="w-user")
        self.assertEqual((done.status, done.json["depth"]), (status, "offline"), str(done))
        rows = [{p: (r["change"], r.get("sha256"), r.get("uid")) for p, r in self.rows(b).items()} for b in (live, dead)]
        self.assertEqual(rows[1], rows[0])
        self.overlay_of_a_user(self.rows(dead))
        self.assertEqual(self.claims(dead)["overlay attributes"]["value"], "user.overlay.")
        self.kept_in_a_volume(dead, "named")
        self.assertIn(b"said", (dead / f"data/logs/{log}/0.log").read_bytes())

    def by_its_manifest(self):
        """A digest of its repository is that of a manifest, which Podman keeps."""
        digest = self.engine.docker("image", "inspect", "--format", "{{index .RepoDigests 0}}", world.IMAGE).split("@")[1]
        _, bundle = self.capture("w-user", "--reference", digest, "--only", "image", "--no-report", status=0)
        rows = bundle.rows("image/integrity.ndjson")
        self.assertEqual([(r["expected_digest"], r["result"]) for r in rows if r["about"] == "manifest"], [(digest, "verified")])
        self.assertEqual([(r["expected_digest"], r["result"]) for r in rows if r["rung"] == 1], [(digest, "verified")])

    def without_a_node(self):
        """In a user namespace no device node can be made: the layer is whole without it, and it has a word of its own."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, kind, mode in (("dev", tarfile.DIRTYPE, 0o755), ("dev/node", tarfile.CHRTYPE, 0o666), ("none", tarfile.REGTYPE, 0o755)):
                it = tarfile.TarInfo(name)
                it.type, it.mode, it.mtime, it.devmajor, it.devminor = kind, mode, 1700000000, 1, 3
                tar.addfile(it)
        self.engine.docker("import", "-", "w-node:1", input=out.getvalue())
        self.engine.docker("create", "--name", "w-node", "w-node:1", "/none")
        _, bundle = self.capture("w-node", "--verify-image", "--only", "image", "--no-report", status=0)
        rows = bundle.rows("image/integrity.ndjson")
        self.assertEqual([(r["path"], r["differs"]) for r in rows if r["about"] == "path"], [("/dev/node", ["unmade-device"])])
        self.assertEqual({(r["rung"], r["result"]) for r in rows if r["about"] != "path"}, {(2, "verified"), (3, "verified"), (4, "verified")})

    def overlay_of_a_user(self, rows):
        """Its words are user attributes: opaque directories and origins are told by them, and none of them is planted."""
        self.assertEqual(rows[b"/usr/share/doc/busybox"]["opaque"], "y")
        self.assertEqual((rows[b"/usr/share/doc/busybox/README"]["change"], rows[b"/usr/share/doc/busybox/new"]["change"]), ("deleted", "added"))
        self.assertEqual((rows[b"/etc/shop/shop.conf"]["change"], rows[b"/etc/shop/moved"]["change"]), ("deleted", "added"))
        self.assertEqual([p for p, r in rows.items() if r.get("planted")], [])

    def kept_in_a_volume(self, bundle, table):
        point = next(r for r in bundle.rows(f"mounts/{table}.ndjson") if value(r, "point") == b"/data")
        self.assertTrue(point["copied"], point)
        self.assertIn(sha256(b"kept\n"), [r.get("sha256") for r in bundle.rows("mounts/files.ndjson") if r["mnt_id"] == point["id"]])


class Driver(Way):
    def merged(self, document, bundle):
        """Every entry is a row, none has a word of change, and nobody calls it complete."""
        self.assertEqual(document["exit"], 5)
        gaps = {(g["collector"], g["what"]): g["code"] for g in bundle.gaps()}
        self.assertEqual(gaps[("filesystem", "changes.ndjson")], "unsupported", gaps)
        rows = self.rows(bundle)
        self.assertEqual({r["source"] for r in rows.values()}, {"merged"})
        self.assertEqual([r for r in rows.values() if "change" in r or "below" in r], [])
        self.assertTrue(bundle.has("image/config.json"))
        return rows

    def test_on_vfs_every_entry_of_the_root_is_a_row_and_none_has_a_word(self):
        self.start("vfs", KAN_ENGINE="docker20", KAN_ENGINE_STORAGE="vfs")
        info = self.container("w-vfs")
        document, bundle = self.capture("w-vfs", status=5)
        rows = self.merged(document, bundle)
        self.assertEqual((rows[b"/root/new"]["sha256"], rows[b"/root/new"]["stored"]), (sha256(b"new\n"), "upper.tar"))
        self.assertNotIn(b"/var/log/dpkg.log", rows)
        root = pathlib.Path(f"/proc/{info['State']['Pid']}/root")
        device = os.stat(root).st_dev
        seen = {b"/"}
        for directory, names, files in os.walk(os.fsencode(root)):
            for name in (*names, *files):
                path = os.path.join(directory, name)
                seen.add(path[len(os.fsencode(root)):])
            names[:] = [n for n in names if os.lstat(os.path.join(directory, n)).st_dev == device]
        self.assertEqual(set(rows), seen)

    def test_on_fuse_overlayfs_the_root_is_not_touched_and_that_is_told(self):
        self.start("fuse", KAN_ENGINE="docker26", KAN_ENGINE_STORAGE="fuse-overlayfs")
        self.container("w-fuse")
        document, bundle = self.capture("w-fuse", status=5)
        self.assertEqual(document["exit"], 5)
        gaps = {g["collector"]: g for g in bundle.gaps() if g["collector"] == "filesystem"}
        self.assertEqual(gaps["filesystem"]["code"], "unsupported")
        self.assertIn("fuse", gaps["filesystem"]["why"])
        self.assertTrue(bundle.has("image/config.json"))


class Remote(Way):
    def over_tcp(self, *flags, certs=None, verify="1"):
        more = {"DOCKER_TLS_VERIFY": verify} if verify else {}
        environment = world.environment(**more, DOCKER_CERT_PATH=str(certs or self.engine.directory / "tls"))
        argv = ["nsenter", f"--net=/proc/{self.engine.pid}/ns/net", world.KANSHIKI, "-H", f"tcp://127.0.0.1:{TLS_PORT}", "--home",
                self.home, "--json", "capture", *flags, "w-tls"]
        done = subprocess.run([str(a) for a in argv], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=world.MAX_SECONDS)
        world.check_sanitizers(argv, done.stderr)
        return world.Result(argv, done.returncode, done.stdout, done.stderr, 0)

    def test_over_tcp_with_tls_the_depth_is_api_only_and_both_ends_are_known(self):
        self.start("tls", KAN_ENGINE="docker20", KAN_ENGINE_TLS=TLS_PORT)
        self.container("w-tls")
        done = self.over_tcp()
        self.assertEqual((done.status, done.json["depth"]), (5, "api-only"), str(done))
        bundle = world.Bundle(done.json["bundle"])
        denied = {g["collector"] for g in bundle.gaps() if g["code"] == "denied"}
        self.assertLessEqual({"processes", "network", "filesystem"}, denied)
        rows = self.rows(bundle)
        self.assertEqual((rows[b"/root/new"]["change"], rows[b"/root/new"]["sha256"]), ("added", sha256(b"new\n")))
        self.assertEqual(rows[b"/var/log/dpkg.log"]["change"], "deleted")
        self.assertEqual({r["source"] for r in rows.values()}, {"export"})
        lacks = {g["what"] for g in bundle.gaps() if g["collector"] == "filesystem"}
        self.assertEqual(lacks, {"xattrs", "ctime_ns", "how", "deleted directories"})
        self.assertIn(b"said", (bundle / "data/logs/api.stream").read_bytes())
        asked = self.over_tcp("--depth", "api")
        self.assertEqual((asked.status, asked.json["depth"]), (0, "api-only"), str(asked))
        wrong = self.over_tcp(certs=self.engine.directory / "tls/other")
        self.assertEqual(wrong.status, 4, str(wrong))
        self.assertIn("not signed by ca.pem", wrong.messages)
        plain = self.over_tcp(verify=None)
        self.assertEqual(plain.status, 2, str(plain))
        self.assertIn("DOCKER_TLS_VERIFY", plain.messages)


if __name__ == "__main__":
    unittest.main()
