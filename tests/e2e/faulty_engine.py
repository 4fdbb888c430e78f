"""An engine that lies, stutters or falls silent: a proxy before the private engine, with faults from a list.

faulty_engine.py SOCKET UPSTREAM LOG FAULTS, where FAULTS is a JSON array of {"method", "path" (a regular expression),
"do", "times" (always when absent), "arg"}. Every request goes to LOG, a line each. The tests run it under the name of
the engine and in its mount namespace, so that kanshiki takes it for the engine.
"""
import base64
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

MAX_HEAD = 1 << 16
MAX_ENDLESS = 256 << 20
LOCK = threading.Lock()


def read_head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(4096)
        if not block or len(data) > MAX_HEAD:
            return None, b""
        data += block
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def read_request(connection):
    head, body = read_head(connection)
    if head is None:
        return None
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(4096)
    return head, body


def forward(upstream, head, body):
    """The engine's whole answer: head and body, the body as it is framed on the wire."""
    head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head) + b"\r\nConnection: close"
    with socket.socket(socket.AF_UNIX) as engine:
        engine.connect(upstream)
        engine.sendall(head + b"\r\n\r\n" + body)
        answer = bytearray()    # an image may have many blocks
        while block := engine.recv(1 << 16):
            answer += block
    return bytes(answer)


def dechunk(body):
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        count = int(size.split(b";")[0], 16)
        if count == 0:
            break
        whole, body = whole + rest[:count], rest[count + 2:]
    return whole


def plain(answer):
    """Status line and body, whatever the framing was."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if re.search(rb"(?i)transfer-encoding: *chunked", head):
        body = dechunk(body)
    return head.split(b"\r\n")[0], body


def respond(connection, status, body, length=None, extra=b""):
    connection.sendall(status + b"\r\nContent-Type: application/json\r\nConnection: close\r\n" + extra +
                       b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body)


def endless(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    block = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    for _ in range(MAX_ENDLESS // 0x10000):
        connection.sendall(block)


def drip(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(1)


OK = b"HTTP/1.1 200 OK"


def stream(connection, body, behind=b""):
    """A tar as the engine sends it: no length, and an end only where behind is empty."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.sendall(b"%x\r\n" % len(body) + body + b"\r\n")
    for _ in range(MAX_ENDLESS // 0x10000 if behind else 0):
        connection.sendall(b"10000\r\n" + behind * (0x10000 // len(behind)) + b"\r\n")
    connection.sendall(b"0\r\n\r\n")


def misbehave(connection, fault, upstream, head, body):
    do, arg = fault["do"], fault.get("arg", "")
    if do == "garbage":
        respond(connection, OK, b"\x00\xff{]not json at all\x1b[2J")
    elif do == "empty":
        respond(connection, OK, b"")
    elif do == "html":
        respond(connection, OK, b"<html>It works!</html>")
    elif do == "duplicate":
        respond(connection, OK, b'{"Id":"a","Id":"b"}')
    elif do == "deep":
        respond(connection, OK, b"[" * 100000 + b"]" * 100000)
    elif do == "status":
        respond(connection, b"HTTP/1.1 %d Staged" % int(arg), b'{"message":"a staged fault"}')
    elif do == "redirect":
        respond(connection, b"HTTP/1.1 302 Found", b"", extra=b"Location: http://127.0.0.1:9/\r\n")
    elif do == "silence":
        time.sleep(3600)
    elif do == "endless":
        endless(connection)
    elif do == "drip":
        drip(connection)
    elif do == "cut":
        status, whole = plain(forward(upstream, head, body))
        respond(connection, status, whole[:len(whole) // 2], len(whole))
    elif do == "tar":    # arg: the body, and octets to go on with, in base64
        stream(connection, *(base64.b64decode(part) for part in arg))
    elif do == "lost":
        forward(upstream, head, body)
    elif do == "replace":
        status, whole = plain(forward(upstream, head, body))
        respond(connection, status, re.sub(arg[0].encode(), arg[1].encode(), whole))
    elif do == "run":
        subprocess.run(arg, shell=True, check=False, stdin=subprocess.DEVNULL)
        connection.sendall(forward(upstream, head, body))
    # "close" answers nothing


def pick(faults, method, path):
    with LOCK:
        for fault in faults:
            if fault.get("method", "GET") == method and re.search(fault["path"], path) and fault.get("times", 1) > 0:
                if "times" in fault:
                    fault["times"] -= 1
                return fault
    return None


def serve(connection, upstream, log, faults):
    try:
        with connection:
            request = read_request(connection)
            if request is None:
                return
            method, path = request[0].split(b" ")[:2]
            with LOCK:
                log.write(f"{method.decode()} {path.decode()}\n")
                log.flush()
            fault = pick(faults, method.decode(), path.decode())
            if fault:
                misbehave(connection, fault, upstream, *request)
            else:
                connection.sendall(forward(upstream, *request))
    except OSError:
        pass    # the client went away, which is its right


def main():
    path, upstream, log, faults = sys.argv[1:5]
    faults = json.loads(faults)
    with socket.socket(socket.AF_UNIX) as listener, open(log, "a") as log:
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen(64)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, upstream, log, faults), daemon=True).start()


if __name__ == "__main__":
    main()
