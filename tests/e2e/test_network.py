"""What the collector network takes, against the kernel's truth and other people's readers run from outside."""
import ipaddress
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import unittest

import world
from world import docker, run_container, sh

SUSPECT = "n-suspect"
ENOUGH = ("--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW", "--cap-add", "SYS_ADMIN")

RULES = """
table inet hide {
	set gone { type ipv4_addr; flags timeout; elements = { 198.51.100.7 timeout 1h }; }
	map where { type inet_service : verdict; elements = { 4444 : drop, 8080 : jump back }; }
	chain back { counter accept comment "left by somebody"; }
	chain in { type filter hook input priority -5; policy accept; ip saddr @gone drop; tcp dport vmap @where; }
}
table ip nat2 { chain post { type nat hook postrouting priority 100; ip daddr 203.0.113.0/24 masquerade; }; }
"""


ELSEWHERE = "table ip other { chain pre { type filter hook prerouting priority 0; tcp dport 4711 accept; }; }"
# Connects to a unix socket, says the inode of its own end, and stays as long as the test does.
GUEST = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
print(os.fstat(s.fileno()).st_ino, s.fileno(), flush=True)
sys.stdin.read()
"""


def inside(pid, *argv, **more):
    """In the network namespace of a process, with programs of the host."""
    return sh("nsenter", "-t", pid, "-n", *argv, **more)


class Staged:
    """One container with one of each case, and one capture of it."""

    def __init__(self):
        self.shared = world.new_directory("shared")
        self.stranger = socket.socket(socket.AF_UNIX)
        self.stranger.bind(str(self.shared / "s"))
        self.stranger.listen()
        self.info = run_container(SUSPECT, "sleep", "100000", flags=(
            *ENOUGH, "-p", "18080:80", "-v", f"{world.engine().socket}:/engine.sock", "-v", f"{self.shared}:/shared"))
        self.pid = self.info["State"]["Pid"]
        self.address = next(iter(self.info["NetworkSettings"]["Networks"].values()))["IPAddress"]
        self.netns = str(pathlib.Path(f"/proc/{self.pid}/ns/net").stat().st_ino)
        self.engine_netns = str(pathlib.Path(f"/proc/{world.engine().pid}/ns/net").stat().st_ino)
        inside(self.pid, "nft", "-f", "-", input=RULES.encode())
        self.legacy()
        self.routes()
        self.tc()
        self.helper = self.client()
        self.plant_elsewhere()
        self.home = world.new_directory("home")
        self.result = world.capture(SUSPECT, home=self.home)
        assert self.result.out, str(self.result)
        self.bundle = world.Bundle(self.result.json["bundle"])

    def legacy(self):
        for line in (("-N", "STEPS"), ("-A", "INPUT", "-s", "192.0.2.0/24", "-p", "tcp", "--dport", "31337", "-j", "DROP"),
                     ("-A", "INPUT", "-i", "eth+", "-j", "STEPS"), ("-A", "STEPS", "-p", "udp", "-j", "RETURN"),
                     ("-P", "FORWARD", "DROP")):
            inside(self.pid, "iptables-legacy", *line)
        inside(self.pid, "ip6tables-legacy", "-t", "mangle", "-A", "OUTPUT", "-d", "2001:db8::/32", "-j", "DROP")

    def routes(self):
        for line in ("route add blackhole 198.51.100.0/24", "route add 203.0.113.0/24 dev eth0 table 777",
                     "rule add fwmark 0x2a table 777 priority 1234", "neigh add proxy 10.9.8.7 dev eth0",
                     f"route add 192.0.2.0/25 nexthop via {self.gateway()} weight 2 nexthop dev lo weight 5",
                     "link add br9 type bridge"):
            inside(self.pid, "ip", *line.split())

    def gateway(self):
        return next(iter(self.info["NetworkSettings"]["Networks"].values()))["Gateway"]

    def tc(self):
        inside(self.pid, "tc", "qdisc", "add", "dev", "eth0", "clsact")
        inside(self.pid, "tc", "filter", "add", "dev", "eth0", "egress", "protocol", "ip", "prio", "7", "u32", "match", "ip",
               "dst", "198.51.100.9/32", "action", "mirred", "egress", "redirect", "dev", "lo")

    def client(self):
        """A member with: a half of the engine's socket, odd names, a pair, raw, packet, udplite, tcp both ways."""
        source = pathlib.Path(__file__).with_name("sockets.c")
        program = world.scratch() / "sockets"
        sh("gcc", "-static", "-O1", "-o", program, source)
        docker("cp", program, f"{SUSPECT}:/sockets")
        docker("exec", "-d", SUSPECT, "/sockets", "/engine.sock", "/shared/s", "/shared/offer", "/tmp/truth")
        self.truth = pathlib.Path(f"/proc/{self.pid}/root/tmp/truth")
        self.wait_for("end")
        self.accepted, _ = self.stranger.accept()
        self.guest = subprocess.Popen(["nsenter", "-t", str(world.engine().pid), "-n", sys.executable, "-c", GUEST,
                                       str(self.shared / "offer")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.guest_ino, self.guest_fd = self.guest.stdout.readline().split()
        self.wait_for("done")
        return dict(line.split(" ", 1) for line in self.truth.read_text().splitlines() if " " in line)

    def wait_for(self, word):
        world.wait_until(lambda: self.truth.exists() and self.truth.read_text().endswith(word + "\n"), 10, word)

    def plant_elsewhere(self):
        """The namespace of one member alone has rules, too."""
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if str((entry / "ns/net").stat().st_ino) == self.helper["elsewhere_netns"]:
                    inside(entry.name, "nft", "-f", "-", input=ELSEWHERE.encode())
                    return
            except OSError:
                continue
        raise AssertionError("nobody is in the other namespace")

    def rows(self, name):
        return self.bundle.rows(f"network/{name}")

    def socket(self, which):
        found = [r for r in self.rows("sockets.ndjson") if r["ino"] == self.helper[which]]
        assert len(found) == 1, (which, found)
        return found[0]


@world.once
def staged():
    return Staged()


class Network(unittest.TestCase):
    def test_nothing_is_missing(self):
        self.assertEqual(staged().bundle.gaps(), [], str(staged().result))
        self.assertEqual(staged().result.status, 0)

    def test_nftables_are_what_nft_lists(self):
        s = staged()
        theirs = json.loads(inside(s.pid, "nft", "-j", "-a", "list", "ruleset"))["nftables"]
        ours = [r for r in s.rows("nft.ndjson") if r["netns"] == s.netns]
        for what, key, name in (("table", "table", "name"), ("chain", "chain", "name"), ("rule", "chain", "chain")):
            want = sorted((t[what]["family"], t[what].get("table", t[what]["name"] if what == "table" else ""),
                           t[what][name], t[what]["handle"]) for t in theirs if what in t)
            got = sorted((r["family"], r["table"], r[key], int(r["handle"])) for r in ours if r["what"] == what)
            self.assertEqual(got, want)
        chain = next(r for r in ours if r["what"] == "chain" and r["chain"] == "in")
        self.assertEqual((chain["hook"], chain["prio"], chain["type"], chain["policy"]), ("input", -5, "filter", "accept"))
        rule = next(r for r in ours if r.get("comment") == "left by somebody")
        self.assertEqual((rule["chain"], rule["verdict"], rule["exprs"]), ("back", "accept", ["counter", "immediate"]))
        self.assertIn("[ immediate reg 0 accept ]", rule["text"])
        elements = {(r["set"], r.get("key")): r for r in ours if r["what"] == "element"}
        self.assertIn(("gone", "c6336407"), elements)
        self.assertEqual(int(elements["gone", "c6336407"]["timeout_ms"]), 3600000)
        jump = elements["where", "1f90"]
        self.assertEqual((jump["verdict"], jump["to"]), ("jump", "back"))
        masquerade = next(r for r in ours if r["what"] == "rule" and r["table"] == "nat2")
        self.assertIn("cb007100", masquerade["raw"])
        self.assertIn("masq", masquerade["exprs"])

    def test_legacy_tables_are_what_iptables_saves_and_none_is_created(self):
        s = staged()
        listed = pathlib.Path(f"/proc/{s.pid}/net/ip_tables_names").read_text().split()
        rows = [r for r in s.rows("iptables-legacy.ndjson") if r["netns"] == s.netns]
        self.assertEqual({r["table"] for r in rows if r["family"] == "ip"}, set(listed))
        self.assertNotIn("raw", listed)
        self.assertNotIn(s.helper["elsewhere_netns"], {r["netns"] for r in s.rows("iptables-legacy.ndjson")})
        for program, family in (("iptables-legacy-save", "ip"), ("ip6tables-legacy-save", "ip6")):
            saved = inside(s.pid, program)
            want = sorted(re.findall(r"^-A (\S+)", saved, re.M))
            got = sorted(r["chain"] for r in rows if r["family"] == family and not r.get("policy") and
                         not (r["chain"] == "STEPS" and r.get("verdict") == "RETURN" and r["proto"] == 0))
            self.assertEqual(got, want, saved)
        drop = next(r for r in rows if r.get("src") == "192.0.2.0")
        self.assertEqual((drop["src_prefix"], drop["proto"], drop["verdict"], drop["matches"]), (24, 6, "DROP", ["tcp"]))
        jump = next(r for r in rows if r.get("iif") == "eth+")
        self.assertEqual((jump["verdict"], jump["to"]), ("JUMP", "STEPS"))
        policy = next(r for r in rows if r["chain"] == "FORWARD" and r.get("policy"))
        self.assertEqual(policy["verdict"], "DROP")
        six = next(r for r in rows if r["family"] == "ip6" and r.get("dst") == "2001:db8::")
        self.assertEqual((six["table"], six["dst_prefix"]), ("mangle", 32))

    def test_the_raw_tables_can_be_walked_by_their_own_heads(self):
        data = (staged().bundle / "data/network/iptables-legacy.raw").read_bytes()
        names = []
        while data:
            head, data = data.split(b"\n", 1)
            head = json.loads(head)
            names.append((head["family"], data[:32].rstrip(b"\0").decode()))
            data = data[head["info"] + head["entries"]:]
        self.assertEqual(set(names), {("ip", "filter"), ("ip6", "mangle")})

    def test_tracked_connections_have_both_directions(self):
        s = staged()
        rows = [r for r in s.rows("conntrack.ndjson") if r.get("proto") == "tcp"]
        port = int(s.helper["tcp_port"])
        found = [r for r in rows if r["orig"]["dport"] == port]
        self.assertEqual(len(found), 1, rows)
        self.assertEqual((found[0]["state"], found[0]["orig"]["src"], found[0]["reply"]["sport"]),
                         ("ESTABLISHED", "127.0.0.1", port))

    def test_routes_rules_and_neighbours_are_what_ip_lists(self):
        s = staged()
        theirs = json.loads(inside(s.pid, "ip", "-j", "-N", "route", "show", "table", "all"))
        ours = [r for r in s.rows("routes.ndjson") if r["netns"] == s.netns]
        def short(dst, family):
            every = "0.0.0.0/0" if family == "inet" else "::/0"
            return str(ipaddress.ip_network(every if dst == "default" else dst, strict=False))
        want = sorted(short(r["dst"], "inet") for r in theirs if ":" not in r["dst"])
        self.assertEqual(sorted(f"{r['dst']}/{r['prefix']}" for r in ours if r["family"] == "inet"), want)
        kinds = {f"{r['dst']}/{r['prefix']}": r for r in ours}
        self.assertEqual(kinds["198.51.100.0/24"]["type"], "blackhole")
        self.assertEqual(kinds["203.0.113.0/24"]["table"], 777)
        self.assertEqual([h["weight"] for h in kinds["192.0.2.0/25"]["hops"]], [2, 5])
        rule = [r for r in s.rows("rules.ndjson") if r.get("priority") == 1234]
        self.assertEqual([(r["mark"], r["table"]) for r in rule], [(42, 777)])
        proxies = [r for r in s.rows("neighbours.ndjson") if r.get("address") == "10.9.8.7"]
        self.assertEqual(len(proxies), 1)
        self.assertEqual(int(proxies[0]["flags"], 16) & 8, 8)
        fdb = [r for r in s.rows("neighbours.ndjson") if r.get("family") == "bridge"]
        self.assertTrue(fdb, "the bridge has learnt its own address")

    def test_traffic_control_is_seen_with_its_filters(self):
        rows = [r for r in staged().rows("tc.ndjson") if r["netns"] == staged().netns]
        self.assertIn("clsact", [r["tc_kind"] for r in rows if r["what"] == "qdisc"])
        filters = [r for r in rows if r["what"] == "filter" and r["tc_kind"] == "u32" and "c6336409" in r["raw"]]
        self.assertEqual([(r["parent"], r["prio"], r["hook"]) for r in filters], [("0x00000000fffffff3", 7, "egress")])

    def test_each_socket_is_one_row_with_its_owner(self):
        s = staged()
        for which in ("tcp_listen", "tcp_client", "tcp_server", "udp", "udplite", "raw", "packet", "netlink", "abstract",
                      "pair_a", "pair_b", "engine"):
            row = s.socket(which)
            self.assertEqual([fd for _, fd in row["owners"]], [int(s.helper[which + "_fd"])], which)
            self.assertTrue(row["frozen"], which)
        self.assertEqual(s.socket("raw")["source"], "sock_diag" if self.has_raw_diag() else "text")
        self.assertEqual(s.socket("raw")["protocol"], 1)
        self.assertEqual(s.socket("tcp_client")["mark"], 77)
        self.assertEqual(s.socket("tcp_server")["bytes_received"], 5)
        self.assertEqual(s.socket("packet")["filter"], "06000000ffff0000")
        self.assertEqual(s.socket("packet")["fanout"] & 0xffff, 9)
        self.assertEqual(world.value(s.socket("abstract"), "name"), b"\0or\nforged: 00000002 00000000 00010000\0x")
        self.assertEqual(s.socket("pair_a")["peer_ino"], s.helper["pair_b"])

    def has_raw_diag(self):
        """The kernel's own word: a dump of raw sockets ends with ENOENT where nothing answers it."""
        ask = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_RAW, 0, 0, 0xffffffff) + bytes(48)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as diag:     # NETLINK_SOCK_DIAG
            diag.send(struct.pack("=IHHII", 16 + len(ask), 20, 0x301, 1, 0) + ask)
            got = diag.recv(65536)
        return not (struct.unpack_from("=H", got, 4)[0] in (2, 3) and struct.unpack_from("=i", got, 16)[0] == -2)

    def test_sockets_are_what_ss_lists(self):
        s = staged()
        theirs = inside(s.pid, "ss", "-Htuaen")
        want = sorted(i for i in re.findall(r"\bino:(\d+)", theirs) if i != "0")
        ours = sorted(r["ino"] for r in s.rows("sockets.ndjson")
                      if r.get("proto") in ("tcp", "udp") and r.get("netns") == s.netns and r["ino"] != "0")
        self.assertEqual(ours, want)

    def test_unix_sockets_are_what_ss_lists(self):
        s = staged()
        theirs = inside(s.pid, "ss", "-Hxan")
        ours = [r for r in s.rows("sockets.ndjson") if r.get("family") == "unix" and r.get("netns") == s.netns]
        self.assertEqual(len(ours), len(re.findall(r"^u_(?:str|dgr|seq)\b", theirs, re.M)), theirs)
        for row in ours:
            self.assertRegex(theirs, rf"(?m)\b{row['ino']}\b")

    def test_the_namespace_of_a_single_member_is_read_as_a_whole(self):
        s = staged()
        other = s.helper["elsewhere_netns"]
        self.assertNotEqual(other, s.netns)
        row = s.socket("elsewhere")
        self.assertEqual((row["netns"], row["state"], row["lport"]), (other, "LISTEN", 4711))
        self.assertEqual([r["name"] for r in s.rows("links.ndjson") if r["netns"] == other], ["lo"])
        self.assertEqual({r["table"] for r in s.rows("nft.ndjson") if r["netns"] == other}, {"other"})

    def test_a_forged_line_of_proc_net_unix_makes_no_row(self):
        self.assertIn(b"forged:", (staged().bundle / "data/network/proc-net.tar").read_bytes())
        names = [world.value(r, "name") for r in staged().rows("sockets.ndjson") if "name" in r]
        self.assertNotIn(b"/forged", names)

    def test_the_engine_at_the_other_end_of_its_socket_is_named(self):
        s = staged()
        row = s.socket("engine")
        self.assertEqual({pid for pid, _ in row["peer_owners"]}, {world.engine().pid})
        self.assertEqual(row["peer_comm"], "dockerd")

    def test_a_process_of_the_host_behind_a_shared_socket_is_named(self):
        s = staged()
        row = s.socket("stranger")
        self.assertEqual(row["peer_ino"], str(os.fstat(s.accepted.fileno()).st_ino))
        self.assertEqual(row["peer_owners"], [[os.getpid(), s.accepted.fileno()]])
        self.assertEqual(row["peer_comm"], pathlib.Path("/proc/self/comm").read_text().rstrip("\n"))

    def test_a_process_of_the_host_that_came_to_a_members_socket_is_named(self):
        s = staged()
        row = s.socket("accepted")
        self.assertEqual((row["netns"], row["peer_ino"]), (s.engine_netns, s.guest_ino))
        self.assertEqual(row["peer_owners"], [[s.guest.pid, int(s.guest_fd)]])
        self.assertEqual([fd for _, fd in row["owners"]], [int(s.helper["accepted_fd"])])

    def test_a_member_at_the_other_end_is_named_without_a_word_of_his(self):
        s = staged()
        row = s.socket("pair_a")
        self.assertEqual([fd for _, fd in row["peer_owners"]], [int(s.helper["pair_b_fd"])])
        self.assertNotIn("peer_comm", row)

    def test_nothing_of_a_stranger_is_a_row(self):
        s = staged()
        strangers = {os.getpid(), s.guest.pid, world.engine().pid}
        rows = s.rows("sockets.ndjson")
        self.assertEqual([r for r in rows if strangers & {pid for pid, _ in r["owners"]}], [])
        self.assertNotIn(s.guest_ino, {r["ino"] for r in rows})

    def test_links_and_addresses_are_what_ip_lists(self):
        s = staged()
        theirs = json.loads(inside(s.pid, "ip", "-j", "address"))
        ours = [r for r in s.rows("links.ndjson") if r["netns"] == s.netns]
        self.assertEqual(sorted((r["ifindex"], r["name"], r["mac"], r["mtu"], r.get("iflink", 0)) for r in ours),
                         sorted((t["ifindex"], t["ifname"], t["address"], t["mtu"], t.get("link_index", 0)) for t in theirs))
        ours = [r for r in s.rows("addresses.ndjson") if r["netns"] == s.netns]
        self.assertEqual(sorted((r["ifindex"], r["address"], r["prefix"]) for r in ours),
                         sorted((t["ifindex"], a["local"], a["prefixlen"]) for t in theirs for a in t["addr_info"]))

    def test_the_hosts_end_of_the_veth_and_the_bridge_are_told(self):
        s = staged()
        links = json.loads(sh("nsenter", "-t", world.engine().pid, "-n", "ip", "-j", "-d", "link"))
        own = json.loads(inside(s.pid, "ip", "-j", "link", "show", "eth0"))[0]
        peer = next(l for l in links if l["ifindex"] == own["link_index"])
        rows = s.rows("host-side.ndjson")
        veth = [r for r in rows if r["kind"] == "veth"]
        self.assertEqual([(r["link"]["name"], r["netns"], r["of_ifindex"]) for r in veth],
                         [(peer["ifname"], s.engine_netns, own["ifindex"])])
        self.assertEqual([r["link"]["name"] for r in rows if r["kind"] == "bridge"], [peer["master"]])

    def test_published_ports_proxies_and_rules_of_the_host_name_the_container(self):
        s = staged()
        rows = s.rows("host-side.ndjson")
        self.assertIn((80, "tcp", 18080), [(r["port"], r["proto"], r["host_port"]) for r in rows if r["kind"] == "port"])
        proxies = [r for r in rows if r["kind"] == "proxy"]
        self.assertTrue(proxies)
        for row in proxies:
            self.assertIn(s.address, row["argv"])
            self.assertEqual(pathlib.Path(f"/proc/{row['pid']}/comm").read_text(), row["comm"] + "\n")
        address = ipaddress.ip_address(s.address).packed.hex()
        nat = [r for r in rows if r["kind"] in ("nft", "iptables") and "address" in r["names"]]
        self.assertTrue(nat, "the engine's DNAT")
        for row in nat:
            self.assertIn(address, row[row["kind"]]["raw"])
        counts = {r["what"]: r for r in rows if r["kind"] == "count"}
        for kind in ("nft", "iptables"):
            self.assertEqual(counts[kind]["kept"], len([r for r in rows if r["kind"] == kind]))
            self.assertGreaterEqual(counts[kind]["seen"], counts[kind]["kept"])
        self.assertGreater(counts["nft"]["seen"] + counts["iptables"]["seen"], 0)

    def test_a_rule_of_ones_own_sees_firewall_rules_and_who_is_at_the_other_end(self):
        rules, place = world.new_directory("rules"), world.new_directory("report")
        wanted = {"nft": {"comment": "left by somebody"}, "iptables": {"iif": "eth+"},
                  "socket": {"peer_comm": "dockerd"}, "conntrack": {"orig.dport": int(staged().helper["tcp_port"])}}
        for kind, where in wanted.items():
            rule = {"schema": "kanshiki.rule/1", "id": f"own.{kind}", "version": 1, "class": "intrusion", "title": kind,
                    "rows": kind, "where": {"all": [where]}, "key": ["netns"], "severity": "low", "confidence": "low",
                    "attack": ["T1071"], "says": "{netns}", "why": "a test", "false_positives": ["none"],
                    "next": ["look at it"], "references": ["https://example.org/"], "tests": {"hit": ["a"], "miss": ["b"]}}
            (rules / f"{kind}.json").write_text(json.dumps(rule))
        done = world.kanshiki("--home", staged().home, "report", "--rules", rules, "-o", place, staged().bundle.path)
        self.assertIn(done.status, (0, 9), str(done))
        found = json.loads(next(place.rglob("report.json")).read_text())["findings"]
        self.assertLessEqual({f"own.{kind}" for kind in wanted}, {f["rule"] for f in found}, str(done))

    def test_rows_obey_their_schemas(self):
        done = subprocess.run(["/usr/bin/python3", str(world.TOP / "tests/contract/check_bundle.py"), str(staged().bundle.path)],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-3000:])


if shutil.which("nft") is None or shutil.which("iptables-legacy") is None:
    Network = unittest.skip("nft and iptables-legacy are needed")(Network)
