"""Lines of 100 MB, as commands and in a letter."""
from hostile import *

CHUNK = b"x" * MIB


def flood(service, greeting, begin):
    """Sends 100 MB without an end of line; returns the first line that comes back, "" when it is cut."""
    d = Dialogue(HANOI, service)
    d.expect(greeting)
    try:
        d.raw(begin)
        for _ in range(100):
            d.raw(CHUNK)
        d.raw(b"\r\n")
        return d.line()
    except OSError:
        return ""
    finally:
        d.close()


with Bystander(80):
    for service, greeting, begin in (
            ("imap", "* OK", b"a LOGIN "), ("imap", "* OK", b""), ("imap", "* OK", b"a SEARCH "), ("pop3", "+OK", b"USER "), ("smtp", "220", b"EHLO "), ("smtp", "220", b"")):
        got = flood(service, greeting, begin)
        assert got == "" or got.startswith(("a BAD", "* BAD", "* BYE", "-ERR", "500", "421", "554", "501")), (service, begin, got[:80])

# A letter that is one line of 45 MB in its header, and one in its body.
with Bystander(150):
    for head in (b"Subject: x\r\nX-Long: ", b"Subject: y\r\n\r\n"):
        d = session()
        size = len(head) + 45 * MIB + 2
        d.say(f"t1 APPEND INBOX {{{size}}}")
        if d.line().startswith("+"):
            d.raw(head)
            for _ in range(45):
                d.raw(CHUNK)
            d.raw(b"\r\n\r\n")
            got = answer(d)
            assert got.startswith(("t1 OK", "t1 NO")), got
        command(d, "SELECT INBOX", "OK")
        command(d, "FETCH * (ENVELOPE RFC822.SIZE BODYSTRUCTURE)", "OK|NO")
        command(d, "SEARCH SUBJECT x", "OK")
        d.close()
