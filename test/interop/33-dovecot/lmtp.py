"""Dovecot takes Tem's mail by LMTP, over TCP and over a socket: what it says of each recipient becomes of each."""
import pwd
import re

from exchange import *
from world import *


class Dovecot(Server):
    """Debian's Dovecot, LMTP alone, with one mailbox."""

    def __init__(self):
        nobody = pwd.getpwnam("nobody")
        os.mkdir("mail")
        shutil.chown("mail", nobody.pw_uid, nobody.pw_gid)
        with open("people", "w") as f:
            f.write(f"hue@{THERE}:x:{nobody.pw_uid}:{nobody.pw_gid}::{PLACE}/mail/hue::\n")
        config = fill("dovecot.conf", mode=0o644, PLACE=PLACE, PEER=PEER_AT)
        super().__init__("dovecot", "dovecot", "-F", "-c", config, ready=[(PEER_AT, 19024)], log=os.path.join(PLACE, "dovecot.log"))

    def inbox(self, person):
        return maildir(os.path.join(PLACE, "mail", person, "Maildir"))


def carried(sender, remote):
    """All letters of one of Tem's people arrive; an address that Dovecot does not know comes back."""
    sent = list(letters(HERE, THERE, sender, "hue", utf8=False))
    together(send_from_tem, sent)
    for letter in sent:
        arrived(letter, lambda: dovecot.inbox("hue"), len(letter.to))
        attempt, = events(trip(tem, letter, "delivered"), "attempted")
        assert remote in attempt["remote"] and re.search(r"S: 250 2\.0\.0 <hue[^>]*> \S+ Saved", attempt["dialogue"]), attempt
    lost = Letter("lost", f"{sender}@{HERE}", [f"hue@{THERE}", f"nobody@{THERE}"], b"to one of two\r\n")
    send_from_tem(lost)
    arrived(lost, lambda: dovecot.inbox("hue"))
    _, each, _ = report(lost, lambda: tem.inbox(sender), "failed")
    same((each["Final-Recipient"], each["Status"]), (f"rfc822; nobody@{THERE}", "5.1.1"))


tem = Tem(more="relay.toml")
dovecot = Dovecot()
carried("binh", f"{PEER_AT}:19024")
carried("an", "/run/lmtp")
