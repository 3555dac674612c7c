"""POP3: what no client should say."""
from lab import CHI, SAIGON, Dialogue


def session():
    d = Dialogue(SAIGON, "pop3")
    d.expect("+OK")
    return d


d = session()
d.raw(b"USER " + b"x" * 100_000 + b"\r\n")
d.expect("-ERR")
for bad in (b"XYZZY\r\n", b"\x00\r\n", b"RETR 1\r\n", b"PASS x\r\n", b"USER \xff\xfe\r\n"):
    d.raw(bad)
    d.line()
d.say("CAPA", "+OK")
d.until_dot()
d.close()

# Endless nonsense is not listened to for ever.
d = session()
d.raw(b"HELO crepes.fr\r\n" * 50)
lines = 0
while d.line():
    lines += 1
assert lines < 50

# Wrong numbers.
d = session()
d.say(f"USER {CHI['address']}", "+OK")
d.say(f"PASS {CHI['password']}", "+OK")
for bad in ("RETR 0", "RETR -1", "RETR 99999999999999999999", "DELE 1000000", "TOP 1"):
    d.say(bad, "-ERR")
d.say("QUIT", "+OK")

# A wrong password says [AUTH], and not which of the two was wrong.
d = session()
d.say(f"USER {CHI['address']}", "+OK")
first = d.say("PASS wrong", "-ERR [AUTH]")
d.say("USER nobody@nowhere.example", "+OK")
assert d.say("PASS wrong", "-ERR [AUTH]") == first
d.close()
