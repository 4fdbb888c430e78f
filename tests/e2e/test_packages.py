"""Packages: owners, verdicts and inventories, beside what dpkg itself says in a real Debian container."""
import base64
import hashlib
import io
import json
import pathlib
import re
import shutil
import subprocess
import tarfile
import unittest
import urllib.parse

import world
from world import docker, engine, kanshiki, once, remove, run_container

SLEEP = ("sleep", "100000")
QUERY = r"${Package}\t${Architecture}\t${Version}\t${source:Package}\t${source:Version}\t${db:Status-Status}\n"
IN_PLACE = {"installed", "unpacked", "half-configured", "half-installed", "triggers-pending", "triggers-awaited"}

# Done in the container, in this order. A package of one file is built by hand, installed; another one is upgraded by one
# that is built by hand; a third one is removed. Then the database is forged for a fourth, without its log.
SCRIPT = r"""
set -e
build() { # name version file content
	d=/root/build/$1; mkdir -p $d/DEBIAN $d$(dirname $3); printf '%s' "$4" >$d$3
	printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n' $1 $2 >$d/DEBIAN/control
	(cd $d && md5sum .$3 | sed 's, \./, ,' >DEBIAN/md5sums)
	dpkg-deb --root-owner-group -b $d /root/$1.deb >/dev/null
}
build hello-kan 1.0-1 /opt/hello/program 'a program of a package'
build usr-is-merged 999 /usr/share/doc/usr-is-merged/copyright 'another licence'
dpkg -i /root/hello-kan.deb /root/usr-is-merged.deb >/dev/null
dpkg -r --force-depends logsave >/dev/null 2>&1

echo '# edited' >>/usr/bin/ldd
cp /usr/bin/id /usr/bin/.new; mv /usr/bin/.new /usr/bin/whoami
chmod 0711 /bin/cat
echo stray >/usr/local/bin/dropper
echo edited >/etc/issue.net
rm /usr/share/doc/bsdutils/copyright
rm /usr/bin/mawk; echo trojan >/usr/bin/mawk
sum=$(md5sum </usr/bin/mawk); sum=${sum%% *}
sed -i "s,^.*  usr/bin/mawk\$,$sum  usr/bin/mawk," /var/lib/dpkg/info/mawk.md5sums
sed -i 's,^[0-9a-f]*  \(.*bin/sed\)$,00112233445566778899aabbccddeeff  \1,' /var/lib/dpkg/info/sed.md5sums
sed -i '/^Package: mawk$/,/^$/s/^Version: .*/Version: 9.9-forged/' /var/lib/dpkg/status
"""


def inventory_of(container):
    """dpkg's own words: (name, architecture) to (version, source, source version), of what is in place."""
    lines = docker("exec", container, "dpkg-query", "-W", "-f", QUERY).splitlines()
    rows = [line.split("\t") for line in lines]
    return {(r[0], r[1]): tuple(r[2:5]) for r in rows if r[5] in IN_PLACE}


def purl_parts(purl):
    """By the rules of the purl specification: type, namespace, name, version, qualifiers."""
    scheme, rest = purl.split(":", 1)
    assert scheme == "pkg", purl
    path, _, query = rest.partition("?")
    path, _, version = path.partition("@")
    kind, *namespace, name = path.split("/")
    pairs = [pair.split("=", 1) for pair in query.split("&")] if query else []
    assert [k for k, _ in pairs] == sorted(k for k, _ in pairs), purl
    unquote = urllib.parse.unquote
    return kind, "/".join(map(unquote, namespace)), unquote(name), unquote(version), {k: unquote(v) for k, v in pairs}


def check_cyclonedx(document):
    """What CycloneDX 1.5 demands of the keys that are used here."""
    assert document["bomFormat"] == "CycloneDX" and document["specVersion"] == "1.5" and document["version"] == 1
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", document["serialNumber"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["metadata"]["timestamp"])
    allowed = {"bom-ref", "type", "name", "version", "purl", "description"}
    refs = [c["bom-ref"] for c in document["components"]] + [document["metadata"]["component"]["bom-ref"]]
    assert len(refs) == len(set(refs)), "a bom-ref twice"
    for component in document["components"]:
        assert set(component) <= allowed and component["name"] and component["type"] in ("library", "operating-system")
    systems = [c for c in document["components"] if c["type"] == "operating-system"]
    assert len(systems) == 1 and "purl" not in systems[0]
    for composition in document["compositions"]:
        assert composition["aggregate"] in ("complete", "incomplete", "unknown") and set(composition["assemblies"]) <= set(refs)


