package config

import (
	"strings"
	"testing"
)

func TestWarnings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                        "",
		"[trusted]\nproxy = [\"0.0.0.0/0\"]\n":    `trusted.proxy = "0.0.0.0/0": whoever connects`,
		"[trusted]\nxclient = [\"::/0\"]\n":       `trusted.xclient = "::/0": whoever connects`,
		"[trusted]\nproxy = [\"10.0.0.0/8\"]\n":   "",
		"[listen]\nlmtp = [\":24\"]\n":            `listen.lmtp = ":24": LMTP`,
		"[listen]\nlmtp = [\"0.0.0.0:24\"]\n":     "LMTP",
		"[listen]\nlmtp = [\"[2001:db8::1]:24\"]": "LMTP",
		"[listen]\nlmtp = [\"127.0.0.1:24\", \"[::1]:24\", \"10.1.2.3:24\", \"localhost:25\", \"/run/lmtp\"]\nsmtp = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n": "",
	} {
		c, err := load(t, six+text)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(c.Warnings(), "\n"); (got == "") != (want == "") || !strings.Contains(got, want) || strings.Count(got, "\n") > 0 {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
