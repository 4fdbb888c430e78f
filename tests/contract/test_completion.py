"""Completion in real shells: what bash, zsh and fish offer is what the parser takes, and no name is ever run.

usage: test_completion.py KANSHIKI
"""
import http.server
import json
import os
import pathlib
import pty
import re
import select
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import unittest

KANSHIKI = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "build/kanshiki").resolve()
MAX_SECONDS = 60
scratch = tempfile.TemporaryDirectory(prefix="kan-complete-")
WORK = pathlib.Path(scratch.name)
END = "--end--"
GOOD = ["20261128t031758z-c6160e794381-b616", "20261127t031758z-c6160e794381-b616"]
EVIL = ["$(touch PWNED)", "`touch PWNED`", "'; touch PWNED; '", "-x", "a b", "x;touch PWNED", "\x1b[2J"]


def environment():
    (WORK / "bin").mkdir(exist_ok=True)
    if not (WORK / "bin/kanshiki").exists():
        (WORK / "bin/kanshiki").symlink_to(KANSHIKI)
    empty = WORK / "empty"
    empty.mkdir(exist_ok=True)
    keep = {k: v for k, v in os.environ.items() if k in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")}
    return {**keep, "PATH": f"{WORK / 'bin'}:/usr/bin:/bin", "HOME": str(empty), "KANSHIKI_HOME": str(WORK / "home"), "TERM": "dumb",
            "LC_ALL": "C.UTF-8", "DOCKER_HOST": f"unix://{WORK / 's'}"}


def kanshiki(*argv):
    return subprocess.run([str(KANSHIKI), *argv], capture_output=True, text=True, check=False, timeout=MAX_SECONDS, env=environment(),
                          stdin=subprocess.DEVNULL)


def script(shell):
    path = WORK / f"_kanshiki.{shell}"
    if not path.exists():
        done = kanshiki("completion", shell)
        assert done.returncode == 0 and not done.stderr, done
        path.write_text(done.stdout)
    return path


# --- what the program takes, by its help -----------------------------------------------------------------------------

def commands():
    text = kanshiki("--help").stdout.partition("\nexit statuses")[0]
    return dict(re.findall(r"^  ([a-z]+) +(\S.*)$", text, re.M))


def options(command):
    """Each option as it is typed, short and long, with its argument's word and its help."""
    found = {}
    text = kanshiki(command, "--help").stdout
    for letter, name, rest in re.findall(r"^  (?:-(\w), |    )--([a-z-]+)(.*)$", text, re.M):
        # The help of a long option stands behind one blank; of a short one in its column.
        arg = re.match(r" (?! )(?:'[^']*'|[A-Z][A-Z|-]*)(?= |$)", rest)
        about = rest[arg.end() if arg else 0:].strip()
        found[f"--{name}"] = found[f"-{letter}" if letter else f"--{name}"] = (bool(arg), about)
    return found


# --- shells ----------------------------------------------------------------------------------------------------------

class Bash:
    """Its function, called as bash calls it: the program's name first, the words in COMP_WORDS."""
    LOOP = ('source "$0"; [[ $(complete -p kanshiki) == "complete -F _kanshiki kanshiki" ]] || exit 3; while IFS= read -r line; do '
            'IFS=$\'\\t\' read -ra COMP_WORDS <<< "$line"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); '
            '[[ ${COMP_WORDS[COMP_CWORD]} == "<>" ]] && COMP_WORDS[COMP_CWORD]=; COMPREPLY=(); _kanshiki kanshiki; '
            '((${#COMPREPLY[@]})) && printf "%s\\n" "${COMPREPLY[@]}"; echo ' + END + '; done')

    def ask(self, queries, cwd):
        # As bash splits them: = and : are words of their own.
        split = [[part for w in words[:-1] for part in re.split(r"([:=]+)", w) if part] + [words[-1] or "<>"] for words in queries]
        lines = "".join("\t".join(words) + "\n" for words in split)
        done = subprocess.run(["bash", "--norc", "--noprofile", "-c", self.LOOP, str(script("bash"))], input=lines, capture_output=True,
                              text=True, check=True, timeout=MAX_SECONDS, env=environment(), cwd=cwd)
        assert done.stderr == "", done.stderr
        return [part.split("\n")[:-1] for part in done.stdout.split(END + "\n")[:-1]]


class Fish:
    LOOP = "source $argv[1]; while read -l line; complete -C $line; echo " + END + "; end"

    def ask(self, queries, cwd):
        lines = "".join(" ".join(words) + "\n" for words in queries)
        done = subprocess.run(["fish", "--no-config", "-c", self.LOOP, str(script("fish"))], input=lines, capture_output=True, text=True,
                              check=True, timeout=MAX_SECONDS, env=environment(), cwd=cwd)
        assert done.stderr == "", done.stderr
        return [part.split("\n")[:-1] for part in done.stdout.split(END + "\n")[:-1]]


class Zsh:
    """Its completion works in its editor alone: one on a terminal, with a key that completes what a file says."""
    SETUP = r"""
autoload -Uz compinit; compinit -u -D
source $SCRIPT
compadd() {
	local -a hits
	if [[ " ${(j: :)argv[1,(i)(-|--)]} " != *' '-[a-zA-Z]#[OAD]' '* ]]; then
		builtin compadd -A hits "$@"
		(( $#hits )) && print -rl -- $hits >> $OUT
	fi
	builtin compadd "$@"
}
ask() { BUFFER=$(<$QUERY); CURSOR=$#BUFFER; zle list-choices; BUFFER=; print -r -- --end-- >> $OUT }
zle -N ask; bindkey '^T' ask; LISTMAX=1000000
print -r -- --end-- >> $OUT
"""

    def ask(self, queries, cwd):
        place = pathlib.Path(tempfile.mkdtemp(dir=WORK))
        (place / "setup").write_text(self.SETUP)
        more = {"SCRIPT": str(script("zsh")), "OUT": str(place / "out"), "QUERY": str(place / "query")}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve("/usr/bin/zsh", ["zsh", "-f", "-i"], {**environment(), **more})
        try:
            os.write(self.fd, f"source {place / 'setup'}\n".encode())
            self.wait(place / "out")
            return [self.one(place, words) for words in queries]
        finally:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
            os.close(self.fd)

    def one(self, place, words):
        (place / "query").write_text(" ".join(words))
        (place / "out").write_text("")
        os.write(self.fd, b"\x14")
        return self.wait(place / "out")

    def wait(self, path):
        said, end = b"", time.monotonic() + MAX_SECONDS
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.02)[0]:
                said += os.read(self.fd, 65536)
            if path.exists() and path.read_text(errors="replace").endswith(END + "\n"):
                return path.read_text(errors="replace").split("\n")[:-2]
        raise AssertionError(f"zsh did not answer: {said[-2000:]}")


