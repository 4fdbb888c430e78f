"""The engine alone is asked: what it lists and exports is taken with its content, what the host alone has is said, and no lie hangs us."""
import base64
import io
import tarfile
import time
import unittest

import world
from test_bad_input import faulty
from test_overlay import compare_json
from world import docker, run_container, sha256, value

NAME, TINY_NAME, TINY = "api-web", "api-tiny", "api-tiny:1"
LIGHT = ("--depth", "api", "--only", "filesystem", "--no-report")
LACKS = {"xattrs", "ctime_ns", "how", "deleted directories"}
ODD = b"/root/odd \n\\ \"quote\" <b> \xff\xfe"
DONE = r"""set -e
cd /root
echo new >new
echo more >>/etc/passwd
chmod 4755 /usr/bin/id
rm /var/log/dpkg.log
echo one >one && ln one two
ln -s ../etc/shadow link
mkdir -p deep/er && echo x >deep/er/file
truncate -s 8M sparse && printf end >>sparse
mkfifo pipe
printf odd >"$(printf 'odd \n\\ "quote" <b> \377\376')"
TZ=UTC touch -t 200102030405.06 new
chown 7:8 new
touch ready
exec sleep 100000"""


def member(name, body=b"", **more):
    info = tarfile.TarInfo(name)
    info.size = len(body)
    for key, what in more.items():
        setattr(info, key, what)
    return info, body


def archive(*members, end=True):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, body in members:
            tar.addfile(info, io.BytesIO(body))
        octets = out.getvalue()
    return out.getvalue() if end else octets


