"""getmail over IMAP and POP3: leaving the letters, reading them all again, deleting them."""
import os

from maildir import Tree
from peer import *

# QUIRK(getmail): it misses the end of a child that ends before it waits, and then waits a minute.
# So the child ends only once its parent sleeps.
PATIENT = 'until grep -q "^State:.S" /proc/$PPID/status; do :; done'

box = Box()
for name, kind, port_, boxes in (
        ("imap", "SimpleIMAPSSLRetriever", IMAPS, 'mailboxes = ("INBOX", "Archive")'),
        ("pop3", "SimplePOP3SSLRetriever", POP3S, "")):
    near = Tree(".")
    mda = near.mda(name, PATIENT)

    def get(read_all="false", delete="false"):
        config = configure("getmailrc", TYPE=kind, PORT=port_, MDA=mda, MAILBOXES=boxes, READ_ALL=read_all, DELETE=delete)
        return run("getmail", "--getmaildir", os.getcwd(), "--rcfile", config)

    box.put("INBOX", *range(1, 6), body="dòng\n" * 200)
    elsewhere = set()
    if boxes:
        box.put("Archive", 7)
        elsewhere = {"7"}
    get()
    same(set(near.held(name)), {"1", "2", "3", "4", "5"} | elsewhere)
    box.put("INBOX", 6)
    get()  # only the new one: a second copy would be an error
    same(set(near.held(name)), {"1", "2", "3", "4", "5", "6"} | elsewhere)
    near.empty(name)
    get(read_all="true")
    same(set(near.held(name)), {"1", "2", "3", "4", "5", "6"} | elsewhere)
    get(delete="true")
    same(Box().all(), {})
