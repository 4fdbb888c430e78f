"""Images of real Debian services, the world outside that talks to them, and honest containers at work."""
import json
import pathlib
import subprocess
import threading
import unittest

import world
from world import docker, engine, once, run_container

SERVICES_SH = world.TOP / "tests/engine/services.sh"
OUTSIDE = "198.51.100.7"   # of TEST-NET-2: in no network of an engine, so public to whoever looks
SINK = 9443                # what comes there is kept in a file of the container outside
BUSY = "/run/busy"         # while it is there, there is load
PASSWORD = "correct-horse-42"

LIGHTTPD = """
server.modules = ("mod_access", "mod_accesslog", "mod_fastcgi")
server.document-root = "/var/www/html"
server.port = 80
server.username = "www-data"
server.groupname = "www-data"
accesslog.filename = "/proc/self/fd/1"
index-file.names = ("index.php")
mimetype.assign = (".png" => "image/png")
static-file.exclude-extensions = (".php")
fastcgi.server = (".php" => (("bin-path" => "/usr/bin/php-cgi", "socket" => "/run/lighttpd/php.sock", "max-procs" => 1,
  "bin-environment" => ("PHP_FCGI_CHILDREN" => "2", "PHP_FCGI_MAX_REQUESTS" => "1000"))))
"""
INDEX = """<?php
$n = trim(shell_exec("sqlite3 /srv/shop/shop.db 'select count(*) from orders'"));
echo "<h1>Shop</h1><p>$n orders</p>";
"""
ORDER = """<?php
$db = new SQLite3("/srv/shop/shop.db"); $db->busyTimeout(2000); $db->exec("insert into orders values ('x')"); echo "thanks";
"""
UPLOAD = """<?php
file_put_contents("uploads/" . basename($_GET["name"]), file_get_contents("php://input")); echo "kept";
"""
LOOKUP = """<?php
echo shell_exec("getent hosts " . $_GET["host"]);
"""
START_SSHD = """#!/bin/sh
set -e
ssh-keygen -A >/dev/null
mkdir -p /run/sshd
rsyslogd
exec /usr/sbin/sshd -D
"""
LEDGER = """#!/bin/sh
sqlite3 /srv/ledger.db 'pragma journal_mode=wal; create table if not exists entries (at, what)' >/dev/null
while :; do sqlite3 /srv/ledger.db "insert into entries values (datetime(), hex(randomblob(512)))"; sleep 0.1; done
"""
NIGHTLY = """#!/bin/sh
sqlite3 /srv/report.db "create table if not exists t (at); insert into t values (datetime())"
tar -czf /var/backups/report.tar.gz -C /srv report.db
sleep 45
"""
REDIS = "bind 0.0.0.0\nlogfile ''\ndir /var/lib/redis\nappendonly yes\nsave 1 1\nprotected-mode no\n"
NGINX = """daemon off;
user www-data;
worker_processes 2;
pid /run/nginx.pid;
events { worker_connections 768; }
http {
  access_log /var/log/nginx/access.log;
  error_log /var/log/nginx/error.log;
  include /etc/nginx/mime.types;
  server { listen 80; root /var/www/html; }
}
"""
LOGROTATE = """/var/log/nginx/*.log {
\tdaily
\trotate 14
\tcompress
\tdelaycompress
\tcreate 0640 www-data adm
\tsharedscripts
\tpostrotate
\t\t/usr/sbin/nginx -s reopen
\tendscript
}
"""

