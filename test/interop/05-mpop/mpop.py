"""mpop: pipelined POP3, every mechanism it shares with the server, UIDL kept, then deleted."""
from maildir import Tree
from peer import *

near = Tree(".")
near.mda("near")


def got():
    return set(near.held("near"))


def fetch(keep="on", auth="on"):
    return run("mpop", f"--file={configure('mpoprc', KEEP=keep, AUTH=auth)}", "tem")


box = Box()
box.put("INBOX", *range(1, 40))
want = {str(n) for n in range(1, 40)}
fetch()
same(got(), want)
for n, mechanism in enumerate(("user", "plain", "login", "scram-sha-256"), 50):
    box.put("INBOX", n, body=".\n..\n" * 10)
    fetch(auth=mechanism)
    want.add(str(n))
    same(got(), want)
same(set(Box().held("INBOX")), want)
info = run("mpop", f"--file={configure('mpoprc', KEEP='on', AUTH='on')}", "--serverinfo", "tem")
for word in ("PIPELINING", "TOP", "UIDL", "PLAIN"):
    assert word in info, info
fetch(keep="off")
same(got(), want)
same(Box().all(), {})
