package imapserver

import (
	"context"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// The bounds of batches (RFC 10022): fewer messages in one would make too many
// of them; so many of the smallest are five million messages, where a server
// has to answer for a hundred thousand.
const (
	leastBatch  = 500
	mostBatches = 10_000
)

// UIDBatches answers UIDBATCHES (RFC 10022). It counts the messages that the
// client knows and leaves $ alone.
func (t *turn) UIDBatches(_ context.Context, c *imap.UIDBatches) error {
	if c.Size < leastBatch {
		return no("TOOFEW", "a batch has at least %d messages", leastBatch)
	}
	size, from, to := int64(c.Size), int64(c.From), int64(c.To)
	if from == 0 {
		from, to = 1, (int64(len(t.view.items))+size-1)/size
	}
	if to-from >= mostBatches {
		return no("TOOMANY", "at most %d batches are told at a time", mostBatches)
	}
	out := imap.AppendCorrelator([]byte("* UIDBATCHES "), imap.Correlator{Tag: t.cmd.Tag}, t.r.UTF8)
	if list := batches(t.view.items, size, from, to); len(list) > 0 {
		out = imap.AppendBatches(append(out, ' '), list)
	}
	return t.line(out)
}

// batches are the from-th to the to-th of the batches of items, as far as there
// are so many. The first, which has the highest UIDs, is number 1. All of them
// leave no UID between them out, and the last goes down to 1.
func batches(items []mail.Item, size, from, to int64) (list []imap.Range) {
	n := int64(len(items))
	size = min(size, n) // so that no product overflows
	for end := n - (from-1)*size; end > 0 && from <= to; from, end = from+1, end-size {
		r := imap.Range{From: 1, To: uint32(items[end-1].UID)}
		if end < n {
			r.To = uint32(items[end].UID) - 1
		}
		if end > size {
			r.From = uint32(items[end-size].UID)
		}
		list = append(list, r)
	}
	return list
}
