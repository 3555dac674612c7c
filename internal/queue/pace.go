package queue

import (
	"container/heap"
	"math"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"tem/internal/message/dsn"
)

const (
	firstWindow = 2                // attempts at once to a site of which nothing is known
	slowAttempt = 5 * time.Second  // sites whose attempts take longer on average are slow
	maxPaces    = 10000            // sites remembered
	maxSites    = 100000           // domains whose site is remembered
	leastGap    = time.Millisecond // a shorter one is none
	mostGap     = 30 * time.Second
	putOffs     = 16          // jobs put off at once while a site is dead
	crowdTime   = time.Minute // that a site's word on how many connections are too many is kept to
)

// pace is how fast one site is written to: the servers of one name, whatever
// domains they serve; a domain of its own until its servers are known. It
// starts slowly, grows with what goes well, and is halved by what does not.
type pace struct {
	site    string
	window  float64   // attempts that there may be at once
	steady  bool      // it was halved once: it grows slowly now
	ceiling float64   // the window that the site said is the most; 0: it has not
	crowded time.Time // when it said so
	running int
	lanes   line[*lane] // those with jobs
	ready   bool        // is in scheduler.ready
	stalled bool        // is in scheduler.stalled

	until    time.Time // nothing is tried before
	sleeping bool      // is in scheduler.asleep
	dead     bool      // no answer: what waits is put off until one attempt, the probe, has come through
	why      dsn.Status
	troubles int // in a row: each pause is twice the one before
	blockers blockers
	halved   time.Time // attempts begun before tell nothing new

	gap   time.Duration // least time between two attempts, learned
	last  time.Time     // when the last attempt began
	every time.Duration // average time between two
	took  time.Duration // average time of an attempt; 0: none has ended
}

// kind sorts paces by how long they keep a worker.
type kind int

const (
	quick kind = iota
	untried
	slow
	kinds
)

func (p *pace) kind() kind {
	switch {
	case p.dead:
		return quick // putting off takes no time, and there is but one probe
	case p.took == 0:
		return untried
	case p.took > slowAttempt:
		return slow
	}
	return quick
}

// urgency is that of the first job; a pace whose lanes were moved away may
// still stand in line.
func (p *pace) urgency() int {
	if len(p.lanes) == 0 {
		return -10
	}
	return p.lanes[0].urgency()
}

// site is the organisation that runs a host, as far as its name tells.
func site(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if name, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil && !strings.HasPrefix(host, "[") {
		return name
	}
	return host
}

func (s *scheduler) pace(name string) *pace {
	p := s.paces[name]
	if p == nil {
		if len(s.paces) >= max(maxPaces, s.crowd) {
			s.forget()
			s.crowd = len(s.paces) * 5 / 4 // all may have something to do: they are not gone through for each new one
		}
		p = &pace{site: name, window: min(firstWindow, float64(s.o.PerDomain))}
		if name == reports {
			p.window = float64(s.o.PerDomain)
		}
		s.paces[name] = p
	}
	return p
}

// forget drops what is known of sites that have nothing to do.
func (s *scheduler) forget() {
	for name, p := range s.paces {
		if len(s.paces) < maxPaces*9/10 {
			return
		}
		if p.running == 0 && len(p.lanes) == 0 && !p.sleeping {
			delete(s.paces, name)
		}
	}
}

// skips says why a job of a dead site is put off without being tried; nil if it is tried.
func (p *pace) skips(now time.Time) *dsn.Status {
	if p.dead && p.until.After(now) {
		return &p.why
	}
	return nil
}

// open reports that one more attempt may begin.
func (p *pace) open(now time.Time) bool {
	switch {
	case p.skips(now) != nil:
		return p.running < putOffs
	case p.dead:
		return p.running == 0
	}
	return !p.until.After(now) && float64(p.running) < max(1, math.Floor(p.window))
}

// starts notes an attempt that begins.
func (p *pace) starts(now time.Time, skip *dsn.Status) {
	p.running++
	if skip != nil {
		return
	}
	if !p.last.IsZero() {
		p.every = average(p.every, now.Sub(p.last))
	}
	p.last = now
	if p.gap > 0 {
		p.until = now.Add(p.gap)
	}
}

// average is a mean that the last few count most in.
func average(old, new time.Duration) time.Duration {
	if old == 0 {
		return max(1, new)
	}
	return max(1, old+(new-old)/8)
}

// offerPace puts a pace in line if it may start an attempt, and to sleep if
// there is a time when it may.
func (s *scheduler) offerPace(p *pace) {
	if p.ready || p.stalled || len(p.lanes) == 0 {
		return
	}
	now := s.o.Now()
	switch {
	case p.open(now):
		p.ready = true
		s.ready.push(p)
	case p.until.After(now) && !p.sleeping:
		p.sleeping = true
		heap.Push(&s.asleep, p)
	}
}

