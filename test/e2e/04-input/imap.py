"""IMAP: what no client should say."""
from lab import CHI, SAIGON, Dialogue


def session(login=True):
    d = Dialogue(SAIGON, "imap")
    d.expect("* OK")
    if login:
        command(d, f'LOGIN {CHI["address"]} "{CHI["password"]}"', "OK")
    return d


def command(d, text, want):
    d.say("t1 " + text)
    while not (l := d.line()).startswith("t1 "):
        assert l.startswith(("* ", "+ ")), (text, l)
    assert l.split()[1] in want.split("|"), (text, l)


d = session(login=False)
command(d, "SELECT INBOX", "BAD|NO")
command(d, "FETCH 1 FLAGS", "BAD|NO")
command(d, "XYZZY", "BAD")
command(d, 'LOGIN nobody "wrong"', "NO")
d.close()

d = session()
for bad in ("FETCH 1 FLAGS", "SELECT", "SELECT nowhere", "SEARCH " + "NOT " * 300 + "ALL", "FETCH 0 (((", "STORE 1 +FLAGS \\Seen"):
    command(d, bad, "BAD|NO")
command(d, "SELECT INBOX", "OK")
command(d, "FETCH 0 FLAGS", "BAD|NO")
command(d, "SEARCH " + "(" * 5000, "BAD|NO")
command(d, "NOOP", "OK")
d.close()

# A literal of four gigabytes is refused before it is sent.
d = session()
d.say("t2 APPEND INBOX {4294967295}")
l = d.line()
assert l.startswith(("t2 NO", "t2 BAD", "* BYE")), l
d.close()
d = session(login=False)
d.say("t3 LOGIN {100000000}")
l = d.line()
assert l.startswith(("t3 NO", "t3 BAD", "* BYE")), l
d.close()

# An over-long line and NULs.
for bad in (b"a " + b"x" * 1_000_000 + b"\r\n", b"a \x00NOOP\r\n", b"\xff\xfe\r\n", b"\r\n"):
    d = session(login=False)
    d.raw(bad)
    l = d.line()
    assert "BAD" in l or "BYE" in l, (bad[:20], l)
    d.close()

d = session()
command(d, "NOOP", "OK")
command(d, "LOGOUT", "OK")
