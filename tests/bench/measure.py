"""Measures command lines side by side: fork, exec, wait4; the order swapped each round; minimum and median kept."""
import os
import statistics
import subprocess
import time


class Side:
    """One command line with what its runs have cost."""

    def __init__(self, name, command, before=None, part=None):
        """part: seconds of the one part that is compared, asked after each run; None: the whole command is."""
        self.name, self.command, self.before, self.part = name, command, before, part
        self.wall, self.cpu, self.rss, self.daemon, self.parts = [], [], [], [], []

    def compared(self):
        return min(self.parts or self.wall)

    def run(self, env, daemon_cpu):
        if self.before:
            self.before()
        daemon = daemon_cpu()
        began = time.monotonic()
        child = subprocess.Popen(self.command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                 shell=isinstance(self.command, str))
        text = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        self.wall.append(time.monotonic() - began)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise RuntimeError(f"{self.name}: exit {child.returncode}: {text.decode(errors='replace')[-400:]}")
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        self.rss.append(usage.ru_maxrss)
        self.daemon.append(daemon_cpu() - daemon)
        if self.part:
            self.parts.append(self.part())

    def row(self):
        return {"compared_min_s": round(self.compared(), 4), "command": self.command if isinstance(self.command, str) else " ".join(self.command),
                "rounds": len(self.wall), "wall_min_s": round(min(self.wall), 4),
                "wall_median_s": round(statistics.median(self.wall), 4), "wall_max_s": round(max(self.wall), 4),
                "cpu_min_s": round(min(self.cpu), 4), "rss_peak_kib": max(self.rss),
                "daemon_cpu_min_s": round(min(self.daemon), 2)}


def process_cpu(pid):
    """User and system seconds of one process, from /proc/PID/stat."""
    with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
        field = file.read().rsplit(")", 1)[1].split()
    return (int(field[11]) + int(field[12])) / os.sysconf("SC_CLK_TCK")


def side_by_side(ours, theirs, rounds, env, daemon_pid):
    def daemon():
        return process_cpu(daemon_pid)

    for side in (ours, theirs):
        side.run(env, daemon)
        for kept in (side.wall, side.cpu, side.rss, side.daemon, side.parts):
            kept.clear()
    for number in range(rounds):
        for side in (ours, theirs) if number % 2 == 0 else (theirs, ours):
            side.run(env, daemon)


def peak_rss(command, env):
    """KiB of the largest process. Asked in a small process: a child begins with the peak of what forked it."""
    code = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, "
            "stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    done = subprocess.run(["/usr/bin/python3", "-c", code, *command], env=env, check=True, capture_output=True, text=True)
    return int(done.stdout)
