package directory

import (
	"context"
	"sync/atomic"
	"time"

	"tem/internal/address"
	"tem/internal/kv"
)

// Pass is the right of one session to act for an account. It is over, for good,
// once the account is disabled or removed or gets another password.
type Pass struct {
	directory *Directory
	key       string  // of the address
	id        kv.Part // of the account
	since     uint64  // the version of the directory that its login began with
	over      atomic.Bool
	told      func() // nil: nobody
}

// Over costs next to nothing, so that it can be asked before each command. The
// session of nobody (nil) goes on.
func (p *Pass) Over() bool { return p != nil && p.over.Load() }

// End forgets a pass that is needed no more; nil is none.
func (p *Pass) End() {
	if p == nil {
		return
	}
	d := p.directory
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.passes[p.key], p)
	if len(d.passes[p.key]) == 0 {
		delete(d.passes, p.key)
	}
}

// Version is the number of changes so far. It is asked before a login is
// looked at: Admit must know of a change while that lasts, which is as long as a
// client likes.
func (d *Directory) Version(ctx context.Context) (version uint64, err error) {
	err = d.look(ctx, func(x *index) error {
		version = x.version
		return nil
	})
	return version, err
}

// Admit returns the account of exactly this address and the right to act for it
// after a login that began with version since; ErrNotFound also if there is no such right.
// told (nil: nobody) is called once when the right ends before End: it must not
// block, and must not call the directory.
func (d *Directory) Admit(ctx context.Context, a address.Address, since uint64, told func()) (Account, *Pass, error) {
	acc, err := d.Account(ctx, a)
	if err != nil {
		return Account{}, nil, err
	}
	p := &Pass{directory: d, key: key(a), id: acc.ID, since: since, told: told}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.index.admits(p) {
		return Account{}, nil, problemf(ErrNotFound, "%s: the account has changed since the login began", show(a))
	}
	if d.passes[p.key] == nil {
		d.passes[p.key] = map[*Pass]struct{}{}
	}
	d.passes[p.key][p] = struct{}{}
	return acc, p, nil
}

func (x *index) admits(p *Pass) bool {
	acc, ok := x.accounts[p.key]
	return ok && acc.ID == p.id && !acc.Disabled && acc.secretSince <= p.since
}

// recall ends what passes of an address the index admits no more; its caller holds mu.
func (d *Directory) recall(key string) {
	for p := range d.passes[key] {
		if !d.index.admits(p) && !p.over.Swap(true) && p.told != nil {
			p.told()
		}
	}
}

// followEvery is how late a change by another process may end a session here.
const followEvery = 2 * time.Second

// Run hears of what other processes change, where they share the rows, until ctx
// ends, and returns why. Nothing else depends on it: each look-up sees for itself.
func (d *Directory) Run(ctx context.Context) error {
	if !d.shared {
		<-ctx.Done()
		return ctx.Err()
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			d.follow(ctx) // where the rows can't be read now, the next time will do
		}
	}
}
