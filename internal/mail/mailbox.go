package mail

import (
	"cmp"
	"context"
	"slices"
	"strings"

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

// Mailbox returns the mailbox of that name.
func (a *Account) Mailbox(ctx context.Context, name string) (Mailbox, error) {
	name, err := canonical(name)
	if err != nil {
		return Mailbox{}, err
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

// MailboxByID returns a mailbox as it is now.
func (a *Account) MailboxByID(ctx context.Context, id MailboxID) (m Mailbox, err error) {
	err = a.read(ctx, func(r kv.Reader) error {
		if m, err = readMailbox(r, a.id, id); err != nil {
			return err
		}
		_, m.Subscribed, err = r.Get(a.id, subscribeKey(m.Name))
		return err
	})
	return m, err
}

// update is Store.update for one account.
func (a *Account) update(ctx context.Context, build func(e *edit) error) error {
	return a.s.update(ctx, []kv.Part{a.id}, func(_ *kv.Batch, edits []*edit) error { return build(edits[0]) })
}

// Create makes a mailbox and the levels above it that do not exist.
func (a *Account) Create(ctx context.Context, name, specialUse string) (made Mailbox, err error) {
	name, err = canonical(strings.TrimSuffix(name, "/")) // RFC 9051 §6.3.4: a trailing separator only declares intent
	if err != nil {
		return made, err
	}
	err = a.update(ctx, func(e *edit) error {
		e.next = e.next.clone()
		if _, ok := e.next.names[name]; ok {
			return fail(Exists, "mailbox %s already exists", name)
		}
		m, err := e.create(name)
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

// specialUses are the roles a mailbox can be created with (RFC 6154 §2).
var specialUses = []string{"", `\Archive`, `\Drafts`, `\Junk`, `\Sent`, `\Trash`}

func (e *edit) use(m *Mailbox, use string) error {
	i := slices.IndexFunc(specialUses, func(s string) bool { return strings.EqualFold(s, use) })
	if i < 0 {
		return fail(Invalid, "%q is no special use", use)
	}
	for _, other := range e.next.boxes {
		if i > 0 && e.boxes[other.ID] != m && other.SpecialUse == specialUses[i] {
			return fail(Exists, "mailbox %s already has the special use %s", other.Name, use)
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
		e.dirty = true
	}
	return m, nil
}

// Delete removes a mailbox and its messages. Mailboxes below it stay: their
// names imply a parent that can't be selected.
func (a *Account) Delete(ctx context.Context, name string) error {
	name, err := canonical(name)
	if err != nil {
		return err
	}
	if name == inbox { // RFC 9051 §6.3.5
		return fail(Invalid, "INBOX can't be deleted")
	}
	return a.update(ctx, func(e *edit) error {
		e.next = e.next.clone()
		id, ok := e.next.names[name]
		if !ok {
			return noMailbox(name, a.id)
		}
		box := e.box(id)
		err := e.eachMessage(ctx, box, nil, func(m *Meta, i Item) error {
			e.remove(box, m, i.Flags)
			return nil
		})
		delete(e.next.names, name)
		e.boxes[id] = nil
		return err
	})
}

// Rename gives a mailbox and those below it another name. INBOX stays, and its
// messages move to the new mailbox (RFC 9051 §6.3.6).
func (a *Account) Rename(ctx context.Context, from, to string) error {
	from, err := canonical(from)
	if err != nil {
		return err
	}
	if to, err = canonical(strings.TrimSuffix(to, "/")); err != nil {
		return err
	}
	return a.update(ctx, func(e *edit) error {
		e.next = e.next.clone()
		id, ok := e.next.names[from]
		if !ok && !e.hasChildren(from) {
			return noMailbox(from, a.id)
		}
		if _, taken := e.next.names[to]; taken {
			return fail(Exists, "mailbox %s already exists", to)
		}
		if strings.HasPrefix(to, from+"/") && from != inbox {
			return fail(Invalid, "%s can't be moved below itself", from)
		}
		if from == inbox {
			return e.renameInbox(ctx, id, to)
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

func (e *edit) renameInbox(ctx context.Context, id MailboxID, to string) error {
	dst, err := e.create(to)
	if err != nil {
		return err
	}
	_, err = e.transfer(ctx, e.box(id), dst, nil, true)
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
