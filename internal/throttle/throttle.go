// Package throttle says when somebody does a thing too often: an address, the
// network around it, an account.
//
// Invariant: what is remembered is bounded. When there is no room a few are
// forgotten, which lets them do more, never less: nobody is held back for what
// others do.
//
// It starts no goroutines.
package throttle

import (
	"encoding"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Rate is how often a thing may be done: Count times at once, and Count times
// within Per in the long run. The zero value is no limit.
type Rate struct {
	Count int
	Per   time.Duration
}

var _ encoding.TextUnmarshaler = (*Rate)(nil)

// none is the text of the zero Rate.
const none = "none"

func (r Rate) String() string {
	if r.Count == 0 {
		return none
	}
	text := r.Per.String() // of 1h0m0s only 1h
	text = strings.TrimSuffix(text, "0s")
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	if text == "" || text[len(text)-1] >= '0' && text[len(text)-1] <= '9' {
		text = r.Per.String()
	}
	return strconv.Itoa(r.Count) + "/" + text
}

// MarshalText writes a Rate as UnmarshalText reads it.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads "100/1m" or "none".
func (r *Rate) UnmarshalText(text []byte) error {
	if string(text) == none {
		*r = Rate{}
		return nil
	}
	count, per, _ := strings.Cut(string(text), "/")
	n, err := strconv.Atoi(count)
	d, bad := time.ParseDuration(per)
	if err != nil || bad != nil || n < 1 || n > 1e9 || d < time.Second || d > 366*24*time.Hour {
		return fmt.Errorf("%q is not a rate: write how often in what time, such as \"100/1m\" or \"1000/24h\", or \"none\"", text)
	}
	*r = Rate{n, d}
	return nil
}

// maxKeys bounds how many keys a Meter remembers.
const maxKeys = 1 << 16

// Meter holds many keys to one rate. It is safe for concurrent use.
type Meter[K comparable] struct {
	rate Rate
	now  func() time.Time

	mu sync.Mutex
	// full is when a key will have all of its Count again: the further in the
	// future, the more was used (the generic cell rate algorithm).
	full map[K]time.Time
}

// NewMeter returns a meter by this clock.
func NewMeter[K comparable](rate Rate, now func() time.Time) *Meter[K] {
	return &Meter[K]{rate: rate, now: now, full: map[K]time.Time{}}
}

// Take counts n times for a key, if that is within the rate. Else it counts
// nothing and returns how long the key has to wait until it is: never 0.
func (m *Meter[K]) Take(key K, n int) (wait time.Duration) {
	return m.use(key, n, true)
}

// Over returns how long the key has to wait until it may do the thing once
// more, and counts nothing; 0: it may now.
func (m *Meter[K]) Over(key K) (wait time.Duration) { return m.use(key, 1, false) }

// Force counts n times whether that is within the rate or not.
func (m *Meter[K]) Force(key K, n int) {
	if m.rate.Count == 0 || n <= 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	most := now.Add(2 * m.rate.Per) // so that even the worst is forgiven in time
	if full := m.start(key, now).Add(m.cost(n)); full.Before(most) {
		m.set(key, full, now)
	} else {
		m.set(key, most, now)
	}
}

func (m *Meter[K]) use(key K, n int, count bool) time.Duration {
	if m.rate.Count == 0 || n <= 0 {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	full := m.start(key, now).Add(m.cost(n))
	if late := full.Sub(now.Add(m.rate.Per)); late > 0 {
		return late
	}
	if count {
		m.set(key, full, now)
	}
	return 0
}

// cost is the share of Per that n times take.
func (m *Meter[K]) cost(n int) time.Duration {
	return time.Duration(float64(m.rate.Per) / float64(m.rate.Count) * float64(n))
}

func (m *Meter[K]) start(key K, now time.Time) time.Time {
	if full, ok := m.full[key]; ok && full.After(now) {
		return full
	}
	return now
}

func (m *Meter[K]) set(key K, full, now time.Time) {
	if _, ok := m.full[key]; !ok && len(m.full) >= maxKeys {
		m.evict(now)
	}
	m.full[key] = full
}

// evict makes room: keys that are as good as new, and if there are none, any eighth.
func (m *Meter[K]) evict(now time.Time) {
	for key, full := range m.full {
		if !full.After(now) {
			delete(m.full, key)
		}
	}
	for key := range m.full {
		if len(m.full) <= maxKeys-maxKeys/8 {
			return
		}
		delete(m.full, key)
	}
}
