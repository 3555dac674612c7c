package queue

import (
	"context"
	"errors"
	"time"

	"tem/internal/kv"
)

const (
	perDomain = 5                // attempts to one domain at once
	laneRoom  = 64               // due jobs of one domain held in memory
	allRoom   = 10000            // due jobs held in memory
	grace     = 10 * time.Second // for attempts under way when Run ends
	recovery  = time.Minute      // before the rows are read again after an error
	others    = 15 * time.Second // before the rows are read again for what other processes left
)

// scheduler is the state of Run; it belongs to Run's goroutine. A due job is
// known from the scan that finds it until its attempt has ended.
type scheduler struct {
	*Queue
	known map[string]bool // ids
	lanes map[string]*lane
	ready []*lane // those that may start an attempt, longest waiting first
	busy  int     // attempts under way
	cut   bool    // the last scan found more than there is room for
	next  time.Time
	ended chan ended
}

// lane is the due jobs of one domain.
type lane struct {
	domain  string
	waiting []string // ids
	running int
	ready   bool // is in scheduler.ready
	cut     bool // more are due than there is room for
}

// ended is an attempt that is over; next is when the job is due again, zero if never.
type ended struct {
	id   string
	lane *lane
	next time.Time
}

// Run sends until ctx ends, then waits for the attempts under way, which are
// broken off after ten seconds, and returns nil.
func (q *Queue) Run(ctx context.Context) error {
	s := &scheduler{
		Queue: q,
		known: make(map[string]bool),
		lanes: make(map[string]*lane),
		next:  q.o.Now(),
		ended: make(chan ended),
	}
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

// loop starts attempts under their own context until ctx ends.
func (s *scheduler) loop(ctx, attempts context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(s.next.Sub(s.o.Now()))
		select {
		case <-ctx.Done():
			return nil
		case e := <-s.ended:
			s.end(e)
		case <-timer.C:
			if err := s.look(ctx); err != nil {
				return err
			}
		case <-s.wake:
			s.next = s.o.Now()
		}
		s.start(attempts)
	}
}

// look takes the due rows that there is room for, and notes when the next is due.
func (s *scheduler) look(ctx context.Context) error {
	now := s.o.Now()
	s.next = now.Add(24 * time.Hour)
	if s.o.Shared {
		s.next = now.Add(others)
	}
	s.cut = false
	err := s.o.KV.View(ctx, func(r kv.Reader) error {
		return r.Scan(kv.Queue, []byte{timePrefix}, []byte{timePrefix + 1}, kv.ScanOptions{}, func(key, val []byte) error {
			next, id, ok := parseTimeKey(key)
			switch {
			case next.After(now):
				if next.Before(s.next) {
					s.next = next
				}
				return kv.ErrStop
			case !ok || s.known[id]:
				return nil
			case len(s.known) >= allRoom:
				s.cut = true
				return kv.ErrStop
			}
			s.take(id, string(val))
			return nil
		})
	})
	if err == nil || ctx.Err() != nil {
		return nil
	}
	if errors.Is(err, kv.ErrClosed) {
		return err
	}
	s.o.Log.Error("queue: can't read the schedule", "err", err)
	s.next = now.Add(recovery)
	return nil
}

// take puts a due job into its domain's lane if there is room.
func (s *scheduler) take(id, domain string) {
	l := s.lanes[domain]
	if l == nil {
		l = &lane{domain: domain}
		s.lanes[domain] = l
	}
	if len(l.waiting) >= laneRoom {
		l.cut = true
		return
	}
	s.known[id] = true
	l.waiting = append(l.waiting, id)
	s.offer(l)
}

// offer puts a lane in line if it may start an attempt.
func (s *scheduler) offer(l *lane) {
	if !l.ready && len(l.waiting) > 0 && l.running < perDomain {
		l.ready = true
		s.ready = append(s.ready, l)
	}
}

// start begins as many attempts as there are workers for, taking turns between domains.
func (s *scheduler) start(ctx context.Context) {
	for s.busy < s.o.Workers && len(s.ready) > 0 {
		l := s.ready[0]
		s.ready = s.ready[1:]
		l.ready = false
		id := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.running++
		s.busy++
		go func() { s.ended <- ended{id, l, s.attempt(ctx, id)} }()
		s.offer(l)
	}
}

// end makes room for the next attempt.
func (s *scheduler) end(e ended) {
	l := e.lane
	s.busy--
	l.running--
	delete(s.known, e.id)
	s.offer(l)
	if !e.next.IsZero() && e.next.Before(s.next) {
		s.next = e.next
	}
	if l.cut && len(l.waiting) == 0 || s.cut && len(s.known) < allRoom/2 {
		l.cut = false
		s.next = s.o.Now()
	}
	if l.running == 0 && len(l.waiting) == 0 {
		delete(s.lanes, l.domain)
	}
}
