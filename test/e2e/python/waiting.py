"""Waiting for what another program does."""
import time


def wait_for(what, try_it, seconds=20):
    """Calls try_it until it returns something true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = try_it()
        if got:
            return got
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")
