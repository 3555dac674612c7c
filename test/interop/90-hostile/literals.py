"""Literals of 4 GiB and more are announced: refused before they are sent, and the session goes on if it can."""
from hostile import *

SIZES = (4 << 30) - 1, 4 << 30, (1 << 63) - 1
HELD = ("APPEND INBOX {%d}", "APPEND INBOX (\\Seen) {%d}", "SELECT {%d}", "SEARCH SUBJECT {%d}", "CREATE {%d}", "STATUS {%d}", "LOGIN {%d}", "ID ({%d}",
        "APPEND INBOX ~{%d}")

with Bystander(60):
    d = session()
    for size in SIZES:
        for held in HELD:
            command(d, held % size, "NO|BAD")
            command(d, "NOOP", "OK")  # still in step
    command(d, "APPEND INBOX {99999999999999999999}", "NO|BAD")
    command(d, "NOOP", "OK")
    d.close()

    # The client does not wait: the octets on their way must not be taken for commands.
    for text in ("APPEND INBOX {%d+}", "SELECT {%d+}", "SEARCH SUBJECT {%d+}"):
        for size in SIZES:
            d = session()
            d.say("t1 " + text % size)
            try:
                d.raw(b"t1 DELETE Archive\r\n" * 100)
                got = answer(d)
            except OSError:
                got = ""  # closed with what we sent unread
            assert got == "" or got.startswith(("t1 NO", "t1 BAD", "* BYE")), (text, got)
            d.close()
    d = session(None)
    for text in ("LOGIN {%d}", "AUTHENTICATE PLAIN {%d}", "ID ({%d}"):
        command(d, text % (4 << 30), "NO|BAD")
    d.close()

    # Half a megabyte a hundred times over, promised and never sent.
    held = []
    for _ in range(90):
        d = session()
        d.say("t1 SELECT {60000}")
        d.line()
        held.append(d)
    for d in held:
        d.close()
same("Archive" in Box().mailboxes(), True)
