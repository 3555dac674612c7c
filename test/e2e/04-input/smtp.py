"""SMTP: what no client should say. Each gets a clear reply, and the next client is served."""
import threading

from lab import CHI, DUNG, SAIGON, Dialogue, letter_with, pop_texts


def session():
    d = Dialogue(SAIGON, "smtp")
    d.expect("220")
    d.say("EHLO crepes.fr", "250 ")
    return d


def code(d):
    return int(d.expect("")[-1][:3])


# Over-long line, unknown command, NUL, broken UTF-8: refused, and the dialogue goes on.
d = session()
d.raw(b"NOOP " + b"x" * 100_000 + b"\r\n")
assert code(d) in (500, 501), "over-long line"
for bad in (b"XYZZY\r\n", b"\x00\x01\x02\r\n", b"MAIL FROM:<\xff\xfe@crepes.fr>\r\n", b"MAIL FROM:<a\x00b@crepes.fr>\r\n"):
    d.raw(bad)
    assert 500 <= code(d) <= 555, bad
d.say("NOOP", "250")
d.close()

# Wrong order.
d = Dialogue(SAIGON, "smtp")
d.expect("220")
d.say("MAIL FROM:<a@crepes.fr>", "503")
d.say("EHLO crepes.fr", "250 ")
d.say(f"RCPT TO:<{CHI['address']}>", "503")
d.say("DATA", "503")
d.say("MAIL FROM:<a@crepes.fr>", "250")
d.say("DATA", "503")
d.say("MAIL FROM:<a@crepes.fr>", "503")
d.close()

# No relaying.
d = session()
d.say("MAIL FROM:<a@crepes.fr>", "250")
refused = d.say("RCPT TO:<b@hamburger.edu>", "5")
assert refused[-1][:3] in ("550", "551", "554"), refused
d.close()

# Ten thousand recipients: 250 or 452 each (RFC 5321 §4.5.3.1.10), never a broken session.
d = session()
d.say("MAIL FROM:<a@crepes.fr>", "250")
# Sent beside: what a connection holds in both directions may be less than all of them, and all of the answers.
all_of_them = b"".join(b"RCPT TO:<%s>\r\n" % CHI["address"].encode() for _ in range(10_000))
threading.Thread(target=d.raw, args=(all_of_them,)).start()
codes = [code(d) for _ in range(10_000)]
assert codes[0] == 250 and set(codes) <= {250, 452}, set(codes)
d.say("RSET", "250")
d.close()

# Smuggling: an end that is not CRLF.CRLF does not end the message.
before = len(pop_texts(SAIGON, CHI))
for end in (b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r"):
    d = session()
    d.say("MAIL FROM:<a@crepes.fr>", "250")
    d.say(f"RCPT TO:<{CHI['address']}>", "250")
    d.say("DATA", "354")
    d.raw(b"Subject: one\r\n\r\nbody" + end + b"MAIL FROM:<evil@crepes.fr>\r\n")
    d.raw(b"\r\n.\r\n")
    assert code(d) >= 500, end
    d.say("NOOP", "250")
    d.close()
assert len(pop_texts(SAIGON, CHI)) == before

# Deeply nested MIME, and a header of 100,000 fields, are taken or refused, not died of.
nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(5000))
for letter in (nested, b"X-A: b\r\n" * 100_000 + b"\r\nx\r\n", b"Subject: long\r\n\r\n" + b"y" * 2_000_000 + b"\r\n"):
    d = session()
    d.say("MAIL FROM:<a@crepes.fr>", "250")
    d.say(f"RCPT TO:<{DUNG['address']}>", "250")
    d.say("DATA", "354")
    d.raw(letter + b"\r\n.\r\n")
    assert code(d) in (250, 500, 552, 554), letter[:40]
    d.say("QUIT", "221")

# Hanging up in the middle of DATA leaves nothing.
before = len(pop_texts(SAIGON, CHI))
d = session()
d.say("MAIL FROM:<a@crepes.fr>", "250")
d.say(f"RCPT TO:<{CHI['address']}>", "250")
d.say("DATA", "354")
d.raw(b"Subject: half\r\n\r\nhalf a let")
d.close()
assert len(pop_texts(SAIGON, CHI)) == before

# The next client is served.
d = session()
d.say("MAIL FROM:<a@crepes.fr>", "250")
d.say(f"RCPT TO:<{CHI['address']}>", "250")
d.say("DATA", "354")
d.say("Subject: after all that\r\n\r\nstill here\r\n.", "250")
d.say("QUIT", "221")
letter_with(SAIGON, CHI, ["after all that"])
