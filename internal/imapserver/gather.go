package imapserver

import (
	"bytes"
	"context"
	"errors"
	"sort"

	"tem/internal/mail"
)

// Nothing is written while the store holds a snapshot, so that a client who does
// not read holds none up: answers are gathered, then written.

// gatherMost is how many octets of answers are gathered before they are written;
// heldMost, how many of one message may be, before they are written one by one.
const (
	gatherMost = 256 << 10
	heldMost   = 1 << 20
)

// runMetas answers with what is kept beside the octets of messages.
func (f *fetcher) runMetas(ctx context.Context, picked []int) error {
	for len(picked) > 0 {
		n, others, err := f.gatherMetas(ctx, picked)
		if err == nil {
			err = f.t.write()
		}
		for i := range others {
			if err == nil {
				err = f.writeLarge(ctx, &others[i])
			}
		}
		if err != nil {
			return err
		}
		picked = picked[n:]
	}
	return nil
}

// errFull ends a reading: what was gathered is to be written first.
var errFull = errors.New("enough gathered")

// gatherMetas is gather without text. It leaves the messages that the client
// sees in another form to be answered.
func (f *fetcher) gatherMetas(ctx context.Context, picked []int) (n int, others []mail.Meta, err error) {
	t, found, held := f.t, 0, 0
	end := mail.UID(0)
	err = t.view.account.Fetch(ctx, t.view.box.ID, t.view.uids(picked), func(m *mail.Meta) error {
		found++
		if f.differs(m) {
			others = append(others, clone(m))
			held += len(m.Envelope) + len(m.Structure) + len(m.BasicBody) + len(m.Parts)
		} else if i, known := t.view.find(m.UID); known {
			t.out = append(f.appendItems(t.out, i, m), ")\r\n"...)
		}
		if len(t.out)+held < gatherMost {
			return nil
		}
		end = m.UID
		return errFull
	})
	if errors.Is(err, errFull) {
		err = nil
	}
	n = f.reached(picked, end)
	if found < n {
		f.gone()
	}
	return n, others, err
}

// reached is how many of picked have been read if the reading ended at a UID; 0: it did not.
func (f *fetcher) reached(picked []int, end mail.UID) int {
	if end == 0 {
		return len(picked)
	}
	return sort.Search(len(picked), func(k int) bool { return f.t.view.items[picked[k]].UID > end })
}

// runBodies alternates between gathering small messages and writing; a large
// message goes from its body to the network.
func (f *fetcher) runBodies(ctx context.Context, picked []int) error {
	for len(picked) > 0 {
		n, large, err := f.gather(ctx, picked)
		if err == nil {
			err = f.t.write()
		}
		if err == nil && large != nil {
			err = f.writeLarge(ctx, large)
		}
		if err != nil {
			return err
		}
		picked = picked[n:]
	}
	return nil
}

// gather answers for the first n of picked, as many as should be held in
// memory. It ends with a message whose body has to be opened, or is wanted
// many times over: large, which is not answered yet. Nothing is written meanwhile, for the store holds a snapshot.
func (f *fetcher) gather(ctx context.Context, picked []int) (n int, large *mail.Meta, err error) {
	t, found := f.t, 0
	end := mail.UID(0) // of the last message that was read, if not all were
	err = t.view.account.FetchText(ctx, t.view.box.ID, t.view.uids(picked), func(m *mail.Meta, text []byte) (more bool, err error) {
		found++
		if text == nil || len(text)*f.bodies > heldMost {
			c := clone(m)
			large, end = &c, m.UID
			return false, nil
		}
		f.small.Reset(text)
		if err := f.answer(m, &f.small); err != nil || len(t.out) < gatherMost {
			return true, err
		}
		end = m.UID
		return false, nil
	})
	n = f.reached(picked, end)
	if found < n {
		f.gone()
	}
	return n, large, err
}

// clone keeps what is valid only during Fetch's call.
func clone(m *mail.Meta) mail.Meta {
	c := *m
	c.Envelope, c.Structure = bytes.Clone(m.Envelope), bytes.Clone(m.Structure)
	c.BasicBody, c.Parts, c.Preview = bytes.Clone(m.BasicBody), bytes.Clone(m.Parts), bytes.Clone(m.Preview)
	return c
}
