package imapserver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a client names in a literal is not said back as a line of its own.
func TestNoLineFromLiteral(t *testing.T) {
	t.Parallel()
	p := as(t, newPeople(t, 0), "a")
	const name = "Other Users/q@x.example/a\r\n* OK injected"
	for _, command := range []string{"SELECT", "GETQUOTA", "SETACL INBOX", "LISTRIGHTS INBOX"} {
		tail := ""
		if strings.HasPrefix(command, "SETACL") {
			tail = " lr"
		}
		p.want(fmt.Sprintf("%s {%d+}\r\n%s%s", command, len(name), name, tail), "x NO [")
	}
}

// A line that is no command may end as a command may.
func TestBareNewlineIsALineEnd(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	p := connect(t, s, s.Options(), nil)
	p.send("a AUTHENTICATE PLAIN\r\n")
	p.until("+")
	p.send("AGFAeC5leGFtcGxlAHBhc3Mgd29yZA==\n")
	p.until("a OK")
	p.send("i IDLE\r\n")
	p.until("+ idling")
	p.send("DONE\n")
	p.until("i OK")
}

func TestLongLineInDialogue(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	p := connect(t, s, s.Options(), nil)
	long := strings.Repeat("x", 70000) + "\r\n"
	p.send("a AUTHENTICATE PLAIN\r\n")
	p.until("+")
	p.send(long)
	p.until("a BAD the response is too long")
	p.want(`LOGIN a@x.example "pass word"`, "x OK")
	p.send("i IDLE\r\n")
	p.until("+ idling")
	p.send(long)
	p.until("* BYE line too long")
}

// After BYE no more is read.
func TestNothingIsReadAfterBye(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	s.o.MaxErrors = 2
	p := selectedPeer(t, s)
	p.send("a NOOP\r\nb x\r\nc x\r\nd x\r\ne STATUS INBOX (MESSAGES)\r\n")
	if got := p.until("a "); !slices.EqualFunc(got, []string{"b BAD", "c BAD", "* BYE", "a OK"}, strings.HasPrefix) {
		t.Errorf("%q", got)
	}
}

// A pattern costs no more than the name is long, however long the pattern is.
func TestLongPatterns(t *testing.T) {
	t.Parallel()
	const n = 30_000
	for pattern, want := range map[string]bool{
		strings.Repeat("*", n): true, strings.Repeat("%*", n): true, strings.Repeat("%", n): false, "A" + strings.Repeat("*%", n) + "/b": true,
		strings.Repeat("*a", n): false, strings.Repeat("%a", n): false, "A%%/%%b": true, "A%%b": false, "%%*b": true,
	} {
		if match(pattern, "Archive/b") != want {
			t.Errorf("%.10s…: not %v", pattern, want)
		}
	}
}

// TestHiddenLevels: nobody makes or moves a mailbox below one that is not shared
// with them, though the one above that is.
func TestHiddenLevels(t *testing.T) {
	t.Parallel()
	s := newPeople(t, 0)
	a, b := as(t, s, "a"), as(t, s, "b")
	for _, command := range []string{"CREATE G", "CREATE G/Hidden", "CREATE G/T", "SETACL G b@x.example lrkx", "SETACL G/T b@x.example lrkx"} {
		a.want(command, "x OK")
	}
	const top = `"Other Users/a@x.example/G/`
	b.want("CREATE "+top+`Hidden/new"`, "x NO [CANNOT] no mailbox can be made there")
	b.want("RENAME "+top+`T" `+top+`Hidden/T"`, "x NO [CANNOT] no mailbox can be made there")
	b.want("RENAME "+top+`T" `+top+`There/T"`, "x OK")
}

// TestShowsWhatOthersPut: what a client has put there itself is not shown to it; what others have, is.
func TestShowsWhatOthersPut(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	p := watching(t, s, "SET (SELECTED (MessageNew (UID) MessageExpunge FlagChange))", "SEARCH RETURN (UPDATE) ALL")
	at := time.Date(1996, 7, 17, 2, 44, 25, 0, time.UTC)
	p.want("COPY 1:2 INBOX", "* 5 EXISTS", "* 5 RECENT", `* ESEARCH (TAG "x") ADDTO (0 4:5)`, "x OK [COPYUID")
	deliver(t, s, letter, at)
	p.hears("* 6 EXISTS", "* 6 RECENT", `* ESEARCH (TAG "x") ADDTO (0 6)`, "* 6 FETCH (UID 6)")
}
