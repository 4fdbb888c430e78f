"""What a capture shows while it runs, as a terminal has it: tmux and a pty are the judges."""
import fcntl
import os
import pathlib
import pty
import re
import shlex
import signal
import subprocess
import termios
import unittest

import world
from world import run_container

BIG_MIB = 500   # of a container's own: read for longer than it takes to draw twice
LINE = re.compile(r"^  ([a-z-]+) +(ok|partial|failed|skipped|not-applicable) +\d+ items +[\d.]+ \w+ +[\d.]+ ms(  gaps)?$")
SGR = re.compile(rb"\x1b\[[0-9;]*m")
MOVE = re.compile(rb"\x1b\[\d+A")
ESCAPE = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")


class Screen:
    """A shell in a tmux of its own."""

    number = 0

    def __init__(self, width, height):
        Screen.number += 1
        self.socket = f"kan-{os.getpid()}-{Screen.number}"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "env PS1='$ ' sh")

    def tmux(self, *argv):
        return subprocess.run(["tmux", "-L", self.socket, *argv], check=True, capture_output=True, text=True,
                              env=world.environment(LC_ALL="C.UTF-8")).stdout

    def type(self, command):
        self.tmux("send-keys", "-l", command)
        self.tmux("send-keys", "Enter")

    def text(self, *scrolled):
        """Lines that the terminal broke are whole again. "-S", "-": with what has scrolled away."""
        return self.tmux("capture-pane", "-p", "-J", *scrolled).rstrip()

    def cursor(self):
        flag, column = self.tmux("display-message", "-p", "#{cursor_flag} #{cursor_x}").split()
        return flag == "1", int(column)

    def close(self):
        self.tmux("kill-server")


def seen_on(text):
    """The collectors' lines, each as often as it is there."""
    return [m.group(1) for m in map(LINE.match, map(str.rstrip, text.splitlines())) if m]


@world.once
def big():
    """The container of all these tests: it goes with the engine."""
    run_container("p-big", "sleep", "100000")
    world.docker("exec", "p-big", "sh", "-c", f"head -c {BIG_MIB}M /dev/urandom >/root/big")


