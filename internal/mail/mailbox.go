package mail

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"tem/internal/kv"
)

// Mailboxes returns all mailboxes by name, INBOX first.
func (a *Account) Mailboxes(ctx context.Context) (boxes []Mailbox, err error) {
	subs := make(map[string]bool)
	err = a.read(ctx, func(r kv.Reader) error {
		if boxes, err = readMailboxes(r, a.id); err != nil {
			return err
		}
		return readSubscriptions(r, a.id, func(name string) { subs[name] = true })
	})
	for i := range boxes {
		boxes[i].Subscribed = subs[boxes[i].Name]
	}
	slices.SortFunc(boxes, func(x, y Mailbox) int { return compareNames(x.Name, y.Name) })
	return boxes, err
}

func compareNames(x, y string) int {
	if (x == inbox) != (y == inbox) {
		if x == inbox {
			return -1
		}
		return 1
	}
	return cmp.Compare(x, y)
}

// Mailbox returns the mailbox of that name, or of its normal form if there is
// none (RFC 9051 §5.1).
func (a *Account) Mailbox(ctx context.Context, name string) (Mailbox, error) {
	name, err := canonical(name)
	if err != nil {
		return Mailbox{}, err
	}
	m, err := a.called(ctx, name)
	var e *Error
	if normal := norm.NFC.String(name); normal != name && errors.As(err, &e) && e.Kind == NotFound {
		return a.called(ctx, normal)
	}
	return m, err
}

// called finds a mailbox by exactly this name.
func (a *Account) called(ctx context.Context, name string) (Mailbox, error) {
	if a.s.Shared { // another process may know better than the cache
		return a.lookUp(ctx, name)
	}
	acct := a.s.acquire(a.id)
	defer a.s.release(acct)
	if err := a.ready(ctx, acct); err != nil {
		return Mailbox{}, err
	}
	id, err := a.resolve(ctx, acct, name)
	if err != nil {
		return Mailbox{}, err
	}
	return a.MailboxByID(ctx, id)
}

// lookUp finds a mailbox by name among what is stored.
func (a *Account) lookUp(ctx context.Context, name string) (Mailbox, error) {
	boxes, err := a.Mailboxes(ctx)
	if err != nil {
		return Mailbox{}, err
	}
	i := slices.IndexFunc(boxes, func(m Mailbox) bool { return m.Name == name })
	if i < 0 {
		return Mailbox{}, noMailbox(name, a.id)
	}
	return boxes[i], nil
}

// resolve finds a mailbox's id in the cache.
func (a *Account) resolve(ctx context.Context, acct *account, name string) (MailboxID, error) {
	acct.mu.Lock()
	defer acct.mu.Unlock()
	if err := a.s.load(ctx, acct); err != nil {
		return 0, err
	}
	id, ok := acct.cache.names[name]
	if !ok {
		return 0, noMailbox(name, a.id)
	}
	return id, nil
}

// MailboxByID returns a mailbox. Within one process it costs no reading once the
// mailbox has been read or changed.
func (a *Account) MailboxByID(ctx context.Context, id MailboxID) (m Mailbox, err error) {
	acct := a.s.acquire(a.id)
	defer a.s.release(acct)
	if box, ok := acct.durableMailbox(id); ok && !a.s.Shared {
		return box, nil
	}
	err = a.read(ctx, func(r kv.Reader) error {
		m, err = readMailbox(r, a.id, id)
		return err
	})
	if err == nil {
		acct.noteRead(m)
	}
	return m, err
}

// update is Store.update for one account.
func (a *Account) update(ctx context.Context, build func(e *edit) error) error {
	return a.s.update(ctx, []kv.Part{a.id}, func(_ *kv.Batch, edits []*edit) error { return build(edits[0]) })
}

// Create makes a mailbox and the levels above it that do not exist.
func (a *Account) Create(ctx context.Context, name, specialUse string) (made Mailbox, err error) {
	name, err = fresh(name)
	if err != nil {
		return made, err
	}
	err = a.update(ctx, func(e *edit) error {
		m, err := e.createNew(name)
		if err != nil {
			return err
		}
		if err := e.use(m, specialUse); err != nil {
			return err
		}
		made = *m
		made.HighestModSeq = e.modseq
		return nil
	})
	return made, err
}

// createNew makes a mailbox that must not exist, and the levels above it that do not.
func (e *edit) createNew(name string) (*Mailbox, error) {
	e.next = e.next.clone()
	if _, ok := e.next.names[name]; ok {
		return nil, fail(Exists, "mailbox %s already exists", name)
	}
	return e.create(name)
}

