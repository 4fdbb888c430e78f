"""HUNT: one digest over 1,000 bundles, beside grep over the same files, and beside grep that also checks them."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess

import measure

SEED, BUNDLES, CHANGES, SECONDS = 20261128, 1000, 50, 2.0
TAGS = ("README-verify.txt", "bag-info.txt", "bagit.txt", "capture.json", "gaps.ndjson", "journal.ndjson", "manifest-sha256.txt")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def with_changes(rows, rng, planted):
    """The rows of changes with so many more, each with a content of its own; the last has the digest that is planted."""
    out = [rows]
    for number in range(CHANGES):
        digest = planted if planted and number == CHANGES - 1 else f"{rng.getrandbits(256):064x}"
        row = {"id": f"b{number}", "path": f"/srv/shop/{rng.getrandbits(32):08x}/f{number}", "name": f"f{number}", "change": "added", "source": "upper",
               "type": "file", "mode": "0100644", "uid": 33, "gid": 33, "size": rng.randrange(1 << 16), "sha256": digest, "frozen": True}
        out.append(json.dumps(row, separators=(",", ":")).encode() + b"\n")
    return b"".join(out)


class Template:
    """One real capture, from which bags of the same form are made: other names, other changes, valid journals, manifests and seals."""

    def __init__(self, bundle):
        self.bundle, self.name = pathlib.Path(bundle), pathlib.Path(bundle).name
        self.files, self.linked = {}, {}
        for path in sorted(self.bundle.rglob("*")):
            relative = str(path.relative_to(self.bundle))
            if not path.is_file() or relative.startswith("seal/"):
                continue
            if relative.endswith(".tar") or "/content/" in relative:
                self.linked[relative] = (sha256(path.read_bytes()), path.stat().st_size)    # tars and carved bytes: not what is compared
            else:
                self.files[relative] = path.read_bytes()

    def journal(self, name, digests, manifest, octets):
        prev, out = "0" * 64, []
        for line in self.files["journal.ndjson"].splitlines():
            row = json.loads(line)
            row["prev"] = prev
            if "bundle" in row:
                row["bundle"] = name
            if row["type"] == "artefact":
                row["sha256"], row["octets"] = digests[row["path"]]
            if row["type"] == "seal":
                row["manifest"], row["octets"] = manifest, octets
            out.append(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
            prev = sha256(out[-1])
        return b"".join(out)

    def make(self, place, number, planted):
        rng = random.Random(SEED + number)
        name = f"2026{1 + number // 28 % 12:02}{1 + number % 28:02}t{number // 60 % 24:02}{number % 60:02}00z-{rng.getrandbits(48):012x}-{number:04x}"
        ours = {path: data.replace(self.name.encode(), name.encode()) for path, data in self.files.items()}
        ours["data/filesystem/changes.ndjson"] = with_changes(ours["data/filesystem/changes.ndjson"], rng, planted)
        digests = {p: (sha256(d), len(d)) for p, d in ours.items() if p.startswith("data/")} | self.linked
        octets = sum(size for _, size in digests.values())
        ours["manifest-sha256.txt"] = "".join(f"{digests[p][0]}  {p}\n" for p in sorted(digests)).encode()
        ours["journal.ndjson"] = self.journal(name, digests, sha256(ours["manifest-sha256.txt"]), octets)
        info = ours["bag-info.txt"].decode().splitlines(keepends=True)
        ours["bag-info.txt"] = "".join(f"Payload-Oxum: {octets}.{len(digests)}\n" if line.startswith("Payload-Oxum") else line for line in info).encode()
        ours["tagmanifest-sha256.txt"] = "".join(f"{sha256(ours[t])}  {t}\n" for t in TAGS).encode()
        for path, data in ours.items():
            (place / name / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            (place / name / path).write_bytes(data)
        for path in self.linked:
            (place / name / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.link(self.bundle / path, place / name / path)
        return name


def make_home(home, bundle, count=BUNDLES):
    """So many bags; the digest that is hunted for is in three of them. Yields it, and their names."""
    template, digest = Template(bundle), f"{random.Random(SEED).getrandbits(256):064x}"
    shutil.rmtree(home, ignore_errors=True)
    place = pathlib.Path(home) / "bundles"
    place.mkdir(parents=True, mode=0o700)
    os.chmod(home, 0o700)
    chosen = {0, count // 2, count - 1}
    names = [template.make(place, n, digest if n in chosen else None) for n in range(count)]
    return digest, sorted(names[n] for n in chosen), names


def hunted(binary, home, word):
    done = subprocess.run([binary, "--home", home, "hunt", "--json", word], check=True, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return sorted({line["bundle"] for line in lines if line["type"] == "hit"}), lines[-1]


def hunt(bench, top):
    count = BUNDLES // bench.scale
    subprocess.run([f"{top}/tests/engine/image.sh", bench.engine.place], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([f"{top}/demo/stage.sh", bench.engine.place, "web", os.path.join(bench.work, "truth.json")], check=True, stdout=subprocess.DEVNULL)
    bench.fresh()
    subprocess.run([bench.binary, "-q", "capture", "web", "--no-commit", "--no-report", "-o", bench.out], env=bench.engine.env, check=True,
                   stdout=subprocess.DEVNULL)
    bundle = next(p for p in pathlib.Path(bench.out).iterdir() if not p.name.endswith("-report"))
    home = os.path.join(bench.work, "fleet")
    digest, chosen, names = make_home(home, bundle, count)
    for name in (names[0], names[-1]):
        subprocess.run([bench.binary, "verify", f"{home}/bundles/{name}"], check=True, stdout=subprocess.DEVNULL)
    found, end = hunted(bench.binary, home, digest)
    if found != chosen or end["searched"] != count:
        raise RuntimeError(f"found in {found}, and it is in {chosen}; searched {end['searched']}")
    print(f"HUNT {count} bundles, {end['octets'] >> 20} MiB of rows, documents and text; the digest is in {len(chosen)} of them", flush=True)
    beside(bench, home, digest, count)


def beside(bench, home, digest, count):
    ours = measure.Side("kanshiki hunt", [bench.binary, "--home", home, "hunt", digest])
    kinds = "--exclude=*.tar --exclude-dir=content"
    grep = measure.Side("grep -rF", f"grep -rnF {kinds} {digest} {home}/bundles")
    checked = measure.Side("grep -rF, sha256sum -c",
                           f"grep -rnF {kinds} {digest} {home}/bundles; cd {home}/bundles && ls | xargs -P 2 -I@ sh -c "
                           "'cd @ && sha256sum --quiet -c tagmanifest-sha256.txt && grep -vE \"/content/|tar$\" manifest-sha256.txt | "
                           "sha256sum --quiet -c'")
    for theirs, rounds in ((grep, bench.options.rounds), (checked, max(2, bench.options.rounds - 3))):
        measure.side_by_side(ours, theirs, rounds, bench.engine.env, bench.engine.pid)
        bench.add("HUNT", f"a digest in {count} bundles, {theirs.name}", ours, theirs, None)
    bench.add_cost("HUNT", f"a digest in {count} bundles, of {SECONDS * count / BUNDLES} s", min(ours.wall), SECONDS * count / BUNDLES, 1,
                   {"ours_s": min(ours.wall), "ours_cpu_s": min(ours.cpu)})
