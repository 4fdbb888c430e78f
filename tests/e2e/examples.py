"""What the tests of examples/ share: the runbook on our container, its tickets, and a host of its own for what installs itself."""
import os
import pathlib
import re
import subprocess

import containing
import world
from containing import NAME
from world import TOP

EXAMPLES = TOP / "examples"
RUNBOOK = EXAMPLES / "runbook.sh"
# Seen as these by what runs in there; each is an empty directory of the test.
PRIVATE = ("/usr/local", "/var/lib", "/var/spool", "/etc/systemd/system")
BIND = 'while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done; shift; exec "$@"'
# "bind" confines it to this namespace's own view of /.
STRICT = 'mount -t tmpfs -o mode=1777 private /tmp; mount -o remount,bind,ro /; if touch /kan-strict 2>/dev/null; then exit 99; fi; exec "$@"'
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def run(*argv, stdin=None, env=None, cwd=None):
    """A program as a scheduler starts it; what it says and its status."""
    done = subprocess.run([str(a) for a in argv], input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=world.MAX_SECONDS, env=env, cwd=cwd)
    world.check_sanitizers([str(a) for a in argv], done.stderr)
    return world.Result(argv, done.returncode, done.stdout, done.stderr, 0)


class Host:
    """Private /usr/local, /var/lib, /var/spool and units for a command; outside they are directories that a test can look into."""

    def __init__(self):
        self.root = world.new_directory("host")
        for path in PRIVATE:
            (self.root / path[1:]).mkdir(parents=True)

    def __call__(self, path):
        return self.root / path[1:]

    def run(self, *argv, strict=False, **more):
        """strict: as ProtectSystem=strict, PrivateTmp= and NoNewPrivileges= have it, without a systemd: nothing else can be written."""
        if strict:
            argv = ("setpriv", "--no-new-privs", "sh", "-euc", STRICT, "sh", *argv)
        pairs = [word for path in PRIVATE for word in (self.root / path[1:], path)]
        return run("unshare", "--mount", "--propagation", "private", "sh", "-euc", BIND, "sh", *pairs, "--", *argv, **more)


class Examples(containing.Contain):
    """It has no test of its own."""

    def setUp(self):
        super().setUp()
        self.tickets = world.new_directory("tickets")

    def environment(self, **more):
        client = pathlib.Path(world.engine().client[0]).parent
        path = f"{client}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return world.environment(**{"PATH": path, "KANSHIKI": str(world.KANSHIKI), "KANSHIKI_HOME": str(self.home), "TICKETS": str(self.tickets),
                                    "DOCKER_HOST": world.engine().url, "HOME": str(world.scratch()), **more})

    def alert(self, alert, container=NAME, status=0, **more):
        done = run(RUNBOOK, alert, container, env=self.environment(**more))
        self.assertEqual(done.status, status, str(done))
        return done

    def start_alert(self, alert, container=NAME):
        return subprocess.Popen([str(RUNBOOK), alert, container], env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def ticket(self, alert):
        """Its lines: {word: [what it says]}; a line without a word belongs to the one before."""
        said, word = {}, None
        for line in (self.tickets / f"{alert}.txt").read_text().splitlines():
            word = line[:10].strip() or word
            said.setdefault(word, []).append(line[10:])
        return said

    def bundles(self):
        return sorted((self.home / "bundles").glob("*")) if (self.home / "bundles").exists() else []

    def contained(self):
        """Docker's word and the kernel's."""
        self.stands_still()
        self.assertEqual(world.inspect(NAME)["NetworkSettings"]["Networks"], {})

    def untouched(self):
        self.runs()
        self.assertEqual(list(world.inspect(NAME)["NetworkSettings"]["Networks"]), ["bridge"])

    def happened(self, kind):
        return [e for e in self.events() if e["type"] == kind]

    def kanshiki_in_path(self):
        place = world.new_directory("bin")
        os.symlink(world.KANSHIKI, place / "kanshiki")
        return place