class ApiOnly(unittest.TestCase):
    @classmethod
    def container(cls):
        """One for all: nobody alters it."""
        if not docker("ps", "-q", "--filter", f"name=^{NAME}$"):
            run_container(NAME, "sh", "-c", DONE)
            world.wait_until(lambda: docker("exec", NAME, "sh", "-c", "ls /root/ready || true"), 10, "the changes are made")

    def setUp(self):
        self.container()
        self.home = world.new_directory("home")

    def taken(self, status, *flags, **more):
        done = world.capture(NAME, *flags, home=self.home, **more)
        self.assertEqual(done.status, status, str(done))
        self.assertEqual(done.json["depth"], "api-only")
        self.assertEqual(world.verify(done.json["bundle"]).status, 0)
        bundle = world.Bundle(done.json["bundle"])
        return done, bundle, {value(r, "path"): r for r in bundle.rows("filesystem/changes.ndjson")}

    def check_rows(self, rows):
        """Against what the container did."""
        content = {b"/root/new": b"new\n", b"/root/one": b"one\n", b"/root/two": b"one\n", b"/root/deep/er/file": b"x\n",
                   b"/root/sparse": bytes(8 << 20) + b"end", b"/etc/passwd": docker("exec", NAME, "cat", "/etc/passwd").encode() + b"\n", ODD: b"odd"}
        words = {path: "added" for path in content} | {b"/etc/passwd": "changed", b"/usr/bin/id": "changed", b"/root/link": "added",
                                                       b"/root/pipe": "added", b"/var/log/dpkg.log": "deleted", b"/root": "parent",
                                                       b"/etc": "parent", b"/root/deep": "added", b"/root/deep/er": "added"}
        self.assertEqual({path: rows[path]["change"] for path in words}, words)
        self.assertEqual({path: rows[path]["sha256"] for path in content}, {path: sha256(body) for path, body in content.items()})
        new, tool = rows[b"/root/new"], rows[b"/usr/bin/id"]
        self.assertEqual((new["mode"], new["uid"], new["gid"], new["size"], new["mtime_ns"] // 10**9), ("0100644", 7, 8, 4, 981173106))
        self.assertEqual((tool["mode"], tool["sha256"]), ("0104755", docker("exec", NAME, "sha256sum", "/usr/bin/id").split()[0]))
        self.assertEqual((rows[b"/root/link"]["type"], rows[b"/root/link"]["link"]), ("symlink", "../etc/shadow"))
        self.assertEqual(rows[b"/root/pipe"]["type"], "fifo")
        linked = [r["hardlink_to"] for r in rows.values() if "hardlink_to" in r]
        self.assertEqual(linked, ["/root/one"])
        self.assertEqual([p for p, r in rows.items() if r["source"] != "export" or "ctime_ns" in r or "below" in r], [])
        self.assertNotIn(b"/etc/shadow", rows)

    def check_compared(self, bundle):
        """Beside what the image's stream has at their paths: the engine calls changed what was only given another mode."""
        rows = {value(r, "path"): r for r in compare_json(bundle.path) if "path" in r}
        tool, passwd = rows[b"/usr/bin/id"], rows[b"/etc/passwd"]
        self.assertEqual((tool["change"], tool["below"]["sha256"], tool["below"]["mode"]), ("changed", tool["sha256"], "0100755"))
        image = docker("run", "--rm", world.IMAGE, "sha256sum", "/etc/passwd", "/var/log/dpkg.log").split()[::2]
        self.assertEqual([passwd["below"]["sha256"], rows[b"/var/log/dpkg.log"]["below"]["sha256"]], image)
        self.assertNotEqual(passwd["below"]["sha256"], passwd["sha256"])
        self.assertNotIn("below", rows[b"/root/new"])
        text = world.kanshiki("compare", bundle.path).text
        self.assertIn("the image's", next(line for line in text.splitlines() if "/usr/bin/id" in line))

    def test_asked_for_it_is_no_gap_and_each_change_is_a_row_with_its_content(self):
        done, bundle, rows = self.taken(0, "--depth", "api")
        self.check_rows(rows)
        self.assertEqual(bundle.gaps(), [])
        scope = {s["what"]: s["why"] for s in done.json["scope"] if s["collector"] == "filesystem"}
        self.assertEqual(set(scope), LACKS)
        self.assertIn("mtime alone", scope["ctime_ns"])
        with tarfile.open(bundle.path / "data/filesystem/upper.tar") as tar:
            self.assertEqual(tar.extractfile("root/deep/er/file").read(), b"x\n")
            self.assertEqual(tar.getmember("root/two").linkname, "root/one")
            self.assertNotIn("etc/shadow", tar.getnames())
        self.assertEqual(done.json["changes"]["deleted"], sum(r["change"] == "deleted" for r in rows.values()))
        self.check_compared(bundle)

    def test_a_list_that_is_refused_makes_every_entry_of_the_export_a_row_without_a_word(self):
        with faulty({"path": "/changes", "do": "status", "arg": "500", "times": 1},
                    {"path": "/export", "do": "tar", "arg": self.parts(archive(member("root/new", b"new\n"), member("bin/sh", b"sh")))}) as (url, _):
            _, bundle, rows = self.taken(5, *LIGHT, url=url)
        self.assertEqual(set(rows), {b"/root/new", b"/bin/sh"})
        self.assertEqual([p for p, r in rows.items() if "change" in r], [])
        self.assertEqual(rows[b"/root/new"]["sha256"], sha256(b"new\n"))
        self.assertIn(("changes.ndjson", "unsupported"), [(g["what"], g["code"]) for g in bundle.gaps()])

    def lying(self, body, behind=b""):
        with faulty({"path": "/export", "do": "tar", "arg": self.parts(body, behind)}) as (url, _):
            began = time.monotonic()
            _, bundle, rows = self.taken(5, *LIGHT, url=url)
        self.assertLess(time.monotonic() - began, 60)
        return rows, {(g["what"], g["code"]) for g in bundle.gaps() if g["collector"] == "filesystem"}

    def parts(self, *parts):
        return [base64.b64encode(part).decode() for part in parts]

    def test_an_export_that_ends_within_a_file_keeps_what_came_and_says_so(self):
        body = archive(member("root/new", b"n" * 4000))[:512 + 1024]
        rows, gaps = self.lying(body)
        self.assertIn(("export", "malformed"), gaps)
        new = rows[b"/root/new"]
        self.assertEqual((new["stable"], new["octets"], new["sha256"]), (False, 1024, sha256(b"n" * 1024)))

    def test_an_export_without_its_last_members_or_without_an_end_is_no_whole_one(self):
        rows, gaps = self.lying(archive(member("root/new", b"new\n")))
        self.assertIn("unknown", {r["type"] for r in rows.values()})
        self.assertTrue({code for _, code in gaps} & {"vanished", "unsupported"}, gaps)
        _, gaps = self.lying(archive(member("root/new", b"new\n"), end=False))
        self.assertIn(("export", "malformed"), gaps)

    def test_an_export_without_end_is_cut_in_the_archive_and_behind_it(self):
        _, gaps = self.lying(archive(member("root/new", b"new\n")), behind=bytes(512))
        self.assertIn(("export", "malformed"), gaps)
        _, gaps = self.lying(b"", behind=archive(member("x"))[:512])
        self.assertIn(("export", "malformed"), gaps)

    def test_names_that_lead_out_and_names_twice_are_contradictions_and_never_rows(self):
        rows, gaps = self.lying(archive(member("../../etc/shadow", b"root"), member("root/new", b"new\n"), member("root/new", b"other\n"),
                                        member("root/../../x", b"x"), member("root/two", b"", type=tarfile.LNKTYPE, linkname="../../etc/shadow")))
        self.assertIn(("/root/new", "contradicted"), gaps)
        self.assertIn(("export", "contradicted"), gaps)
        self.assertEqual([p for p in rows if b".." in p], [])
        self.assertNotIn("sha256", rows[b"/root/two"])


@world.once
def saved():
    """An image of one small layer, a container of it that was never started, and what `docker save` has of it."""
    path = world.new_directory("tiny") / "tiny.tar"
    path.write_bytes(archive(member("bin/tool", b"tool\n", mode=0o4755), member("etc/words", b"of the image\n")))
    docker("import", path, TINY)
    docker("create", "--name", TINY_NAME, TINY, "/bin/tool")
    docker("save", "-o", path, docker("image", "inspect", "-f", "{{.Id}}", TINY))
    return path.read_bytes()


class Image(unittest.TestCase):
    """The image's stream, of an engine that lies."""

    def taken(self, *faults):
        saved()
        with faulty(*faults) as (url, _):
            began = time.monotonic()
            done = world.capture(TINY_NAME, "--depth", "api", "--only", "image", "--no-report", home=world.new_directory("home"), url=url)
        self.assertLess(time.monotonic() - began, 75)
        bundle = world.Bundle(done.json["bundle"])
        self.assertEqual(world.verify(bundle.path).status, 0)
        rows = bundle.rows("image/baseline.ndjson") if bundle.has("image/baseline.ndjson") else []
        return done, {value(r, "path"): r for r in rows}, {g["code"] for g in bundle.gaps() if g["collector"] == "image"}

    def streamed(self, *parts):
        return self.taken({"path": "/images/.*/get", "do": "tar", "arg": [base64.b64encode(part).decode() for part in (*parts, b"")[:2]]})

    def nothing(self, of, code):
        done, rows, gaps = of
        self.assertEqual((done.status, rows, gaps), (5, {}, {code}), str(done))

    def test_what_it_sends_is_the_image_and_what_follows_its_end_is_nothing(self):
        for behind in (b"", bytes(512)):
            done, rows, gaps = self.streamed(saved(), behind)
            self.assertEqual((done.status, gaps), (0, set()), str(done))
            self.assertEqual((rows[b"/bin/tool"]["mode"], rows[b"/bin/tool"]["sha256"]), ("0104755", sha256(b"tool\n")))
            self.assertEqual(rows[b"/etc/words"]["sha256"], sha256(b"of the image\n"))

    def test_a_changed_byte_of_a_layer_is_a_contradiction_and_no_row(self):
        self.assertIn(b"of the image\n", saved())
        self.nothing(self.streamed(saved().replace(b"of the image\n", b"of the imagE\n")), "contradicted")

    def test_a_stream_that_ends_early_or_is_of_another_image_is_a_contradiction(self):
        self.nothing(self.streamed(saved()[:3000]), "contradicted")
        other = archive(member("manifest.json", b'[{"Config":"c.json","Layers":[]}]'), member("c.json", b'{"rootfs":{"diff_ids":[]}}'))
        self.nothing(self.streamed(other), "contradicted")
        self.nothing(self.streamed(archive(member("manifest.json", type=tarfile.SYMTYPE, linkname="/etc/passwd"))), "contradicted")

    def test_a_stream_that_is_cut_or_refused_or_drips_is_a_gap_in_bounded_time(self):
        for do, code in (("cut", "malformed"), ("close", "malformed"), ("endless", "malformed"), ("garbage", "contradicted"), ("drip", "timeout")):
            with self.subTest(do):
                self.nothing(self.taken({"path": "/images/.*/get", "do": do}), code)
        self.nothing(self.taken({"path": "/images/.*/get", "do": "status", "arg": "500"}), "unsupported")
        self.nothing(self.taken({"path": "/images/.*/json", "do": "replace", "arg": [r'"Size": ?\d+', f'"Size":{1 << 60}']}), "limit")


if __name__ == "__main__":
    unittest.main()
