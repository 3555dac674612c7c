package sts

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tem/internal/kv"
)

// The rows of partition kv.Policies: "s" domain, a row as JSON.
const prefix = 's'

// row is a policy as it is kept.
type row struct {
	ID      string // of the record that announced it
	Policy  *Policy
	Fetched time.Time
	Used    time.Time // to within a day
}

func (r *row) holds(now time.Time) bool {
	return r.Policy != nil && now.Before(r.Fetched.Add(r.Policy.MaxAge))
}

func key(domain string) []byte { return append([]byte{prefix}, domain...) }

func (c *Cache) load(ctx context.Context, domain string) (r row, err error) {
	err = c.KV.View(ctx, func(reader kv.Reader) error {
		val, ok, err := reader.Get(kv.Policies, key(domain))
		if err != nil || !ok {
			return err
		}
		return json.Unmarshal(val, &r)
	})
	return r, err
}

// all are the rows that can be read, by domain.
func (c *Cache) all(ctx context.Context) (map[string]row, error) {
	rows := map[string]row{}
	err := c.KV.View(ctx, func(reader kv.Reader) error {
		return reader.Scan(kv.Policies, []byte{prefix}, []byte{prefix + 1}, kv.ScanOptions{}, func(key, val []byte) error {
			var r row
			if json.Unmarshal(val, &r) != nil {
				r = row{} // holds nothing, so it goes
			}
			rows[string(key[1:])] = r
			return nil
		})
	})
	return rows, err
}

// save keeps a policy; one that can't be kept is fetched again next time.
func (c *Cache) save(ctx context.Context, domain string, r row) {
	val, err := json.Marshal(r)
	if err == nil {
		var b kv.Batch
		b.Set(kv.Policies, key(domain), val)
		err = kv.Commit(ctx, c.KV, &b)
	}
	if err != nil && ctx.Err() == nil {
		c.Log.Error("policy of a domain can't be kept", "domain", domain, "err", fmt.Errorf("write the row: %w", err))
	}
}

func (c *Cache) drop(ctx context.Context, domain string) {
	var b kv.Batch
	b.Delete(kv.Policies, key(domain))
	if err := kv.Commit(ctx, c.KV, &b); err != nil && ctx.Err() == nil {
		c.Log.Error("policy of a domain can't be dropped", "domain", domain, "err", err)
	}
}

// use notes that a policy is of use to somebody.
func (c *Cache) use(ctx context.Context, domain string, r row, now time.Time) {
	if r.Policy != nil && now.Sub(r.Used) > 24*time.Hour {
		r.Used = now
		c.save(ctx, domain, r)
	}
}
