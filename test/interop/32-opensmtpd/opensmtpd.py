"""OpenSMTPD and Tem exchange letters over SMTP."""
from exchange import *
from unpacked import Root
from world import *


class OpenSMTPD(Root, Server):
    """Debian's OpenSMTPD. It has neither SMTPUTF8 nor CHUNKING, and makes no signatures without filters."""

    says = IN_TURN
    # QUIRK(OpenSMTPD 6.8): built with OpenSSL 3 it offers STARTTLS and then breaks it off; Tem must go on in clear. As a client it works.
    received = r"by mx.hue.example \(OpenSMTPD\) with ESMTP id"
    tls = "", "opportunistic"
    utf8, dsn, envid = False, True, None  # its reports pass it over

    def __init__(self):
        users = {"opensmtpd": 101, "opensmtpq": 102, "vmail": 103}
        Root.__init__(self, "opensmtpd", ["/usr/sbin/smtpd", "/usr/libexec/opensmtpd/mail.maildir", "/bin/sh"], users)
        for d in "mail", "var/lib/opensmtpd/empty", "var/spool/smtpd/offline":
            os.makedirs(self.at(d), exist_ok=True)
        os.chown(self.at("mail"), 103, 103)
        os.chown(self.at("var/spool/smtpd/offline"), 0, 102)
        os.chmod(self.at("var/spool/smtpd/offline"), 0o770)
        os.chmod(self.at("var/spool/smtpd"), 0o711)
        os.chmod(self.at("etc/mx.key"), 0o600)
        if "6.8" not in self.run("/usr/sbin/smtpd", "-h", ok=(0, 1)):
            self.received, self.tls = r"\(TLSv1\.3:", ("TLS 1.3", "opportunistic")
        self.write("etc/mailname", MX + "\n")
        self.write("etc/people", f"hue@{THERE} vmail\nlater@{THERE} nobody@{HERE}\n")
        self.write("etc/users", "vmail 103:103:/mail\n")
        shutil.move(fill("smtpd.conf", mode=0o600, PEER=PEER_AT), self.at("etc/smtpd.conf"))
        self.server("smtpd", "/usr/sbin/smtpd", "-d", ready=[(PEER_AT, 19025), (PEER_AT, 19587)])

    def inbox(self, person):
        return maildir(self.at("mail/all"))  # only hue gets any


tem = Tem(dane=False)
peer = OpenSMTPD()
x = Exchange(tem, peer)
x.outward()
x.inward()
x.reports()
