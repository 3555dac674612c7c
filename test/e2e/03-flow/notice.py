"""IDLE tells a reader of a new letter while it waits."""
import smtplib

from lab import BINH, HANOI, PATIENCE, Dialogue, port

d = Dialogue(HANOI, "imap")
d.expect("* OK")
d.say(f'a LOGIN {BINH["address"]} "{BINH["password"]}"', None)
while not d.line().startswith("a OK"):
    pass
d.say("b SELECT INBOX", None)
exists = 0
while not (l := d.line()).startswith("b OK"):
    if l.endswith(" EXISTS"):
        exists = int(l.split()[1])
d.say("c IDLE", "+")
s = smtplib.SMTP(HANOI["address"], port(HANOI, "smtp"), timeout=PATIENCE)
s.sendmail("alice@crepes.fr", [BINH["address"]], "Subject: now\r\n\r\nnow\r\n")
s.quit()
while not (l := d.line()).endswith(" EXISTS"):
    assert l.startswith("* "), l
assert int(l.split()[1]) == exists + 1
d.say("DONE", None)
while not d.line().startswith("c OK"):
    pass
