package dns

import (
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	cacheSize   = 4096            // answers kept
	maxLifetime = time.Hour       // however long the zone's owner allows
	maxNegative = 5 * time.Minute // of "there is none" (RFC 2308 §5)
)

// question is what the cache knows an answer by: a name in canonical form and a type.
type question struct {
	name string
	kind uint16
}

// cache remembers answers for as long as their zones allow. The zero value
// with a clock is an empty cache.
type cache struct {
	now  func() time.Time
	mu   sync.Mutex
	kept map[question]entry
}

type entry struct {
	answer answer
	until  time.Time
}

func (c *cache) get(q question) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.kept[q]
	if !ok || !c.now().Before(e.until) {
		return answer{}, false
	}
	return e.answer, true
}

func (c *cache) put(q question, a answer, life time.Duration) {
	if life <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = make(map[question]entry)
	}
	if len(c.kept) >= cacheSize {
		c.evict()
	}
	c.kept[q] = entry{a, c.now().Add(life)}
}

// evict makes room: what is over goes, and if nothing is, any eighth.
func (c *cache) evict() {
	now := c.now()
	for q, e := range c.kept {
		if !now.Before(e.until) {
			delete(c.kept, q)
		}
	}
	for q := range c.kept {
		if len(c.kept) <= cacheSize-cacheSize/8 {
			return
		}
		delete(c.kept, q)
	}
}

// lifetime is how long a reply may be kept: the shortest TTL of its records,
// or for a negative one what its SOA says (RFC 2308 §5), 0 without one.
func lifetime(m *dns.Msg) time.Duration {
	if len(m.Answer) == 0 || m.Rcode == dns.RcodeNameError {
		return min(negativeLifetime(m), maxNegative)
	}
	life := maxLifetime
	for _, rr := range m.Answer {
		life = min(life, time.Duration(rr.Header().Ttl)*time.Second)
	}
	return life
}

func negativeLifetime(m *dns.Msg) time.Duration {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return time.Duration(min(soa.Hdr.Ttl, soa.Minttl)) * time.Second
		}
	}
	return 0
}
