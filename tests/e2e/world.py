"""The world of the end-to-end tests: one private engine, staged containers, and the built kanshiki as a user runs it."""
import atexit
import base64
import contextlib
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
KANSHIKI = pathlib.Path(os.environ.get("KANSHIKI", BUILD / "kanshiki")).resolve()
NAME = os.environ.get("KAN_E2E_NAME", "dev")
SEED = int(os.environ.get("KAN_E2E_SEED", "1"))
SWEEP = os.environ.get("KAN_E2E_SWEEP") == "1"
KIND = os.environ.get("KAN_ENGINE", "docker20")
MAX_SECONDS = 150
MAX_ENGINE_PATH = 66
IMAGE = "shop:2.3"
SANITIZER = re.compile(rb"ERROR: (Address|Leak)Sanitizer|: runtime error: |SUMMARY: \w*Sanitizer")

ENGINE_SH = TOP / "tests/engine/engine.sh"
IMAGE_SH = TOP / "tests/engine/image.sh"
STAGE_SH = TOP / "demo/stage.sh"


def once(make):
    """Made at the first call and kept; what made it fail is raised again at every call."""
    made = []

    @functools.wraps(make)
    def kept():
        if not made:
            try:
                made.append((make(), None))
            except Exception as error:
                made.append((None, error))
        if made[0][1] is not None:
            raise made[0][1]
        return made[0][0]
    return kept


class Result:
    """What one run of kanshiki left: status, both streams, seconds."""

    def __init__(self, argv, status, out, err, seconds):
        self.argv, self.status, self.out, self.err, self.seconds = argv, status, out, err, seconds

    @property
    def text(self):
        return self.out.decode(errors="replace")

    @property
    def messages(self):
        return self.err.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return (f"{shlex.join(map(str, self.argv))}\nstatus {self.status} after {self.seconds:.1f} s\n"
                f"stdout: {self.text[-3000:]}\nstderr: {self.messages[-3000:]}")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def sha256_file(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sh(*argv, check=True, **more):
    """A program of somebody else; its output as text."""
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=MAX_SECONDS,
                          **more)
    if check and done.returncode != 0:
        # The last word of it in the first line: that one is what a summary of many failures shows.
        out, err = (b.decode(errors="replace")[-2000:] for b in (done.stdout, done.stderr))
        last = ((err.strip() or out.strip()).splitlines() or ["no word"])[-1]
        raise AssertionError(f"{shlex.join(map(str, argv))}: status {done.returncode}: {last}\n{out}\n{err}")
    return done.stdout.decode(errors="surrogateescape")


# --- the engine ------------------------------------------------------------------------------------------------------

class NoPackages(Exception):
    """The packages of an engine cannot be had on this machine."""


