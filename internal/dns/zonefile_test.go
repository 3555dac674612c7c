package dns

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func writeZone(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "zone")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// zoneOf reads a zone: its records, and who answers with them.
func zoneOf(t *testing.T, text string) ([]string, *Resolver) {
	t.Helper()
	lines, err := ReadZone(writeZone(t, text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := ZoneResolver(lines...)
	if err != nil {
		t.Fatal(err)
	}
	return lines, r
}

func TestReadZone(t *testing.T) {
	t.Parallel()
	lines, r := zoneOf(t, `
$ORIGIN hanoi.example.
$TTL 120
@   SOA ns hostmaster ( 1 3600 600
                        86400 30 ) ; two lines
    MX 10 mx
mx  A 192.0.2.1
key._domainkey TXT ( "v=DKIM1; "
                     "p=AAAA" )
$ORIGIN hue.example.
@   60 MX 10 mx.hanoi.example.
`)
	for _, c := range []struct{ got, want string }{
		{show(r.MX(t.Context(), "hanoi.example")), "[{10 mx.hanoi.example}]"},
		{show(r.MX(t.Context(), "hue.example")), "[{10 mx.hanoi.example}]"},
		{show(r.TXT(t.Context(), "key._domainkey.hanoi.example")), "[v=DKIM1; p=AAAA]"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
	if !strings.Contains(lines[1], "\t120\t") || !strings.Contains(lines[4], "\t60\t") {
		t.Errorf("the TTLs are lost: %q", lines)
	}
}

func TestReadZoneSilence(t *testing.T) {
	t.Parallel()
	_, r := zoneOf(t, "\ufeff$ORIGIN example.\nerr TIMEOUT ; all of it\nttl 300 IN TIMEOUT\nclass IN 5m TIMEOUT\nword TXT TIMEOUT\nhalf A 192.0.2.1\nhalf timeout\n"+`a\058b\047c A 192.0.2.2`+"\n")
	for _, host := range []string{"half.example", "a:b/c.example", `a\058b/c.EXAMPLE`} {
		if got, err := r.A(t.Context(), host); len(got) != 1 {
			t.Errorf("%s: %v, %v", host, got, err)
		}
	}
	if got := show(r.TXT(t.Context(), "word.example")); got != "[TIMEOUT]" {
		t.Error(got)
	}
	for _, name := range []string{"err.example", "ttl.example", "class.example", "half.example"} {
		if _, err := r.TXT(t.Context(), name); !errors.Is(err, ErrTemporary) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.TXT(t.Context(), "a:b/c.example"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestReadZoneULabels(t *testing.T) {
	t.Parallel()
	lines, r := zoneOf(t, "$ORIGIN Thư.example.\n@ MX 10 Máy\n_dmarc TXT \"v=DMARC1; p=none; x=thư\"\nmáy A 192.0.2.1\nbí.danh CNAME máy\n")
	for _, c := range []struct{ got, want string }{
		{show(r.MX(t.Context(), "xn--th-e0a.example")), "[{10 xn--my-mia.xn--th-e0a.example}]"},
		{show(r.TXT(t.Context(), "_dmarc.xn--th-e0a.example")), "[v=DMARC1; p=none; x=thư]"},
		{show(r.A(t.Context(), "xn--b-jga.danh.xn--th-e0a.example")), "[192.0.2.1]"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s\n%q", c.got, c.want, lines)
		}
	}
}

func TestReadZoneErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"hanoi.example. MX ten mx\n":         "line: 1",
		"\n\nhanoi.example. A 192.0.2.256\n": "line: 3",
		"$INCLUDE /etc/passwd\n":             "INCLUDE",
		"á‍-.example. A 192.0.2.1\n":        "write its A-label",
		"$GENERATE 1-65535 a$ A 192.0.2.1\n$GENERATE 1-65535 b$ A 192.0.2.1\n$GENERATE 1-65535 c$ A 192.0.2.1\n": "more than",
	} {
		file := writeZone(t, text)
		if lines, err := ReadZone(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %d lines, %v; want %q", text, len(lines), err, want)
		}
	}
	if _, err := ReadZone(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no error for a file that is not there")
	}
}

// FuzzText: whatever octets a TXT record has on the wire, TXT gives those.
func FuzzText(f *testing.F) {
	for _, s := range []string{"v=spf1 -all", `a "quoted" \ text`, "\x00\xff\\1", `\065`, "xin chào"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 255 {
			return
		}
		wire := append([]byte{byte(len(s))}, s...)
		rr, _, err := dns.UnpackRRWithHeader(dns.RR_Header{
			Name: "x.", Rrtype: dns.TypeTXT, Class: dns.ClassINET, Rdlength: uint16(len(wire)),
		}, wire, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := unescape(rr.(*dns.TXT).Txt[0]); got != s {
			t.Errorf("%q, want %q", got, s)
		}
	})
}
