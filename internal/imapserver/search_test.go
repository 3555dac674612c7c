package imapserver

import (
	"strings"
	"testing"
	"time"

	"tem/internal/message"
)

// As many terms as a command can have are answered; more are refused, and so is
// what is too deep.
func TestManyTerms(t *testing.T) {
	t.Parallel()
	p := selectedPeer(t, newServer(t, 500))
	for name, c := range map[string]struct{ keys, first string }{
		"flags":    {strings.Repeat(" UNSEEN", 9000), `* ESEARCH (TAG "x") COUNT 500`},
		"texts":    {" (" + strings.Repeat(" TEXT q", 4900)[1:] + ")", `* ESEARCH (TAG "x") COUNT 0`},
		"nots":     {strings.Repeat(" NOT 7", 4900), `* ESEARCH (TAG "x") COUNT 499`},
		"too many": {strings.Repeat(" 1", 10001), "x BAD"},
		"too deep": {strings.Repeat(" OR 1", 9000) + " 2", "x BAD"},
	} {
		if got := p.do("SEARCH RETURN (COUNT)" + c.keys)[0]; !strings.HasPrefix(got, c.first) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// What is at hand is searched only while it is as the store has it: flags that
// another session changed count, messages that it expunged don't.
func TestSearchSeesWhatOthersDid(t *testing.T) {
	t.Parallel()
	s := newServer(t, 4)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	a.want("SEARCH FLAGGED", "* SEARCH", "x OK")
	b.do(`STORE 2:3 +FLAGS.SILENT (\Flagged $Work)`)
	b.do(`STORE 4 +FLAGS.SILENT (\Deleted)`)
	b.do("EXPUNGE")
	deliver(t, s, letter, time.Time{})
	a.want("SEARCH FLAGGED", "* SEARCH 2 3", "* FLAGS", "* OK [PERMANENTFLAGS", "* 2 FETCH", "* 3 FETCH", "* 5 EXISTS", "* 5 RECENT", "x OK")
	a.want("SEARCH ALL", "* SEARCH 1 2 3 5", "x OK") // 4 is gone, and not told yet: numbers are in use
	a.want("UID SEARCH KEYWORD $Work", "* SEARCH 2 3", "* 4 EXPUNGE", "x OK")
	a.want("UID SEARCH ALL", "* SEARCH 1 2 3 5", "x OK")
}

// A MODSEQ key finds what others changed, and tells its modseq (RFC 7162 §3.1.5).
func TestSearchByModSeqIsUpToDate(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	b.do(`STORE 2 +FLAGS.SILENT (\Flagged)`)
	a.want("SEARCH MODSEQ 4", "* OK [HIGHESTMODSEQ 3]", "* 2 FETCH (UID 2 FLAGS (\\Recent \\Flagged) MODSEQ (4))", "* SEARCH 2 (MODSEQ 4)", "x OK")
}

// Every charset that BADCHARSET names is known.
func TestCharsetsAreKnown(t *testing.T) {
	t.Parallel()
	_, names, _ := strings.Cut(strings.TrimSuffix(charsets, ")"), "(")
	for name := range strings.FieldsSeq(names) {
		if text, known := message.DecodeCharset(name, "abc"); text != "abc" || !known {
			t.Errorf("%s: %q, %v", name, text, known)
		}
	}
}
