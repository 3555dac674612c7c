"""Millions of small commands, searches of ten thousand terms, clients that stop reading or drip, more of them than allowed."""
import socket
import subprocess
import threading

from hostile import *

d = session()
command(d, "SELECT INBOX", "OK")

# A million commands in one stream, their answers read meanwhile.
N = 1_000_000
with Bystander(60):
    def speak():
        block = b"n NOOP\r\n" * 10_000
        for _ in range(N // 10_000):
            d.raw(block)
        d.raw(b"t1 NOOP\r\n")

    threading.Thread(target=speak).start()
    answers = 0
    while not (line := d.file.readline()).startswith(b"t1 "):
        assert line.startswith(b"n OK"), line
        answers += 1
    same(answers, N)

# The same without reading: the server stops reading too, and holds little.
with Bystander(60):
    deaf = session()
    deaf.socket.settimeout(2)
    sent = 0
    try:
        for _ in range(100 * MIB // 80_000):
            sent += deaf.socket.send(b"n CAPABILITY\r\n" * 5_700)
        raise AssertionError("100 MB of commands were taken whose answers nobody reads")
    except TimeoutError:
        pass
    deaf.close()
command(d, "NOOP", "OK")

# Bad commands end the session soon.
with Bystander(60):
    rude = session()
    try:
        rude.raw(b"b FROB\r\n" * 1000)
        bad = 0
        while (line := rude.file.readline()).startswith(b"b BAD"):
            bad += 1
        assert bad < 100 and line.startswith(b"* BYE"), (bad, line)
    except ConnectionResetError:
        pass

# Ten thousand terms: answered or refused, and soon.
with Bystander(120):
    for n in range(50):
        text = letter(n, "một hai ba\n" * 100)
        d.say(f"t1 APPEND INBOX {{{len(text)}+}}")
        d.raw(text + b"\r\n")
        got = answer(d)
        assert got.startswith("t1 OK"), got
    for terms in ("SEEN " * 10_000 + "ALL", "NOT SEEN " * 7000 + "ALL", "OR SEEN UNSEEN " * 4000 + "ALL", "BODY a " * 9000 + "ALL", "TEXT nowhere " * 5000 + "ALL",
                  "1:* " * 10_000 + "ALL", "UID 1:9 " * 8000 + "ALL", ",".join(["1:*"] * 15_000), ",".join(str(i * 2 + 1) for i in range(11_000))):
        got = command(d, "SEARCH " + terms, "OK|NO|BAD")
    command(d, "NOOP", "OK")
    # More than fits a line, in literals.
    d.say("t1 SEARCH SUBJECT {1+}")
    last = ""
    try:
        for _ in range(10_000):
            d.raw(b"x SUBJECT {1+}\r\n")
        d.raw(b"x\r\n")
        last = answer(d)
    except OSError:
        pass
    assert last == "" or re.match(r"t1 (OK|NO|BAD)|\* BYE", last), last
    d.close()

# Twenty clients ask for much and stop reading; fifty drip a login.
d = session(BINH)
text = letter(1, "một hai ba bốn năm\n" * 200_000)
for _ in range(5):
    d.say(f"t1 APPEND Archive {{{len(text)}+}}")
    d.raw(text + b"\r\n")
    assert answer(d).startswith("t1 OK")
d.close()
with Bystander(120):
    held = []
    for _ in range(20):
        s = session(BINH)
        command(s, "SELECT Archive", "OK")
        s.raw(b"f FETCH 1:* (BODY.PEEK[] BODYSTRUCTURE)\r\n" * 50)
        held.append(s)
    drips = [Dialogue(HANOI, "imap") for _ in range(50)]
    for octet in b"a LOGIN x y":
        for s in drips:
            s.raw(bytes([octet]))
    quick = session()
    for _ in range(20):
        command(quick, "SELECT INBOX", "OK")
        command(quick, "FETCH 1:* (FLAGS ENVELOPE)", "OK")
    quick.close()
    for s in held + drips:
        s.close()
