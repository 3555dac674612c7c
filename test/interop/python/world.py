"""A world of two mail servers: Tem as its operators run it, and one that this project did not write.

Each script has addresses of its own in 127.0.0.0/8, so that ports can't be taken twice: Tem, hanoi.example, is at the
first and sends from it, the other one, hue.example, is at the second. Their DNS is answered here, as from a resolver that
checks DNSSEC.
"""
import atexit
import imaplib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

from names import Names
from running import fill, run
from waiting import PATIENCE, wait_for

NET = f"127.{64 + os.getpid() // 256 % 128}.{os.getpid() % 256}"
TEM_AT, PEER_AT = NET + ".1", NET + ".2"
HERE, THERE = "hanoi.example", "hue.example"
MAIL, MX = "mail." + HERE, "mx." + THERE
PASSWORD = "a word for all"


def place():
    """A directory that servers can reach which don't run as root; gone at the end."""
    assert os.getuid() == 0, "mail servers start as root only: run the tests of test/interop as root"
    there = tempfile.mkdtemp(prefix="tem-world-")
    os.chmod(there, 0o755)
    os.chdir(there)
    return there


def leave():
    """Stops the servers; one that did not end well makes the script fail."""
    for server in servers:
        server.process.terminate()
    bad = [what for what in [server.ended() for server in servers] if what]
    shutil.rmtree(PLACE, True)
    if bad:
        print(*bad, sep="\n", flush=True)
        os._exit(1)


PLACE, servers = place(), []
atexit.register(leave)


def certificates():
    """An authority, and by it a certificate for each server: ca.pem, mail.pem, mail.key, mx.pem, mx.key in PLACE."""
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    run(*new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=an authority")
    for name in (MAIL, MX):
        short = name.split(".")[0]
        run(*new, "-keyout", short + ".key", "-out", short + ".pem", "-subj", f"/CN={name}", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-addext", f"subjectAltName=DNS:{name}", "-addext", "basicConstraints=critical,CA:FALSE")


def fingerprint(certificate):
    """SHA-256 of the public key, for TLSA 3 1 1."""
    key = run("openssl", "x509", "-in", certificate, "-pubkey", "-noout")
    run("openssl", "pkey", "-pubin", "-outform", "DER", "-out", "spki.der", input=key.encode())
    return run("openssl", "dgst", "-sha256", "-r", "spki.der").split()[0]


def listens(address, port):
    with socket.socket() as s:
        return s.connect_ex((address, port)) == 0


class Server:
    """A program that runs until the script ends; what it said is shown then if something failed."""

    def __init__(self, name, *command, env=None, ready=(), log=None):
        self.name, self.logs = name, [os.path.join(PLACE, name + ".said")] + ([log] if log else [])
        with open(self.logs[0], "w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(env or {})}, start_new_session=True)
        servers.append(self)
        for address, port in ready:
            wait_for(f"{name} on port {port}", lambda: self.process.poll() is not None or listens(address, port))
        assert self.process.poll() is None, f"{name} ended with {self.process.returncode}"

    def said(self):
        with open(self.logs[0], errors="replace") as f:
            return f.read()

    def ended(self):
        """Waits for the end; "" if it was a good one."""
        code = self.process.wait(PATIENCE)
        for log in self.logs if hasattr(sys, "last_value") else ():
            with open(log, "a+", errors="replace") as f:
                f.seek(0)
                print(f"--- {log}:\n" + f.read()[-8000:])
        return "" if code in (0, -signal.SIGTERM) else f"{self.name} ended with {code}"


class Tem(Server):
    """The built program with the configuration tem.toml, and more if the script has any. dns: the address of its name server, if that is not names."""

    def __init__(self, people=("an", "binh"), more="", dane=True, dns=TEM_AT):
        certificates()
        self.names = Names(TEM_AT)
        self.publish(dane)
        config = fill("../python/tem.toml", to=PLACE, PLACE=PLACE, TEM=TEM_AT, DNS=dns)
        if more:
            with open(config, "a") as both, open(fill(more, to=PLACE, PLACE=PLACE, PEER=PEER_AT, NET=NET)) as f:
                both.write(f.read())
        self.asked = os.path.join(PLACE, "tem.journey")  # what it said last of a journey
        super().__init__("tem", os.environ["TEM"], "serve", "--config", config, log=self.asked)
        wait_for("the server", lambda: self.process.poll() is not None or "msg=ready" in self.said())
        assert self.process.poll() is None, f"tem ended with {self.process.returncode}"
        self.admin("domain", "add", HERE)
        for person in people:
            self.person(f"{person}@{HERE}")
        self.keys = []  # names of what its DKIM keys are published under
        for key in json.loads(self.admin("domain", "dkim", "list", HERE, "--json"))["keys"]:
            self.keys.append(key["name"])
            self.names.add(key["name"], "TXT", key["record"])

    def publish(self, dane):
        """What both servers have in the DNS, keys of DKIM apart; dane: of their certificates, too."""
        for domain, host, at, key in ((HERE, MAIL, TEM_AT, "mail.pem"), (THERE, MX, PEER_AT, "mx.pem")):
            self.names.add(domain, "MX", f"10 {host}.")
            self.names.add(domain, "TXT", f"v=spf1 ip4:{at} -all")
            self.names.add("_dmarc." + domain, "TXT", "v=DMARC1; p=reject")
            self.names.add(host, "A", at)
            self.names.add(host, "TXT", "v=spf1 a -all")
            if dane:
                self.names.add("_25._tcp." + host, "TLSA", "3 1 1 " + fingerprint(key))
            self.names.add(".".join(reversed(at.split("."))) + ".in-addr.arpa", "PTR", host + ".")

    def admin(self, *args, **more):
        return run(os.environ["TEM"], *args, "--config", os.path.join(PLACE, "tem.toml"), **more)

    def person(self, address):
        self.admin("account", "add", "--password-file", "-", address, input=(PASSWORD + "\n").encode())

    def journey(self, what):
        """The trips of a message, an address or a session."""
        said = self.admin("journey", "--json", "--dialogue", what, ok=(0, 3))
        with open(self.asked, "w") as f:
            f.write(f"{what}\n{said}")
        return json.loads(said)["trips"] if said.startswith("{") else []

    def inbox(self, person):
        """Somebody's letters, octet for octet."""
        person = person if "@" in person else f"{person}@{HERE}"
        with imaplib.IMAP4_SSL(TEM_AT, 19993, ssl_context=trusting(), timeout=PATIENCE) as box:
            box.authenticate("PLAIN", lambda _: f"\0{person}\0{PASSWORD}".encode())
            n = int(box.select("INBOX", True)[1][0])
            return [item[1] for item in box.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(item, tuple)] if n else []


def trusting():
    """TLS that trusts the authority of this world; the servers are reached by address here."""
    context = ssl.create_default_context(cafile=os.path.join(PLACE, "ca.pem"))
    context.check_hostname = False
    return context
