"""Figure 7: the letter is read over IMAP with imaplib."""
import imaplib

from lab import BINH, HANOI, PATIENCE, context, fields, port


def read(m):
    kind, _ = m.login(BINH["address"], BINH["password"])
    assert kind == "OK"
    kind, data = m.select("Inbox")
    assert kind == "OK" and int(data[0]) >= 1, data
    kind, data = m.search(None, "ALL")
    assert kind == "OK"
    last = data[0].split()[-1]
    kind, data = m.search(None, "BODY", '"Computer Network"')
    assert kind == "OK" and data[0].split(), data
    kind, data = m.fetch(last, "(RFC822)")
    assert kind == "OK"
    letter = data[0][1].decode().split("\r\n")
    names = fields(letter)
    assert names[:2] == ["Return-Path", "Received"], names
    for n in ("Message-ID", "Date", "From"):
        assert n in names, (n, names)
    assert "I love Computer Network" in letter[letter.index("") + 1:], letter
    assert m.logout()[0] == "BYE"


read(imaplib.IMAP4_SSL("localhost", port(HANOI, "imaps"), ssl_context=context(), timeout=PATIENCE))
read(imaplib.IMAP4(HANOI["address"], port(HANOI, "imap"), timeout=PATIENCE))
m = imaplib.IMAP4("localhost", port(HANOI, "imap"), timeout=PATIENCE)
m.starttls(context())
read(m)
