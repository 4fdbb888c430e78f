"""The image as the engine sends it (depth api-only) is the image that its directories have, on whatever engine KAN_ENGINE names."""
import json
import pathlib
import unittest

import world
from world import run_container, value

NAME, IMAGE = "s-web", "stream:1"
DOCKERFILE = f"""
FROM {world.IMAGE}
RUN mkdir -p /s/old/sub /s/d && cd /s && for f in one gone old/a old/sub/b; do printf 'image %s\\n' $f >$f; done && ln one d/two && \\
    ln -s ../one d/link && mkfifo -m 600 d/pipe && chmod 4711 one && chown 7:8 old/a && TZ=UTC touch -t 200102030405.06 one && \\
    printf odd >"$(printf 'd/odd \\n\\\\ <b> \\377')"
RUN rm /s/gone && rm -r /s/old && mkdir /s/old && echo new >/s/old/new
RUN printf 'again, in a later layer\\n' >/s/gone && chmod 600 /s/d/pipe
"""
FACTS = ("type", "mode", "uid", "gid", "mtime_ns", "sha256", "link", "rdev", "size")


@world.once
def image():
    return world.build_image(IMAGE, DOCKERFILE)


class Taken:
    """One container, its image by its directories and by the engine's stream."""

    def __init__(self):
        run_container(NAME, image=image())
        self.home = world.new_directory("home")
        self.host = self.captured("--verify-image")
        self.engine = self.captured("--depth", "api")
        world.remove(NAME)

    def captured(self, *flags):
        done = world.capture(NAME, *flags, "--only", "image", home=self.home)
        if not done.out:
            raise AssertionError(str(done))
        return done, world.Bundle(done.json["bundle"])


@world.once
def taken():
    return Taken()


def key(row):
    return row["layer"], value(row, "path")


def facts(row, seconds):
    """What both have. A directory's size is its file system's, and some builders write headers with whole seconds."""
    ours = {k: row[k] for k in FACTS if k in row and (k != "size" or row["type"] != "dir")}
    return ours | ({"mtime_ns": row["mtime_ns"] // 10**9 * 10**9} if seconds and "mtime_ns" in row else {})


def attributes(row):
    return sorted((value(x, "name"), value(x, "value")) for x in row.get("xattrs", []) if b"overlay" not in value(x, "name"))


def is_whiteout(row):
    return row["type"] == "chr" and row.get("rdev") == "0:0"


class Stream(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.host = [r for r in taken().host[1].rows("image/baseline.ndjson") if r["layer"] != "init"]
        self.ours = taken().engine[1].rows("image/baseline.ndjson")

    def test_asked_for_it_is_whole_and_without_a_gap(self):
        done, bundle = taken().engine
        self.assertEqual((done.status, done.json["depth"], bundle.gaps()), (0, "api-only", []), str(done))
        self.assertEqual([c["status"] for c in done.json["collectors"] if c["name"] == "image"], ["ok"])
        asked = [r["path"] for r in bundle.lines("journal.ndjson") if r.get("type") == "request" and r["path"].endswith("/get")]
        self.assertEqual(len(asked), 1)
        lacks = {s["what"] for s in done.json["scope"] if s["collector"] == "image"}
        self.assertLessEqual({"ino", "hidden_by", "ghosts.ndjson", "pkgdb.tar"}, lacks)
        world.sh("/usr/bin/python3", world.TOP / "tests/contract/check_bundle.py", bundle.path)

    def test_its_rows_are_those_of_the_layers_directories(self):
        host = {key(r): r for r in self.host}
        ours = {key(r): r for r in self.ours if "opaque" not in r}
        self.assertEqual(set(ours) - set(host), set())
        # An engine makes the root of a layer itself, whatever its header says, and the directories above its first entry.
        self.assertEqual({k for k in set(host) - set(ours) if host[k]["type"] != "dir"}, set())
        self.assertEqual([k for k in ours if "source" not in ours[k]], [])
        for k, row in ours.items():
            if is_whiteout(row):
                self.assertTrue(is_whiteout(host[k]), k)
            elif k[1] != b"/":
                seconds = row["mtime_ns"] % 10**9 == 0
                self.assertEqual((k, facts(row, seconds)), (k, facts(host[k], seconds)))
                self.assertEqual((k, attributes(row)), (k, attributes(host[k])))

    def test_what_the_image_has_is_among_them(self):
        top = max(layer for layer, _ in map(key, self.ours))
        by = {key(r): r for r in self.ours}
        self.assertEqual(by[top - 2, b"/s/one"]["mode"], "0104711")
        self.assertEqual(by[top - 2, b"/s/one"]["mtime_ns"], 981173106 * 10**9)
        self.assertEqual(by[top - 2, b"/s/old/a"]["uid"], 7)
        self.assertEqual(by[top - 2, b"/s/d/odd \n\\ <b> \xff"]["sha256"], world.sha256(b"odd"))
        names = {b"/s/one", b"/s/d/two"}
        self.assertEqual({by[top - 2, n]["sha256"] for n in names}, {world.sha256(b"image one\n")})
        self.assertEqual([value(by[top - 2, n], "hardlink_to") in names for n in names if "hardlink_to" in by[top - 2, n]], [True])
        self.assertTrue(is_whiteout(by[top - 1, b"/s/gone"]))
        self.assertEqual(by[top, b"/s/gone"]["sha256"], world.sha256(b"again, in a later layer\n"))

    def test_opaque_directories_are_those_of_the_layers(self):
        marked = {key(r) for r in self.host if any(value(x, "name").endswith(b"overlay.opaque") for x in r.get("xattrs", []))}
        hidden = {key(r) for r in self.host if is_whiteout(r)}
        self.assertEqual({key(r) for r in self.ours if "opaque" in r}, marked)
        self.assertTrue(any(path == b"/s/old" for _, path in marked) or any(path == b"/s/old/a" for _, path in hidden))

    def test_its_config_and_layers_are_the_same_and_proven_by_their_digests(self):
        (_, host), (_, ours) = taken().host, taken().engine
        self.assertEqual((ours / "data/image/config.json").read_bytes(), (host / "data/image/config.json").read_bytes())
        wanted = [(r["n"], r["diff_id"], r["chain_id"]) for r in host.rows("image/layers.ndjson") if not r["init"]]
        rows = ours.rows("image/layers.ndjson")
        self.assertEqual([(r["n"], r["diff_id"], r["chain_id"]) for r in rows], wanted)
        self.assertEqual({r["proof"] for r in rows}, {"stream"})
        verdicts = {(r["rung"], r.get("layer", -1)): r["result"] for r in ours.rows("image/integrity.ndjson")}
        self.assertEqual(verdicts, {(2, -1): "verified"} | {(3, n): "verified" for n, _, _ in wanted})

    def test_the_report_says_how_far_it_was_checked_and_on_whose_word(self):
        done, _ = taken().engine
        integrity = json.loads(pathlib.Path(done.json["report"]["json"]).read_bytes())["image_integrity"]
        self.assertEqual((integrity["reached"], integrity["damaged_paths"]), (3, 0))
        self.assertIn("rest on what the engine sent", integrity["says"])


if __name__ == "__main__":
    unittest.main()