def listed(document, kind="deb", distro="debian"):
    """(name, architecture) to (version, source, source version) of a CycloneDX document, from its purls alone."""
    found = {}
    for component in document["components"]:
        if "purl" not in component:
            continue
        of, namespace, name, version, more = purl_parts(component["purl"])
        assert (of, namespace, name, version) == (kind, distro, component["name"], component["version"]), component
        source, _, source_version = more.get("upstream", name).partition("@")
        assert (name, more["arch"]) not in found, component
        found[name, more["arch"]] = (version, source, source_version or version)
    return found


class Read:
    """One capture, and the reports made of it."""

    def __init__(self, name, home, status=0):
        done = world.capture(name, home=home)
        assert done.status == status, str(done)
        self.path = done.json["bundle"]
        self.out = world.new_directory("out")
        self.render(self.out)
        self.report = json.loads((self.out / "report.json").read_bytes())
        self.rows = {r["path"]: r for r in self.report["changes"]["rows"]}
        self.packages = self.report["packages"]

    def render(self, out):
        done = kanshiki("report", "--format", "json,sbom,html,md", "--out", out, self.path)
        assert done.status == 0, str(done)

    def sbom(self, side):
        document = json.loads((self.out / f"sbom-{side}.cdx.json").read_bytes())
        check_cyclonedx(document)
        return document

    def says(self, path):
        row = self.rows[path]
        return row["change"], row.get("package_name"), row.get("package_verdict"), row.get("explained")


@once
def debian():
    """Inventories as dpkg tells them before and after, and the capture. The container stays, to be asked."""
    run_container("pk-debian", *SLEEP)
    before = inventory_of("pk-debian")
    docker("exec", "pk-debian", "sh", "-c", SCRIPT)
    return before, inventory_of("pk-debian"), Read("pk-debian", world.new_directory("home"))


