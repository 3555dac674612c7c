package mail

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"tem/internal/kv"
)

// Changes returns what happened in a mailbox after since. Where the change log
// no longer reaches back to it the answer is still right for whoever has a list
// of messages: see Delta.Pruned. Within one process it is cheap when nothing did.
func (a *Account) Changes(ctx context.Context, id MailboxID, since ModSeq) (d Delta, err error) {
	acct := a.s.acquire(a.id)
	defer a.s.release(acct)
	if box, ok := acct.durableMailbox(id); ok && box.HighestModSeq == since && !a.s.Shared {
		return Delta{Mailbox: box}, nil
	}
	if err := a.ready(ctx, acct); err != nil {
		return d, err
	}
	err = a.s.view(ctx, func(r kv.Reader) error {
		row, ok, err := r.Get(a.id, mailboxKey(id))
		if err != nil {
			return err
		}
		if !ok {
			d.Deleted = true
			return nil
		}
		if d.Mailbox, err = decodeMailbox(mailboxKey(id), row); err != nil || d.Mailbox.HighestModSeq <= since {
			return err
		}
		return d.read(r, a.id, id, since)
	})
	if err == nil && !d.Deleted {
		acct.noteRead(d.Mailbox)
	}
	return d, err
}

// noteRead keeps a mailbox read from a snapshot, unless a later one is known.
func (a *account) noteRead(m Mailbox) {
	a.noteDurable(m.HighestModSeq, map[MailboxID]*Mailbox{m.ID: &m})
}

// read collects the change log after since.
func (d *Delta) read(r kv.Reader, account kv.Part, id MailboxID, since ModSeq) error {
	st, err := readState(r, account)
	if err != nil {
		return err
	}
	if since < st.pruned {
		return d.compare(r, account, id, since)
	}
	var changed, gone []UID
	err = scanLog(r, account, since, func(_ logHead, box MailboxID, _ bool, c []UIDRange, g []tombstone) {
		if box != id {
			return
		}
		changed = appendUIDs(changed, c)
		for _, t := range g {
			gone = append(gone, t.uid)
		}
	})
	if err != nil {
		return err
	}
	d.Gone = rangesOf(sorted(gone))
	return eachItem(r, account, id, changed, func(i Item) error {
		d.Changed = append(d.Changed, i)
		return nil
	})
}

// compare finds out without the log: each message tells when it changed last,
// and what is not there is gone (RFC 7162 §3.2.5.1).
func (d *Delta) compare(r kv.Reader, account kv.Part, id MailboxID, since ModSeq) error {
	d.Pruned = true
	next := UID(1)
	err := scanItems(r, account, id, everyUID, func(i Item) error {
		if i.ModSeq > since {
			d.Changed = append(d.Changed, i)
		}
		if i.UID > next {
			d.Gone = append(d.Gone, UIDRange{next, i.UID - 1})
		}
		next = i.UID + 1
		return nil
	})
	if last := d.Mailbox.UIDNext - 1; err == nil && next <= last {
		d.Gone = append(d.Gone, UIDRange{next, last})
	}
	return err
}

// scanLog calls fn for each mailbox that each commit after since touched.
func scanLog(r kv.Reader, account kv.Part, since ModSeq, fn func(h logHead, id MailboxID, properties bool, changed []UIDRange, gone []tombstone)) error {
	return r.Scan(account, changeKey(since+1), []byte{keyChange + 1}, kv.ScanOptions{}, func(_, row []byte) error {
		h, err := readLog(row, nil)
		if err != nil {
			return err
		}
		_, err = readLog(row, func(id MailboxID, properties bool, changed []UIDRange, gone []tombstone) {
			fn(h, id, properties, changed, gone)
		})
		return err
	})
}

func appendUIDs(dst []UID, ranges []UIDRange) []UID {
	for _, r := range ranges {
		for u := r.From; ; u++ {
			dst = append(dst, u)
			if u == r.To {
				break
			}
		}
	}
	return dst
}

// ObjectChanges says of one kind of object which are new, which are others than
// before, and which are no more; each list is in order (RFC 8620 §5.2).
type ObjectChanges[ID ~uint32 | ~uint64] struct{ Created, Updated, Destroyed []ID }

