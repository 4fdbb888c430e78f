"""A data root of Docker's overlay2 as its engine leaves it on disk, made by hand: the truth of the tests without an engine."""
import hashlib
import json
import os
import pathlib
import stat

ID = "a1" * 32
CREATED, STARTED = "2026-11-20T10:00:00.123456789Z", "2026-11-20T10:00:01.5Z"
LOG = b'{"log":"hello\\n","stream":"stdout","time":"2026-11-20T10:00:02.000000000Z"}\n'


def sha256(octets):
    return hashlib.sha256(octets).hexdigest()


class DataRoot:
    """One image of one layer, and containers made from it."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        for directory in ("containers", "overlay2/l", "volumes", "image/overlay2/layerdb/mounts", "image/overlay2/layerdb/sha256",
                          "image/overlay2/imagedb/content/sha256"):
            (self.path / directory).mkdir(parents=True, exist_ok=True)
        self.diff_id = "sha256:" + "d1" * 32
        self.layer("base", "BASE", [])
        chain = self.path / "image/overlay2/layerdb/sha256" / self.diff_id.removeprefix("sha256:")
        chain.mkdir()
        (chain / "diff").write_text(self.diff_id)
        (chain / "cache-id").write_text("base")
        config = json.dumps({"config": {}, "rootfs": {"type": "layers", "diff_ids": [self.diff_id]}}).encode()
        self.image = "sha256:" + sha256(config)
        (self.path / "image/overlay2/imagedb/content/sha256" / sha256(config)).write_bytes(config)
        self.tags = {"shop": {"shop:2.3": self.image, f"shop@{self.image}": self.image}}
        (self.path / "image/overlay2/repositories.json").write_text(json.dumps({"Repositories": self.tags}))

    def layer(self, name, short, lowers):
        """overlay2/<name> with its short link; lowers are short names, topmost first."""
        diff = self.path / "overlay2" / name / "diff"
        diff.mkdir(parents=True)
        (diff.parent / "link").write_text(short)
        os.symlink(f"../{name}/diff", self.path / "overlay2/l" / short)
        if lowers:
            (diff.parent / "lower").write_text(":".join(f"l/{one}" for one in lowers))
        return diff

    def config(self, ident, name, **more):
        where = f"/var/lib/docker/containers/{ident}"
        state = {"Running": False, "Paused": False, "Restarting": False, "RemovalInProgress": False, "Dead": False, "Pid": 0,
                 "ExitCode": 0, "StartedAt": STARTED, "FinishedAt": STARTED}
        return {"ID": ident, "Name": f"/{name}", "Created": CREATED, "Path": "/bin/sh", "Args": ["-c", "true"], "Image": self.image,
                "Driver": "overlay2", "State": state, "Config": {"Image": "shop:2.3", "Env": ["A=1"], "Tty": False},
                "LogPath": f"{where}/{ident}-json.log", "ResolvConfPath": f"{where}/resolv.conf", "MountPoints": {}, **more}

    def container(self, ident=ID, name="web", log_driver="json-file", **more):
        """Its directory of files; its own layer is at overlay2/<first twelve digits>/diff."""
        directory = self.path / "containers" / ident
        directory.mkdir()
        (directory / "config.v2.json").write_text(json.dumps(self.config(ident, name, **more)))
        host = {"LogConfig": {"Type": log_driver, "Config": {}}, "NetworkMode": "bridge", "Binds": None}
        (directory / "hostconfig.json").write_text(json.dumps(host))
        (directory / f"{ident}-json.log").write_bytes(LOG)
        upper, init = ident[:12], f"{ident[:12]}-init"
        self.layer(init, f"I{upper}", ["BASE"])
        self.layer(upper, f"U{upper}", [f"I{upper}", "BASE"])
        mounts = self.path / "image/overlay2/layerdb/mounts" / ident
        mounts.mkdir()
        (mounts / "mount-id").write_text(upper)
        (mounts / "init-id").write_text(init)
        (mounts / "parent").write_text(self.diff_id)
        return directory

    def upper(self, ident=ID):
        return self.path / "overlay2" / ident[:12] / "diff"

    def base(self):
        return self.path / "overlay2/base/diff"

    def volume(self, name):
        directory = self.path / "volumes" / name / "_data"
        directory.mkdir(parents=True)
        return directory

    def snapshot(self):
        """All that a reader must leave as it is."""
        found = {}
        for path in sorted(self.path.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[str(path)] = (status.st_mode, status.st_mtime_ns, status.st_ctime_ns, sha256(content))
        return found
