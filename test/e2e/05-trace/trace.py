"""`tem trace` prints §16's figures from scripted lines, and never a secret."""
import os
import subprocess
from base64 import b64encode

from lab import AN, BINH, HANOI, LAB, PATIENCE, port


def trace(protocol, service, lines, *flags):
    done = subprocess.run(
        [os.environ["TEM"], "trace", protocol, f"localhost:{port(HANOI, service)}", "--ca", LAB["ca"], *flags],
        input="".join(l + "\n" for l in lines), capture_output=True, text=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    for who in (AN, BINH):
        for secret in (who["password"], b64encode(who["password"].encode()).decode()):
            assert secret not in done.stdout + done.stderr, done.stdout
    return done.stdout


def in_order(text, *wanted):
    at = 0
    for w in wanted:
        found = text.find(w, at)
        assert found >= 0, f"{w!r} is not there, or not in its place:\n{text}"
        at = found + len(w)


name, password = (b64encode(AN[k].encode()).decode() for k in ("address", "password"))
in_order(
    trace("smtp", "submission", [
        "HELO ComputerNetwork", "AUTH Login", name, password, f"MAIL FROM: <{AN['address']}>", f"RCPT TO: <{BINH['address']}>",
        "DATA", "I love Computer Network", ".", "QUIT"]),
    "Server : 220", "Client : HELO ComputerNetwork", "Server : 250", "Client : AUTH Login", "Server : 334 VXNlcm5hbWU6",
    "Client : MAIL FROM:", "Server : 250", "Client : RCPT TO:", "Server : 250", "Client : DATA", "Server : 354",
    "I love Computer Network", "Server : 250", "Client : QUIT", "Server : 221")
in_order(
    trace("pop3", "pop3s", [f"user {BINH['address']}", f"pass {BINH['password']}", "list", "retr 1", "quit"], "--tls"),
    "Server : +OK", "Client : user", "Server : +OK", "Client : list", "Client : retr 1", "Return-Path:", "Received:",
    "I love Computer Network", "Client : quit", "Server : +OK")
in_order(
    trace("imap", "imap", [f'a LOGIN {BINH["address"]} "{BINH["password"]}"', "b STATUS INBOX (MESSAGES)", "c LOGOUT"]),
    "Server : * OK", "Client : a LOGIN", "Server : a OK", "Client : b STATUS", "MESSAGES 1", "Server : b OK", "Client : c LOGOUT", "* BYE")