DOCKERFILES = {
    "shop": """COPY lighttpd.conf /etc/lighttpd/lighttpd.conf
COPY index.php order.php upload.php lookup.php /var/www/html/
RUN mkdir -p /run/lighttpd /var/www/html/uploads /srv/shop && sqlite3 /srv/shop/shop.db 'create table orders (what)' && \
 chown -R www-data: /run/lighttpd /var/www/html/uploads /srv/shop
EXPOSE 80
CMD ["lighttpd", "-D", "-f", "/etc/lighttpd/lighttpd.conf"]
""",
    "nginx": """COPY nginx.conf /etc/nginx/nginx.conf
COPY logrotate /etc/logrotate.d/nginx
RUN echo '<h1>hello</h1>' >/var/www/html/index.html && echo 'a line of the image' >/var/log/nginx/access.log && \
 dd if=/dev/urandom of=/var/www/html/big.bin bs=64k count=8 2>/dev/null
EXPOSE 80
HEALTHCHECK --interval=1s --timeout=5s CMD curl -fsS --limit-rate 400k -o /dev/null http://127.0.0.1/big.bin
CMD ["nginx"]
""",
    "redis": """COPY redis.conf /etc/redis/redis.conf
EXPOSE 6379
USER redis
CMD ["redis-server", "/etc/redis/redis.conf"]
""",
    "redis-open": """COPY redis.conf /etc/redis/redis.conf
RUN sed -i 's/^appendonly yes/appendonly no/; s/^save .*/save ""/' /etc/redis/redis.conf && \
 echo 'enable-protected-configs yes' >>/etc/redis/redis.conf
EXPOSE 6379
CMD ["redis-server", "/etc/redis/redis.conf"]
""",
    "ledger": """COPY ledger /usr/local/bin/ledger
CMD ["/usr/local/bin/ledger"]
""",
    "sshd": """COPY start-sshd /usr/local/sbin/start-sshd
COPY key.pub /home/deploy/.ssh/authorized_keys
RUN useradd -d /home/deploy -s /bin/bash deploy && echo 'deploy:PASSWORD' | chpasswd && \
 chown -R deploy: /home/deploy && chmod 700 /home/deploy/.ssh && chmod 600 /home/deploy/.ssh/authorized_keys
EXPOSE 22
CMD ["/usr/local/sbin/start-sshd"]
""".replace("PASSWORD", PASSWORD),
    "cron": """COPY nightly /usr/local/sbin/nightly
RUN echo '* * * * * root /usr/local/sbin/nightly' >/etc/cron.d/nightly
CMD ["cron", "-f"]
""",
}


@once
def upgrades():
    """The directory of packages that are newer than those of the images."""
    engine()
    done = subprocess.run([str(SERVICES_SH), str(engine().directory)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=230)
    if done.returncode == 9:
        raise unittest.SkipTest(f"no Debian services can be had: {done.stderr.decode(errors='replace').strip()[-200:]}")
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return pathlib.Path(done.stdout.decode().strip())


@once
def key():
    """A key pair of the operator: the images know the public part."""
    path = world.new_directory("key") / "id"
    world.sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "operator", "-f", path)
    return path


@once
def images():
    """All images, with layers of their own over one base."""
    upgrades()
    context = world.new_directory("services")
    files = {"lighttpd.conf": LIGHTTPD, "index.php": INDEX, "order.php": ORDER, "upload.php": UPLOAD, "lookup.php": LOOKUP,
             "nginx.conf": NGINX, "logrotate": LOGROTATE, "redis.conf": REDIS, "start-sshd": START_SSHD, "ledger": LEDGER,
             "nightly": NIGHTLY, "key.pub": key().with_suffix(".pub").read_text()}
    for name, text in files.items():
        (context / name).write_text(text)
        (context / name).chmod(0o755 if text.startswith("#!") else 0o644)
    for name, text in DOCKERFILES.items():
        (context / "Dockerfile").write_text("FROM kan-services\n" + text)
        world.build(f"kan-{name}", context, "--network", "none")


@once
def outside():
    """A container in the network namespace of the engine's host, with a public address: who comes from elsewhere. Nothing is
    done in it by exec: an engine keeps 256 events, and those of the containers that are looked at are wanted."""
    world.sh("nsenter", f"--net=/proc/{engine().pid}/ns/net", "ip", "addr", "add", f"{OUTSIDE}/32", "dev", "lo")
    images()
    info = run_container("outside", "sleep", "100000", flags=("--network", "host"), image="kan-services")
    docker("cp", str(key()), "outside:/root/.id")
    pid = info["State"]["Pid"]
    enter(pid, f"printf '#!/bin/sh\\necho {PASSWORD}\\n' >/root/ask; chmod 755 /root/ask; chown root: /root/.id; chmod 600 /root/.id")
    for port in (3333, 4444, 8443, SINK):
        leave_in(pid, f"exec nc -l -k -s {OUTSIDE} -p {port} >/root/from-{port}")
    enter(pid, f"touch {BUSY}")
    return pid


