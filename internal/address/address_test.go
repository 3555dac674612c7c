package address

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"an@hanoi.example":             "an@hanoi.example",
		"An@Hanoi.EXAMPLE":             "An@hanoi.example",
		`"an"@hanoi.example`:           "an@hanoi.example",
		`"a b\"c"@hanoi.example`:       `"a b\"c"@hanoi.example`,
		`"a@b"@hanoi.example`:          `"a@b"@hanoi.example`,
		"điệp@bücher.example":          "điệp@xn--bcher-kva.example",
		"a@[192.0.2.1]":                "a@[192.0.2.1]",
		"a@[ipv6:2001:DB8::1]":         "a@[IPv6:2001:db8::1]",
		"a+tag@x_y.example":            "a+tag@x_y.example",
		strings.Repeat("a", 64) + "@b": strings.Repeat("a", 64) + "@b",
	} {
		a, err := Parse(in)
		if err != nil || a.String() != want {
			t.Errorf("Parse(%q) = %q, %v, want %q", in, a, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "a", "@b", "a@", "a b@c", "a..b@c", ".a@b", "a@b..c", "a@-b", "a@b c",
		"a@[1.2.3]", "a@[IPv6:1.2.3.4]", "a@[::1]", `"a@b`, `""@b`, "\"a\x00\"@b", "a\x80@b", "a@b\r\n", "<a@b>",
		strings.Repeat("a", 65) + "@b", "a@" + strings.Repeat("b", 64)} {
		if a, err := Parse(in); err == nil {
			t.Errorf("Parse(%q) = %q, want an error", in, a)
		}
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	a, _ := Parse("\u0110I\u1ec6P@BÜCHER.example")
	b, _ := Parse("điệp@xn--bcher-kva.example")
	if a.Key() != b.Key() {
		t.Errorf("%q and %q differ", a.Key(), b.Key())
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a@b.c", `"a\" b"@c`, "điệp@bücher.example", "a@[IPv6:::1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(a.String())
		if err != nil || again != a {
			t.Errorf("%q gives %q, which gives %q, %v", s, a, again, err)
		}
		if a.Key() == "" || strings.ContainsAny(a.String(), "\r\n\x00") {
			t.Errorf("%q gives %q", s, a)
		}
	})
}