// CreateBelow is Create by somebody to whom a mailbox above is shared: what is
// made is shared as that is (RFC 4314 §4).
func (a *Account) CreateBelow(ctx context.Context, above MailboxID, name string) (made Mailbox, err error) {
	name, err = fresh(name)
	if err != nil {
		return made, err
	}
	err = a.update(ctx, func(e *edit) error {
		if _, err := e.mailbox(ctx, above); err != nil {
			return err
		}
		grants, err := e.grants(ctx, above)
		if err != nil {
			return err
		}
		m, err := e.createNew(name)
		if err != nil {
			return err
		}
		for id := range e.boxes {
			if e.a.cache.boxes[id] == nil { // with the levels between
				e.grantAll(id, grants)
			}
		}
		made = *m
		made.HighestModSeq = e.modseq
		return nil
	})
	return made, err
}

// SetUse gives a mailbox a special use, or takes it away ("", RFC 6154 §5.4).
// The mailbox that had it, whose name is returned ("": none), has it no more.
func (a *Account) SetUse(ctx context.Context, id MailboxID, use string) (former string, err error) {
	err = a.update(ctx, func(e *edit) error {
		if _, err := e.mailbox(ctx, id); err != nil {
			return err
		}
		e.entry(id).properties = true
		former = ""
		for _, other := range e.next.boxes {
			if use != "" && other.ID != id && strings.EqualFold(other.SpecialUse, use) {
				former = other.Name
				e.box(other.ID).SpecialUse = ""
				e.entry(other.ID).properties = true
			}
		}
		return e.use(e.box(id), use)
	})
	return former, err
}

// specialUses are the roles a mailbox can be created with (RFC 6154 §2, RFC 8457 §3).
var specialUses = []string{"", `\Archive`, `\Drafts`, `\Important`, `\Junk`, `\Sent`, `\Trash`}

func (e *edit) use(m *Mailbox, use string) error {
	i := slices.IndexFunc(specialUses, func(s string) bool { return strings.EqualFold(s, use) })
	if i < 0 {
		return fail(BadUse, "%q is no special use", use)
	}
	for _, other := range e.next.boxes {
		if now := e.boxes[other.ID]; now != nil {
			other = now
		}
		if i > 0 && other != m && other.SpecialUse == specialUses[i] {
			return fail(BadUse, "mailbox %s already has the special use %s", other.Name, use)
		}
	}
	m.SpecialUse = specialUses[i]
	return nil
}

// create makes a mailbox and the missing ones above it. e.next is a clone.
func (e *edit) create(name string) (m *Mailbox, err error) {
	for _, level := range append(parents(name), name) {
		if _, ok := e.next.names[level]; ok {
			continue
		}
		if len(e.next.names) >= maxMailboxes {
			return nil, fail(LimitReached, "an account has at most %d mailboxes", maxMailboxes)
		}
		m = e.next.state.newMailbox(level, "")
		e.boxes[m.ID] = m
		e.next.names[level] = m.ID
		e.entry(m.ID).properties = true
		e.dirty = true
	}
	return m, nil
}

// Delete removes a mailbox and its messages. Mailboxes below it stay: their
// names imply a parent that can't be selected. The mailbox is gone with the
// first commit; its messages follow, however many, in as many as it takes.
func (a *Account) Delete(ctx context.Context, name string) error {
	name, err := canonical(name)
	if err != nil {
		return err
	}
	if name == inbox { // RFC 9051 §6.3.5
		return fail(Invalid, "INBOX can't be deleted")
	}
	var doomed *Mailbox
	err = a.update(ctx, func(e *edit) error {
		e.next = e.next.clone()
		id, ok := e.next.names[name]
		if !ok {
			return noMailbox(name, a.id)
		}
		doomed = e.box(id)
		if err := e.unshare(ctx, id); err != nil {
			return err
		}
		e.forgetEntries(id)
		e.b.Set(a.id, mailboxRow(keyDoomed, id), doomed.append(nil))
		delete(e.next.names, name)
		e.boxes[id] = nil
		return nil
	})
	if err != nil {
		return err
	}
	return a.empty(ctx, doomed)
}

