"""Evidence on its way: export, import, transfer and its acknowledgement, disposal, derived files, recorded verifications.

usage: test_transfer.py KANSHIKI
"""
import hashlib
import io
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import unittest

from homes import Homes
import rows

HOMES = Homes(sys.argv.pop(1) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "build/kanshiki", "kan-transfer-")
INSPECT = "data/engine/inspect.json"
kanshiki = HOMES.kanshiki


def bundle_of(home):
    return home / "bundles" / HOMES.sample()[1]


def tar_of(bag=None):
    target = HOMES.new("tar-") / "b.tar"
    done = kanshiki("export", "-o", target, bag or bundle_of(HOMES.sample()[0]))
    assert done.status == 0, str(done)
    return target


def events(home, case=None):
    done = kanshiki("--home", home, "--json", "custody", "log", "--case", case or HOMES.sample()[2])
    assert done.status == 0, str(done)
    return [json.loads(line) for line in done.out.splitlines()]


def verify(target, *flags):
    done = kanshiki("--json", "verify", *flags, target)
    return done.status, done.json


def page_block(name):
    """A command of docs/verify-without-kanshiki.md, as it stands there."""
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs/verify-without-kanshiki.md").read_text()
    return re.search(rf"^```bash {name}$\n(.*?)^```$", text, re.M | re.S)[1]


def run_block(name, cwd, **names):
    done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", page_block(name)], cwd=cwd, env={**HOMES.environment, **names}, capture_output=True,
                          text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def checks(document, name):
    return [c for c in document["checks"] if c["name"] == name]


