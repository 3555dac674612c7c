package imapserver

import (
	"context"
	"encoding/binary"
	"slices"

	"tem/internal/gmail"
	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Labels as Gmail has them (X-GM-LABELS): the mailboxes that an email is in, but
// the one that is selected, and two marks that are a flag and a keyword here.

// labels are those of some messages. Few sets of labels are many messages', so
// that each set is written once.
type labels struct {
	uids      []mail.UID // ascending
	sets      []uint32   // by message: index in texts
	texts     [][]byte
	important mail.Flags // the bit of that keyword
}

// labelBoxes are the mailboxes that labels are named after. Of somebody else's
// account nothing is told but what was shared, and so there are none.
func (s *session) labelBoxes(ctx context.Context, p *place) ([]mail.Mailbox, error) {
	if p.owner != s.person.ID {
		return nil, nil
	}
	return p.account.Mailboxes(ctx)
}

// readLabels reads the labels of messages, if they are asked for.
func (f *fetcher) readLabels(ctx context.Context, picked []int) (err error) {
	if f.labelled {
		f.labels, err = f.t.labelsOf(ctx, picked)
	}
	return err
}

func (t *turn) labelsOf(ctx context.Context, picked []int) (*labels, error) {
	v := t.view
	l := &labels{important: v.keywordBits([]string{gmail.Important})}
	if v.owner != t.person.ID {
		return l, nil
	}
	sets, err := l.read(ctx, v, picked)
	if err != nil {
		return nil, err
	}
	boxes, err := v.account.Mailboxes(ctx) // now: one that has gone since is no label any more
	names := make(map[mail.MailboxID]string, len(boxes))
	for i := range boxes {
		names[boxes[i].ID] = gmail.Name(&boxes[i])
	}
	for _, in := range sets {
		var list []string
		for _, id := range in {
			if name, there := names[id]; there {
				list = append(list, name)
			}
		}
		l.texts = append(l.texts, imap.AppendLabels(nil, list, t.r.UTF8))
	}
	return l, err
}

// read notes which set of mailboxes each message's email is in.
func (l *labels) read(ctx context.Context, v *view, picked []int) (sets [][]mail.MailboxID, err error) {
	known := make(map[string]uint32) // by the ids
	var key []byte
	err = v.account.Labels(ctx, v.box.ID, v.uids(picked), func(uid mail.UID, in []mail.MailboxID) error {
		key = key[:0]
		for _, id := range in {
			key = binary.BigEndian.AppendUint32(key, uint32(id))
		}
		n, is := known[string(key)]
		if !is {
			n = uint32(len(sets))
			known[string(key)] = n
			sets = append(sets, in)
		}
		l.uids, l.sets = append(l.uids, uid), append(l.sets, n)
		return nil
	})
	return sets, err
}

// append writes the labels of a message.
func (l *labels) append(dst []byte, item mail.Item) []byte {
	dst = append(dst, '(')
	start := len(dst)
	if item.Flags&mail.Flagged != 0 {
		dst = append(dst, `"\\Starred" `...)
	}
	if item.Flags&l.important != 0 {
		dst = append(dst, `"\\Important" `...)
	}
	if n, there := slices.BinarySearch(l.uids, item.UID); there && len(l.texts[l.sets[n]]) > 0 {
		dst = append(append(dst, l.texts[l.sets[n]]...), ' ')
	}
	if len(dst) > start {
		dst = dst[:len(dst)-1]
	}
	return append(dst, ')')
}