// AccountChanges is what happened in an account after a modseq.
type AccountChanges struct {
	ModSeq    ModSeq // the next since
	Mailboxes ObjectChanges[MailboxID]
	Emails    ObjectChanges[EmailID]
	Threads   ObjectChanges[ThreadID]
	Metadata  bool // the account's own annotations are others; of mailboxes, Updated tells
	// Counts are those of Mailboxes.Updated of which only the counts differ
	// (RFC 8621 §2.2).
	Counts []MailboxID
}

// AllChanges returns what happened in the account after since; *Error Invalid
// when the change log can't tell (RFC 8620 §5.2, cannotCalculateChanges).
func (a *Account) AllChanges(ctx context.Context, since ModSeq) (c AccountChanges, err error) {
	err = a.read(ctx, func(r kv.Reader) error {
		st, err := readState(r, a.id)
		if err != nil {
			return err
		}
		if since < st.pruned || since > st.modseq {
			return fail(Invalid, "the changes since %d are not known", since)
		}
		c.ModSeq = st.modseq
		return c.read(r, a.id, since)
	})
	return c, err
}

// touched is what the log says about objects, to be looked up as they are now.
type touched struct {
	first      logHead // before the first commit; zero if there is none
	boxes      map[MailboxID]bool
	properties map[MailboxID]bool
	messages   map[MailboxID][]UID
	emails     map[EmailID]ThreadID
}

func (c *AccountChanges) read(r kv.Reader, account kv.Part, since ModSeq) error {
	t := touched{boxes: map[MailboxID]bool{}, properties: map[MailboxID]bool{}, messages: map[MailboxID][]UID{}, emails: map[EmailID]ThreadID{}}
	err := scanLog(r, account, since, t.note)
	if err != nil {
		return err
	}
	if err := t.find(r, account); err != nil {
		return err
	}
	c.Metadata = t.boxes[0] // no mailbox has this number
	delete(t.boxes, 0)
	for _, id := range slices.Sorted(maps.Keys(t.boxes)) {
		_, there, err := r.Get(account, mailboxKey(id))
		if err != nil {
			return err
		}
		// Of one that was deleted before since, the log may still tell how it is emptied.
		c.Mailboxes.add(id, there, id < t.first.nextMailbox && (there || t.properties[id]))
		if there && id < t.first.nextMailbox && !t.properties[id] {
			c.Counts = append(c.Counts, id)
		}
	}
	return c.objects(r, account, &t)
}

func (t *touched) note(h logHead, id MailboxID, properties bool, changed []UIDRange, gone []tombstone) {
	if t.first == (logHead{}) {
		t.first = h
	}
	t.boxes[id] = true
	t.properties[id] = t.properties[id] || properties
	t.messages[id] = appendUIDs(t.messages[id], changed)
	for _, g := range gone {
		t.emails[g.email] = g.thread
	}
}

