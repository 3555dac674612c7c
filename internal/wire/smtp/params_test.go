package smtp

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"tem/internal/message/dsn"
)

// verdict is what a parser made of a value, or the code and enhanced code of its refusal.
func verdict[T any](v T, err error) string {
	if r, ok := err.(*Reply); ok {
		return fmt.Sprint(r.Code, " ", r.Enhanced)
	}
	return fmt.Sprint(v)
}

func TestParameterValues(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	const refused = "501 5.5.4"
	orcpt := func(s string) string { return verdict(ParseORCPT(s, false)) }
	orcpt8 := func(s string) string { return verdict(ParseORCPT(s, true)) }
	envid := func(s string) string { return verdict(ParseEnvID(s)) }
	notify := func(s string) string { return verdict(ParseNotify(s)) }
	ret := func(s string) string { return verdict(ParseReturn(s)) }
	by := func(s string) string {
		b, err := ParseBy(s, now)
		return verdict(fmt.Sprint(b.Time.Sub(now), b.Return, b.Trace), err)
	}
	priority := func(s string) string { return verdict(ParsePriority(s)) }
	hold := func(name string) func(string) string {
		return func(s string) string {
			until, err := ParseHold(name, s, now, time.Hour)
			return verdict(until.Sub(now), err)
		}
	}
	since := func(s string) string {
		at, goOn, err := ParseSince(s)
		return verdict(fmt.Sprint(at.Unix(), goOn), err)
	}
	for _, c := range []struct {
		parse    func(string) string
		in, want string
	}{
		{notify, "NEVER", fmt.Sprint(dsn.NotifyNever)},
		{notify, "success,Delay", fmt.Sprint(dsn.NotifySuccess | dsn.NotifyDelay)},
		{notify, "NEVER,SUCCESS", refused}, {notify, "", refused}, {notify, "SUCCESS,", refused}, {notify, "ALL", refused},
		{ret, "full", "FULL"}, {ret, "HDRS", "HDRS"}, {ret, "ALL", refused},
		{envid, "QQ314159", "QQ314159"}, {envid, "a+2Bb+3Dc+20d", "a+b=c d"},
		{envid, "", refused}, {envid, "a=b", refused}, {envid, "a+2b", refused}, {envid, "a+2", refused}, {envid, "a+0D+0Ab", refused},
		{envid, strings.Repeat("x", 100), strings.Repeat("x", 100)}, {envid, strings.Repeat("x", 101), refused},
		{orcpt, "rfc822;an+2Bx@b", "rfc822;an+x@b"}, {orcpt, "rfc822;", refused}, {orcpt, ";a@b", refused}, {orcpt, "a@b", refused},
		{orcpt, "rfc822;a+0D+0ABcc:+20x", refused}, {orcpt, "rf c;a", refused}, {orcpt, "rfc822;" + strings.Repeat("x", 500), refused},
		{orcpt, `utf-8;\x{111}i\x{1EC7}p@b`, "utf-8;điệp@b"}, {orcpt, `UTF-8;a\x{2B}b`, "UTF-8;a+b"},
		{orcpt, "utf-8;điệp@b", refused}, {orcpt8, "utf-8;điệp@b", "utf-8;điệp@b"}, {orcpt8, "rfc822;điệp@b", refused},
		{orcpt, "rfc822;th+C6+B0@b", "utf-8;thư@b"}, {orcpt, "x;th+C6+B0@b", refused}, {orcpt, "rfc822;th+C6@b", refused}, {orcpt, "rfc822;a+C2+85@b", refused},
		{orcpt, `utf-8;\x{0A}`, refused}, {orcpt, `utf-8;\x{D800}`, refused}, {orcpt, `utf-8;\x{110000}`, refused}, {orcpt, `utf-8;\x{85}`, refused},
		{orcpt, `utf-8;\x{0111}`, refused}, {orcpt, `utf-8;\x{1ec7}`, refused}, {orcpt, `utf-8;\x{111`, refused}, {orcpt, `utf-8;a+2Bb`, refused},
		{by, "120;R", "2m0s true false"}, {by, "-5;NT", "-5s false true"}, {by, "+0;n", "0s false false"},
		{by, "0;R", refused}, {by, "-5;R", refused}, {by, "120", refused}, {by, "1234567890;N", refused}, {by, "5;X", refused}, {by, "+-5;N", refused}, {by, ";N", refused},
		{priority, "-9", "-9"}, {priority, "0", "0"}, {priority, "10", refused}, {priority, "+1", refused}, {priority, "-0", refused}, {priority, "--1", refused},
		{hold("HOLDFOR"), "3600", "1h0m0s"}, {hold("HOLDFOR"), "3601", refused}, {hold("HOLDFOR"), "-1", refused}, {hold("HOLDFOR"), "9999999999", refused},
		{hold("HOLDFOR"), "0", "0s"}, {hold("HOLDFOR"), "", refused}, {hold("HOLDFOR"), "+1", refused}, {hold("HOLDFOR"), "0000000001", refused},
		{hold("HOLDUNTIL"), "2026-11-26T07:59:59Z", "-1s"}, {hold("HOLDUNTIL"), "1970-01-01T00:00:00Z", fmt.Sprint(time.Unix(0, 0).Sub(now))}, {hold("HOLDUNTIL"), "", refused},
		{hold("HOLDUNTIL"), "2026-11-26T08:30:00Z", "30m0s"}, {hold("HOLDUNTIL"), "2026-11-26T15:30:00+07:00", "30m0s"},
		{hold("HOLDUNTIL"), "2026-11-26T09:30:00Z", refused}, {hold("HOLDUNTIL"), "soon", refused},
		{since, "2026-11-26T08:00:00Z", "1795680000 false"}, {since, "2026-11-26T08:00:00Z;c", "1795680000 true"}, {since, "2026-11-26T08:00:00Z;", refused}, {since, "x;R", refused},
	} {
		if got := c.parse(c.in); got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
}

func TestParseChunk(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Chunk{
		"0 LAST": {0, true}, "86": {86, false}, "5  last": {5, true}, "007": {7, false},
		"5 FIRST": {5, false}, "5 LAſT FIRST": {5, false}, "5\u00a0LAST": {-1, false}, "5 LAST LAST": {5, false}, "99999999999999999999": {math.MaxInt64, false},
		"": {-1, false}, "LAST": {-1, false}, "-5": {-1, false}, "+5": {-1, false}, "0x5": {-1, false}, "5;LAST": {-1, false},
	} {
		got, err := ParseChunk(in)
		if ok := want.Size >= 0 && !strings.Contains(in, "FIRST") && !strings.Contains(in, "LAST LAST"); got != want || ok != (err == nil) {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
}

func TestParseXClient(t *testing.T) {
	t.Parallel()
	c, err := ParseXClient("addr=IPV6:2001:db8::1 PORT=25 NAME=[UNAVAILABLE] HELO=a+2Bb LOGIN=an@hanoi.example PROTO=esmtp DESTADDR=192.0.2.1")
	if err != nil || c.Addr("ADDR").String() != "2001:db8::1" || c.Port("PORT") != 25 || c["HELO"] != "a+b" || c["NAME"] != "" || c.Addr("DESTADDR").String() != "192.0.2.1" {
		t.Errorf("%v, %v", c, err)
	}
	for _, in := range []string{"", "ADDR", "ADDR=", "ADDR=x", "ADDR=1.2.3.4 ADDR=1.2.3.4", "PORT=65536", "PROTO=LMTP", "FOO=1", "HELO=+0D+0A", "HELO=+C4", "ADDR=fe80::1%25eth0", "HELO=" + strings.Repeat("x", 256)} {
		if c, err := ParseXClient(in); err == nil {
			t.Errorf("%q: %v", in, c)
		}
	}
}

func FuzzXtext(f *testing.F) {
	for _, s := range []string{"a+2Bb", "+", "=", `utf-8;\x{111}`, "rfc822;a@b", "+0D"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if again, ok := DecodeXtext(xtext(s)); !ok || again != s {
			t.Errorf("%q became %q, %v", s, again, ok)
		}
		if plain, ok := DecodeXtext(s); ok && len(plain) > len(s) {
			t.Errorf("%q grew to %q", s, plain)
		}
		if a, err := ParseORCPT(s, true); err == nil && strings.ContainsAny(a, "\r\n\x00") {
			t.Errorf("%q: %q holds a line end", s, a)
		}
	})
}

func FuzzParameters(f *testing.F) {
	for _, s := range []string{"120;R", "NEVER", "2026-11-26T08:00:00Z;C", "-9", "86 LAST", "ADDR=1.2.3.4 HELO=x", "FULL"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		_, e1 := ParseNotify(s)
		_, e2 := ParseEnvID(s)
		by, e3 := ParseBy(s, now)
		until, e4 := ParseHold("HOLDFOR", s, now, time.Hour)
		_, e5 := ParseHold("HOLDUNTIL", s, now, time.Hour)
		_, e6 := ParsePriority(s)
		_, _, e7 := ParseSince(s)
		chunk, e8 := ParseChunk(s)
		told, e9 := ParseXClient(s)
		_, e10 := ParseReturn(s)
		for _, err := range []error{e1, e2, e3, e4, e5, e6, e7, e8, e9, e10} {
			if _, ok := err.(*Reply); err != nil && !ok {
				t.Errorf("%q: %T", s, err)
			}
		}
		if e3 == nil && by.Return && !by.Time.After(now) || e4 == nil && until.Sub(now) > time.Hour || chunk.Size < 0 && e8 == nil {
			t.Errorf("%q: %+v %v %+v", s, by, until, chunk)
		}
		for name, value := range told {
			if !told.fits(name, value) || !isPrintable(value) {
				t.Errorf("%q: %s=%q", s, name, value)
			}
		}
	})
}