class Progress(unittest.TestCase):
    def setUp(self):
        big()
        self.home = world.new_directory("home")

    def argv(self, *flags):
        argv = world.capture_argv("p-big", "--max-bytes", str(2 << 30), *flags, home=self.home)
        return [str(world.KANSHIKI), *(str(word) for word in argv if word != "--json")]

    def conductor(self):
        """The process of this test's capture that the shell started."""
        ours = {}
        for pid in world.own_processes():
            place = pathlib.Path(f"/proc/{pid}")
            if str(self.home).encode() in (place / "cmdline").read_bytes().split(b"\0"):
                ours[pid] = int((place / "stat").read_text().rsplit(")")[-1].split()[1])
        first, = (pid for pid, parent in ours.items() if parent not in ours)
        return first

    def collectors(self):
        """What the bundle says of itself: name and status."""
        bundle, = os.listdir(f"{self.home}/bundles")
        return sorted(c["name"] for c in world.Bundle(f"{self.home}/bundles/{bundle}").json("capture.json")["collectors"])

    def shown(self, width, height, *flags, meanwhile=lambda screen: None, before="", scrolled=("-S", "-")):
        """The screen after the capture in a terminal of that size, and its cursor."""
        screen = Screen(width, height)
        self.addCleanup(screen.close)
        screen.type(f"{before}clear; {shlex.join(self.argv(*flags))}; echo status=$?")
        meanwhile(screen)
        world.wait_until(lambda: re.search(r"^status=\d+$", screen.text(), re.M), 120, "the capture's end")
        return screen.text(*scrolled), screen.cursor()

    def test_each_collector_has_one_line_that_is_its_last_word(self):
        text, cursor = self.shown(100, 24, "--no-report")
        self.assertEqual(sorted(seen_on(text)), self.collectors(), text)
        self.assertIn("status=0", text)
        self.assertNotIn("[#", text)
        self.assertNotIn("reading", text)
        self.assertTrue(cursor[0])

    def test_of_80_by_24_the_first_screen_stands_between_whole_lines(self):
        text, _ = self.shown(80, 24)
        self.assertEqual(sorted(seen_on(text)), self.collectors(), text)
        self.assertNotIn("[#", text)
        self.assertIn("NOT SEEN", text)

    def test_a_terminal_of_few_lines_and_columns_loses_no_collector(self):
        text, _ = self.shown(34, 6, "--no-report")
        self.assertEqual(sorted(seen_on(text)), self.collectors(), text)
        self.assertNotIn("[#", text)

    def test_a_terminal_that_becomes_narrower_has_each_line_once(self):
        def narrower(screen):
            world.wait_until(lambda: re.search(r"filesystem +reading", screen.text()), 60, "the collector that reads for long")
            tty = screen.tmux("display-message", "-p", "#{pane_tty}").strip()
            conductor = self.conductor()
            os.kill(conductor, signal.SIGSTOP)   # tmux tells the new size later than it breaks the lines
            screen.tmux("resize-window", "-x", "44", "-y", "60")
            with open(tty, "rb") as file:
                world.wait_until(lambda: termios.tcgetwinsize(file.fileno())[1] == 44, 10, "the new size")
            os.kill(conductor, signal.SIGCONT)

        # Without "set +m" the shell would go on when it stops. What tmux took off the screen to break lines is beyond anybody's reach.
        text, _ = self.shown(100, 60, "--no-report", meanwhile=narrower, before="set +m; ", scrolled=())
        self.assertEqual(sorted(seen_on(text)), self.collectors(), text)

    def test_an_interrupt_leaves_a_clean_screen_and_its_cursor(self):
        def interrupt(screen):
            world.wait_until(lambda: re.search(r"filesystem +reading", screen.text()), 60, "the collector that reads for long")
            screen.tmux("send-keys", "C-c")

        text, cursor = self.shown(100, 30, "--no-report", meanwhile=interrupt)
        self.assertIn("status=130", text)
        self.assertTrue(cursor[0])
        self.assertNotIn("reading", text)
        self.assertEqual(len(set(seen_on(text))), len(seen_on(text)), text)

    def written(self, *flags, size=(24, 80), **environment):
        """All that goes to a terminal of that size, as octets."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, size)

        def leads():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        child = subprocess.Popen(self.argv("--no-report", *flags), stdin=theirs, stdout=theirs, stderr=theirs,
                                 env=world.environment(**{"TERM": "xterm", **environment}),
                                 preexec_fn=leads)
        os.close(theirs)
        out = b""
        try:
            while block := os.read(ours, 65536):
                out += block
        except OSError:     # its other end is closed
            pass
        self.assertEqual(child.wait(), 0, out)
        os.close(ours)
        return out

    def test_lines_fill_in_and_none_is_wider_than_the_terminal(self):
        out = self.written(size=(20, 60))
        self.assertRegex(out, MOVE)
        drawn = [line.decode() for line in ESCAPE.sub(b"", out).replace(b"\r", b"").split(b"\n")]
        reading = [line for line in drawn if line.startswith("  filesystem     reading ")]
        self.assertGreater(len(set(reading)), 1, drawn)
        running = [line for line in drawn if re.match(r"  [a-z-]+ +(preparing|waiting|reading)", line)]
        self.assertLessEqual(max(map(len, running)), 59)
        self.assertNotIn(b"\x1b[?25l", out)

    def test_no_colour_is_no_colour_and_a_dumb_terminal_gets_plain_lines(self):
        self.assertRegex(self.written(), SGR)
        for flags, environment in ((("--color", "never"), {}), ((), {"NO_COLOR": "1"})):
            self.home = world.new_directory("home")
            out = self.written(*flags, **environment)
            self.assertRegex(out, MOVE)
            self.assertNotRegex(out, SGR)
        self.home = world.new_directory("home")
        out = self.written(TERM="dumb")
        self.assertNotIn(b"\x1b", out)
        self.assertEqual(sorted(seen_on(out.decode().replace("\r", ""))), self.collectors())

    def test_what_is_no_terminal_gets_plain_lines_whatever_is_asked(self):
        done = subprocess.run(self.argv("--no-report", "--color", "always"), env=world.environment(TERM="xterm"), capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(b"\x1b", done.stderr)
        self.assertEqual(sorted(seen_on(done.stderr.decode())), self.collectors())