def entered(pid, script):
    return ["nsenter", "-t", str(pid), "--mount", "--net", "--uts", "--ipc", "--pid", "--root", "--wd", "sh", "-c", script]


def enter(pid, script):
    """A shell in the namespaces of a process, past the engine."""
    return world.sh(*entered(pid, script)).strip()


def leave_in(pid, script):
    """The same, and it goes on; it ends with the container, as all of its pid namespace does."""
    subprocess.Popen(entered(pid, script), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def from_outside(script):
    return enter(outside(), script)


def leave_outside(script):
    leave_in(outside(), script)


def inside(name, script, *flags):
    """A shell of the container runs it, by exec."""
    return docker("exec", *flags, name, "sh", "-c", script)


def leave(name, script, *flags):
    """The same, and it goes on."""
    docker("exec", "-d", *flags, name, "sh", "-c", script)


def start(name, image, *command, flags=()):
    images()
    return run_container(name, *command, flags=flags, image=f"kan-{image}")


def root_of(name):
    """Its files, as its init sees them."""
    return pathlib.Path(f"/proc/{world.inspect(name)['State']['Pid']}/root")


def address(name):
    return world.inspect(name)["NetworkSettings"]["IPAddress"]


def request(name, path, *flags):
    """One HTTP request from the public address."""
    words = " ".join(flags)
    return from_outside(f"curl -s --retry 20 --retry-connrefused --retry-delay 1 --interface {OUTSIDE} {words} 'http://{address(name)}/{path}'")


def load(name, path, clients=2):
    """Clients that ask for a path again and again."""
    one = f"while [ -e {BUSY} ]; do curl -s --interface {OUTSIDE} -o /dev/null http://{address(name)}/{path} || sleep 0.2; sleep 0.03; done"
    for _ in range(clients):
        leave_outside(one)


def words_of(container_id):
    """Of every process of the container, by the kernel: no event of the engine."""
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if container_id in (entry / "cgroup").read_text():
                yield (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            pass    # it has ended


def wait_for_process(name, word, seconds=30):
    container_id = world.inspect(name)["Id"]
    world.wait_until(lambda: any(words.startswith(word) for words in words_of(container_id)), seconds, f"{word} runs in {name}")


def ssh(name, command, *flags, by_password=False):
    """Words of ssh from the public address to the container."""
    how = "SSH_ASKPASS=/root/ask SSH_ASKPASS_REQUIRE=force ssh -o PubkeyAuthentication=no" if by_password else "ssh -i /root/.id"
    return (f"{how} {' '.join(flags)} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectionAttempts=20 "
            f"-b {OUTSIDE} deploy@{address(name)} '{command}'")


# --- honest containers: each is started, and busy when it returns -----------------------------------------------------

def web_server_under_load():
    start("ok-web", "nginx", flags=("--no-healthcheck",))
    request("ok-web", "")
    load("ok-web", "")
    load("ok-web", "big.bin")
    return "ok-web"


def application():
    start("ok-shop", "shop")
    request("ok-shop", "")
    request("ok-shop", "upload.php?name=cat.png", "--data-binary", "@/usr/share/pixmaps/debian-logo.png")
    for path in ("wp-login.php", ".env", "order.php"):
        request("ok-shop", path)
    load("ok-shop", "order.php")
    load("ok-shop", "")
    return "ok-shop"


def cache_at_work():
    start("ok-redis", "redis")
    host = address("ok-redis")
    leave_outside(f"while [ -e {BUSY} ]; do redis-benchmark -q -h {host} -n 20000 -r 1000 -t set,get,lpush; sleep 0.2; done")
    enter(world.inspect("ok-redis")["State"]["Pid"], "until redis-cli bgsave; do sleep 0.1; done")
    return "ok-redis"


def database_at_work():
    start("ok-ledger", "ledger")
    return "ok-ledger"


def package_upgrade():
    """By dpkg, while the program of the package runs."""
    start("ok-upgrade", "redis")
    inside("ok-upgrade", "mkdir /root/new", "-u", "0")
    for path in sorted(upgrades().glob("*.deb")):
        docker("cp", str(path), "ok-upgrade:/root/new/")
    inside("ok-upgrade", "DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i /root/new/*.deb && rm -r /root/new", "-u", "0")
    return "ok-upgrade"


def log_rotation():
    start("ok-rotate", "nginx", flags=("--no-healthcheck",))
    request("ok-rotate", "")
    inside("ok-rotate", "logrotate -f /etc/logrotate.conf")
    load("ok-rotate", "", 1)
    return "ok-rotate"


def operator_session():
    start("ok-operator", "nginx", flags=("--no-healthcheck",))
    request("ok-operator", "")
    words = "ls -la /etc/nginx\nps aux\ncurl -s http://127.0.0.1/ >/tmp/page.html\nnginx -t\nexit\n"
    docker("exec", "-i", "ok-operator", "bash", "-i", input=words.encode())
    inside("ok-operator", "sed -i s/768/1024/ /etc/nginx/nginx.conf && nginx -s reload")
    leave("ok-operator", "tail -f /var/log/nginx/error.log", "-t")
    docker("exec", "-d", "-t", "ok-operator", "bash")
    wait_for_process("ok-operator", "tail -f")
    return "ok-operator"


def health_check():
    start("ok-health", "nginx")
    world.wait_until(lambda: world.inspect("ok-health")["State"]["Health"]["Status"] == "healthy", 30, "it is healthy")
    return "ok-health"


def normal_logins():
    start("ok-sshd", "sshd")
    from_outside(ssh("ok-sshd", "uptime; echo done >notes.txt"))
    leave_outside(ssh("ok-sshd", "exec sleep 1000", "-tt"))
    wait_for_process("ok-sshd", "sshd: deploy@pts")
    return "ok-sshd"


def cron_job():
    """Started before the others, as it waits for the minute."""
    start("ok-cron", "cron")
    wait_for_process("ok-cron", "/bin/sh /usr/local/sbin/nightly", 70)
    return "ok-cron"


HONEST = {
    "a cron job": cron_job,
    "a web server under load": web_server_under_load,
    "an application of PHP with its database": application,
    "a cache at work (redis)": cache_at_work,
    "a database at work (sqlite)": database_at_work,
    "a package upgrade in place": package_upgrade,
    "log rotation": log_rotation,
    "an operator's exec session": operator_session,
    "a health check": health_check,
    "sshd with normal logins": normal_logins,
}


def all_of(makers):
    """Runs them side by side; what one raises is raised again."""
    found, errors = {}, []
    outside()

    def one(key, maker):
        try:
            found[key] = maker()
        except BaseException as error:
            errors.append(error)
    threads = [threading.Thread(target=one, args=item) for item in makers.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return {key: found[key] for key in makers}


def report_of(name, home, *flags):
    """What a capture of it says, as its report.json. Of what is busy something may vanish while it is read: status 5."""
    done = world.capture(name, *flags, home=home)
    assert done.status in (0, 5) and {g["code"] for g in done.json["gaps"]} <= {"vanished", "changed", "not-applicable"}, str(done)
    return json.loads(pathlib.Path(done.json["report"]["json"]).read_bytes())


@once
def honest():
    """The report of each honest container, taken while all are at work. Then they are gone."""
    names = all_of(HONEST)
    home = world.new_directory("home")
    try:
        return {what: report_of(name, home) for what, name in names.items()}
    finally:
        from_outside(f"rm {BUSY}")
        world.remove(*names.values())


def weighty(report):
    """Findings that count: class intrusion, of medium or above."""
    return [f for f in report["findings"] if f["class"] == "intrusion" and f["severity"] in ("medium", "high", "critical")]
