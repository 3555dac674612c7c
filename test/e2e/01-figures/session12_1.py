"""§12.1: a session between two servers that succeeds."""
from lab import CHI, SAIGON, Dialogue, letter_with

d = Dialogue(SAIGON, "smtp")
d.expect(f"220 {SAIGON['hostname']}")
d.say("EHLO crepes.fr", "250 ")
d.say("MAIL FROM: <alice@crepes.fr>", "250 ")
d.say(f"RCPT TO: <{CHI['address']}>", "250 ")
assert "end with <CRLF>.<CRLF>" in d.say("DATA", "354 ")[0]
d.say("Subject: ketchup\r\n\r\nDo you like ketchup?\r\nHow about pickles?\r\n..one dot\r\n.", "250 ")
assert SAIGON["hostname"] in d.say("QUIT", "221 ")[0]
assert d.closed()
letter = letter_with(SAIGON, CHI, ["Do you like ketchup?", "Return-Path: <alice@crepes.fr>", "from crepes.fr"])
assert "\n.one dot\n" in letter + "\n", letter
