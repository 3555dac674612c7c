"""Figure 5: a letter is sent over a plain socket, and over TLS."""
from base64 import b64encode

from lab import AN, BINH, HANOI, Dialogue, letter_with

for service, tls in (("submission", False), ("submissions", True)):
    d = Dialogue(HANOI, service, tls)
    greeting = d.expect("220 ")
    assert HANOI["hostname"] in greeting[0], greeting
    d.say("HELO ComputerNetwork", "250 ")
    d.say("AUTH Login", "334 VXNlcm5hbWU6")
    d.say(b64encode(AN["address"].encode()).decode(), "334 UGFzc3dvcmQ6")
    d.say(b64encode(AN["password"].encode()).decode(), "235 ")
    d.say(f"MAIL FROM: <{AN['address']}>", "250 2.1.0")
    d.say(f"RCPT TO: <{BINH['address']}>", "250 2.1.5")
    d.say("DATA", "354 ")
    d.say("I love Computer Network")
    said = d.say(".", "250 2.0.0")[0]
    assert "queued as" in said, said
    d.say("QUIT", "221 2.0.0")
    assert d.closed()
    number = said.split("queued as")[1].split()[0]
    letter = letter_with(HANOI, BINH, ["I love Computer Network", number])
    received = letter.split("Received:")[1].split("\nMessage-ID")[0]
    assert number in received and "ComputerNetwork" in received, letter
