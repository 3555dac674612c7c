"""Ten thousand levels: parentheses, NOT and OR in commands, MIME parts and messages in letters."""
from hostile import *

DEEP = 10_000

with Bystander(250):
    d = session()
    command(d, "SELECT INBOX", "OK")
    for text in ("SEARCH " + "(" * DEEP, "SEARCH " + "(" * DEEP + "ALL" + ")" * DEEP, "SEARCH " + "NOT " * DEEP + "ALL", "SEARCH " + "OR ALL " * 8000 + "ALL",
                 "FETCH 1 " + "(" * DEEP, "STORE 1 FLAGS " + "(" * DEEP, "LIST " + "(" * DEEP, "ID " + "(" * DEEP, "STATUS INBOX " + "(" * DEEP,
                 "FETCH 1 BODY[" + "1." * DEEP + "1]", "FETCH " + "1," * DEEP + "1 FLAGS", "LIST \"\" " + "*%" * DEEP, "XYZ " + "(" * DEEP):
        command(d, text, "OK|NO|BAD")
        command(d, "NOOP", "OK")

    def multipart(depth):
        return "".join(f"Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n" for i in range(depth)) + "\nthe innermost\n"

    def forwarded(depth):
        return "Content-Type: message/rfc822\n\n" * depth + "Subject: the innermost\n\nhello\n"

    for kind in multipart, forwarded:
        text = ("Subject: deep\nMIME-Version: 1.0\n" + kind(DEEP)).replace("\n", "\r\n").encode()
        d.say(f"t1 APPEND INBOX {{{len(text)}}}")
        if not d.line().startswith("+"):
            continue  # refused
        d.raw(text + b"\r\n")
        got = answer(d)
        assert got.startswith(("t1 OK", "t1 NO")), got
    for items in ("BODYSTRUCTURE", "BODY", "ENVELOPE", "FULL", "BODY.PEEK[1]", "BODY.PEEK[1.1.1.1.1.1.1]", "BODY.PEEK[" + "1." * 5000 + "1]", "BINARY.SIZE[1.1.1]"):
        command(d, f"FETCH 1:* ({items})" if items != "FULL" else "FETCH 1:* FULL", "OK|NO|BAD")
    for key in ("TEXT innermost", "BODY innermost", "HEADER Subject innermost"):
        command(d, "SEARCH " + key, "OK")
    d.close()
