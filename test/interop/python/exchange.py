"""What two mail servers have to carry between them, in both directions: the letters, how they are sent, and what must arrive."""
import concurrent.futures
import email
import email.policy
import os
import random
import re
import smtplib

import authres

from running import same
from waiting import PATIENCE, wait_for
from world import HERE, MAIL, MX, PASSWORD, PEER_AT, TEM_AT, THERE, trusting

MANY = 100

# How Tem's dialogues look where BDAT is offered, and where there is not even PIPELINING.
PIPELINED = r"C: MAIL FROM:.*\n(C: RCPT TO:.*\n)+(S: 250 .*\n)*C: BDAT \d+"
IN_TURN = r"(?s)C: MAIL FROM:[^\n]*\nS: 250 [^\n]*\nC: RCPT TO:[^\n]*\nS: 250 .*C: DATA\nS: 354 "
PARAMETERS = {"eight": ["C: MAIL FROM:.* BODY=8BITMIME"], "utf8": ["C: MAIL FROM:.* SMTPUTF8", "C: RCPT TO:<thư@"]}


class Letter:
    """A text, its envelope, and the parameters of MAIL."""

    def __init__(self, name, sender, to, body, *options, subject="a letter", notify=()):
        self.name, self.sender, self.to, self.options, self.notify, self.body = name, sender, to, list(options), list(notify), body
        self.id = f"<{name}.{sender}>"
        head = (f"From: {sender}\nTo: {to[0]}\nSubject: {subject}\nDate: Thu, 26 Nov 2026 09:00:00 +0700\nMessage-ID: {self.id}\n"
                "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n")
        self.text = head.replace("\n", "\r\n").encode() + body


def letters(here, there, us, them, utf8=True):
    """The letters from the people us at here to the people them at there; what reaches nobody is the business of reports."""
    sender, to = f"{us}@{here}", f"{them}@{there}"
    line = "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz .", k=76)).encode()
    yield Letter("plain", sender, [to], b".\r\n..\r\n. one\r\n\ttabs and blanks \t \r\nFrom the start\r\n" + b"x" * 900 + b"\r\n\r\n\r\n")
    yield Letter("eight", sender, [to], "Chào bạn, một lá thư\r\n".encode() + bytes(range(0xa0, 0x100)) + b"\r\n", "BODY=8BITMIME")
    yield Letter("large", sender, [to], b"".join(b"%07d %s\r\n" % (i, line) for i in range(150_000)))
    yield Letter("many", sender, [f"{them}+{n}@{there}" for n in range(MANY)], b"for all\r\n")
    if utf8:
        yield Letter("utf8", f"{us}@{here}", [f"thư@{there}"], "gửi thư\r\n".encode(), "SMTPUTF8", "BODY=8BITMIME", subject="Thư từ Huế")


def send(letter, address, port, login=None):
    """Hands a letter to a server: as its user over TLS, or as a machine that it trusts."""
    smtp = smtplib.SMTP_SSL(address, port, context=trusting(), timeout=PATIENCE) if login else smtplib.SMTP(address, port, timeout=PATIENCE)
    with smtp:
        if login:
            smtp.login(login, PASSWORD)
        refused = smtp.sendmail(letter.sender, letter.to, letter.text, letter.options, letter.notify)
        assert not refused, refused


def send_from_tem(letter):
    send(letter, TEM_AT, 19465, login=letter.sender)


def send_from_peer(letter):
    send(letter, PEER_AT, 19587)


def find(letter, texts):
    """The copies of a letter among texts, whose lines end with CRLF."""
    return [t for t in texts if letter.id.encode() in re.findall(rb"(?mi)^Message-ID:\s*(\S+)", t.partition(b"\r\n\r\n")[0])]


def arrived(letter, look, copies=1):
    """Waits for the copies of a letter and returns their headers; the body is as it was sent, octet for octet."""
    found = wait_for(f"{letter.name} to {letter.to[0]}", lambda: (got := find(letter, look())) and len(got) >= copies and got, 2 * PATIENCE)
    same(len(found), copies)
    for text in found:
        got = text.partition(b"\r\n\r\n")[2]
        assert got == letter.body, f"{letter.name}: {len(got)} octets of {len(letter.body)}: {got[:200]!r}"
    return heads(found)


def trip(tem, letter, state, over=2 * PATIENCE):
    """Waits until Tem's journal says of all recipients of a letter that they are at state; returns that trip."""
    def look():
        for t in tem.journey(letter.id):
            if t["message_id"] == letter.id and {a["state"] for a in t["answers"]} == {state}:
                return t
    return wait_for(f"the journey of {letter.name} to end as {state}", look, over)


def events(trip, kind):
    return [e for e in trip["events"] if e["kind"] == kind]


def reports(texts):
    """What the reports among texts say: (its fields, those of each recipient, the whole text)."""
    for text in texts:
        message = email.message_from_bytes(text, policy=email.policy.default)
        for part in message.walk():
            if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
                blocks = part.get_payload()
                if isinstance(blocks, str):
                    blocks = [email.message_from_string(b) for b in part.get_content().strip().split("\n\n")]
                yield blocks[0], blocks[1:], text


def report(letter, look, action):
    """Waits for the report that says action of a letter; returns its fields, those of its only recipient, and all of it."""
    def seen():
        return [r for r in reports(look()) if letter.id.encode() in r[2] and r[1][0]["Action"].split()[0] == action]
    (head, each, text), = wait_for(f"a report {action} of {letter.name}", seen, 2 * PATIENCE)
    same(len(each), 1)
    return head, each[0], text


def heads(texts):
    """The headers of texts."""
    return [t.partition(b"\r\n\r\n")[0].decode() for t in texts]


