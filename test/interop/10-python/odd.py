"""imaplib and poplib where their users do odd things: wrong order, wrong case, everything at once, interrupted."""
import imaplib
import poplib

from peer import *
from waiting import wait_for

box = Box()
box.put("INBOX", *range(1, 11))

# Names and keywords in any case; the mailbox without quotes; spaces that imaplib leaves.
for name in ("inbox", "INBOX", '"InBoX"'):
    same(box.do("select", name), [b"10"])
same(box.do("search", None, "undeleted", "SINCE", "1-Jan-2020"), [b"1 2 3 4 5 6 7 8 9 10"])
same(box.do("search", "utf-8", "SUBJECT", '"letter 7"'), [b"7"])
same(box.do("search", None, "(OR (SUBJECT \"letter 1\") (NOT SEEN))"), [b"1 2 3 4 5 6 7 8 9 10"])
same(box.do("search", None, "2:4,8,10:*", "NOT", "9"), [b"2 3 4 8 10"])
box.literal = "Tiếng".encode()
same(box.do("uid", "SEARCH", "CHARSET", "UTF-8", "TEXT"), [b""])
for macro in ("ALL", "FAST", "FULL"):
    assert len(box.do("fetch", "1:10", macro)) == 10
for items in ("RFC822.HEADER", "(rfc822.size RFC822.TEXT)", "(BODY[1] BODY[HEADER] BODY[TEXT]<2.2>)", "(BODY[1.MIME])", "(UID)", "BODY"):
    box.do("fetch", "3", items)
same(box.do("fetch", "4", "(BODY.PEEK[TEXT]<1.3>)")[0][1], b"ell")

# Commands in the wrong state and nonsense change nothing and end nothing.
for method, args in (("fetch", ("99", "FLAGS")), ("store", ("1", "FLAGZ", "x")), ("copy", ("1", "nowhere")), ("select", ("nowhere",)),
                     ("rename", ("nowhere", "there")), ("delete", ("INBOX",)), ("create", ("INBOX",)), ("search", (None, "FROBNICATE"))):
    try:
        kind, answer = getattr(box, method)(*args)
    except imaplib.IMAP4.error:
        continue
    assert kind in ("NO", "BAD"), (method, args, kind, answer)
box.do("select")
same(len(box.do("fetch", "1:*", "(FLAGS)")), 10)

# Examine is read-only, and a letter read there stays unread.
box.do("select", "INBOX", True)
box.do("fetch", "6", "(BODY[])")
same(box.do("fetch", "6", "(FLAGS)"), [b"6 (FLAGS ())"] if b"Recent" not in box.do("fetch", "6", "(FLAGS)")[0] else [b"6 (FLAGS (\\Recent))"])
try:
    kind, _ = box.store("6", "+FLAGS", "(\\Seen)")
    assert kind == "NO", kind
except imaplib.IMAP4.readonly:
    pass

# Keywords, flags replaced, FLAGS without parentheses.
box.do("select")
box.do("store", "1", "+FLAGS", "$Forwarded")
box.do("store", "1:3", "FLAGS", "(NonJunk \\Draft)")
same(box.do("search", None, "KEYWORD", "nonjunk", "DRAFT"), [b"1 2 3"])
box.do("store", "1:3", "-FLAGS", "(NonJunk \\Draft)")

# Literals where nobody else sends them.
for name in (b"Odd", b'with "quotes"', b"with {3}"):
    tag = box._new_tag()
    box.send(tag + b" CREATE {%d}\r\n" % len(name))
    assert box.readline().startswith(b"+")
    box.send(name + b"\r\n")
    answer = box.readline()
    assert answer.startswith(tag + b" OK"), answer
assert {"Odd", 'with "quotes"', "with {3}"} <= set(box.mailboxes())

# Five commands in one packet: those that only look may be answered in another order (RFC 9051 §5.5).
box.send(b"x1 NOOP\r\nx2 CHECK\r\nx3 UID FETCH 1:* (FLAGS)\r\nx4 STATUS Odd (MESSAGES)\r\nx5 CAPABILITY\r\n")
tags = []
while len(tags) < 5:
    line = box.readline()
    if not line.startswith(b"*"):
        tags.append(line[:5])
same(sorted(tags), [b"x1 OK", b"x2 OK", b"x3 OK", b"x4 OK", b"x5 OK"])

# A client that vanishes in the middle of an APPEND leaves no letter.
gone = Box()
gone.send(b"g1 APPEND INBOX {100000}\r\n")
assert gone.readline().startswith(b"+")
gone.send(b"Subject: half\r\n\r\n" + b"x" * 5000)
gone.sock.close()
same(len(Box().held("INBOX")), 10)

# The plain port: STARTTLS, and a wrong password that says so.
plain = imaplib.IMAP4("localhost", port(HANOI, "imap"), timeout=PATIENCE)
plain.starttls(context())
try:
    plain.login(AN["address"], "wrong")
    raise AssertionError("a wrong password was taken")
except imaplib.IMAP4.error as e:
    assert "AUTHENTICATIONFAILED" in str(e), e
plain.authenticate("PLAIN", lambda _: f"\0{AN['address']}\0{AN['password']}".encode())
same(plain.select()[0], "OK")
plain.logout()


# POP3: what is marked comes back when the session breaks, and goes when it quits.
def pop():
    """A session; the server may not have seen yet that the one before has broken off."""
    def opened():
        p = poplib.POP3_SSL("localhost", POP3S, context=context(), timeout=PATIENCE)
        p.user(AN["address"])
        try:
            p.pass_(AN["password"])
            return p
        except poplib.error_proto as e:
            assert "IN-USE" in str(e), e
            p.close()
    return wait_for("the maildrop", opened)


p = pop()
same(p.stat()[0], 10)
uidls = [l.split()[1] for l in p.uidl()[1]]
same(len(set(uidls)), 10)
p.dele(1)
p.dele(2)
for wrong in (lambda: p.dele(1), lambda: p.retr(1), lambda: p.list(2), lambda: p.top(99, 1), lambda: p.uidl(0), lambda: p._shortcmd("XYZZY")):
    try:
        raise AssertionError(wrong())
    except poplib.error_proto:
        pass
same(p.stat()[0], 8)
p.close()  # no QUIT
p = pop()
same([l.split()[1] for l in p.uidl()[1]], uidls)
p.dele(1)
p.rset()
p.dele(10)
assert b"Subject: letter 3" in p.top(3, 0)[1] and b"hello" not in p.top(3, 0)[1]
p.quit()
same(len(Box().held("INBOX")), 9)
p = pop()
same([l.split()[1] for l in p.uidl()[1]], uidls[:9])
assert "STLS" not in p.capa() and {"UIDL", "TOP", "PIPELINING"} <= set(p.capa()), p.capa()
p.quit()
clear = poplib.POP3("localhost", port(HANOI, "pop3"), timeout=PATIENCE)
clear.stls(context())
clear.user(AN["address"])
clear.pass_(AN["password"])
same(clear.stat()[0], 9)
clear.quit()
