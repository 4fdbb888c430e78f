"""A store of Podman (containers/storage) as its engine leaves it on disk, made by hand: the truth of the tests without an engine.

The shapes of the files are those of Podman 4.3: an entry of containers.json with its metadata as a text, the runtime's config with
every mount that Podman makes itself, lists of layers and images, big data under names in base64.
"""
import base64
import json
import os
import pathlib

from dataroot import DataRoot, sha256

ID = "a1" * 32
CREATED, WHERE = "2026-11-20T10:00:00.194439302Z", "/var/lib/containers/storage"
LOG = b"2026-11-20T10:00:02.000000000+00:00 stdout F hello\n"
BASE = "c4" * 32


class PodmanRoot:
    """One image of one layer, and containers made from it."""

    def __init__(self, path, driver="overlay"):
        self.path, self.driver = pathlib.Path(path), driver
        self.lists = {"containers.json": []}
        for directory in ("containers", "images", "layers"):
            (self.path / f"{driver}-{directory}").mkdir(parents=True, exist_ok=True)
        for directory in (f"{driver}/l", "volumes", "libpod"):
            (self.path / directory).mkdir(parents=True, exist_ok=True)
        (self.path / "libpod/bolt_state.db").write_bytes(b"libpod's own")
        self.layer(BASE, "BASE", [])
        diff_id = "sha256:" + "d1" * 32
        self.write("layers/layers.json", [{"id": BASE, "created": CREATED, "diff-digest": diff_id, "diff-size": 1, "uidset": [0]}])
        self.image_of(diff_id)
        self.write_lists()

    def write(self, name, document):
        (self.path / f"{self.driver}-{name}").write_text(json.dumps(document))

    def image_of(self, diff_id):
        config = json.dumps({"config": {}, "rootfs": {"type": "layers", "diff_ids": [diff_id]}}).encode()
        self.image = sha256(config)
        big = self.path / f"{self.driver}-images" / self.image
        big.mkdir()
        (big / ("=" + base64.b64encode(f"sha256:{self.image}".encode()).decode())).write_bytes(config)
        self.write("images/images.json", [{"id": self.image, "names": ["docker.io/library/shop:2.3"], "layer": BASE, "created": CREATED,
                                           "big-data-names": [f"sha256:{self.image}"]}])

    def layer(self, name, short, lowers):
        diff = self.path / self.driver / name / "diff"
        diff.mkdir(parents=True)
        (diff.parent / "link").write_text(short)
        os.symlink(f"../{name}/diff", self.path / self.driver / "l" / short)
        if lowers:
            (diff.parent / "lower").write_text(":".join(f"l/{one}" for one in lowers))

    def entry(self, ident, name, **more):
        metadata = {"image-name": "docker.io/library/shop:2.3", "image-id": self.image, "name": name, "created-at": 1795745783}
        return {"id": ident, "names": [name], "image": self.image, "layer": self.own(ident), "metadata": json.dumps(metadata),
                "created": CREATED, "flags": {"MountLabel": "", "ProcessLabel": ""}, **more}

    def own(self, ident):
        """The container's own layer: an id of the store's, not the container's."""
        return ident[32:] + ident[:32][::-1]

    def spec(self, ident, mounts=(), **more):
        data, run = f"{WHERE}/overlay-containers/{ident}/userdata", f"/run/containers/storage/overlay-containers/{ident}/userdata"
        def bind(at, source, *options):
            return {"destination": at, "type": "bind", "source": source, "options": [*options, "rprivate", "rbind"]}
        own = [bind(f"/etc/{name}", f"{run}/{name}") for name in ("hosts", "hostname", "resolv.conf")]
        return {"ociVersion": "1.0.2-dev", "root": {"path": f"{WHERE}/{self.driver}/{self.own(ident)}/merged"}, "hostname": "web",
                "process": {"user": {"uid": 33, "gid": 33}, "args": ["sh", "-c", "true"], "env": ["A=1", "container=podman"], "cwd": "/srv"},
                "mounts": [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]}, *own,
                           bind("/dev/shm", f"{data}/shm", "noexec"), *(bind(*one) for one in mounts)],
                "annotations": {"io.podman.annotations.privileged": "FALSE"},
                "linux": {"namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount")]}, **more}

    def volume_at(self, name, destination):
        return destination, f"{WHERE}/volumes/{name}/_data", "rw"

    def container(self, ident=ID, name="web", mounts=(), volatile=False, spec=None, **entry):
        """Its directory of files, an entry in the list, and a layer of its own."""
        directory = self.path / f"{self.driver}-containers" / ident / "userdata"
        directory.mkdir(parents=True)
        (directory / "config.json").write_text(json.dumps(self.spec(ident, mounts, **(spec or {}))))
        (directory / "ctr.log").write_bytes(LOG)
        self.layer(self.own(ident), f"U{ident[:12]}", ["BASE"])
        self.lists.setdefault("volatile-containers.json" if volatile else "containers.json", []).append(self.entry(ident, name, **entry))
        self.write_lists()
        return directory

    def write_lists(self):
        for name, entries in self.lists.items():
            self.write(f"containers/{name}", entries)

    def listed(self, name="containers.json"):
        return self.path / f"{self.driver}-containers" / name

    def upper(self, ident=ID):
        return self.path / self.driver / self.own(ident) / "diff"

    def base(self):
        return self.path / self.driver / BASE / "diff"

    volume = DataRoot.volume
    snapshot = DataRoot.snapshot
