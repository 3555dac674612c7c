"""What the hostile scripts share: the server's memory, and another user who must not notice."""
import re
import statistics
import threading
import time

from lab import BINH, Dialogue
from peer import *

MIB = 1 << 20


def rss():
    """The server's resident memory in octets."""
    with open(f"/proc/{LAB['pid']}/status") as f:
        return int(re.search(r"VmRSS:\s*(\d+) kB", f.read())[1]) << 10


def session(who=AN):
    """A dialogue that has logged in."""
    d = Dialogue(HANOI, "imap")
    d.expect("* OK")
    if who:
        command(d, f'LOGIN {who["address"]} "{who["password"]}"', "OK")
    return d


def answer(d, tag="t1"):
    """Reads up to the tagged answer, or to the end, and returns the last line: "" is the end without a word."""
    last = b""
    while line := d.file.readline():
        last = line
        if line.startswith((tag.encode() + b" ", b"* BYE")):
            break
    return last.decode("utf-8", "replace").rstrip("\r\n")


def command(d, text, want):
    d.say("t1 " + text)
    got = answer(d)
    assert re.match("t1 (" + want + ")", got), (text[:60], want, got)
    return got


class Bystander:
    """`with Bystander(mib):` somebody else works meanwhile, quickly, and the server's memory grows by less than mib."""

    def __init__(self, mib):
        self.most, self.times, self.peak = mib, [], 0

    def __enter__(self):
        self.before, self.stop = rss(), threading.Event()
        self.box = Box(BINH)
        self.box.do("select", "INBOX")
        self.usual = statistics.median(self.round() for _ in range(10))
        self.thread = threading.Thread(target=self.work)
        self.thread.start()
        return self

    def round(self):
        """Three commands; how long they took."""
        began = time.monotonic()
        self.box.do("noop")
        self.box.do("search", None, "UNSEEN")
        self.box.do("status", "Archive", "(MESSAGES UIDNEXT)")
        return time.monotonic() - began

    def work(self):
        while True:
            self.times.append(self.round())
            self.peak = max(self.peak, rss())
            if self.stop.wait(0.02):
                return

    def __exit__(self, kind, *_):
        self.stop.set()
        self.thread.join()
        if kind:
            return
        grown, median, worst = (self.peak - self.before) / MIB, statistics.median(self.times), max(self.times)
        print(f"memory +{grown:.0f} MiB, three commands of another user: median {median * 1000:.1f} ms, worst {worst * 1000:.0f} ms")
        assert grown < self.most, f"memory grew by {grown:.0f} MiB, more than {self.most}"
        # Generous: the machine may be busy with other tests, and was so before, which shows in what is usual.
        assert median < 1 + 20 * self.usual and worst < 10 + 100 * self.usual, f"another user waited: median {median:.3f} s, worst {worst:.3f} s, before {self.usual:.3f} s"
