"""An image whose layers were edited on the host: every path that was touched is named, and no other; untouched, it is verified."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import sys
import tarfile
import unittest

import world
from world import docker

sys.path.append(str(world.TOP / "tests/contract"))
import rows as schemas  # noqa: E402  (found below tests/contract)

BUSYBOX = "/bin/busybox"
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")
WORDS = b"the words of the image\n"


def base():
    """A small root of our own: no layer is shared with the image of the other tests."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        def add(name, content=b"", kind=tarfile.REGTYPE, mode=0o644, link=""):
            it = tarfile.TarInfo(name)
            it.type, it.mode, it.mtime, it.linkname, it.size = kind, mode, 1700000000, link, len(content)
            tar.addfile(it, io.BytesIO(content))
        for name in ("bin", "etc", "tmp", "old", "data", "data/sub"):
            add(name, kind=tarfile.DIRTYPE, mode=0o755)
        add("bin/busybox", pathlib.Path(BUSYBOX).read_bytes(), mode=0o755)
        for name in ("sh", "sleep", "rm", "mkdir", "chmod", "ln", "cp"):
            add(f"bin/{name}", kind=tarfile.SYMTYPE, link="busybox")
        for name in ("words", "owner", "gone", "caps", "late"):
            add(f"etc/{name}", WORDS)
        add("old/file", WORDS)
        for name in ("var", "var/lib", "var/lib/dpkg", "var/lib/dpkg/info"):
            add(name, kind=tarfile.DIRTYPE, mode=0o755)
        add("var/lib/dpkg/status", b"Package: tool\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n")
        owned = ["etc/words", "etc/caps", "old/file", "data/hard"]
        add("var/lib/dpkg/info/tool.list", "".join(f"/{name}\n" for name in owned).encode())
        add("var/lib/dpkg/info/tool.md5sums", "".join(f"{hashlib.md5(WORDS).hexdigest()}  {name}\n" for name in owned).encode())
        add("data/sub/file", WORDS)
        add("data/hard", kind=tarfile.LNKTYPE, link="data/sub/file")
    return out.getvalue()


def made_image():
    """Two layers: an imported root, and what a container changed of it."""
    path = world.new_directory("integrity") / "base.tar"
    path.write_bytes(base())
    docker("import", path, "integrity:1")
    world.remove("integrity-maker")
    docker("run", "--name", "integrity-maker", "integrity:1", "/bin/sh", "-c",
           "rm /etc/late; rm -r /old; mkdir /old; echo new >/old/new; echo more >/data/more; chmod 4755 /bin/busybox; ln -s more /data/link")
    docker("commit", "integrity-maker", "integrity:2")
    world.remove("integrity-maker")


