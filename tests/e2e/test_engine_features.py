"""What overlay, packages and the check of an image are about, each of it done for real on whatever engine KAN_ENGINE names.

What is planted is what test_overlay.py plants; there, with one engine, the kernel's own mount is asked as well.
"""
import contextlib
import gzip
import hashlib
import json
import os
import pathlib
import subprocess
import unittest

import test_overlay as overlay
import world
from world import KIND, docker, run_container, sh, sha256, value

PODMAN = KIND == "podman4"
IMAGE = "features:1"
FILES = ("same", "mv", "back")
SUMS = r"\n".join(hashlib.md5(b"image %b\n" % name.encode()).hexdigest() + f"  w/{name}" for name in FILES)
# A package of three files, as dpkg writes it down.
DOCKERFILE = overlay.DOCKERFILE + rf"""
RUN mkdir -p /var/lib/dpkg/info && cd /var/lib/dpkg && printf 'Package: shop\nStatus: install ok installed\nMaintainer: nobody\n\
Architecture: amd64\nVersion: 1.2-3\nDescription: a shop\n\n' >>status && printf '/.\n/w\n/w/same\n/w/mv\n/w/back\n' >info/shop.list && \
    printf '{SUMS}\n' >info/shop.md5sums
"""
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")


@world.once
def image():
    return world.build_image(IMAGE, DOCKERFILE)


class Planted:
    """One container, everything done to it, one capture."""

    def __init__(self):
        run_container("f-all", flags=("--cap-add", "LINUX_IMMUTABLE"), image=image())
        root = overlay.tree("f-all")
        overlay.edits(root)
        overlay.links(root)
        try:
            self.done = world.capture("f-all", home=world.new_directory("home"))
        finally:
            sh("chattr", "-i", root / "w/fixed", check=False)
        self.bundle = world.Bundle(self.done.json["bundle"])
        self.rows = {value(r, "path"): r for r in overlay.compare_json(self.bundle.path) if "path" in r}
        world.remove("f-all")


@world.once
def planted():
    return Planted()


