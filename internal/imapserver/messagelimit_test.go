package imapserver

import (
	"testing"

	"tem/internal/line/linetest"
)

func TestMessageLimit(t *testing.T) {
	t.Parallel()
	s := newServer(t, 6)
	s.o.MessageLimit = 2
	linetest.Replay(t, "testdata/limited/messagelimit.txt", s.Handle, linetest.Options{Line: s.Options()})
}

// TestMessageLimitOfGone: a message that is gone is told of beside the limit.
func TestMessageLimitOfGone(t *testing.T) {
	t.Parallel()
	s := newServer(t, 4)
	s.o.MessageLimit = 2
	p, other := selectedPeer(t, s), selectedPeer(t, s)
	other.do(`UID STORE 4 +FLAGS (\Deleted)`)
	other.do("EXPUNGE")
	p.send("a FETCH 1:4 (UID RFC822.SIZE)\r\n")
	for _, want := range []string{"* 3 FETCH (UID 3", "* NO [MESSAGELIMIT 2 3]", "a NO [EXPUNGEISSUED]"} {
		if got := p.line(); len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
