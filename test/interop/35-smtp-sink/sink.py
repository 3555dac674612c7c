"""Postfix's smtp-sink, a server that refuses or hangs up at any command: what becomes of the letter."""
from exchange import *
from world import *

# A letter that 5xx, 4xx, 421 and a hang-up at each command leave as: failed, waiting or delivered.
FAULTS = {"hard": "-f", "soft": "-r", "closing": "-Q", "gone": "-q"}
COMMANDS = {"connect": "CONNECT", "ehlo": "EHLO", "hello": "EHLO,HELO", "mail": "MAIL", "rcpt": "RCPT", "data": "DATA", "end": ".", "quit": "QUIT"}


def becomes(fault, command):
    if command == "quit" or (fault, command) == ("hard", "ehlo"):  # it is over then; HELO is tried
        return "delivered"
    return "failed" if fault == "hard" else "waiting"


# Servers that can less and less, and one that is slow to read.
POOR = {"no-pipelining": ["-p"], "no-esmtp": ["-e"], "no-8bitmime": ["-8"], "no-dsn": ["-N"], "no-codes": ["-E"], "pix": ["-P"], "nothing": ["-e", "-8", "-E", "-N", "-p"],
        "slow": ["-H", "1", "-T", "1024"]}
# In the middle of the text they say 550 and hang up: at once, and when some of it has come.
ABORTED = {"abort": ["-A", "0"], "abort-late": ["-A", "1"]}

sinks = {f"{f}-{c}": ([FAULTS[f], COMMANDS[c]], becomes(f, c)) for f in FAULTS for c in COMMANDS}
sinks.update({name: (args, "delivered") for name, args in POOR.items()})
sinks.update({name: (args, "failed") for name, args in ABORTED.items()})
at = {name: f"{NET}.{3 + n}" for n, name in enumerate(sinks)}


def sink(name, args):
    """A smtp-sink that keeps each letter in a file of its own."""
    os.mkdir(name)
    Server("sink-" + name, "smtp-sink", "-u", "root", "-d", os.path.join(PLACE, name, "letter."), *args, f"inet:{at[name]}:25", "100")
    tem.names.add(f"{name}.{THERE}", "A", at[name])


def letter(name):
    # More than what the two ends hold in their buffers.
    body = ".\r\n..\r\nChào\r\n".encode() + (b"x" * 70 + b"\r\n") * (100_000 if name in ABORTED else 30_000)
    return Letter(name, f"an@{HERE}", [f"hue@{name}.{THERE}"], body, "BODY=8BITMIME")


def kept(name):
    """The bodies of the letters that a sink was given, as they were on the wire; it writes them with LF."""
    for file in os.listdir(name):
        with open(os.path.join(name, file), "rb") as f:
            yield f.read().replace(b"\n", b"\r\n").partition(b"\r\n\r\n")[2]


tem = Tem(people=("an",), dane=False)
for name, (args, _) in sinks.items():
    sink(name, args)
for name in sinks:
    wait_for("smtp-sink " + name, lambda: listens(at[name], 25))
sent = {name: letter(name) for name in sinks}
together(send_from_tem, sent.values())
for name, (args, state) in sinks.items():
    def attempted():
        for t in tem.journey(sent[name].id):
            if {a["state"] for a in t["answers"]} == {state} and events(t, "attempted"):
                return t
    t = wait_for(f"the letter to smtp-sink {' '.join(args)}: {state}", attempted)
    same(len(events(t, "attempted")) == 1 or state == "waiting", True)
    if name in ABORTED:
        same(events(t, "attempted")[0]["reply"], "550 This violates SMTP")
    if name in POOR:
        got, = kept(name)
        assert got.rstrip(b"\r\n") == sent[name].body.rstrip(b"\r\n"), f"{name}: {len(got)} octets of {len(sent[name].body)}"
same({name for name, (_, state) in sinks.items() if state == "delivered"} - {n for n in sinks if len(os.listdir(n)) == 1}, set())
