package message

import (
	"strings"
	"testing"
	"time"
)

// TestEnvelopeBounds checks that a list too long is cut, and a group in it closed.
func TestEnvelopeBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value     string
		addresses int
		end       string
	}{
		"many":             {strings.Repeat("a@b,", 5000), maxAddresses, `(NIL NIL "a" "b"))`},
		"a group of many":  {"g:" + strings.Repeat("a@b,", 5000) + ";", maxAddresses + 1, `(NIL NIL "a" "b")(NIL NIL NIL NIL))`},
		"a group too late": {strings.Repeat("a@b,", maxAddresses) + "g: c@d;", maxAddresses, `(NIL NIL "a" "b"))`},
		"few":              {"a@b, c", 2, `(NIL NIL "c" "MISSING_DOMAIN"))`},
	} {
		got := string(appendAddresses(nil, c.value, inASCII))
		if n := strings.Count(got, "(NIL NIL"); n != c.addresses || !strings.HasSuffix(got, c.end) {
			t.Errorf("%s: %d addresses that end with %q", name, n, got[max(len(got)-80, 0):])
		}
	}
	if n := len(Addresses(strings.Repeat("a@b,", 2*maxMailboxes))); n != maxMailboxes {
		t.Errorf("%d mailboxes", n)
	}
}

func TestRecipientFieldsJoin(t *testing.T) {
	t.Parallel()
	ix := check(t, "To: a@b\r\nSubject: first\r\nTO: c@d\r\nSubject: second\r\nto: e@f\r\n\r\n")
	const want = `(NIL "first" NIL NIL NIL ((NIL NIL "a" "b")(NIL NIL "c" "d")(NIL NIL "e" "f")) NIL NIL NIL NIL)`
	if string(ix.Envelope) != want {
		t.Errorf("%s", ix.Envelope)
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Fri, 21 Nov 1997 09(comment):55:06 -0600": "1997-11-21T00:00:00Z", // as 09 is no time and :55:06 no zone
		"21 Nov 97 09:55:06 GMT":                   "1997-11-21T09:55:06Z",
		"(a(b)) Thu,13(c)Feb(d)1969 23:32 -0330":   "1969-02-13T23:32:00-03:30",
		"2-Jan-2026 03:04:05 EST":                  "2026-01-02T03:04:05-05:00",
		"2 Jan 2026":                               "2026-01-02T00:00:00Z",
		"2 Jan 2026 25:00 +9999":                   "2026-01-02T00:00:00Z",
		"2 Jan 2026 10: +0700":                     "2026-01-02T00:00:00+07:00",
		"Jan 2026":                                 "0001-01-01T00:00:00Z",
		"(":                                        "0001-01-01T00:00:00Z",
		"32 Jan 2026 10:00":                        "0001-01-01T00:00:00Z",
	} {
		if got := parseDate(in).Format(time.RFC3339); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestParams(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a/b; n=x (y).z":                         "n=x (y).z",
		"a/b; n=x (y)":                           "n=x",
		"a/b; n=x (y (z":                         "n=x (y (z",
		"a/b; n=x (a (b) c)d; m=1":               "n=x (a (b) c)d|m=1",
		"a/b; n*1=b; n*0=a; n*2*=%c3%a1":         "n=abá",
		"a/b; n*0*=utf-8''%c3; n*1*=%a1":         "n=á",
		"a/b; n*=utf-8'vi'%E1%BB%99; n=plain":    "n=ộ",
		"a/b; n=1; N=2; m=3":                     "n=1|m=3",
		"a/b; n*0=\x01; n*1=\x02; n=x":           "n=",
		`a/b; n="q\"r;s"; m=t`:                   `n=q"r;s|m=t`,
		"a/b" + strings.Repeat(";x*0=y", 100000): "x=y",
	} {
		_, _, params, _ := contentType(in)
		var got []string
		for _, p := range params {
			got = append(got, p.Name+"="+p.Value)
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%.80q: %q, want %q", in, s, want)
		}
	}
}

func TestParseUTF8(t *testing.T) {
	t.Parallel()
	raw := "From: Thư <thư@ví-dụ.vn>\r\nSubject: caf\xe9 =?utf-8?Q?=C6=B0?=\r\nContent-Type: message/rfc822; á=b\r\nContent-Description: mô tả\r\n\r\n" +
		"From: \"ư\\\"\"@b\r\nContent-Type: text/plain; name*=utf-8''th%C6%B0\r\n\r\n"
	ix, err := ParseUTF8(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	from := `(("Thư" NIL "thư" "ví-dụ.vn"))`
	if got, want := string(ix.Envelope), `(NIL "café =?utf-8?Q?=C6=B0?=" `+from+" "+from+" "+from+` NIL NIL NIL NIL NIL)`; got != want {
		t.Errorf("envelope\n got %s\nwant %s", got, want)
	}
	for _, want := range []string{`"mô tả"`, `(NIL NIL "ư\"" "b")`, `("NAME" "thư" "CHARSET" "us-ascii")`} {
		if !strings.Contains(string(ix.Structure), want) {
			t.Errorf("no %s in %s", want, ix.Structure)
		}
	}
}

// RFC 9051 §9: addr-name and addr-mailbox are what is left after removing the quoting of RFC 5322.
func TestEnvelopeUnquotes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`"a \"b\\" <"q p"@x>`:         `("a \"b\\" NIL "q p" "x")`,
		`"q\"@p"@x`:                   `(NIL NIL "q\"@p" "x")`,
		`"john.q"@x, "a".b."c d"@[1]`: `(NIL NIL "john.q" "x")(NIL NIL "a.b.c d" "[1]")`,
		`<""@x>`:                      `(NIL NIL "MISSING_MAILBOX" "x")`,
	} {
		ix := check(t, "To: "+in+"\r\n\r\n")
		if got := string(EnvelopeTo.In(ix.Envelope)); got != "("+want+")" {
			t.Errorf("%s: %s, want (%s)", in, got, want)
		}
	}
}
