"""§12.2: a session between two servers that is given up."""
from lab import CHI, SAIGON, Dialogue, pop_texts

before = len(pop_texts(SAIGON, CHI))
d = Dialogue(SAIGON, "smtp")
d.expect(f"220 {SAIGON['hostname']}")
d.say("EHLO crepes.fr", "250 ")
d.say("MAIL FROM: <alice@crepes.fr>", "250 ")
d.say(f"RCPT TO: <nobody@{SAIGON['domain']}>", "550 ")
d.say("RSET", "250 ")
d.say("QUIT", "221 ")
assert d.closed()
assert len(pop_texts(SAIGON, CHI)) == before
