"""Mail servers that can't be installed beside each other: Debian's package unpacked into a small root of its own."""
import glob
import os
import re
import shutil
import stat

from running import run
from world import PLACE, TEM_AT, Server

DEBS = os.path.join(os.environ["TEM_CACHE"], "tem-test/debian")
DEVICES = {"null": (1, 3), "zero": (1, 5), "random": (1, 8), "urandom": (1, 9)}


def unpack(package, path):
    """The files of a package, in a directory of their own."""
    debs = glob.glob(f"{DEBS}/{package}_*.deb")
    assert debs, f"{DEBS} has no package {package}: test/packages puts it there"
    run("dpkg-deb", "-x", max(debs, key=os.path.getmtime), path)
    os.chmod(path, 0o755)
    return path


class Root:
    """The directory at which a package is the whole system: its files, the libraries that it needs, users, and a name server.
    Without a package it holds programs of this machine, which know no other name server then."""

    def __init__(self, package, programs, users, dns=TEM_AT):
        self.path = os.path.join(PLACE, "root")
        if package:
            unpack(package, self.path)
        for program in programs:
            self.libraries(program)
        self.devices()
        for d in "tmp", "etc", "var/run", "var/mail":
            os.makedirs(self.at(d), exist_ok=True)
        os.chmod(self.at("tmp"), 0o1777)
        self.write("etc/passwd", "root:x:0:0::/:/bin/sh\n" + "".join(f"{name}:x:{n}:{n}::/nowhere:/bin/sh\n" for name, n in users.items()))
        self.write("etc/group", "root:x:0:\nmail:x:8:\n" + "".join(f"{name}:x:{n}:\n" for name, n in users.items()))
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
        self.write("etc/hosts", "127.0.0.1 localhost\n")
        self.write("etc/resolv.conf", f"nameserver {dns}\n")
        for name in "mx.pem", "mx.key":
            shutil.copy(os.path.join(PLACE, name), self.at("etc"))
        os.makedirs(self.at("etc/ssl/certs"))
        shutil.copy(os.path.join(PLACE, "ca.pem"), self.at("etc/ssl/certs/ca-certificates.crt"))

    def at(self, name):
        return os.path.join(self.path, name)

    def write(self, name, text):
        with open(self.at(name), "w") as f:
            f.write(text)

    def libraries(self, program):
        """Copies a program of this machine, unless it came with the package, and what it is linked with."""
        here = self.at(program.lstrip("/"))
        if not os.path.exists(here):
            self.copy(program)
        for library in re.findall(r"(/\S+) \(0x", run("ldd", here)):
            self.copy(library)

    def copy(self, file):
        there = self.at(file.lstrip("/"))
        os.makedirs(os.path.dirname(there), exist_ok=True)
        shutil.copy(file, there)

    def devices(self):
        os.makedirs(self.at("dev"), exist_ok=True)
        for name, (major, minor) in DEVICES.items():
            os.mknod(self.at("dev/" + name), stat.S_IFCHR | 0o666, os.makedev(major, minor))
            os.chmod(self.at("dev/" + name), 0o666)

    def run(self, *command, **more):
        return run("chroot", self.path, *command, **more)

    def server(self, name, *command, **more):
        Server.__init__(self, name, "chroot", self.path, *command, **more)
