package message

import "testing"

func TestDecodeCharset(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text, want string
		known            bool
	}{
		{"koi8-r", "\xcd\xc9\xd2", "мир", true},
		{"WINDOWS-1258", "Vi\xeat", "Viêt", true},
		{"UTF-8", "\xff", "\xff", true},
		{"us-ascii", "a", "a", true},
		{"", "ä", "ä", true},
		{"iso-2022-jp", "\x1b$B<j\x1b(B", "手", true},
		{"x-none", "a", "", false},
		{"replacement", "a", "", false},
	} {
		if got, known := DecodeCharset(c.name, c.text); got != c.want || known != c.known {
			t.Errorf("%s %q: %q, %v", c.name, c.text, got, known)
		}
	}
}
