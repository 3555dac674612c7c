"""Running a peer: a program to its end, its configuration from the one beside the script."""
import os
import string
import subprocess

from waiting import PATIENCE


def run(*command, input=None, ok=(0,), timeout=3 * PATIENCE, env=None):
    """Runs a program to its end and returns what it printed, both streams."""
    done = subprocess.run(command, input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                          env={**os.environ, **(env or {})})
    said = done.stdout.decode("utf-8", "replace")
    assert done.returncode in ok, f"{command}: exit code {done.returncode}\n{said}"
    return said


def fill(name, mode=0o600, to=".", **values):
    """Writes the peer's file name into the directory to, with $names filled in, and returns its path."""
    with open(os.path.join(os.environ["PEER"], name)) as f:
        text = string.Template(f.read()).substitute(values)
    path = os.path.join(os.path.abspath(to), os.path.basename(name))
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def same(got, want):
    assert got == want, f"\ngot  {got}\nwant {want}"
