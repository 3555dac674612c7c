package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"tem/internal/blob"
	"tem/internal/mail"
)

const (
	flagRow    = 8 + 9 + 16  // octets of a message's flags with their key
	metaRow    = 8 + 9 + 152 // octets of what else is kept of it, without the texts
	bodiesRead = 2000
)

// start measures opening the store and listing, cold and warm.
func (m *measured) start() error {
	if err := m.Close(); err != nil {
		return err
	}
	if err := forget(m.root); err != nil {
		return err
	}
	if err := m.took("open engine and store, cold", 1, func() (int64, error) { return 0, m.openAgain() }, nil); err != nil {
		return err
	}
	for _, cold := range []bool{true, false} {
		floor := func(int64) (time.Duration, error) { return m.bench.readThrough(int64(len(m.uids)*flagRow), cold) }
		if err := m.took("list flags"+temperature(cold), len(m.uids), m.list, floor); err != nil {
			return err
		}
	}
	return nil
}

func temperature(cold bool) string {
	if cold {
		return ", cold"
	}
	return ", warm"
}

func (m *measured) list() (int64, error) {
	_, items, err := m.a.List(m.bench.ctx, m.id)
	if err == nil && len(items) != len(m.uids) {
		err = fmt.Errorf("%d messages, not %d", len(items), len(m.uids))
	}
	return 0, err
}

// fetches measures reading envelopes, beside TLS carrying as many octets.
func (m *measured) fetches() error {
	if err := m.reopen(); err != nil {
		return err
	}
	var rows int64
	envelopes := func() (octets int64, err error) {
		rows = 0
		err = m.a.Fetch(m.bench.ctx, m.id, m.uids, func(x *mail.Meta) error {
			octets += int64(len(x.Envelope))
			rows += int64(metaRow + len(x.Envelope) + len(x.Structure) + len(x.BasicBody) + len(x.Parts) + len(x.Preview))
			return nil
		})
		return octets, err
	}
	for _, cold := range []bool{true, false} {
		floor := func(int64) (time.Duration, error) { return m.bench.readThrough(rows, cold) }
		if err := m.took("envelopes"+temperature(cold), len(m.uids), envelopes, floor); err != nil {
			return err
		}
	}
	rate, err := tlsRate()
	if err != nil {
		return err
	}
	over := func(octets int64) (time.Duration, error) {
		return time.Duration(float64(octets) / rate * 1e9), nil
	}
	return m.took("envelopes, warm; floor: TLS 1.3 on one processor", len(m.uids), envelopes, over)
}

// bodiesInOrder finds many messages with one call and reads each body.
func (m *measured) bodiesInOrder() error {
	uids := m.uids[:min(bodiesRead, len(m.uids))]
	return m.readings("bodies in order", uids, false, func() (octets int64, err error) {
		ids := make([]blob.ID, 0, len(uids))
		err = m.a.Fetch(m.bench.ctx, m.id, uids, func(x *mail.Meta) error { ids = append(ids, x.Body); return nil })
		for i := 0; i < len(ids) && err == nil; i++ {
			var n int64
			n, err = m.readBody(&mail.Meta{Body: ids[i]})
			octets += n
		}
		return octets, err
	})
}

// bodiesAnywhere finds and reads messages one by one.
func (m *measured) bodiesAnywhere() error {
	uids := make([]mail.UID, min(bodiesRead, len(m.uids)))
	for i, n := range rand.New(rand.NewPCG(3, 5)).Perm(len(m.uids))[:len(uids)] {
		uids[i] = m.uids[n]
	}
	return m.readings("bodies at random", uids, true, func() (octets int64, err error) {
		for i := 0; i < len(uids) && err == nil; i++ {
			var body mail.Meta
			err = m.a.Fetch(m.bench.ctx, m.id, uids[i:i+1], func(x *mail.Meta) error { body.Body = x.Body; return nil })
			if err == nil {
				var n int64
				n, err = m.readBody(&body)
				octets += n
			}
		}
		return octets, err
	})
}

// readings measures reading bodies cold and warm.
func (m *measured) readings(what string, uids []mail.UID, random bool, read func() (int64, error)) error {
	if err := m.reopen(); err != nil {
		return err
	}
	for _, cold := range []bool{true, false} {
		floor := func(int64) (time.Duration, error) { return m.bench.readSingly(len(uids), m.size, random, cold) }
		if err := m.took(what+temperature(cold), len(uids), read, floor); err != nil {
			return err
		}
	}
	return nil
}

func (m *measured) readBody(x *mail.Meta) (int64, error) {
	r, err := m.a.OpenMessage(m.bench.ctx, x)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	n, err := r.ReadAt(make([]byte, r.Size()), 0)
	if int64(n) == r.Size() {
		err = nil // io.EOF is allowed there
	}
	return int64(n), err
}
