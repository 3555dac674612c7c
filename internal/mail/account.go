package mail

import (
	"container/list"
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"tem/internal/bus"
	"tem/internal/kv"
)

// maxIdle is how many accounts that nobody uses stay in memory.
const maxIdle = 4096

// Account is one account's mail. It is safe for concurrent use.
type Account struct {
	s  *Store
	id kv.Part
}

// Account returns the mail of one account; mailboxes are made at first use
// (INBOX, Drafts, Sent, Junk, Trash, Archive with their special uses).
func (s *Store) Account(id kv.Part) *Account { return &Account{s, id} }

// account is the cached state of one account.
type account struct {
	id   kv.Part
	uses int           // guarded by Store.mu
	idle *list.Element // in Store.idle; guarded by Store.mu

	mu     sync.Mutex // held over "read the cache, build a batch, Submit"
	cache  *cache     // nil: to be loaded; includes what was submitted but is not yet durable
	last   kv.Pending // the latest batch submitted; nil when none
	flight []inFlight // what deliveries that are not yet durable are known by
	ids    *idFilter  // nil: not made yet

	arrivals int         // deliveries that looked for their threads without ids; guarded by mu
	exists   atomic.Bool // the account's rows are durable

	seenMu  sync.Mutex
	durable map[MailboxID]Mailbox // durable rows, for a cheap Changes
	at      map[MailboxID]ModSeq  // which commit each is from
}

// cache is the account's rows. A commit works on a copy that takes its place
// when it is submitted; mailboxes are immutable once in it.
type cache struct {
	row    []byte // of the state; nil: the account is new
	state  state
	listed bool // in kv.Accounts; only read with the rows of format 1
	boxes  map[MailboxID]*Mailbox
	names  map[string]MailboxID
	subs   map[string]bool
}

// acquire returns an account that stays in memory until released.
func (s *Store) acquire(id kv.Part) *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[id]
	if a == nil {
		a = &account{id: id, durable: make(map[MailboxID]Mailbox), at: make(map[MailboxID]ModSeq)}
		s.accounts[id] = a
	}
	if a.uses++; a.idle != nil {
		s.idle.Remove(a.idle)
		a.idle = nil
	}
	return a
}

func (s *Store) release(a *account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.uses--; a.uses > 0 {
		return
	}
	a.idle = s.idle.PushFront(a)
	if s.idle.Len() > maxIdle {
		old := s.idle.Remove(s.idle.Back()).(*account)
		delete(s.accounts, old.id)
	}
}

// load fills the cache from what is durable. The caller holds a.mu.
func (s *Store) load(ctx context.Context, a *account) error {
	if a.cache != nil {
		return nil
	}
	c := &cache{boxes: make(map[MailboxID]*Mailbox), names: make(map[string]MailboxID), subs: make(map[string]bool)}
	if err := s.view(ctx, func(r kv.Reader) error { return c.read(r, a.id) }); err != nil {
		return err
	}
	if c.row == nil {
		c.fill(s)
	} else {
		a.exists.Store(c.state.layout != layoutFirst)
	}
	a.cache = c
	return nil
}

func (c *cache) read(r kv.Reader, id kv.Part) error {
	row, ok, err := r.Get(id, stateKey)
	if err != nil || !ok {
		return err
	}
	c.row = append([]byte{}, row...)
	if c.state, err = decodeState(row); err != nil {
		return err
	}
	if c.state.layout == layoutFirst {
		if _, c.listed, err = r.Get(kv.Accounts, accountKey(id)); err != nil {
			return err
		}
	}
	boxes, err := readMailboxes(r, id)
	for i := range boxes {
		c.boxes[boxes[i].ID] = &boxes[i]
		c.names[boxes[i].Name] = boxes[i].ID
	}
	if err != nil {
		return err
	}
	return readSubscriptions(r, id, func(name string) { c.subs[name] = true })
}

func readMailboxes(r kv.Reader, id kv.Part) (boxes []Mailbox, err error) {
	err = r.Scan(id, []byte{keyMailbox}, []byte{keyMailbox + 1}, kv.ScanOptions{}, func(key, val []byte) error {
		m, err := decodeMailbox(key, val)
		boxes = append(boxes, m)
		return err
	})
	return boxes, err
}

func readSubscriptions(r kv.Reader, id kv.Part, fn func(name string)) error {
	return r.Scan(id, []byte{keySubscribe}, []byte{keySubscribe + 1}, kv.ScanOptions{}, func(key, _ []byte) error {
		fn(string(key[1:]))
		return nil
	})
}

// firstMailboxes are made with an account (RFC 6154 §2).
var firstMailboxes = [...]struct{ name, use string }{
	{inbox, ""}, {"Drafts", `\Drafts`}, {"Sent", `\Sent`},
	{"Junk", `\Junk`}, {"Trash", `\Trash`}, {"Archive", `\Archive`},
}

