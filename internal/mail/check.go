package mail

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"tem/internal/blob"
	"tem/internal/kv"
)

// Problem is something in the store that contradicts something else.
type Problem struct {
	Account  kv.Part // 0: of no account
	Text     string
	Repaired bool
	Lost     bool // what is missing can't be made again from what is there
}

// CheckOptions shape a Check.
type CheckOptions struct {
	Repair bool
	Quick  bool // leave out reading every body to compare it with its hash
	Resume bool // go on where an interrupted check stopped
	Only   kv.Part
	// Problem is called for each, Progress now and then with how many messages
	// are done; both may be nil.
	Problem  func(Problem)
	Progress func(done, total int64)
}

// CheckResult sums a check up.
type CheckResult struct {
	Accounts, Messages, Bodies int64 // looked at
	Problems, Repaired, Lost   int64
}

var checkKey = []byte("check") // how far an interrupted check has come

// checker is one Check.
type checker struct {
	s      *Store
	o      CheckOptions
	result CheckResult
	total  int64
}

// Check compares everything in the store with everything else: each row with
// those it refers to and is referred to by, totals with what they count, bodies
// with their hashes. The store may be in use meanwhile. With Repair, what can be
// derived is made right, in commits that check again under the account's lock. A
// store of format 1 is brought to the present one first.
// It goes account by account and notes how far it has come.
func (s *Store) Check(ctx context.Context, o CheckOptions) (CheckResult, error) {
	c := &checker{s: s, o: o}
	if s.old.Load() { // the server is not running, or is at it
		if err := s.migrate(ctx); err != nil {
			return c.result, fmt.Errorf("bring the store to the present format: %w", err)
		}
	}
	if err := c.listing(ctx); err != nil {
		return c.result, err
	}
	list, err := s.Registered(ctx)
	if err != nil {
		return c.result, err
	}
	if err := c.count(ctx, list); err != nil {
		return c.result, err
	}
	from, next, err := c.resume(ctx)
	if err != nil {
		return c.result, err
	}
	for _, g := range list {
		if g.ID < from || g.Doomed || o.Only != 0 && g.ID != o.Only {
			continue
		}
		if g.ID > from {
			next = nil
		}
		if err := c.account(ctx, g.ID, next); err != nil {
			return c.result, fmt.Errorf("check account %d: %w", g.ID, err)
		}
	}
	if o.Only != 0 {
		return c.result, nil
	}
	if err := c.bodies(ctx); err != nil {
		return c.result, fmt.Errorf("check bodies: %w", err)
	}
	b := new(kv.Batch)
	b.Delete(kv.System, checkKey)
	return c.result, internal(kv.Commit(ctx, s.KV, b))
}

// listing compares the list of accounts with the accounts that there are: with
// those that hold bodies, and with the states.
func (c *checker) listing(ctx context.Context) error {
	listed, holds := make(map[kv.Part]bool), make(map[kv.Part]bool)
	list, err := c.s.Registered(ctx)
	for _, g := range list {
		listed[g.ID] = true
	}
	if err != nil {
		return err
	}
	b := new(kv.Batch)
	err = c.s.view(ctx, func(r kv.Reader) error {
		if err := eachOwner(r, func(id kv.Part) { holds[id] = true }); err != nil {
			return err
		}
		maps.Copy(holds, listed)
		for _, id := range slices.Sorted(maps.Keys(holds)) {
			_, there, err := r.Get(id, stateKey)
			if err != nil {
				return err
			}
			switch {
			case there && !listed[id]:
				st, _ := readState(r, id)
				b.Set(kv.Accounts, accountKey(id), (&Registered{Pool: st.pool}).row())
				c.tell(Problem{Account: id, Repaired: c.o.Repair, Text: "the account is not listed"})
			case !there && listed[id]:
				b.Delete(kv.Accounts, accountKey(id))
				c.tell(Problem{Account: id, Repaired: c.o.Repair, Text: "the account is listed and is not there"})
			}
		}
		return nil
	})
	if err != nil || !c.o.Repair || len(b.Ops) == 0 {
		return err
	}
	return internal(kv.Commit(ctx, c.s.KV, b))
}

