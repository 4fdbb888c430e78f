#!/usr/bin/python3
"""References in every shape, of the image that integrity_world.py made. None of our C is used.

usage: reference_make.py SHAPE OUT      in the directory with layer0.tar ... and config; OUT is made
"""
import gzip
import hashlib
import io
import json
import lzma
import os
import pathlib
import stat
import subprocess
import sys
import tarfile

LAYERS = [pathlib.Path(f"layer{n}.tar").read_bytes() for n in range(3)]
CONFIG = pathlib.Path("config").read_bytes()
ZEROS = bytes(200 << 20)


def digest(octets):
    return hashlib.sha256(octets).hexdigest()


def zstd(octets):
    return subprocess.run(["zstd", "-qc"], input=octets, stdout=subprocess.PIPE, check=True).stdout


def tar(parts, out):
    """out: a path, or a stream."""
    with tarfile.open(mode="w", **({"name": out} if isinstance(out, str) else {"fileobj": out})) as archive:
        for name, content, *link in parts:
            it = tarfile.TarInfo(name)
            it.size = len(content)
            if link:
                it.type, it.linkname, it.size = tarfile.SYMTYPE, link[0], 0
            archive.addfile(it, io.BytesIO(content))


def legacy(layers=LAYERS, config=CONFIG, more=()):
    """docker save before 25: a directory a layer, manifest.json behind them."""
    parts = [(f"{digest(config)}.json", config)]
    for n, octets in enumerate(layers):
        parts += [(f"l{n}/VERSION", b"1.0"), (f"l{n}/layer.tar", octets)]
    manifest = [{"Config": f"{digest(config)}.json", "RepoTags": ["a:b"], "Layers": [f"l{n}/layer.tar" for n in range(len(layers))]}, *more]
    return parts + [("manifest.json", json.dumps(manifest).encode()), ("repositories", b'{"a":{"b":"l2"}}')]


