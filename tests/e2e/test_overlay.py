"""Each thing that an overlay can do is done for real; rows and `compare` say what was done, and the kernel's own mount agrees."""
import json
import os
import pathlib
import re
import shutil
import stat
import sys
import unittest

import world
from world import docker, inspect, remove, run_container, sh, sha256, value

sys.path.append(str(world.TOP / "tests/contract"))
import rows as schemas  # noqa: E402  (found below tests/contract)

IMAGE = "overlay:1"
OLD = 1_500_000_000
ACL = "0x0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000400ffffffff"
DOCKERFILE = f"""
FROM {world.IMAGE}
RUN mkdir -p /w/d /w/dir/sub /w/old/sub /w/becomes /w/full && cd /w && for f in same cap attr back again dated fixed acl hard mv edit twice \\
    gone becomes-dir becomes-link meta old/a old/sub/b dir/x dir/sub/y full/z; do printf 'image %s\\n' $f >$f; done && ln hard d/hard && \\
    chmod 600 full/z
RUN rm /w/twice /w/gone
RUN printf 'again in a later layer\\n' >/w/twice
"""


@world.once
def image():
    return world.build_image(IMAGE, DOCKERFILE)


def tree(name):
    """The container's own root, as it sees it, from outside."""
    return pathlib.Path(f"/proc/{inspect(name)['State']['Pid']}/root")


def upper(name):
    return pathlib.Path(inspect(name)["GraphDriver"]["Data"]["UpperDir"])


def put_back(path, before):
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def edits(root):
    """Of files: what changes bytes, and what only changes what is told of them."""
    was = os.stat(root / "w/same")
    (root / "w/same").write_bytes(b"IMAGE same\n")
    put_back(root / "w/same", was)
    sh("setcap", "cap_net_raw,cap_chown+ep", root / "w/cap")
    sh("setfattr", "-n", "user.note", "-v", "hello", root / "w/attr")
    sh("setfattr", "-n", "system.posix_acl_access", "-v", ACL, root / "w/acl")
    os.chmod(root / "w/back", 0o700)
    os.chmod(root / "w/back", 0o644)
    was = os.stat(root / "w/again")
    os.unlink(root / "w/again")
    (root / "w/again").write_bytes(b"image again\n")
    put_back(root / "w/again", was)
    os.utime(root / "w/dated", (OLD, OLD))
    sh("chattr", "+i", root / "w/fixed")
    with open(root / "w/sparse", "wb") as stream:
        stream.seek((1 << 30) - 1)
        stream.write(b"!")
    (root / "w/\x1b[2J\u202e").write_bytes(b"a name\n")
    with open(os.fsencode(root / "w") + b"/not\xffutf8", "wb") as stream:
        stream.write(b"\x1b]0;title\x07\n")


def links(root):
    """Of names: links, renames, whiteouts, opaque directories, other types."""
    with open(root / "w/hard", "ab") as stream:
        stream.write(b"edited in place\n")
    with open(root / "w/edit", "ab") as stream:
        stream.write(b"edited in place\n")
    os.link(root / "w/edit", root / "w/d/second-name")
    os.rename(root / "w/mv", root / "w/moved")
    os.unlink(root / "w/twice")
    (root / "w/gone").write_bytes(b"made and unmade\n")
    os.unlink(root / "w/gone")
    shutil.rmtree(root / "w/dir")
    (root / "w/dir").mkdir()
    (root / "w/dir/new").write_bytes(b"new\n")
    os.unlink(root / "w/becomes-dir")
    (root / "w/becomes-dir").mkdir()
    os.unlink(root / "w/becomes-link")
    os.symlink("/etc/shadow", root / "w/becomes-link")
    shutil.rmtree(root / "w/full")
    (root / "w/full").write_bytes(b"a directory was here\n")
    (root / "w/.wh.mv").write_bytes(b"")
    sh("setfattr", "-n", "user.overlay.opaque", "-v", "y", root / "w/d")


DEPTH, NAME = 40, "n" * 200


