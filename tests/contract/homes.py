"""Homes with one captured bundle, made without an engine from recorded answers; and how the tests of custody run things."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
ANSWERS = TOP / "tests/fixtures/engines/docker-20.10/running"
IDENT = next(m.group(1) for f in os.listdir(ANSWERS) if (m := re.fullmatch("containers-([0-9a-f]{64})-json", f)))
MAX_SECONDS = 60


class Done:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"status {self.status}\n{self.out.decode(errors='replace')}\n{self.err}"


class Homes:
    """kanshiki: the binary; work: a scratch directory. One capture, copied for every test."""

    def __init__(self, kanshiki, prefix):
        self.binary = pathlib.Path(kanshiki).resolve()
        self.scratch = tempfile.TemporaryDirectory(prefix=prefix)
        self.work = pathlib.Path(self.scratch.name)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.work), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
                            "GIT_LFS_SKIP_SMUDGE": "1", "LC_ALL": "C"}
        self.made = None

    def kanshiki(self, *argv, seconds=MAX_SECONDS, **more):
        return Done(subprocess.run([str(self.binary), *map(str, argv)], stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False,
                                   env=self.environment, **more))

    def new(self, prefix):
        return pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=self.work))

    def capture(self, home, *flags):
        return self.kanshiki("-H", f"replay:{ANSWERS}", "--home", home, "--json", "capture", "--operator", "A <a@example.org>", *flags, IDENT)

    def sample(self):
        if not self.made:
            home = self.new("home-") / "home"
            done = self.capture(home)
            assert done.status in (0, 5), str(done)
            self.made = (home, pathlib.Path(done.json["bundle"]).name, done.json["case"], done.json["seal"])
            noted = self.kanshiki("--home", home, "custody", "note", "--case", self.made[2], "seen")
            assert noted.status == 0, str(noted)
        return self.made

    def home(self):
        copy = self.new("copy-") / "home"
        shutil.copytree(self.sample()[0], copy, symlinks=True)
        return copy

    def bag(self):
        copy = self.new("bag-") / self.sample()[1]
        shutil.copytree(self.sample()[0] / "bundles" / self.sample()[1], copy, symlinks=True)
        return copy

    def repository(self):
        copy = self.new("repo-") / "custody.git"
        shutil.copytree(self.sample()[0] / "custody.git", copy, symlinks=True)
        return copy

    def git(self, *argv, cwd=None, **more):
        done = subprocess.run(["git", "-c", "safe.directory=*", "-c", "user.name=x", "-c", "user.email=x@example.org", *map(str, argv)], cwd=cwd,
                              env={**self.environment, **more}, capture_output=True, timeout=MAX_SECONDS, check=False)
        assert done.returncode == 0, f"git {argv}: {done.stdout}{done.stderr}"
        return done.stdout.decode(errors="replace").strip()
