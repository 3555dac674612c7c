"""msmtp submits letters: each way to log in, TLS from the start and by STARTTLS, reports asked for, a password that is wrong."""
from peer import *
from waiting import wait_for

BODY = "một lá thư\r\n.\r\n..\r\nTừ msmtp\r\n"


def submit(number, auth, account, *options, password=AN["password"], ok=(0,)):
    config = configure("msmtprc", AUTH=auth, PASSWORD=password, STARTTLS=port(HANOI, "submission"), IMPLICIT=port(HANOI, "submissions"))
    text = letter(number, BODY.replace("\r\n", "\n")).replace(b"bob@peer.example", AN["address"].encode())
    # A program that sends through msmtp gives it the lines of this system.
    return run("msmtp", "-C", config, "-a", account, "--debug", *options, BINH["address"], input=text.replace(b"\r\n", b"\n"), ok=ok)


n = 0
for account in "starttls", "implicit":
    for auth in "plain", "login", "scram-sha-1", "scram-sha-256":
        n += 1
        said = submit(n, auth, account)
        assert f"AUTH {auth.upper()}" in said, said
wait_for("the letters", lambda: len(Box(BINH).held("INBOX")) == n)
box = Box(BINH)
box.do("select", "INBOX", True)
for item in box.do("fetch", "1:*", "(BODY.PEEK[TEXT])"):
    if isinstance(item, tuple):
        same(item[1], BODY.encode())

said = submit(90, "plain", "starttls", "--dsn-notify=success,failure", "--dsn-return=headers")
assert "NOTIFY=SUCCESS,FAILURE" in said and "RET=HDRS" in said, said
wait_for("the report", lambda: Box(AN).do("select", "INBOX", True) != [b"0"])
box = Box(AN)
box.do("select", "INBOX", True)
report = b"".join(item[1] for item in box.do("fetch", "1:*", "(BODY.PEEK[])") if isinstance(item, tuple))
assert b"Action: delivered" in report and b"<90@peer.example>" in report, report

said = submit(91, "scram-sha-256", "implicit", password="wrong", ok=(77,))  # EX_NOPERM
assert "535 5.7.8" in said, said
