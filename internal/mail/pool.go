package mail

import (
	"context"
	"sync"
	"time"

	"tem/internal/kv"
)

// A pool is a quota that several accounts share, such as a domain's. What they
// use together is the sum of their own figures, read when it is first needed,
// kept up to date by the commits of this process and, where there are others,
// read again after poolAge for theirs: within one process the limit is exact, between several
// it is at most that late. What is charged counts from when the commit is
// built; what is freed, once it is durable.

const poolAge = time.Minute

// pools are the pools in use.
type pools struct {
	s      *Store
	mu     sync.Mutex
	m      map[string]*pool
	flying map[*edit]bool // have charged something and are not durable
}

type pool struct {
	quota Quota
	read  time.Time
	seen  map[kv.Part]ModSeq // the commits that were read
}

// pooled is what one commit does to a pool.
type pooled struct {
	name           string // of the pool that something was charged to
	charged, freed Quota
	counted        Quota // how much of charged the pool's figures contain
}

func poolKey(name string) []byte { return append([]byte{keyPool}, name...) }

// reserve counts a message against the pool of an edit's account, unless it is
// too much.
func (p *pools) reserve(e *edit, size int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.current(e.next.state.pool)
	if known == nil {
		return true // a pool that can't be read now must not refuse mail
	}
	net := known.quota
	net.add(-e.pooled.freed.Bytes, -e.pooled.freed.Messages) // by this very commit
	if net.full(size) {
		return false
	}
	p.flying[e], e.pooled.name = true, e.next.state.pool
	for _, q := range []*Quota{&known.quota, &e.pooled.charged, &e.pooled.counted} {
		q.add(size, 1)
	}
	return true
}

// end settles what edits have done to their pools, by whether they are durable now.
func (p *pools) end(edits []*edit, durable bool) {
	for _, e := range edits {
		if e != nil && e.pooled.charged.Messages+e.pooled.freed.Messages > 0 {
			p.endOne(e, durable)
		}
	}
}

func (p *pools) endOne(e *edit, durable bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.flying, e)
	known := p.m[e.next.state.pool]
	switch {
	case known == nil:
	case !durable:
		known.quota.add(-e.pooled.counted.Bytes, -e.pooled.counted.Messages)
	case e.modseq > known.seen[e.a.id]:
		known.quota.add(-e.pooled.freed.Bytes, -e.pooled.freed.Messages)
	}
}

// figures are a pool's usage and limits; none if they can't be read.
func (p *pools) figures(name string) (q Quota) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.current(name); known != nil {
		q = known.quota
	}
	return q
}

// forget makes every pool be read again.
func (p *pools) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.m)
}

// current is a pool's usage and limits, nil if they can't be read.
func (p *pools) current(name string) *pool {
	now := p.s.Now()
	if known := p.m[name]; known != nil && (!p.s.Shared || now.Sub(known.read) < poolAge) {
		return known
	}
	fresh, err := p.s.readPool(context.Background(), name)
	if err != nil {
		p.s.Log.Warn("mail: the quota of a pool can't be read", "pool", name, "err", err)
		return nil
	}
	fresh.read = now
	for e := range p.flying {
		if e.pooled.name == name {
			fresh.join(e)
		}
	}
	p.m[name] = fresh
	return fresh
}

// join counts what an edit in flight has charged, unless it was among what was read.
func (p *pool) join(e *edit) {
	if e.pooled.counted = (Quota{}); e.modseq > p.seen[e.a.id] {
		e.pooled.counted = e.pooled.charged
		p.quota.add(e.pooled.counted.Bytes, e.pooled.counted.Messages)
	}
}

// readPool adds up what the accounts of a pool use.
func (s *Store) readPool(ctx context.Context, name string) (*pool, error) {
	list, err := s.Registered(ctx)
	if err != nil {
		return nil, err
	}
	p := &pool{seen: make(map[kv.Part]ModSeq)}
	q := &p.quota
	return p, s.view(ctx, func(r kv.Reader) error {
		row, _, err := r.Get(kv.Accounts, poolKey(name))
		if err != nil {
			return err
		}
		if len(row) > 0 {
			d := &decoder{b: row}
			if q.BytesLimit, q.MessagesLimit = int64(d.uint()), int64(d.uint()); d.err != nil {
				return d.err
			}
		}
		for _, g := range list {
			if g.Pool != name {
				continue
			}
			st, err := readState(r, g.ID)
			if err != nil {
				return err
			}
			q.add(st.quota.Bytes, st.quota.Messages)
			p.seen[g.ID] = st.modseq
		}
		return nil
	})
}

// readState reads an account's state; that of an account without mail is zero.
func readState(r kv.Reader, id kv.Part) (state, error) {
	row, ok, err := r.Get(id, stateKey)
	if err != nil || !ok {
		return state{}, err
	}
	return decodeState(row)
}

// Pool returns what the accounts of a pool use together, and its limits.
func (s *Store) Pool(ctx context.Context, name string) (Quota, error) {
	p, err := s.readPool(ctx, name)
	if err != nil {
		return Quota{}, err
	}
	return p.quota, nil
}

// PoolLimits returns every pool that has a limit, by name, without what is used.
func (s *Store) PoolLimits(ctx context.Context) (limits map[string]Quota, err error) {
	limits = make(map[string]Quota)
	err = s.view(ctx, func(r kv.Reader) error {
		return r.Scan(kv.Accounts, []byte{keyPool}, []byte{keyPool + 1}, kv.ScanOptions{}, func(key, row []byte) error {
			d := &decoder{b: row}
			q := Quota{BytesLimit: int64(d.uint()), MessagesLimit: int64(d.uint())}
			if q != (Quota{}) {
				limits[string(key[1:])] = q
			}
			return d.err
		})
	})
	return limits, err
}

// SetPool sets the limits of a pool; 0 means none.
func (s *Store) SetPool(ctx context.Context, name string, bytes, messages int64) error {
	if bytes < 0 || messages < 0 || name == "" {
		return fail(Invalid, "a quota is not negative and a pool has a name")
	}
	b := new(kv.Batch)
	b.Set(kv.Accounts, poolKey(name), appendUints(nil, uint64(bytes), uint64(messages)))
	err := kv.Commit(ctx, s.KV, b)
	s.pools.forget()
	return internal(err)
}

// Join makes an account share the quota of a pool; "" is none.
func (s *Store) Join(ctx context.Context, id kv.Part, name string) error {
	err := s.update(ctx, []kv.Part{id}, func(_ *kv.Batch, edits []*edit) error {
		e := edits[0]
		if e.next.state.pool != name {
			e.next.state.pool = name
			e.register()
		}
		return nil
	})
	s.pools.forget()
	return err
}
