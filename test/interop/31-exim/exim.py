"""Exim and Tem exchange letters over SMTP; Exim is the relay of one of Tem's people."""
import base64
import re

from exchange import *
from unpacked import Root
from world import *


class Exim(Root, Server):
    """Debian's Exim (the light one), which checks and makes signatures itself."""

    says = PIPELINED
    received = r"with esmtps\s+\(TLS1\.3\)|with utf8esmtps\s+\(TLS1\.3\)"
    tls = "TLS 1.3", "dane"
    utf8 = dsn = True
    envid = "QQ+2B314"  # it does not decode what it was given

    def __init__(self):
        Root.__init__(self, "exim4-daemon-light", ["/usr/sbin/exim4"], {"Debian-exim": 101})
        for d in "etc/exim4", "spool", "mail":
            os.makedirs(self.at(d))
            os.chown(self.at(d), 101, 101)
        os.chown(self.at("etc/mx.key"), 101, 101)
        self.keys()
        shutil.move(fill("exim.conf", mode=0o644, PEER=PEER_AT, PASSWORD=PASSWORD), self.at("etc/exim4/exim4.conf"))
        self.server("exim", "/usr/sbin/exim4", "-bdf", "-q1m", ready=[(PEER_AT, 19025), (PEER_AT, 19587)], log=self.at("spool/mainlog"))

    def keys(self):
        """Makes a key of each kind for its signatures."""
        for name, kind in ("rsa", ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]), ("ed", ["Ed25519"]):
            run("openssl", "genpkey", "-quiet", "-algorithm", *kind, "-out", self.at(f"etc/{name}.key"))
            os.chown(self.at(f"etc/{name}.key"), 101, 101)
            run("openssl", "pkey", "-in", self.at(f"etc/{name}.key"), "-pubout", "-outform", "DER", "-out", "public")
            with open("public", "rb") as f:
                public = f.read() if name == "rsa" else f.read()[-32:]  # RFC 8463 §4: without the wrapping
            kind = "" if name == "rsa" else "k=ed25519; "
            tem.names.add(f"{name}._domainkey.{THERE}", "TXT", f"v=DKIM1; {kind}p={base64.b64encode(public).decode()}")

    def inbox(self, person):
        return maildir(self.at("mail/" + person))


def signatures():
    """Exim finds both of our signatures good, and Tem both of Exim's."""
    for head in heads(exim.inbox("hue")):
        if f"@{HERE}" in head.partition("\r\nFrom:")[2].partition("\r\n")[0]:
            same(sorted(re.findall(r"X-Signed: (.*)\r", head + "\r")), [f"pass ed25519-sha256 {HERE}", f"pass rsa-sha256 {HERE}"])
    for head in heads(tem.inbox("binh")):
        same(sorted(re.findall(r"dkim=(\w+) [^;]*header.d=hue.example [^;]*header.a=([\w-]+)", head)), [("pass", "ed25519-sha256"), ("pass", "rsa-sha256")])


def chunks():
    """Exim handed all of its letters over by BDAT, which its log has as K."""
    def sent():
        with open(exim.at("spool/mainlog")) as f:
            found = [l for l in f if " => " in l and "T=remote" in l]
        return found if len(found) >= 5 else None  # it writes after Tem has the letter
    for l in wait_for("five letters in Exim's log", sent):
        assert " K C=" in l, l


def by_relay():
    """What binh writes goes through Exim, which knows who sent it."""
    letter = Letter("relayed", "binh@" + HERE, ["hue@" + THERE], b"by another\r\n")
    send_from_tem(letter)
    head, = arrived(letter, lambda: exim.inbox("hue"))
    assert re.search(r"with esmtpsa\s+\(TLS1\.3\)", head), head
    attempt, = events(trip(tem, letter, "delivered"), "attempted")
    same(attempt["remote"], f"{MX} [{PEER_AT}:19587]")
    assert "C: AUTH PLAIN" in attempt["dialogue"] and base64.b64encode(f"\0smart\0{PASSWORD}".encode()).decode() not in attempt["dialogue"], attempt


with open("secret", "w") as f:
    os.chmod("secret", 0o600)
    f.write(PASSWORD + "\n")
tem = Tem(people=("an", "binh", "thư"), more="relay.toml")
exim = Exim()
x = Exchange(tem, exim)
x.outward()
x.inward()
signatures()
chunks()
x.reports()
by_relay()