def results(head):
    """What Tem's Authentication-Results field holds, as authres reads it."""
    field = re.search(r"(?s)^Authentication-Results:.*?(?=\r\n\S)", head.partition("\r\n")[2])[0]
    found = authres.AuthenticationResultsHeader.parse(field.replace("\r\n", ""))
    same(found.authserv_id, MAIL)
    return {(r.method, r.result) for r in found.results}


def maildir(root):
    """The letters in a Maildir, as they were on the wire: without the fields that a delivery puts first, and with CRLF."""
    found = []
    for folder in ("new", "cur"):
        there = os.path.join(root, folder)
        for name in os.listdir(there) if os.path.isdir(there) else ():
            with open(os.path.join(there, name), "rb") as f:
                found.append(f.read().replace(b"\n", b"\r\n"))
    return found


class Exchange:
    """All that is tried between Tem and one peer, which has inbox(person), and says what it can:

    says     how the dialogue in which Tem hands it a letter must look
    tls      what the journal must say: protocol and policy
    received how its Received field tells of TLS
    utf8     whether it takes addresses that are not ASCII
    dsn      whether it offers DSN
    envid    how its reports write the envelope's id QQ+314
    """

    def __init__(self, tem, peer):
        self.tem, self.peer = tem, peer

    def outward(self):
        """Letters of Tem's people reach the peer's."""
        sent = list(letters(HERE, THERE, "an", "hue", self.peer.utf8))
        together(send_from_tem, sent)
        for letter in sent:
            for head in arrived(letter, lambda: self.peer.inbox(person(letter)), len(letter.to)):
                assert re.search(self.peer.received, head), head
                assert "DKIM-Signature:" in head, head
            t = trip(self.tem, letter, "delivered")
            same(sorted(a["to"] for a in t["answers"]), sorted(letter.to))
            attempt, = events(t, "attempted")
            same((attempt["remote"], attempt.get("tls", "")[:7], attempt["policy"]), (f"{MX} [{PEER_AT}:19025]", *self.peer.tls))
            for pattern in self.peer.says, *PARAMETERS.get(letter.name, ()):
                assert re.search(pattern, attempt["dialogue"]), (pattern, attempt["dialogue"])

    def inward(self):
        """Letters of the peer's people reach Tem's."""
        sent = list(letters(THERE, HERE, "hue", "binh", self.peer.utf8))
        together(send_from_peer, sent)
        for letter in sent:
            trips = wait_for(f"{letter.name} to {letter.to[0]}", lambda: self.accepted(letter), 2 * PATIENCE)
            # A copy for each transaction, however many addresses of theirs it is to.
            for head in arrived(letter, lambda: self.tem.inbox(person(letter)), len(trips)):
                assert re.search(rf"Received: from {MX} \(\[{PEER_AT}\]\)\s+by {MAIL} with (UTF8SMTPS|ESMTPS) id [^;]*\(version=TLS1_3 ", head), head
                verdicts = results(head)
                assert ("spf", "pass") in verdicts and ("dmarc", "pass") in verdicts and ("iprev", "pass") in verdicts, verdicts

    def accepted(self, letter):
        """The trips of a letter into Tem's mailboxes, once all its recipients have it."""
        trips, to = self.tem.journey(letter.id), []
        for t in trips:
            same(({a["state"] for a in t["answers"]} - {"underway"}) <= {"delivered"}, True)
            event, = events(t, "accepted")
            assert event["tls"].startswith("TLS 1.3") and event["hello"] == MX, event
            to += event["to"] if events(t, "placed") else []
        return trips if sorted(to) == sorted(letter.to) else None

    def reports(self):
        """Who asks is told of success, by whoever delivers; of failure everybody."""
        an, hue = f"an@{HERE}", f"hue@{THERE}"
        asked = ("RET=HDRS", "ENVID=QQ+2B314"), ("NOTIFY=SUCCESS,FAILURE",)
        def letter(name, sender, to):
            return Letter(name, sender, [to], b"please\r\n", *asked[0], notify=asked[1])
        out = [letter("success", an, hue), letter("failure", an, f"nobody@{THERE}"), letter("late", an, f"later@{THERE}")]
        back = [letter("success", hue, an), letter("failure", hue, f"nobody@{HERE}")]
        together(send_from_tem, out)
        together(send_from_peer, back)
        ours, theirs = lambda: self.tem.inbox("an"), lambda: self.peer.inbox("hue")
        head, each, text = report(out[0], ours, "delivered" if self.peer.dsn else "relayed")
        same(each["Final-Recipient"].replace(" ", ""), "rfc822;" + hue)
        same(head["Original-Envelope-Id"], self.peer.envid)
        head, each, text = report(out[1], ours, "failed")
        same((head["Reporting-MTA"].replace(" ", ""), each["Remote-MTA"].replace(" ", "")), ("dns;" + MAIL, "dns;" + MX))
        same(each["Status"][:2], "5.")
        trip(self.tem, out[1], "failed")
        head, each, text = report(out[2], ours, "failed")
        same(head["Reporting-MTA"].replace(" ", ""), "dns;" + MX)
        head, each, text = report(back[0], theirs, "delivered")
        same((head["Reporting-MTA"], each["Status"][:2], head["Original-Envelope-Id"]), ("dns; " + MAIL, "2.", "QQ+314"))
        head, each, text = report(back[1], theirs, "failed")
        same((head["Reporting-MTA"].replace(" ", ""), each["Status"][:2]), ("dns;" + MX, "5."))
        assert b"550 5.1.1" in text, text


def person(letter):
    """Whom all recipients of a letter are."""
    return re.split("[+@]", letter.to[0])[0]


def together(do, items):
    """Calls do with each of items, at the same time."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(do, items))