class Features(unittest.TestCase):
    maxDiff = None

    def row(self, path, change, how=None, **facts):
        row = planted().rows.get(path.encode())
        self.assertIsNotNone(row, f"no row of {path}")
        self.assertEqual((row["change"], row.get("how")), (change, how), row)
        for key, want in facts.items():
            self.assertEqual(row.get(key), want, row)
        return row

    def test_nothing_is_missing(self):
        self.assertEqual((planted().done.status, planted().bundle.gaps()), (0, []), str(planted().done))

    def test_an_edit_of_the_same_size_with_its_time_put_back_is_a_change_and_hidden_where_the_engine_compares_times(self):
        row = self.row("/w/same", "changed", "edited", sha256=sha256(b"IMAGE same\n"), hidden_from_engine=not PODMAN)
        self.assertEqual((row["size"], row["mtime_ns"]), (row["below"]["size"], row["below"]["mtime_ns"]))

    def test_a_capability_an_attribute_an_access_list_a_flag_and_a_time_are_metadata_by_their_names(self):
        row = self.row("/w/cap", "metadata", "edited", differs=["capability"])
        self.assertEqual(row["capability"]["permitted"], ["cap_chown", "cap_net_raw"])
        self.row("/w/attr", "metadata", "edited", differs=["xattrs"])
        self.row("/w/acl", "metadata", "edited", differs=["acl"])
        self.row("/w/fixed", "metadata", "edited", differs=["flags"], flags=["immutable"])
        self.row("/w/dated", "metadata", "edited", differs=["mtime"], mtime_ns=overlay.OLD * 10**9)

    def test_what_was_changed_and_changed_back_is_identical_and_how_tells_from_made_again(self):
        self.row("/w/back", "identical", "edited")
        self.row("/w/again", "identical", "replaced")

    def test_sparse_files_and_names_of_any_bytes_are_added(self):
        self.row("/w/sparse", "added", None, size=1 << 30)
        self.assertEqual(planted().rows[b"/w/not\xffutf8"]["change"], "added")

    def test_links_renames_and_files_with_two_names_are_told_apart(self):
        self.row("/w/hard", "changed", "unknown")
        self.assertEqual({planted().rows[p]["how"] for p in (b"/w/edit", b"/w/d/second-name")}, {"edited", "linked"})
        self.assertEqual(self.row("/w/moved", "added", "renamed")["from"], "/w/mv")
        self.row("/w/mv", "deleted", None, deleted_by="whiteout")

    def test_whiteouts_opaque_directories_and_other_types_are_deletions_of_all_that_was_there(self):
        row = self.row("/w/twice", "deleted", None)
        self.assertEqual(row["below"]["sha256"], sha256(b"again in a later layer\n"))
        self.assertNotIn(b"/w/gone", planted().rows)
        self.row("/w/dir", "metadata", "replaced", opaque="y")
        for path in ("/w/dir/x", "/w/dir/sub", "/w/dir/sub/y"):
            self.row(path, "deleted", None, deleted_by="opaque")
        for path, kind in (("/w/becomes-dir", "dir"), ("/w/becomes-link", "symlink"), ("/w/full", "file")):
            self.row(path, "changed", "replaced", type=kind, type_changed=True)
        self.row("/w/full/z", "deleted", None, deleted_by="type")

    def test_words_of_overlay_that_the_container_wrote_are_data(self):
        self.row("/w/.wh.mv", "added", None, planted=[".wh."])
        self.assertEqual(planted().rows[b"/w/d"]["planted"], ["user.overlay.opaque"])

    def test_the_owning_package_and_its_verdict_come_from_the_images_database(self):
        says = {p: (r.get("package"), r.get("package_verdict")) for p, r in planted().rows.items()}
        self.assertEqual(says[b"/w/same"], ("shop", "modified since installed"))
        self.assertEqual(says[b"/w/back"], ("shop", "as installed"))
        self.assertEqual(says[b"/w/mv"], ("shop", "removed since installed"))
        self.assertEqual(says[b"/w/moved"], (None, "owned by no package"))


def lower(path):
    """The image's uppermost directory that has it, by the container's own table of mounts."""
    for directory in world.engine().layers("f-host")[1:]:
        if os.path.lexists(directory / path):
            return directory
    raise AssertionError(f"no layer has {path}")


@contextlib.contextmanager
def layers_edited():
    """Content with its time put back, a set-uid bit, a capability and a file more, until it is left. Yields what is to be named."""
    low = lower("w/attr")
    was, above = os.stat(low / "w/attr"), os.stat(low / "w/d")
    (low / "w/attr").write_bytes(b"IMAGE attr\n")
    os.utime(low / "w/attr", ns=(was.st_atime_ns, was.st_mtime_ns))
    os.chmod(low / "w/cap", 0o4644)
    os.setxattr(low / "w/back", "security.capability", CAPABILITY)
    (low / "w/d/extra").write_bytes(b"x")
    try:
        yield {"/w/attr": ["content"], "/w/cap": ["mode"], "/w/back": ["capability"], "/w/d/extra": ["extra"]}
    finally:
        (low / "w/d/extra").unlink()
        os.utime(low / "w/d", ns=(above.st_atime_ns, above.st_mtime_ns))
        (low / "w/attr").write_bytes(b"image attr\n")
        os.utime(low / "w/attr", ns=(was.st_atime_ns, was.st_mtime_ns))
        os.chmod(low / "w/cap", 0o644)
        os.removexattr(low / "w/back", "security.capability")


def captured(*flags):
    done = world.capture("f-host", *flags, "--only", "image", "--no-report", home=world.new_directory("home"))
    bundle = world.Bundle(done.json["bundle"])
    return done, bundle, bundle.rows("image/integrity.ndjson")


