"""What the scripts share: the running system, and a dialogue in lines."""
import json
import os
import socket
import ssl
import subprocess

from waiting import PATIENCE, wait_for

LAB = json.loads(os.environ["LAB"])
HANOI, SAIGON = LAB["servers"]
AN, BINH = HANOI["accounts"][:2]
CHI, DUNG = SAIGON["accounts"][:2]


def context():
    """TLS that trusts the lab's authority and nobody else."""
    return ssl.create_default_context(cafile=LAB["ca"])


def port(server, service):
    return server["ports"][service]


def tem(*args):
    """Runs one verb of the program and returns what it printed."""
    done = subprocess.run([os.environ["TEM"], *args], capture_output=True, text=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, f"tem {args}: {done.returncode}: {done.stderr}"
    return done.stdout


def data(server):
    return os.path.join(os.environ["TEM_DIR"], server["domain"])


class Dialogue:
    """A session typed by hand: what is said, and how each answer begins."""

    def __init__(self, server, service, tls=False, timeout=PATIENCE):
        s = socket.create_connection((server["address"], port(server, service)), timeout=timeout)
        if tls:
            s = context().wrap_socket(s, server_hostname="localhost")
        self.socket, self.file = s, s.makefile("rb")

    def line(self):
        got = self.file.readline()
        assert got.endswith(b"\r\n") or got == b"", f"a line without CRLF: {got!r}"
        return got.decode("utf-8").rstrip("\r\n")

    def expect(self, start):
        """Reads one answer, of several lines when SMTP says so; the last begins with start."""
        lines = [self.line()]
        while lines[-1][:3].isdigit() and lines[-1][3:4] == "-":
            lines.append(self.line())
        assert lines[-1].startswith(start), f"expected {start!r}, heard {lines!r}"
        return lines

    def say(self, text, expect=None):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.expect(expect) if expect is not None else None

    def raw(self, octets):
        self.socket.sendall(octets)

    def until_dot(self):
        lines = []
        while (got := self.line()) != ".":
            lines.append(got[1:] if got.startswith(".") else got)
        return lines

    def closed(self):
        return self.file.read(1) == b""

    def close(self):
        self.socket.close()


def fields(letter):
    """Names of the header fields in their order."""
    names = []
    for l in letter:
        if l == "":
            break
        if l[0] not in " \t":
            names.append(l.split(":")[0])
    return names


def pop_texts(server, who):
    """Every letter in somebody's inbox, as text."""
    import poplib
    p = poplib.POP3(server["address"], port(server, "pop3"), timeout=PATIENCE)
    p.user(who["address"])
    p.pass_(who["password"])
    n, _ = p.stat()
    texts = [b"\n".join(p.retr(i + 1)[1]).decode("utf-8", "replace") for i in range(n)]
    p.quit()
    return texts


def letter_with(server, who, words, seconds=PATIENCE):
    """Waits for a letter that holds all the words."""
    def look():
        return [t for t in pop_texts(server, who) if all(w in t for w in words)]
    return wait_for(f"a letter to {who['address']} with {words}", look, seconds)[0]
