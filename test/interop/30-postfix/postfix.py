"""Postfix and Tem exchange letters over SMTP."""
import pwd
import shutil

from exchange import *
from world import *


class Postfix(Server):
    """Debian's Postfix with a configuration, queue and mailboxes of its own."""

    def __init__(self):
        person = pwd.getpwnam("nobody")
        for d in ("postfix", "queue", "data-postfix", "mail"):
            os.mkdir(d)
        shutil.chown("mail", person.pw_uid, person.pw_gid)
        shutil.chown("data-postfix", "postfix")
        for name in ("main.cf", "master.cf", "people", "aliases", "transport"):
            fill(name, mode=0o644, to="postfix", PLACE=PLACE, PEER=PEER_AT, TEM=TEM_AT, UID=person.pw_uid, GID=person.pw_gid)
        super().__init__("postfix", "postfix", "-c", os.path.join(PLACE, "postfix"), "start-fg", ready=[(PEER_AT, 19025)],
                         log=os.path.join(PLACE, "postfix.log"))

    says = PIPELINED
    received = r"\(using TLSv1.3 with cipher"
    tls = "TLS 1.3", "dane"
    utf8 = dsn = True
    envid = "QQ+314"

    def inbox(self, person):
        return maildir(os.path.join(PLACE, "mail", person))


class OpenDKIM(Server):
    """Debian's opendkim, which verifies (v) with the keys in the file keys, or signs (s)."""

    def __init__(self, mode, port):
        config = fill("opendkim.conf", to=mode, MODE=mode, PORT=port, PLACE=PLACE, PEER=PEER_AT)
        super().__init__("opendkim-" + mode, "opendkim", "-f", "-x", config, ready=[(PEER_AT, port)])


def opendkim(tem):
    """Starts both, with our keys for the one and a new key for the other."""
    run("opendkim-genkey", "-b", "2048", "-d", THERE, "-s", "o1")
    with open("o1.txt") as f:
        tem.names.add("o1._domainkey." + THERE, "TXT", "".join(re.findall('"([^"]*)"', f.read())))
    with open("keys", "w") as f:
        f.writelines(f"{name} {tem.names.text(name).decode()}\n" for name in tem.keys)
    for mode, port in ("v", 19891), ("s", 19892):
        os.mkdir(mode)
        OpenDKIM(mode, port)


def signatures():
    """opendkim finds both of our signatures good, and Tem finds its good."""
    for head in heads(postfix.inbox("hue")):
        results = re.findall(r"dkim=(\w+)[^;]* header.d=hanoi.example [^;]*header.a=([\w-]+)", head)
        same(sorted(results), [("pass", "ed25519-sha256"), ("pass", "rsa-sha256")])
    for head in heads(tem.inbox("binh")):
        assert re.search(r"dkim=pass [^;]*header.d=hue.example [^;]*header.s=o1", head), head


def by_lmtp():
    """Postfix has another domain delivered by LMTP: what each recipient is told is told to Postfix."""
    tem.admin("domain", "add", "hoian.example")
    tem.person("chi@hoian.example")
    letter = Letter("lmtp", "hue@" + THERE, ["chi@hoian.example", "nobody@hoian.example"], "bằng LMTP\r\n".encode(), "BODY=8BITMIME")
    send_from_peer(letter)
    head, = arrived(letter, lambda: tem.inbox("chi@hoian.example"))
    assert re.search(rf"by {MAIL} with LMTPS id", head), head
    _, each, _ = report(letter, lambda: postfix.inbox("hue"), "failed")
    same((each["Final-Recipient"], each["Status"]), ("rfc822; nobody@hoian.example", "5.1.1"))


tem = Tem(people=("an", "binh", "thư"))
opendkim(tem)
postfix = Postfix()
x = Exchange(tem, postfix)
x.outward()
x.inward()
signatures()
x.reports()
by_lmtp()
