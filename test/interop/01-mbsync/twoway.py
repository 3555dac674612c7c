"""mbsync in both directions, several rounds: letters, flags, expunges, mailboxes, moves."""
import os

from maildir import Tree
from peer import *

config = configure("mbsyncrc", DEPTH=50)
near = Tree("near")
os.mkdir("near")


def sync(*args):
    return run("mbsync", "-c", config, *args, "both")


def agree(want):
    box = Box()
    same(box.all(), want)
    same(near.all(), want)
    sync()  # a round without news changes nothing
    same(box.all(), want)
    same(near.all(), want)


# What is there at first.
box = Box()
box.put("INBOX", *range(1, 9))
box.put("Archive", 20, flags=r"(\Seen)", body="từng chữ\n" * 500)
box.do("create", '"Work"')
box.put("Work", 30)
sync()
want = {"INBOX": {str(n): set() for n in range(1, 9)}, "Archive": {"20": {r"\Seen"}}, "Work": {"30": set()}}
agree(want)

# Flags on both sides, on different letters and on the same one.
box.flag("INBOX", 1, "+FLAGS", r"(\Seen)")
box.flag("INBOX", 2, "+FLAGS", r"(\Flagged)")
near.flag("INBOX", 2, "S")
near.flag("INBOX", 3, "RS")
sync()
want["INBOX"] |= {"1": {r"\Seen"}, "2": {r"\Flagged", r"\Seen"}, "3": {r"\Answered", r"\Seen"}}
agree(want)

# New letters and expunges on both sides, a flag taken away.
box.put("INBOX", 9, flags=r"(\Flagged)")
near.put("INBOX", 10, "S")
near.put("Work", 31)
box.remove("INBOX", 4)
near.flag("INBOX", 5, "T")
near.flag("INBOX", 1, "")
sync()
for n in "4", "5":
    del want["INBOX"][n]
want["INBOX"] |= {"1": set(), "9": {r"\Flagged"}, "10": {r"\Seen"}}
want["Work"]["31"] = set()
agree(want)

# New mailboxes on both sides, one below another, one gone.
box.do("create", '"Work/2026"')
box.put("Work/2026", 40)
near.put("Near Only", 50, "F")
sync()
want |= {"Work/2026": {"40": set()}, "Near Only": {"50": {r"\Flagged"}}}
agree(want)

# Letters moved on the server, then only pulled.
box.do("select", "INBOX")
box.do("uid", "MOVE", box.do("uid", "SEARCH", "HEADER", "Message-ID", "<6@peer.example>")[0], "Archive")
box.do("uid", "MOVE", box.do("uid", "SEARCH", "HEADER", "Message-ID", "<7@peer.example>")[0], "Work/2026")
sync("--pull")
sync("--pull")
del want["INBOX"]["6"], want["INBOX"]["7"]
want["Archive"]["6"] = want["Work/2026"]["7"] = set()
agree(want)

# A crowd in one go, with one command at a time as well.
for n in range(100, 200):
    near.put("INBOX", n)
    want["INBOX"][str(n)] = set()
sync()
agree(want)
config = configure("mbsyncrc", DEPTH=1)
for n in range(100, 200, 3):
    near.flag("INBOX", n, "T")
    del want["INBOX"][str(n)]
sync()
agree(want)
