package imapserver

import (
	"context"

	"tem/internal/wire/imap"
)

// features are what ENABLE, or a command that implies it, has turned on.
type features struct {
	rev2      bool // IMAP4rev2 (RFC 9051 §6.3.1)
	condstore bool // RFC 7162 §3.1: the client is told modseqs
	qresync   bool // RFC 7162 §3.2.3: VANISHED instead of EXPUNGE
	uidOnly   bool // RFC 9586: no sequence numbers
	utf8      bool // UTF8=ACCEPT (RFC 6855): headers and quoted strings in UTF-8
}

// Enable turns on what is known (RFC 5161 §3.1); the rest is passed over.
func (t *turn) Enable(_ context.Context, c *imap.Enable) error {
	said := "* ENABLED"
	for _, name := range c.Names {
		if known := t.enable(name); known != "" {
			said += " " + known
		}
	}
	return t.say("%s", said)
}

// enable returns the name of the capability, "" if there is none to be enabled.
func (t *turn) enable(name string) string {
	switch name {
	case "IMAP4REV2":
		t.enabled.rev2, t.r.UTF8 = true, true
		if t.view != nil {
			t.view.recent = nil
		}
		return "IMAP4rev2"
	case "CONDSTORE":
		t.wantModSeq()
		return name
	case "QRESYNC": // RFC 7162 §3.2.3: CONDSTORE too
		t.wantModSeq()
		t.enabled.qresync = true
		return name
	case "UTF8=ACCEPT":
		if t.view != nil { // RFC 6855 §3: while no mailbox is selected
			return ""
		}
		t.enabled.utf8, t.r.UTF8 = true, true
		return name
	case "UIDONLY":
		t.enabled.uidOnly, t.r.UIDOnly = true, true
		return name
	}
	return ""
}

// wantModSeq turns CONDSTORE on; a client that has a mailbox open learns from
// where on it is told every modseq (RFC 7162 §3.1.2.1).
func (t *turn) wantModSeq() {
	if t.enabled.condstore {
		return
	}
	t.enabled.condstore = true
	if t.view != nil {
		t.sayHighestModSeq()
	}
}

func (s *session) sayHighestModSeq() {
	s.say("* OK [HIGHESTMODSEQ %d] highest", s.view.whole)
}