// fill makes a new account's state. UIDVALIDITY starts at the time in seconds,
// so that an account deleted and made again does not repeat one.
func (c *cache) fill(s *Store) {
	c.state = state{nextMailbox: 1, nextEmail: 1, nextValidity: uint32(s.Now().Unix()), layout: layoutNow}
	for _, f := range firstMailboxes {
		m := c.state.newMailbox(f.name, f.use)
		c.boxes[m.ID], c.names[m.Name], c.subs[m.Name] = m, m.ID, true
	}
}

func (s *state) newMailbox(name, use string) *Mailbox {
	m := &Mailbox{ID: s.nextMailbox, Name: name, SpecialUse: use, UIDValidity: s.nextValidity, UIDNext: 1}
	s.nextMailbox++
	s.nextValidity++
	return m
}

// clone is a copy for a commit to change.
func (c *cache) clone() *cache {
	n := *c
	n.boxes, n.names, n.subs = maps.Clone(c.boxes), maps.Clone(c.names), maps.Clone(c.subs)
	return &n
}

// ready makes the account's rows where they are missing.
func (a *Account) ready(ctx context.Context, acct *account) error {
	if acct.exists.Load() {
		return nil
	}
	// Another may be making them just now: what it has submitted must be durable to be read.
	return a.s.update(ctx, []kv.Part{a.id}, func(_ *kv.Batch, edits []*edit) error { return edits[0].settle(ctx) })
}

// read runs fn on a snapshot in which the account exists.
func (a *Account) read(ctx context.Context, fn func(kv.Reader) error) error {
	acct := a.s.acquire(a.id)
	defer a.s.release(acct)
	if err := a.ready(ctx, acct); err != nil {
		return err
	}
	return a.s.view(ctx, fn)
}

// noteDurable keeps mailboxes as they are after a durable commit.
func (a *account) noteDurable(m ModSeq, boxes map[MailboxID]*Mailbox) {
	a.seenMu.Lock()
	defer a.seenMu.Unlock()
	for id, box := range boxes {
		if m <= a.at[id] {
			continue
		}
		a.at[id] = m
		if box == nil {
			delete(a.durable, id)
		} else {
			a.durable[id] = *box
		}
	}
}

func (a *account) durableMailbox(id MailboxID) (Mailbox, bool) {
	a.seenMu.Lock()
	defer a.seenMu.Unlock()
	m, ok := a.durable[id]
	return m, ok
}

// Watch is a channel with at most one pending notice that the account has changed.
func (a *Account) Watch() (<-chan struct{}, func()) { return bus.Watch(a.s.Bus, a.id) }

// Notify has fn called whenever the account has changed, until stop has
// returned. fn may be called by any goroutine, by several at once and more often
// than there are changes; it must not block, and must not call Notify or stop.
// It costs about a hundred octets, and no goroutine.
func (a *Account) Notify(fn func()) (stop func()) { return a.s.Bus.Notify(a.id, fn) }

// Quota returns usage and limits.
func (a *Account) Quota(ctx context.Context) (q Quota, err error) {
	err = a.read(ctx, func(r kv.Reader) error {
		row, _, err := r.Get(a.id, stateKey)
		if err != nil {
			return err
		}
		st, err := decodeState(row)
		q = st.quota
		return err
	})
	return q, err
}

// Quotas returns all that a new email of the account must fit into: its own
// quota and, if it shares one, that of its pool.
func (a *Account) Quotas(ctx context.Context) (list []Quota, err error) {
	st, err := a.state(ctx)
	if list = []Quota{st.quota}; err == nil && st.pool != "" {
		list = append(list, a.s.pools.figures(st.pool))
	}
	return list, err
}

// state is the account's state: in one process as the last commit submitted made it, else as it is stored.
func (a *Account) state(ctx context.Context) (st state, err error) {
	if st, ok := a.cached(); ok {
		return st, nil
	}
	err = a.read(ctx, func(r kv.Reader) (err error) {
		st, err = readState(r, a.id)
		return err
	})
	return st, err
}

// cached is the state without the store; ok is false where another process may have changed it, or it is not here.
func (a *Account) cached() (st state, ok bool) {
	if a.s.Shared {
		return st, false
	}
	acct := a.s.acquire(a.id)
	defer a.s.release(acct)
	acct.mu.Lock()
	defer acct.mu.Unlock()
	if acct.cache == nil {
		return st, false
	}
	return acct.cache.state, true
}

// Pool returns the name of the pool whose quota the account shares, "" for none.
func (a *Account) Pool(ctx context.Context) (name string, err error) {
	err = a.read(ctx, func(r kv.Reader) error {
		st, err := readState(r, a.id)
		name = st.pool
		return err
	})
	return name, err
}

// SetQuota sets an account's limits; 0 means none.
func (s *Store) SetQuota(ctx context.Context, id kv.Part, bytes, messages int64) error {
	if bytes < 0 || messages < 0 {
		return fail(Invalid, "a quota is not negative")
	}
	return s.update(ctx, []kv.Part{id}, func(b *kv.Batch, edits []*edit) error {
		q := &edits[0].next.state.quota
		q.BytesLimit, q.MessagesLimit = bytes, messages
		edits[0].dirty = true
		return nil
	})
}
