package smtpserver

import (
	"strings"
	"testing"
	"time"
)

// TestSlowText has a clock that goes on by a minute whenever it is looked at.
func TestSlowText(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"data":  "C: DATA\nS: 354\nC: Subject: x\nC: \nC: hello\nC: world\nC: .\n",
		"chunk": "C: BDAT 14\nC: Subject: abcd\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			now := w.Now()
			w.Now = func() time.Time { now = now.Add(6 * time.Minute); return now }
			play(t, w.Options, hello+"C: MAIL FROM:<a@x.example>\nS: 250\nC: RCPT TO:<an@hanoi.example>\nS: 250\n"+text+
				"S: 421 4.4.2 mx.hanoi.example closing connection: the message comes too slowly\n")
			if len(w.inbox(t, "an")) != 0 {
				t.Error("it was taken")
			}
		})
	}
}

func TestIdleCommands(t *testing.T) {
	t.Parallel()
	play(t, newWorld(t).Options, hello+"C: MAIL FROM:<a@x.example>\nS: 250\nC: RCPT TO:<an@hanoi.example>\nS: 250\n"+strings.Repeat("C: NOOP\nS: 250\n", maxIdle+1)+
		"S: 421 4.7.0 mx.hanoi.example closing connection: too many commands without a message\n")
	play(t, newWorld(t).Options, hello+strings.Repeat("C: NOOP\nS: 250\n", maxIdle)+
		"S: 421 4.7.0 mx.hanoi.example closing connection: too many commands without a message\n")
}
