package login

import (
	"net/netip"
	"sync"
	"time"
)

const (
	maxSources = 10_000      // how many are remembered
	forget     = time.Minute // after which one failure is forgotten
	worst      = 2 * maxStep // failures that are remembered: forgotten in 50 minutes
)

// sources remembers which networks failed of late. The zero value is empty.
type sources struct {
	mu  sync.Mutex // never held across I/O or a wait
	all map[netip.Prefix]time.Time
}

// An entry is the time at which all failures of its source are forgotten: each
// failure moves it by forget, so that it counts them and lets them decay.

// failures is how many failures of a source count now.
func (s *sources) failures(source netip.Prefix, now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.all[source].Sub(now)
	return int(max(0, left+forget-1) / forget)
}

// add counts one failure more.
func (s *sources) add(source netip.Prefix, now time.Time) {
	if !source.IsValid() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[netip.Prefix]time.Time{}
	}
	until, known := s.all[source]
	if !known && len(s.all) >= maxSources {
		s.evict(now)
	}
	if until.Before(now) {
		until = now
	}
	if most := now.Add(worst * forget); until.Add(forget).Before(most) {
		s.all[source] = until.Add(forget)
	} else {
		s.all[source] = most
	}
}

// evict makes room: of a few entries in the map's random order, those that
// count no more, or the one that counts least.
func (s *sources) evict(now time.Time) {
	const sample = 16
	var least netip.Prefix
	seen := 0
	for source, until := range s.all {
		if !now.Before(until) {
			delete(s.all, source)
		} else if !least.IsValid() || until.Before(s.all[least]) {
			least = source
		}
		if seen++; seen == sample {
			break
		}
	}
	if len(s.all) >= maxSources {
		delete(s.all, least)
	}
}