class Debian(unittest.TestCase):
    def setUp(self):
        if engine().base != "debian":
            self.skipTest("no Debian base could be made: there is no dpkg to compare with")
        self.before, self.after, self.read = debian()

    def test_an_edited_file_of_a_package_is_modified_since_it_was_installed(self):
        self.assertEqual(self.read.says("/usr/bin/ldd"), ("changed", "libc-bin", "modified since installed", False))
        self.assertEqual(self.read.rows["/usr/bin/ldd"]["package_below"], "as installed")
        self.assertEqual(self.read.rows["/usr/bin/ldd"]["package_version"], self.before["libc-bin", "amd64"][0])
        self.assertEqual(self.read.says("/etc/issue.net"), ("changed", "base-files", "modified since installed", False))

    def test_a_replaced_program_of_a_package_is_modified_since_it_was_installed(self):
        self.assertEqual(self.read.says("/usr/bin/whoami"), ("changed", "coreutils", "modified since installed", False))

    def test_a_file_whose_package_names_it_through_a_link_is_as_installed(self):
        # dpkg's list says /bin/cat; the image has it at /usr/bin/cat.
        self.assertEqual(self.read.says("/usr/bin/cat"), ("metadata", "coreutils", "as installed", False))

    def test_a_file_of_nobody_is_owned_by_no_package(self):
        self.assertEqual(self.read.says("/usr/local/bin/dropper"), ("added", None, "owned by no package", False))

    def test_a_deleted_file_of_a_package_is_removed_and_not_explained(self):
        self.assertEqual(self.read.says("/usr/share/doc/bsdutils/copyright"),
                         ("deleted", "bsdutils", "removed since installed", False))

    def test_what_dpkg_installed_upgraded_and_removed_is_explained_by_its_own_records(self):
        self.assertEqual(self.read.says("/opt/hello/program"), ("added", None, "owned by no package", True))
        self.assertEqual(self.read.says("/usr/share/doc/usr-is-merged/copyright"),
                         ("changed", "usr-is-merged", "modified since installed", True))
        self.assertEqual(self.read.says("/usr/share/doc/usr-is-merged/changelog.gz"),
                         ("deleted", "usr-is-merged", "removed since installed", True))
        self.assertEqual(self.read.says("/usr/sbin/logsave"), ("deleted", "logsave", "removed since installed", True))

    def test_a_forged_record_explains_nothing_and_is_a_difference_without_a_log(self):
        self.assertEqual(self.read.says("/usr/bin/mawk"), ("changed", "mawk", "modified since installed", False))
        rows = {r["name"]: r for r in self.read.packages["rows"] if "change" in r}
        self.assertEqual((rows["mawk"]["change"], rows["mawk"]["logged"]), ("upgraded", False))
        self.assertEqual(rows["mawk"]["container"]["version"], "9.9-forged")
        found = [f["objects"][0]["name"] for f in self.read.report["findings"] if f["rule"] == "integrity.package-db"]
        self.assertEqual(found, ["mawk"])

    def test_a_record_that_was_edited_without_another_version_is_a_finding(self):
        found = {f["objects"][0]["path"] for f in self.read.report["findings"] if f["rule"] == "integrity.package-db-file"}
        self.assertEqual(found, {"/var/lib/dpkg/info/sed.md5sums"})
        self.assertIn("/var/lib/dpkg/info/mawk.md5sums", self.read.rows)

    def test_the_difference_of_both_inventories_is_what_was_done(self):
        rows = {r["name"]: (r["change"], r["logged"]) for r in self.read.packages["rows"] if "change" in r}
        self.assertEqual(rows, {"hello-kan": ("installed", True), "logsave": ("removed", True),
                                "usr-is-merged": ("upgraded", True), "mawk": ("upgraded", False)})

    def test_both_inventories_are_what_dpkg_says(self):
        image, container = self.read.sbom("image"), self.read.sbom("container")
        self.assertEqual(listed(image), self.before)
        self.assertEqual(listed(container), self.after)
        self.assertGreater(len(self.before), 50)
        self.assertIn(("hello-kan", "all"), self.after)
        system = image["components"][0]
        release = dict(line.split("=", 1) for line in docker("exec", "pk-debian", "cat", "/etc/os-release").splitlines())
        self.assertEqual((system["name"], system["version"]), ("debian", release["VERSION_ID"].strip('"')))
        self.assertIn(f"distro=debian-{system['version']}", image["components"][1]["purl"])

    def test_the_pages_show_owner_verdict_and_what_differs(self):
        page = re.sub(r"</?code>", "", (self.read.out / "report.html").read_text())
        row = next(line for line in page.splitlines() if ">/usr/bin/ldd" in line and 'data-l="package"' in line)
        self.assertIn("libc-bin modified since installed</td>", row)
        row = next(line for line in page.splitlines() if ">/opt/hello/program" in line and 'data-l="package"' in line)
        self.assertIn("owned by no package, the container's own records explain it</td>", row)
        self.assertIn(f"Image as shipped: {len(self.before)} packages. Container as found: {len(self.after)} packages.", page)
        row = next(line for line in page.splitlines() if "9.9-forged" in line and 'data-l="log"' in line)
        self.assertIn("does not say so", row)
        text = (self.read.out / "report.md").read_text()
        self.assertRegex(text, r"- .*mawk.* upgraded, image .*, container .*9\.9-forged.*; the manager's log does not say so")

    def test_the_same_bundle_gives_the_same_documents(self):
        again = world.new_directory("again")
        self.read.render(again)
        for name in ("sbom-image.cdx.json", "sbom-container.cdx.json", "report.json"):
            self.assertEqual((again / name).read_bytes(), (self.read.out / name).read_bytes(), name)
        self.assertNotEqual(self.read.sbom("image")["serialNumber"], self.read.sbom("container")["serialNumber"])

    def test_every_verdict_of_a_stored_file_is_what_md5sum_says_in_the_container(self):
        sums = {}
        text = docker("exec", "pk-debian", "sh", "-c", "cat /var/lib/dpkg/info/coreutils.md5sums /var/lib/dpkg/info/libc-bin.md5sums")
        for line in text.splitlines():
            digest, _, path = line.partition("  ")
            sums["/" + path] = digest
        compared = 0
        for path, row in self.read.rows.items():
            recorded = sums.get(path) or sums.get(path.replace("/usr/bin/", "/bin/"))
            if row["type"] != "file" or row["change"] == "deleted" or not recorded:
                continue
            now = docker("exec", "pk-debian", "md5sum", path).split()[0]
            self.assertEqual(row["package_verdict"] == "as installed", now == recorded, path)
            compared += 1
        self.assertGreaterEqual(compared, 3)


def apk_sum(content):
    return "Q1" + base64.b64encode(hashlib.sha1(content).digest()).decode()


APK_IMAGE = "kan-apk:1"


