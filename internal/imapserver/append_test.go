package imapserver

import (
	"fmt"
	"strings"
	"testing"

	"tem/internal/address"
	"tem/internal/line/linetest"
	"tem/internal/mail"
)

// setQuota limits a@x.example to so many octets and messages.
func setQuota(t *testing.T, s *Server, octets, messages int64) {
	t.Helper()
	acc, err := s.o.Directory.Account(t.Context(), address.Address{Local: "a", Domain: "x.example"})
	if err == nil {
		err = s.o.Mail.SetQuota(t.Context(), acc.ID, octets, messages)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What would not fit is refused before its octets are asked for, and nothing of
// the same APPEND is stored; REPLACE counts what it frees (RFC 8508 §3.4).
func TestAppendOverQuota(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	size := int64(len(letter))
	setQuota(t, s, 3*size+100, 0)
	linetest.Play(t, "quota", fmt.Sprintf(`
S: * OK
C: a LOGIN a@x.example "pass word"
S: a OK
C: b APPEND INBOX {101}
S: b NO [OVERQUOTA]
C: c APPEND INBOX {15+}
C! "Subject: a\r\n\r\ny {90}\r\n"
S: c NO [OVERQUOTA]
C: d SELECT INBOX
S: ...
S: d OK
C: e REPLACE 1 INBOX {%d}
S: e NO [OVERQUOTA]
C: f REPLACE 1 INBOX {%d+}
C! "Subject: %s\r\n"
S: ...
S: f OK
C: g STATUS INBOX (MESSAGES)
S: * STATUS INBOX (MESSAGES 3)
S: g OK
`, size+101, size+100, strings.Repeat("x", int(size)+100-len("Subject: "))), s.Handle, linetest.Options{Line: s.Options()})
}

func TestAppendTooManyMessages(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	p := selectedPeer(t, s)
	p.send("x APPEND INBOX" + strings.Repeat(" {15+}\r\nSubject: x\r\n\r\ny", mail.MaxLetters) + " {15}\r\n")
	if got := p.line(); !strings.HasPrefix(got, "x NO [LIMIT]") { // not asked for
		t.Fatalf("got %q", got)
	}
	p.send("x APPEND INBOX" + strings.Repeat(" {14+}\r\nSubject: x\r\n\r\n", mail.MaxLetters) + "\r\n")
	got := p.until("x ")
	if want := fmt.Sprintf("x OK [APPENDUID %s 1:%d]", s.validity(t), mail.MaxLetters); got[0] != "* 1000 EXISTS" || !strings.HasPrefix(got[len(got)-1], want) {
		t.Errorf("got %q, want EXISTS and %s", got, want)
	}
}

func TestAppendTogether(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	in := &intake{turn: (&session{o: &s.o}).newTurn(nil), octets: maxTogether - 10}
	if err := in.room(10); err != nil {
		t.Errorf("as much as may be: %v", err)
	}
	if err, _ := in.room(1).(*reply); err == nil || err.code != "LIMIT" {
		t.Errorf("one more: %v", err)
	}
}

// A refused message is passed over to its end.
func TestAppendRefusedInTheMiddle(t *testing.T) {
	t.Parallel()
	p := selectedPeer(t, newServer(t, 0))
	bad := "Subject: \xc6\xb0\r\n\r\n" + strings.Repeat("y", 100_000)
	p.send(fmt.Sprintf("x APPEND INBOX {%d+}\r\n%s {%d+}\r\n%s\r\n", len(bad), bad, len(bad), bad))
	if got := p.line(); !strings.HasPrefix(got, "x NO [CANNOT]") {
		t.Errorf("got %q", got)
	}
	p.want("STATUS INBOX (MESSAGES)", "* STATUS INBOX (MESSAGES 0)", "x OK")
}

func TestReplaceExpungedElsewhere(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	b.do("STORE 2 +FLAGS (\\Deleted)")
	b.do("EXPUNGE")
	a.want("FETCH 1 UID", "* 1 FETCH (UID 1)", "x OK") // no EXPUNGE in its answer
	a.send("x REPLACE 2 INBOX {15}\r\n")
	if got := a.line(); got != "* 2 EXPUNGE" { // nothing is asked for
		t.Fatalf("got %q", got)
	}
	if got := a.line(); !strings.HasPrefix(got, "x NO [EXPUNGEISSUED]") {
		t.Fatalf("got %q", got)
	}
	b.do("UID STORE 3 +FLAGS (\\Deleted)")
	b.do("EXPUNGE")
	a.want("UID REPLACE 3 INBOX {15+}\r\nSubject: b\r\n\r\ny", "* 2 EXPUNGE", "x NO [EXPUNGEISSUED]")
	a.want("STATUS INBOX (MESSAGES)", "* STATUS INBOX (MESSAGES 1)", "x OK")
}