class Engine:
    """One engine of its own. more: words of engine.sh's environment, such as KAN_ENGINE_STORAGE."""

    def __init__(self, suffix="", cgroup=None, **more):
        directory = BUILD / "engine" / f"e2e-{NAME}{suffix}"
        if len(str(directory)) > MAX_ENGINE_PATH:
            directory = pathlib.Path(f"/var/tmp/kanshiki-e2e-{NAME}{suffix}")
        self.directory = directory
        directory.parent.mkdir(parents=True, exist_ok=True)
        sh(ENGINE_SH, "down", directory)
        atexit.register(self.down)
        self.kind = more.get("KAN_ENGINE", KIND)
        environment = dict(os.environ, **more, **({} if cgroup is None else {"KAN_ENGINE_CGROUP": str(cgroup)}))
        done = subprocess.run([str(ENGINE_SH), "up", str(directory)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=900)
        if done.returncode == 9:
            raise NoPackages(done.stdout.decode(errors="replace").strip()[-200:])
        if done.returncode != 0:
            raise AssertionError(f"engine.sh up: status {done.returncode}: {done.stdout.decode(errors='replace')[-2000:]}")
        self.socket = directory / "docker.sock"
        self.data_root = directory / "data"
        self.environment = dict(os.environ, DOCKER_HOST=self.url, DOCKER_CONFIG=str(directory / "client"))
        words = dict(re.findall(r"^(DOCKER|ENGINE_PID)='?(.*?)'?$", sh(ENGINE_SH, "env", directory), re.M))
        self.client = shlex.split(words["DOCKER"])
        self.pid = int(words["ENGINE_PID"])
        # The small image is enough where an engine is the question, and takes seconds less.
        base = {} if self.kind == "docker20" and not more else {"KAN_IMAGE_BASE": "busybox"}
        self.base = sh(IMAGE_SH, directory, env=dict(os.environ, **base)).strip()

    @property
    def url(self):
        return f"unix://{self.socket}"

    def docker(self, *argv, check=True, **more):
        return sh(*self.client, *argv, check=check, env=self.environment, **more).strip()

    def inspect(self, name):
        return json.loads(self.docker("inspect", name))[0]

    def on_host(self, path):
        """What an engine with a root of its own calls a path below its directory."""
        inner = "/kan-" + sha256(str(self.directory).encode())[:10]
        return self.directory / path[len(inner) + 1:] if path.startswith(inner + "/") else pathlib.Path(path)

    def layers(self, name):
        """The directories of a running container's overlay, the upper first, as the kernel was told them."""
        pid = self.inspect(name)["State"]["Pid"]
        line = next(words for words in map(str.split, pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()) if words[4] == "/")
        options = dict(o.partition("=")[::2] for o in line[-1].split(","))
        upper = self.on_host(options["upperdir"])
        # Relative to the directory of all layers: containerd's "5/fs", Podman's "l/NAME".
        lowers = [self.on_host(p) if p.startswith("/") else upper.parent.parent / p for p in options["lowerdir"].split(":")]
        return [upper, *(p.resolve() for p in lowers)]

    def down(self):
        subprocess.run([str(ENGINE_SH), "down", str(self.directory)], check=False)


@once
def engine():
    return Engine(cgroup=int(os.environ["KAN_E2E_CGROUP"]) if "KAN_E2E_CGROUP" in os.environ else None)


def docker(*argv, check=True, **more):
    return engine().docker(*argv, check=check, **more)


def inspect(name):
    return engine().inspect(name)


def remove(*names):
    docker("unpause", *names, check=False)
    docker("rm", "-f", "-v", *names, check=False)


def run_container(name, *command, flags=(), image=IMAGE):
    remove(name)
    docker("run", "-d", "--name", name, *flags, image, *command)
    return inspect(name)


def build(tag, context, *flags):
    """An engine's builder fails now and then on a busy machine, and is not what is tested: three tries, each failure printed."""
    for last in (False, False, True):
        try:
            return docker("build", "-q", *flags, "-t", tag, context)
        except AssertionError as failed:
            if last:
                raise
            print(f"world: {failed}", flush=True)


def build_image(tag, dockerfile):
    context = new_directory("image")
    (context / "Dockerfile").write_text(dockerfile)
    engine()
    build(tag, context)
    return tag


def stage(name, image=IMAGE):
    """The demo's compromised container; returns the truth that the staging wrote."""
    remove(name, f"{name}-relay")
    truth = scratch() / f"truth-{name}.json"
    sh(STAGE_SH, engine().directory, name, truth, image)
    return json.loads(truth.read_text())


def is_paused(container_id):
    """The kernel's word, not the engine's: is the container's freezer shut?"""
    return freezer_state(container_id) not in ("THAWED", "0")


def freezer_state(container_id):
    for root, names in (("/sys/fs/cgroup/freezer", ("freezer.state",)), ("/sys/fs/cgroup", ("cgroup.freeze",)),
                        ("/sys/fs/cgroup/unified", ("cgroup.freeze",))):
        for path in (*pathlib.Path(root).glob(f"*/{container_id}"), *pathlib.Path(root).glob(f"*/libpod-{container_id}")):
            for name in names:
                if (path / name).exists():
                    return (path / name).read_text().strip()
    return "THAWED"


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


# --- kanshiki --------------------------------------------------------------------------------------------------------

@once
def scratch():
    """A directory for this run, mode 0700, removed at the end."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"e2e-{NAME}-", dir=BUILD))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def new_directory(name):
    return pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=scratch()))


def check_sanitizers(argv, err):
    if SANITIZER.search(err):
        raise AssertionError(f"sanitizer report of {shlex.join(map(str, argv))}:\n{err.decode(errors='replace')[-6000:]}")


def environment(**more):
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")}
    return {**keep, "LC_ALL": "C.UTF-8", "TERM": "dumb", **more}


def kanshiki(*argv, timeout=MAX_SECONDS, program=None, **more):
    argv = [str(program or KANSHIKI), *map(str, argv)]
    more.setdefault("env", environment())
    begin = time.monotonic()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          **more)
    check_sanitizers(argv, done.stderr)
    return Result(argv, done.returncode, done.stdout, done.stderr, time.monotonic() - begin)


def capture_argv(name, *flags, home, url=None):
    return ["-H", url or engine().url, "--home", home, "--json", "capture", *flags, name]


def capture(name, *flags, home, url=None, **more):
    return kanshiki(*capture_argv(name, *flags, home=home, url=url), **more)


def verify(path, *flags):
    return kanshiki("--json", "verify", *flags, path)


def own_processes():
    """Processes that run this very kanshiki."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "exe") == str(KANSHIKI) and "Z" != (entry / "stat").read_text().rsplit(")")[-1].split()[0]:
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def signal_all(pids, number):
    """One that has ended since it was listed is no fault."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


# --- the shared capture ----------------------------------------------------------------------------------------------

class Demo:
    """The staged container and one capture of it, for every test that only reads."""

    def __init__(self):
        self.truth = stage("web")
        self.id = self.truth["container"]["id"]
        self.home = new_directory("home")
        self.before = self.snapshot()
        self.result = capture("web", "--case", "inc-42", "--operator", "Aiko Mori <aiko@example.org>", "--note",
                              "seen by monitoring", home=self.home)
        self.after = self.snapshot()
        self.bundle = Bundle(self.result.json["bundle"]) if self.result.out else None

    def snapshot(self):
        """What a capture must leave as it is: processes with their start times, files with their times, the engine's diff."""
        root = pathlib.Path(f"/proc/{self.truth['container']['pid']}/root")
        processes = {}
        for pid in self.truth["members"]:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()
            processes[pid] = fields[19]
        files = {}
        for change in self.truth["changes"]:
            if change["change"] != "deleted" and "path" in change:
                status = os.lstat(f"{root}{change['path']}")
                # Reading a link, and the engine's own diff of directories, set access times: impact[] says so.
                atime = status.st_atime_ns if stat.S_ISREG(status.st_mode) else None
                files[change["path"]] = (atime, status.st_mtime_ns, status.st_ctime_ns)
        return {"processes": processes, "files": files, "diff": sorted(docker("diff", "web").splitlines())}