def files(directory):
    return {str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


class Case(unittest.TestCase):
    def refused(self, done, status, *words):
        self.assertEqual(done.status, status, str(done))
        for word in words:
            self.assertIn(word, done.err)


class Export(Case):
    def test_the_same_bundle_is_the_same_octets_elsewhere_and_later(self):
        one = tar_of().read_bytes()
        time.sleep(1.1)
        copy = HOMES.bag()
        for path in [copy, *copy.rglob("*")]:
            os.utime(path, (1, 1))
        self.assertEqual(tar_of(copy).read_bytes(), one)
        self.assertEqual(kanshiki("export", copy).out, one)
        self.assertEqual(len(one) % 10240, 0)

    def test_gnu_tar_takes_the_bag_out_and_nobodys_name_or_time_is_in_it(self):
        target = HOMES.new("gnu-")
        path = tar_of()
        subprocess.run(["tar", "-xf", path, "-C", target], check=True)
        self.assertEqual(files(target / HOMES.sample()[1]), files(bundle_of(HOMES.sample()[0])))
        self.assertEqual(verify(target / HOMES.sample()[1])[0], 0)
        with tarfile.open(path) as tar:
            members = tar.getmembers()
        self.assertEqual({(m.isfile(), m.mode, m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members}, {(True, 0o444, 0, 0, "", "", 0)})
        self.assertEqual([m.name for m in members], sorted(m.name for m in members))

    def test_what_was_altered_does_not_leave_and_nothing_is_overwritten(self):
        bag = HOMES.bag()
        (bag / INSPECT).chmod(0o600)
        (bag / INSPECT).write_bytes(b"{}")
        out = HOMES.new("out-") / "b.tar"
        self.refused(kanshiki("export", "-o", out, bag), 7, "inspect.json")
        self.assertFalse(out.exists())
        out.write_text("mine")
        self.assertNotEqual(kanshiki("export", "-o", out, HOMES.bag()).status, 0)
        self.assertEqual(out.read_text(), "mine")


class Import(Case):
    def fresh(self):
        return HOMES.new("receiver-") / "home"

    def taken(self, done, home):
        self.assertEqual(done.status, 0, str(done))
        self.assertEqual(files(bundle_of(home)).keys() >= files(bundle_of(HOMES.sample()[0])).keys(), True)
        self.assertEqual(verify(bundle_of(home), "--seal", HOMES.sample()[3])[0], 0)
        self.assertEqual(verify(home)[0], 0)
        self.assertEqual([e["type"] for e in events(home)], ["import"])
        self.assertEqual([p.name for p in (home / "bundles").iterdir()], [HOMES.sample()[1]])

    def test_a_tar_a_pipe_and_a_directory_end_as_the_same_bundle(self):
        for word, stream in ((tar_of(), None), ("-", tar_of()), (HOMES.bag(), None)):
            home = self.fresh()
            argv = [str(HOMES.binary), "--home", str(home), "import", str(word)]
            with open(stream or os.devnull, "rb") as source:
                done = subprocess.run(argv, stdin=source, capture_output=True, check=False, env=HOMES.environment, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.taken(kanshiki("--home", home, "import", bundle_of(home)), home)

    def test_a_directory_is_copied_and_shares_no_inode(self):
        home, bag = self.fresh(), HOMES.bag()
        self.taken(kanshiki("--home", home, "import", bag), home)
        theirs = {p.stat().st_ino for p in bag.rglob("*") if p.is_file()}
        self.assertEqual([p for p in bundle_of(home).rglob("*") if p.is_file() and p.stat().st_ino in theirs], [])

    def test_a_tar_of_somebody_elses_tools_is_taken_too(self):
        for form in ("ustar", "gnu", "pax"):
            home, bag, path = self.fresh(), HOMES.bag(), HOMES.new("tar-") / "b.tar"
            subprocess.run(["tar", f"--format={form}", "-cf", path, "-C", bag.parent, bag.name], check=True)
            self.taken(kanshiki("--home", home, "import", path), home)

    def hostile(self, change, status, words=""):
        """A tar whose members were changed; nothing of it stays."""
        source, target = tarfile.open(tar_of()), HOMES.new("hostile-") / "b.tar"
        with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as out:
            members = [(m, source.extractfile(m).read()) for m in source.getmembers()]
            for m, content in change(members):
                m.size = len(content) if m.isreg() and not m.sparse else m.size
                out.addfile(m, io.BytesIO(content))
        return self.gone(target, status, words)

    def gone(self, target, status, words=""):
        home = self.fresh()
        outside = sorted(str(p) for p in HOMES.work.glob("*"))
        done = kanshiki("--home", home, "import", target)
        self.assertEqual(done.status, status, str(done))
        self.assertIn(words, done.err)
        self.assertEqual(list((home / "bundles").iterdir()) if home.exists() else [], [])
        self.assertEqual([p for p in sorted(str(p) for p in HOMES.work.glob("*")) if p not in outside], [])
        return done

    def test_a_tar_with_what_no_bundle_has_is_refused_and_nothing_of_it_stays(self):
        name = HOMES.sample()[1]

        def extra(**kind):
            def change(members):
                m = tarfile.TarInfo(kind.pop("name", f"{name}/data/engine/extra.json"))
                content = kind.pop("content", b"")
                for key, value in kind.items():
                    setattr(m, key, value)
                return [*members, (m, content)]
            return change

        def renamed(to):
            def change(members):
                members[5][0].name = to
                return members
            return change

        kinds = {
            "a symbolic link": extra(type=tarfile.SYMTYPE, linkname="/etc/passwd"),
            "a hard link": extra(type=tarfile.LNKTYPE, linkname=f"{name}/bagit.txt"),
            "a hard link to the host": extra(type=tarfile.LNKTYPE, linkname="/etc/passwd"),
            "a FIFO": extra(type=tarfile.FIFOTYPE), "a device": extra(type=tarfile.CHRTYPE, devmajor=1, devminor=5),
            "a second top directory": extra(name="other/data/x.json"), "a file without directory": extra(name="x.json"),
            "an absolute path": extra(name="/etc/kanshiki-test"), "a way out": extra(name=f"{name}/../../x.json"),
            "a way out in the middle": extra(name=f"{name}/data/../../../x.json"), "a dot": extra(name=f"{name}/./data/x.json"),
            "a double slash": extra(name=f"{name}//data/x.json"), "a capital": extra(name=f"{name}/data/X.json"),
            "a stray tag file": extra(name=f"{name}/fetch.txt"), "a stranger's proof": extra(name=f"{name}/seal/x.txt"),
            "a deep path": extra(name=f"{name}/data" + "/a" * 40 + ".json"), "a long path": extra(name=f"{name}/data/" + "a" * 3000),
            "a name with LF": extra(name=f"{name}/data/a\nb"), "a name that is no UTF-8": extra(name=f"{name}/data/\udcff.json"),
            "a .git": extra(name=f"{name}/.git/config"), "another bundle's name": lambda ms: [rename(m, name, "20200101t000000z-0123456789ab-0000") for m in ms],
            "a top directory that leads out": lambda ms: [rename(m, name, "..") for m in ms],
            "a top directory with a dot": lambda ms: [rename(m, name, name + ".partial") for m in ms],
            "an unlisted artefact": extra(content=b"{}"), "a huge tag file": lambda ms: [(m, c if not m.name.endswith("bag-info.txt") else b"x" * (1 << 20)) for m, c in ms],
            "a member twice": lambda ms: [*ms, ms[7]], "bagit.txt twice": lambda ms: [*ms, next(m for m in ms if m[0].name.endswith("bagit.txt"))],
            "an artefact gone": lambda ms: [m for m in ms if not m[0].name.endswith("inspect.json")],
            "an artefact altered": lambda ms: [(m, c if not m.name.endswith("inspect.json") else c.replace(b"{", b"[", 1)) for m, c in ms],
            "no bagit.txt": lambda ms: [m for m in ms if not m[0].name.endswith("bagit.txt")], "nothing": lambda ms: [],
            "a pax path that leads out": lambda ms: [pax(ms[0], path="../../x"), *ms[1:]], "another name in pax": renamed(f"{name}/data/zzz.json"),
        }
        for words, change in kinds.items():
            with self.subTest(words):
                self.hostile(change, 7)

    def test_a_sparse_member_and_a_compressed_or_broken_tar_are_refused(self):
        name, folder = HOMES.sample()[1], HOMES.new("sparse-")
        bag = folder / name
        shutil.copytree(HOMES.bag(), bag)
        with open(bag / "data/engine/hole.json", "wb") as hole:
            hole.truncate(1 << 33)
        for form in ("gnu", "pax"):
            subprocess.run(["tar", f"--format={form}", "-S", "-cf", folder / f"{form}.tar", "-C", folder, name], check=True)
            self.gone(folder / f"{form}.tar", 7)
        whole = tar_of().read_bytes()
        for n, content in enumerate((whole[:len(whole) // 2], whole[:700], b"", b"\0" * 20480, b"not a tar " * 999, os.urandom(30000))):
            path = folder / f"broken{n}.tar"
            path.write_bytes(content)
            self.gone(path, 7)
        subprocess.run(["gzip", "-k", tar_of()], check=True)
        packed = next(HOMES.work.glob("tar-*/b.tar.gz"))
        self.gone(packed, 7)
        packed.unlink()

    def test_more_than_the_free_space_is_status_1_and_members_without_end_are_refused(self):
        name, folder = HOMES.sample()[1], HOMES.new("large-")
        claims = folder / "claims.tar"
        m = tarfile.TarInfo(f"{name}/data/engine/a.json")
        m.size = 1 << 50
        claims.write_bytes(m.tobuf(tarfile.GNU_FORMAT) + b"\0" * 5120)
        self.gone(claims, 1, "free")
        many = folder / "many.tar"
        with tarfile.open(many, "w") as out:
            for n in range(22000):
                out.addfile(tarfile.TarInfo(f"{name}/data/a{n % 200}/f{n}.json"))
        self.gone(many, 7)

    def test_the_same_bundle_brings_new_proofs_and_another_of_its_name_stays_out(self):
        home = HOMES.home()
        bag, keys = HOMES.bag(), HOMES.new("keys-")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / "k"], check=True)
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", keys / "k", "-n", "file", bag / "tagmanifest-sha256.txt"], check=True, capture_output=True)
        (bag / "tagmanifest-sha256.txt.sig").rename(bag / "seal/tagmanifest-sha256.txt.2.sig")
        before = files(bundle_of(home))
        done = kanshiki("--home", home, "import", bag)
        self.assertEqual(done.status, 0, str(done))
        after = files(bundle_of(home))
        self.assertEqual({k: v for k, v in after.items() if k in before}, before)
        self.assertEqual(after["seal/tagmanifest-sha256.txt.2.sig"], (bag / "seal/tagmanifest-sha256.txt.2.sig").read_bytes())
        self.assertEqual(verify(bundle_of(home))[0], 0)
        victim = bundle_of(home) / INSPECT
        victim.chmod(0o600)
        victim.write_bytes(b"{}")
        self.refused(kanshiki("--home", home, "import", tar_of()), 7, "inspect.json")
        other = self.fresh()
        self.assertIn(HOMES.capture(other).status, (0, 5))
        foreign = next((other / "bundles").iterdir())
        # The same name on another bundle: its own identifier is part of the seal, so it is altered, too.
        shutil.copytree(foreign, HOMES.new("x-") / HOMES.sample()[1])

    def test_a_full_disk_or_a_crash_while_it_is_signed_leaves_a_bundle_that_is_whole_and_can_be_committed(self):
        def full():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

        for crash in (False, True):
            home = HOMES.home()
            bag = bundle_of(home)
            (home / "custody.git/refs/heads/main").unlink()
            for path in (bag / "seal").iterdir():
                path.unlink()
            if not crash:
                (bag / "seal").rmdir()
                done = kanshiki("--home", home, "import", bag, preexec_fn=full)
                self.assertNotEqual(done.status, 0, str(done))
            self.assertEqual(verify(bag)[0], 0, verify(bag))
            done = kanshiki("--home", home, "import", bag)
            self.assertEqual(done.status, 0, str(done))
            self.assertEqual((verify(bag)[0], verify(home)[0]), (0, 0))
            self.assertEqual([p.name for p in (bag / "seal").iterdir()], ["tagmanifest-sha256.txt.sig"])

    def test_what_a_killed_import_left_is_taken_away_by_the_next_and_a_running_one_is_not(self):
        home, name = self.fresh(), HOMES.sample()[1]
        left = home / "bundles" / (name + ".import.partial")
        (left / "data/deep").mkdir(parents=True)
        (left / "data/deep/x").write_text("x")
        home.chmod(0o700)
        self.taken(kanshiki("--home", home, "import", tar_of()), home)
        other = self.fresh()
        held = other / "bundles" / (name + ".import.partial")
        held.mkdir(parents=True)
        other.chmod(0o700)
        with subprocess.Popen(["flock", held, "sleep", "30"], start_new_session=True) as process:
            time.sleep(0.3)
            self.refused(kanshiki("--home", other, "import", tar_of()), 8, "already")
            os.killpg(process.pid, signal.SIGKILL)
        self.taken(kanshiki("--home", other, "import", tar_of()), other)

    def test_verify_takes_a_tar_and_leaves_nothing_behind(self):
        place = HOMES.new("tmp-")
        path = tar_of()
        environment = {**HOMES.environment, "TMPDIR": str(place)}

        def run(target, *flags):
            return subprocess.run([str(HOMES.binary), "--json", "verify", *flags, str(target)], capture_output=True, check=False, env=environment,
                                  stdin=subprocess.DEVNULL, timeout=60)

        done = run(path, "--seal", HOMES.sample()[3])
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.assertEqual(json.loads(done.stdout)["result"], "verified")
        self.assertEqual(run(path, "--seal", "0" * 64).returncode, 7)
        cut = place.parent / "cut.tar"
        cut.write_bytes(path.read_bytes()[:40000])
        self.assertEqual(run(cut).returncode, 7)
        self.assertEqual(list(place.iterdir()), [])


    def test_a_verify_whose_worker_was_killed_is_no_interrupt_and_leaves_nothing(self):
        place = HOMES.new("tmp-")
        with subprocess.Popen([str(HOMES.binary), "verify", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                              env={**HOMES.environment, "TMPDIR": str(place)}) as process:
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
            while not children.read_text().split():
                time.sleep(0.01)
            os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
            _, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, list(place.iterdir())), (1, []), err)
        self.assertIn(b"not verified", err)


def rename(member, old, new):
    m, content = member
    m.name = m.name.replace(old, new, 1)
    return m, content


def pax(member, **headers):
    m, content = member
    m.pax_headers = headers
    return m, content


class Transfer(Case):
    def transferred(self):
        """The giver's home, the lines, and a receiver's home that has the bundle."""
        giver, receiver, lines = HOMES.home(), HOMES.new("receiver-") / "home", HOMES.new("lines-") / "lines"
        done = kanshiki("--home", giver, "custody", "transfer", "--case", HOMES.sample()[2], "--to", "Kei <kei@example.net>", "--method", "courier",
                        "--reference", "box 7", "-o", lines)
        self.assertEqual(done.status, 0, str(done))
        self.assertEqual(kanshiki("--home", receiver, "import", tar_of()).status, 0)
        return giver, receiver, lines

    def test_the_receiver_signs_the_lines_and_the_giver_records_it(self):
        giver, receiver, lines = self.transferred()
        event = events(giver)[-1]
        self.assertEqual((event["type"], event["transfer"]), ("transfer", {"to": "Kei <kei@example.net>", "method": "courier", "reference": "box 7"}))
        path = next((p for p in [f"cases/{HOMES.sample()[2]}/events/{event['seq']:06}-transfer.json"]))
        text = subprocess.run(["git", "-c", "safe.directory=*", "cat-file", "blob", f"main:{path}"], cwd=giver / "custody.git", check=True,
                              capture_output=True, env=HOMES.environment).stdout
        sha = hashlib.sha256(text).hexdigest()
        self.assertEqual(lines.read_text(), f"kanshiki-ack/1 {sha} {HOMES.sample()[3]}\n")
        signature = lines.with_suffix(".sig")
        self.assertEqual(kanshiki("--home", receiver, "custody", "ack", "--sign", lines, "-o", signature).status, 0)
        key = " ".join((receiver / "keys/host.pub").read_text().split()[:2])
        allowed = lines.with_suffix(".allowed")
        allowed.write_text(f'kei@example.net namespaces="kanshiki-custody" {key}\n')
        with open(lines, "rb") as stream:
            subprocess.run(["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "kei@example.net", "-n", "kanshiki-custody", "-s", signature],
                           stdin=stream, check=True, capture_output=True)
        done = kanshiki("--home", giver, "custody", "ack", "--case", HOMES.sample()[2], "--by", "Kei", "--signature", signature,
                        "--allowed-signers", allowed)
        self.assertEqual(done.status, 0, str(done))
        self.assertIn("kei@example.net", done.err)
        last = events(giver)[-1]
        self.assertEqual((last["type"], last["ack"]["by"], last["ack"]["event"], last["ack"]["signature"]), ("ack", "Kei", sha, signature.read_text()))
        self.assertEqual(last["what"], event["what"])
        clone = HOMES.new("clone-") / "v"
        HOMES.git("clone", "-q", "--no-local", f"file://{giver}/custody.git", clone)
        said = run_block("D2", clone, ALLOWED=str(allowed), RECEIVER="kei@example.net", CASE=HOMES.sample()[2])
        self.assertIn('Good "kanshiki-custody" signature', said)
        self.assertIn(f"{sha}  cases/", said)
        self.assertEqual(verify(giver)[0], 0)
        for e in events(giver):
            self.assertEqual(rows.document_faults(json.dumps(e).encode(), "kanshiki.event/1"), [])

    def test_lines_that_cannot_be_written_are_not_promised(self):
        home, there = HOMES.home(), HOMES.new("out-") / "lines"
        there.write_text("mine")
        before = len(events(home))
        for out, statuses in ((there, {8}), (there / "below", {1, 3}), (there.parent / "none/lines", {3})):
            done = kanshiki("--home", home, "custody", "transfer", "--case", HOMES.sample()[2], "--to", "x", "--method", "y", "--reference", "z", "-o", out)
            self.assertIn(done.status, statuses, str(done))
            self.assertIn(str(out), done.err)
        self.assertEqual((len(events(home)), there.read_text()), (before, "mine"))
        gone = there.parent / "new"
        done = kanshiki("--home", home, "custody", "transfer", "--case", "no-case", "--to", "x", "--method", "y", "--reference", "z", "-o", gone)
        self.assertEqual((done.status, gone.exists()), (3, False), str(done))

    def test_a_signature_over_something_else_is_not_recorded(self):
        giver, receiver, lines = self.transferred()
        signature = lines.with_suffix(".sig")
        other = lines.with_suffix(".other")
        other.write_text(re.sub(r" [0-9a-f]{64} ", " " + "0" * 64 + " ", lines.read_text()))
        self.assertEqual(kanshiki("--home", receiver, "custody", "ack", "--sign", other, "-o", signature).status, 0)
        before = len(events(giver))
        self.refused(kanshiki("--home", giver, "custody", "ack", "--case", HOMES.sample()[2], "--by", "Kei", "--signature", signature), 7, "no transfer")
        self.assertEqual(len(events(giver)), before)
        other.write_text(lines.read_text() + "x")
        self.refused(kanshiki("--home", receiver, "custody", "ack", "--sign", other), 1)
        self.refused(kanshiki("--home", HOMES.new("none-") / "h", "custody", "ack", "--sign", lines), 3)
        other.write_text(re.sub(r"[0-9a-f]{64}\n", "1" * 64 + "\n", lines.read_text()))
        self.refused(kanshiki("--home", receiver, "custody", "ack", "--sign", other), 3, "import it first")

    def test_an_acknowledgement_in_the_chain_that_is_of_something_else_is_found(self):
        giver, _, lines = self.transferred()
        repo, case = giver / "custody.git", f"cases/{HOMES.sample()[2]}"
        event = events(giver)[-1]
        sha = lines.read_text().split()[1]
        signed = lines.with_suffix(".other")
        signed.write_text("other bytes\n")
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", giver / "keys/host", "-n", "kanshiki-custody", signed], check=True, capture_output=True)
        forged = {**event, "type": "ack", "seq": event["seq"] + 1, "prev": sha,
                  "ack": {"by": "x", "event": sha, "signature": pathlib.Path(f"{signed}.sig").read_text()}}
        del forged["transfer"]
        text = (json.dumps(forged, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()
        (lines.parent / "event").write_bytes(text)
        index = {"GIT_INDEX_FILE": str(lines.parent / "index")}
        blob = HOMES.git("hash-object", "-w", lines.parent / "event", cwd=repo)
        HOMES.git("read-tree", "main", cwd=repo, **index)
        HOMES.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{case}/events/{forged['seq']:06}-ack.json", cwd=repo, **index)
        tree = HOMES.git("write-tree", cwd=repo, **index)
        when = f"{event['when']['utc_ns'] // 10**9} +0000"
        before = HOMES.git("log", "-1", "--format=%an%n%ae%n%cn%n%ce", "main", cwd=repo).splitlines()
        people = dict(zip(("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"), before))
        message = (f"kanshiki: ack {HOMES.sample()[2]} {HOMES.sample()[1]}\n\nKanshiki-Event: {forged['seq']}\n"
                   f"Kanshiki-Event-SHA256: {hashlib.sha256(text).hexdigest()}\nKanshiki-Seal: {HOMES.sample()[3]}\n")
        commit = HOMES.git("-c", "gpg.format=ssh", "-c", f"user.signingkey={giver}/keys/host", "commit-tree", "-S", tree, "-p", "main", "-m", message,
                           cwd=repo, GIT_AUTHOR_DATE=when, GIT_COMMITTER_DATE=when, **people)
        HOMES.git("update-ref", "refs/heads/main", commit, cwd=repo)
        status, document = verify(giver)
        failed = [(c["name"], c["detail"]) for c in document["checks"] if c["result"] == "failed"]
        self.assertEqual((status, [name for name, _ in failed]), (7, ["events"]), failed)
        self.assertIn("not over the lines of the transfer", failed[0][1])

    def test_a_receiver_whose_copy_was_altered_does_not_sign(self):
        _, receiver, lines = self.transferred()
        victim = bundle_of(receiver) / INSPECT
        victim.chmod(0o600)
        victim.write_bytes(b"{}")
        self.refused(kanshiki("--home", receiver, "custody", "ack", "--sign", lines), 7)


GONE = "data/filesystem/changes.ndjson"


class Dispose(Case):
    FLAGS = ("--reason", "court order 7", "--authority", "J. Judge", "--yes")

    def dispose(self, home, *paths, flags=FLAGS):
        return kanshiki("--home", home, "custody", "dispose", "--bundle", HOMES.sample()[1], "--file", ",".join(paths), *flags)

    def test_the_file_is_gone_everywhere_here_and_verify_calls_it_disposed(self):
        home = HOMES.home()
        oid = hashlib.sha256((bundle_of(home) / GONE).read_bytes()).hexdigest()
        stored = home / "custody.git/lfs/objects" / oid[:2] / oid[2:4] / oid
        self.assertTrue(stored.exists())
        done = self.dispose(home, GONE)
        self.assertEqual(done.status, 0, str(done))
        self.assertFalse(stored.exists() or (bundle_of(home) / GONE).exists())
        event = events(home)[-1]
        self.assertEqual((event["type"], event["why"]), ("dispose", {"purpose": "court order 7", "authority": "J. Judge"}))
        self.assertEqual([(d["path"], d["oid"]) for d in event["dispose"]], [(GONE, oid)])
        self.assertTrue(any("copies" in text for text in event["impact"]))
        self.assertTrue(any("derived" in text for text in event["impact"]))
        for target, name in ((bundle_of(home), "layout"), (home, "store"), (tar_of(bundle_of(home)), "layout")):
            status, document = verify(target)
            self.assertEqual(status, 0, document)
            told = [c for c in checks(document, name) if "disposed of" in c["detail"]]
            self.assertEqual([c["result"] for c in told], ["not-done"])
            self.assertIn("changes.ndjson", told[0]["path"])
        stone = bundle_of(home) / f"seal/{event['seq']:06}-dispose.json"
        key = " ".join((home / "keys/host.pub").read_text().split()[:2])
        allowed = HOMES.new("allowed-") / "a"
        allowed.write_text(f'host namespaces="file" {key}\n')
        with open(stone, "rb") as stream:
            subprocess.run(["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "host", "-n", "file", "-s", f"{stone}.sig"], stdin=stream, check=True,
                           capture_output=True)
        done = subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "--ignore-missing", "manifest-sha256.txt"], cwd=bundle_of(home), check=False,
                              capture_output=True)
        self.assertEqual(done.returncode, 0)
        said = run_block("D1", bundle_of(home), ALLOWED=str(allowed), WHO="host")
        self.assertIn('Good "file" signature', said)
        self.assertIn(f"J. Judge\ncourt order 7\n{GONE} {oid}", said)
        told = kanshiki("cat", "-b", bundle_of(home), GONE)
        self.refused(told, 7, f"{stone.relative_to(bundle_of(home))} says that it was disposed of")
        again = self.dispose(home, GONE)
        self.assertEqual(again.status, 0, str(again))
        self.assertEqual(len([e for e in events(home) if e["type"] == "dispose"]), 1)

    def test_content_that_another_artefact_has_too_stays_for_that_one(self):
        home = HOMES.home()
        self.assertEqual((bundle_of(home) / INSPECT).read_bytes(), (bundle_of(home) / "data/engine-after/inspect.json").read_bytes())
        done = self.dispose(home, INSPECT)
        self.assertEqual(done.status, 0, str(done))
        self.assertIn("1 objects stay", done.out.decode())
        self.assertEqual((verify(bundle_of(home))[0], verify(home)[0]), (0, 0))
        self.assertEqual(self.dispose(home, "data/engine-after/inspect.json").status, 0)
        oid = hashlib.sha256((bundle_of(HOMES.sample()[0]) / INSPECT).read_bytes()).hexdigest()
        self.assertFalse((home / "custody.git/lfs/objects" / oid[:2] / oid[2:4] / oid).exists())
        self.assertEqual((verify(bundle_of(home))[0], verify(home)[0]), (0, 0))

    def test_a_file_deleted_without_a_tombstone_or_with_a_strangers_is_missing(self):
        home = HOMES.home()
        self.assertEqual(self.dispose(home, GONE).status, 0)
        stone = next((bundle_of(home) / "seal").glob("*-dispose.json"))
        for spoil in (lambda b: (b / f"seal/{stone.name}").unlink(), lambda b: (b / f"seal/{stone.name}.sig").unlink(),
                      lambda b: (b / "data/engine/version.json").unlink(), self.forge):
            bag = HOMES.new("bag-") / HOMES.sample()[1]
            shutil.copytree(bundle_of(home), bag)
            spoil(bag)
            status, document = verify(bag)
            self.assertEqual(status, 7, document)
            self.assertTrue([c for c in document["checks"] if c["result"] == "failed"])

    def forge(self, bag):
        """Another file gone, by a tombstone that a stranger signed."""
        keys = HOMES.new("keys-")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / "k"], check=True)
        stone = next((bag / "seal").glob("*-dispose.json"))
        event = json.loads(stone.read_text())
        victim = bag / "data/engine/version.json"
        event["dispose"][0].update(path="data/engine/version.json", oid=hashlib.sha256(victim.read_bytes()).hexdigest(), size=victim.stat().st_size)
        forged = bag / "seal/000099-dispose.json"
        forged.write_text(json.dumps(event, sort_keys=True, indent=1) + "\n")
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", keys / "k", "-n", "file", forged], check=True, capture_output=True)
        victim.unlink()

    def test_it_is_refused_without_reason_authority_or_consent_and_for_what_is_not_there(self):
        home = HOMES.home()
        self.refused(self.dispose(home, GONE, flags=("--reason", "x")), 2, "--authority")
        self.refused(self.dispose(home, GONE, flags=("--reason", "x", "--authority", "y")), 8, "--yes")
        self.refused(self.dispose(home, "data/none.json"), 3, "no such artefact")
        self.refused(self.dispose(home, "bag-info.txt"), 3, "no such artefact")
        self.refused(self.dispose(home, *(f"data/x{n}.json" for n in range(257))), 2, "second call")
        self.refused(self.dispose(home, "data/../../../etc/passwd"), 3)
        self.assertEqual(verify(home)[0], 0)
        self.assertTrue((bundle_of(home) / GONE).exists())

    def test_a_bundle_with_a_disposed_file_is_still_pushed_exported_and_imported(self):
        home, remote, receiver = HOMES.home(), HOMES.new("remote-") / "r.git", HOMES.new("receiver-") / "home"
        HOMES.git("init", "-q", "--bare", "-b", "main", remote)
        keys = HOMES.new("keys-")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / "k"], check=True)
        self.assertEqual(self.dispose(home, GONE).status, 0)
        done = kanshiki("--home", home, "custody", "push", remote)
        self.assertEqual(done.status, 0, str(done))
        self.assertIn("1 objects were disposed of", done.out.decode())
        self.assertEqual(verify(remote, "--remote", home / "custody.git", "--require", "pushed")[0], 0)
        done = kanshiki("--home", receiver, "import", tar_of(bundle_of(home)))
        self.assertEqual(done.status, 0, str(done))
        for target in (receiver, bundle_of(receiver)):
            status, document = verify(target)
            self.assertEqual(status, 0, document)
            self.assertTrue([c for c in document["checks"] if "disposed of" in c["detail"]], document)
        self.assertEqual(events(receiver)[0]["what"], events(home)[0]["what"])
        self.assertEqual(self.dispose(home, INSPECT, "data/engine-after/inspect.json", flags=(*self.FLAGS, "--key", keys / "k")).status, 0)
        second = HOMES.new("remote-") / "r.git"
        HOMES.git("init", "-q", "--bare", "-b", "main", second)
        self.assertEqual(kanshiki("--home", home, "custody", "push", second).status, 0)
        lost = next(p for p in (home / "custody.git/lfs/objects").rglob("*") if p.is_file())
        lost.unlink()
        third = HOMES.new("remote-") / "r.git"
        HOMES.git("init", "-q", "--bare", "-b", "main", third)
        self.assertNotEqual(kanshiki("--home", home, "custody", "push", third).status, 0)

    def test_a_receiver_disposes_of_what_he_signed_and_a_key_that_signed_no_seal_is_warned_of(self):
        receiver, keys = HOMES.new("receiver-") / "home", HOMES.new("keys-")
        self.assertEqual(kanshiki("--home", receiver, "import", tar_of()).status, 0)
        done = self.dispose(receiver, GONE)
        self.assertEqual(done.status, 0, str(done))
        self.assertNotIn("warning", done.err)
        for target in (receiver, bundle_of(receiver)):
            status, document = verify(target)
            self.assertEqual(status, 0, document)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / "k"], check=True)
        strange = ("--reason", "x", "--authority", "y", "--yes", "--key", keys / "k")
        done = self.dispose(receiver, "data/engine/version.json", flags=strange[:4] + strange[5:])
        self.refused(done, 8, "warning: this key has not signed the bundle", "--yes")
        self.assertEqual(verify(receiver)[0], 0)
        self.assertEqual(kanshiki("--home", receiver, "import", "--key", keys / "k", bundle_of(receiver)).status, 0)
        self.assertEqual(kanshiki("--home", receiver, "custody", "anchor").status, 0)
        done = self.dispose(receiver, "data/engine/version.json", flags=strange)
        self.assertEqual(done.status, 0, str(done))
        self.assertNotIn("warning", done.err)
        for target in (receiver, bundle_of(receiver)):
            status, document = verify(target)
            self.assertEqual(status, 0, document)

    def test_of_two_artefacts_with_one_content_the_tombstones_of_one_do_not_speak_for_the_other(self):
        home = HOMES.home()
        self.assertEqual(self.dispose(home, INSPECT).status, 0)
        self.assertEqual(self.dispose(home, INSPECT, GONE).status, 0)
        oid = hashlib.sha256((bundle_of(HOMES.sample()[0]) / INSPECT).read_bytes()).hexdigest()
        (home / "custody.git/lfs/objects" / oid[:2] / oid[2:4] / oid).unlink()
        status, document = verify(home)
        failed = [c["path"] for c in checks(document, "store") if c["result"] == "failed"]
        self.assertEqual((status, len(failed)), (7, 1), document)
        self.assertTrue(failed[0].endswith("/inspect.json"), failed)

    def test_who_disposes_years_later_needs_to_be_trusted_then_and_not_when_the_bundle_came(self):
        home, keys = HOMES.home(), HOMES.new("keys-")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / "k"], check=True)
        time.sleep(2 - time.time() % 1)
        after = time.strftime("%Y%m%d%H%M%SZ", time.gmtime())
        self.assertEqual(self.dispose(home, GONE, flags=(*self.FLAGS, "--key", keys / "k")).status, 0)
        emails = ",".join(set(HOMES.git("log", "--format=%ce", cwd=home / "custody.git").split()))
        allowed = keys / "allowed"

        def told(options):
            lines = [f"{emails} {options} {' '.join((keys / 'k.pub').read_text().split()[:2])}",
                     f"{emails} {' '.join((home / 'keys/host.pub').read_text().split()[:2])}"]
            allowed.write_text("\n".join(lines) + "\n")
            return verify(home, "--allowed-signers", allowed)

        status, document = told(f'valid-after="{after}"')
        self.assertEqual(status, 0, document)
        self.assertTrue([c for c in checks(document, "store") if "disposed of" in c["detail"]])
        status, document = told(f'valid-before="{after[:8]}000000Z"')
        self.assertEqual(status, 7, document)

    def test_an_event_without_its_signature_is_never_in_the_bag(self):
        home = HOMES.home()
        stone = bundle_of(home) / f"seal/{len(events(home)) + 1:06}-dispose.json"
        block = stone.with_name(stone.name + ".sig")
        block.mkdir()
        self.assertNotEqual(self.dispose(home, GONE).status, 0)
        block.rmdir()
        self.assertEqual(verify(bundle_of(home))[0], 0)
        self.assertEqual(self.dispose(home, GONE).status, 0)
        self.assertEqual((verify(bundle_of(home))[0], verify(home)[0]), (0, 0))

    def test_killed_anywhere_it_is_finished_by_the_next_and_never_half_told(self):
        for n in range(1, 25, 2):
            home = HOMES.home()
            process = subprocess.Popen([str(HOMES.binary), "--home", str(home), "custody", "dispose", "--bundle", HOMES.sample()[1], "--file", GONE,
                                        *self.FLAGS], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=HOMES.environment)
            time.sleep(n * 0.004)
            process.kill()
            process.wait()
            status, document = verify(bundle_of(home))
            self.assertEqual(status, 0, document)
            self.assertEqual(verify(home)[0], 0)
            self.assertEqual(self.dispose(home, GONE).status, 0)
            self.assertFalse((bundle_of(home) / GONE).exists())
            self.assertEqual((verify(bundle_of(home))[0], verify(home)[0]), (0, 0))
            self.assertEqual(len([e for e in events(home) if e["type"] == "dispose"]), 1)
            shutil.rmtree(home)


