"""Dovecot copies an account out of Tem over imapc, follows it, and copies it into another account."""
import os
import shutil
import tempfile

from peer import *

# Dovecot does not touch mail as root; whom it becomes instead has to reach what it needs.
UID, GID = (65534, 65534) if os.getuid() == 0 else (os.getuid(), os.getgid())
there = tempfile.TemporaryDirectory()
HOME, CA = os.path.join(there.name, "home"), os.path.join(there.name, "ca.pem")
os.chmod(there.name, 0o755)
os.mkdir(HOME)
os.chown(HOME, UID, GID)
shutil.copy(LAB["ca"], CA)
FEATURES = "rfc822.size fetch-headers fetch-bodystructure delay-login"


def doveadm(who, *args, ok=(0,)):
    config = configure("dovecot.conf", USER=who["address"], PASSWORD=who["password"], FEATURES=FEATURES, UID=UID, GID=GID, HOME=HOME, CA=CA)
    return run("doveadm", "-c", config, *args, ok=ok, env={"USER": "an", "HOME": HOME})


def kept(mailbox):
    """What Dovecot's own store holds of a mailbox."""
    said = doveadm(AN, "-f", "tab", "fetch", "hdr.message-id flags", "mailbox", mailbox)
    rows = [l.split("\t") for l in said.splitlines()[1:]]
    same(len({r[0] for r in rows}), len(rows))
    return {r[0][1:].split("@")[0]: set(r[1].split()) - {r"\Recent"} for r in rows}


def agree():
    for name, state in Box().all().items():
        same(kept(name), state)


box = Box()
box.put("INBOX", *range(1, 31), body="dòng\n" * 100)
box.put("INBOX", 31, 32, flags=r"(\Seen \Flagged $Label1)")
box.put("Archive", 40, flags=r"(\Answered)")
box.do("create", '"Work/Deep/Down"')
box.put("Work/Deep/Down", 50, 51)

doveadm(AN, "backup", "-R", "imapc:")
agree()

# Changes on the server are followed.
box.remove("INBOX", 3)
box.flag("INBOX", 4, "+FLAGS", r"(\Seen)")
box.put("INBOX", 33)
box.put("Sent", 60, flags=r"(\Seen)")
doveadm(AN, "backup", "-R", "imapc:")
agree()

# And the copy goes into another account. (Once: a second round wants to give letters their old UIDs, and no IMAP server can.)
doveadm(BINH, "sync", "-1", "imapc:")
same(Box(BINH).all(), Box().all())
