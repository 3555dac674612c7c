package journey

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"tem/internal/kv"
)

// Bounds of an answer.
const (
	defaultLimit = 20
	maxLimit     = 1000
	maxEvents    = 2000 // of one trip
	maxLinked    = 10   // trips that one leads to
	maxVisited   = 4    // index rows looked at for each trip that is asked for
)

// Query says which trips are wanted.
type Query struct {
	Text  string    // id of a message or job, address, Message-ID, or session
	Since time.Time // no trip that ended before; of an address or Message-ID none that began much before; zero: all that is remembered
	Limit int       // trips; 0: 20
}

// Found is what is remembered.
type Found struct {
	Trips []Trip    // the newest first; behind those that were asked for, those that they led to
	From  time.Time // how far back the journal goes; zero: it is empty
	Lost  uint64    // events that were not written, since Query.Since
}

// Trip is what became of one message, or of one session's refusals.
type Trip struct {
	ID        string // of the message; "" for refusals
	Session   string
	MessageID string
	From      string
	To        []string
	Links     []string // ids of messages that came of it or that it came of
	Events    []Event  // by time
}

// Find looks up trips, with all that was recorded before. What it can't find is no error.
func (j *Journal) Find(ctx context.Context, q Query) (found Found, err error) {
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	q.Limit = min(q.Limit, maxLimit)
	j.catchUp(ctx)
	err = j.o.KV.View(ctx, func(r kv.Reader) error {
		f := finder{r: r, journal: j, limit: q.Limit, seen: map[string]bool{}}
		if err := f.open(q.Since); err != nil {
			return err
		}
		found.Lost = f.lost
		if len(f.buckets) > 0 {
			found.From = f.buckets[0].start()
		}
		err := f.find(q.Text)
		newestFirst(f.trips[:f.asked])
		newestFirst(f.trips[f.asked:])
		found.Trips = f.trips
		return err
	})
	return found, err
}

func newestFirst(trips []Trip) {
	slices.SortStableFunc(trips, func(a, b Trip) int { return b.start().Compare(a.start()) })
}

func (t *Trip) start() time.Time { return t.Events[0].Time }

// finder is one look into the journal.
type finder struct {
	r       kv.Reader
	journal *Journal
	buckets []bucket // the oldest first
	since   time.Time
	lost    uint64 // events, since then
	limit   int
	seen    map[string]bool // trips
	trips   []Trip
	asked   int // of them: the others are those that these led to
}

// open reads which buckets there are.
func (f *finder) open(since time.Time) error {
	all, err := readBuckets(f.r)
	f.buckets, f.since = all, since
	for _, b := range all {
		if !b.last.Before(since) {
			f.lost += b.lost
		}
	}
	return err
}

// find loads the trips that a text may mean, then those they lead to.
func (f *finder) find(text string) error {
	text = strings.TrimSpace(text)
	var err error
	if !strings.Contains(text, "@") {
		id, _, _ := strings.Cut(strings.ToUpper(text), "-") // a job's id is that of its message, "-", number
		err = errors.Join(f.load(id), f.load(sessionTrip+strings.ToLower(text)))
	} else {
		address := bareName(text)
		err = errors.Join(
			f.byIndex(nameRow, hashName(text), func(t *Trip) bool { return bareName(t.MessageID) == address }),
			f.byIndex(addressRow, hashAddress(address), func(t *Trip) bool { return t.has(address) }))
	}
	if f.asked = len(f.trips); err != nil {
		return err
	}
	return f.follow()
}

// has says whether an address is that of the sender or a recipient.
func (t *Trip) has(address string) bool {
	same := func(a string) bool { return strings.EqualFold(a, address) }
	return same(t.From) || slices.ContainsFunc(t.To, same) ||
		slices.ContainsFunc(t.Events, func(e Event) bool { return same(e.From) || slices.ContainsFunc(e.To, same) })
}