SHELLS = {"bash": Bash, "zsh": Zsh, "fish": Fish}


def words_of(offers):
    """Without descriptions; zsh may offer a word twice, for two tags."""
    return {line.split("\t")[0] for line in offers}


# --- an engine that is the attacker's ---------------------------------------------------------------------------------

class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = {"ApiVersion": "1.41", "MinAPIVersion": "1.24", "Version": "20.10"}
        if "/containers/json" in self.path:
            body = [{"Names": [name]} for name in ("/web", "/db.1_x-y", *EVIL)] + [{"Names": []}, {}]
        text = b"OK" if self.path.endswith("/_ping") else json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def address_string(self):
        return "-"

    def log_message(self, *_):
        pass


class Engine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Completion(unittest.TestCase):
    def setUp(self):
        self.cwd = pathlib.Path(tempfile.mkdtemp(dir=WORK))

    def both(self, queries):
        for name, shell in SHELLS.items():
            yield name, dict(zip(map(tuple, queries), shell().ask(queries, self.cwd), strict=True))

    def test_each_script_is_read_by_its_shell_without_a_word(self):
        for shell in SHELLS:
            done = subprocess.run([shell, "-n", script(shell)], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), shell)

    def test_every_command_is_offered_and_none_else(self):
        known = {*commands(), "help"}
        for shell, got in self.both([("kanshiki", ""), ("kanshiki", "--color", "never", "-q", "co")]):
            self.assertEqual(words_of(got[("kanshiki", "")]), known, shell)
            self.assertEqual(words_of(got[("kanshiki", "--color", "never", "-q", "co")]), {c for c in known if c.startswith("co")}, shell)

    def test_every_option_of_every_command_is_offered_and_none_else(self):
        queries = [("kanshiki", c, dash) for c in commands() for dash in ("-", "--")]
        for shell, got in self.both(queries):
            for command in commands():
                with self.subTest(shell=shell, command=command):
                    # fish and zsh show the letters for one dash, and both for none; together it is all.
                    offered = words_of(got[("kanshiki", command, "-")]) | words_of(got[("kanshiki", command, "--")])
                    self.assertEqual({w.removesuffix("=") for w in offered}, set(options(command)))

    def test_fish_shows_the_help_beside_each(self):
        for command in commands():
            lines, = Fish().ask([("kanshiki", command, "--")], self.cwd)
            told = dict(line.split("\t") for line in lines)
            self.assertEqual(told, {o: about for o, (_, about) in options(command).items() if o.startswith("--")}, command)

    def test_the_words_of_an_option_are_those_that_the_parser_takes(self):
        valued = [(c, o) for c in commands() for o, (arg, _) in options(c).items() if arg and o.startswith("--")]
        answers = {name: shell().ask([("kanshiki", c, o, "") for c, o in valued], self.cwd) for name, shell in SHELLS.items()}
        exact = 0
        for at, (command, option) in enumerate(valued):
            offered = words_of(answers["bash"][at])
            if not offered:
                continue
            with self.subTest(command=command, option=option):
                for shell in SHELLS:
                    self.assertEqual(words_of(answers[shell][at]), offered, shell)
                verb = ["note", "--case", "x", "y"] if command == "custody" else ["x"]
                said = kanshiki(command, option, "zz-no-word", *verb).stderr
                if match := re.search(r" takes one of (.*), not 'zz-no-word'", said):
                    self.assertEqual(offered, set(match[1].split(", ")))
                    exact += 1
        self.assertGreaterEqual(exact, 12)

    def test_lists_go_on_behind_a_comma(self):
        known = {c["name"] for c in collectors()}
        for shell, got in self.both([("kanshiki", "capture", "--only", "host,"), ("kanshiki", "capture", "--only", "")]):
            offered = {w.removeprefix("host,") for w in words_of(got[("kanshiki", "capture", "--only", "host,")])}
            self.assertLessEqual(known - {"host"}, offered, shell)
            self.assertEqual(words_of(got[("kanshiki", "capture", "--only", "")]), known, shell)

    def test_verbs_of_custody_are_those_that_it_has(self):
        verbs = set(re.findall(r"^  kanshiki custody ([a-z]+)", kanshiki("custody", "no-verb").stderr, re.M))
        self.assertIn("dispose", verbs)
        for shell, got in self.both([("kanshiki", "custody", ""), ("kanshiki", "custody", "--case", "x", "tr"), ("kanshiki", "rules", "")]):
            self.assertEqual(words_of(got[("kanshiki", "custody", "")]), verbs, shell)
            self.assertEqual(words_of(got[("kanshiki", "custody", "--case", "x", "tr")]), {"transfer"}, shell)
            self.assertEqual(words_of(got[("kanshiki", "rules", "")]), {"list", "explain", "test"}, shell)

    def test_files_and_directories_are_offered_where_they_are_wanted(self):
        (self.cwd / "indicators.txt").touch()
        (self.cwd / "place").mkdir()
        for shell, got in self.both([("kanshiki", "capture", "--indicators", "ind"), ("kanshiki", "capture", "-o", "p"),
                                     ("kanshiki", "verify", "ind")]):
            self.assertEqual(words_of(got[("kanshiki", "capture", "--indicators", "ind")]), {"indicators.txt"}, shell)
            self.assertEqual({w.rstrip("/") for w in words_of(got[("kanshiki", "capture", "-o", "p")])}, {"place"}, shell)
            self.assertEqual(words_of(got[("kanshiki", "verify", "ind")]), {"indicators.txt"}, shell)

    def bundles(self):
        place = WORK / "home/bundles"
        for name in (*GOOD, *EVIL):
            (place / name).mkdir(parents=True, exist_ok=True)
        self.addCleanup(shutil.rmtree, WORK / "home")

    def engine(self):
        server = Engine(str(WORK / "s"), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup((WORK / "s").unlink)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)

    def test_bundles_of_the_home_and_containers_of_the_engine_are_offered(self):
        self.bundles()
        self.engine()
        queries = [("kanshiki", "capture", ""), ("kanshiki", "capture", "--freeze", "auto", "w"), ("kanshiki", "report", "2"),
                   ("kanshiki", "show", "-b", "20261128"), ("kanshiki", "custody", "dispose", "--bundle", "20261128")]
        for shell, got in self.both(queries):
            self.assertEqual(words_of(got[queries[0]]), {"web", "db.1_x-y"}, shell)
            self.assertEqual(words_of(got[queries[1]]), {"web"}, shell)
            self.assertEqual(words_of(got[queries[2]]), set(GOOD), shell)
            for query in queries[3:]:
                self.assertEqual(words_of(got[query]), {GOOD[0]}, (shell, query))

    def test_names_are_of_the_engine_and_the_home_that_the_line_names(self):
        self.bundles()
        self.engine()
        other = WORK / "other/bundles/20261126t031758z-c6160e794381-b616"
        other.mkdir(parents=True)
        self.addCleanup(shutil.rmtree, WORK / "other")
        queries = [("kanshiki", "-H", f"unix://{WORK}/s", "--home", "/nowhere", "capture", "w"),
                   ("kanshiki", "-H", f"unix://{WORK}/none", "capture", "w"), ("kanshiki", f"--host=unix://{WORK}/none", "capture", "w"),
                   ("kanshiki", "show", "--home", str(WORK / "other"), "-b", "2"), ("kanshiki", f"--home={WORK / 'other'}", "show", "-b", "2")]
        for shell, got in self.both(queries):
            self.assertEqual([words_of(got[q]) for q in queries], [{"web"}, set(), set(), {other.name}, {other.name}], shell)

    def test_no_name_is_run_by_a_shell(self):
        self.bundles()
        self.engine()
        for name in (n for n in EVIL if "/" not in n):
            (self.cwd / name).touch()
        queries = [("kanshiki", *words, "") for words in (("capture",), ("verify",), ("report", "--rules"), ("import",), ("show", "-b"), ("ls",))]
        for shell, got in self.both(queries):
            self.assertEqual(words_of(got[queries[0]]), {"web", "db.1_x-y"}, shell)
            self.assertFalse([p for p in (WORK, self.cwd, WORK / "empty") if (p / "PWNED").exists()], shell)

    def test_an_engine_that_is_not_there_and_a_home_that_is_not_there_offer_nothing(self):
        for shell, got in self.both([("kanshiki", "capture", "w"), ("kanshiki", "show", "-b", "2")]):
            self.assertEqual([words_of(o) for o in got.values()], [set(), set()], shell)

    def test_an_engine_that_never_answers_is_not_waited_for(self):
        import socket
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(WORK / "s"))
        listener.listen()
        self.addCleanup((WORK / "s").unlink)
        self.addCleanup(listener.close)
        done = kanshiki("completion", "containers")
        self.assertEqual((done.returncode, done.stdout), (-14, ""))

    def test_a_tab_in_a_real_bash_completes_the_word(self):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.cwd)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], {**environment(), "PS1": "> "})
        said = b""
        os.write(fd, f"source {script('bash')}; kanshiki() {{ echo \"<$*>\"; }}\nkanshiki -H unix:///x capture --memory=w\t\nkanshiki comp\tz\t\nexit\n".encode())
        try:
            while chunk := os.read(fd, 65536):
                said += chunk
        except OSError:
            pass
        os.waitpid(pid, 0)
        os.close(fd)
        self.assertIn(b"<-H unix:///x capture --memory=writable>", said)

    def test_another_shell_is_refused(self):
        done = kanshiki("completion", "ksh")
        self.assertEqual((done.returncode, done.stdout), (2, ""))


def collectors():
    found = json.loads(kanshiki("collectors", "--json").stdout)
    return found["collectors"] if isinstance(found, dict) else found


if __name__ == "__main__":
    unittest.main()
