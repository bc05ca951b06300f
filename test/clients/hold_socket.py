"""Holds a listening socket as systemd does and runs a command on it; each line read from stdin ends it and runs it again."""

import os
import signal
import socket
import subprocess
import sys

FIRST_DESCRIPTOR = 3
# The process that the socket is meant for has to be named by its own number, which only it knows.
NAME_ITSELF = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'


def run(listener, command):
    def hand_on():
        os.dup2(listener.fileno(), FIRST_DESCRIPTOR)
        os.set_inheritable(FIRST_DESCRIPTOR, True)

    return subprocess.Popen(["/bin/sh", "-c", NAME_ITSELF, "sh", *command], preexec_fn=hand_on, close_fds=False)


def end(child):
    child.send_signal(signal.SIGTERM)
    child.wait()


def main():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    child = run(listener, sys.argv[1:])
    for _ in sys.stdin:
        end(child)
        child = run(listener, sys.argv[1:])
    end(child)


main()
