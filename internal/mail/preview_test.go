package mail

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestPreview: one line of decoded text, of at most 200 characters (RFC 8970 §3.1).
func TestPreview(t *testing.T) {
	t.Parallel()
	for msg, want := range map[string]string{
		"\r\n a  b\r\n\r\nc \r\n": "a b c",
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nWGluAGNow6BvGwo=": "Xinchào",
		"Content-Type: text/html\r\n\r\n<style>x</style><p>Hello&nbsp;<b>you</b></p>":                          "Hello you",
		"Content-Type: image/png\r\n\r\nx":  "",
		"\r\n" + strings.Repeat("ab ", 200): strings.Repeat("ab ", 66) + "ab",
	} {
		s := testStore(t)
		deliver(t, s, "Subject: x\r\n"+msg, Target{Account: alice})
		err := s.Account(alice).Fetch(t.Context(), 1, []UID{1}, func(m *Meta) error {
			if got := string(m.Preview); got != want || utf8.RuneCount(m.Preview) > previewSize {
				t.Errorf("%q: %q, want %q", msg, got, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