class Damaged(unittest.TestCase):
    """Layers that were edited on the host."""

    def setUp(self):
        run_container("f-host", image=image())
        self.addCleanup(world.remove, "f-host")

    def named_are(self, rows, expected):
        """Of the directory that got a file more, the time alone."""
        self.assertEqual({p: d for p, d in rows.items() if p != "/w/d"}, expected)
        self.assertEqual(rows.get("/w/d", ["mtime"]), ["mtime"])

    def test_content_a_set_uid_bit_a_capability_and_an_added_file_are_named(self):
        with layers_edited() as expected:
            _, _, rows = captured("--verify-image")
        self.named_are({r["path"]: r["differs"] for r in rows if r["about"] == "path"}, expected)
        self.assertIn("damaged", {r["result"] for r in rows if r["rung"] == 4 and r["about"] != "path"})


class Reference(Damaged):
    """The image as this engine itself saves it, in each form that it has, and packed: made before the layers were edited."""

    # The words, and whether the config is as the engine has it: Podman writes it anew for the other format than the image's own.
    FORMS = (((), True), (("--format", "oci-archive"), False)) if PODMAN else (((), True),)

    def setUp(self):
        super().setUp()
        self.saved = [(self.save(*form), form, own) for form, own in self.FORMS]

    def packed(self):
        """The first of them, as a whole."""
        plain, _, own = self.saved[0]
        path = plain.with_suffix(".tar.gz")
        path.write_bytes(gzip.compress(plain.read_bytes(), compresslevel=1))
        return path, "| gzip", own

    def save(self, *form):
        """By the client of Docker; by podman itself beside its service, with the same words."""
        path = world.new_directory("saved") / "image.tar"
        engine = world.engine()
        client, environment = engine.client, engine.environment
        if PODMAN:
            of = pathlib.Path(f"/proc/{engine.pid}")
            words = (of / "cmdline").read_bytes().decode().split("\0")
            client = ["nsenter", f"--mount={of}/ns/mnt", *words[:words.index("system")]]
            environment = dict(v.split("=", 1) for v in (of / "environ").read_bytes().decode().split("\0") if v)
        with open(path, "xb") as out:
            done = subprocess.run([*client, "save", *form, IMAGE], env=environment, stdout=out, stderr=subprocess.PIPE,
                                  timeout=world.MAX_SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return path

    def against(self, bundle, path, *flags):
        """compare --reference: its status, and what is named; each line as the published schema has it."""
        done = world.kanshiki("--json", "compare", "--exit-code", "--reference", path, *flags, bundle.path)
        lines = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual([f for line in lines for f in overlay.schemas.schema("kanshiki.compare/1").faults(line)], [], str(done))
        self.assertEqual(lines[-1]["end"]["against"]["count"], len(lines) - 2)
        return done.status, {line["path"]: line["differs"] for line in lines[1:-1]}, lines[-1]["end"]["against"]

    def test_content_a_set_uid_bit_a_capability_and_an_added_file_are_named(self):
        for path, form, _ in self.saved:
            with self.subTest(form=form), layers_edited() as expected:
                _, bundle, rows = captured("--reference", path)
                self.named_are({r["path"]: r["differs"] for r in rows if r["about"] == "path" and r["rung"] == 1}, expected)
                self.assertIn("damaged", {r["result"] for r in rows if r["rung"] == 1 and r["about"] == "layer"})
                status, named, _ = self.against(bundle, path)
                self.assertEqual(status, 10)
                self.named_are(named, expected)

    def test_untouched_every_layer_is_the_references_and_nothing_is_named(self):
        for path, form, own in [*self.saved, self.packed()]:
            with self.subTest(form=form):
                done, bundle, rows = captured("--reference", path)
                self.assertEqual((done.status, bundle.gaps()), (0, []), str(done))
                self.assertEqual([r for r in rows if r["about"] == "path"], [])
                verdicts = {r.get("layer"): r["result"] for r in rows if r["rung"] == 1}
                layers = [r["n"] for r in bundle.rows("image/layers.ndjson") if not r["init"]]
                self.assertEqual(verdicts, {None: "verified" if own else "not-done", **dict.fromkeys(layers, "verified")}, rows)
                status, named, end = self.against(bundle, path)
                self.assertEqual((status, named, end["image"]["same"], [one["same"] for one in end["layers"]]),
                                 (0 if own else 10, {}, own, [True] * len(layers)))


class Digests(unittest.TestCase):
    """What the engine says registries know the image by."""

    def test_each_digest_that_the_engine_names_is_that_of_a_manifest_which_leads_to_the_image(self):
        run_container("f-host", image=image())
        self.addCleanup(world.remove, "f-host")
        named = json.loads(docker("image", "inspect", "--format", "{{json .RepoDigests}}", IMAGE))
        _, _, rows = captured()
        claimed = {r["expected_digest"]: r["result"] for r in rows if r.get("claimed")}
        self.assertEqual(claimed, {name.split("@")[1]: "verified" for name in named})
        # On overlay2 Docker knows none of an image that was built here.
        self.assertEqual(bool(named), KIND in ("podman4", "docker28"), named)


class LayerGone(unittest.TestCase):
    """The image's lowest directory is not where it was, as on a damaged disk."""

    def taken(self, low):
        away = low.with_name(low.name + ".away")
        low.rename(away)
        try:
            done = world.capture("f-gone", "--only", "filesystem", "--no-report", home=world.new_directory("home"))
        finally:
            away.rename(low)
        self.assertEqual(done.status, 5, str(done))
        bundle = world.Bundle(done.json["bundle"])
        rows = {value(r, "path"): r for r in bundle.rows("filesystem/changes.ndjson")}
        self.assertEqual([p for p, r in rows.items() if {"change", "below", "planted"} & set(r)], [])
        self.assertEqual({r["source"] for r in rows.values()}, {"upper"})
        self.assertEqual((rows[b"/w/same"]["sha256"], rows[b"/w/same"]["stored"]), (sha256(b"IMAGE same\n"), "upper.tar"))
        self.assertEqual((rows[b"/w/mv"]["type"], rows[b"/w/new"]["sha256"]), ("chr", sha256(b"new\n")))
        self.assertNotIn(b"/w/back", rows)
        gaps = [g for g in bundle.gaps() if g["collector"] == "filesystem"]
        self.assertEqual([(g["what"], g["code"]) for g in gaps], [("changes.ndjson", "vanished")])
        self.assertIn(f"{low.parent.name}/{low.name}", gaps[0]["why"])

    def test_what_the_container_changed_is_taken_whole_without_a_word_while_it_runs_and_when_it_has_ended(self):
        run_container("f-gone", image=image())
        self.addCleanup(world.remove, "f-gone")
        docker("exec", "f-gone", "sh", "-c", r"printf 'IMAGE same\n' >/w/same; rm /w/mv; echo new >/w/new")
        low = world.engine().layers("f-gone")[-1]
        self.taken(low)
        docker("stop", "-t", "0", "f-gone")
        self.taken(low)


class Second(unittest.TestCase):
    """The layers as an independent tool sees them, on this engine."""
    maxDiff = None

    def test_the_kernels_mount_and_mtree_find_the_same_paths(self):
        run_container("f-kernel", image=image())
        self.addCleanup(world.remove, "f-kernel")
        overlay.links(overlay.tree("f-kernel"))
        done = world.capture("f-kernel", "--no-report", home=world.new_directory("home"))
        rows = {value(r, "path"): r for r in world.Bundle(done.json["bundle"]).rows("filesystem/changes.ndjson")}
        upper, *lowers = world.engine().layers("f-kernel")
        lowers = ":".join(map(str, lowers))
        seen = overlay.differing_layers(lowers, f"{upper}:{lowers}", "")
        told = {p for p, r in rows.items() if r["change"] not in ("identical", "parent")}
        parents = {p for p, r in rows.items() if r["change"] == "parent"}
        self.assertEqual(seen - parents, told)


if __name__ == "__main__":
    unittest.main()
