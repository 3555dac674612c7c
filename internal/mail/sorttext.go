package mail

import (
	"tem/internal/fold"
	"tem/internal/message"
)

// maxSortText bounds the key of a text in octets.
// DEVIATES(RFC 5256 §3): texts that agree so far are the same.
const maxSortText = 500

// textKeys makes the keys of texts out of envelopes, in memory that serves one
// message after the other.
type textKeys struct{ raw, text, key []byte }

// of is the key that a message has among texts; valid until the next is made.
func (t *textKeys) of(m *Meta, by SortBy) []byte {
	t.text = t.text[:0]
	switch by {
	case BySubject:
		base, _ := t.subject(m.Envelope)
		return t.fold(fold.Collation(t.key[:0], base))
	case ByDisplayFrom:
		t.display(message.EnvelopeFrom.In(m.Envelope))
	case ByDisplayTo:
		t.display(message.EnvelopeTo.In(m.Envelope))
	case ByFrom:
		t.mailbox(message.EnvelopeFrom.In(m.Envelope))
	case ByTo:
		t.mailbox(message.EnvelopeTo.In(m.Envelope))
	case ByCc:
		t.mailbox(message.EnvelopeCc.In(m.Envelope))
	}
	return t.fold(fold.Collation(t.key[:0], t.text))
}

// fold cuts a key that is too long.
func (t *textKeys) fold(key []byte) []byte {
	t.key = key
	return key[:min(len(key), maxSortText)]
}

// subject is the base subject, and whether it is that of an answer.
func (t *textKeys) subject(envelope []byte) (base string, answer bool) {
	t.raw = message.AppendUnquoted(t.raw[:0], message.EnvelopeSubject.In(envelope))
	return message.SplitSubject(string(t.raw))
}

// add appends a quoted string, decoded.
func (t *textKeys) add(quoted []byte) {
	t.raw = message.AppendUnquoted(t.raw[:0], quoted)
	t.text = message.AppendDecoded(t.text, t.raw)
}

// mailbox is addr-mailbox of the first address (RFC 5256 §3); of a group it is the name.
func (t *textKeys) mailbox(field []byte) {
	_, mailbox, _ := message.EnvelopeAddress(field)
	t.add(mailbox)
}

// display is the sort value of the first address (RFC 5957 §3).
func (t *textKeys) display(field []byte) {
	name, mailbox, host := message.EnvelopeAddress(field)
	if t.add(name); len(t.text) > 0 {
		return
	}
	t.add(mailbox)
	if len(host) > 0 && host[0] == '"' {
		t.text = append(t.text, '@')
		t.add(host)
	}
}