@once
def demo():
    return Demo()


def demo_copy():
    """A writable copy of the shared bundle, for tests that alter it. The name must stay: the bag carries it."""
    target = new_directory("copy") / demo().bundle.path.name
    shutil.copytree(demo().bundle.path, target, symlinks=True)
    return target


# --- an independent reader of bundles --------------------------------------------------------------------------------

def value(row, key):
    """The exact bytes of a byte string: the twin when there is one."""
    if key + "_b64" in row:
        twin = row[key + "_b64"]
        return [base64.b64decode(t) for t in twin] if isinstance(twin, list) else base64.b64decode(twin)
    text = row[key]
    return [t.encode() for t in text] if isinstance(text, list) else text.encode()


class Bundle:
    def __init__(self, path):
        self.path = pathlib.Path(path)

    def __truediv__(self, name):
        return self.path / name

    def rows(self, name):
        lines = (self.path / "data" / name).read_bytes().split(b"\n")
        assert lines.pop() == b"", f"{name} does not end in a line feed"
        header = json.loads(lines[0])
        assert header["bundle"] == self.path.name.removesuffix(".partial"), header
        assert header["schema"].startswith("kanshiki.") and header["schema"].rsplit("/", 1)[1].isdigit(), header
        return [json.loads(line) for line in lines[1:]]

    def has(self, name):
        return (self.path / "data" / name).exists()

    def json(self, name):
        return json.loads((self.path / name).read_bytes())

    def lines(self, name):
        return [json.loads(line) for line in (self.path / name).read_bytes().splitlines()]

    def gaps(self):
        return [g for g in self.lines("gaps.ndjson") if "code" in g and g.get("code") != "not-applicable"]