def oci_of(saved):
    """An OCI layout of it: layers gzipped, blobs by digest. Archives of every engine itself are read in test_engine_features.py."""
    place = world.new_directory("layout")

    def blob(octets):
        digest = hashlib.sha256(octets).hexdigest()
        (place / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        (place / "blobs/sha256" / digest).write_bytes(octets)
        return {"digest": "sha256:" + digest, "size": len(octets)}
    with tarfile.open(saved) as tar:
        image = json.load(tar.extractfile("manifest.json"))[0]
        manifest = {"schemaVersion": 2, "config": blob(tar.extractfile(image["Config"]).read()),
                    "layers": [blob(gzip.compress(tar.extractfile(name).read())) for name in image["Layers"]]}
    index = {"schemaVersion": 2, "manifests": [blob(json.dumps(manifest).encode())]}
    (place / "index.json").write_text(json.dumps(index))
    (place / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return place


class Image:
    """The container of the image, a capture before and one after the edits."""

    def __init__(self):
        made_image()
        world.run_container("integrity", "/bin/sleep", "1000", image="integrity:2")
        self.home = world.new_directory("home")
        self.saved = world.new_directory("reference") / "saved.tar"
        docker("save", "-o", self.saved, "integrity:2")
        self.layout = oci_of(self.saved)
        self.clean = self.captured()
        self.layers = {row["n"]: world.engine().data_root / "overlay2" / row["cache_id"] / "diff"
                       for row in self.clean[1].rows("image/layers.ndjson") if not row["init"]}
        self.dated = self.captured_dated()
        self.edit()
        self.edited = self.captured()
        self.referred = self.captured("--reference", self.saved), self.captured("--reference", self.layout)
        world.remove("integrity")
        docker("rmi", "integrity:2", "integrity:1", check=False)

    def captured(self, *flags):
        done = world.capture("integrity", *(flags or ["--verify-image"]), home=self.home)
        if not done.out:
            raise AssertionError(str(done))
        return done, world.Bundle(done.json["bundle"])

    def captured_dated(self):
        """A time alone is another, which honest tools do, too."""
        words = self.layers[0] / "etc/words"
        was = os.stat(words)
        os.utime(words)
        try:
            return self.captured()
        finally:
            os.utime(words, ns=(was.st_atime_ns, was.st_mtime_ns))

    def edit(self):
        low, high = self.layers[0], self.layers[1]
        same = os.stat(low / "etc/words")
        (low / "etc/words").write_bytes(WORDS.upper())
        os.utime(low / "etc/words", ns=(same.st_atime_ns, same.st_mtime_ns))
        etc = os.stat(low / "etc")
        os.chown(low / "etc/owner", 1234, 0)
        (low / "etc/gone").unlink()
        os.utime(low / "etc", ns=(etc.st_atime_ns, etc.st_mtime_ns))
        os.setxattr(low / "etc/caps", "security.capability", CAPABILITY)
        os.chmod(high / "data/more", 0o4755)
        (high / "data/added").write_bytes(b"x")


@world.once
def image():
    return Image()


def named(bundle):
    return {(row["layer"], row["path"]): row["differs"] for row in bundle.rows("image/integrity.ndjson") if row["about"] == "path"}


class Integrity(unittest.TestCase):
    maxDiff = None

    def verdicts(self, bundle):
        return {(row["rung"], row.get("layer")): row["result"] for row in bundle.rows("image/integrity.ndjson") if row["about"] != "path"}

    def report(self, done):
        return world.Bundle(pathlib.Path(done.json["report"]["json"]).parent).json("report.json")

    def test_an_untouched_image_is_verified_and_nothing_is_named(self):
        done, bundle = image().clean
        self.assertEqual(named(bundle), {})
        self.assertEqual(self.verdicts(bundle), {(2, None): "verified", (3, 0): "verified", (4, 0): "verified", (3, 1): "verified",
                                                 (4, 1): "verified"})
        self.assertEqual([g for g in bundle.gaps() if "integrity" in g["what"]], [])
        report = self.report(done)
        self.assertEqual(report["image_integrity"]["reached"], 5)
        packages = report["image_integrity"]["rungs"][4]
        self.assertEqual((packages["result"], packages["verified"], packages["damaged"]), ("verified", 3, 0))
        self.assertIn("3 files are as their packages recorded them", report["image_integrity"]["says"])
        self.assertEqual([f for f in report["findings"] if f["rule"] in ("image.damaged", "image.digest")], [])

    def test_the_digest_of_the_imported_layer_is_that_of_its_tar(self):
        row = next(r for r in image().clean[1].rows("image/integrity.ndjson") if r["rung"] == 3 and r.get("layer") == 0)
        self.assertEqual(row["found_digest"], "sha256:" + hashlib.sha256(base()).hexdigest())

    def test_each_path_that_was_edited_on_the_host_is_named_and_no_other(self):
        _, bundle = image().edited
        self.assertEqual(named(bundle), {
            (0, "/etc/words"): ["content"],
            (0, "/etc/owner"): ["owner"],
            (0, "/etc/gone"): ["missing"],
            (0, "/etc/caps"): ["capability"],
            (1, "/data/more"): ["mode"],
            (1, "/data/added"): ["extra"],
            (1, "/data"): ["mtime"],
        })
        self.assertEqual(self.verdicts(bundle), {(2, None): "verified", (3, 0): "damaged", (4, 0): "damaged", (3, 1): "verified",
                                                 (4, 1): "damaged"})

    def test_a_time_that_alone_differs_is_named_and_counted_apart(self):
        row = next(r for r in image().edited[1].rows("image/integrity.ndjson") if r["rung"] == 4 and r.get("layer") == 1 and r["about"] == "layer")
        self.assertEqual((row["damaged"], row["noted"]), (2, 1))
        self.assertIn("1 paths differ in a time", self.report(image().edited[0])["image_integrity"]["says"])

    def test_the_findings_name_the_damaged_paths_and_the_report_says_it(self):
        done, _ = image().edited
        report = self.report(done)
        objects = {o["path"] for f in report["findings"] if f["rule"] == "image.damaged" for o in f["objects"]}
        self.assertEqual(objects, {"/etc/words", "/etc/owner", "/etc/gone", "/etc/caps", "/data/more", "/data/added"})
        self.assertEqual(report["image_integrity"]["modified"], [{"path": "/etc/words", "package": "tool"}])
        self.assertIn("image.digest", {f["rule"] for f in report["findings"]})
        self.assertIn("the image is damaged: 6 paths", report["image_integrity"]["says"])
        self.assertIn("rest on this host alone", report["image_integrity"]["says"])
        markdown = pathlib.Path(done.json["report"]["json"]).with_name("report.md").read_text()
        self.assertIn("The image: the image is damaged", markdown)

    def against(self, bundle, *flags):
        return world.kanshiki("--home", image().home, *flags, "compare", "--exit-code", "--reference", image().saved, bundle.path)

    def test_a_bundle_is_compared_with_a_reference_when_the_host_is_gone(self):
        same = self.against(image().clean[1])
        self.assertEqual((same.status, same.out), (0, b""), str(same))
        self.assertIn("the reference is the same image; 0 layers with another digest, 0 paths differ", same.messages)
        other = self.against(image().edited[1])
        self.assertEqual(other.status, 10, str(other))
        found = dict((line.split()[2], line.split()[3]) for line in other.text.splitlines())
        self.assertEqual({p: found.get(p) for p in ("/etc/words", "/etc/owner", "/etc/gone", "/data/more", "/data/added")},
                         {"/etc/words": "content", "/etc/owner": "owner", "/etc/gone": "missing", "/data/more": "mode",
                          "/data/added": "extra"}, other.text)
        head, *rows, end = lines = [json.loads(line) for line in self.against(image().edited[1], "--json").out.splitlines()]
        self.assertEqual([f for line in lines for f in schemas.schema("kanshiki.compare/1").faults(line)], [])
        self.assertEqual((head["schema"], head["compared"], end["end"]["against"]["count"]),
                         ("kanshiki.compare/1", "reference", len(found)))
        self.assertEqual({row["path"]: ",".join(row["differs"]) for row in rows}, found)

    def test_a_time_alone_is_listed_and_is_no_difference_for_the_exit_status(self):
        done = self.against(image().dated[1])
        self.assertEqual((done.status, done.text.split()), (0, ["layer", "0", "/etc/words", "mtime"]), str(done))
        self.assertIn("0 paths differ", done.messages)
        self.assertIn("1 more only in a time", done.messages)

    def test_a_reference_that_was_saved_before_names_the_same_paths(self):
        expected = named(image().edited[1])
        for done, bundle in image().referred:
            self.assertEqual(named(bundle), expected, str(done))
            self.assertEqual(self.verdicts(bundle), {(1, None): "verified", (1, 0): "damaged", (1, 1): "damaged", (2, None): "verified"})
            self.assertIn("it is not the reference", self.report(done)["image_integrity"]["says"])
        row = next(r for r in image().referred[0][1].rows("image/integrity.ndjson") if r.get("path") == "/etc/words")
        self.assertEqual(row["expected"]["sum"], "sha256:" + hashlib.sha256(WORDS).hexdigest())
        self.assertEqual(row["found"]["sum"], "sha256:" + hashlib.sha256(WORDS.upper()).hexdigest())
