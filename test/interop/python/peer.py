"""What the scripts share: running a peer, and what the server holds as imaplib sees it."""
import email.utils
import imaplib
import os
import re

from lab import AN, BINH, CHI, DUNG, HANOI, LAB, PATIENCE, SAIGON, context, port
from running import fill, run, same

IMAPS, POP3S = port(HANOI, "imaps"), port(HANOI, "pop3s")


def configure(name, mode=0o600, **values):
    """Writes the peer's configuration here, with $names filled in, and returns its path."""
    return fill(name, mode, **{"CA": LAB["ca"], "IMAP": port(HANOI, "imap"), "IMAPS": IMAPS, "POP3": port(HANOI, "pop3"), "POP3S": POP3S,
                               "HERE": os.getcwd(), "USER": AN["address"], "PASSWORD": AN["password"], **values})


def letter(n, body="hello\n"):
    """A letter whose Message-ID is <n@peer.example>, CRLF."""
    text = (f"From: Bob <bob@peer.example>\nTo: an@hanoi.example\nSubject: letter {n}\nDate: {email.utils.formatdate(1700000000)}\n"
            f"Message-ID: <{n}@peer.example>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{body}")
    return text.replace("\n", "\r\n").encode()


class Box(imaplib.IMAP4_SSL):
    """A session of somebody, checked at each step."""

    def __init__(self, who=AN, server=HANOI):
        super().__init__("localhost", port(server, "imaps"), ssl_context=context(), timeout=PATIENCE)
        self.do("login", who["address"], who["password"])

    def do(self, method, *args):
        kind, answer = getattr(self, method)(*args)
        assert kind == "OK", (method, args, kind, answer)
        return answer

    def put(self, mailbox, *numbers, flags=None, body="hello\n"):
        for n in numbers:
            self.do("append", quoted(mailbox), flags, None, letter(n, body))

    def flag(self, mailbox, number, change, flags):
        self.do("select", quoted(mailbox))
        uid = self.do("uid", "SEARCH", "HEADER", "Message-ID", f"<{number}@peer.example>")[0]
        assert uid and b" " not in uid, (mailbox, number, uid)
        self.do("uid", "STORE", uid, change, flags)

    def remove(self, mailbox, number):
        self.flag(mailbox, number, "+FLAGS.SILENT", r"(\Deleted)")
        self.do("expunge")

    def mailboxes(self):
        """The names that can be selected, as they are on the wire."""
        lines = [l for l in self.do("list") if rb"\Noselect" not in l]
        return sorted(unquoted(re.search(rb'"/" (.*)$', l)[1].decode()) for l in lines)

    def held(self, mailbox):
        """Message-ID's local part → set of flags, for all messages; a duplicate is an error."""
        n = int(self.do("select", quoted(mailbox), True)[0])
        found = {}
        if n == 0:
            return found
        for item in self.do("fetch", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"):
            if isinstance(item, tuple):
                name = re.search(rb"<([^@>]*)", item[1])[1].decode()
                assert name not in found, f"{mailbox} holds {name} twice"
                found[name] = set(re.search(rb"FLAGS \(([^)]*)\)", item[0])[1].decode().split()) - {r"\Recent"}
        assert len(found) == n, (mailbox, n, found)
        return found

    def all(self):
        """mailbox → state, the empty ones left out."""
        return {m: s for m in self.mailboxes() if (s := self.held(m))}


def quoted(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquoted(name):
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith('"') else name
