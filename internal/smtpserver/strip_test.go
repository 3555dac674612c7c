package smtpserver

import (
	"strings"
	"testing"
)

// TestSeparator: the line of a mailbox file before a header does not make text
// of the header; text that begins like it stays text.
func TestSeparator(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"From an@hanoi.example Thu Nov 26 10:00:00 2026\r\nBcc: s@hue.example\r\nSubject: hi\r\n\r\nb\r\n": "\r\nSubject: hi\r\n\r\nb\r\n",
		">From an@hanoi.example\r\nSubject: hi\r\n\r\nb\r\n":                                               "\r\nSubject: hi\r\n\r\nb\r\n",
		"From me to you\r\n\r\nb: c\r\n":                                                                   "\r\n\r\nFrom me to you\r\n\r\nb: c\r\n",
		"From me\r\nto you\r\n":                                                                            "\r\n\r\nFrom me\r\nto you\r\n",
		"From me\r\n to: you\r\n\r\nb\r\n":                                                                 "\r\n\r\nFrom me\r\n to: you\r\n\r\nb\r\n",
		"From\r\nSubject: hi\r\n\r\nb\r\n":                                                                 "\r\n\r\nFrom\r\nSubject: hi\r\n\r\nb\r\n",
		"Subject: hi\r\nFrom x\r\nA: b\r\n\r\nb\r\n":                                                       "\r\nSubject: hi\r\nFrom x\r\nA: b\r\n\r\nb\r\n",
	} {
		for _, size := range []int{1, len(text)} {
			w := newWorld(t)
			chunks := ""
			for rest := text; rest != ""; {
				n := min(size, len(rest))
				chunks += chunkOf(rest[:n], n == len(rest)) + "S: 250\n"
				rest = rest[n:]
			}
			play(t, w.Options, loggedIn+"C: MAIL FROM:<an@hanoi.example>\nS: 250\nC: RCPT TO:<binh@hanoi.example>\nS: 250\n"+chunks+"C: QUIT\nS: 221\n")
			if got := strings.Join(w.inbox(t, "binh"), ""); !strings.HasSuffix(got, want) || strings.Contains(got, "Bcc") {
				t.Errorf("%q in pieces of %d is\n%s", text, size, got)
			}
		}
	}
}

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
