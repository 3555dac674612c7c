package mail

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"tem/internal/blob"
	"tem/internal/kv"
)

// Letter is one message and the mailboxes it goes into.
type Letter struct {
	Body *Body
	To   []Target
}

// What one commit delivers at most: so many letters, and so many octets of
// those bodies that are held in memory until it is durable.
const (
	MaxLetters     = 1000
	MaxLetterBytes = 64 << 20
)

// Deliver is DeliverAll of one letter.
func (s *Store) Deliver(ctx context.Context, body *Body, to []Target, extra func(b *kv.Batch)) ([]Placed, error) {
	placed, err := s.DeliverAll(ctx, []Letter{{body, to}}, extra)
	if err != nil {
		return nil, err
	}
	return placed[0], nil
}

// DeliverAll puts letters into mailboxes of any number of accounts, together
// with the rows that extra (which may be nil) adds last, in one commit; it is durable
// when DeliverAll returns. The result has a list for each letter and a place for
// each of its targets. Two mailboxes of one account hold the same email. A
// letter without targets only keeps its body for the rows of extra, which must
// refer to it (Refer). extra may be called more than once, each time with a
// fresh batch. OverQuota errors name the account; nothing was stored then.
func (s *Store) DeliverAll(ctx context.Context, letters []Letter, extra func(b *kv.Batch)) ([][]Placed, error) {
	return s.deliver(ctx, letters, func([]*edit) error { return nil }, extra)
}

