package mail

import (
	"context"
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
	for _, f := range e.a.flight {
		if f.subject == subject && slices.Contains(look, f.hash) {
			return f.thread, nil
		}
	}
	if e.a.cache.row == nil {
		return 0, nil
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
