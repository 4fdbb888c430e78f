"""Logs of each driver: raw, with rotations, from disk or by the engine's stream; what cannot be had is said in the engine's words."""
import gzip
import json
import os
import pathlib
import unittest

import world
from world import docker, remove, run_container


def frames(octets):
    """The engine's stream without a terminal: a header of 8 bytes, then so much text."""
    found = []
    while octets:
        size = int.from_bytes(octets[4:8], "big")
        found.append((octets[0], octets[8:8 + size]))
        octets = octets[8 + size:]
    return found


class Logs(unittest.TestCase):
    def setUp(self):
        self.names = []
        self.home = world.new_directory("home")

    def tearDown(self):
        remove(*self.names)

    def container(self, name, *flags, command):
        self.names.append(name)
        return run_container(name, "sh", "-c", command, flags=flags)

    def ended(self, name):
        world.wait_until(lambda: world.inspect(name)["State"]["Status"] == "exited", 20, f"{name} ended")

    def taken(self, name, status=0):
        done = world.capture(name, "--only", "engine,logs", home=self.home)
        self.assertEqual(done.status, status, str(done))
        return done.json, world.Bundle(done.json["bundle"])

    def directory(self, info):
        return world.engine().data_root / "containers" / info["Id"]

    def test_a_rotated_and_packed_log_is_there_to_its_last_line(self):
        info = self.container("l-json", "--log-opt", "max-size=8k", "--log-opt", "max-file=9", "--log-opt", "compress=true",
                              command="i=0; while [ $i -lt 300 ]; do echo line $i of the log; i=$((i+1)); done; printf end")
        self.ended("l-json")
        log = self.directory(info) / f"{info['Id']}-json.log"
        packed = lambda: [p for p in log.parent.glob(f"{log.name}.*") if p.suffix != ".gz"]  # noqa: E731
        world.wait_until(lambda: not packed() and (log.parent / f"{log.name}.1.gz").exists(), 20, "the engine has packed the last one")
        _, bundle = self.taken("l-json")
        rows = {r["n"]: r for r in bundle.rows("logs/files.ndjson")}
        self.assertGreater(len(rows), 2)
        self.assertEqual({n: r["packed"] for n, r in rows.items()}, {n: n > 0 for n in rows})
        whole = b""
        for n in sorted(rows, reverse=True):
            octets = (bundle / f"data/logs/json-file/{n}.log{'.gz' if n else ''}").read_bytes()
            self.assertEqual(rows[n]["sha256"], world.sha256(octets))
            on_disk = log.parent / (f"{log.name}.{n}.gz" if n else log.name)
            self.assertEqual(octets, on_disk.read_bytes())
            whole += gzip.decompress(octets) if n else octets
        printed = "".join(json.loads(line)["log"] for line in whole.splitlines())
        self.assertEqual(printed, "".join(f"line {i} of the log\n" for i in range(300)) + "end")

    def test_the_local_driver_is_taken_from_its_files(self):
        info = self.container("l-local", "--log-driver", "local", command="echo from the local driver; echo more >&2")
        self.ended("l-local")
        _, bundle = self.taken("l-local")
        octets = (bundle / "data/logs/local/0.log").read_bytes()
        self.assertEqual(octets, (self.directory(info) / "local-logs/container.log").read_bytes())
        self.assertIn(b"from the local driver", octets)
        self.assertEqual([(r["driver"], r["dir"]) for r in bundle.rows("logs/files.ndjson")], [("local", "local")])
        self.assertFalse(bundle.has("logs/api.stream"))

    def test_a_driver_that_sends_elsewhere_is_taken_from_the_engine_and_its_own_copy(self):
        self.container("l-syslog", "--log-driver", "syslog", "--log-opt", "syslog-address=udp://127.0.0.1:5514",
                       command="echo out; echo err >&2")
        self.ended("l-syslog")
        _, bundle = self.taken("l-syslog")
        found = frames((bundle / "data/logs/api.stream").read_bytes())
        self.assertEqual(sorted((kind, text.split(b" ", 1)[1]) for kind, text in found), [(1, b"out\n"), (2, b"err\n")])
        self.assertEqual([r["dir"] for r in bundle.rows("logs/files.ndjson")], ["cached"])
        self.assertIn(b"out", (bundle / "data/logs/cached/0.log").read_bytes())

    def test_the_driver_none_is_a_gap_with_the_engines_words(self):
        self.container("l-none", "--log-driver", "none", command="echo lost")
        self.ended("l-none")
        _, bundle = self.taken("l-none", 5)
        only, = [g for g in bundle.gaps() if g["collector"] == "logs"]
        self.assertEqual(only["code"], "unsupported")
        self.assertRegex(only["why"], "does not support reading|logging driver")

    def test_a_rotation_that_somebody_took_away_is_a_gap(self):
        info = self.container("l-hole", "--log-opt", "max-size=4k", "--log-opt", "max-file=9",
                              command="i=0; while [ $i -lt 200 ]; do echo line $i of the log; i=$((i+1)); done")
        self.ended("l-hole")
        log = self.directory(info) / f"{info['Id']}-json.log"
        (log.parent / f"{log.name}.2").unlink()
        _, bundle = self.taken("l-hole", 5)
        self.assertEqual([(g["what"], g["code"]) for g in bundle.gaps()], [("json-file/2.log", "vanished")])

    def test_a_live_log_that_was_set_back_contradicts_itself(self):
        info = self.container("l-back", command="echo ready; exec sleep 100000")
        world.wait_until(lambda: docker("logs", "l-back") == "ready", 10, "it runs")
        log = self.directory(info) / f"{info['Id']}-json.log"

        def times():
            document, _ = self.taken("l-back")
            return {c["id"]: c for c in json.loads(pathlib.Path(document["report"]["json"]).read_text())["contradictions"]}["log-times"]
        self.assertEqual((times()["assessed"], times()["count"]), (True, 0))
        os.utime(log, (1, 1))
        found = times()
        self.assertEqual((found["assessed"], found["count"], found["rows"][0]["what"]), (True, 1, "json-file"))
