package directory

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

const (
	verifiedFor = 10 * time.Minute // how long a success is remembered
	maxVerified = 10_000           // how many are
)

// verified remembers for a while which passwords were right, so that a client
// that logs in often does not cost an argon2 each time. It holds no password:
// an entry is a hash under a key that lives as long as the process, over the
// account, its credential row (which changes with the password) and the password.
// One account has at most one entry; failures are not remembered.
type verified struct {
	secret  []byte
	mu      sync.Mutex
	entries map[string]verifiedEntry // by address key
}

type verifiedEntry struct {
	tag   [sha256.Size]byte
	until time.Time
}

func newVerified(secret string) *verified {
	return &verified{secret: []byte(secret), entries: map[string]verifiedEntry{}}
}

// tag is what an entry compares; each part goes in with its length.
func (v *verified) tag(parts ...string) (tag [sha256.Size]byte) {
	h := hmac.New(sha256.New, v.secret)
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	h.Sum(tag[:0])
	return tag
}

func (v *verified) has(k string, tag [sha256.Size]byte, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	e, ok := v.entries[k]
	return ok && now.Before(e.until) && hmac.Equal(e.tag[:], tag[:])
}

func (v *verified) add(k string, tag [sha256.Size]byte, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, known := v.entries[k]; !known && len(v.entries) >= maxVerified {
		v.evict(now)
	}
	v.entries[k] = verifiedEntry{tag, now.Add(verifiedFor)}
}

// evict makes room: of a few entries in the map's random order, those that
// have ended, or the one that ends first.
func (v *verified) evict(now time.Time) {
	const sample = 16
	var oldest string
	var until time.Time
	seen := 0
	for k, e := range v.entries {
		if !now.Before(e.until) {
			delete(v.entries, k)
		} else if until.IsZero() || e.until.Before(until) {
			oldest, until = k, e.until
		}
		if seen++; seen == sample {
			break
		}
	}
	if len(v.entries) >= maxVerified {
		delete(v.entries, oldest)
	}
}

func (v *verified) forget(k string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.entries, k)
}
