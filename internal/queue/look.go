package queue

import (
	"bytes"
	"context"
	"time"

	"tem/internal/kv"
)

// lookRows is how many rows of the schedule are read before attempts that have
// ended are looked at.
const lookRows = 10000

// overlap is how far the clocks and the commits of processes that share the
// rows may be apart.
const overlap = 10 * time.Minute

// look reads what there is room for: for lanes that run out of jobs, and at the
// cursor if something is due there.
func (s *scheduler) look(ctx context.Context) error {
	now := s.o.Now()
	if !s.whole.After(now) {
		s.restart(now)
	}
	due := !s.next.After(now) && !s.full()
	if !due && len(s.hungry) == 0 {
		return nil
	}
	return s.o.KV.View(ctx, func(r kv.Reader) error {
		for len(s.hungry) > 0 && !s.full() {
			l := s.hungry[0]
			s.hungry = s.hungry[1:]
			l.hungry = false
			if err := s.refill(r, l, now); err != nil {
				return err
			}
		}
		if !due {
			return nil
		}
		return s.read(r, now)
	})
}

// restart puts the cursor back to the beginning.
func (s *scheduler) restart(now time.Time) {
	s.whole = now.Add(again)
	s.next = now
	s.cursor = nil
}

// readAll has all due rows read at a time.
func (s *scheduler) readAll(at time.Time) {
	if at.Before(s.whole) {
		s.whole = at
	}
}

// rewind has the rows read from those that are due at a time.
func (s *scheduler) rewind(next time.Time) {
	if next.Before(s.next) {
		s.next = next
	}
	if key := timeKey(next, ""); bytes.Compare(key, s.cursor) < 0 {
		s.cursor = key
	}
}

// read takes the due rows from the cursor on, and notes when the next is due.
func (s *scheduler) read(r kv.Reader, now time.Time) error {
	from := s.cursor
	if from == nil {
		from = []byte{timePrefix}
	}
	s.next = now.Add(again)
	if s.o.Shared {
		s.next = now.Add(others)
	}
	rows := 0
	err := r.Scan(kv.Queue, from, []byte{timePrefix + 1}, kv.ScanOptions{}, func(key, val []byte) error {
		h, ok := parseTimeKey(key)
		rows++
		switch {
		case ok && h.next.After(now):
			if h.next.Before(s.next) {
				s.next = h.next
			}
			return kv.ErrStop
		case s.full() || rows > lookRows:
			s.next = now
			return kv.ErrStop
		case ok:
			h.domain, h.priority = parseTimeVal(val)
			s.take(h)
		}
		s.cursor = append(bytes.Clone(key), 0)
		return nil
	})
	if s.o.Shared && s.next.After(now) { // another process may commit what is due already
		if back := timeKey(now.Add(-overlap), ""); bytes.Compare(back, s.cursor) < 0 {
			s.cursor = back
		}
	}
	return kv.Stopped(err)
}

// refill takes due rows of a lane that holds fewer than there are, the more
// urgent ones first.
func (s *scheduler) refill(r kv.Reader, l *lane, now time.Time) error {
	from, end := l.from, domainEnd(l.domain)
	for from != nil {
		var jump []byte // to the first row that is less urgent
		full := false
		err := r.Scan(kv.Queue, from, end, kv.ScanOptions{}, func(key, _ []byte) error {
			h := parseDomainKey(key, l.domain)
			switch {
			case h.next.After(now): // found again at the cursor when it is due
				jump = domainKey(l.domain, h.priority-1, time.UnixMilli(0), "")
				return kv.ErrStop
			case s.known[h.id]:
				return nil
			case s.owing[h.id]:
				s.take(h)
				return nil
			case s.full() || len(l.waiting) >= s.laneRoom():
				l.from, full = bytes.Clone(key), true
				return kv.ErrStop
			}
			s.hold(l, h)
			return nil
		})
		if err = kv.Stopped(err); err != nil || full {
			s.feed(l)
			return err
		}
		from = jump
	}
	l.cut, l.from = false, nil
	s.close(l)
	return nil
}

// hear takes the news.
func (s *scheduler) hear() {
	s.mu.Lock()
	news, all := s.news, s.all
	s.news, s.all = nil, false
	s.mu.Unlock()
	now := s.o.Now()
	if all {
		s.readAll(now)
	}
	for _, n := range news {
		if n.rested {
			s.rouseSite(n.domain, now)
		}
		if n.owing {
			s.owe(n.id)
		}
		if n.next.After(now) || s.full() {
			s.rewind(n.next)
		} else {
			s.take(n.hint)
		}
	}
}
