"""opendkim: verifies what tem dkim sign makes, and tells what was changed."""
import json

from peer import *

DOMAIN = "hanoi.example"
TEXT = ("From: An <an@hanoi.example>\nTo: binh@hue.example\nSubject: =?utf-8?q?Ch=C3=A0o?=\n  =?utf-8?q?=E1=BA=A1n?=\nDate: Fri, 11 Jul 2003 21:00:37 -0700\n"
        "Message-ID: <1@hanoi.example>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nList-Id: <l.hanoi.example>\n\n"
        "xin  chào \t\n\n--  \nAn\n\n\n")

run("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.pem")
answer = json.loads(run(os.environ["TEM"], "dkim", "sign", "-", "--domain", DOMAIN, "--selector", "s1", "--key", "key.pem", "--json", input=TEXT.encode()))
assert not answer["crlf"] and answer["name"] == "s1._domainkey.hanoi.example", answer
with open("keys", "w") as f:
    f.write(f"{answer['name']} {answer['record']}\n")
conf = configure("opendkim.conf", KEYS=os.path.abspath("keys"))


def verdict(message):
    """What opendkim says of a message."""
    with open("letter.eml", "wb") as f:
        f.write(message.encode())
    return run("opendkim", "-x", conf, "-t", "letter.eml", ok=(0, 1, 65, 70, 75))


said = verdict(answer["message"])
assert "verification (s=s1, d=hanoi.example, 2048-bit key) succeeded" in said, said
for change in (lambda m: m.replace("xin", "xon"), lambda m: m.replace("binh@", "chi@"), lambda m: "Reply-To: evil@x.example\r\n" + m):
    said = verdict(change(answer["message"]))
    assert "succeeded" not in said, said
