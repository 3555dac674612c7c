package fulltext

import (
	"container/list"
	"sync"

	"tem/internal/kv"
)

// cache keeps dictionaries, those used last.
type cache struct {
	max  int64
	mu   sync.Mutex
	size int64
	m    map[cacheKey]*list.Element
	used list.List // *cached, the latest first
}

type cacheKey struct {
	part   kv.Part
	epoch  uint64
	number uint32
}

type cached struct {
	key cacheKey
	d   *dictionary
}

// dictionary returns a segment's, from memory if it is there.
func (x *Index) dictionary(r kv.Reader, part kv.Part, epoch uint64, g *segment) (*dictionary, error) {
	key := cacheKey{part, epoch, g.number}
	if d := x.cache.get(key); d != nil {
		return d, nil
	}
	d, err := readDictionary(r, part, g)
	if err == nil {
		x.cache.add(key, d)
	}
	return d, err
}

func (c *cache) get(key cacheKey) *dictionary {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.m[key]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(e)
	return e.Value.(*cached).d
}

func (c *cache) add(key cacheKey, d *dictionary) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = make(map[cacheKey]*list.Element)
	}
	if c.m[key] != nil {
		return
	}
	c.m[key] = c.used.PushFront(&cached{key, d})
	c.size += d.size()
	for c.size > c.max && c.used.Len() > 1 {
		old := c.used.Remove(c.used.Back()).(*cached)
		delete(c.m, old.key)
		c.size -= old.d.size()
	}
}
