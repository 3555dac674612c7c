"""Waiting for what another program does."""
import time

# Seconds that something may take that takes a moment, on a machine that is slow and has much else to do.
PATIENCE = 60


def wait_for(what, try_it, seconds=PATIENCE):
    """Calls try_it until it returns something true, more and more seldom: a server's log is not to be of questions only."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < seconds:
        got = try_it()
        if got:
            return got
        time.sleep(min(0.05 + waited / 10, 2))
    raise AssertionError(f"{what}: not within {seconds} s")
