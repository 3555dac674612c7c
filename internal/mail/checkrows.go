package mail

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"tem/internal/kv"
)

// finding is a problem and what would mend it; nil if nothing can.
type finding struct {
	Problem
	fix func(*edit)
}

// finder looks for contradictions among the rows of one account, all of one
// snapshot. To repair, most is above 0: it then stops at so many findings, and
// after the first kind of thing that can be mended.
type finder struct {
	s     *Store
	id    kv.Part
	most  int
	found []finding

	state    state
	boxes    map[MailboxID]*Mailbox
	doomed   map[MailboxID]bool
	buried   map[EmailID]bool
	counted  map[MailboxID]*Mailbox // totals as the messages make them
	used     Quota                  // likewise
	modseq   ModSeq                 // the highest of any message
	email    EmailID                // the highest there is
	messages int
}

// problem notes one; fix may be nil.
func (f *finder) problem(fix func(*edit), format string, args ...any) {
	f.found = append(f.found, finding{Problem{Account: f.id, Text: fmt.Sprintf(format, args...)}, fix})
}

// drop suggests deleting a row.
func (f *finder) drop(key []byte, format string, args ...any) {
	key = bytes.Clone(key)
	f.problem(func(e *edit) { e.b.Delete(e.a.id, key) }, format, args...)
}

// put suggests writing a row.
func (f *finder) put(p kv.Part, key, val []byte, format string, args ...any) {
	f.problem(func(e *edit) { e.b.Set(p, key, val) }, format, args...)
}

func (f *finder) full() bool { return f.most > 0 && len(f.found) >= f.most }

