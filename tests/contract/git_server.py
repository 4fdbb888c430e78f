"""A git remote with an LFS server on loopback: git's own http-backend, and the batch API of git-lfs. It can be told to misbehave."""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import ssl
import subprocess
import threading

BACKEND = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip() + "/git-http-backend"
JSON = "application/vnd.git-lfs+json"


class Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that goes away is no fault of the server."""


class Server:
    """root/repo.git is the repository, root/objects the store. faults: name to value, see Handler; seen: (method, path, headers)."""

    def __init__(self, root, user=None, tls=None, storage=None, address="127.0.0.1"):
        self.root, self.user, self.storage = pathlib.Path(root), user, storage
        self.objects = self.root / "objects"
        self.objects.mkdir(parents=True, exist_ok=True)
        self.repo = self.repository("repo.git")
        self.faults, self.seen, self.lock = {}, [], threading.Lock()
        handler = type("Bound", (Handler,), {"site": self})
        self.http = Quiet((address, 0), handler)
        self.scheme = "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
            self.scheme = "https"
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()
        self.base = f"{self.scheme}://{address}:{self.http.server_address[1]}"
        self.url = self.base + "/repo.git"

    def repository(self, name):
        """A bare repository of this server, made where there is none; all share one store."""
        where = self.root / name
        if not where.exists():
            subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(where)], check=True, capture_output=True)
            for rule in ("http.receivepack", "receive.denyNonFastForwards", "receive.denyDeletes"):
                subprocess.run(["git", "-C", str(where), "config", rule, "true"], check=True)
        return where

    def main(self):
        done = subprocess.run(["git", "-C", str(self.repo), "rev-parse", "-q", "--verify", "refs/heads/main"], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site = None

    def log_message(self, *args):
        pass

    def fault(self, name):
        return self.site.faults.get(name)

    def answer(self, status, body=b"", kind="text/plain", headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers:
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            whole = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def allowed(self):
        if not self.site.user or self.path.startswith("/store/"):
            return True
        return self.headers.get("Authorization") == "Basic " + base64.b64encode(self.site.user.encode()).decode()

    def route(self):
        with self.site.lock:
            self.site.seen.append((self.command, self.path, dict(self.headers)))
        if not self.allowed():
            self.body()
            self.answer(401, b"no", headers=[("WWW-Authenticate", 'Basic realm="x"')])
        elif self.fault("redirect"):
            self.body()
            self.answer(302, headers=[("Location", self.fault("redirect") + self.path)])
        elif self.path.startswith("/store/"):
            self.store(self.path.rsplit("/", 1)[1])
        elif self.path.endswith("/info/lfs/objects/batch"):
            self.batch()
        elif self.path.startswith("/check"):
            self.check()
        elif "/info/lfs/" in self.path:
            self.body()
            self.answer(404, b"{}", JSON)
        else:
            self.git()

    do_GET = do_POST = do_PUT = route

    def store(self, oid):
        path = self.site.objects / oid
        if self.command == "GET":
            self.answer(200, path.read_bytes()) if path.exists() else self.answer(404)
            return
        puts = sum(m == "PUT" for m, _, _ in self.site.seen)
        if self.fault("put_status") and puts > self.site.faults.get("put_after", 0):
            self.body()
            self.answer(self.fault("put_status"), b"no space")
            return
        content = self.body()
        if hashlib.sha256(content).hexdigest() != oid:
            self.answer(422, b"not its digest")
            return
        path.write_bytes(content)
        self.answer(200)

    def batch(self):
        asked = json.loads(self.body())
        if self.fault("batch_raw") is not None:
            self.answer(self.fault("batch_status") or 200, self.fault("batch_raw"), JSON)
            return
        store = (self.site.storage or self.site).base
        rows = []
        for wanted in asked["objects"]:
            row = dict(wanted)
            have = ((self.site.storage or self.site).objects / wanted["oid"]).exists()
            action = {"href": f"{store}/store/{wanted['oid']}", "header": self.fault("header") or {}}
            if asked["operation"] == "upload" and not have:
                if self.fault("refuse"):
                    row["error"] = {"code": 422, "message": self.fault("refuse")}
                else:
                    row["actions"] = {"upload": action, "verify": {"href": f"{self.site.base}/check"}}
            elif asked["operation"] == "download":
                row["actions"] = {"download": action}
            if self.fault("href") and "actions" in row:
                row["actions"]["upload"]["href"] = self.fault("href")
            rows.append(row)
        if self.fault("drop"):
            rows = rows[:-1]
        self.answer(200, json.dumps({"transfer": self.fault("transfer") or "basic", "objects": rows}).encode(), JSON)

    def check(self):
        wanted = json.loads(self.body())
        have = (self.site.storage or self.site).objects / wanted["oid"]
        good = have.exists() and have.stat().st_size == wanted["size"] and not self.fault("check")
        self.answer(200 if good else 404, b"{}", JSON)

    def git(self):
        path, _, query = self.path.partition("?")
        content = self.body()
        environment = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.site.root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
                       "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": "tester", "REMOTE_ADDR": "127.0.0.1",
                       "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(content)),
                       "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.site.root),
                       "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        if self.headers.get("Git-Protocol"):
            environment["GIT_PROTOCOL"] = self.headers["Git-Protocol"]
        replaced = self.fault("git:" + path.rsplit("/", 1)[1] + ":" + self.command)
        if replaced is not None:
            self.answer(200, replaced)
            return
        done = subprocess.run([BACKEND], input=content, env=environment, capture_output=True, check=False)
        head, _, text = done.stdout.partition(b"\r\n\r\n")
        status, kind = 200, "text/plain"
        for line in head.decode().splitlines():
            key, _, value = line.partition(": ")
            if key == "Status":
                status = int(value.split()[0])
            elif key == "Content-Type":
                kind = value
        self.answer(status, text, kind)
