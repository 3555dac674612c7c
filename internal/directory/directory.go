// Package directory knows who there is: domains and the keys that sign for
// them, people, aliases, groups and their credentials, in rows of the store.
//
// Invariant: secrets leave it only to those who work with them: it answers whether
// a password is right, gives SCRAM secrets to sasl and keys to who signs; no
// error of it quotes a password or a key, and nothing it returns prints one.
//
// Every change is one commit that asserts and raises the directory's version
// row, so that changes form one line whoever makes them. Look-ups are answered
// from an index in memory; where other processes share the rows, it is known to be current by that row. (Credentials
// are not in the index; what a login adds to them is no such change.) The package
// starts no goroutine that outlives a call.
package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"tem/internal/address"
	"tem/internal/kv"
	"tem/internal/sasl"
)

var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
	ErrInvalid  = errors.New("invalid")
)

// problem is an error for the person who asked: kind sorts it, text says all.
type problem struct {
	kind error
	text string
}

func (p *problem) Error() string { return p.text }
func (p *problem) Unwrap() error { return p.kind }

func problemf(kind error, format string, args ...any) error {
	return &problem{kind, fmt.Sprintf(format, args...)}
}

// Account is one person. One that is disabled cannot log in but still
// receives mail.
type Account struct {
	ID       kv.Part
	Address  address.Address
	Name     string
	Quota    int64 // bytes; 0: none
	Messages int64 // the other quota, in messages; 0: none
	Disabled bool
	Created  time.Time
	POP      POP
	Admin    bool // may set everybody's quotas and what is shared with everybody, over IMAP

	secretSince uint64 // the change of the directory that set the password
}

// List is an alias or a group: an address that stands for others, local or
// not. An Address without a local part is its domain's catch-all.
type List struct {
	Address address.Address
	Members []address.Address
	Group   bool
}

// Options for Open.
type Options struct {
	KV     kv.Engine
	Now    func() time.Time // nil: time.Now
	Shared bool             // other processes change the rows too
}

// Directory is safe for concurrent use.
type Directory struct {
	kv     kv.Engine
	now    func() time.Time
	shared bool
	unsure atomic.Bool // whether a commit took effect that could not be waited for

	write  sync.Mutex   // held across a change's commit, and a reload of the index
	mu     sync.RWMutex // guards index and passes; never held across I/O
	index  *index
	passes map[string]map[*Pass]struct{} // of open sessions, by the key of the address

	verified *verified
	cost     argonCost     // of new passwords, and of a login of nobody
	hashing  chan struct{} // one token for each argon2 under way
}

var _ sasl.Backend = (*Directory)(nil)

// Open reads the directory of a store; an empty store has an empty one.
func Open(ctx context.Context, o Options) (*Directory, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Directory{
		kv:       o.KV,
		now:      o.Now,
		shared:   o.Shared,
		verified: newVerified(rand.Text()),
		passes:   map[string]map[*Pass]struct{}{},
		cost:     standardCost,
		hashing:  make(chan struct{}, runtime.NumCPU()),
	}
	x, err := load(ctx, o.KV)
	if err != nil {
		return nil, fmt.Errorf("read the directory: %w", err)
	}
	d.index = x
	return d, nil
}

// look runs fn on an index that is at least as new as the call. fn must not
// keep anything of it that can change.
func (d *Directory) look(ctx context.Context, fn func(x *index) error) error {
	if d.shared || d.unsure.Load() {
		if err := d.follow(ctx); err != nil {
			return err
		}
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return fn(d.index)
}

// follow makes sure that the index has what other processes have changed.
// Without them every change is in it before anybody is told that it was made.
func (d *Directory) follow(ctx context.Context) error {
	version, err := readVersion(ctx, d.kv)
	if err != nil || version == d.indexVersion() {
		return err
	}
	return d.refresh(ctx)
}

func (d *Directory) indexVersion() uint64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.index.version
}

// refresh waits for a change under way, which may be what made the index look
// old, and reads the directory anew if it was not.
func (d *Directory) refresh(ctx context.Context) error {
	d.write.Lock()
	defer d.write.Unlock()
	return d.refreshLocked(ctx)
}

func (d *Directory) refreshLocked(ctx context.Context) error {
	version, err := readVersion(ctx, d.kv)
	if err != nil || version == d.indexVersion() {
		return err
	}
	x, err := load(ctx, d.kv)
	if err != nil {
		return fmt.Errorf("read the directory: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.index = x
	for k := range d.passes {
		d.recall(k)
	}
	return nil
}

// maxTries bounds how often a change is built anew because another node was faster.
const maxTries = 20

// change builds a batch from the current index and commits it. build may be
// called more than once, each time with a fresh batch.
func (d *Directory) change(ctx context.Context, build func(x *index, b *kv.Batch) error) error {
	d.write.Lock()
	defer d.write.Unlock()
	for range maxTries {
		err := d.tryLocked(ctx, build)
		if !errors.Is(err, kv.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("change the directory: %d attempts met changes by others: %w", maxTries, kv.ErrConflict)
}

func (d *Directory) tryLocked(ctx context.Context, build func(x *index, b *kv.Batch) error) error {
	if err := d.refreshLocked(ctx); err != nil {
		return err
	}
	x := d.index // only writers replace it, and this is the one writer
	b := &kv.Batch{}
	if err := build(x, b); err != nil {
		return err
	}
	x.bump(b)
	ops := append([]kv.Op(nil), b.Ops...)
	if err := kv.Commit(ctx, d.kv, b); err != nil {
		d.unsure.Store(true) // it may yet take effect, until another change is made in its place
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := x.apply(ops); err != nil {
		return err
	}
	for _, op := range ops {
		if op.Part == kv.Directory && op.Key[0] == accountRow {
			d.recall(string(op.Key[1:]))
		}
	}
	d.unsure.Store(false)
	return nil
}
