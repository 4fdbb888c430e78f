"""ls --root and capture --root against stores of Podman made by hand, honest and hostile. No engine runs.

usage: test_podmanroot.py KANSHIKI
"""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import rows
import test_offline
from podmanroot import CREATED, ID, LOG, WHERE, PodmanRoot
from test_offline import CANARY, NOBODY, WORK, kanshiki

OTHER = "b2" * 32
LIBPOD = {("engine", "libpod"): "unsupported"}
NAME = "docker.io/library/shop:2.3"


def new_root(driver="overlay"):
    return PodmanRoot(tempfile.mkdtemp(prefix="store-", dir=WORK), driver)


def outside():
    """What no bundle may have a byte of."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="host-", dir=WORK))
    (place / "_data").mkdir()
    for name in ("file", "_data/file", "config.json"):
        (place / name).write_bytes(CANARY)
    return place


def spent():
    """Seconds of processors that programs of this test had: however busy the machine is with others."""
    of = os.times()
    return of.children_user + of.children_system


def replaced(path, target):
    """path is a link to target now."""
    if path.is_dir() and not path.is_symlink():
        path.rename(path.with_name(path.name + ".was"))
    else:
        path.unlink()
    path.symlink_to(target)


def two_stores():
    """One id in the stores of two drivers."""
    root = new_root()
    root.container()
    vfs = PodmanRoot(tempfile.mkdtemp(prefix="store-", dir=WORK), "vfs")
    vfs.container()
    (vfs.path / "vfs-containers").rename(root.path / "vfs-containers")
    return root


class Listed(unittest.TestCase):
    def document(self, root, status=0):
        got, out, err = kanshiki("--json", "ls", "--root", root.path)
        self.assertEqual(got, status, err)
        self.assertEqual(rows.document_faults(out, "kanshiki.root/1"), [])
        self.assertNotIn(CANARY, out + err.encode())
        return json.loads(out)

    def unreadable(self, root):
        return {one["name"]: one["why"] for one in self.document(root, 5)["unreadable"]}

    def test_each_container_with_its_name_image_tags_and_time_and_no_state(self):
        root = new_root()
        root.container()
        root.container(OTHER, "db", volatile=True)
        document = self.document(root)
        self.assertEqual((document["live"], document["unreadable"]), (False, []))
        same = {"image": NAME, "image_id": f"sha256:{root.image}", "tags": [NAME], "created": CREATED, "driver": "overlay", "layers": True}
        self.assertEqual(document["containers"], [{"id": ID, "name": "web", **same}, {"id": OTHER, "name": "db", **same}])
        status, out, _ = kanshiki("ls", "--root", root.path)
        self.assertEqual((status, len(out.splitlines())), (0, 2))
        self.assertRegex(out.decode(), rf"(?m)^{ID[:12]} \? +web +{NAME} +{CREATED} *$")

    def test_one_never_started_lacks_the_runtimes_config(self):
        root = new_root()
        (root.container() / "config.json").unlink()
        only, = self.document(root, 5)["containers"]
        self.assertEqual(only["name"], "web")
        self.assertIn("config.json", only["lacks"])

    def test_a_damaged_list_is_a_line_and_each_directory_another(self):
        deep = "[" * 5000 + "]" * 5000
        for damage, why in ((b"", "JSON"), (b"[{", "JSON"), (b"{}", "no JSON array"), (b"\xff\xfe", "JSON"), (deep.encode(), "deeper than"),
                            (b'[{"id":"%s","id":"%s"}]' % (ID.encode(), OTHER.encode()), "JSON")):
            with self.subTest(damage[:40]):
                root = new_root()
                root.container()
                root.listed().write_bytes(damage)
                found = self.unreadable(root)
                self.assertEqual(set(found), {"containers.json", ID})
                self.assertIn(why, found["containers.json"])

    def test_odd_types_and_ids_are_no_reason_to_fall(self):
        root = new_root()
        root.container(ID, "x", names=7, image=[], metadata={}, created=None, flags="text", layer=3)
        root.lists["containers.json"] += [7, None, [], "text", {}, {"id": 7}, {"id": "../../etc"}, {"id": "A1" * 32}]
        root.write_lists()
        document = self.document(root, 5)
        only, = document["containers"]
        self.assertEqual((only["name"], only["layers"], only["tags"]), ("", False, []))
        self.assertEqual([one["name"] for one in document["unreadable"]], ["", "", "", "", "", "", "../../etc", "A1" * 32])

    def test_an_id_that_is_listed_twice_is_neither(self):
        root = new_root()
        root.container()
        root.container(OTHER, "db")
        root.lists["containers.json"].append(root.entry(ID, "other"))
        root.lists["volatile-containers.json"] = [root.entry(OTHER, "db")]
        root.write_lists()
        found = self.unreadable(root)
        self.assertEqual(set(found), {ID, OTHER})
        for why in found.values():
            self.assertIn("more than once", why)

    def test_a_store_whose_directory_is_no_directory_is_never_called_empty(self):
        """Beside an honest, empty store of another driver, which alone would be read as a disk without containers."""
        for name, make in (("overlay-containers", os.mkfifo), ("overlay-containers", lambda p: os.symlink(outside(), p)),
                           ("containers", os.mkfifo), ("containers", lambda p: os.symlink(outside(), p))):
            with self.subTest(name=name, make=make):
                root = new_root("vfs")
                root.write_lists()
                make(root.path / name)
                got, _, err = kanshiki("ls", "--root", root.path)
                self.assertNotEqual(got, 0, err)
                self.assertIn(name, err)
                self.assertNotIn("no container", err)
                for asked in ("web", ID):
                    got, _, err = kanshiki("capture", "--root", root.path, asked)
                    self.assertNotIn(got, (0, 5), err)
                    self.assertIn(name, err)

    def test_directories_that_no_list_has_are_told(self):
        root = new_root()
        root.container()
        root.container(OTHER, "hidden")
        root.lists["containers.json"].pop()
        root.write_lists()
        os.mkdir(os.fsencode(root.listed("\x1b]0;x")))
        found = self.unreadable(root)
        self.assertEqual(len(found), 2)
        self.assertIn("does not have it", found[OTHER])

    def test_names_of_any_length_and_any_signs_come_out_inert(self):
        root = new_root()
        root.container(ID, "a\u202e\x1bb")
        root.container(OTHER, "n" * (3 << 20))
        _, out, _ = kanshiki("ls", "--root", root.path)
        for octet in (b"\x1b", "\u202e".encode()):
            self.assertNotIn(octet, out)
        self.assertEqual(len(out.splitlines()), 2)
        self.assertEqual([len(c["name"]) for c in self.document(root)["containers"]], [4, 3 << 20])

    def test_links_pipes_and_terabytes_in_place_of_files_are_refused(self):
        secret = outside()
        root = new_root()
        replaced(root.container() / "config.json", secret / "file")
        self.assertIn("config.json", self.document(root, 5)["containers"][0]["lacks"])
        replaced(root.listed(), secret / "file")
        self.assertEqual(set(self.unreadable(root)), {"containers.json", ID})
        root.listed().unlink()
        os.mkfifo(root.listed())
        self.assertIn("no regular file", self.unreadable(root)["containers.json"])
        root.listed().unlink()
        root.listed().touch()
        os.truncate(root.listed(), 1 << 40)
        self.assertIn("octets, over", self.unreadable(root)["containers.json"])

    def test_a_linked_directory_of_containers_is_no_store(self):
        root, real = new_root(), new_root()
        real.container(ID, "canary")
        replaced(root.path / "overlay-containers", real.path / "overlay-containers")
        status, out, err = kanshiki("ls", "--root", root.path)
        self.assertEqual(status, 3, err)
        self.assertNotIn(b"canary", out)

    def test_ten_thousand_containers_are_listed_each(self):
        root = new_root()
        root.lists["containers.json"] = [root.entry(f"{n:064x}", f"c{n}") for n in range(1, 10001)]
        root.write_lists()
        begin = spent()
        self.assertEqual(len(self.document(root, 5)["containers"]), 10000)
        self.assertLess(spent() - begin, 30)

    def test_both_kinds_in_one_place_are_both_listed(self):
        root = new_root()
        root.container()
        docker = root.path / "containers" / OTHER
        docker.mkdir(parents=True)
        (docker / "config.v2.json").write_text(json.dumps({"ID": OTHER, "Name": "/dockers"}))
        (docker / "hostconfig.json").write_text("{}")
        self.assertEqual([c["name"] for c in self.document(root)["containers"]], ["dockers", "web"])

    def test_a_list_of_images_that_is_damaged_or_gives_one_name_to_two_is_told(self):
        root = new_root()
        root.container()
        listed = root.path / "overlay-images/images.json"
        image, = json.loads(listed.read_text())
        listed.write_text(json.dumps([image, {**image, "id": "e5" * 32}]))
        document = self.document(root, 5)
        self.assertEqual([c["tags"] for c in document["containers"]], [[NAME]])
        why, = [one["why"] for one in document["unreadable"] if one["name"] == "images of overlay"]
        self.assertIn(f"two images are called '{NAME}'", why)
        for damage in ("{", "{}", "null"):
            listed.write_text(damage)
            document = self.document(root, 5)
            self.assertEqual([c["tags"] for c in document["containers"]], [[]])
            self.assertEqual([one["name"] for one in document["unreadable"]], ["images of overlay"])
        listed.unlink()
        self.assertEqual(self.document(root)["unreadable"], [])

    def test_of_an_image_with_many_names_the_first_are_told_and_the_rest_counted(self):
        root = new_root()
        listed = root.path / "overlay-images/images.json"
        image, = json.loads(listed.read_text())
        names = [f"localhost/shop:{i}" for i in range(50_000)]
        listed.write_text(json.dumps([{**image, "names": names + ["x" * 5_000]}]))
        for i in range(2_000):
            root.lists["containers.json"].append(root.entry(f"{i:064x}", f"c{i}"))
        root.write_lists()
        begin = spent()
        found = self.document(root, 5)["containers"]
        self.assertEqual(len(found), 2_000)
        self.assertEqual({tuple(c["tags"]) for c in found}, {tuple(names[:8])})
        self.assertEqual({c["more_tags"] for c in found}, {50_001 - 8})
        self.assertLess(spent() - begin, 30)

    def test_an_entry_of_the_images_that_is_no_image_is_told_once_and_the_others_stand(self):
        root = new_root()
        root.container()
        listed = root.path / "overlay-images/images.json"
        image, = json.loads(listed.read_text())
        odd = (7, [], {}, {"id": "x", "names": ["a"]}, {"id": OTHER, "names": "text"}, {"id": OTHER, "names": [7]})
        for one in odd:
            with self.subTest(one):
                listed.write_text(json.dumps([one, {"id": "f6" * 32}, image]))
                document = self.document(root, 5)
                self.assertEqual([c["tags"] for c in document["containers"]], [[NAME]])
                (name, why), = [(one["name"], one["why"]) for one in document["unreadable"]]
                self.assertEqual(name, "images of overlay")
                self.assertIn("images.json: ", why)
        listed.write_text(json.dumps([image, image]))
        self.assertEqual([c["tags"] for c in self.document(root)["containers"]], [[NAME]])

    def test_a_file_or_a_link_in_place_of_the_directory_of_images_is_told(self):
        for make in (lambda p: p.write_text(""), lambda p: p.symlink_to(outside())):
            root = new_root()
            root.container()
            images = root.path / "overlay-images"
            images.rename(images.with_name("was"))
            make(images)
            self.assertEqual(set(self.unreadable(root)), {"images of overlay"})

    @unittest.skipIf(b"__asan_init" in test_offline.KANSHIKI.read_bytes(), "the memory of a sanitizer cannot be limited")
    def test_where_the_memory_of_a_reader_ends_the_limit_is_said(self):
        """Lists of the size that is allowed, whose parts take the most memory."""
        heavy = "[" + ",".join(['{"a":{}}'] * 900_000) + "]"
        root = new_root()
        root.container()
        root.listed().write_text(heavy)
        found = self.unreadable(root)
        self.assertEqual(set(found), {"containers.json", ID})
        self.assertIn("more memory than there is", found["containers.json"])
        self.assertEqual(found[ID], "containers.json could not be read")
        root.write_lists()
        (root.path / "overlay-images/images.json").write_text(heavy)
        self.assertIn("more memory than there is", self.unreadable(root)["images of overlay"])

    def test_each_name_of_a_container_is_told(self):
        root = new_root()
        names = [f"n{i}" for i in range(20)]
        root.container(names=[7, "web", *names])
        root.container(OTHER, names=["one"])
        self.assertEqual([(c["name"], c.get("other_names")) for c in self.document(root)["containers"]], [("web", names), ("one", None)])
        _, out, _ = kanshiki("ls", "--root", root.path)
        self.assertRegex(out.decode(), r"(?m) web .* also called: n0, n1, n2, n3, n4, n5, n6, n7 and 12 more *$")

    def test_one_that_two_stores_have_is_told_with_their_names(self):
        root = two_stores()
        document = self.document(root, 5)
        self.assertEqual([(c["name"], c["driver"]) for c in document["containers"]], [("web", "overlay"), ("web", "vfs")])
        for one in document["unreadable"]:
            self.assertEqual(one["name"], ID)
            self.assertIn("overlay-containers, vfs-containers", one["why"])
        self.assertEqual(len(document["unreadable"]), 2)
        _, out, _ = kanshiki("ls", "--root", root.path)
        self.assertIn(f"{ID[:12]} ambiguous more than one store has it: overlay-containers, vfs-containers", out.decode())

    def test_a_file_in_place_of_a_directory_of_a_container_is_told(self):
        root = new_root()
        root.container()
        (root.path / "overlay-containers" / OTHER).write_text("")
        self.assertEqual(self.unreadable(root), {OTHER: "no directory"})

    def test_on_vfs_they_are_listed_too(self):
        root = new_root("vfs")
        root.container()
        self.assertEqual([(c["name"], c["driver"], c["tags"]) for c in self.document(root)["containers"]], [("web", "vfs", [NAME])])

    @unittest.skipUnless(os.geteuid() == 0, "something is mounted")
    def test_a_store_in_use_is_said_to_be_live(self):
        root = new_root()
        root.container()
        argv = ["unshare", "-m", "sh", "-c", 'mount --bind "$0/overlay" "$0/overlay" && exec "$@"', root.path, test_offline.KANSHIKI, "--json", "ls",
                "--root", root.path]
        done = subprocess.run(list(map(str, argv)), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
        self.assertTrue(json.loads(done.stdout)["live"])
        self.assertFalse(self.document(root)["live"])

    def test_it_leaves_every_file_as_it_was(self):
        root = new_root()
        root.container()
        before = root.snapshot()
        self.document(root)
        self.assertEqual(root.snapshot(), before)


class Captured(test_offline.Capturing):
    def claims(self, bundle):
        return {c["claim"]: (c["value"], c["verdict"]) for c in json.loads((bundle.path / "capture.json").read_bytes())["target"]["claims"]}

    def reason(self, bundle, claim):
        return {c["claim"]: c["proof"] for c in json.loads((bundle.path / "capture.json").read_bytes())["target"]["claims"]}[claim]

    def changes(self, bundle):
        return {r["path"]: r["change"] for r in bundle.rows("filesystem/changes.ndjson") if r["change"] not in ("parent", "identical")}

    def test_a_whole_bundle_with_what_files_can_tell(self):
        root = new_root()
        directory = root.container(mounts=[root.volume_at("v", "/data")])
        test_offline.changed(root)
        before = root.snapshot()
        bundle = self.capture(root, status=5)
        self.assertEqual(root.snapshot(), before)
        self.assertEqual((bundle.document["depth"], bundle.gaps()), ("offline", LIBPOD))
        self.assertEqual(bundle.statuses(), {"host": "not-applicable", "engine": "partial", "processes": "not-applicable",
                                             "network": "not-applicable", "mounts": "ok", "filesystem": "ok", "logs": "ok",
                                             "engine-after": "not-applicable", "posture": "not-applicable",
                                             "image": "ok"})
        self.assertEqual(self.changes(bundle), {"/etc/passwd": "changed", "/etc/gone": "deleted", "/evil": "added"})
        self.assertEqual(bundle.members("filesystem/upper.tar")["evil"], b"evil")
        self.assertEqual(bundle.members("mounts/content.tar"), {"1/file": b"in the volume"})
        self.assertEqual(bundle.octets("engine/store-containers.json"), root.listed().read_bytes())
        self.assertEqual(bundle.octets("engine/oci-spec.json"), (directory / "config.json").read_bytes())
        self.assertEqual(bundle.octets("logs/k8s-file/0.log"), LOG)
        self.assertEqual([(r["proof"], r["cache_id"]) for r in bundle.rows("image/layers.ndjson")], [("chain", "c4" * 32)])

    def test_the_report_says_who_it_is_what_it_reaches_and_no_state(self):
        root = new_root()
        root.container(mounts=[("/host", "/etc", "ro")])
        bundle = self.capture(root, status=5)
        self.assertEqual(self.report["record"]["depth"], "offline")
        container = self.report["container"]
        self.assertEqual((container["id"], container["name"], container["image"]), (ID, "web", NAME))
        self.assertNotIn("state", container)
        self.assertEqual(self.claims(bundle)["State"][1], "unproven")
        nothing = {"engine_socket": False, "privileged": False, "host_network": False, "host_pid": False, "host_mounts": 1}
        self.assertEqual(self.report["reach"], nothing)
        other = new_root()
        other.container(mounts=[("/run/podman.sock", "/run/podman/podman.sock")], spec={
            "annotations": {"io.podman.annotations.privileged": "TRUE"}, "linux": {"namespaces": [{"type": "mount"}]}})
        self.capture(other, status=5)
        self.assertEqual(self.report["reach"], {**{k: True for k in nothing}, "host_mounts": 1})

    def test_of_one_whose_config_is_gone_no_reach_is_made_up(self):
        root = new_root()
        (root.container() / "config.json").unlink()
        (root.upper() / "evil").write_bytes(b"evil")
        bundle = self.capture(root, status=5)
        self.assertEqual(bundle.gaps(), {**LIBPOD, ("mounts", "named.ndjson"): "unsupported"})
        self.assertEqual(self.changes(bundle), {"/evil": "added"})
        self.assertNotIn("privileged", self.report["reach"])
        self.assertEqual(bundle.octets("logs/k8s-file/0.log"), LOG)

    def test_by_name_id_and_prefix_and_not_by_less(self):
        root = new_root()
        root.container()
        root.container("a1" * 5 + "ff" * 27, "other", volatile=True)
        self.assertEqual(self.capture(root, name="web", status=5).document["container"]["id"], ID)
        self.assertEqual(self.capture(root, name=ID[:63], status=5).document["container"]["id"], ID)
        other = self.capture(root, name="other", status=5)
        self.assertEqual(other.document["container"]["id"], "a1" * 5 + "ff" * 27)
        self.assertEqual(other.octets("engine/store-volatile-containers.json"), root.listed("volatile-containers.json").read_bytes())
        self.assertEqual(self.claims(other)["overlay"][1], "proven")
        self.capture(root, name="a1a1", status=2)
        self.capture(root, name="nobody", status=3)

    def test_rotated_logs_and_none(self):
        root = new_root()
        log = root.container() / "ctr.log"
        log.with_name("ctr.log.1").write_bytes(b"older\n")
        bundle = self.capture(root, status=5)
        self.assertEqual([(r["n"], r["dir"]) for r in bundle.rows("logs/files.ndjson")], [(0, "k8s-file"), (1, "k8s-file")])
        self.assertEqual(bundle.octets("logs/k8s-file/1.log"), b"older\n")
        log.unlink()
        log.with_name("ctr.log.1").unlink()
        self.assertEqual(self.capture(root, status=5).gaps(), {**LIBPOD, ("logs", "logs"): "unsupported"})

    def test_volumes_are_told_from_binds_and_podmans_own_mounts_are_neither(self):
        secret = outside()
        root = new_root()
        shared = f"/run/containers/storage/overlay-containers/{OTHER}/userdata/hosts"
        root.container(mounts=[root.volume_at("v", "/data"), ("/bind", str(secret)), ("/up", f"{WHERE}/volumes/../{secret.name}/_data", "ro"),
                               ("/deep", f"{WHERE}/volumes/a/b/_data"), ("/etc/hosts", shared), ("/other", "/srv/volumes/v/_data"),
                               root.volume_at("..", "/dots"), root.volume_at("n" * 5000, "/long")])
        (root.volume("v") / "file").write_bytes(b"v")
        bundle = self.capture(root, status=5)
        found = {r["point"]: (r["type"], r["copied"], r["rw"]) for r in bundle.rows("mounts/named.ndjson")}
        self.assertEqual(found, {"/data": ("volume", True, True), "/bind": ("bind", False, True), "/up": ("bind", False, False),
                                 "/deep": ("bind", False, True), "/other": ("bind", False, True), "/dots": ("volume", False, True)})
        self.assertEqual(bundle.gaps()["mounts", "a word of the mounts' configuration"], "limit")

    def test_what_a_user_gave_of_podmans_own_directories_is_a_bind(self):
        root = new_root()
        other = f"{WHERE}/overlay-containers/{OTHER}/userdata"
        given = [("/x", other), ("/y", f"{other}/config.json"), ("/z", f"{other}/hosts"), ("/etc/hosts", f"{other}/../userdata/hosts"),
                 ("/loot", f"{other}/secrets/key"), ("/etc/hostname", f"{other}/hosts")]
        own = [("/run/.containerenv", f"{other}/.containerenv"), ("/run/secrets", f"{other}/run/secrets"), ("/run/secrets/key", f"{other}/secrets/key"),
               ("/etc/passwd", f"{other}/passwd"), ("/etc/localtime", f"{other}/localtime"), ("/run/notify", f"{other}/notify")]
        root.container(mounts=given + own)
        bundle = self.capture(root, status=5)
        self.assertEqual({r["point"] for r in bundle.rows("mounts/named.ndjson")}, {at for at, _ in given})
        self.assertEqual(self.report["reach"]["host_mounts"], len(given))

    def test_damaged_lists_cost_the_layers_and_nothing_else(self):
        for damage in (b"", b"[{", b"{}", b"\xff\xfe", b"[]", b'[{"id":"%s"}]' % ID.encode()):
            with self.subTest(damage):
                root = new_root()
                root.container(mounts=[root.volume_at("v", "/data")])
                (root.volume("v") / "file").write_bytes(b"v")
                (root.upper() / "evil").write_bytes(b"evil")
                root.listed().write_bytes(damage)
                bundle = self.capture(root, name=ID[:12] if damage != b"[]" else ID, status=5)
                self.assertEqual(bundle.octets("engine/store-containers.json"), damage)
                self.assertEqual(bundle.octets("logs/k8s-file/0.log"), LOG)
                self.assertEqual(bundle.members("mounts/content.tar"), {"1/file": b"v"})
                self.assertIn(("filesystem", "filesystem"), bundle.gaps())
                self.assertEqual(self.claims(bundle)["overlay"][1], "unproven")
                self.assertEqual(self.report["container"]["id"], ID)

    def test_what_is_wrong_with_the_second_list_is_said_of_a_container_of_it(self):
        for octets, why in ((3, "JSON"), (1 << 40, "octets, over")):
            with self.subTest(why):
                root = new_root()
                root.container(volatile=True)
                os.truncate(root.listed("volatile-containers.json"), octets)
                bundle = self.capture(root, name=ID, status=5)
                self.assertIn(why, self.reason(bundle, "config"))
                self.assertIn(why, self.reason(bundle, "overlay"))

    @unittest.skipUnless(os.geteuid() == 0, "an owner is given away")
    def test_of_layers_that_no_list_tells_no_owner_is_judged_and_no_copy_is_told(self):
        moved = [{"container_id": 0, "host_id": 100000, "size": 65536}]
        root = new_root()
        root.container(uidmap=moved, gidmap=moved)
        for place, uid in ((root.base(), 0), (root.upper(), 100000)):
            (place / "etc").mkdir()
            for name in ("copied", "changed", "mode"):
                (place / "etc" / name).write_text(name + (str(uid) if name == "changed" else ""))
            (place / "etc/mode").chmod(0o644 if uid else 0o600)
            for path in (place / "etc").rglob("*"):
                os.chown(path, uid, uid)
        (root.path / "overlay-layers/layers.json").write_text("[{")
        bundle = self.capture(root, status=5)
        self.assertEqual(self.claims(bundle)["overlay"][1], "proven")
        self.assertEqual(self.claims(bundle)["copies of the image"][1], "unproven")
        self.assertIn("JSON", self.reason(bundle, "copies of the image"))
        self.assertIn(("filesystem", "owners of the image"), bundle.gaps())
        found = {r["path"]: (r.get("change"), "owner" in r.get("differs", []), "mode" in r.get("differs", []))
                 for r in bundle.rows("filesystem/changes.ndjson") if r["path"].count("/") == 2}
        self.assertEqual(found, {"/etc/copied": (None, False, False), "/etc/changed": ("changed", False, False), "/etc/mode": (None, False, True)})

    def test_a_damaged_config_is_kept_and_costs_the_mounts(self):
        for damage in (b"", b"{", b"[]", b"\xff"):
            with self.subTest(damage):
                root = new_root()
                (root.container() / "config.json").write_bytes(damage)
                (root.upper() / "evil").write_bytes(b"evil")
                bundle = self.capture(root, status=5)
                self.assertEqual(bundle.octets("engine/oci-spec.json"), damage)
                self.assertEqual(bundle.gaps()["mounts", "named.ndjson"], "unsupported")
                self.assertEqual(self.changes(bundle), {"/evil": "added"})

    def test_odd_types_in_the_config_are_no_reason_to_fall(self):
        root = new_root()
        directory = root.container()
        for odd in ({}, {"process": 7, "mounts": 7, "root": 7, "linux": 7, "annotations": 7, "hostname": 7},
                    {"process": {"args": [7, None], "env": {}, "user": [], "cwd": 7}, "mounts": [7, None, {}, {"type": "bind"}],
                     "root": {"path": "/merged"}, "linux": {"namespaces": [7]}}):
            with self.subTest(odd):
                (directory / "config.json").write_text(json.dumps(odd))
                bundle = self.capture(root, status=5)
                self.assertEqual(self.claims(bundle)["overlay"][1], "proven")

    def test_a_config_of_another_container_is_not_believed(self):
        root = new_root()
        directory = root.container()
        (directory / "config.json").write_text(json.dumps(root.spec(OTHER, [("/evil", "/")])))
        bundle = self.capture(root, status=5)
        self.assertEqual(bundle.gaps()["mounts", "named.ndjson"], "unsupported")
        self.assertEqual(bundle.rows("mounts/named.ndjson"), [])
        self.assertNotIn("privileged", self.report["reach"])

    def test_an_id_that_is_listed_twice_has_no_proven_layer(self):
        for where in ("containers.json", "volatile-containers.json"):
            with self.subTest(where):
                root = new_root()
                root.container()
                root.layer("ee" * 32, "EVIL", ["BASE"])
                root.lists.setdefault(where, []).append(root.entry(ID, "web", layer="ee" * 32))
                root.write_lists()
                bundle = self.capture(root, name=ID, status=5)
                self.assertEqual(bundle.gaps()["filesystem", "filesystem"], "unsupported")
                self.assertEqual(self.claims(bundle)["config"][1], "unproven")
                self.assertEqual(bundle.octets("logs/k8s-file/0.log"), LOG)

    def test_two_containers_of_one_name_are_ambiguous(self):
        root = new_root()
        root.container()
        root.container(OTHER)
        status, _, err = kanshiki("capture", "--root", root.path, "web")
        self.assertEqual(status, 2, err)
        self.assertIn(ID[:12], err)
        self.assertIn(OTHER[:12], err)

    def test_an_id_of_two_stores_is_refused_and_both_are_named(self):
        root = two_stores()
        for asked in (ID, ID[:12], "web"):
            status, _, err = kanshiki("capture", "--root", root.path, asked)
            self.assertEqual(status, 2, err)
            self.assertIn("more than one store of this data root (overlay-containers, vfs-containers)", err)

    def test_of_two_lists_that_have_an_id_the_one_with_its_files_is_taken(self):
        root = two_stores()
        (root.path / "overlay-containers" / ID).rename(root.path / "gone")
        status, _, err = kanshiki("capture", "--root", root.path, "web")
        self.assertEqual(status, 2, err)
        self.assertIn("give the whole id", err)
        bundle = self.capture(root, name=ID, status=5)
        self.assertEqual(json.loads((bundle.path / "capture.json").read_bytes())["target"]["storage"], "vfs")

    def test_by_any_of_its_names(self):
        root = new_root()
        root.container(names=["web", "second", "third"])
        root.container(OTHER, names=["db", "third"])
        bundle = self.capture(root, name="second", status=5)
        self.assertEqual(bundle.document["container"]["id"], ID)
        status, _, err = kanshiki("capture", "--root", root.path, "third")
        self.assertEqual(status, 2, err)
        self.assertIn("ambiguous", err)

    def test_a_log_that_is_no_file_is_not_called_never_written(self):
        def of_type(make):
            def of(log):
                log.unlink()
                make(log)
            return of
        def below_a_file(log):
            log.parent.rename(log.parent.with_name("was"))
            log.parent.write_text("")
        makes = [*map(of_type, (os.mkfifo, os.mkdir, lambda log: log.symlink_to(outside() / "file"))), below_a_file]
        for make in makes:
            root = new_root()
            make(root.container() / "ctr.log")
            gaps = self.capture(root, status=5).gaps()
            self.assertIn(("logs", "k8s-file/0.log"), gaps)
            self.assertNotIn(("logs", "logs"), gaps)

    def test_a_list_of_layers_with_a_nul_names_none(self):
        root = new_root()
        root.container()
        lower = root.upper().parent / "lower"
        lower.write_bytes(lower.read_bytes() + b"\0:l/OTHER")
        bundle = self.capture(root, status=5)
        self.assertEqual(self.claims(bundle)["overlay"][1], "unproven")
        self.assertIn("lower has a NUL in it", (bundle.path / "capture.json").read_text())

    def test_links_in_place_of_every_file_lead_to_no_byte_of_the_host(self):
        secret = outside()
        def of(root, directory):
            return {"config.json": directory / "config.json", "ctr.log": directory / "ctr.log", "userdata": directory,
                    "containers.json": root.listed(), "upper": root.upper(), "base": root.base(),
                    "short": root.path / "overlay/l/BASE", "lower": root.upper().parent / "lower",
                    "volume": root.path / "volumes/v/_data", "images": root.path / "overlay-images",
                    "image": root.path / "overlay-images" / root.image, "layers.json": root.path / "overlay-layers/layers.json"}
        for name in of(new_root(), WORK):
            with self.subTest(name):
                root = new_root()
                directory = root.container(mounts=[root.volume_at("v", "/data")])
                (root.volume("v") / "file").write_bytes(b"v")
                os.symlink(secret / "file", root.upper() / "link")
                os.symlink("../../../../../../../../../.." + str(secret / "file"), root.base() / "up")
                path = of(root, directory)[name]
                replaced(path, secret / "file" if path.is_file() and not path.is_symlink() else secret)
                bundle = self.capture(root, name=ID, status=5)
                self.assertTrue(set(bundle.gaps()) - set(LIBPOD), bundle.gaps())

    def test_pipes_and_directories_in_place_of_files_do_not_hold_it_up(self):
        for make in (os.mkfifo, os.mkdir):
            root = new_root()
            directory = root.container()
            for path in (directory / "config.json", directory / "ctr.log", root.listed(), root.upper().parent / "lower"):
                path.unlink()
                make(path)
            bundle = self.capture(root, name=ID, status=5)  # or it ends at the limit of all runs
            self.assertIn(("filesystem", "filesystem"), bundle.gaps())

    @unittest.skipUnless(os.geteuid() == 0, "owners are given away")
    def test_a_users_store_has_the_words_of_a_user(self):
        root = new_root()
        root.container()
        for path in (root.path, *root.path.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        (root.base() / "d").mkdir()
        (root.base() / "d/old").touch()
        (root.upper() / "d").mkdir()
        os.setxattr(root.upper() / "d", "user.overlay.opaque", b"y")
        bundle = self.capture(root, status=5)
        self.assertEqual(self.claims(bundle)["overlay attributes"][0], "user.overlay.")
        self.assertEqual(bundle.gaps(), LIBPOD)
        self.assertEqual(self.changes(bundle)["/d/old"], "deleted")
        os.chown(root.path / "overlay", 0, 0)
        bundle = self.capture(root, status=5)
        self.assertEqual(bundle.gaps(), {**LIBPOD, ("filesystem", "overlay attributes"): "contradicted"})

    def test_layers_of_a_mount_program_are_no_overlay_of_the_kernel(self):
        root = new_root()
        root.container()
        flag = root.path / "overlay/.has-mount-program"
        flag.write_text("false")
        self.assertEqual(self.capture(root, status=5).gaps(), LIBPOD)
        flag.write_text("true")
        bundle = self.capture(root, status=5)
        self.assertEqual(bundle.gaps(), {**LIBPOD, ("filesystem", "filesystem"): "unsupported", ("image", "baseline.ndjson"): "unsupported"})
        self.assertEqual(bundle.octets("logs/k8s-file/0.log"), LOG)

    def test_on_vfs_logs_and_volumes_are_taken(self):
        root = new_root("vfs")
        root.container(spec={"root": {"path": f"{WHERE}/vfs/dir/{root.own(ID)}"}}, mounts=[root.volume_at("v", "/data")])
        (root.volume("v") / "file").write_bytes(b"v")
        bundle = self.capture(root, status=5)
        self.assertEqual(bundle.gaps()["filesystem", "filesystem"], "unsupported")
        self.assertEqual(bundle.octets("logs/k8s-file/0.log"), LOG)
        self.assertEqual(bundle.members("mounts/content.tar"), {"1/file": b"v"})

    def test_podmans_lists_in_a_data_root_of_docker_name_no_layers_of_its_containers(self):
        root = test_offline.new_root()
        root.container(Driver="overlay")
        planted = PodmanRoot(root.path)
        planted.lists["containers.json"] = [planted.entry(ID, "web")]
        planted.layer(planted.own(ID), "EVIL", ["BASE"])
        planted.write_lists()
        self.capture(root, status=2)    # both are called web
        bundle = self.capture(root, name=ID, status=5)
        self.assertEqual(bundle.gaps()["filesystem", "filesystem"], "unsupported")
        self.assertTrue(bundle.has("engine/config.v2.json"))

    def test_a_place_inside_the_store_is_refused_before_anything_is_written(self):
        root = new_root()
        root.container()
        before = root.snapshot()
        status, _, err = kanshiki("--home", root.path / "home", "capture", "--root", root.path, "web")
        self.assertEqual(status, 8, err)
        self.assertEqual(root.snapshot(), before)


if __name__ == "__main__":
    unittest.main(verbosity=0)
