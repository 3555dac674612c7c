package imapserver

import (
	"time"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// appendAttribute writes what an extension has a FETCH tell of a message.
func (f *fetcher) appendAttribute(dst []byte, it *imap.Item, item mail.Item, m *mail.Meta) []byte {
	at := &f.t.view.place
	switch it.Kind {
	case imap.Preview: // RFC 8970 §3.2: it is stored with the message, so that LAZY need not be NIL
		return imap.AppendText(dst, string(m.Preview), f.t.r.UTF8)
	case imap.SaveDate:
		return appendSaveDate(dst, item)
	case imap.ItemEmailID:
		return at.appendObjectID(dst, 'E', uint64(m.Email))
	case imap.ItemThreadID:
		return at.appendObjectID(dst, 'T', uint64(m.Thread))
	case imap.ItemGmailMsgID:
		return appendUint(dst, at.global(uint64(m.Email)))
	case imap.ItemGmailThrID:
		return appendUint(dst, at.global(uint64(m.Thread)))
	case imap.ItemGmailLabels:
		return f.labels.append(dst, item)
	}
	return dst
}

// appendSaveDate writes when a message came into the mailbox: NIL if it was
// there before that was kept (RFC 8514 §4.2).
func appendSaveDate(dst []byte, item mail.Item) []byte {
	if item.Saved == 0 {
		return append(dst, "NIL"...)
	}
	return imap.AppendDateTime(dst, time.Unix(int64(item.Saved), 0).UTC())
}
