"""A tree of Maildirs as another mail program would find and change it."""
import mailbox
import os
import re

from peer import letter

FLAGS = {"S": r"\Seen", "F": r"\Flagged", "R": r"\Answered", "D": r"\Draft", "T": r"\Deleted"}


class Tree:
    """The Maildirs below a directory; number n is the letter <n@peer.example>."""

    def __init__(self, root):
        self.root = root

    def mda(self, name, last=":"):
        """Makes a Maildir and a program that puts the letter on its standard input into it; it ends with the shell command last."""
        for sub in ("new", "cur", "tmp"):
            os.makedirs(os.path.join(self.root, name, sub))
        there, program = os.path.abspath(os.path.join(self.root, name)), os.path.abspath(name + ".mda")
        with open(program, "w") as f:
            f.write(f'#!/bin/sh\nset -eu\nf=$(mktemp -p {there}/tmp)\ncat >"$f"\nmv "$f" {there}/new/\n{last}\n')
        os.chmod(program, 0o700)
        return program

    def empty(self, name):
        self.folder(name).clear()

    def folder(self, name):
        return mailbox.Maildir(os.path.join(self.root, name), create=True)

    def all(self):
        """In the shape of peer.Box.all."""
        found = {}
        for path, _, _ in os.walk(self.root):
            name = os.path.relpath(path, self.root)
            if os.path.isdir(os.path.join(path, "cur")) and (here := self.held(name)):
                found[name] = here
        return found

    def held(self, name):
        path, here = os.path.join(self.root, name), {}
        for m in mailbox.Maildir(path, create=False):
            name = re.search("<([^@>]*)", m["Message-ID"])[1]
            assert name not in here, f"{path} holds {name} twice"
            here[name] = {FLAGS[f] for f in m.get_flags()}
        return here

    def put(self, folder, n, flags="", body="hello\n"):
        m = mailbox.MaildirMessage(letter(n, body).replace(b"\r\n", b"\n"))
        m.set_subdir("cur")
        m.set_flags(flags)
        self.folder(folder).add(m)

    def flag(self, folder, n, flags):
        box = self.folder(folder)
        key = self.key(box, n)
        m = box[key]
        m.set_subdir("cur")
        m.set_flags(flags)
        box[key] = m

    def remove(self, folder, n):
        box = self.folder(folder)
        box.remove(self.key(box, n))

    @staticmethod
    def key(box, n):
        return next(k for k, m in box.items() if m["Message-ID"] == f"<{n}@peer.example>")
