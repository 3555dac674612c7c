package queue

import (
	"container/heap"
	"context"
	"errors"
	"time"

	"tem/internal/kv"
)

const (
	allRoom  = 50000            // due jobs held in memory
	grace    = 10 * time.Second // for attempts under way when Run ends
	recovery = time.Minute      // before the rows are read again after an error
	others   = 15 * time.Second // before the rows are read again for what other processes left
	again    = time.Hour        // before all due rows are read again, whatever happens
	blink    = time.Minute      // before the clock is looked at again: it may have been set
)

// scheduler is the state of Run; it belongs to Run's goroutine. A due job is
// known from the scan or the notice that finds it until its attempt has ended.
type scheduler struct {
	*Queue
	known   map[string]bool // ids
	owing   map[string]bool // ids of jobs, not known, that have nothing but a report to make
	lanes   map[string]*lane
	paces   map[string]*pace
	crowd   int               // paces there must be before those with nothing to do are looked for, if more than maxPaces
	sites   map[string]string // by domain: the site of its servers, as far as it was learned
	ready   line[*pace]       // those that may start an attempt
	stalled []*pace           // those that would, if their kind had not its share of the workers already
	asleep  sleepers          // those that wait for a time
	hungry  []*lane           // those with more due rows than they hold, and room for some
	busy    int               // attempts under way
	shares  [kinds]int        // the same, by the kind of their pace
	cursor  []byte            // in the schedule: due rows before it are known, or in the rows of a lane that is cut
	next    time.Time         // when there is something to read at the cursor
	whole   time.Time         // when the schedule is read from its beginning
	ended   chan ended
}

// ended is an attempt that is over.
type ended struct {
	outcome
	id      string
	lane    *lane
	pace    *pace // that it was started by
	kind    kind  // whose share it took
	started time.Time
	beside  int // how many others of the pace were under way then
}

// Run sends until ctx ends, then waits for the attempts under way, which are
// broken off after ten seconds, and returns nil.
func (q *Queue) Run(ctx context.Context) error {
	for {
		err := q.sortByDomain(ctx)
		if err == nil {
			break
		}
		if errors.Is(err, kv.ErrClosed) {
			return err
		}
		q.o.Log.Error("queue: not begun", "err", err)
		if !sleep(ctx, recovery) {
			return nil
		}
	}
	s := newScheduler(q)
	attempts, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	err := s.loop(ctx, attempts)
	timer := time.AfterFunc(grace, stop)
	defer timer.Stop()
	for s.busy > 0 {
		s.end(<-s.ended)
	}
	return err
}

func newScheduler(q *Queue) *scheduler {
	now := q.o.Now()
	return &scheduler{
		Queue: q,
		known: make(map[string]bool),
		owing: make(map[string]bool),
		lanes: make(map[string]*lane),
		paces: make(map[string]*pace),
		sites: make(map[string]string),
		next:  now, whole: now,
		ended: make(chan ended),
	}
}

// loop starts attempts under their own context until ctx ends.
func (s *scheduler) loop(ctx, attempts context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(s.wait())
		select {
		case <-ctx.Done():
			return nil
		case e := <-s.ended:
			s.end(e)
		case <-timer.C:
		case <-s.wake:
			s.hear()
		}
		s.rouse()
		if err := s.look(ctx); err != nil && ctx.Err() == nil {
			if errors.Is(err, kv.ErrClosed) {
				return err
			}
			s.o.Log.Error("queue: can't read the schedule", "err", err)
			s.next = s.o.Now().Add(recovery)
			s.whole = s.next
		}
		s.start(attempts)
	}
}

// wait is how long nothing happens by itself.
func (s *scheduler) wait() time.Duration {
	now := s.o.Now()
	until := s.whole
	if s.next.Before(until) {
		until = s.next
	}
	if !until.After(now) && s.full() { // the end of an attempt makes room
		until = now.Add(again)
	}
	if len(s.asleep) > 0 && s.asleep[0].until.Before(until) {
		until = s.asleep[0].until
	}
	return min(until.Sub(now), blink)
}

// full reports that no more due jobs are to be read for now.
func (s *scheduler) full() bool { return len(s.known) >= allRoom }

// rouse makes the paces ready whose time has come.
func (s *scheduler) rouse() {
	now := s.o.Now()
	for len(s.asleep) > 0 && !s.asleep[0].until.After(now) {
		p := heap.Pop(&s.asleep).(*pace)
		p.sleeping = false
		s.offerPace(p)
	}
}

// rouseSite ends the rest of a domain's site, if it is at rest.
func (s *scheduler) rouseSite(domain string, now time.Time) {
	p := s.paces[s.siteOf(domain)]
	if p == nil || !p.until.After(now) {
		return
	}
	p.until = now
	if p.sleeping {
		heap.Init(&s.asleep)
	}
	s.offerPace(p)
}

// start begins as many attempts as there are workers for, taking turns between
// sites and, of a site, between domains.
func (s *scheduler) start(ctx context.Context) {
	for s.busy < s.o.Workers && len(s.ready) > 0 {
		p := s.ready.pop()
		p.ready = false
		if len(p.lanes) == 0 || !p.open(s.o.Now()) { // it was otherwise when it stood in line
			s.offerPace(p)
			continue
		}
		k := p.kind()
		if s.shares[k] >= s.share(k) {
			p.stalled = true
			s.stalled = append(s.stalled, p)
			continue
		}
		s.begin(ctx, p, k)
		s.offerPace(p)
	}
}

// begin starts the next attempt of a pace.
func (s *scheduler) begin(ctx context.Context, p *pace, k kind) {
	now := s.o.Now()
	l := p.lanes.pop()
	l.inLine = false
	h := l.waiting.pop()
	skip := p.skips(now)
	beside := p.running
	p.starts(now, skip)
	l.running++
	s.busy++
	s.shares[k]++
	go func() {
		s.ended <- ended{s.attempt(ctx, h, skip), h.id, l, p, k, now, beside}
	}()
	s.offer(l)
	s.feed(l)
}

// end learns from an attempt and makes room for the next one.
func (s *scheduler) end(e ended) {
	l, now := e.lane, s.o.Now()
	s.busy--
	s.shares[e.kind]--
	e.pace.running--
	l.running--
	delete(s.known, e.id)
	s.learn(e, now)
	s.plan(e, now)
	s.offerPace(e.pace)
	for len(s.stalled) > 0 && s.shares[e.kind] < s.share(e.kind) {
		p := s.stalled[0]
		s.stalled = s.stalled[1:]
		p.stalled = false
		s.offerPace(p)
		if p.kind() == e.kind {
			break // it takes the place
		}
	}
	s.feed(l)
	s.close(l)
}

// plan notes when the job of an attempt is to be met again.
func (s *scheduler) plan(e ended, now time.Time) {
	switch {
	case e.unread: // its row is where it was, behind the cursor
		s.readAll(now.Add(recovery))
	case !e.next.IsZero():
		if e.ended {
			s.owe(e.id)
		}
		s.rewind(e.next)
	}
}

// share is how many workers one kind of pace may have: slow sites can't hold
// those that quick ones need, nor can those of which nothing is known.
func (s *scheduler) share(k kind) int {
	switch k {
	case slow:
		return max(1, s.o.Workers/4)
	case untried:
		return max(1, s.o.Workers/2)
	}
	return s.o.Workers
}
