"""HAProxy, nginx and stunnel in front of Tem: it deals with their clients as if they had come by themselves."""
import http.server
import threading

from exchange import *
from unpacked import unpack
from world import *

PROXY_AT, STRANGER_AT = NET + ".3", NET + ".4"


class Answers(http.server.BaseHTTPRequestHandler):
    """What nginx asks of each client: it knows no passwords itself, nor where mail is to go."""

    def do_GET(self):
        good = self.headers["Auth-Method"] == "none" or self.headers["Auth-Pass"] == PASSWORD.replace(" ", "%20")
        self.send_response(200)
        self.send_header("Auth-Status", "OK" if good else "Invalid login")
        self.send_header("Auth-Server", TEM_AT)
        self.send_header("Auth-Port", "19025" if self.headers["Auth-Method"] == "none" else "19587")
        self.end_headers()

    def log_message(self, *_):
        pass


class LMTPS(smtplib.LMTP):
    """LMTP inside TLS from the first octet."""

    def _get_socket(self, host, port, timeout):
        return trusting().wrap_socket(super()._get_socket(host, port, timeout))


def proxies():
    answers = http.server.ThreadingHTTPServer((PROXY_AT, 2600), Answers)
    threading.Thread(target=answers.serve_forever, daemon=True).start()
    for package in "haproxy", "nginx", "libnginx-mod-mail", "stunnel4":
        root = unpack(package, "unpacked")
    here = {"PLACE": PLACE, "PROXY": PROXY_AT, "TEM": TEM_AT, "ROOT": os.path.abspath(root)}
    Server("haproxy", root + "/usr/sbin/haproxy", "-db", "-f", fill("haproxy.cfg", **here), ready=[(PROXY_AT, 2501)])
    Server("nginx", root + "/usr/sbin/nginx", "-p", PLACE, "-e", "stderr", "-c", fill("nginx.conf", **here), ready=[(PROXY_AT, 2601)])
    Server("stunnel", root + "/usr/bin/stunnel4", fill("stunnel.conf", **here), ready=[(PROXY_AT, 2701)])


def hand(letter, port, by=smtplib.SMTP, client=PEER_AT, login=False, starttls=False):
    """Hands a letter over as a client at an address."""
    with by(PROXY_AT, port, local_hostname=MX, source_address=(client, 0), timeout=PATIENCE) as smtp:
        if starttls:
            smtp.starttls(context=trusting())
        if login:
            smtp.login(letter.sender, PASSWORD)
        smtp.sendmail(letter.sender, letter.to, letter.text)


def tls(*args, **more):
    return smtplib.SMTP_SSL(*args, context=trusting(), **more)


def accepted(letter, login=None):
    """The letter has arrived, from the client and not from a proxy."""
    head, = arrived(letter, lambda: tem.inbox("binh"))
    assert f"Received: from {MX} ([{PEER_AT}])" in head, head
    event, = events(trip(tem, letter, "delivered"), "accepted")
    same((event["remote"].rpartition(":")[0], event["hello"], event.get("login")), (PEER_AT, MX, login))
    return head


def from_others():
    """By whom mail of hue.example may be sent is decided by the address that the proxy tells."""
    for name, port, starttls in ("haproxy1", 2501, False), ("haproxy1-tls", 2501, True), ("haproxy2", 2502, False), ("haproxy2-tls", 2502, True), ("nginx", 2601, False):
        letter = Letter(name, "hue@" + THERE, ["binh@" + HERE], b".\r\nthrough a proxy\r\n")
        hand(letter, port, starttls=starttls)
        head = accepted(letter)
        same({("spf", "pass"), ("dmarc", "pass"), ("iprev", "pass")} - results(head), set())
        same("with ESMTPS id" in head, starttls)
        letter = Letter(name + "-forged", "hue@" + THERE, ["binh@" + HERE], b"forged\r\n")
        try:
            hand(letter, port, client=STRANGER_AT, starttls=starttls)
        except smtplib.SMTPDataError as refused:
            same((refused.smtp_code, refused.smtp_error[:5]), (550, b"5.7.1"))
        else:
            raise AssertionError(f"{name}: what a stranger forged was taken")


def from_ours():
    """Who logs in does so at Tem through HAProxy, and at nginx, which Tem believes."""
    for name, port, by, starttls in ("submissions", 2503, tls, False), ("nginx-login", 2602, smtplib.SMTP, True):
        letter = Letter(name, "an@" + HERE, ["binh@" + HERE], b"from one of ours\r\n")
        hand(letter, port, by, login=True, starttls=starttls)
        accepted(letter, login="an@" + HERE)


def by_lmtp():
    for name, port, by in ("haproxy-lmtp", 2504, smtplib.LMTP), ("stunnel", 2701, LMTPS):
        letter = Letter(name, "hue@" + THERE, ["binh@" + HERE], b"from another server of ours\r\n")
        hand(letter, port, by)
        assert "with LMTP id" in accepted(letter)


def checks():
    """HAProxy finds all of Tem's ports well, whose clients are nobody then."""
    def states():
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(os.path.join(PLACE, "haproxy.socket"))
            s.sendall(b"show stat -1 4 -1 json\n")
            with s.makefile() as f:
                servers = [{v["field"]["name"]: v["value"]["value"] for v in server} for server in json.load(f)]
        same({(s["pxname"], s["status"]) for s in servers}, {(name, "UP") for name in ("smtp1", "smtp2", "submissions", "lmtp")})
        return all(s["check_status"] in ("L7OK", "L4OK") for s in servers)
    wait_for("health checks", states)


tem = Tem(more="trusted.toml", dane=False)
proxies()
from_others()
from_ours()
by_lmtp()
checks()
