package mail

import (
	"context"
	"encoding/binary"
	"slices"

	"tem/internal/kv"
)

// inFlight is one Message-ID of an email that was submitted but may not be
// durable yet, so that a letter and the answer that follows it at once meet.
type inFlight struct {
	hash, subject uint64
	thread        ThreadID
	modseq        ModSeq // of the commit that makes the email
}

// takeOff notes what a new email is known by, for when the commit is submitted.
func (e *edit) takeOff(m *Meta) {
	for _, h := range m.hashes {
		e.flight = append(e.flight, inFlight{h, m.subject, m.Thread, e.modseq})
	}
}

// landed forgets what can be read from the store now.
func (a *account) landed(modseq ModSeq) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flight = slices.DeleteFunc(a.flight, func(f inFlight) bool { return f.modseq <= modseq })
}

// thread looks for the conversation that a message continues: same base
// subject, and one Message-ID in common (RFC 8621 §3). 0 means none.
func (e *edit) thread(ctx context.Context, subject uint64, look []uint64) (found ThreadID, err error) {
	if len(look) == 0 {
		return 0, nil
	}
	// What is in flight first: what lands meanwhile is seen by the view that follows.
	for _, list := range [][]inFlight{e.flight, e.a.flight} {
		for _, f := range list {
			if f.subject == subject && slices.Contains(look, f.hash) {
				return f.thread, nil
			}
		}
	}
	if e.a.cache.row == nil {
		return 0, nil
	}
	if look, err = e.maybeKnown(ctx, look); len(look) == 0 || err != nil {
		return 0, err
	}
	err = e.s.view(ctx, func(r kv.Reader) error {
		for _, h := range look {
			if found, err = findThread(r, e.a.id, h, subject); found != 0 || err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// maybeKnown leaves out the hashes that the account surely does not have.
func (e *edit) maybeKnown(ctx context.Context, look []uint64) ([]uint64, error) {
	a := e.a
	if e.s.Shared {
		return look, nil
	}
	if a.arrivals++; a.ids == nil && a.arrivals < firstArrivals+int(e.next.state.quota.Messages)/idsPerArrival {
		return look, nil
	}
	if a.ids == nil {
		if err := e.readIDs(ctx); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(slices.Clone(look), func(h uint64) bool { return !a.ids.has(h) }), nil
}

// readIDs makes the account's filter of what is stored and what is in flight.
func (e *edit) readIDs(ctx context.Context) error {
	hashes := make([]uint64, 0, e.next.state.quota.Messages)
	for _, f := range e.a.flight {
		hashes = append(hashes, f.hash)
	}
	err := e.s.view(ctx, func(r kv.Reader) error {
		return r.Scan(e.a.id, []byte{keyMessageID}, []byte{keyMessageID + 1}, kv.ScanOptions{}, func(key, _ []byte) error {
			hashes = append(hashes, binary.BigEndian.Uint64(key[1:]))
			return nil
		})
	})
	if err != nil {
		return err
	}
	e.a.ids = newIDFilter(len(hashes))
	for _, h := range hashes {
		e.a.ids.add(h)
	}
	return nil
}

// learnIDs adds what a submitted commit makes known. A filter that is full is
// given up; the next is larger.
func (a *account) learnIDs(hashes []uint64) {
	for _, h := range hashes {
		if a.ids != nil && !a.ids.add(h) {
			a.ids, a.arrivals = nil, 0
		}
	}
}

// maxSameID bounds how many emails with one Message-ID are looked at.
const maxSameID = 8

func findThread(r kv.Reader, id kv.Part, hash, subject uint64) (thread ThreadID, err error) {
	lo := messageIDPrefix(hash)
	err = r.Scan(id, lo, after(lo), kv.ScanOptions{Limit: maxSameID}, func(_, val []byte) error {
		d := &decoder{b: val}
		t, s := ThreadID(d.uint64()), d.uint64()
		if d.err == nil && s == subject {
			thread = t
			return kv.ErrStop
		}
		return d.err
	})
	return thread, err
}
