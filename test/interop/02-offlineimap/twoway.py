"""offlineimap between a tree of Maildirs and the server, in both directions."""
import os

from maildir import Tree
from peer import *

near = Tree("near")
os.mkdir("near")


def sync(*args):
    said = run("offlineimap", "-c", config, "-o", *args)
    assert "ERROR" not in said and "WARNING" not in said, said


def agree(want):
    same(Box().all(), want)
    same(near.all(), want)


box = Box()
config = configure("offlineimaprc", COMPRESS="yes" if "COMPRESS=DEFLATE" in box.capabilities else "no")
box.put("INBOX", *range(1, 7))
box.put("Archive", 20, flags=r"(\Seen)", body="từng chữ\n" * 500)
box.do("create", '"Work"')
box.put("Work", 30)
sync()
want = {"INBOX": {str(n): set() for n in range(1, 7)}, "Archive": {"20": {r"\Seen"}}, "Work": {"30": set()}}
agree(want)

# Flags, expunges, new letters and new mailboxes on both sides.
box.flag("INBOX", 1, "+FLAGS", r"(\Seen)")
near.flag("INBOX", 2, "FS")
box.remove("INBOX", 3)
near.remove("INBOX", 4)
box.put("INBOX", 8)
near.put("INBOX", 9, "S")
box.do("create", '"Work/2026"')
box.put("Work/2026", 40)
near.put("Near", 50, "F")
sync()
want["INBOX"] = {"1": {r"\Seen"}, "2": {r"\Flagged", r"\Seen"}, "5": set(), "6": set(), "8": set(), "9": {r"\Seen"}}
want |= {"Work/2026": {"40": set()}, "Near": {"50": {r"\Flagged"}}}
agree(want)

# A move on the server and one here; then a quick round and a full one without news.
box.do("select", "INBOX")
box.do("uid", "MOVE", box.do("uid", "SEARCH", "HEADER", "Message-ID", "<5@peer.example>")[0], "Archive")
near.remove("INBOX", 6)
near.put("Work", 6)
sync()
del want["INBOX"]["5"], want["INBOX"]["6"]
want["Archive"]["5"] = want["Work"]["6"] = set()
agree(want)
sync("-q")
sync()
agree(want)
