"""A name server for the servers of one script."""
import socket
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset


class Names(threading.Thread):
    """Answers what was added, on the port that resolvers insist on, and says of all of it that DNSSEC was checked."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.sets, self.names = {}, set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        self.start()

    def add(self, name, kind, value):
        """Adds one record; TXT is given as its text."""
        if kind == "TXT":
            value = " ".join(f'"{value[i:i + 250]}"' for i in range(0, len(value), 250))
        new = dns.rrset.from_text(dns.name.from_text(name), 60, "IN", kind, value)
        old = self.sets.setdefault((new.name, new.rdtype), new)
        old.update(new)
        above = new.name
        while above != dns.name.root:
            self.names.add(above)
            above = above.parent()

    def text(self, name):
        """The TXT record of a name, as octets; empty for none."""
        found = self.sets.get((dns.name.from_text(name), dns.rdatatype.TXT))
        return b"".join(found[0].strings) if found else b""

    def run(self):
        while True:
            question, who = self.socket.recvfrom(65536)
            self.socket.sendto(self.answer(dns.message.from_wire(question)).to_wire(max_size=65535), who)

    def answer(self, query):
        said, q = dns.message.make_response(query, recursion_available=True), query.question[0]
        said.flags |= dns.flags.AD
        if found := self.sets.get((q.name, q.rdtype)):
            said.answer.append(found)
        elif q.name not in self.names:
            said.set_rcode(dns.rcode.NXDOMAIN)
        return said
