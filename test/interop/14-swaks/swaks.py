"""swaks submits letters: by STARTTLS and TLS from the first octet, each way to log in that it knows, many recipients, pipelined."""
from peer import *
from waiting import wait_for

TO = ",".join([BINH["address"]] + [BINH["address"].replace("@", f"+{n}@") for n in range(50)])
BODY = "by swaks\\n.\\n..\\nend"


def submit(number, *options, service="submission", ok=(0,)):
    return run("swaks", "--server", "localhost", "--port", str(port(HANOI, service)), "--tls-verify", "--tls-ca-path", LAB["ca"], "--ehlo", "client.example",
               "--auth-user", AN["address"], "--from", AN["address"], "--to", TO, "--header", f"Message-ID: <{number}@peer.example>", "--body", BODY,
               *options, ok=ok)


n = 0
for mechanism in "PLAIN", "LOGIN":
    for tls, service in ("--tls", "submission"), ("--tls-on-connect", "submissions"):
        for more in (), ("--pipeline",):
            n += 1
            said = submit(n, tls, "--auth", mechanism, "--auth-password", AN["password"], *more, service=service)
            assert re.search(r"<~  250 2\.0\.0 OK queued as \w+", said) and "TLS started with cipher TLSv1.3" in said, said
wait_for("the letters", lambda: len(Box(BINH).held("INBOX")) == n)
box = Box(BINH)
box.do("select", "INBOX", True)
for item in box.do("fetch", "1:*", "(BODY.PEEK[TEXT])"):
    if isinstance(item, tuple):
        same(item[1].rstrip(), b"by swaks\r\n.\r\n..\r\nend")

said = submit(90, "--tls", "--auth", "PLAIN", "--auth-password", "wrong", ok=(28,))
assert "535 5.7.8" in said, said
