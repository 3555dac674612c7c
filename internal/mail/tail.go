package mail

import (
	"context"

	"tem/internal/fulltext"
	"tem/internal/kv"
)

// tail is what was seen of an account's messages that are not indexed.
type tail struct {
	from, to EmailID
	bytes    int64
}

// maxTails is how many tails are remembered; then they are read again.
const maxTails = 10000

// amount is how much is not indexed.
type amount int

const (
	little amount = iota // reading it is as good
	enough               // worth the work
	much
)

// unindexed tells how much of an account is not indexed.
func (s *Store) unindexed(ctx context.Context, account kv.Part) (n amount, err error) {
	ix := s.textIndex()
	ix.queueMu.Lock()
	t := ix.tails[account]
	ix.queueMu.Unlock()
	err = s.KV.View(ctx, func(r kv.Reader) error {
		st, err := fulltext.Load(r, account)
		if err != nil {
			return err
		}
		n, err = t.read(r, account, EmailID(max(st.Next(), 1)), ix.batch) // emails are counted from 1
		return err
	})
	ix.queueMu.Lock()
	defer ix.queueMu.Unlock()
	if len(ix.tails) >= maxTails {
		clear(ix.tails)
	}
	if ix.tails[account] = t; n == much || err != nil {
		delete(ix.tails, account)
	}
	return n, err
}

// read adds what is new to t, which begins at from.
func (t *tail) read(r kv.Reader, account kv.Part, from EmailID, batch int) (amount, error) {
	st, err := readState(r, account)
	if err != nil || st.nextEmail <= from || st.nextEmail > maxDocs {
		return little, err
	}
	if st.nextEmail-from >= EmailID(indexMuch*batch) {
		return much, nil
	}
	if t.from != from || t.to > st.nextEmail {
		*t = tail{from: from, to: from}
	}
	list, err := instancesFrom(r, account, t.to, indexMuch*batch)
	if err != nil {
		return little, err
	}
	t.to = st.nextEmail
	err = readInstances(r, account, list, func(_ instance, m *Meta, _ []byte) error {
		t.bytes += m.Size
		return nil
	})
	switch {
	case err != nil:
		return little, err
	case t.bytes >= indexMuch*indexBytes:
		return much, nil
	case t.bytes >= indexBytes || st.nextEmail-from >= EmailID(batch):
		return enough, nil
	}
	return little, nil
}
