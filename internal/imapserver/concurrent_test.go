package imapserver

import (
	"slices"
	"testing"
)

func TestSilentStoreHidesNobodyElse(t *testing.T) {
	t.Parallel()
	s := newServer(t, 2)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	b.want(`STORE 1 +FLAGS (\Answered $Work)`, "* FLAGS", "* OK [PERMANENTFLAGS", `* 1 FETCH (FLAGS (\Answered $Work))`, "x OK")
	// RFC 9051 §6.4.6: what another session changed is told.
	a.want(`STORE 1 +FLAGS.SILENT (\Flagged)`, "* FLAGS", "* OK [PERMANENTFLAGS", `* 1 FETCH (UID 1 FLAGS (\Recent \Answered \Flagged $Work))`, "x OK")
	a.want(`STORE 2 FLAGS.SILENT (\Draft $Work)`, "x OK")
	a.want(`STORE 2 -FLAGS.SILENT (\Draft)`, "x OK")
	a.want("FETCH 2 FLAGS", `* 2 FETCH (FLAGS (\Recent $Work))`, "x OK")
	b.want("NOOP", `* 1 FETCH (UID 1 FLAGS (\Answered \Flagged $Work))`, `* 2 FETCH (UID 2 FLAGS ($Work))`, "x OK")
}

func TestExpungedElsewhere(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	b.do(`STORE 2 +FLAGS.SILENT (\Deleted)`)
	a.do("NOOP")
	b.want("EXPUNGE", "* 2 EXPUNGE", "x OK")
	// No EXPUNGE while sequence numbers are in use (RFC 9051 §7.5.1).
	a.want("FETCH 1:3 BODY.PEEK[TEXT]<0.5>", "* 1 FETCH (BODY[TEXT]<0> {5}", "Hello)", "* 3 FETCH (BODY[TEXT]<0> {5}", "Hello)", "x NO [EXPUNGEISSUED]")
	a.want("FETCH 2:3 RFC822.SIZE", "* 3 FETCH (RFC822.SIZE", "x NO [EXPUNGEISSUED]")
	a.want("STORE 2 +FLAGS.SILENT (\\Seen)", "x NO [EXPUNGEISSUED]")
	a.want("STORE 3 +FLAGS.SILENT (\\Seen)", "x OK")
	a.want("SEARCH ALL", "* SEARCH 1 3", "x OK")
	a.want("UID FETCH 1:3 RFC822.SIZE", "* 1 FETCH (UID 1 RFC822.SIZE", "* 3 FETCH (UID 3 RFC822.SIZE", "* 2 EXPUNGE", "x OK")
	a.want("FETCH 1:2 UID", "* 1 FETCH (UID 1)", "* 2 FETCH (UID 3)", "x OK")
}

func TestRecentIsForOne(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	b.want("SEARCH RECENT", "* SEARCH", "x OK")
	a.want("SEARCH RECENT", "* SEARCH 1 2 3", "x OK")
	b.send("x APPEND INBOX {15+}\r\nSubject: x\r\n\r\ny\r\n")
	if got := b.until("x "); len(got) != 3 || got[0] != "* 4 EXISTS" || got[1] != "* 1 RECENT" {
		t.Errorf("append: %q", got)
	}
	a.want("NOOP", "* 4 EXISTS", "* 3 RECENT", "x OK")
	a.want("FETCH 3:4 FLAGS", `* 3 FETCH (FLAGS (\Recent))`, "* 4 FETCH (FLAGS ())", "x OK")
	a.do("STORE 1 +FLAGS.SILENT (\\Deleted)")
	a.want("EXPUNGE", "* 1 EXPUNGE", "x OK")
	a.want("STATUS INBOX (RECENT)", "* STATUS INBOX (RECENT 0)", "x OK")
}

func TestMailboxDeletedElsewhere(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	b.want("COPY 1 Archive", "x OK [COPYUID")
	a.do("SELECT Archive")
	b.want("DELETE Archive", "x OK")
	a.want("STORE 1 +FLAGS (\\Seen)", "* BYE", "x NO [NONEXISTENT]")
}

// A body that is read is seen, whatever this session was told of its flags last.
func TestSeenThoughAnotherUnsetIt(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	a.do(`STORE 1 +FLAGS.SILENT (\Seen)`)
	b.do(`STORE 1 -FLAGS.SILENT (\Seen)`)
	a.want("FETCH 1 BODY[TEXT]<0.5>", `* 1 FETCH (UID 1 FLAGS (\Recent))`, `* 1 FETCH (FLAGS (\Recent \Seen) BODY[TEXT]<0> {5}`, "Hello)", "x OK")
	b.want("FETCH 1 FLAGS", `* 1 FETCH (FLAGS ())`, `* 1 FETCH (UID 1 FLAGS (\Seen))`, "x OK")
}

// A FETCH shows no keyword that FLAGS has not named, and leaves none out.
func TestKeywordsOfAnotherAreNamed(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	b.do(`STORE 1 +FLAGS.SILENT (Later)`)
	a.want(`STORE 1 +FLAGS (\Deleted)`, `* FLAGS (\Answered \Flagged \Deleted \Seen \Draft Later)`, "* OK [PERMANENTFLAGS", `* 1 FETCH (FLAGS (\Recent \Deleted Later))`, "x OK")
}

// MODIFIED names a message at least (RFC 7162 §3.1.3).
func TestModifiedMessagesAreGone(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	b.do(`STORE 1 +FLAGS.SILENT (\Deleted)`)
	b.do("EXPUNGE")
	a.want(`UID STORE 1 (UNCHANGEDSINCE 0) +FLAGS (\Seen)`, "* OK [HIGHESTMODSEQ", "* 1 EXPUNGE", "x OK UID STORE done")
}

// A client that was told a modseq but not yet of an earlier EXPUNGE is told from
// where to resynchronise (RFC 7162 §6).
func TestHighestModSeqWhileVanishedWaits(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	a, b := connect(t, s, s.Options(), nil), selectedPeer(t, s)
	a.do(`LOGIN a@x.example "pass word"`)
	a.do("ENABLE QRESYNC")
	a.do("SELECT INBOX")
	b.do(`STORE 2 +FLAGS.SILENT (\Deleted)`)
	a.do("NOOP")
	b.do("EXPUNGE")
	a.want(`STORE 1 +FLAGS.SILENT (\Seen)`, "* 1 FETCH (UID 1 MODSEQ (6))", "* OK [HIGHESTMODSEQ 4]", "x OK")
	a.do("UNSELECT")
	a.send("x SELECT INBOX (QRESYNC (" + s.validity(t) + " 4))\r\n")
	got := a.until("x ")
	for _, want := range []string{"* VANISHED (EARLIER) 2", `* 1 FETCH (UID 1 FLAGS (\Seen) MODSEQ (6))`} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing in %q", want, got)
		}
	}
}