// drop takes a lane out of the line.
func (p *pace) drop(l *lane) {
	for i := range p.lanes {
		if p.lanes[i] == l {
			p.lanes = append(p.lanes[:i:i], p.lanes[i+1:]...)
			break
		}
	}
	l.inLine = false
}

// learn changes the pace of a site by what came of an attempt there.
func (s *scheduler) learn(e ended, now time.Time) {
	if e.skipped || len(e.statuses) == 0 || e.lane.domain == reports {
		return
	}
	p := s.settleAt(e.lane, e.statuses)
	p.took = average(p.took, now.Sub(e.started))
	a := adviseAll(e.statuses)
	switch {
	case a.move == goOn:
		p.good(p.limit(float64(s.o.PerDomain), now), a.status.OK())
	case e.started.Before(p.halved) && !(a.crowd && e.beside > 0): // each that is turned away was one too many
	default:
		s.slowDown(p, e, a, now)
	}
	if p.sleeping && len(s.asleep) > 0 { // its time may be another
		heap.Init(&s.asleep)
	}
}

// settleAt moves a lane to the pace of the site that answered for its domain,
// or back to its own if nobody did.
func (s *scheduler) settleAt(l *lane, statuses []dsn.Status) *pace {
	name := l.domain
	for _, status := range statuses {
		if status.Remote != "" {
			name = site(status.Remote)
			break
		}
	}
	if l.pace.site == name {
		return l.pace
	}
	if len(s.sites) >= maxSites {
		clear(s.sites)
	}
	s.sites[l.domain] = name
	if l.inLine {
		l.pace.drop(l)
	}
	l.pace = s.pace(name)
	s.offer(l)
	return l.pace
}

// limit is the most that the window may be: what the configuration says, or
// what the site said not long ago.
func (p *pace) limit(most float64, now time.Time) float64 {
	if p.ceiling > 0 && now.Sub(p.crowded) < crowdTime {
		return min(most, p.ceiling)
	}
	return most
}

// good is a server that answered; delivered: and took a message.
func (p *pace) good(limit float64, delivered bool) {
	p.dead = false
	if !delivered {
		return
	}
	p.troubles, p.blockers = 0, blockers{}
	if p.gap -= p.gap / 32; p.gap < leastGap {
		p.gap = 0
	}
	grow := 1.0
	if p.steady {
		grow = 1 / p.window
	}
	p.window = min(limit, p.window+grow)
}

// blockers are who has said that a site blocks us since it last took a message.
type blockers struct {
	domain string
	count  int
}

// enoughBlocks are as many, for one domain, as show that it is the site that
// blocks us. One of many customers of a site can have it say whatever they like,
// and must not keep us from writing to the others.
const enoughBlocks = 3

// blocked counts a reply for a domain that we are blocked, and reports whether
// it is to be believed of the whole site: more than one domain says so, or one
// again and again, or the site is nobody else's.
func (p *pace) blocked(domain string) bool {
	b := &p.blockers
	others := b.count > 0 && b.domain != domain
	b.domain, b.count = domain, b.count+1
	return others || b.count >= enoughBlocks || p.site == site(domain)
}

// slowDown halves a pace and lets it rest, the longer the more often.
func (s *scheduler) slowDown(p *pace, e ended, a advice, now time.Time) {
	believed := a.move != block || p.blocked(e.lane.domain)
	p.why, p.halved, p.steady = a.status, now, true
	p.window /= 2
	if a.crowd && e.beside > 0 {
		p.crowd(max(e.beside, p.running), now)
		return
	}
	pause := min(a.pause<<min(p.troubles, 10), a.most)
	switch {
	case !believed:
		pause = 0
	case a.move == block && p.troubles == 0:
		s.o.Log.Warn("queue: a site blocks us: have a look at its reply", "site", p.site, "reply", a.status.String(), "remote", a.status.Remote, "again", now.Add(pause))
	case a.move == probe && p.window >= 1:
		pause = 0 // another attempt may do better
	case a.move == probe:
		p.dead = true
	}
	if a.rate && p.every > 0 {
		p.gap = min(max(2*p.every, p.gap, 50*time.Millisecond), mostGap)
	}
	if pause > 0 {
		p.troubles++
		p.until = now.Add(pause)
	}
	p.window = max(1, p.window)
}

// crowd keeps a site to the connections that it served when it turned one more
// away. They need not rest: it does not mind them.
func (p *pace) crowd(served int, now time.Time) {
	p.ceiling, p.crowded = p.limit(float64(served), now), now
	p.window = p.ceiling
}

// sleepers is a heap of paces, the one that wakes first on top.
type sleepers []*pace

func (h sleepers) Len() int           { return len(h) }
func (h sleepers) Less(i, j int) bool { return h[i].until.Before(h[j].until) }
func (h sleepers) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *sleepers) Push(v any)        { *h = append(*h, v.(*pace)) }
func (h *sleepers) Pop() any {
	last := len(*h) - 1
	v := (*h)[last]
	*h = (*h)[:last]
	return v
}
