"""Figure 6: the letter is read over POP3, by hand and with poplib, in clear and over TLS."""
import poplib

from lab import BINH, HANOI, PATIENCE, Dialogue, context, fields, port, wait_for

WANTED = ["Return-Path", "Received", "Message-ID", "Date", "From"]


def check(letter):
    names = fields(letter)
    assert names[0] == "Return-Path" and names[1] == "Received", names
    for n in WANTED:
        assert n in names, (n, names)
    assert "I love Computer Network" in letter[letter.index("") + 1:], letter


def by_hand(service, tls):
    d = Dialogue(HANOI, service, tls)
    d.expect("+OK")
    d.say(f"user {BINH['address']}", "+OK")
    d.say(f"pass {BINH['password']}", "+OK")
    d.say("list", "+OK")
    listed = d.until_dot()
    assert listed, "no letters"
    number, size = listed[-1].split()
    d.say(f"retr {number}", "+OK")
    letter = d.until_dot()
    assert sum(len(l.encode()) + 2 for l in letter) == int(size), (size, letter)
    check(letter)
    d.say("quit", "+OK")
    assert d.closed()


def with_poplib(p):
    p.user(BINH["address"])
    p.pass_(BINH["password"])
    count, size = p.stat()
    assert count >= 1 and size > 0
    _, listed, _ = p.list()
    assert len(listed) == count
    _, uids, _ = p.uidl()
    assert len({u.split()[1] for u in uids}) == count
    _, lines, _ = p.retr(count)
    check([l.decode() for l in lines])
    _, top, _ = p.top(count, 0)
    assert top == lines[: len(top)] and top[-1] == b"", top
    capabilities = p.capa()
    for tag in ("TOP", "UIDL", "RESP-CODES", "PIPELINING", "SASL"):
        assert tag in capabilities, capabilities
    assert p.quit().startswith(b"+OK")


by_hand("pop3", False)
by_hand("pop3s", True)
with_poplib(poplib.POP3(HANOI["address"], port(HANOI, "pop3"), timeout=PATIENCE))
with_poplib(poplib.POP3_SSL("localhost", port(HANOI, "pop3s"), context=context(), timeout=PATIENCE))
p = poplib.POP3("localhost", port(HANOI, "pop3"), timeout=PATIENCE)
p.stls(context())
with_poplib(p)

# §13: deletions only in UPDATE.
p = poplib.POP3(HANOI["address"], port(HANOI, "pop3"), timeout=PATIENCE)
p.user(BINH["address"]), p.pass_(BINH["password"])
before, _ = p.stat()
p.dele(1)
p.close()  # no QUIT


def again():
    p = poplib.POP3(HANOI["address"], port(HANOI, "pop3"), timeout=PATIENCE)
    try:
        p.user(BINH["address"]), p.pass_(BINH["password"])
        return p
    except poplib.error_proto as e:
        assert "IN-USE" in str(e), e
        p.close()


p = wait_for("the maildrop", again)
assert p.stat()[0] == before
p.dele(1)
p.quit()
p = wait_for("the maildrop", again)
assert p.stat()[0] == before - 1
p.quit()
