"""curl: LIST, a message by UID, its section, SEARCH, APPEND, any command; POP3 likewise."""
from peer import *


def curl(url, *args, who=AN, ok=(0,)):
    return run("curl", "-sS", "--cacert", LAB["ca"], "--max-time", str(PATIENCE), "-u", f"{who['address']}:{who['password']}", *args, url, ok=ok)


imap, pop = f"imaps://localhost:{IMAPS}", f"pop3s://localhost:{POP3S}"
box = Box()
box.put("INBOX", 1, 2, 3, body="một hai ba\n")

names = curl(imap + "/")
assert '* LIST (\\HasNoChildren) "/" INBOX\r\n' in names and "\\Sent" in names, names
for url in ("/INBOX;UID=2", "/INBOX/;UID=2", "/INBOX;MAILINDEX=2"):
    got = curl(imap + url)
    assert "Subject: letter 2\r\n" in got and "một hai ba\r\n" in got, (url, got)
same(curl(imap + "/INBOX;UID=2;SECTION=TEXT"), "một hai ba\r\n")
same(curl(imap + "/INBOX;UID=2;SECTION=HEADER.FIELDS%20(SUBJECT)"), "Subject: letter 2\r\n\r\n")
assert curl(imap + "/INBOX?SUBJECT%20%22letter%203%22").strip() == "* SEARCH 3"
assert curl(imap + "/INBOX?ALL").split() == ["*", "SEARCH", "1", "2", "3"]
curl(imap + "/INBOX", "-X", "STORE 1 +FLAGS.SILENT (\\Deleted \\Seen)")
same(curl(imap + "/INBOX", "-X", "EXPUNGE"), "* 1 EXPUNGE\r\n")
assert curl(imap + "/INBOX", "-X", "FETCH 1:* (UID FLAGS)").count(" FETCH (") == 2
curl(imap + "/INBOX;UIDVALIDITY=1;UID=2", ok=(78, 9, 67, 21))  # another UIDVALIDITY: refused by curl
curl(imap + "/nowhere;UID=1", ok=(9, 67, 78))
curl(imap + "/", who={**AN, "password": "wrong"}, ok=(67,))

with open("letter", "wb") as f:
    f.write(letter(9, "appended\n"))
curl(imap + "/Drafts", "-T", "letter")
same(Box().all(), {"Drafts": {"9": {r"\Seen"}}, "INBOX": {"2": {r"\Seen"}, "3": set()}})
for mechanism in ("PLAIN", "LOGIN"):
    assert "HasNoChildren" in curl(imap + "/", "--login-options", f"AUTH={mechanism}"), mechanism

# Several in one session.
got = run("curl", "-sS", "--cacert", LAB["ca"], "-u", f"{AN['address']}:{AN['password']}",
          imap + "/INBOX;UID=2", imap + "/INBOX;UID=3", imap + "/Drafts;UID=1", imap + "/INBOX;UID=3")
same([got.count(f"Subject: letter {n}\r\n") for n in (2, 3, 9)], [1, 2, 1])

assert len(curl(pop + "/").split()) == 4
assert "Subject: letter 3\r\n" in curl(pop + "/2")
assert "Subject: letter 2\r\n" in curl(pop + "/", "-X", "TOP 1 0")
uidl = curl(pop + "/", "-X", "UIDL").split()
assert len(uidl) == 4 and uidl[1] != uidl[3], uidl
curl(pop + "/1", "-X", "DELE", "-l")
same(set(Box().held("INBOX")), {"3"})
