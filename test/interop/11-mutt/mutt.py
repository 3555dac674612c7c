"""mutt with its header cache: reads, flags, deletes, saves elsewhere, syncs, comes back."""
import os
import pty
import select
import signal
import time

from peer import *

box = Box()
CONDSTORE = "yes" if "CONDSTORE" in box.capabilities else "no"


def mutt(keys, seconds=2 * PATIENCE):
    """One run on a terminal of its own; the keys end with <quit>. Returns what it drew."""
    config = configure("muttrc", KEYS=keys, CONDSTORE=CONDSTORE)
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "vt100"
        os.execvp("mutt", ["mutt", "-n", "-F", config])
    drawn, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            if not (part := os.read(terminal, 65536)):
                break
        except OSError:  # it has closed the terminal
            break
        drawn += part
    else:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise AssertionError(f"mutt did not end:\n{drawn[-3000:].decode('utf-8', 'replace')}")
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, (code, drawn[-3000:])
    return drawn.decode("utf-8", "replace")


box.put("INBOX", *range(1, 7), body="dòng\n" * 40)

# Look and leave: nothing changes, the headers are kept here.
drawn = mutt("<quit>")
assert "letter 6" in drawn, drawn
same(Box().all(), {"INBOX": {str(n): set() for n in range(1, 7)}})
assert os.path.exists("headers"), os.listdir(".")

# Read one, flag one, delete two by pattern, mark one, save one elsewhere.
mutt("1<enter><display-message><exit>2<enter><flag-message>"
     "<delete-pattern>~s 'letter [34]'<enter>5<enter><set-flag>r"
     "6<enter><save-message><kill-line>=Archive<enter><sync-mailbox><quit>")
want = {"INBOX": {"1": {r"\Seen"}, "2": {r"\Flagged"}, "5": {r"\Answered", r"\Seen"}}, "Archive": {"6": {r"\Seen"}}}
got = Box().all()
for flags in (*got["INBOX"].values(), *got["Archive"].values()):
    flags -= {"NonJunk", "Old"}
same({m: set(s) for m, s in got.items()}, {m: set(s) for m, s in want.items()})
assert r"\Seen" in got["INBOX"]["1"] and r"\Flagged" in got["INBOX"]["2"] and r"\Answered" in got["INBOX"]["5"], got

# Another client changes things; mutt with its cache sees them.
box.put("INBOX", 7)
box.remove("INBOX", 2)
drawn = mutt("<quit>")
assert "letter 7" in drawn and "letter 5" in drawn and "letter 2" not in drawn, drawn

# Copy with tags, then undo everything with exit instead of quit.
mutt("<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>=Archive<enter><delete-pattern>~A<enter><exit>")
same(set(Box().held("INBOX")), {"1", "5", "7"})
same(set(Box().held("Archive")), {"1", "5", "6", "7"})