// find runs every look in turn. Each may rely on what those before it have read.
func (f *finder) find(ctx context.Context, r kv.Reader) error {
	f.counted = make(map[MailboxID]*Mailbox)
	for _, look := range []func(kv.Reader) error{
		f.readAccount, f.flagRows, f.messageRows, f.fieldRows, f.emailRows, f.threadRows, f.messageIDRows, f.vaultRows, f.totals, f.logRows, f.grantRows, f.entryRows,
	} {
		if err := look(r); err != nil || f.most > 0 && fixable(f.found) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// readAccount reads state, mailboxes and the list of accounts.
func (f *finder) readAccount(r kv.Reader) (err error) {
	f.boxes, f.doomed = make(map[MailboxID]*Mailbox), make(map[MailboxID]bool)
	if f.state, err = readState(r, f.id); err != nil {
		return fmt.Errorf("the state: %w", err)
	}
	if row, _, err := r.Get(kv.Accounts, accountKey(f.id)); err != nil {
		return err
	} else if !bytes.Equal(row, (&Registered{Pool: f.state.pool}).row()) {
		f.problem(func(e *edit) { e.register() }, "the account is listed wrongly")
	}
	names := make(map[string]MailboxID)
	err = r.Scan(f.id, []byte{keyMailbox}, []byte{keyMailbox + 1}, kv.ScanOptions{}, func(key, row []byte) error {
		m, err := decodeMailbox(key, row)
		if err != nil {
			f.problem(nil, "mailbox %x: the row is damaged", key[1:])
			return nil
		}
		f.boxes[m.ID] = &m
		if other, taken := names[m.Name]; taken {
			f.problem(f.rename(m.ID), "mailboxes %d and %d are both called %s", other, m.ID, m.Name)
		}
		names[m.Name] = m.ID
		if m.ID >= f.state.nextMailbox {
			f.problem(func(e *edit) { e.next.state.nextMailbox = max(e.next.state.nextMailbox, m.ID+1) },
				"mailbox %s has number %d, which was not given yet", m.Name, m.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.Scan(f.id, []byte{keyDoomed}, []byte{keyDoomed + 1}, kv.ScanOptions{}, func(key, _ []byte) error {
		f.doomed[MailboxID(binary.BigEndian.Uint32(key[1:]))] = true
		return nil
	})
}

// rename gives a mailbox a name that no other has.
func (f *finder) rename(id MailboxID) func(*edit) {
	return func(e *edit) {
		if box := e.box(id); box != nil {
			box.Name = fmt.Sprintf("%s (%d)", box.Name, id)
		}
	}
}

// chunk is how many rows are read before those they refer to are looked up.
const chunk = 500

// eachChunk calls fn with the rows of a kind, some at a time, until enough was
// found.
func (f *finder) eachChunk(r kv.Reader, kind byte, fn func(keys, rows [][]byte) error) error {
	lo, hi := []byte{kind}, []byte{kind + 1}
	for !f.full() {
		var keys, rows [][]byte
		err := r.Scan(f.id, lo, hi, kv.ScanOptions{Limit: chunk}, func(key, row []byte) error {
			keys, rows = append(keys, bytes.Clone(key)), append(rows, bytes.Clone(row))
			return nil
		})
		if err != nil || len(keys) == 0 {
			return err
		}
		if err := fn(keys, rows); err != nil {
			return err
		}
		lo = append(keys[len(keys)-1], 0)
	}
	return nil
}

// present looks keys up; the values stand at the places of their keys, nil for none.
func present(r kv.Reader, p kv.Part, keys [][]byte) ([][]byte, error) {
	vals := make([][]byte, len(keys))
	err := r.GetMulti(p, keys, func(i int, val []byte) error {
		vals[i] = append([]byte{}, val...)
		return nil
	})
	return vals, err
}

// messageRows goes over every message.
func (f *finder) messageRows(r kv.Reader) error {
	return f.eachChunk(r, keyMeta, func(keys, rows [][]byte) error {
		emailKeys, metas := make([][]byte, len(keys)), make([]Meta, len(keys))
		for i, key := range keys {
			if err := metas[i].decode(uidOf(key), rows[i]); err != nil {
				metas[i].Email = 0
				f.dropMessage(mailboxOf(key), uidOf(key), "the row of a message is damaged")
			}
			emailKeys[i] = emailKey(metas[i].Email, mailboxOf(key), metas[i].UID)
		}
		items, err := f.itemsOf(r, keys)
		if err != nil {
			return err
		}
		emails, err := present(r, f.id, emailKeys)
		if err != nil {
			return err
		}
		for i := range metas {
			if m := &metas[i]; m.Email != 0 {
				f.message(mailboxOf(keys[i]), m, items, emails[i] != nil)
			}
		}
		return f.emailsOf(r, metas)
	})
}

func mailboxOf(key []byte) MailboxID { return MailboxID(binary.BigEndian.Uint32(key[1:])) }

// dropMessage suggests taking away a message that nothing can be known of.
func (f *finder) dropMessage(id MailboxID, uid UID, text string) {
	f.problem(func(e *edit) {
		e.b.Delete(e.a.id, messageKey(keyMeta, id, uid))
		rows := e.flagRows(id)
		rows.gone = append(rows.gone, uid)
		if e.box(id) != nil {
			l := e.entry(id)
			l.gone = append(l.gone, tombstone{uid: uid})
		}
	}, "mailbox %d, uid %d: %s", id, uid, text)
	f.found[len(f.found)-1].Lost = true
}

// message checks one message against its mailbox and its own other rows.
func (f *finder) message(id MailboxID, m *Meta, items map[place]Item, known bool) {
	f.messages++
	uid := m.UID
	item, ok := items[place{id, uid}]
	if !ok {
		item = Item{UID: uid}
		f.problem(func(e *edit) {
			rows := e.flagRows(id)
			rows.lost = append(rows.lost, Item{UID: uid, ModSeq: e.modseq})
			if e.box(id) != nil {
				l := e.entry(id)
				l.changed = append(l.changed, uid)
			}
		}, "mailbox %d, uid %d: its flags are missing", id, m.UID)
	}
	if !known {
		f.put(f.id, emailKey(m.Email, id, m.UID), nil, "email %d: mailbox %d, uid %d is not known as its instance", m.Email, id, m.UID)
	}
	f.modseq, f.email = max(f.modseq, item.ModSeq), max(f.email, m.Email)
	if f.boxes[id] == nil {
		if !f.doomed[id] {
			f.problem(func(e *edit) { e.b.Set(e.a.id, mailboxRow(keyDoomed, id), (&Mailbox{ID: id, Name: "?"}).append(nil)) },
				"mailbox %d, uid %d: there is no such mailbox", id, m.UID)
			f.doomed[id] = true
		}
		return
	}
	c := f.counted[id]
	if c == nil {
		c = new(Mailbox)
		f.counted[id] = c
	}
	c.count(item.Flags, m.Size, 1)
	c.HighestModSeq = max(c.HighestModSeq, item.ModSeq)
	c.UIDNext = m.UID + 1
}

// emailsOf checks the rows that the emails of some messages have once each.
func (f *finder) emailsOf(r kv.Reader, metas []Meta) error {
	seen := make(map[EmailID]bool, len(metas))
	for i := range metas {
		m := &metas[i]
		if m.Email == 0 || seen[m.Email] {
			continue
		}
		seen[m.Email] = true
		key := referenceKey(m.Body, emailOwner(f.id, m.Email))
		if _, ok, err := r.Get(bodyPart(m.Body), key); err != nil {
			return err
		} else if !ok {
			f.put(bodyPart(m.Body), key, nil, "email %d: no reference keeps its body %s", m.Email, m.Body)
		}
		var keys [][]byte
		if m.Thread != ThreadID(m.Email) {
			keys = append(keys, threadKey(m.Thread, m.Email))
		}
		for _, h := range m.hashes {
			keys = append(keys, messageIDKey(h, m.Email))
		}
		rows, err := present(r, f.id, keys)
		if err != nil {
			return err
		}
		want := appendThread(nil, m.Thread, m.subject)
		for n, key := range keys {
			switch val := []byte(nil); {
			case key[0] == keyMessageID && !bytes.Equal(rows[n], want):
				val = want
				fallthrough
			case rows[n] == nil:
				f.put(f.id, key, val, "email %d: a row by which it is found is missing or wrong", m.Email)
			}
		}
	}
	return nil
}

// fieldRows looks for what is kept of headers without a message, and for what
// contradicts it. Whoever needs a row that was dropped reads the body.
func (f *finder) fieldRows(r kv.Reader) error {
	return f.lone(r, keyFields, func(key, row []byte) []byte { return append([]byte{keyMeta}, key[1:]...) },
		func(key, row, meta []byte) {
			if meta == nil || !soundFields(uidOf(key), row, meta) {
				f.drop(key, "mailbox %d, uid %d: what is kept of its header is damaged, or the message is gone", mailboxOf(key), uidOf(key))
			}
		})
}

// soundFields compares a row of fields with the message's.
func soundFields(uid UID, row, meta []byte) bool {
	var m, brief Meta
	if m.decode(uid, meta) != nil {
		return true // told of already
	}
	kept, err := brief.decodeFields(uid, row)
	if err == nil {
		_, _, err = kept.Append(nil, new(FieldSet))
	}
	return err == nil && brief.Size == m.Size && brief.Received.Equal(m.Received)
}

// lone looks up, for each row of a kind, one other row; of gives its key, nil
// for a row that is damaged by itself.
func (f *finder) lone(r kv.Reader, kind byte, of func(key, row []byte) []byte, check func(key, row, other []byte)) error {
	return f.eachChunk(r, kind, func(keys, rows [][]byte) error {
		others := make([][]byte, len(keys))
		for i := range keys {
			others[i] = of(keys[i], rows[i])
		}
		vals, err := present(r, f.id, others)
		if err != nil {
			return err
		}
		for i := range keys {
			check(keys[i], rows[i], vals[i])
		}
		return nil
	})
}

// emailRows goes from emails to messages and counts what they use.
func (f *finder) emailRows(r kv.Reader) error {
	last := EmailID(0)
	return f.lone(r, keyEmail, func(key, _ []byte) []byte {
		if len(key) != 17 {
			return nil
		}
		return append([]byte{keyMeta}, key[9:]...)
	}, func(key, _, row []byte) {
		var m Meta
		if row == nil || m.decode(0, row) != nil || len(key) != 17 || m.Email != EmailID(binary.BigEndian.Uint64(key[1:])) {
			f.drop(key, "an email is said to be where it is not (%x)", key[1:])
			return
		}
		if m.Email != last {
			last = m.Email
			f.used.add(m.Size, 1)
		}
	})
}

// threadRows looks for members of threads that are no more.
func (f *finder) threadRows(r kv.Reader) error {
	return f.emailRow(r, keyThread, "a thread has a member that is not there")
}

// messageIDRows looks for Message-IDs of emails that are no more.
func (f *finder) messageIDRows(r kv.Reader) error {
	return f.emailRow(r, keyMessageID, "a Message-ID leads to an email that is not there")
}

// emailRow checks rows whose key ends in an email that must have an instance.
func (f *finder) emailRow(r kv.Reader, kind byte, text string) error {
	return f.eachChunk(r, kind, func(keys, _ [][]byte) error {
		for _, key := range keys {
			there := false
			if len(key) == 17 {
				var err error
				if there, err = hasInstance(r, f.id, EmailID(binary.BigEndian.Uint64(key[9:]))); err != nil {
					return err
				}
			}
			if !there {
				f.drop(key, "%s (%x)", text, key[1:])
			}
		}
		return nil
	})
}

// vaultRows checks what can be brought back, and adds it up.
func (f *finder) vaultRows(r kv.Reader) error {
	var kept Quota
	err := r.Scan(f.id, []byte{keyVault}, []byte{keyVault + 1}, kv.ScanOptions{}, func(key, row []byte) error {
		if len(key) != 17 {
			f.drop(key, "the key of an email in the vault is damaged")
			return nil
		}
		b, err := decodeBuried(bytes.Clone(key), bytes.Clone(row))
		if err != nil {
			f.drop(key, "the row of email %d in the vault is damaged", binary.BigEndian.Uint64(key[9:]))
			f.found[len(f.found)-1].Lost = true
			return nil
		}
		kept.add(b.Meta.Size, 1)
		ref := referenceKey(b.Meta.Body, emailOwner(f.id, b.Email))
		if _, ok, err := r.Get(bodyPart(b.Meta.Body), ref); err != nil {
			return err
		} else if !ok {
			f.put(bodyPart(b.Meta.Body), ref, nil, "email %d in the vault: no reference keeps its body %s", b.Email, b.Meta.Body)
		}
		return nil
	})
	if kept != f.state.vault && err == nil {
		f.problem(func(e *edit) { e.next.state.vault = kept }, "the vault is said to hold %d octets in %d emails and holds %d in %d",
			f.state.vault.Bytes, f.state.vault.Messages, kept.Bytes, kept.Messages)
	}
	return err
}

// totals compares what was counted with what mailboxes and account say.
func (f *finder) totals(kv.Reader) error {
	for id, box := range f.boxes {
		c := f.counted[id]
		if c == nil {
			c = new(Mailbox)
		}
		c.UIDNext = max(c.UIDNext, box.UIDNext)
		c.HighestModSeq = max(c.HighestModSeq, box.HighestModSeq)
		same := c.Messages == box.Messages && c.Unseen == box.Unseen && c.DeletedCount == box.DeletedCount && c.Size == box.Size
		if same && c.UIDNext == box.UIDNext && c.HighestModSeq == box.HighestModSeq {
			continue
		}
		f.problem(func(e *edit) {
			if m := e.box(id); m != nil {
				m.Messages, m.Unseen, m.DeletedCount, m.Size, m.UIDNext = c.Messages, c.Unseen, c.DeletedCount, c.Size, c.UIDNext
			}
		}, "mailbox %s says %s and has %s", box.Name, box.figures(), c.figures())
		f.modseq = max(f.modseq, c.HighestModSeq)
	}
	if q := f.state.quota; q.Bytes != f.used.Bytes || q.Messages != f.used.Messages {
		f.problem(func(e *edit) { e.next.state.quota.Bytes, e.next.state.quota.Messages = f.used.Bytes, f.used.Messages },
			"the account is said to use %d octets in %d emails and uses %d in %d", q.Bytes, q.Messages, f.used.Bytes, f.used.Messages)
	}
	if f.email >= f.state.nextEmail {
		f.problem(func(e *edit) { e.next.state.nextEmail = max(e.next.state.nextEmail, f.email+1) },
			"email %d has a number that was not given yet", f.email)
	}
	if f.modseq > f.state.modseq {
		f.problem(func(e *edit) { e.raise(f.modseq) }, "a message changed at %d and the account at %d last", f.modseq, f.state.modseq)
	}
	return nil
}

func (m *Mailbox) figures() string {
	return fmt.Sprintf("%d messages (%d unseen, %d deleted, %d octets), next UID %d, modseq %d",
		m.Messages, m.Unseen, m.DeletedCount, m.Size, m.UIDNext, m.HighestModSeq)
}

// raise makes the commit's modseq higher than one that should not be there.
func (e *edit) raise(above ModSeq) {
	e.modseq = max(e.modseq, above+1)
	e.next.state.pruned = e.modseq - 1 // the log has a gap
}

// logRows checks that the change log tells of every commit that it should.
func (f *finder) logRows(r kv.Reader) error {
	next := f.state.pruned + 1
	var gap ModSeq // the last commit that the log does not tell of
	err := r.Scan(f.id, []byte{keyChange}, []byte{keyChange + 1}, kv.ScanOptions{}, func(key, row []byte) error {
		at := ModSeq(binary.BigEndian.Uint64(append(bytes.Clone(key[1:]), make([]byte, 8)...)))
		_, err := readLog(row, func(MailboxID, bool, []UIDRange, []tombstone) {})
		switch {
		case err != nil || len(key) != 9:
			gap = at
		case at > next:
			gap = at - 1
		}
		next = max(next, at+1)
		return nil
	})
	if next <= f.state.modseq {
		gap = f.state.modseq
	}
	if gap > 0 && err == nil {
		f.problem(func(e *edit) {
			e.next.state.pruned = max(e.next.state.pruned, min(gap, e.modseq-1))
			e.b.DeleteRange(e.a.id, []byte{keyChange}, changeKey(gap+1))
		}, "the change log does not tell of commit %d", gap)
	}
	return err
}

// grantRows compares access control lists with the list of what is shared.
func (f *finder) grantRows(r kv.Reader) error {
	return r.Scan(f.id, []byte{keyRight}, []byte{keyRight + 1}, kv.ScanOptions{}, func(key, val []byte) error {
		if len(key) < 7 || len(val) != 2 || f.boxes[mailboxOf(key)] == nil {
			f.drop(key, "rights to a mailbox that is not there (%x)", key[1:])
			return nil
		}
		if key[5] != 0 {
			return nil // negative: not in the list
		}
		shared := grantKey(Grantee(key[6:]), f.id, mailboxOf(key))
		if _, ok, err := r.Get(kv.Accounts, shared); err != nil || ok {
			return err
		}
		f.put(kv.Accounts, slices.Clone(shared), nil, "mailbox %d is shared and not listed as such", mailboxOf(key))
		return nil
	})
}

// entryRows looks for annotations of mailboxes that are not there.
func (f *finder) entryRows(r kv.Reader) error {
	return r.Scan(f.id, []byte{keyEntry}, []byte{keyEntry + 1}, kv.ScanOptions{}, func(key, _ []byte) error {
		if id, _, err := entryOf(key); err != nil || id != 0 && f.boxes[id] == nil {
			f.drop(key, "an annotation of a mailbox that is not there, or with no name (%x)", key[1:])
		}
		return nil
	})
}
