package queue

import (
	"slices"
	"sort"
	"time"
)

// How many due jobs of one domain are held in memory: while there is much room,
// and then.
const (
	laneRoom   = 256
	narrowRoom = 8
)

// hint is what the schedule says of a job.
type hint struct {
	id       string
	domain   string
	priority int
	next     time.Time
}

// news is a job that is new, or was altered by hand.
type news struct {
	hint
	rested bool // its site has rested enough
	owing  bool // nobody is left to try: it is due for its report
}

// lane is the due jobs of one domain.
type lane struct {
	domain  string
	pace    *pace
	waiting line[hint]
	running int
	inLine  bool   // is in pace.lanes
	cut     bool   // more may be due than it holds: those whose rows by domain are at from and after it
	from    []byte // if cut
	hungry  bool   // is in scheduler.hungry
}

// urgent is what a line is sorted by.
type urgent interface{ urgency() int }

func (h hint) urgency() int  { return h.priority }
func (l *lane) urgency() int { return l.waiting[0].priority }

// line is a queue in which the more urgent stand before the others (RFC 6710 §4.1).
type line[T urgent] []T

func (l *line[T]) push(v T) {
	i := sort.Search(len(*l), func(i int) bool { return (*l)[i].urgency() < v.urgency() })
	*l = slices.Insert(*l, i, v)
}

func (l *line[T]) pop() T {
	v := (*l)[0]
	*l = (*l)[1:]
	return v
}

// take puts a due job into its domain's lane if there is room.
func (s *scheduler) take(h hint) {
	if s.known[h.id] {
		return
	}
	if s.owing[h.id] {
		delete(s.owing, h.id)
		s.hold(s.lane(reports), h)
		return
	}
	l := s.lane(h.domain)
	if l.cut || len(l.waiting) >= s.laneRoom() {
		l.leave(domainKey(h.domain, h.priority, h.next, h.id))
		s.feed(l)
		return
	}
	s.hold(l, h)
}

// reports is the lane of jobs that are due for their report alone, of whatever
// domain: no site is asked, so none keeps them waiting.
const reports = " reports"

// owe notes that a job has nothing but a report to make. Such jobs are found in
// the rows of their domain; of one that is not remembered the report stands in
// line there.
func (s *scheduler) owe(id string) {
	if len(s.owing) >= allRoom { // among them those that others told of
		clear(s.owing)
	}
	s.owing[id] = true
}

// hold keeps a job in memory until its attempt has ended.
func (s *scheduler) hold(l *lane, h hint) {
	s.known[h.id] = true
	more := len(l.waiting) > 0 && h.priority > l.urgency()
	l.waiting.push(h)
	if more && l.inLine { // it comes before where the lane stands
		l.pace.drop(l)
	}
	s.offer(l)
}

// leave notes that a due job stays in its row.
func (l *lane) leave(key []byte) {
	if !l.cut || slices.Compare(key, l.from) < 0 {
		l.from = key
	}
	l.cut = true
}

func (s *scheduler) laneRoom() int {
	if len(s.known) < allRoom/2 {
		return laneRoom
	}
	return narrowRoom
}

func (s *scheduler) lane(domain string) *lane {
	l := s.lanes[domain]
	if l == nil {
		l = &lane{domain: domain, pace: s.pace(s.siteOf(domain))}
		s.lanes[domain] = l
	}
	return l
}

// close forgets a lane that has nothing left to do.
func (s *scheduler) close(l *lane) {
	if l.running == 0 && len(l.waiting) == 0 && !l.cut {
		delete(s.lanes, l.domain)
	}
}

// siteOf is the site of a domain's servers: the domain itself until it is learned.
func (s *scheduler) siteOf(domain string) string {
	if name, known := s.sites[domain]; known {
		return name
	}
	return domain
}

// feed has a lane's rows read when it runs out of jobs.
func (s *scheduler) feed(l *lane) {
	if l.cut && !l.hungry && len(l.waiting) <= s.laneRoom()/4 {
		l.hungry = true
		s.hungry = append(s.hungry, l)
	}
}

// offer puts a lane in line at its pace if it has jobs.
func (s *scheduler) offer(l *lane) {
	if !l.inLine && len(l.waiting) > 0 {
		l.inLine = true
		l.pace.lanes.push(l)
	}
	s.offerPace(l.pace)
}
