"""DANE with a real DNS: Knot signs, Unbound checks, and Tem does with each host what Postfix finds right."""
import hashlib

import aiosmtpd.controller
import dns.message
import dns.query

from exchange import *
from unpacked import Root, unpack
from world import *

CLEAR_AT, KNOT_AT, UNBOUND_AT = NET + ".3", NET + ".4", NET + ".5"

# The domains in hue.example.zone. Those with a host that a TLSA record vouches for:
VERIFIED = "spki spki512 spki0 cert ca caspki rollover wildcard shared a.far farca direct alias alias2 alias3".split()
# those where TLS is all that is asked, or nothing; those that must not get mail like this.
ANYBODY = "bare outside plain inside.plain unusable".split()
IN_CLEAR = ["bareclear"]
KEPT = "wrong wrongca a.farca clear unusable2 torn forged bogus".split()


class Letters:
    """What the server was given: the domain of the recipient → whether over TLS."""

    def __init__(self):
        self.over = {}

    async def handle_DATA(self, server, session, envelope):
        for to in envelope.rcpt_tos:
            self.over.setdefault(to.partition("@")[2], []).append(bool(session.ssl))
        return "250 2.0.0 thanks"


class Server25(aiosmtpd.controller.Controller):
    def __init__(self, letters, address, **tls):
        super().__init__(letters, hostname=address, port=25, server_hostname="mx." + THERE, **tls)
        self.start()
        atexit.register(self.stop)


def pki():
    """The certificate of all hosts: of *.hue.example by the authority, with which it is sent."""
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-keyout", "any.key", "-out", "any.pem",
        "-subj", "/CN=any", "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", f"subjectAltName=DNS:*.{THERE}", "-addext", "basicConstraints=critical,CA:FALSE")
    with open("chain.pem", "w") as f:
        for name in "any.pem", "ca.pem":
            with open(name) as one:
                f.write(one.read())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("chain.pem", "any.key")
    return context


def der(*command):
    run("openssl", *command, "-outform", "DER", "-out", "der")
    with open("der", "rb") as f:
        return f.read()


def spki(certificate):
    with open("key.pem", "w") as f:
        f.write(run("openssl", "x509", "-in", certificate, "-pubkey", "-noout"))
    return der("pkey", "-pubin", "-in", "key.pem")


def zones():
    """Knot with the zones, and Unbound that trusts the key of hue.example and nothing else."""
    def sha256(b):
        return hashlib.sha256(b).hexdigest()
    key = spki("any.pem")
    os.mkdir("knot")
    for name in "", "plain.", "bogus.", "_tcp.torn-mx.":
        fill(f"{name}{THERE}.zone", to="knot", PEER=PEER_AT, CLEAR=CLEAR_AT, KNOT=KNOT_AT, NONE=sha256(b"nothing"), SPKI=sha256(key),
             SPKI512=hashlib.sha512(key).hexdigest(), SPKI0=key.hex(), CERT=sha256(der("x509", "-in", "any.pem")),
             CA=sha256(der("x509", "-in", "ca.pem")), CASPKI=sha256(spki("ca.pem")))
    Server("knot", unpack("knot", "unpacked") + "/usr/sbin/knotd", "-c", fill("knot.conf", AT=KNOT_AT, PLACE=PLACE), ready=[(KNOT_AT, 53)])
    def signed():
        asked = dns.message.make_query(THERE, "DNSKEY", want_dnssec=True)
        answer = dns.query.tcp(asked, KNOT_AT, timeout=PATIENCE).answer
        return [r for r in answer if r.rdtype == dns.rdatatype.DNSKEY] if len(answer) == 2 else None
    with open("anchor", "w") as f:
        f.write(wait_for("keys of " + THERE, signed)[0].to_text() + "\n")
    with open("hints", "w") as f:
        f.write(f". 60 NS ns.{THERE}.\nns.{THERE}. 60 A {KNOT_AT}\n")
    Server("unbound", unpack("unbound", "unpacked") + "/usr/sbin/unbound", "-d", "-p", "-c", fill("unbound.conf", AT=UNBOUND_AT, PLACE=PLACE, KNOT=KNOT_AT), ready=[(UNBOUND_AT, 53)])


class Finger(Root):
    """Postfix's posttls-finger, which looks where Tem does."""

    def __init__(self):
        super().__init__(None, ["/usr/sbin/posttls-finger"], {"postfix": 101, "postdrop": 102, "nobody": 103}, dns=UNBOUND_AT)
        os.mkdir(self.at("etc/postfix"))
        self.write("etc/postfix/main.cf", "compatibility_level = 3.6\ninet_protocols = ipv4\n")

    def says(self, case):
        """What it finds of the TLS of a case's host."""
        return self.run("/usr/sbin/posttls-finger", "-c", "-l", "dane", f"{case}.{THERE}", ok=(0, 1))


def letter(case):
    return Letter(case, f"an@{HERE}", [f"hue@{case}.{THERE}"], b"over TLS?\r\n")


def attempts(case, state):
    """Waits until there is an attempt to hand the letter to a case over, and the letter is at state; returns all attempts."""
    def look():
        for t in tem.journey(letter(case).id):
            if t["answers"][0]["state"] == state and events(t, "attempted"):
                return events(t, "attempted")
    return wait_for(f"the letter to {case}, {state}", look)


def judged():
    """Tem and Postfix find the same of each case."""
    finger, cases = Finger(), VERIFIED + ANYBODY + IN_CLEAR + KEPT
    together(send_from_tem, [letter(c) for c in cases])
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = dict(zip(cases, pool.map(finger.says, cases)))
    for case, said in found.items():
        tried = attempts(case, "waiting" if case in KEPT else "delivered")
        what = f"{case}: {tried}\n{said}"
        assert ("Verified TLS connection" in said) == (case in VERIFIED), what
        assert case in KEPT or ("TLS connection" in said) == (case not in IN_CLEAR), what
        if case in VERIFIED:
            assert tried[-1]["policy"] == "dane" and tried[-1]["tls"].startswith("TLS 1.3"), what
    same({c: letters.over.get(f"{c}.{THERE}", []) for c in cases},
         {c: [] if c in KEPT else [c not in IN_CLEAR] for c in cases})


def second_host():
    """A host that is not to be believed is passed over."""
    send_from_tem(letter("two"))
    same([a["remote"].partition(".")[0] for a in attempts("two", "delivered")], ["wrong-mx", "spki-mx"])


tem = Tem(people=("an",), dane=False, dns=UNBOUND_AT)
letters = Letters()
Server25(letters, PEER_AT, tls_context=pki())
Server25(letters, CLEAR_AT)
zones()
judged()
second_host()