// find adds the emails of the messages that are still there; of the others the
// log has tombstones.
func (t *touched) find(r kv.Reader, account kv.Part) error {
	for _, id := range slices.Sorted(maps.Keys(t.messages)) {
		err := eachRow(r, keyMeta, account, id, t.messages[id], func(u UID, row []byte) error {
			var m Meta
			err := m.decode(u, row)
			t.emails[m.Email] = m.Thread
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// objects tells of emails, and of the threads that they belong to.
func (c *AccountChanges) objects(r kv.Reader, account kv.Part, t *touched) error {
	there := make(map[EmailID]bool, len(t.emails))
	err := eachInstance(r, account, t.emails, func(email EmailID, _ MailboxID, _ UID) error {
		there[email] = true
		return nil
	})
	if err != nil {
		return err
	}
	threads := make(map[ThreadID]bool) // whether an email of it was made or destroyed
	for _, email := range slices.Sorted(maps.Keys(t.emails)) {
		before := email < t.first.nextEmail
		c.Emails.add(email, there[email], before)
		if there[email] != before {
			threads[t.emails[email]] = true
		}
	}
	for _, thread := range slices.Sorted(maps.Keys(threads)) {
		alive, old, err := readThread(r, account, thread, t.first.nextEmail)
		if err != nil {
			return err
		}
		// An email that is no more and was there before speaks for the thread's age.
		for email, of := range t.emails {
			old = old || of == thread && email < t.first.nextEmail
		}
		c.Threads.add(thread, alive, old)
	}
	return nil
}

// readThread reports whether a thread has emails, and any numbered below next.
func readThread(r kv.Reader, account kv.Part, thread ThreadID, next EmailID) (alive, old bool, err error) {
	members, err := threadMembers(r, account, thread)
	for _, email := range members {
		alive, old = true, old || email < next
	}
	return alive, old, err
}

// threadMembers are the emails of a thread that are in a mailbox, in order: the
// one that began it, if it is still there, and those with a row of their own.
func threadMembers(r kv.Reader, account kv.Part, thread ThreadID) (members []EmailID, err error) {
	there, err := begins(r, account, thread)
	if err != nil {
		return nil, err
	}
	if there {
		members = append(members, EmailID(thread))
	}
	lo := threadPrefix(thread)
	err = r.Scan(account, lo, after(lo), kv.ScanOptions{}, func(key, _ []byte) error {
		members = append(members, EmailID(binary.BigEndian.Uint64(key[9:])))
		return nil
	})
	return slices.Compact(slices.Sorted(slices.Values(members))), err
}

// begins reports whether the email of a thread's number is there and began it,
// rather than being one of another thread.
func begins(r kv.Reader, account kv.Part, thread ThreadID) (yes bool, err error) {
	lo := emailPrefix(EmailID(thread))
	err = r.Scan(account, lo, after(lo), kv.ScanOptions{Limit: 1}, func(key, _ []byte) error {
		_, id, uid := instanceOf(key)
		row, _, err := r.Get(account, messageKey(keyMeta, id, uid))
		if err != nil {
			return err
		}
		var m Meta
		err = m.decode(uid, row)
		yes = m.Thread == thread
		return err
	})
	return yes, err
}

// Thread returns the emails of a thread, the first that came first.
func (a *Account) Thread(ctx context.Context, thread ThreadID) (members []EmailID, err error) {
	err = a.read(ctx, func(r kv.Reader) error {
		members, err = threadMembers(r, a.id, thread)
		return err
	})
	return members, err
}

// Instance is one message that an email is.
type Instance struct {
	Mailbox MailboxID
	UID     UID
}

// Instances returns where an email is, by mailbox and UID.
func (a *Account) Instances(ctx context.Context, email EmailID) (list []Instance, err error) {
	err = a.read(ctx, func(r kv.Reader) error {
		return eachInstance(r, a.id, map[EmailID]bool{email: true}, func(_ EmailID, id MailboxID, uid UID) error {
			list = append(list, Instance{id, uid})
			return nil
		})
	})
	return list, err
}

// add sorts an object into its list. One that came and went in between is in none.
func (c *ObjectChanges[ID]) add(id ID, now, before bool) {
	switch {
	case now && before:
		c.Updated = append(c.Updated, id)
	case now:
		c.Created = append(c.Created, id)
	case before:
		c.Destroyed = append(c.Destroyed, id)
	}
}

// pruneLog deletes what the change log says of commits before a time.
func (a *Account) pruneLog(ctx context.Context, before time.Time) error {
	for n := a.s.chunks.prune; n == a.s.chunks.prune; {
		err := a.tend(ctx, func(e *edit) error {
			if err := e.settle(ctx); err != nil {
				return err
			}
			last, count, err := e.prunable(ctx, before)
			if n = count; n == 0 || err != nil {
				return err
			}
			e.b.DeleteRange(a.id, []byte{keyChange}, changeKey(last+1))
			e.next.state.pruned = last
			e.dirty = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// prunable finds the last of the first rows that are older than a time.
func (e *edit) prunable(ctx context.Context, before time.Time) (last ModSeq, n int, err error) {
	err = e.s.view(ctx, func(r kv.Reader) error {
		return r.Scan(e.a.id, []byte{keyChange}, []byte{keyChange + 1}, kv.ScanOptions{Limit: e.s.chunks.prune}, func(key, row []byte) error {
			d := &decoder{b: row}
			if at := int64(d.uint()); d.err != nil || at >= before.Unix() {
				return kv.ErrStop
			}
			last = ModSeq(binary.BigEndian.Uint64(key[1:]))
			n++
			return nil
		})
	})
	return last, n, err
}
