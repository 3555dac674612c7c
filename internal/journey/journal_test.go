package journey

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tem/internal/blob"
	"tem/internal/kv"
	"tem/internal/kv/memory"
	"tem/internal/kv/pebble"
	"tem/internal/message/dsn"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// clock is a time that tests turn.
type clock struct{ ns atomic.Int64 }

func newClock() *clock                { c := new(clock); c.ns.Store(start.UnixNano()); return c }
func (c *clock) now() time.Time       { return time.Unix(0, c.ns.Load()) }
func (c *clock) turn(d time.Duration) { c.ns.Add(int64(d)) }
func (c *clock) id() string           { return blob.NewID(c.now()).String() }
func (c *clock) event(e Event) Event  { e.Time = c.now(); return e }

// world is a journal over a store in memory.
func world(t testing.TB, o Options) (*Journal, *clock) {
	t.Helper()
	c := newClock()
	if o.KV == nil {
		e := memory.New()
		t.Cleanup(func() { e.Close() })
		o.KV = e
	}
	o.Now = c.now
	return New(o), c
}

// written records events and writes them at once.
func written(j *Journal, events ...Event) {
	for _, e := range events {
		j.Record(e)
	}
	j.flush(context.Background(), nil)
}

func find(t *testing.T, j *Journal, q Query) Found {
	t.Helper()
	f, err := j.Find(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func full(c *clock, id string) Event {
	return c.event(Event{
		ID: id, Job: id + "-1", Took: 1500 * time.Millisecond, Kind: Accepted, Session: "s1", Remote: "192.0.2.1:25", Hello: "h", Login: "l", TLS: "TLS 1.3",
		From: "An@Hanoi.example", To: []string{"binh@saigon.example", "chi@saigon.example"}, MessageID: "<m1@hanoi.example>", Size: 2843, Mailbox: "INBOX",
		Status: dsn.Status{Reply: 250, Code: dsn.Code{2, 1, 5}, Text: "ok", Remote: "mx"}, Reason: "why", Next: time.UnixMilli(c.now().UnixMilli() + 500),
		Policy: "dane", Verdict: "spf=pass", Dialogue: strings.Repeat("C: NOOP\nS: 250 ok\n", 50), Link: "L",
	})
}

func TestEventsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	j, c := world(t, Options{})
	id := c.id()
	want := full(c, id)
	second := c.event(Event{ID: id, Kind: Placed, To: []string{"binh@saigon.example"}, Mailbox: "Junk"})
	written(j, want, second)
	f := find(t, j, Query{Text: id})
	if len(f.Trips) != 1 || len(f.Trips[0].Events) != 2 {
		t.Fatalf("%+v", f)
	}
	for i, want := range []Event{want, second} {
		got := f.Trips[0].Events[i]
		if !got.Time.Equal(want.Time) || !got.Next.Equal(want.Next) {
			t.Errorf("times of %+v", got)
		}
		got.Time, got.Next = want.Time, want.Next
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
	}
}

func TestFoundByWhateverOneKnows(t *testing.T) {
	t.Parallel()
	j, c := world(t, Options{})
	id := c.id()
	written(j, full(c, id), c.event(Event{Kind: Refused, Session: "abcd", From: "x@evil.example", To: []string{"nobody@saigon.example"}}))
	for _, q := range []string{id, strings.ToLower(id) + "-1", "an@hanoi.example", "CHI@saigon.example", "<m1@hanoi.example>", "m1@hanoi.example"} {
		if f := find(t, j, Query{Text: q}); len(f.Trips) != 1 || f.Trips[0].ID != id {
			t.Errorf("%s: %+v", q, f.Trips)
		}
	}
	for _, q := range []string{"ABCD", "nobody@saigon.example", "<x@evil.example>"} {
		if f := find(t, j, Query{Text: q}); len(f.Trips) != 1 || f.Trips[0].Session != "abcd" || f.Trips[0].ID != "" {
			t.Errorf("%s: %+v", q, f.Trips)
		}
	}
	for _, q := range []string{"", "~", "nobody", "a@b.example", strings.Repeat("x", 5000), "@", "<>"} {
		if f := find(t, j, Query{Text: q}); len(f.Trips) != 0 {
			t.Errorf("%q: %+v", q, f.Trips)
		}
	}
}

func TestNewestFirstWithinLimitAndSince(t *testing.T) {
	t.Parallel()
	j, c := world(t, Options{})
	var ids []string
	for range 10 {
		id := c.id()
		ids = append(ids, id)
		written(j, c.event(Event{ID: id, Kind: Placed, From: "a@b.example", To: []string{"c@d.example"}}))
		c.turn(40 * time.Minute)
	}
	f := find(t, j, Query{Text: "a@b.example", Limit: 3})
	if len(f.Trips) != 3 || f.Trips[0].ID != ids[9] || f.Trips[2].ID != ids[7] {
		t.Errorf("%+v", f.Trips)
	}
	f = find(t, j, Query{Text: "a@b.example", Since: c.now().Add(-2 * time.Hour)})
	if n := len(f.Trips); n == 0 || n > 4 || f.Trips[0].ID != ids[9] {
		t.Errorf("since: %d", n)
	}
}

// A trip that waits for days is in many buckets.
func TestTripOverDays(t *testing.T) {
	t.Parallel()
	j, c := world(t, Options{})
	id := c.id()
	written(j, c.event(Event{ID: id, Kind: Accepted, To: []string{"c@d.example"}}), c.event(Event{ID: id, Kind: Queued, To: []string{"c@d.example"}}))
	for range 10 {
		c.turn(5 * time.Hour)
		written(j, c.event(Event{ID: id, Job: id + "-1", Kind: Deferred, To: []string{"c@d.example"}}), c.event(Event{ID: c.id(), Kind: Placed, To: []string{"x@y.example"}}))
	}
	c.turn(5 * time.Hour)
	written(j, c.event(Event{ID: id, Job: id + "-1", Kind: Delivered, To: []string{"c@d.example"}}))
	f := find(t, j, Query{Text: id})
	if len(f.Trips) != 1 || len(f.Trips[0].Events) != 13 || !f.Trips[0].settled() {
		t.Fatalf("%d events", len(f.Trips[0].Events))
	}
}

func TestLinksAreFollowedBothWays(t *testing.T) {
	t.Parallel()
	j, c := world(t, Options{})
	sent, arrived, report := c.id(), c.id(), c.id()
	written(j,
		c.event(Event{ID: sent, Kind: Accepted, From: "a@b.example", To: []string{"x@y.example"}, MessageID: "<m@b.example>"}),
		c.event(Event{ID: sent, Kind: Reported, To: []string{"x@y.example"}, Link: report}),
		c.event(Event{ID: arrived, Kind: Placed, To: []string{"x@y.example"}, MessageID: "<m@b.example>"}),
		c.event(Event{ID: report, Kind: Placed, To: []string{"a@b.example"}, MessageID: "<r@b.example>"}))
	for _, q := range []string{sent, report} {
		f := find(t, j, Query{Text: q})
		got := map[string]bool{}
		for _, trip := range f.Trips {
			got[trip.ID] = true
		}
		if !got[sent] || !got[report] {
			t.Errorf("%s leads to %v", q, got)
		}
		if f.Trips[0].ID != q {
			t.Errorf("what was asked for is not first: %s", f.Trips[0].ID)
		}
	}
	if f := find(t, j, Query{Text: arrived}); len(f.Trips) < 2 {
		t.Errorf("the arrival does not lead to the submission: %+v", f.Trips)
	}
}

func TestForgetsWhatIsOld(t *testing.T) {
	t.Parallel()
	j, c := world(t, Options{Keep: 24 * time.Hour})
	old := c.id()
	written(j, c.event(Event{ID: old, Kind: Placed, From: "a@b.example"}))
	c.turn(25 * time.Hour)
	young := c.id()
	written(j, c.event(Event{ID: young, Kind: Placed, From: "a@b.example"}))
	j.forget(t.Context())
	if f := find(t, j, Query{Text: "a@b.example"}); len(f.Trips) != 1 || f.Trips[0].ID != young {
		t.Errorf("%+v", f.Trips)
	}
	if n := rows(t, j); n != 3 { // bucket, event, index
		t.Errorf("%d rows are left", n)
	}
}

func rows(t *testing.T, j *Journal) (n int) {
	t.Helper()
	err := j.o.KV.View(t.Context(), func(r kv.Reader) error {
		return r.Scan(kv.Journey, nil, nil, kv.ScanOptions{}, func(_, _ []byte) error { n++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStaysWithinItsSize(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	j, c := world(t, Options{Size: size})
	var last string
	for range 300 {
		last = c.id()
		events := make([]Event, 100)
		for i := range events {
			events[i] = c.event(Event{ID: fmt.Sprintf("%s-%d", last, i), Kind: Placed, From: "a@b.example", Reason: fmt.Sprint(i)})
			events[i].ID = c.id()
		}
		events[0].ID = last
		written(j, events...)
		c.turn(2 * time.Second)
		if j.dueToForget() {
			j.forget(t.Context())
		}
	}
	buckets, err := j.buckets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, b := range buckets {
		total += b.octets
	}
	if total > size+size/8 || total < size/2 {
		t.Errorf("%d octets of %d in %d buckets", total, size, len(buckets))
	}
	if f := find(t, j, Query{Text: last}); len(f.Trips) != 1 {
		t.Error("the newest is gone")
	}
}

func TestLosesRatherThanWaits(t *testing.T) {
	t.Parallel()
	j, c := world(t, Options{})
	for range maxWaiting + 7 {
		j.Record(c.event(Event{ID: "X", Kind: Placed}))
	}
	j.flush(t.Context(), nil)
	if f := find(t, j, Query{Text: "X"}); f.Lost != 7 {
		t.Errorf("%d lost", f.Lost)
	}
	j.Record(Event{ID: "Y", Kind: Placed, Dialogue: strings.Repeat("x", maxWaitingOctets+1)})
	if len(j.waiting) != 0 || j.lost != 1 {
		t.Errorf("%d wait, %d lost", len(j.waiting), j.lost)
	}
}

func TestFailingStoreCostsOnlyEvents(t *testing.T) {
	t.Parallel()
	e := memory.New()
	j, c := world(t, Options{KV: e})
	e.Close()
	written(j, c.event(Event{ID: "X", Kind: Placed}))
	if j.lost != 1 {
		t.Errorf("%d lost", j.lost)
	}
}

func TestRunWritesAllBeforeItEnds(t *testing.T) {
	t.Parallel()
	j, c := world(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- j.Run(ctx) }()
	for range 3 * batchEvents {
		j.Record(c.event(Event{ID: c.id(), Kind: Placed}))
	}
	j.Record(c.event(Event{ID: "LAST", Kind: Placed}))
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if f := find(t, j, Query{Text: "last"}); len(f.Trips) != 1 || f.Lost != 0 {
		t.Errorf("%+v", f)
	}
}

// Two processes share the rows.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	e := memory.New()
	defer e.Close()
	a, c := world(t, Options{KV: e})
	b, _ := world(t, Options{KV: e})
	id := c.id()
	written(a, c.event(Event{ID: id, Kind: Accepted, To: []string{"x@y.example"}}))
	written(b, c.event(Event{ID: id, Kind: Delivered, To: []string{"x@y.example"}}))
	if f := find(t, b, Query{Text: id}); len(f.Trips) != 1 || len(f.Trips[0].Events) != 2 {
		t.Errorf("%+v", f.Trips)
	}
}

func TestHostileEventsAreBounded(t *testing.T) {
	t.Parallel()
	j, c := world(t, Options{})
	long := strings.Repeat("ế", 100000)
	e := c.event(Event{ID: "X\x00Y", Kind: Refused, Session: long, Hello: long, From: long, MessageID: long, Dialogue: long, Verdict: long, Reason: long, Status: dsn.Status{Text: long}})
	for range 10000 {
		e.To = append(e.To, long[:300])
	}
	written(j, e, c.event(Event{Kind: Refused, Session: long}))
	if j.bucket.octets > 100<<10 {
		t.Errorf("%d octets", j.bucket.octets)
	}
	if f := find(t, j, Query{Text: "xy"}); len(f.Trips) != 1 || len(f.Trips[0].To) > maxRecipients {
		t.Errorf("%d trips", len(f.Trips))
	}
}

func FuzzDecodeRow(f *testing.F) {
	j, c := world(f, Options{})
	e := full(c, "ID")
	f.Add(append([]byte{plainRow}, appendEvent(nil, &e, new(Event))...))
	f.Add(j.zip.EncodeAll(appendEvent(nil, &e, new(Event)), []byte{zippedRow}))
	f.Fuzz(func(t *testing.T, val []byte) {
		events, err := j.decodeRow(val)
		if err != nil || len(events) == 0 {
			return
		}
		row, before := []byte{plainRow}, new(Event)
		for i := range events {
			row = appendEvent(row, &events[i], before)
			before = &events[i]
		}
		if _, err := j.decodeRow(row); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	j, c := world(b, Options{})
	e := full(c, c.id())
	b.ReportAllocs()
	for i := range b.N {
		j.Record(e)
		if i%batchEvents == batchEvents-1 {
			j.waiting, j.octets = j.waiting[:0], 0
		}
	}
}

// BenchmarkWrite is what the writer takes for each event, two of a message, on disk.
func BenchmarkWrite(b *testing.B) {
	e, err := pebble.Open(pebble.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	j, c := world(b, Options{KV: e})
	dialogue := strings.Repeat("C: RCPT TO:<binh@saigon.example>\nS: 250 2.1.5 Recipient ok\n", 10)
	events := make([]Event, 0, 2000)
	b.ReportAllocs()
	for n := 0; n < b.N; {
		events = events[:0]
		for i := range 1000 {
			in := full(c, c.id())
			in.From, in.MessageID, in.Dialogue = fmt.Sprintf("a%d@hanoi.example", i), fmt.Sprintf("<%d.%d@x>", n, i), fmt.Sprintf("%s%d", dialogue, i)
			events = append(events, in, c.event(Event{ID: in.ID, Kind: Placed, Session: in.Session, From: in.From, To: in.To, Mailbox: "INBOX"}))
		}
		j.write(b.Context(), events, 0)
		n += len(events)
	}
	b.ReportMetric(float64(j.bucket.octets)/float64(b.N), "octets/event")
}

// TestWhoAsksFindsWhatHeDid: nobody has to wait for the end of a batch.
func TestWhoAsksFindsWhatHeDid(t *testing.T) {
	t.Parallel()
	j, c := world(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	for range 20 {
		id := c.id()
		j.Record(c.event(Event{ID: id, Kind: Placed}))
		if f := find(t, j, Query{Text: id}); len(f.Trips) != 1 {
			t.Errorf("%s: %d trips", id, len(f.Trips))
		}
		c.turn(time.Second)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
