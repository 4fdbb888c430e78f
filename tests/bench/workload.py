"""The benchmark's image and containers, made from a fixed seed on the private engine, and their truth."""
import io
import os
import pathlib
import random
import shlex
import shutil
import stat
import subprocess
import tarfile

SEED = 20261122
LAYERS, FILES, BIG = 6, 40000, 40
SMALL = 30000           # of the image's files are changed at most: the directories from d30 on are left for other things
PER_DIRECTORY = 1000


class Engine:
    def __init__(self, top, place):
        self.script, self.place = f"{top}/tests/engine/engine.sh", place
        subprocess.run([self.script, "up", place], check=True, stdout=subprocess.DEVNULL)
        text = subprocess.run([self.script, "env", place], check=True, capture_output=True, text=True).stdout
        self.env = dict(os.environ)
        for line in text.splitlines():
            key, _, value = line.removeprefix("export ").partition("=")
            self.env[key] = value.strip("'\"")
        self.docker = self.env.get("DOCKER", "docker")  # may be several words: env LD_LIBRARY_PATH=... docker
        self.pid = int(self.env["ENGINE_PID"])

    def run(self, *words, **more):
        return subprocess.run([*shlex.split(self.docker), *words], check=True, env=self.env, capture_output=True, text=True,
                              **more).stdout.strip()

    def down(self):
        subprocess.run([self.script, "down", self.place], check=False, stdout=subprocess.DEVNULL)


def layer(number, target_bytes):
    """One layer as a tar: many small files and a few large ones."""
    rng, out = random.Random(SEED + number), io.BytesIO()
    small, large = FILES // LAYERS, BIG // LAYERS
    small_bytes = small * 4096
    with tarfile.open(fileobj=out, mode="w") as tar:
        def add(name, content, mode=0o644):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(content), mode, 1690000000
            tar.addfile(info, io.BytesIO(content))

        if number == 0:
            add("bin/busybox", pathlib.Path(shutil.which("busybox", path="/bin:/usr/bin")).read_bytes(), 0o755)
            for word in ("sh", "sleep", "cat", "ls", "true"):
                link = tarfile.TarInfo(f"bin/{word}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        for i in range(small):
            add(f"srv/l{number}/d{i // 200}/f{i}", rng.randbytes(rng.randrange(512, 7680)))
        for i in range(large):
            add(f"srv/l{number}/big{i}", rng.randbytes(max(1, (target_bytes - small_bytes) // large)))
    return out.getvalue()


def build_image(engine, place, total_bytes):
    first = pathlib.Path(place) / "layer0.tar"
    first.write_bytes(layer(0, total_bytes // LAYERS))
    engine.run("import", str(first), "bench-base:0")
    first.unlink()
    context = pathlib.Path(place) / "context"
    context.mkdir()
    lines = ["FROM bench-base:0"]
    for number in range(1, LAYERS):
        (context / f"layer{number}.tar").write_bytes(layer(number, total_bytes // LAYERS))
        lines.append(f"ADD layer{number}.tar /")
    (context / "Dockerfile").write_text("\n".join(lines + ['CMD ["/bin/sleep","1000000"]']) + "\n")
    engine.run("build", "-q", "-t", "bench:1", str(context))
    shutil.rmtree(context)


def small_files(count):
    for i in range(count):
        number, rest = i % LAYERS, i // LAYERS
        yield f"/srv/l{number}/d{rest // 200}/f{rest}"


def change(root, count, total_bytes):
    """Half added or more, the rest modified, touched-identical and deleted. Returns {path: word}."""
    rng, truth = random.Random(SEED * 7 + count), {}
    others = min(count - count // 2, SMALL)
    edited, same = others // 2, others // 10
    gone, added = others - others // 2 - others // 10, count - others
    size = max(64, total_bytes // max(1, added + edited))
    for i in range(added):
        path = f"/opt/new/d{i // 500}/n{i}"
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        pathlib.Path(root + path).write_bytes(rng.randbytes(rng.randrange(size // 2, size + size // 2)))
        truth[path] = "added"
    names = small_files(FILES - LAYERS)
    for path in (next(names) for _ in range(edited)):
        pathlib.Path(root + path).write_bytes(rng.randbytes(rng.randrange(size // 2, size + size // 2)))
        truth[path] = "changed"
    for path in (next(names) for _ in range(same)):
        mode = os.stat(root + path).st_mode
        os.chmod(root + path, mode ^ 0o111)
        os.chmod(root + path, mode)
        truth[path] = "identical"
    for path in (next(names) for _ in range(gone)):
        os.unlink(root + path)
        truth[path] = "deleted"
    return truth


def new_opaque(root, truth):
    """A directory of the image taken away and made anew."""
    place = "/srv/l0/d30"
    for name in os.listdir(root + place):
        truth[f"{place}/{name}"] = "deleted"
    shutil.rmtree(root + place)
    os.mkdir(root + place)
    pathlib.Path(root + place + "/fresh").write_bytes(b"new")
    truth[place + "/fresh"] = "added"


def new_redirect(upper, truth, files):
    """A directory renamed. The kernel's default refuses that, so a stopped container gets the marks of it."""
    os.makedirs(upper + "/srv/l1", exist_ok=True)
    os.mkdir(upper + "/srv/l1/moved", 0o755)
    os.setxattr(upper + "/srv/l1/moved", "trusted.overlay.redirect", b"d30")
    os.mknod(upper + "/srv/l1/d30", stat.S_IFCHR, os.makedev(0, 0))
    for name in files:
        truth[f"/srv/l1/d30/{name}"] = "deleted"


def container(engine, name, count, total_bytes):
    engine.run("run", "-d", "--name", name, "bench:1", "/bin/sleep", "1000000")
    root = f"/proc/{engine.run('inspect', '-f', '{{.State.Pid}}', name)}/root"
    truth = change(root, count, total_bytes)
    new_opaque(root, truth)
    upper = f"/proc/{engine.pid}/root" + engine.run("inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", name)
    files = os.listdir(root + "/srv/l1/d30")
    engine.run("stop", "-t", "0", name)
    new_redirect(upper, truth, files)
    engine.run("start", name)
    return truth, upper


def many(engine, count):
    """A container with so many small files of its own."""
    name = f"many{count}"
    engine.run("run", "-d", "--name", name, "bench-base:0", "/bin/sleep", "1000000")
    root = f"/proc/{engine.run('inspect', '-f', '{{.State.Pid}}', name)}/root/many"
    for i in range(count):
        if i % PER_DIRECTORY == 0:
            os.makedirs(f"{root}/d{i // PER_DIRECTORY}")
        with open(f"{root}/d{i // PER_DIRECTORY}/f{i}", "wb") as file:
            file.write(b"%d" % i)
    return name
