"""More connections from one address than are allowed: refused with a word, and let in once there is room."""
import os
import signal
import socket
import subprocess

from hostile import *
from lab import PATIENCE, wait_for


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def heard(at):
    """A connection and the first line that it is told."""
    s = socket.create_connection(("127.0.0.1", at), timeout=PATIENCE)
    return s, s.makefile("rb").readline()


plain, pop = free(), free()
config = configure("tem.toml", CERT=os.path.join(HANOI["data"], "cert.pem"), KEY=os.path.join(HANOI["data"], "key.pem"), PLAIN=plain, POP=pop)
with open("log", "w") as log:
    server = subprocess.Popen([os.environ["TEM"], "serve", "--config", config], stdout=log, stderr=log)


def listens():
    assert server.poll() is None, open("log").read()
    try:
        socket.create_connection(("127.0.0.1", plain)).close()
        return True
    except OSError:
        return False


try:
    wait_for("the server", listens)
    for at, welcome, refusal in (plain, b"* OK", b"* BYE"), (pop, b"+OK", b"-ERR"):
        held = []
        while len(held) < 5:  # the connection of listens may still count
            s, line = heard(at)
            if line.startswith(welcome):
                held.append(s)
        for _ in range(50):
            s, line = heard(at)
            assert line.startswith(refusal), (at, line)
            s.close()
        held.pop().close()
        wait_for("room again", lambda: heard(at)[1].startswith(welcome))
finally:
    server.send_signal(signal.SIGTERM)
    server.wait(PATIENCE)
same(server.returncode, 0)
