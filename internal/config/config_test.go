package config

import (
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tem.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	return c, err
}

const six = `hostname = "mail.example.com"
data = "data"

[tls]
cert = "cert.pem"
key = "/etc/key.pem"
`

func TestSixLinesMakeAServer(t *testing.T) {
	t.Parallel()
	c, err := load(t, six)
	if err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(c.Data) || !filepath.IsAbs(c.TLS.Cert) || c.TLS.Key != "/etc/key.pem" {
		t.Errorf("paths: %q %q %q", c.Data, c.TLS.Cert, c.TLS.Key)
	}
	if c.Listen.SMTP[0] != ":25" || c.Limits.Message != 50<<20 {
		t.Errorf("defaults are missing: %+v", c)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"unknown key":   {six + "[limits]\nmesage = \"1M\"\n", `tem.toml:8: unknown key "limits.mesage"`},
		"syntax":        {"hostname = \n", "tem.toml:1"},
		"no hostname":   {"data = \"x\"\n", "hostname is missing"},
		"half a pair":   {"hostname = \"a.b\"\n[tls]\ncert = \"c\"\n", "cert and key go together"},
		"no tls":        {"hostname = \"a.b\"\n", "tls.cert and tls.key are missing"},
		"size":          {six + "[limits]\nmessage = \"1Q\"\n", `is not a size`},
		"duration":      {six + "[outbound]\nlifetime = \"soon\"\n", "is not a duration"},
		"level":         {six + "[log]\nlevel = \"loud\"\n", "it may be debug"},
		"insecure auth": {strings.Replace(six, "\n", "\ninsecure_auth = \"yes\"\n", 1), "insecure_auth"},
		"kind":          {"data = 5\n", "tem.toml:1:8: data can't be a value of the kind integer"},
		"network":       {six + "[trusted]\nproxy = [\"10.0.0.1/8\"]\n", "is not a network"},
		"listens twice": {six + "[listen]\nsmtp = [\"0.0.0.0:25\"]\nsubmission = [\":25\"]\n", "listen.submission = \":25\": listen.smtp has the same address"},
		"twice in one":  {six + "[listen]\nimap = [\"[::1]:143\", \"[0::1]:0143\"]\n", "listen.imap has the same address"},
		"socket twice":  {six + "[listen]\nlmtp = [\"/run/lmtp\", \"/run/lmtp\"]\n", "listen.lmtp has the same address"},
		"lmtp":          {six + "[listen]\nlmtp = [\"run/lmtp\"]\n", "listen.lmtp"},
		"greeting":      {six + "[limits]\ngreeting_delay = \"2m\"\n", "limits.greeting_delay"},
		"workers":       {six + "[outbound]\nworkers = 0\n", "outbound.workers = 0: it must be at least 1"},
		"dnssec":        {six + "[outbound]\ndnssec = \"maybe\"\n", "outbound.dnssec = \"maybe\""},
		"connections":   {six + "[limits]\nconnections = -1\n", "limits.connections = -1"},
		"messages":      {six + "[limits]\nimap_messages = -1\n", "limits.imap_messages = -1"},
		"no time":       {six + "[limits]\nsmtp_timeout = \"0s\"\n", `limits.smtp_timeout = "0s": it must be above 0`},
		"no port":       {six + "[listen]\nsmtp = [\"127.0.0.1\"]\n", `listen.smtp = "127.0.0.1": write address:port`},
		"high port":     {six + "[listen]\nimap = [\":99999\"]\n", `listen.imap = ":99999"`},
		"recipients":    {six + "[limits]\nrecipients = 1\n", "at least 100"},
		"no log":        {six + "[keep]\nchanges = \"0s\"\n", `keep.changes = "0s": it must be above 0`},
		"half an oauth": {six + "[oauth]\nissuer = \"https://id.example\"\n", "issuer, audience and keys go together"},
		"oauth by http": {six + "[oauth]\nissuer = \"i\"\naudience = \"a\"\nkeys = \"http://id.example/keys\"\n", "must be a file or an https URL"},
		"oauth no one":  {six + "[oauth]\nissuer = \"i\"\naudience = \"a\"\nkeys = \"k\"\nclaim = \"\"\n", "oauth.claim is empty"},
		"cards, no tls": {"hostname = \"a.b\"\n[listen]\nsubmissions = []\npop3s = []\nimaps = []\n[tls]\nclients = \"ca.pem\"\n", "tls.clients needs tls.cert"},
		"relay, name":   {six + "[[outbound.relay]]\nname = \"mx\"\n", "needs a name of its own"},
		"relay, host":   {six + "[[outbound.relay]]\nname = \"r\"\nhost = \"h\"\nfor = [\"*\"]\n", "write host:port"},
		"relay, clear":  {six + "[[outbound.relay]]\nname = \"r\"\nhost = \"h.example:25\"\ntls = \"none\"\nfor = [\"*\"]\n", "not certainly this machine"},
		"relay, login":  {six + "[[outbound.relay]]\nname = \"r\"\nhost = \"h:25\"\nlogin = \"me\"\nfor = [\"*\"]\n", "login goes with password_file"},
		"relay, secret": {six + "[[outbound.relay]]\nname = \"r\"\nhost = \"h:25\"\nlogin = \"me\"\npassword_file = \"none\"\nfor = [\"*\"]\n", "no such file"},
		"relay, nobody": {six + "[[outbound.relay]]\nname = \"r\"\nhost = \"h:25\"\n", "for is empty"},
		"source":        {six + "[[outbound.source]]\naddresses = [\"x\"]\nsenders = [\"*\"]\n", "is not an address"},
		"roots":         {six + "[outbound]\nroots = \"none.pem\"\n", "outbound.roots"},
		"policy":        {six + "[web]\nmta_sts = \"on\"\n", "web.mta_sts = \"on\": it may be"},
		"web, address":  {six + "[listen]\nhttps = [\"443\"]\n", "listen.https = \"443\""},
		"web, no tls":   {"hostname = \"a.b\"\n[listen]\nsubmissions = []\npop3s = []\nimaps = []\nhttps = [\":443\"]\n", "https need them"},
		"no days":       {six + "[keep]\ndeleted = \"two weeks\"\n", "is not a duration"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

// The reference, with its comment marks taken away, is a file that gives the defaults.
func TestReferenceIsTheDefaults(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := WriteReference(&b); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for line := range strings.Lines(b.String()) {
		if key, _, ok := strings.Cut(strings.TrimPrefix(line, "# "), " = "); ok && !strings.Contains(key, " ") {
			line = strings.TrimPrefix(line, "# ")
		}
		text.WriteString(line)
	}
	full := strings.Replace(text.String(), `hostname = ""`, `hostname = "h.example"`, 1)
	full = strings.NewReplacer(`cert = ""`, `cert = "c"`, `key = ""`, `key = "k"`).Replace(full)
	c, err := load(t, full)
	if err != nil {
		t.Fatalf("%v\n%s", err, full)
	}
	if !reflect.DeepEqual(c.Limits, Default().Limits) || c.Outbound.Lifetime != Default().Outbound.Lifetime {
		t.Errorf("got %+v", c)
	}
}

func TestPathsAreTheFiles(t *testing.T) {
	t.Parallel()
	for keys, inDir := range map[string]bool{"jwks.json": true, "https://id.example/keys": false} {
		c, err := load(t, six+"clients = \"ca.pem\"\n[oauth]\nissuer = \"i\"\naudience = \"a\"\nkeys = \""+keys+"\"\n")
		if err != nil {
			t.Fatal(err)
		}
		if !filepath.IsAbs(c.TLS.Clients) || filepath.IsAbs(c.OAuth.Keys) != inDir || c.OAuth.Claim != "email" {
			t.Errorf("%+v, %+v", c.TLS, c.OAuth)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{"10": 10, "1k": 1024, "50M": 50 << 20, "2GiB": 2 << 30} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
	}
	for text, want := range map[string]time.Duration{"5d": 120 * time.Hour, "90s": 90 * time.Second} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || time.Duration(d) != want {
			t.Errorf("%s: %v, %v", text, d, err)
		}
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	c, err := load(t, six+"[listen]\nlmtp = [\"/run/tem/lmtp\", \"127.0.0.1:24\"]\n[trusted]\nxclient = [\"10.0.0.0/8\", \"2001:db8::1\"]\n")
	if err != nil {
		t.Fatal(err)
	}
	is := Within(c.Trusted.XClient)
	for a, want := range map[string]bool{"10.1.2.3:25": true, "[::ffff:10.1.2.3]:25": true, "[2001:db8::1]:1": true, "[2001:db8::2]:1": false, "192.0.2.1:25": false} {
		addr, err := net.ResolveTCPAddr("tcp", a)
		if err != nil {
			t.Fatal(err)
		}
		if is(addr) != want {
			t.Errorf("%s: %v", a, !want)
		}
	}
	if is(&net.UnixAddr{Name: "10.1.2.3"}) {
		t.Error("a socket is no network")
	}
}
