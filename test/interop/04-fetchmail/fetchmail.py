"""fetchmail: POP3 with UIDL, kept and not kept; IMAP; IMAP that idles and is told of a letter."""
import os
import signal
import subprocess

from lab import wait_for
from maildir import Tree
from peer import *

STATE = {"FETCHMAILHOME": os.getcwd()}
near = Tree(".")
MDA = near.mda("near")


def config(protocol, port_, options="", keep="keep"):
    return configure("fetchmailrc", PROTOCOL=protocol, PORT=port_, OPTIONS=options, KEEP=keep, MDA=MDA)


def got():
    return set(near.held("near"))


def fetch(file, nothing=False):
    # fetchmail says 1 when there was nothing new.
    return run("fetchmail", "-f", file, "--nosyslog", ok=(1,) if nothing else (0,), env=STATE)


box = Box()
box.put("INBOX", 1, 2, 3, body="dòng\n.\n..chấm\n" * 50)
kept = config("pop3", POP3S, "uidl")
fetch(kept)
same(got(), {"1", "2", "3"})
box.put("INBOX", 4)
fetch(kept)
same(got(), {"1", "2", "3", "4"})
fetch(kept, nothing=True)
same(set(Box().held("INBOX")), {"1", "2", "3", "4"})
near.empty("near")

fetch(config("pop3", POP3S, keep="fetchall no keep"))
same(got(), {"1", "2", "3", "4"})
same(Box().all(), {})
near.empty("near")

box.put("INBOX", 5, 6)
fetch(config("imap", IMAPS))
same(got(), {"5", "6"})
same(Box().held("INBOX"), {"5": {r"\Seen"}, "6": {r"\Seen"}})
near.empty("near")

box.put("INBOX", 7)
fetch(config("imap", IMAPS, keep="no keep"))
same(got(), {"7"})
same(Box().held("INBOX"), {"5": {r"\Seen"}, "6": {r"\Seen"}})
near.empty("near")

# It idles: letters arrive while it waits; without IDLE it would have ended after the first.
p = subprocess.Popen(["fetchmail", "-f", config("imap", IMAPS, keep="keep idle"), "--nosyslog", "-v"], env={**os.environ, **STATE},
                     stdout=open("log", "w"), stderr=subprocess.STDOUT)
try:
    for n in 8, 9, 10:
        box.put("INBOX", n)
        wait_for(f"letter {n}", lambda: str(n) in got())
finally:
    p.send_signal(signal.SIGTERM)
    p.wait(PATIENCE)
said = open("log").read()
assert "> A" in said and " IDLE\n" in said, said
same(got(), {"8", "9", "10"})
