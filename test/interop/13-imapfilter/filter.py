"""imapfilter: a rule file over one mailbox."""
import os

from peer import *

box = Box()
box.put("INBOX", 1, 3, 4, 7)
box.put("INBOX", 2, flags=r"(\Seen)")
box.put("INBOX", 5, body="something special here\n")
box.put("INBOX", 6, body="x" * 70 + "\n" + "long\n" * 4000)
box.put("INBOX", 8)
run("imapfilter", "-t", LAB["ca"], "-c", configure("rules.lua"), env={"IMAPFILTER_HOME": os.getcwd()})
same(Box().all(), {
    "INBOX": {"2": {r"\Seen", r"\Flagged"}, "3": set(), "5": set(), "7": {"$Sorted"}, "8": {"$Sorted"}},
    "Sorted/One": {"1": set()}, "Archive": {"3": set(), "5": set()}, "Junk": {"6": set()}})