def oci(pack=lambda octets: octets, nested=0, config=CONFIG, layers=LAYERS, docker=False, spoil=False):
    """An OCI layout; with docker also manifest.json; nested: indexes around the manifest."""
    blobs = {}

    def blob(octets, kind):
        name = digest(octets)
        blobs[f"blobs/sha256/{name}"] = octets
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{name}", "size": len(octets)}
    manifest = {"schemaVersion": 2, "config": blob(config, "config.v1+json"), "layers": [blob(pack(o), "layer.v1.tar") for o in layers]}
    top = blob(json.dumps(manifest).encode(), "manifest.v1+json")
    other = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + "0" * 64, "size": 7,
             "platform": {"architecture": "arm64", "os": "linux"}}
    for _ in range(nested):
        top = blob(json.dumps({"schemaVersion": 2, "manifests": [other, top]}).encode(), "index.v1+json")
    if spoil:
        name = "blobs/sha256/" + manifest["layers"][0]["digest"][7:]
        blobs[name] = blobs[name][:-1] + bytes([blobs[name][-1] ^ 1])
    parts = [("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), *blobs.items()]
    parts.append(("index.json", json.dumps({"schemaVersion": 2, "manifests": [top]}).encode()))
    if docker:
        names = ["blobs/sha256/" + d["digest"][7:] for d in manifest["layers"]]
        parts.append(("manifest.json", json.dumps([{"Config": "blobs/sha256/" + digest(config), "Layers": names}]).encode()))
    return parts


def linked():
    """docker save of a layer that is there twice writes a link for the second."""
    return [(n, b"", "../l0/other.tar") if n == "l0/layer.tar" else (n, c) for n, c in legacy()] + [("l0/other.tar", LAYERS[0])]


def two(also):
    other = json.dumps({"rootfs": {"type": "layers", "diff_ids": []}}).encode()
    parts = legacy(more=[{"Config": "other.json", "Layers": []}])
    if not also:
        parts = [(n, c.replace(f"{digest(CONFIG)}.json".encode(), b"third.json") if n == "manifest.json" else c) for n, c in parts]
        parts.append(("third.json", other + b" "))
    return [("other.json", other), *parts]


def directory(parts, out):
    for name, content, *_ in parts:
        path = pathlib.Path(out) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def config_of(layers):
    return json.dumps({"architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest(o) for o in layers]}}).encode()


def another(layers, pack=lambda octets: octets):
    """Another image, whole in itself."""
    return oci(pack, config=config_of(layers), layers=layers)


def newer():
    """The next release of the image: its top layer is another."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("opt/newer"))
    return out.getvalue()


def crowded():
    """Layers of the image, the last one with 1,500 files more; under the image's own config they would be no image."""
    out = io.BytesIO(LAYERS[2])
    with tarfile.open(fileobj=out, mode="a") as archive:
        for n in range(1500):
            archive.addfile(tarfile.TarInfo(f"opt/many/{n}"))
    return another([*LAYERS[:2], out.getvalue()])


def platforms():
    """An index of two platforms, the other one first, and the blobs of both."""
    mine, other = dict(oci()), dict(oci(config=config_of([newer()]), layers=[newer()]))

    def first(parts):
        return json.loads(parts["index.json"])["manifests"][0]
    index = json.dumps({"manifests": [dict(first(other), platform={"architecture": "arm64"}), first(mine)]}).encode()
    blobs = {n: c for parts in (mine, other) for n, c in parts.items() if n.startswith("blobs/")}
    blobs["blobs/sha256/" + digest(index)] = index
    return [*blobs.items(), ("index.json", json.dumps({"manifests": [{"digest": "sha256:" + digest(index)}]}).encode())]


def deep():
    return [("manifest.json", b"[" * 100000 + b"]" * 100000)]


def looping():
    return [("manifest.json", b"", "a"), ("a", b"", "b"), ("b", b"", "a")]


def wide():
    """Indexes of indexes, each twice as wide."""
    blobs, level = {}, {"digest": "sha256:" + digest(b"{}")}
    blobs["blobs/sha256/" + digest(b"{}")] = b"{}"
    for _ in range(20):
        octets = json.dumps({"manifests": [level] * 20}).encode()
        blobs["blobs/sha256/" + digest(octets)] = octets
        level = {"digest": "sha256:" + digest(octets)}
    return [*blobs.items(), ("index.json", json.dumps({"manifests": [level]}).encode())]


def elsewhere(path):
    """What lay at path lies outside of the reference now, whole, and a link leads there."""
    outside = pathlib.Path("outside").absolute() / path.name
    outside.parent.mkdir(exist_ok=True)
    path.rename(outside)
    path.symlink_to(outside)


def within(path):
    path.rename(path.with_name("0"))
    path.symlink_to("0")


def instead(make):
    """Something of the same name that is no file."""
    def act(path):
        path.unlink()
        make(path)
    return act


def longer(path):
    with path.open("ab") as stream:
        stream.truncate(1 << 40)


def first_layer(out):
    top = json.loads((out / "index.json").read_bytes())["manifests"][0]
    manifest = json.loads((out / "blobs/sha256" / top["digest"][7:]).read_bytes())
    return out / "blobs/sha256" / manifest["layers"][0]["digest"][7:]


# Directories: what is done to which part of one that is whole.
ACTS = {
    "link": (first_layer, elsewhere), "linked": (lambda out: out / "blobs", elsewhere), "within": (first_layer, within),
    "index-link": (lambda out: out / "index.json", elsewhere), "fifo": (first_layer, instead(os.mkfifo)),
    "device": (first_layer, instead(lambda path: os.mknod(path, 0o644 | stat.S_IFCHR, os.makedev(1, 5)))),
    "subdirectory": (first_layer, instead(os.mkdir)), "huge": (first_layer, longer),
    "huge-index": (lambda out: out / "index.json", longer),
    "gone": (first_layer, pathlib.Path.unlink),
}

def odd():
    """Members that lead out, are there twice, or name what is not there; the layer itself is what its digest says."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content, *link in (("../../etc/shadow", b"x"), ("a", b"one"), ("a", b"two"), ("of-a", b"", "./a"), ("out", b"", "../../etc/passwd"),
                                     ("nowhere", b"", "missing"), ("/abs/file", b"two"), ("x/../y", b"y"), ("\udcff", b"z"), (".wh..wh.plnk/1", b"")):
            it = tarfile.TarInfo(name)
            it.size = len(content)
            if link:
                it.type, it.linkname = tarfile.LNKTYPE, link[0]
            archive.addfile(it, io.BytesIO(content))
    return out.getvalue()


def trailing(times):
    """One layer so many times; what it is packed in is long, and nearly all of it unpacks to nothing."""
    return another([LAYERS[0]] * times, lambda o: gzip.compress(o) + gzip.compress(b"") * 100000)


SHAPES = {
    "legacy": legacy, "linked": linked, "oci": oci, "oci-docker": lambda: oci(docker=True), "gzip": lambda: oci(lambda o: gzip.compress(o)),
    "zstd": lambda: oci(zstd), "nested": lambda: oci(nested=2), "one-of-two": lambda: two(True),
    "none-of-two": lambda: two(False), "spoiled": lambda: oci(spoil=True), "short": lambda: legacy(LAYERS[:2]),
    "swapped": lambda: legacy([LAYERS[1], LAYERS[0], LAYERS[2]]),
    "twice": lambda: legacy() + [("manifest.json", b"[]")], "outside": lambda: [("manifest.json", b"", "../../../etc/passwd")],
    "name-outside": lambda: [("manifest.json", json.dumps([{"Config": "../../../../etc/passwd", "Layers": []}]).encode())],
    "deep": deep, "looping": looping, "wide": wide, "bomb": lambda: oci(lambda o: gzip.compress(o + bytes(70 << 20)), layers=LAYERS[:1]),
    "zeros": lambda: another([ZEROS], zstd),
    "zeros-gzip": lambda: another([ZEROS], gzip.compress), "zeros-plain": lambda: another([ZEROS]), "zeros-often": lambda: another([ZEROS[:30 << 20]] * 9),
    "trailing": lambda: trailing(9), "trailing-often": lambda: trailing(60),
    "newer": lambda: another([*LAYERS[:2], newer()]), "fewer": lambda: another(LAYERS[:2]), "more": lambda: another([*LAYERS, newer()]),
    "platforms": platforms, "crowded": crowded, "rewritten": lambda: oci(config=CONFIG + b" "),
    "odd": lambda: another([odd()]), "broken": lambda: another([LAYERS[0][:3000], LAYERS[2]]),
    "spoiled-top": lambda: legacy([*LAYERS[:2], LAYERS[2][:600] + b"X" + LAYERS[2][601:]]),
    "depth": lambda: oci(nested=6), "nothing": lambda: [("hello", b"x")],
}


def whole(pack, parts):
    """An archive that is packed as a whole: docker save | gzip."""
    plain = io.BytesIO()
    tar(parts, plain)
    return pack(plain.getvalue())


WHOLE = {
    "whole-gzip": lambda: whole(gzip.compress, legacy()), "whole-zstd": lambda: whole(zstd, oci(lambda o: gzip.compress(o), docker=True)),
    "whole-cut": lambda: whole(gzip.compress, legacy())[:-2000],
    "whole-zeros": lambda: whole(zstd, [("zeros", bytes(100 << 20)), *legacy()]), "whole-xz": lambda: whole(lzma.compress, legacy()),
}


def main():
    shape, out = sys.argv[1:]
    if shape in WHOLE:
        pathlib.Path(out).write_bytes(WHOLE[shape]())
        return
    if shape.startswith("store-"):  # the content store of an engine: blobs alone; prints the digest to begin with
        parts = SHAPES[shape[6:]]()
        directory([p for p in parts if p[0].startswith("blobs/")], out)
        print(json.loads(dict(parts)["index.json"])["manifests"][0]["digest"])
        return
    if shape.startswith("act-"):  # act-huge-gzip: what is done, and to which shape
        act, _, of = shape[4:].rpartition("-")
        directory(SHAPES[of](), out)
        find, do = ACTS[act]
        do(find(pathlib.Path(out)))
    elif shape.startswith("dir-"):
        directory(SHAPES[shape[4:]](), out)
    else:
        tar(SHAPES[shape](), out)


if __name__ == "__main__":
    main()