class Words(Case):
    def test_files_made_of_a_bundle_are_committed_as_derived(self):
        home, made = HOMES.home(), HOMES.new("made-")
        (made / "decoded.txt").write_text("x")
        done = kanshiki("--home", home, "custody", "derive", HOMES.sample()[1], made)
        self.assertEqual(done.status, 0, str(done))
        self.assertEqual(events(home)[-1]["type"], "derive")
        self.assertEqual(verify(home)[0], 0)
        self.refused(kanshiki("--home", home, "custody", "derive", "20200101t000000z-0123456789ab-0000", made), 3)

    @unittest.skipIf(pathlib.Path("/etc/kanshiki/allowed_signers").exists(), "this machine has a trust file of its own")
    def test_without_a_trust_file_each_key_that_signed_is_told(self):
        home, keys = HOMES.home(), HOMES.new("keys-")
        for name in ("a", "b"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True)
            for n in range(2):
                done = kanshiki("--home", home, "custody", "note", "--case", HOMES.sample()[2], "--key", keys / name, f"note {n}")
                self.assertEqual(done.status, 0, str(done))
        done = kanshiki("verify", home)
        lines = [line for line in done.out.decode().splitlines() if line.startswith("not-done  signers")]
        self.assertEqual(len(lines), 3, lines)
        for name in ("a", "b"):
            fpr = subprocess.run(["ssh-keygen", "-lf", keys / name], check=True, capture_output=True).stdout.decode().split()[1]
            self.assertEqual(sum(fpr in line for line in lines), 1, lines)
        self.assertIn("the repository of this home", done.err)
        bag = kanshiki("verify", bundle_of(home))
        self.assertIn("whoever holds the key could have rebuilt everything", bag.out.decode())
        self.assertNotIn("whoever holds", kanshiki("verify", "--seal", HOMES.sample()[3], bundle_of(home)).out.decode())

    @unittest.skipIf(pathlib.Path("/etc/kanshiki/allowed_signers").exists(), "this machine has a trust file of its own")
    def test_the_trust_file_of_a_person_is_found_where_configuration_lies(self):
        home, config = HOMES.home(), HOMES.new("config-")
        (config / "kanshiki").mkdir()
        emails = ",".join(set(HOMES.git("log", "--format=%ce", cwd=home / "custody.git").split()))
        trust = config / "kanshiki/allowed_signers"
        trust.write_text(f"{emails} {' '.join((home / 'keys/host.pub').read_text().split()[:2])}\n")

        def run(**more):
            return subprocess.run([str(HOMES.binary), "verify", "--require", "known-signer", str(home)], capture_output=True, check=False, timeout=60,
                                  env={**HOMES.environment, **more}, stdin=subprocess.DEVNULL)

        self.assertEqual(run(XDG_CONFIG_HOME=str(config)).returncode, 0)
        self.assertEqual(run(HOME=str(config.parent), XDG_CONFIG_HOME=".").returncode, 5)
        shutil.copytree(config, home.parent / ".config")
        self.assertEqual(run(HOME=str(home.parent)).returncode, 0)
        trust.unlink()
        trust.symlink_to(trust.name)
        self.assertIn(b"nobody is trusted by it", run(XDG_CONFIG_HOME=str(config)).stderr)

    def test_a_verification_is_recorded_with_what_it_said(self):
        home = HOMES.home()
        done = kanshiki("--home", home, "custody", "note", "--verified", bundle_of(home))
        self.assertEqual(done.status, 0, str(done))
        last = events(home)[-1]
        self.assertEqual((last["type"], last["result"]["ok"]), ("verify", True))
        self.assertRegex(last["note"]["text"], r"^verified: \d+ ok, 0 failed, \d+ not done$")
        (bundle_of(home) / INSPECT).unlink()
        done = kanshiki("--home", home, "custody", "note", "--verified", HOMES.sample()[1])
        self.assertEqual(done.status, 7, str(done))
        last = events(home)[-1]
        self.assertEqual((last["type"], last["result"]["ok"]), ("verify", False))
        self.assertIn("inspect.json", last["note"]["text"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
