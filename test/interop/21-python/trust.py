"""dkimpy and pyspf, second opinions: what Tem signs they verify, what they sign Tem verifies, and of SPF both say the same."""
import base64
import json

import dkim
import dns.rdatatype
import dns.zone
import spf

from peer import *

ZONE = os.path.join(os.environ["PEER"], "zone")
zone = dns.zone.from_file(ZONE, relativize=False)


def lookup(name, kind, *_, **__):
    """In the shape in which pyspf has answers."""
    try:
        found = zone.get_rdataset(dns.name.from_text(name), kind)
    except dns.exception.DNSException:
        return []
    shape = {"A": lambda r: r.address, "AAAA": lambda r: r.address, "MX": lambda r: (r.preference, r.exchange.to_text(True)), "TXT": lambda r: list(r.strings)}
    return [((name, kind), shape[kind](r)) for r in found or ()]


spf.DNSLookup = lookup
seen = set()
for name in sorted({n.to_text(True).split(".")[0] for n in zone.nodes if len(n.labels) == 3}):
    for ip in "192.0.2.7", "192.0.2.1", "198.51.100.1", "2001:db8::7", "2001:db8:1::7":
        theirs = spf.check2(i=ip, s=f"an@{name}.example", h="mx.example")[0]
        ours = json.loads(run(os.environ["TEM"], "check", "spf", "--ip", ip, "--from", f"an@{name}.example", "--helo", "mx.example", "--zone", ZONE, "--json", ok=(0, 1)))
        same((name, ip, ours["verdict"]), (name, ip, theirs))
        seen.add(theirs)
same(seen, {"pass", "fail", "softfail", "neutral", "none", "permerror"})

# DKIM, both kinds of key.
TEXT = letter(1, "xin  chào \t\n\n-- \nAn\n\n\n")
public = {}


def published(name, timeout=5):
    return public.get(name.decode().rstrip("."), "").encode()


for name, kind in ("rsa", ("RSA", "-pkeyopt", "rsa_keygen_bits:2048")), ("ed", ("Ed25519",)):
    run("openssl", "genpkey", "-quiet", "-algorithm", *kind, "-out", name + ".pem")
    answer = json.loads(run(os.environ["TEM"], "dkim", "sign", "-", "--domain", "peer.example", "--selector", name, "--key", name + ".pem", "--json", input=TEXT))
    public[answer["name"]] = answer["record"]
    signed = answer["message"].encode()
    assert dkim.verify(signed, dnsfunc=published), signed
    assert not dkim.verify(signed.replace(b"xin", b"xon"), dnsfunc=published)
with open("keys", "w") as f:
    f.write("$ORIGIN .\n$TTL 60\n. SOA ns. root. 1 1 1 1 1\n")
    for name, record in public.items():
        f.write(f"{name}. TXT " + " ".join(f'"{record[i:i + 200]}"' for i in range(0, len(record), 200)) + "\n")


def private(name):
    """As dkimpy wants it: PEM, or the seed alone in base 64."""
    if name == "rsa":
        run("openssl", "rsa", "-in", "rsa.pem", "-traditional", "-out", "traditional.pem")
        with open("traditional.pem", "rb") as f:
            return f.read()
    run("openssl", "pkey", "-in", "ed.pem", "-outform", "DER", "-out", "ed.der")
    with open("ed.der", "rb") as f:
        return base64.b64encode(f.read()[-32:])


def ours(check, message, ok):
    return json.loads(run(os.environ["TEM"], "check", check, "-", "--zone", "keys", "--json", input=message, ok=(ok,)))["verdict"]


for name, algorithm in ("rsa", b"rsa-sha256"), ("ed", b"ed25519-sha256"):
    for way in (b"relaxed", b"relaxed"), (b"simple", b"simple"), (b"relaxed", b"simple"), (b"simple", b"relaxed"):
        signed = dkim.sign(TEXT, name.encode(), b"peer.example", private(name), canonicalize=way, signature_algorithm=algorithm) + TEXT
        same(ours("dkim", signed, 0), "pass")
        same(ours("dkim", signed.replace("chào".encode(), b"hello"), 1), "fail")

# ARC: two hops of theirs.
message = TEXT
for hop in "first.example", "second.example":
    message = f"Authentication-Results: {hop}; spf=pass smtp.mailfrom=bob@peer.example\r\n".encode() + message
    message = b"".join(dkim.arc_sign(message, b"rsa", b"peer.example", private("rsa"), hop.encode())) + message
    same(ours("arc", message, 0), "pass")
same(ours("arc", message.replace("chào".encode(), b"hello"), 1), "fail")