def tar_of(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def apk_root():
    """A root with apk's database, as a tar."""
    busybox = subprocess.run(["which", "busybox"], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    program = pathlib.Path(busybox).read_bytes()
    database = ("C:Q1x=\nP:tool\nV:1.2-r3\nA:x86_64\no:toolsrc\nF:usr\nF:usr/lib\nR:kept\nZ:%s\nR:edited\nZ:%s\n\n"
                "P:busybox\nV:1.36-r0\nA:x86_64\nF:bin\nR:busybox\nZ:%s\n\n"
                % (apk_sum(b"kept\n"), apk_sum(b"edited\n"), apk_sum(program)))
    files = {"bin/busybox": program, "opt/kept": b"", "usr/lib/kept": b"kept\n", "usr/lib/edited": b"edited\n",
             "lib/apk/db/installed": database.encode(),
             "etc/os-release": b'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.19.1\n'}
    return tar_of(files)


@once
def alpine():
    path = world.new_directory("apk") / "root.tar"
    path.write_bytes(apk_root())
    docker("import", path, APK_IMAGE)
    run_container("pk-apk", "/bin/busybox", "sleep", "100000", image=APK_IMAGE)
    docker("exec", "pk-apk", "/bin/busybox", "sh", "-c",
           "busybox chmod 700 /usr/lib/kept; echo more >>/usr/lib/edited; echo x >/usr/lib/stray; "
           "printf 'P:new\\nV:1\\nA:x86_64\\n\\n' >>/lib/apk/db/installed; busybox mkdir -p /var/log; printf "
           "'P:added\\nV:2-r1\\nA:x86_64\\nF:opt\\nR:added\\nZ:%s\\n\\n' " + apk_sum(b"added\n") + " >>/lib/apk/db/installed; "
           "echo added >/opt/added; printf '\\nRunning `apk add added` at 2026-11-26 17:00:01\\n(1/1) Installing added (2-r1)\\n' "
           ">>/var/log/apk.log")
    read = Read("pk-apk", world.new_directory("home"))
    remove("pk-apk")
    docker("rmi", "-f", APK_IMAGE, check=False)
    return read


class Apk(unittest.TestCase):
    """One file as shipped, one edited, one of nobody; and a package that somebody wrote into the database."""

    def setUp(self):
        self.read = alpine()

    def test_owners_and_verdicts_come_from_apks_database(self):
        self.assertEqual(self.read.says("/usr/lib/kept"), ("metadata", "tool", "as installed", False))
        self.assertEqual(self.read.says("/usr/lib/edited"), ("changed", "tool", "modified since installed", False))
        self.assertEqual(self.read.says("/usr/lib/stray"), ("added", None, "owned by no package", False))

    def test_a_package_that_apks_log_says_was_added_is_explained_and_one_that_it_does_not_is_not(self):
        changed = [r for r in self.read.packages["rows"] if "change" in r]
        self.assertEqual({(r["name"], r["change"], r["logged"]) for r in changed},
                         {("added", "installed", True), ("new", "installed", False)})
        self.assertEqual(self.read.says("/opt/added"), ("added", None, "owned by no package", True))

    def test_purls_name_the_distribution_and_the_source(self):
        self.assertEqual(listed(self.read.sbom("image"), "apk", "alpine"),
                         {("busybox", "x86_64"): ("1.36-r0", "busybox", "1.36-r0"),
                          ("tool", "x86_64"): ("1.2-r3", "toolsrc", "1.2-r3")})
        self.assertEqual(set(listed(self.read.sbom("container"), "apk", "alpine")),
                         {("busybox", "x86_64"), ("tool", "x86_64"), ("new", "x86_64"), ("added", "x86_64")})


RPM_IMAGE = "kan-rpm:1"
SPEC = """
Name: %s
Epoch: 2
Version: %s
Release: 1
Summary: x
License: x
BuildArch: noarch
AutoReqProv: no
%%description
x
%%install
mkdir -p %%{buildroot}/opt/%s
printf '%%s' '%s' >%%{buildroot}/opt/%s/program
printf 'kept' >%%{buildroot}/opt/%s/kept
%%files
/opt/%s
"""
RPM_QUERY = r"%{NAME}\t%{ARCH}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n"


class RpmHost:
    """A database made by the host's own rpm, whose files lie nowhere."""

    def __init__(self):
        self.top = world.new_directory("rpm")
        self.rpm("--initdb")

    def run(self, *words):
        return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              env={"PATH": "/usr/bin:/bin", "HOME": str(self.top)}).stdout

    def rpm(self, *words):
        return self.run("rpm", "--dbpath", str(self.top / "db"), *words)

    def install(self, name, version, content):
        spec = self.top / f"{name}.spec"
        spec.write_text(SPEC % (name, version, name, content, name, name, name))
        self.run("rpmbuild", "-bb", "--define", f"_topdir {self.top}/top", "--define", f"_rpmdir {self.top}",
                 "--define", "__os_install_post %{nil}", str(spec))
        self.rpm("-U", "--justdb", "--nodeps", str(self.top / f"noarch/{name}-{version}-1.noarch.rpm"))

    def inventory(self):
        return {(n, a): v for n, a, v in (line.split("\t") for line in self.rpm("-qa", "--qf", RPM_QUERY).splitlines())}

    def database(self):
        return (self.top / "db/rpmdb.sqlite").read_bytes()


@once
def fedora():
    """The host's rpm before and after, and the capture of a container whose database became the second one."""
    host = RpmHost()
    host.install("shipped", "1.0", "a program")
    host.install("removed", "1.0", "another")
    before, busybox = host.inventory(), subprocess.run(["which", "busybox"], stdout=subprocess.PIPE, check=True, text=True)
    root = world.new_directory("rpmroot") / "root.tar"
    root.write_bytes(tar_of({"bin/busybox": pathlib.Path(busybox.stdout.strip()).read_bytes(),
                             "usr/lib/sysimage/rpm/rpmdb.sqlite": host.database(),
                             "opt/shipped/program": b"a program", "opt/shipped/kept": b"kept",
                             "opt/removed/program": b"another", "opt/removed/kept": b"kept",
                             "etc/os-release": b'ID=fedora\nVERSION_ID=39\n'}))
    docker("import", root, RPM_IMAGE)
    run_container("pk-rpm", "/bin/busybox", "sleep", "100000", image=RPM_IMAGE)
    host.install("new", "3.0", "a new program")
    host.rpm("-e", "--justdb", "--nodeps", "removed")
    later = world.new_directory("rpmlater") / "later.tar"
    later.write_bytes(tar_of({"usr/lib/sysimage/rpm/rpmdb.sqlite": host.database(), "opt/new/program": b"a new program",
                              "var/log/dnf.rpm.log": b"2026-11-26T17:00:01+0000 SUBDEBUG Installed: new-2:3.0-1.noarch\n"}))
    docker("exec", "pk-rpm", "/bin/busybox", "mkdir", "/later")
    docker("cp", later, "pk-rpm:/later/")
    docker("exec", "pk-rpm", "/bin/busybox", "tar", "-xf", "/later/later.tar", "-C", "/")
    docker("exec", "pk-rpm", "/bin/busybox", "sh", "-c",
           "busybox chmod 700 /opt/shipped/kept; echo more >>/opt/shipped/program; echo x >/opt/shipped/stray")
    read = Read("pk-rpm", world.new_directory("home"))
    remove("pk-rpm")
    docker("rmi", "-f", RPM_IMAGE, check=False)
    return before, host.inventory(), read


class Rpm(unittest.TestCase):
    """One package as shipped, one installed, one removed, by the host's own rpm."""

    def setUp(self):
        if not shutil.which("rpmbuild"):
            self.skipTest("rpm is not installed: there is nothing to compare with")
        self.before, self.after, self.read = fedora()

    def test_owners_and_verdicts_come_from_rpms_database(self):
        self.assertEqual(self.read.says("/opt/shipped/kept"), ("metadata", "shipped", "as installed", False))
        self.assertEqual(self.read.says("/opt/shipped/program"), ("changed", "shipped", "modified since installed", False))
        self.assertEqual(self.read.says("/opt/shipped/stray"), ("added", None, "owned by no package", False))
        self.assertEqual(self.read.rows["/opt/shipped/kept"]["package_version"], "2:1.0-1")

    def test_dnfs_log_explains_what_it_names_and_nothing_else(self):
        self.assertEqual(self.read.says("/opt/new/program"), ("added", None, "owned by no package", True))
        changed = {r["name"]: (r["change"], r["logged"]) for r in self.read.packages["rows"] if "change" in r}
        self.assertEqual(changed, {"new": ("installed", True), "removed": ("removed", False)})

    def test_both_inventories_are_what_rpm_says(self):
        for side, truth in (("image", self.before), ("container", self.after)):
            found = {}
            for component in self.read.sbom(side)["components"][1:]:
                kind, namespace, name, version, more = purl_parts(component["purl"])
                self.assertEqual((kind, namespace, more["distro"]), ("rpm", "fedora", "fedora-39"))
                found[name, more["arch"]] = f"{more['epoch']}:{version}"
            self.assertEqual(found, truth)
        self.assertNotEqual(self.before, self.after)
