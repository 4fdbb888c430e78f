"""What a container makes in its own network namespace to be taken for its neighbour."""
import json
import unittest

import world
from world import docker, run_container, sh


def pid_of(name):
    return docker("inspect", "-f", "{{.State.Pid}}", name).strip()


def eth0(name):
    link = json.loads(sh("nsenter", "-t", pid_of(name), "-n", "ip", "-j", "link", "show", "eth0"))[0]
    return link["ifindex"], link["link_index"]


class Neighbour(unittest.TestCase):
    def tearDown(self):
        world.remove("neighbour")
        world.remove("forger")

    def test_a_pair_with_the_numbers_of_a_neighbours_devices_is_not_joined_with_his_veth(self):
        run_container("neighbour", "sleep", "3600")
        run_container("forger", "sleep", "3600", flags=("--cap-add", "NET_ADMIN"))
        inner, outer = eth0("neighbour")
        sh("nsenter", "-t", pid_of("forger"), "-n", "ip", "link", "add", "fa", "index", str(inner), "type", "veth",
           "peer", "name", "fb", "index", str(outer))
        done = world.capture("forger", "--image", "none", "--no-report", home=world.new_directory("home"))
        rows = world.Bundle(done.json["bundle"]).rows("network/host-side.ndjson")
        own, at_host = eth0("forger")
        self.assertEqual([(r["of_ifindex"], r["link"]["ifindex"]) for r in rows if r["kind"] == "veth"], [(own, at_host)])


if __name__ == "__main__":
    unittest.main()