// deliver delivers letters in a commit over their accounts and others, to which
// first adds what comes before them, and extra what comes after.
func (s *Store) deliver(ctx context.Context, letters []Letter, first func([]*edit) error, extra func(*kv.Batch), others ...kv.Part) ([][]Placed, error) {
	if err := s.deliverable(letters); err != nil {
		return nil, err
	}
	ids, placed := others, make([][]Placed, len(letters))
	for n := range letters {
		for i := range letters[n].To {
			ids = append(ids, letters[n].To[i].Account)
		}
		placed[n] = make([]Placed, len(letters[n].To))
	}
	err := s.update(ctx, ids, func(b *kv.Batch, edits []*edit) error {
		if err := first(edits); err != nil {
			return err
		}
		for n := range letters {
			body := letters[n].Body
			body.write(b)
			for _, e := range edits {
				if err := e.deliver(ctx, body, letters[n].To, placed[n]); err != nil {
					return err
				}
			}
		}
		if extra != nil {
			extra(b)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return placed, nil
}

// write adds the rows that hold a body, or the head of one that is in a blob.
func (b *Body) write(batch *kv.Batch) {
	switch {
	case b.isInline:
		batch.Set(bodyPart(b.ID), bodyKey(b.ID), b.inline)
	case len(b.head) > 0:
		batch.Set(bodyPart(b.ID), headKey(b.ID), b.head)
	}
}

// deliverable refuses what is too much for one commit, and stale bodies.
func (s *Store) deliverable(letters []Letter) error {
	held := 0
	for n := range letters {
		if err := letters[n].Body.fresh(); err != nil {
			return err
		}
		held += len(letters[n].Body.inline)
	}
	if len(letters) > MaxLetters || len(letters) > 1 && held > MaxLetterBytes {
		return fail(LimitReached, "at most %d messages, and %d MiB of small ones, are stored at once: send fewer", MaxLetters, MaxLetterBytes>>20)
	}
	return nil
}

// fresh refuses a body that waited so long for its delivery that the sweeper
// might take it for one that nobody wants.
func (b *Body) fresh() error {
	if age := b.s.Now().Sub(b.ID.Time()); age > sweepGrace/2 {
		return fail(Busy, "the message took %v to arrive: send it again", age.Round(time.Minute))
	}
	return nil
}

// deliver makes one email of the account for all targets that are its.
func (e *edit) deliver(ctx context.Context, body *Body, to []Target, placed []Placed) error {
	m := body.meta
	for i := range to {
		t := &to[i]
		if t.Account != e.a.id {
			continue
		}
		if m.Email == 0 {
			if err := e.newEmail(ctx, &m, body.thread); err != nil {
				return err
			}
		}
		box, err := e.target(t.Mailbox, t.ID)
		if err != nil {
			return err
		}
		flags, err := box.flags(t.Flags, t.Keywords, true)
		if err != nil {
			return err
		}
		if m.Received = t.Received; m.Received.IsZero() {
			m.Received = e.s.Now()
		}
		if err := e.link(box, &m, flags); err != nil {
			return err
		}
		placed[i] = Placed{e.a.id, box.ID, box.UIDValidity, m.UID, m.Email}
	}
	return nil
}

// target returns the mailbox to be changed; "" is INBOX.
func (e *edit) target(name string, must MailboxID) (*Mailbox, error) {
	if name == "" {
		name = inbox
	}
	id, err := e.named(name, must)
	if err != nil {
		return nil, err
	}
	return e.box(id), nil
}

// named finds a mailbox by name; must, if it is not 0, is the one it has to be.
func (e *edit) named(name string, must MailboxID) (MailboxID, error) {
	name, err := canonical(name)
	if err != nil {
		return 0, err
	}
	id, ok := e.next.names[name]
	if !ok || must != 0 && id != must {
		return 0, noMailbox(name, e.a.id)
	}
	return id, nil
}

// newEmail numbers m, finds its thread and writes the rows that an email has
// once, however many mailboxes it is in.
func (e *edit) newEmail(ctx context.Context, m *Meta, look []uint64) error {
	if err := e.charge(m.Size); err != nil {
		return err
	}
	thread, err := e.thread(ctx, m.subject, look)
	if err != nil {
		return err
	}
	m.Email = e.next.state.nextEmail
	e.next.state.nextEmail++
	if m.Thread = thread; thread == 0 {
		m.Thread = ThreadID(m.Email)
	}
	e.takeOff(m)
	e.known(m)
	return nil
}

// known writes the rows by which an email and its body are found.
func (e *edit) known(m *Meta) {
	e.learned = append(e.learned, m.hashes...)
	if m.Thread != ThreadID(m.Email) {
		e.b.Set(e.a.id, threadKey(m.Thread, m.Email), nil)
	}
	for _, h := range m.hashes {
		e.b.Set(e.a.id, messageIDKey(h, m.Email), appendThread(make([]byte, 0, 16), m.Thread, m.subject))
	}
	e.s.Refer(e.b, m.Body, emailOwner(e.a.id, m.Email))
}

// unknown takes them away; the reference to the body stays.
func (e *edit) unknown(m *Meta) {
	if m.Thread != ThreadID(m.Email) {
		e.b.Delete(e.a.id, threadKey(m.Thread, m.Email))
	}
	for _, h := range m.hashes {
		e.b.Delete(e.a.id, messageIDKey(h, m.Email))
	}
}

func appendThread(dst []byte, t ThreadID, subject uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, uint64(t)), subject)
}

// link puts m into a mailbox under the next UID.
func (e *edit) link(box *Mailbox, m *Meta, flags Flags) error {
	if box.UIDNext == 0 { // after 2^32-1 messages; RFC 9051 §2.3.1.1
		return fail(LimitReached, "mailbox %s has used up its UIDs", box.Name)
	}
	m.UID = box.UIDNext
	box.UIDNext++
	box.count(flags, m.Size, 1)
	id, b := e.a.id, e.b
	b.Set(id, messageKey(keyMeta, box.ID, m.UID), m.append(make([]byte, 0, m.rowSize())))
	item := Item{m.UID, uint32(e.s.Now().Unix()), flags, e.modseq}
	b.Set(id, messageKey(keyFlags, box.ID, m.UID), item.append(make([]byte, 0, itemSize)))
	b.Set(id, emailKey(m.Email, box.ID, m.UID), nil)
	if m.fields != nil {
		b.Set(id, messageKey(keyFields, box.ID, m.UID), m.fieldsRow())
	}
	l := e.entry(box.ID)
	l.changed = append(l.changed, m.UID)
	return nil
}

func (m *Meta) rowSize() int {
	return 156 + 8*(len(m.hashes)+len(m.links.refs)) + len(m.Envelope) + len(m.Structure) + len(m.BasicBody) + len(m.Parts) + len(m.Preview)
}

// unlink takes m out of a mailbox.
func (e *edit) unlink(box *Mailbox, m *Meta, flags Flags) {
	box.count(flags, m.Size, -1)
	id, b := e.a.id, e.b
	b.Delete(id, messageKey(keyMeta, box.ID, m.UID))
	b.Delete(id, messageKey(keyFields, box.ID, m.UID))
	b.Delete(id, emailKey(m.Email, box.ID, m.UID))
	l := e.entry(box.ID)
	l.gone = append(l.gone, tombstone{m.UID, m.Email, m.Thread})
	f := e.flagRows(box.ID)
	f.gone = append(f.gone, m.UID)
}

// charge counts a new email against the quotas of the account and of its pool.
func (e *edit) charge(size int64) error {
	q := &e.next.state.quota
	if q.full(size) {
		return &Error{Kind: OverQuota, Text: "the account is over quota", Account: e.a.id}
	}
	if pool := e.next.state.pool; pool != "" && !e.s.pools.reserve(e, size) {
		return &Error{Kind: OverQuota, Text: "the accounts of " + pool + " together are over quota", Account: e.a.id}
	}
	q.add(size, 1)
	return nil
}

// discharge is charge backwards.
func (e *edit) discharge(size int64) {
	e.next.state.quota.add(-size, -1)
	e.pooled.freed.add(size, 1)
}

func (q *Quota) add(size, messages int64) {
	q.Bytes += size
	q.Messages += messages
}

// full reports whether one message more, of this size, is too much.
func (q *Quota) full(size int64) bool {
	return q.BytesLimit > 0 && q.Bytes+size > q.BytesLimit || q.MessagesLimit > 0 && q.Messages+1 > q.MessagesLimit
}

// count adds (n=1) or takes away (n=-1) one message.
func (m *Mailbox) count(f Flags, size int64, n int32) {
	m.Messages += uint32(n)
	m.Size += size * int64(n)
	m.countFlags(f, n)
}

func (m *Mailbox) countFlags(f Flags, n int32) {
	if f&Seen == 0 {
		m.Unseen += uint32(n)
	}
	if f&Deleted != 0 {
		m.DeletedCount += uint32(n)
	}
}

const systemFlags = Seen | Answered | Flagged | Deleted | Draft

// flags joins system flags and keywords; unknown keywords are made known, if
// that is asked for, or left out.
func (m *Mailbox) flags(system Flags, keywords []string, learn bool) (Flags, error) {
	f := system & systemFlags
	for _, k := range keywords {
		n := m.keyword(k)
		if n < 0 && !learn {
			continue
		}
		if n < 0 {
			if err := checkKeyword(k); err != nil {
				return 0, err
			}
			if n = len(m.Keywords); n == MaxKeywords {
				return 0, fail(LimitReached, "mailbox %s has %d keywords, the most it can have", m.Name, n)
			}
			m.Keywords = append(slices.Clip(m.Keywords), k)
		}
		f |= 1 << (FirstKeyword + n)
	}
	return f, nil
}

// keyword is a keyword's number, -1 if it is not known. Case does not matter (RFC 9051 §2.3.2).
func (m *Mailbox) keyword(k string) int {
	return slices.IndexFunc(m.Keywords, func(have string) bool { return strings.EqualFold(have, k) })
}

// maxKeyword is the length of a keyword in octets.
const maxKeyword = 100

// checkKeyword allows an IMAP atom (RFC 9051 §9, flag-keyword).
func checkKeyword(k string) error {
	bad := strings.IndexFunc(k, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r) })
	if k == "" || len(k) > maxKeyword || bad >= 0 {
		return fail(Invalid, "%.*q is no keyword", maxKeyword, k)
	}
	return nil
}

// Refer adds a row that keeps a body alive for an owner outside of mail, and
// Release one that lets it go; the sweeper deletes bodies that nobody refers to.
func (s *Store) Refer(b *kv.Batch, id blob.ID, owner []byte) {
	b.Set(bodyPart(id), referenceKey(id, owner), nil)
}

// Release takes an owner's reference away and makes the body a candidate for the sweeper.
func (s *Store) Release(b *kv.Batch, id blob.ID, owner []byte) {
	b.Delete(bodyPart(id), referenceKey(id, owner))
	if s.old.Load() {
		b.Delete(kv.OldBodies, referenceKey(id, owner))
	}
	b.Set(bodyPart(id), garbageKey(dayOf(s.Now()), id), nil)
}

// dayOf counts days since 1970.
func dayOf(t time.Time) uint16 { return uint16(t.Unix() / 86400) }
