package imapserver

import (
	"tem/internal/gmail"
	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// The search keys of X-GM-EXT-1.

// asksForLabels reports a key that can only be understood with the mailboxes.
func asksForLabels(k *imap.Key) bool { return k.Op == imap.GmailRaw || k.Op == imap.GmailLabel }

func (f *finder) gmail(k *imap.Key) (mail.Query, error) {
	switch k.Op {
	case imap.GmailMsgID:
		if n, known := f.v.local(k.ID); known {
			return mail.EmailIs(n), nil
		}
		return none, nil
	case imap.GmailThrID:
		if n, known := f.v.local(k.ID); known {
			return mail.InThread(n), nil
		}
		return none, nil
	}
	text, err := f.text(k.Text)
	if err != nil {
		return nil, err
	}
	if k.Op == imap.GmailLabel {
		return f.label(text, k.Text), nil
	}
	return gmail.Query(text, gmail.Setting{Now: f.t.o.Now(), Mailboxes: f.boxes, Me: f.t.person.Address.String()}), nil
}

// label looks for a label. Gmail wants its name in the charset of the search,
// FETCH and STORE have it as mailbox names are written: both are understood.
func (f *finder) label(text, octets string) mail.Query {
	l, found := gmail.Find(f.boxes, text)
	if name, err := imap.DecodeUTF7(octets); !found && err == nil && !f.t.r.UTF8 {
		l, found = gmail.Find(f.boxes, name)
	}
	if !found {
		return none
	}
	return l.Query()
}
