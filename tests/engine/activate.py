"""Listens at a socket and starts an engine with it, as systemd's socket units do: activate.py SOCKET PROGRAM [WORD...].

The engine inherits the socket as descriptor 3 and did not call listen() itself: who asks the kernel for the peer of the
socket hears of this process. It stays, hands an end signal on, and ends with the engine.
"""
import os
import signal
import socket
import sys

FIRST = 3


def main():
    path, argv = sys.argv[1], sys.argv[2:]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o660)
    listener.listen(128)
    child = os.fork()
    if child == 0:
        os.dup2(listener.fileno(), FIRST)
        os.set_inheritable(FIRST, True)  # dup2 leaves it as it is when it is that very number
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
        os.execvp(argv[0], argv)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status) & 0xff)


main()