// empty removes the messages of a deleted mailbox, then forgets it.
func (a *Account) empty(ctx context.Context, box *Mailbox) error {
	for left := true; left; {
		err := a.tend(ctx, func(e *edit) error {
			victims, err := e.firstVictims(ctx, box.ID)
			if err != nil {
				return err
			}
			e.dirty = true
			if left = len(victims) > 0; !left {
				e.b.Delete(a.id, mailboxRow(keyDoomed, box.ID))
				return nil
			}
			return e.removeAll(ctx, removal{box, victims})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// firstVictims reads the first messages of a mailbox, a commit's worth.
func (e *edit) firstVictims(ctx context.Context, id MailboxID) ([]victim, error) {
	if err := e.settle(ctx); err != nil {
		return nil, err
	}
	var items []Item
	err := e.s.view(ctx, func(r kv.Reader) error {
		return scanItems(r, e.a.id, id, everyUID, func(i Item) error {
			if items = append(items, i); len(items) == e.s.chunks.remove {
				return kv.ErrStop
			}
			return nil
		})
	})
	if err != nil || len(items) == 0 {
		return nil, err
	}
	return e.victims(ctx, &Mailbox{ID: id}, items)
}

// readDoomed lists the mailboxes that were deleted and are not empty yet.
func readDoomed(r kv.Reader, account kv.Part) (doomed []Mailbox, err error) {
	err = r.Scan(account, []byte{keyDoomed}, []byte{keyDoomed + 1}, kv.ScanOptions{}, func(key, row []byte) error {
		m, err := decodeMailbox(key, row)
		doomed = append(doomed, m)
		return err
	})
	return doomed, err
}

// emptyDoomed goes on with deletions that a crash interrupted.
func (a *Account) emptyDoomed(ctx context.Context) error {
	var doomed []Mailbox
	err := a.s.view(ctx, func(r kv.Reader) (err error) {
		doomed, err = readDoomed(r, a.id)
		return err
	})
	for i := range doomed {
		if err != nil {
			break
		}
		err = a.empty(ctx, &doomed[i])
	}
	return err
}

// Rename gives a mailbox and those below it another name. INBOX stays, and its
// messages move to the new mailbox (RFC 9051 §6.3.6).
func (a *Account) Rename(ctx context.Context, from, to string) error {
	from, err := canonical(from)
	if err != nil {
		return err
	}
	if to, err = fresh(to); err != nil {
		return err
	}
	if from == inbox {
		return a.renameInbox(ctx, to)
	}
	return a.update(ctx, func(e *edit) error {
		e.next = e.next.clone()
		if _, ok := e.next.names[from]; !ok && !e.hasChildren(from) {
			return noMailbox(from, a.id)
		}
		if _, taken := e.next.names[to]; taken {
			return fail(Exists, "mailbox %s already exists", to)
		}
		if strings.HasPrefix(to, from+"/") {
			return fail(Invalid, "%s can't be moved below itself", from)
		}
		return e.rename(from, to)
	})
}

func (e *edit) hasChildren(name string) bool {
	for n := range e.next.names {
		if strings.HasPrefix(n, name+"/") {
			return true
		}
	}
	return false
}

// renameInbox makes the new mailbox and moves to it what INBOX holds now.
func (a *Account) renameInbox(ctx context.Context, to string) error {
	if _, err := a.Create(ctx, to, ""); err != nil {
		return err
	}
	box, err := a.Mailbox(ctx, inbox)
	if err != nil {
		return err
	}
	_, items, err := a.List(ctx, box.ID)
	if err != nil {
		return err
	}
	_, err = a.Move(ctx, box.ID, uidsOf(items), to)
	return err
}

// rename changes the names; the missing levels above the new one are made.
func (e *edit) rename(from, to string) error {
	if up := parents(to); len(up) > 0 {
		if _, err := e.create(up[len(up)-1]); err != nil {
			return err
		}
	}
	for _, old := range e.family(from) {
		name, err := canonical(to + strings.TrimPrefix(old, from))
		if err != nil {
			return err
		}
		if _, taken := e.next.names[name]; taken {
			return fail(Exists, "mailbox %s already exists", name)
		}
		id := e.next.names[old]
		delete(e.next.names, old)
		e.next.names[name] = id
		e.box(id).Name = name
		e.entry(id).properties = true
	}
	return nil
}

// family is a name, if it exists, and all below it, in order.
func (e *edit) family(name string) (list []string) {
	for n := range e.next.names {
		if n == name || strings.HasPrefix(n, name+"/") {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

// Subscribe adds or removes a name, whether or not such a mailbox exists.
func (a *Account) Subscribe(ctx context.Context, name string, on bool) error {
	name, err := canonical(name)
	if err != nil {
		return err
	}
	return a.update(ctx, func(e *edit) error {
		if e.next.subs[name] == on {
			return nil
		}
		e.next = e.next.clone()
		e.dirty = true
		if id, ok := e.next.names[name]; ok {
			e.box(id)
			e.entry(id).properties = true
		}
		if !on {
			delete(e.next.subs, name)
			e.b.Delete(a.id, subscribeKey(name))
			return nil
		}
		if len(e.next.subs) >= maxMailboxes {
			return fail(LimitReached, "an account has at most %d subscriptions", maxMailboxes)
		}
		e.next.subs[name] = true
		e.b.Set(a.id, subscribeKey(name), nil)
		return nil
	})
}

// Subscriptions returns the subscribed names, INBOX first.
func (a *Account) Subscriptions(ctx context.Context) (names []string, err error) {
	err = a.read(ctx, func(r kv.Reader) error {
		return readSubscriptions(r, a.id, func(name string) { names = append(names, name) })
	})
	slices.SortFunc(names, compareNames)
	return names, err
}
