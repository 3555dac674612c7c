package pop3server

import (
	"cmp"
	"context"
	"slices"

	"tem/internal/mail"
)

// A client collects one message after the other. Once it has asked for two that
// follow each other, the next ones are read together, as far as they are small.

const (
	aheadMost = 64        // messages
	aheadSize = 256 << 10 // octets, and the last message
)

// ahead holds the texts that were read together.
type ahead struct {
	last   mail.UID // the message that was asked for before
	octets []byte
	texts  []piece
}

// piece says where the text of a message lies in octets.
type piece struct {
	uid      mail.UID
	from, to int
}

// text is nil for a message that was not read ahead.
func (a *ahead) text(uid mail.UID) []byte {
	at, found := slices.BinarySearchFunc(a.texts, uid, func(p piece, uid mail.UID) int { return cmp.Compare(p.uid, uid) })
	if !found {
		return nil
	}
	return a.octets[a.texts[at].from:a.texts[at].to:a.texts[at].to]
}

// readAhead reads m and those that follow it, if m follows the one before.
func (x *session) readAhead(ctx context.Context, m *entry) error {
	i, _ := x.drop.find(m.uid)
	follows := i > 0 && x.drop.messages[i-1].uid == x.ahead.last
	x.ahead.last = m.uid
	if !follows {
		return nil
	}
	var uids []mail.UID
	for k := i; k < len(x.drop.messages) && len(uids) < aheadMost; k++ {
		if next := &x.drop.messages[k]; !next.is(deleted) {
			uids = append(uids, next.uid)
		}
	}
	a := &x.ahead
	a.octets, a.texts = a.octets[:0], a.texts[:0]
	return x.drop.mail.FetchText(ctx, x.drop.inbox.ID, uids, func(meta *mail.Meta, text []byte) (more bool, err error) {
		if text != nil {
			from := len(a.octets)
			a.octets = append(a.octets, text...)
			a.texts = append(a.texts, piece{meta.UID, from, len(a.octets)})
		}
		return len(a.octets) < aheadSize, nil
	})
}

// find is the index of a message.
func (d *maildrop) find(uid mail.UID) (int, bool) {
	return slices.BinarySearchFunc(d.messages, uid, func(m entry, uid mail.UID) int { return cmp.Compare(m.uid, uid) })
}
