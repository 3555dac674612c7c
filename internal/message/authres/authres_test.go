package authres

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Field{
		// RFC 8601 appendix B.
		" example.org 1; none": {Host: "example.org", Version: 1},
		" example.com;\r\n spf=pass smtp.mailfrom=example.net": {"example.com", 1, []Result{
			{Method: "spf", Version: 1, Value: "pass", Props: []Prop{{"smtp", "mailfrom", "example.net"}}}}},
		" example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net": {"example.com", 1, []Result{
			{Method: "auth", Version: 1, Value: "pass", Comment: "cram-md5", Props: []Prop{{"smtp", "auth", "sender@example.net"}}},
			{Method: "spf", Version: 1, Value: "pass", Props: []Prop{{"smtp", "mailfrom", "example.net"}}}}},
		" foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it) 1362471462": {"foo.example.net", 1, []Result{
			{Method: "dkim", Version: 1, Value: "fail", Props: []Prop{{"policy", "expired", "1362471462"}}}}},
		`h; dkim=pass (good (nested) \(signature) reason="a \"b\" c" header.d=mail.example header.b="oINEO8h/" header.i=@mail.example;`: {"h", 1, []Result{
			{Method: "dkim", Version: 1, Value: "pass", Comment: "good (nested) (signature", Reason: `a "b" c`,
				Props: []Prop{{"header", "d", "mail.example"}, {"header", "b", "oINEO8h/"}, {"header", "i", "@mail.example"}}}}},
		`"h x" 2; SPF/3=PASS smtp.mailfrom="an anh"@hanoi.example header.b=ab/c+==`: {"h x", 2, []Result{
			{Method: "spf", Version: 3, Value: "pass", Props: []Prop{{"smtp", "mailfrom", `"an anh"@hanoi.example`}, {"header", "b", "ab/c+=="}}}}},
		"spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example; dmarc=none action=none": {},
		"spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example; dmarc=none header.from=a.example;": {"", 1, []Result{
			{Method: "spf", Version: 1, Value: "pass", Comment: "sender IP is 192.0.2.1", Props: []Prop{{"smtp", "mailfrom", "a.example"}}},
			{Method: "dmarc", Version: 1, Value: "none", Props: []Prop{{"header", "from", "a.example"}}}}},
		"h": {Host: "h", Version: 1}, "h;": {Host: "h", Version: 1}, "h; none;": {Host: "h", Version: 1},
		"": {}, ";": {}, "(only": {}, "h x": {}, "h 99999": {}, "h; =pass": {}, "h; spf": {}, "h; spf=": {}, "h; spf=pass smtp": {},
		"h; spf=pass smtp.": {}, "h; spf=pass smtp.mailfrom=": {}, "h; spf/x=pass": {}, "h; spf=pass reason=;": {}, `h; spf=pass smtp.a="x y`: {},
	} {
		got, err := Parse(in)
		if bad := reflect.DeepEqual(want, Field{}); bad != (err != nil) || !bad && !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n got %+v, %v\nwant %+v", in, got, err, want)
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"h" + strings.Repeat("; spf=pass", maxItems+1),
		"h; spf=pass" + strings.Repeat(" a.b=c", maxItems+1),
	} {
		if _, err := Parse(in); err == nil || !strings.Contains(err.Error(), "more than 500") {
			t.Errorf("%.30q…: %v", in, err)
		}
	}
}

func TestBytesAreFolded(t *testing.T) {
	t.Parallel()
	f := Field{"mx.hanoi.example", 1, []Result{
		{Method: "iprev", Value: "pass", Props: []Prop{{"policy", "iprev", "2001:db8::1"}}},
		{Method: "dkim", Value: "fail", Comment: "1024-bit key (old)", Reason: "the hash of the body is another: it was changed on the way, by a list perhaps; \"so\"\r\nX: y",
			Props: []Prop{{"header", "d", "saigon.example"}, {"header", "b", "AbCd/+=="}, {"header", "s", strings.Repeat("s", 400)}}},
	}}
	b := f.Bytes()
	lines := strings.Split(string(b), "\r\n")
	for _, l := range lines {
		if len(l) > maxColumn && !strings.Contains(l, "sss") || len(l) > 998 || strings.ContainsAny(l, "\r\n") {
			t.Errorf("line of %d octets: %q", len(l), l)
		}
	}
	if !bytes.HasSuffix(b, []byte("\r\n")) || lines[1] != "\tiprev=pass policy.iprev=\"2001:db8::1\";" {
		t.Errorf("%s", b)
	}
	got, err := Parse(string(b[len(Name)+1:]))
	if err != nil || got.Results[1].Reason != "the hash of the body is another: it was changed on the way, by a list perhaps; \"so\" X: y" || got.Results[1].Get("header", "b") != "AbCd/+==" {
		t.Errorf("%+v, %v", got, err)
	}
	if none := (&Field{Host: "h", Version: 1}).Bytes(); string(none) != "Authentication-Results: h; none\r\n" {
		t.Errorf("%q", none)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(" foo.example.net (foobar) 1 (baz);\r\n dkim (Because) / 1 = (wait) fail policy . expired = 1362471462")
	f.Add(`h 2; spf=pass (a (b) \)c) reason="x \" y" smtp.mailfrom="an anh"@h.example; none; dkim=fail header.b=ab/c+==;`)
	f.Add("spf=pass smtp.mailfrom=a; x=y")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := Parse(in)
		if err != nil {
			return
		}
		b := got.Bytes()
		if n := bytes.Count(b, []byte("\n")); n != bytes.Count(b, []byte("\r\n")) || bytes.Count(b, []byte("\r")) != n || bytes.IndexByte(b, 0) >= 0 {
			t.Fatalf("%q is written as %q", in, b)
		}
		if len(in) > maxValue {
			return // values may have been clipped
		}
		again, err := Parse(string(b[len(Name)+1:]))
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%q:\n got %+v\nthen %+v, %v\n%q", in, got, again, err, b)
		}
	})
}