def far_down(root):
    """A file further down than a path of PATH_MAX can name; made and edited step by step."""
    at = os.open(root / "w", os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(DEPTH):
        os.mkdir(NAME, dir_fd=at)
        below = os.open(NAME, os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
        os.close(at)
        at = below
    with open(os.open("bottom", os.O_WRONLY | os.O_CREAT, dir_fd=at), "wb") as stream:
        stream.write(b"at the bottom\n")
    os.close(at)


def marks(top):
    """What only a stopped container's directory can be given: the marks of redirect_dir and metacopy."""
    (top / "w").mkdir()
    shutil.copystat(lower_of("o-marks", "w"), top / "w")
    (top / "w/renamed").mkdir()
    os.setxattr(top / "w/renamed", "trusted.overlay.redirect", b"/w/old")
    os.mknod(top / "w/old", stat.S_IFCHR, 0)
    (top / "w/renamed/added").write_bytes(b"added\n")
    with open(top / "w/meta", "wb") as stream:
        stream.truncate(len(b"image meta\n"))
    shutil.copystat(lower_of("o-marks", "w/meta"), top / "w/meta")
    os.chmod(top / "w/meta", 0o4755)
    os.setxattr(top / "w/meta", "trusted.overlay.metacopy", b"")


def lower_of(name, path):
    for directory in inspect(name)["GraphDriver"]["Data"]["LowerDir"].split(":"):
        if (pathlib.Path(directory) / path).exists():
            return pathlib.Path(directory) / path
    raise AssertionError(f"no lower has {path}")


class Group:
    """One container, what was done to it, one capture, and what the kernel says."""

    def __init__(self, name, act=None, stopped=None, options="", home=None):
        self.name = name
        run_container(name, flags=("--cap-add", "LINUX_IMMUTABLE"), image=image())
        if act:
            act(tree(name))
        if stopped:
            docker("stop", "-t", "0", name)
            stopped(upper(name))
        done = world.capture(name, "--no-report", home=home or homes())
        self.bundle = world.Bundle(done.json["bundle"])
        # The engine cannot list what its own mount refuses to follow, and nothing at all where a path is too long for it.
        alone = stopped or act is far_down
        self.gaps = [g for g in self.bundle.gaps() if not (alone and (g["collector"], g["what"]) == ("engine-after", "changes.json"))]
        assert not self.gaps, str(done)
        self.all = self.bundle.rows("filesystem/changes.ndjson")
        self.rows = {value(r, "path"): r for r in self.all if "path" in r}
        self.kernel = differing(name, options) if options is not None else set()
        if act is edits:
            sh("chattr", "-i", upper(name) / "w/fixed")
        self.joined = {value(r, "path"): r for r in compare_json(self.bundle.path) if "path" in r}
        remove(name)


@world.once
def homes():
    return world.new_directory("overlay-home")


@world.once
def edited():
    return Group("o-edits", edits)


@world.once
def deep():
    # No tool that takes a path sees to the bottom of that: the kernel's second opinion is left out.
    return Group("o-deep", far_down, options=None, home=world.new_directory("deep-home"))


@world.once
def linked():
    return Group("o-links", links)


@world.once
def marked():
    return Group("o-marks", stopped=marks, options=",redirect_dir=on,metacopy=on")


def compare_lines(*argv):
    done = world.kanshiki("--json", "compare", *argv)
    return done, [json.loads(line) for line in done.out.splitlines()]


def compare_json(*argv):
    """The rows, each of them right by the published schema; header and end looked at and taken off."""
    done, lines = compare_lines(*argv)
    faults = [f for line in lines for f in schemas.schema("kanshiki.compare/1").faults(line)]
    if done.status or faults or lines[0].get("schema") != "kanshiki.compare/1" or "end" not in lines[-1]:
        raise AssertionError(f"{faults[:5]}\n{done}")
    return lines[1:-1]


# --- the second opinion ----------------------------------------------------------------------------------------------

# Mounts what it is told, runs mtree over both, and prints attributes as a walk of its own sees them.
LOOK = r"""
import ctypes, json, os, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
options, places = sys.argv[1], sys.argv[2:4]
for lowers, place in zip(sys.argv[4:6], places):
    data = f"lowerdir={lowers}{options}".encode()
    if libc.mount(b"overlay", os.fsencode(place), b"overlay", 1, data):
        sys.exit(f"mount: {os.strerror(ctypes.get_errno())}: {data}")
def attributes(top):
    found = {}
    for directory, names, files in os.walk(os.fsencode(top)):
        for name in [b"."] + names + files:
            path = os.path.join(directory, name) if name != b"." else directory
            own = {n: os.getxattr(path, n, follow_symlinks=False).hex() for n in os.listxattr(path, follow_symlinks=False)
                   if not n.startswith("trusted.overlay.")}
            if own:
                found[path[len(os.fsencode(top)):].hex() or "2f"] = own
    return found
words = "type,mode,uid,gid,size,link,sha256,time,device"
out = []
for place in places:
    spec = subprocess.run(["mtree", "-c", "-k", words, "-p", place], stdout=subprocess.PIPE, check=True).stdout
    flat = subprocess.run(["mtree", "-C", "-k", "all"], input=spec, stdout=subprocess.PIPE, check=True).stdout
    out.append({"mtree": flat.decode("latin-1").splitlines(), "attributes": attributes(place)})
print(json.dumps(out))
"""


def unvis(text):
    """A name as mtree writes it: vis(3) in C style."""
    def one(m):
        word = m[1]
        if word[0] in "01234567":
            return chr(int(word, 8))
        if word.startswith(("M-", "M^", "^")):
            code = ord(word[-1])
            code = (code & 0x1f if code != ord("?") else 0x7f) if "^" in word else code
            return chr(code | (0x80 if word[0] == "M" else 0))
        return {"s": " ", "n": "\n", "t": "\t", "r": "\r", "b": "\b", "a": "\a", "v": "\v", "f": "\f", "0": "\0", "E": "\x1b"}.get(word, word)
    return re.sub(r"\\([0-7]{3}|M-.|M\^.|\^.|.)", one, text).encode("latin-1")


def tree_of(seen):
    facts = {}
    for line in seen["mtree"]:
        name, _, rest = line.partition(" ")
        path = unvis(name.removeprefix("."))
        words = sorted(w for w in rest.split() if not w.startswith("size=") or "type=dir" not in rest)
        facts[path or b"/"] = (words, seen["attributes"].get((path or b"/").hex()))
    return facts


def differing(name, options):
    """Paths at which a read-only mount of all layers differs from one of the image's alone."""
    data = inspect(name)["GraphDriver"]["Data"]
    # A file cannot be the only lower; the engine's own layer is one of the image's for this.
    return differing_layers(data["LowerDir"], f"{data['UpperDir']}:{data['LowerDir']}", options)


def differing_layers(image_layers, all_layers, options):
    directory = world.new_directory("mounts")
    places = [directory / "image", directory / "container"]
    for place in places:
        place.mkdir()
    seen = json.loads(sh("unshare", "-m", sys.executable, "-c", LOOK, options, *places, image_layers, all_layers))
    before, after = map(tree_of, seen)
    return {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}


class Overlay(unittest.TestCase):
    maxDiff = None

    def row(self, group, path, change, how=None, **facts):
        row = group.joined.get(path.encode() if isinstance(path, str) else path)
        self.assertIsNotNone(row, f"no row of {path}")
        self.assertEqual((row["change"], row.get("how")), (change, how), row)
        for key, want in facts.items():
            self.assertEqual(row.get(key), want, row)
        return row

    # --- edits

    def test_an_edit_of_the_same_size_with_its_time_put_back_is_a_change_that_the_engine_does_not_list(self):
        row = self.row(edited(), "/w/same", "changed", "edited", sha256=sha256(b"IMAGE same\n"), hidden_from_engine=True)
        self.assertEqual((row["size"], row["mtime_ns"]), (row["below"]["size"], row["below"]["mtime_ns"]))
        self.assertEqual(row["below"]["sha256"], sha256(b"image same\n"))

    def test_a_capability_is_told_by_name(self):
        row = self.row(edited(), "/w/cap", "metadata", "edited", differs=["capability"])
        self.assertEqual(row["capability"], {"revision": 2, "effective": True, "permitted": ["cap_chown", "cap_net_raw"], "inheritable": []})
        self.assertNotIn("capability", row["below"])

    def test_an_attribute_and_an_access_list_are_metadata(self):
        row = self.row(edited(), "/w/attr", "metadata", "edited", differs=["xattrs"])
        self.assertIn({"name": "user.note", "value": "hello"}, row["xattrs"])
        self.row(edited(), "/w/acl", "metadata", "edited", differs=["acl"], acl="u::rw-,u:1000:r--,g::r--,m::r--,o::r--")

    def test_chmod_and_back_is_identical_and_so_is_a_file_made_again_and_how_tells_them_apart(self):
        row = self.row(edited(), "/w/back", "identical", "edited")
        self.assertGreater(row["ctime_ns"], row["mtime_ns"])
        self.row(edited(), "/w/again", "identical", "replaced")

    def test_a_time_set_back_is_metadata_and_the_inode_tells_when(self):
        row = self.row(edited(), "/w/dated", "metadata", "edited", differs=["mtime"], mtime_ns=OLD * 10**9)
        self.assertGreater(row["ctime_ns"], row["below"]["mtime_ns"])

    def test_an_immutable_file_is_metadata_by_its_flag(self):
        self.row(edited(), "/w/fixed", "metadata", "edited", differs=["flags"], flags=["immutable"])

    def test_a_sparse_file_is_added_with_its_size_and_few_blocks(self):
        row = self.row(edited(), "/w/sparse", "added", None, size=1 << 30)
        self.assertLess(row["blocks"], 100)

    # --- names

    def test_a_lower_file_with_two_names_edited_in_place_has_no_origin_and_so_no_how(self):
        row = self.row(linked(), "/w/hard", "changed", "unknown")
        self.assertEqual(row["below"]["nlink"], 2)
        self.assertNotIn(b"/w/d/hard", linked().rows)

    def test_a_second_name_in_another_directory_is_linked_and_the_first_stays_edited(self):
        first, second = linked().joined[b"/w/edit"], linked().joined[b"/w/d/second-name"]
        self.assertEqual({first["change"], second["change"]}, {"changed", "added"})
        self.assertEqual(("edited", "linked"), (first["how"], second["how"]))
        self.assertEqual((first["ino"], first["sha256"]), (second["ino"], second["sha256"]))

    def test_a_rename_names_where_it_came_from_and_the_old_name_is_deleted(self):
        row = self.row(linked(), "/w/moved", "added", "renamed")
        self.assertEqual(row["from"], "/w/mv")
        self.row(linked(), "/w/mv", "deleted", None, deleted_by="whiteout")

    def test_a_deletion_names_the_layer_that_had_it_last_and_what_the_image_had_deleted_is_none(self):
        row = self.row(linked(), "/w/twice", "deleted", None)
        self.assertEqual(row["below"]["sha256"], sha256(b"again in a later layer\n"))
        self.assertNotIn(b"/w/gone", linked().rows)

    def test_a_directory_removed_and_made_again_is_replaced_and_all_that_was_in_it_is_deleted(self):
        self.row(linked(), "/w/dir", "metadata", "replaced", opaque="y", differs=["mtime"])
        self.row(linked(), "/w/dir/new", "added")
        for path in ("/w/dir/x", "/w/dir/sub", "/w/dir/sub/y"):
            self.row(linked(), path, "deleted", None, deleted_by="opaque")

    def test_another_type_is_a_change_of_type_by_replacement(self):
        for path, kind in (("/w/becomes-dir", "dir"), ("/w/becomes-link", "symlink"), ("/w/full", "file")):
            self.row(linked(), path, "changed", "replaced", type=kind, type_changed=True)
        self.row(linked(), "/w/full/z", "deleted", None, deleted_by="type")

    def test_overlay_words_from_inside_are_data(self):
        self.row(linked(), "/w/.wh.mv", "added", None, planted=[".wh."])
        self.assertEqual(linked().rows[b"/w/d"]["planted"], ["user.overlay.opaque"])
        self.assertNotIn(b"/w/d/hard", linked().rows)

    # --- marks

    def test_a_redirected_directory_is_renamed_and_its_untouched_children_are_not_listed(self):
        row = self.row(marked(), "/w/renamed", "added", "renamed", redirect="/w/old")
        self.assertEqual(row["from"], "/w/old")
        self.row(marked(), "/w/renamed/added", "added")
        self.assertNotIn(b"/w/renamed/a", marked().rows)
        for path in ("/w/old", "/w/old/a", "/w/old/sub", "/w/old/sub/b"):
            self.row(marked(), path, "deleted")

    def test_a_metacopy_file_has_the_images_bytes_and_its_own_mode(self):
        row = self.row(marked(), "/w/meta", "metadata", "unknown", differs=["mode"], metacopy=True, mode="0104755")
        self.assertEqual(row["sha256"], sha256(b"image meta\n"))

    def test_a_file_further_down_than_a_path_can_name_is_told_with_its_bytes(self):
        row = self.row(deep(), "/w" + f"/{NAME}" * DEPTH + "/bottom", "added", None, sha256=sha256(b"at the bottom\n"))
        self.assertEqual((deep().bundle / "data/filesystem" / row["stored"]).read_bytes(), b"at the bottom\n")
        self.assertEqual(len([r for r in deep().all if r["name"] == NAME]), DEPTH)

    # --- the kernel

    def agree(self, group, but=()):
        told = {p for p, r in group.rows.items() if r["change"] not in ("identical", "parent")}
        parents = {p for p, r in group.rows.items() if r["change"] == "parent"}
        self.assertEqual(group.kernel - parents - set(but), told - set(but))
        self.assertFalse(group.kernel & {p for p, r in group.rows.items() if r["change"] == "identical"})

    def test_the_kernels_mount_and_mtree_find_the_same_paths_after_edits(self):
        # What is immutable is a flag of the inode, which mtree does not see through an overlay of lower layers.
        self.agree(edited(), but=[b"/w/fixed"])

    def test_the_kernels_mount_and_mtree_find_the_same_paths_after_renames_and_deletions(self):
        self.agree(linked())

    def test_the_kernels_mount_and_mtree_find_the_same_paths_under_redirect_and_metacopy(self):
        # Below a redirected directory the kernel shows what is not touched; we list the directory.
        self.agree(marked(), but=[p for p in marked().kernel if p.startswith(b"/w/renamed/") and p != b"/w/renamed/added"])


class Compare(unittest.TestCase):
    """The command, on the bundles of the same containers."""
    maxDiff = None

    def compare(self, *argv, status=0):
        done = world.kanshiki("--home", homes(), "compare", *argv)
        self.assertEqual(done.status, status, str(done))
        return done

    def line(self, done, word, path):
        found = [line for line in done.text.splitlines() if line.startswith(word + " ") and f" {path} " in line]
        self.assertEqual(len(found), 1, f"{word} {path} in\n{done}")
        return found[0]

    def test_a_line_says_before_and_after_of_what_differs_alone(self):
        done = self.compare(edited().bundle.path)
        self.assertIn("capability - -> cap_chown,cap_net_raw+ep", self.line(done, "metadata", "/w/cap"))
        dated = self.line(done, "metadata", "/w/dated")
        self.assertRegex(dated, r"mtime \S+ -> 2017-07-14T02:40:00Z  edited")
        self.assertIn(" 0644 ", dated)
        self.assertIn("not in the engine's list", self.line(done, "changed", "/w/same"))
        done = self.compare(marked().bundle.path)
        self.assertIn("0644 -> 4755", self.line(done, "metadata", "/w/meta"))
        done = self.compare(linked().bundle.path)
        self.assertIn("renamed from /w/mv", self.line(done, "added", "/w/moved"))

    def test_only_the_words_that_were_asked_for_are_told_and_an_unknown_one_is_2(self):
        done = self.compare(linked().bundle.path, "--only", "deleted")
        self.assertEqual({line.split()[0] for line in done.text.splitlines()}, {"deleted"})
        self.compare(linked().bundle.path, "--only", "deleted,gone", status=2)

    def test_exit_code_is_10_for_a_difference_and_0_without_one(self):
        self.compare(linked().bundle.path, "--exit-code", status=10)
        self.compare(linked().bundle.path, "--exit-code", "--only", "engine", status=0)

    def test_text_shows_both_sides_and_nothing_that_a_terminal_acts_on(self):
        done = self.compare(edited().bundle.path, "--text")
        self.assertIn("--- image:/w/same\n+++ container:/w/same\n@@ -1,1 +1,1 @@\n-image same\n+IMAGE same\n", done.text)
        self.assertIn("+\\x1b]0;title\\x07\n", done.text)
        self.assertIn("/w/\\x1b[2J\\xe2\\x80\\xae", done.text)
        self.assertIn("/w/not\\xffutf8", done.text)
        self.assertNotRegex(done.text, "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")

    def test_two_bundles_differ_by_what_was_done_to_each(self):
        found = {(r["section"], r["side"], r["what"]) for r in compare_json(edited().bundle.path, linked().bundle.path)}
        self.assertIn(("files", "a", "/w/same"), found)
        self.assertIn(("files", "b", "/w/moved"), found)
        self.assertEqual([f for f in found if f[0] == "processes"], [])
        self.assertEqual(compare_json(edited().bundle.path, edited().bundle.path), [])

    def test_a_stopped_container_is_compared_with_a_running_one(self):
        found = compare_json(edited().bundle.path, marked().bundle.path)
        self.assertTrue([r for r in found if (r["section"], r["side"]) == ("processes", "a")], found)

    def test_of_all_containers_of_an_image_the_odd_one_comes_first(self):
        groups = [edited(), linked(), marked()]
        calm = [Group(f"o-calm-{n}") for n in range(2)]
        containers = compare_json("--home", homes(), "--all", image())
        self.assertEqual({c["name"] for c in containers}, {g.name for g in groups + calm})
        self.assertEqual([c["unusual"] for c in containers[-2:]], [0, 0])
        for container in containers[:3]:
            self.assertGreater(container["alone"], 0)
            self.assertEqual(container["reasons"][0]["why"], "no other container has it")
        self.compare("--all", "no-such-image", status=3)

    def test_a_bundle_without_the_containers_layer_is_5_and_says_so(self):
        name = "o-lacking"
        run_container(name, image=image())
        done = world.capture(name, "--no-report", "--only", "processes", home=world.new_directory("home"))
        remove(name)
        done = self.compare(done.json["bundle"], "--exit-code", status=5)
        self.assertIn("missing: filesystem", done.messages)
        self.assertEqual(done.text, "")
        both = self.compare(edited().bundle.path, done.argv[4], status=5)
        self.assertIn("b lacks filesystem", both.messages)
        self.assertNotIn("/w/same", both.text)

    def test_an_altered_bundle_is_7_and_none_of_its_rows_is_told(self):
        copy = world.new_directory("copy") / edited().bundle.path.name
        shutil.copytree(edited().bundle.path, copy)
        path = copy / "data/filesystem/changes.ndjson"
        os.chmod(path, 0o600)
        path.write_bytes(path.read_bytes().replace(b"/w/same", b"/w/sane"))
        for flags in ([], ["--text"]):
            self.assertEqual(self.compare(copy, *flags, status=7).text, "")
        done, lines = compare_lines(copy)
        self.assertEqual((done.status, [line["schema"] for line in lines]), (7, ["kanshiki.error/1"]))
