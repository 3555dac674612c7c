package smtpserver

import (
	"strings"
	"testing"
)

// What ends at the first server is not in what it passes on.
func TestFieldsThatEndHere(t *testing.T) {
	t.Parallel()
	const text = "C: DATA\nS: 354\nC: Return-Path: <evil@x.example>\nC: Subject: hi\nC: BCC : secret@hue.example,\nC:  more@hue.example\nC: Resent-Bcc: s@hue.example\nC: X-Bcc: stays\nC: \nC: Bcc: body\nC: .\nS: 250\nC: QUIT\nS: 221\n"
	for login, kept := range map[string]bool{"C: AUTH PLAIN AGFuQGhhbm9pLmV4YW1wbGUAc2VjcmV0\nS: 235\n": false, "": true} {
		w := newWorld(t)
		play(t, w.Options, hello+login+"C: MAIL FROM:<an@hanoi.example>\nS: 250\nC: RCPT TO:<binh@hanoi.example>\nS: 250\n"+text)
		got := strings.Join(w.inbox(t, "binh"), "")
		if strings.Contains(got, "evil@") || !strings.Contains(got, "X-Bcc: stays") || !strings.Contains(got, "\r\nBcc: body") || !strings.Contains(got, "Subject: hi\r\n") {
			t.Errorf("%q", got)
		}
		for _, gone := range []string{"secret@", "more@", "Resent-Bcc"} {
			if strings.Contains(got, gone) != kept {
				t.Errorf("login %q: %s in %q", login, gone, got)
			}
		}
	}
}