// byIndex loads the newest trips under a hash, those that are meant.
func (f *finder) byIndex(kind byte, h uint64, meant func(*Trip) bool) error {
	visited := 0
	for _, b := range slices.Backward(f.buckets) {
		if b.last.Before(f.since) {
			continue
		}
		lo := b.indexKey(kind, h, time.UnixMilli(0), "")
		hi := append(slices.Clone(lo[:1+nameLength+1+8]), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
		var names []string
		err := f.r.Scan(kv.Journey, lo, hi, kv.ScanOptions{Reverse: true, Limit: f.limit * maxVisited}, func(key, _ []byte) error {
			names = append(names, indexed(key))
			return nil
		})
		if err != nil {
			return err
		}
		for _, name := range names {
			if visited++; len(f.trips) >= f.limit || visited > f.limit*maxVisited {
				return nil
			}
			if err := f.loadIf(name, meant); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *finder) load(name string) error { return f.loadIf(name, func(*Trip) bool { return true }) }

// loadIf reads a trip from all buckets that it may be in.
func (f *finder) loadIf(name string, meant func(*Trip) bool) error {
	if name == "" || name == sessionTrip || len(name) > maxTrip || f.seen[name] {
		return nil
	}
	f.seen[name] = true
	t := Trip{}
	if id, ok := strings.CutPrefix(name, sessionTrip); ok {
		t.Session = id
	} else {
		t.ID = name
	}
	from := begun(name, time.Time{}).Add(-time.Minute) // the clocks of nodes differ
	after := 0
	for i := range f.buckets {
		b := &f.buckets[i]
		if b.last.Before(from) {
			continue
		}
		if after == settledFor || len(t.Events) >= maxEvents {
			break
		}
		if err := f.loadFrom(b, name, &t); err != nil {
			return err
		}
		if after++; !t.settled() {
			after = 0
		}
	}
	if len(t.Events) == 0 {
		return nil
	}
	if t.complete(); t.Events[len(t.Events)-1].Time.Before(f.since) {
		return nil
	}
	if meant(&t) {
		f.trips = append(f.trips, t)
	}
	return nil
}

// settledFor is in how many buckets after its end something is still looked for.
const settledFor = 3

func (f *finder) loadFrom(b *bucket, name string, t *Trip) error {
	lo := b.eventsPrefix(name)
	hi := append(slices.Clone(lo[:len(lo)-1]), 1)
	return f.r.Scan(kv.Journey, lo, hi, kv.ScanOptions{Limit: maxEvents}, func(_, val []byte) error {
		events, err := f.journal.decodeRow(val)
		t.Events = append(t.Events, events...)
		return err
	})
}

// settled says that no more is to be expected of a trip.
func (t *Trip) settled() bool {
	if len(t.Events) == 0 {
		return false
	}
	t.sort()
	return !slices.ContainsFunc(t.fates(), func(f fate) bool { return !f.over() })
}

func (t *Trip) sort() {
	slices.SortStableFunc(t.Events, func(a, b Event) int { return a.Time.Compare(b.Time) })
}

// complete tells of the whole trip what its events say.
func (t *Trip) complete() {
	t.sort()
	for i := range t.Events {
		e := &t.Events[i]
		e.ID = t.ID
		t.describe(e)
		if e.Link != "" {
			t.link(e.Link)
		}
	}
}

func (t *Trip) describe(e *Event) {
	if t.Session == "" {
		t.Session = e.Session
	}
	if t.MessageID == "" {
		t.MessageID = e.MessageID
	}
	if t.From == "" {
		t.From = e.From
	}
	if e.Kind == Accepted || e.Kind == Refused || len(t.To) == 0 {
		for _, a := range e.To {
			if !slices.Contains(t.To, a) {
				t.To = append(t.To, a)
			}
		}
	}
}

func (t *Trip) link(id string) {
	if id != t.ID && !slices.Contains(t.Links, id) {
		t.Links = append(t.Links, id)
	}
}

// follow loads what the trips that were found lead to: reports and copies, what
// they came of, and other trips of the same message.
func (f *finder) follow() error {
	first := len(f.trips)
	f.limit = min(first+maxLinked, maxLimit+maxLinked)
	for i := range first {
		if err := f.followOne(i); err != nil {
			return err
		}
	}
	return nil
}

func (f *finder) followOne(i int) error {
	t := f.trips[i] // the list grows meanwhile
	for _, id := range t.Links {
		if len(f.trips) < f.limit {
			if err := f.load(strings.ToUpper(id)); err != nil {
				return err
			}
		}
	}
	if t.MessageID != "" {
		same := func(o *Trip) bool { return bareName(o.MessageID) == bareName(t.MessageID) }
		if err := f.byIndex(nameRow, hashName(t.MessageID), same); err != nil {
			return err
		}
	}
	if t.ID == "" {
		return nil
	}
	before := len(f.trips)
	err := f.byIndex(linkRow, hash(t.ID), func(o *Trip) bool { return slices.Contains(o.Links, t.ID) })
	for _, o := range f.trips[before:] {
		f.trips[i].link(o.ID)
	}
	return err
}