// eachOwner calls fn for the account of each reference to a body.
func eachOwner(r kv.Reader, fn func(kv.Part)) error {
	for n := range kv.Part(kv.BodyParts) {
		err := r.Scan(kv.FirstBodies+n, []byte{keyReference}, []byte{keyReference + 1}, kv.ScanOptions{}, func(key, _ []byte) error {
			if len(key) == 33 {
				fn(kv.Part(binary.BigEndian.Uint64(key[17:])))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// count adds up how many messages there are to look at.
func (c *checker) count(ctx context.Context, list []Registered) error {
	return c.s.view(ctx, func(r kv.Reader) error {
		for _, g := range list {
			if c.o.Only != 0 && g.ID != c.o.Only {
				continue
			}
			boxes, err := readMailboxes(r, g.ID)
			if err != nil {
				continue // told of when the account is looked at
			}
			for i := range boxes {
				c.total += int64(boxes[i].Messages)
			}
		}
		return nil
	})
}

// resume reads where to go on: an account, and a key of a message of it.
func (c *checker) resume(ctx context.Context) (from kv.Part, next []byte, err error) {
	if !c.o.Resume {
		return 0, nil, nil
	}
	err = c.s.view(ctx, func(r kv.Reader) error {
		row, ok, err := r.Get(kv.System, checkKey)
		if err != nil || !ok {
			return err
		}
		d := &decoder{b: row}
		from, next = kv.Part(d.uint()), append([]byte(nil), d.bytes()...)
		return d.err
	})
	return from, next, err
}

func (c *checker) progress() {
	if c.o.Progress != nil {
		c.o.Progress(min(c.result.Messages, c.total), c.total)
	}
}

// reached notes how far the check has come; that of one account is not noted,
// so that it leaves alone what another check can go on from.
func (c *checker) reached(ctx context.Context, id kv.Part, next []byte) error {
	c.progress()
	if c.o.Only != 0 {
		return nil
	}
	b := new(kv.Batch)
	b.Set(kv.System, checkKey, appendBytes(binary.AppendUvarint(nil, uint64(id)), next))
	return internal(kv.Commit(ctx, c.s.KV, b))
}

func (c *checker) tell(p Problem) {
	c.result.Problems++
	if p.Repaired {
		c.result.Repaired++
	}
	if p.Lost {
		c.result.Lost++
	}
	if c.o.Problem != nil {
		c.o.Problem(p)
	}
}

// fixesMost is about how many repairs one commit makes.
const fixesMost = 10000

// account checks the rows of one account, then its bodies from next on.
func (c *checker) account(ctx context.Context, id kv.Part, next []byte) error {
	if next == nil {
		if err := c.reached(ctx, id, nil); err != nil {
			return err
		}
		if err := c.rows(ctx, id); err != nil {
			return err
		}
		next = []byte{keyMeta}
	}
	c.result.Accounts++
	for next != nil {
		var err error
		if next, err = c.hashes(ctx, id, next); err != nil {
			return err
		}
		if err := c.reached(ctx, id, next); err != nil {
			return err
		}
	}
	if err := c.vault(ctx, id); err != nil || c.o.Quick {
		return err
	}
	return c.text(ctx, id)
}

// text compares the text index with the messages; a wrong one is made anew.
func (c *checker) text(ctx context.Context, id kv.Part) error {
	missing := 0
	err := c.s.CheckIndex(ctx, id, func(EmailID) error { missing++; return nil })
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil && missing == 0:
		return nil
	}
	p := Problem{Account: id, Text: fmt.Sprintf("the text index does not find %d emails by all of their words", missing)}
	if err != nil {
		p.Text = fmt.Sprintf("the text index can't be read: %v", err)
	}
	if c.o.Repair {
		err := c.s.RebuildIndex(ctx, id)
		if p.Repaired = err == nil; err != nil {
			p.Text += fmt.Sprintf("; making it anew: %v", err)
		}
	}
	c.tell(p)
	return nil
}

// roundsMost bounds how often an account is gone over to repair it. Each round
// mends one kind of thing, which those after it rest on.
const roundsMost = 100

// rows checks an account's rows, and with Repair goes on until nothing is left
// that can be repaired.
func (c *checker) rows(ctx context.Context, id kv.Part) error {
	if !c.o.Repair {
		f := &finder{s: c.s, id: id}
		err := c.s.view(ctx, func(r kv.Reader) error { return f.find(ctx, r) })
		c.tellAll(f.found, false)
		return err
	}
	for range roundsMost {
		found, err := c.repair(ctx, id)
		if err != nil {
			return err
		}
		if !fixable(found) {
			c.tellAll(found, false)
			break
		}
		c.tellAll(found, true)
	}
	c.s.pools.forget()
	return nil
}

// tellAll tells of those findings that were repaired, or of those that can't be
// or were not to be.
func (c *checker) tellAll(found []finding, repaired bool) {
	for _, p := range found {
		if p.Repaired = repaired && p.fix != nil; p.Repaired == repaired {
			c.tell(p.Problem)
		}
	}
}

func fixable(found []finding) bool {
	return slices.ContainsFunc(found, func(f finding) bool { return f.fix != nil })
}

// repair makes one round.
func (c *checker) repair(ctx context.Context, id kv.Part) (found []finding, err error) {
	err = c.s.update(ctx, []kv.Part{id}, func(_ *kv.Batch, edits []*edit) error {
		e := edits[0]
		if err := e.settle(ctx); err != nil {
			return err
		}
		f := &finder{s: c.s, id: id, most: fixesMost}
		err := c.s.view(ctx, func(r kv.Reader) error { return f.find(ctx, r) })
		if found = f.found; err == nil {
			e.repair(found)
		}
		return err
	})
	return found, err
}

// repair applies what finds suggest.
func (e *edit) repair(found []finding) {
	for _, p := range found {
		if p.fix != nil {
			e.dirty, e.reload = true, true
			p.fix(e)
		}
	}
}

// hashChunk is how many messages are looked at between two notes of progress.
const hashChunk = 500

// hashes compares the bodies of the next messages with what is known of them,
// and returns where to go on, nil at the end.
func (c *checker) hashes(ctx context.Context, id kv.Part, from []byte) (next []byte, err error) {
	var list []embodied
	err = c.s.view(ctx, func(r kv.Reader) error {
		return r.Scan(id, from, []byte{keyMeta + 1}, kv.ScanOptions{Limit: hashChunk}, func(key, row []byte) error {
			next = append(append([]byte(nil), key...), 0)
			b := embodied{key: next[:len(key)], what: fmt.Sprintf("mailbox %d, uid %d", mailboxOf(key), uidOf(key))}
			if b.meta.decode(uidOf(key), bytes.Clone(row)) == nil { // else it was told of
				list = append(list, b)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return next, c.eachBody(ctx, id, list, func() {
		c.result.Messages++
		if !c.o.Quick {
			c.result.Bodies++
		}
	})
}

// vault does the same for what can be brought back.
func (c *checker) vault(ctx context.Context, id kv.Part) error {
	var list []embodied
	err := c.s.view(ctx, func(r kv.Reader) error {
		return r.Scan(id, []byte{keyVault}, []byte{keyVault + 1}, kv.ScanOptions{}, func(key, row []byte) error {
			key = bytes.Clone(key)
			if b, err := decodeBuried(key, bytes.Clone(row)); err == nil { // else it was told of
				list = append(list, embodied{key, fmt.Sprintf("email %d in the vault", b.Email), b.Meta})
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return c.eachBody(ctx, id, list, func() {})
}

// embodied is something that has a body: the key of its row, what it is, and
// what is known of the body.
type embodied struct {
	key  []byte
	what string
	meta Meta
}

func (c *checker) eachBody(ctx context.Context, id kv.Part, list []embodied, next func()) error {
	for i := range list {
		next()
		if err := c.body(ctx, id, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

// body compares one body with what is known of it.
func (c *checker) body(ctx context.Context, id kv.Part, b *embodied) error {
	c.progress()
	m := &b.meta
	lost := func(format string, args ...any) {
		if c.stillThere(ctx, id, b.key) {
			c.tell(Problem{Account: id, Lost: true, Text: fmt.Sprintf("%s, body %s: ", b.what, m.Body) + fmt.Sprintf(format, args...)})
		}
	}
	r, err := c.s.OpenBody(ctx, m.Body)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		lost("it can't be opened: %v", err)
		return nil
	}
	defer r.Close()
	if r.Size() != m.Size {
		lost("it has %d octets, its message says %d", r.Size(), m.Size)
		return nil
	}
	if c.o.Quick {
		return nil
	}
	switch sum, err := hashOctets(r); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		lost("it can't be read: %v", err)
	case sum != m.SHA256:
		lost("its SHA-256 is %x, its message says %x", sum, m.SHA256)
	case b.key[0] == keyMeta:
		return c.fields(ctx, id, b, r)
	}
	return nil
}

// fields compares what is kept of a header with the header.
func (c *checker) fields(ctx context.Context, id kv.Part, b *embodied, r blob.Reader) error {
	rows, err := c.present(ctx, id, b.key, append([]byte{keyFields}, b.key[1:]...))
	if err != nil || rows[0] == nil || rows[1] == nil && b.meta.Shape&ShapeFields == 0 {
		return err // of before there were such rows, or removed meanwhile
	}
	m := b.meta
	if m.fields, err = fieldsOf(r, &m); err != nil || bytes.Equal(m.fieldsRow(), rows[1]) {
		return err
	}
	p := Problem{Account: id, Text: b.what + ": what is kept of its header is not what its body has"}
	if c.o.Repair {
		err = c.putFields(ctx, id, b.key, rows, &m)
		p.Repaired = err == nil
	}
	if errors.Is(err, kv.ErrConflict) { // it was removed meanwhile
		return nil
	}
	c.tell(p)
	return internal(err)
}

// putFields writes m's row of fields; rows are its metadata and the row that it had.
func (c *checker) putFields(ctx context.Context, id kv.Part, key []byte, rows [][]byte, m *Meta) error {
	fix, fields := new(kv.Batch), append([]byte{keyFields}, key[1:]...)
	fix.Assert(id, key, rows[0])
	fix.Assert(id, fields, rows[1])
	if m.fields != nil {
		fix.Set(id, fields, m.fieldsRow())
	} else {
		fix.Delete(id, fields)
	}
	if has := m.fields != nil; has != (m.Shape&ShapeFields != 0) {
		m.Shape ^= ShapeFields
		fix.Set(id, key, m.append(nil))
	}
	return kv.Commit(ctx, c.s.KV, fix)
}

// present reads rows of an account as they are now.
func (c *checker) present(ctx context.Context, id kv.Part, keys ...[]byte) (rows [][]byte, err error) {
	err = c.s.view(ctx, func(r kv.Reader) error {
		rows, err = present(r, id, keys)
		return err
	})
	return rows, err
}

// stillThere tells damage from a message that was removed, and swept, meanwhile.
func (c *checker) stillThere(ctx context.Context, id kv.Part, key []byte) (there bool) {
	err := c.s.view(ctx, func(r kv.Reader) (err error) {
		_, there, err = r.Get(id, key)
		return err
	})
	return there || err != nil
}

// bodies checks the other way round: what refers to bodies, and bodies that
// nothing refers to.
func (c *checker) bodies(ctx context.Context) error {
	var errs []error
	for n := range kv.Part(kv.BodyParts) {
		errs = append(errs, c.bodyPart(ctx, kv.FirstBodies+n))
	}
	return errors.Join(errs...)
}

// stale is a row of a body partition with nothing behind it.
type stale struct {
	key []byte
	id  blob.ID
}

func (c *checker) bodyPart(ctx context.Context, p kv.Part) error {
	var dangling, leaked []stale
	err := c.s.view(ctx, func(r kv.Reader) (err error) {
		if dangling, err = danglingReferences(r, p); err != nil {
			return err
		}
		leaked, err = leakedBodies(r, p)
		return err
	})
	if err != nil {
		return err
	}
	b := new(kv.Batch)
	for _, d := range dangling {
		b.Assert(p, d.key, []byte{})
		b.Delete(p, d.key)
		b.Set(p, garbageKey(dayOf(c.s.Now()), d.id), nil)
	}
	for _, d := range leaked {
		b.Set(p, garbageKey(dayOf(c.s.Now()), d.id), nil)
	}
	if c.o.Repair && len(b.Ops) > 0 {
		if err := kv.Commit(ctx, c.s.KV, b); err != nil {
			return err
		}
	}
	for _, d := range dangling {
		c.tell(Problem{Repaired: c.o.Repair, Text: fmt.Sprintf("body %s: a reference from something that is not there", d.id)})
	}
	for _, d := range leaked {
		c.tell(Problem{Repaired: c.o.Repair, Text: fmt.Sprintf("body %s: nothing refers to it and it was never let go of", d.id)})
	}
	return nil
}

// danglingReferences are those of emails that are in no mailbox and not in the vault.
func danglingReferences(r kv.Reader, p kv.Part) (found []stale, err error) {
	vaults := make(map[kv.Part]map[EmailID]bool)
	err = r.Scan(p, []byte{keyReference}, []byte{keyReference + 1}, kv.ScanOptions{}, func(key, _ []byte) error {
		if len(key) != 33 {
			return nil // another package's
		}
		owner := key[17:]
		id, email := kv.Part(binary.BigEndian.Uint64(owner)), EmailID(binary.BigEndian.Uint64(owner[8:]))
		used, err := hasInstance(r, id, email)
		if used || err != nil {
			return err
		}
		if vaults[id] == nil {
			if vaults[id], err = buriedEmails(r, id); err != nil {
				return err
			}
		}
		if !vaults[id][email] {
			found = append(found, stale{append([]byte(nil), key...), blob.ID(key[1:17])})
		}
		return nil
	})
	return found, err
}

// hasInstance reports whether an email is in a mailbox.
func hasInstance(r kv.Reader, id kv.Part, email EmailID) (yes bool, err error) {
	lo := emailPrefix(email)
	err = r.Scan(id, lo, after(lo), kv.ScanOptions{Limit: 1}, func(_, _ []byte) error {
		yes = true
		return nil
	})
	return yes, err
}

// buriedEmails are those in the vault.
func buriedEmails(r kv.Reader, id kv.Part) (map[EmailID]bool, error) {
	buried := make(map[EmailID]bool)
	err := r.Scan(id, []byte{keyVault}, []byte{keyVault + 1}, kv.ScanOptions{}, func(key, _ []byte) error {
		if len(key) == 17 {
			buried[EmailID(binary.BigEndian.Uint64(key[9:]))] = true
		}
		return nil
	})
	return buried, err
}

// leakedBodies are bodies without a reference that no row tells the sweeper of.
func leakedBodies(r kv.Reader, p kv.Part) (found []stale, err error) {
	held := make(map[blob.ID]bool)
	note := func(from int) func(key, _ []byte) error {
		return func(key, _ []byte) error {
			held[blob.ID(key[from:from+16])] = true
			return nil
		}
	}
	if err := r.Scan(p, []byte{keyReference}, []byte{keyReference + 1}, kv.ScanOptions{}, note(1)); err != nil {
		return nil, err
	}
	if err := r.Scan(p, []byte{keyGarbage}, []byte{keyGarbage + 1}, kv.ScanOptions{}, note(3)); err != nil {
		return nil, err
	}
	err = r.Scan(p, []byte{keyBody}, []byte{keyBody + 1}, kv.ScanOptions{Keys: true}, func(key, _ []byte) error {
		if id := blob.ID(key[1:17]); !held[id] {
			found = append(found, stale{append([]byte(nil), key...), id})
		}
		return nil
	})
	return found, err
}
