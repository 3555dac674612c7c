"""Waiting for what another program does."""
import time

# Seconds that something may take that takes a moment, on a machine that is slow and has much else to do.
PATIENCE = 60


def wait_for(what, try_it, seconds=PATIENCE):
    """Calls try_it until it returns something true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = try_it()
        if got:
            return got
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")
