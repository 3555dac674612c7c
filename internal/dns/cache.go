package dns

import (
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	cacheSize   = 8192            // answers kept
	cacheOctets = 32 << 20        // of all of them
	maxLifetime = time.Hour       // however long the zone's owner allows
	maxNegative = 5 * time.Minute // of "there is none" (RFC 2308 §5)
	entryOctets = 300             // what keeping an answer costs beside its records
)

// question is what answers are known by: a name in lower case without a final
// dot, and a type.
type question struct {
	name string
	kind uint16
}

// answer is all that there is to say to a question: records of the kind asked
// for, or err, which is ErrNotFound. It is not changed once it is made.
type answer struct {
	records       []dns.RR
	end           string // of the aliases; "": the name asked for is none
	err           error
	authenticated bool
	life          time.Duration // how long it may be kept
}

// cache remembers answers for as long as their zones allow. The zero value
// with a clock is an empty cache.
type cache struct {
	now    func() time.Time
	mu     sync.Mutex
	kept   map[question]entry
	octets int // of all that is kept
}

type entry struct {
	answer answer
	until  time.Time
	octets int
}

func (c *cache) get(q question) (answer, bool) {
	c.mu.Lock()
	e, ok := c.kept[q]
	c.mu.Unlock()
	if !ok || !c.now().Before(e.until) {
		return answer{}, false
	}
	return e.answer, true
}

func (c *cache) put(q question, a answer) {
	if a.life <= 0 {
		return
	}
	e := entry{a, c.now().Add(a.life), entryOctets + len(q.name)}
	for _, rr := range a.records {
		e.octets += dns.Len(rr)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = make(map[question]entry)
	}
	c.remove(q)
	if len(c.kept) >= cacheSize || c.octets+e.octets > cacheOctets {
		c.evict()
	}
	c.kept[q] = e
	c.octets += e.octets
}

// remove forgets an answer. The caller holds the lock.
func (c *cache) remove(q question) {
	if e, ok := c.kept[q]; ok {
		delete(c.kept, q)
		c.octets -= e.octets
	}
}

// evict makes room: what is over goes, and if that is not enough, any eighth.
func (c *cache) evict() {
	now := c.now()
	for q, e := range c.kept {
		if !now.Before(e.until) {
			c.remove(q)
		}
	}
	for q := range c.kept {
		if len(c.kept) <= cacheSize-cacheSize/8 && c.octets <= cacheOctets-cacheOctets/8 {
			return
		}
		c.remove(q)
	}
}

// lifetime is how long a reply may be kept: the shortest TTL of its records,
// or for a negative one what its SOA says (RFC 2308 §5), 0 without one.
func lifetime(m *dns.Msg) time.Duration {
	life := maxLifetime
	for _, rr := range m.Answer {
		life = min(life, time.Duration(rr.Header().Ttl)*time.Second)
	}
	if len(m.Answer) == 0 || m.Rcode == dns.RcodeNameError {
		life = min(life, negativeLifetime(m), maxNegative)
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
