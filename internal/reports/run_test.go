package reports

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/kv"
	"tem/internal/kv/memory"
	"tem/internal/trust"
	"tem/internal/trust/dkim"
	"tem/internal/trust/dmarc"
	"tem/internal/trust/spf"
)

// TestRun: counts are rows after a while, and at the end.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := memory.New()
		defer e.Close()
		r := New(Options{KV: e, TLS: true})
		rows := func() (n int64) {
			check(t, r.counted(t.Context(), TLS, dayOf(time.Now()), "saigon.example", func(c countRow) error { n += c.Count; return nil }))
			return n
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		r.Session(session1(""))
		time.Sleep(flushTime + time.Second) // of the bubble
		if n := rows(); n != 1 {
			t.Errorf("%d after a while", n)
		}
		r.Session(session1(""))
		cancel()
		if err := <-done; err != nil || rows() != 2 {
			t.Errorf("%d at the end, %v", rows(), err)
		}
	})
}

// TestDead: a store that takes nothing costs counts, and no more.
func TestDead(t *testing.T) {
	t.Parallel()
	e := memory.New()
	r := New(Options{KV: e, TLS: true})
	r.Session(session1(""))
	e.Close()
	r.flush(t.Context())
	if !r.failing {
		t.Error("nothing was noticed")
	}
}

func BenchmarkJudged(b *testing.B) {
	r := New(Options{KV: memory.New(), DMARC: true})
	rec, err := dmarc.Parse("v=DMARC1; p=reject; rua=mailto:a@saigon.example")
	if err != nil {
		b.Fatal(err)
	}
	v := &trust.Verdict{
		Client: trust.Client{Addr: saigonIP}, ReturnPath: "a@saigon.example", SPF: spf.Outcome{Domain: "saigon.example", Result: spf.Pass},
		DKIM:  []dkim.Result{{Domain: "saigon.example", Selector: "s1", Status: dkim.Pass}},
		DMARC: &dmarc.Result{Value: dmarc.Pass, From: "saigon.example", Domain: "saigon.example", Record: rec, Policy: dmarc.Reject, Alignments: []dmarc.Alignment{{Identifier: dmarc.Identifier{Method: "spf", Pass: true}, Aligned: true}}},
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Judged(v)
	}
}

// TestSendNow: what was counted is told at once, what comes later on the same day after its end, and nothing twice.
func TestSendNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, asks)
	ctx := t.Context()
	letter := func() {
		w.hanoi.take(ctx, saigonIP, "mx.saigon.example", "a@saigon.example", w.sign(t, letterOf("saigon.example")), "postmaster@hanoi.example")
	}
	now := func(want int) {
		t.Helper()
		list, err := w.hanoi.SendNow(ctx, "saigon.example")
		if err != nil || len(list) != want || want > 0 && (!list[0].Done || !slices.ContainsFunc(list[0].To, func(d Destination) bool { return d.Outcome == "mailed" })) {
			t.Errorf("%+v %v; want %d", list, err, want)
		}
		w.hanoi.jobs()
	}
	counts := func() (list []int64) {
		for _, text := range w.letters {
			d, err := Read(strings.NewReader(text))
			check(t, err)
			n := int64(0)
			for _, r := range d.DMARC.Records {
				n += r.Count
			}
			if e := d.DMARC.Metadata.End.Time(); e.After(w.Now()) {
				t.Errorf("it is about %v, which is not yet", e)
			}
			list = append(list, n)
		}
		return list
	}
	now(0)
	letter()
	letter()
	now(1)
	now(0)
	w.set(w.Now().Add(time.Hour))
	letter()
	now(1)
	letter()
	letter()
	letter()
	w.hanoi.flush(ctx)
	w.set(w.Now().Add(24 * time.Hour).Truncate(24 * time.Hour).Add(5 * time.Hour))
	w.hanoi.sendDue(ctx)
	w.hanoi.jobs()
	if got := counts(); !slices.Equal(got, []int64{2, 1, 3}) {
		t.Errorf("reports on %v messages", got)
	}
	w.saigon.read()
	sum, err := w.saigon.Summarize(ctx, "saigon.example", time.Time{})
	if err != nil || sum.Messages != 6 || sum.Reports != 3 {
		t.Errorf("%+v %v", sum, err)
	}
	w.set(w.Now().Add(24 * time.Hour))
	w.hanoi.sendDue(ctx)
	list, err := w.hanoi.counts(ctx, DMARC, dayOf(w.Now()))
	if n := w.hanoi.jobs(); n != 0 || err != nil || len(list) != 0 {
		t.Errorf("%d more letters, left %v %v", n, list, err)
	}
}

// TestNobodyAsks: who sends by hand sees that nobody wants to know, and what was counted goes.
func TestNobodyAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.hanoi.Session(session1(""))
	for _, want := range []int{1, 0} {
		list, err := w.hanoi.SendNow(t.Context(), "saigon.example")
		if err != nil || len(list) != want || want == 1 && (!list[0].Done || list[0].To[0].Outcome != "asks for no such report") {
			t.Errorf("%+v %v", list, err)
		}
	}
}

// TestDayToldAlready: a day of which all was told before its end has no report of its own.
func TestDayToldAlready(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, asks)
	ctx := t.Context()
	w.hanoi.take(ctx, saigonIP, "mx.saigon.example", "a@saigon.example", w.sign(t, letterOf("saigon.example")), "postmaster@hanoi.example")
	if list, err := w.hanoi.SendNow(ctx, "saigon.example"); err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	w.hanoi.jobs()
	w.set(w.Now().Add(24 * time.Hour).Truncate(24 * time.Hour).Add(5 * time.Hour))
	w.hanoi.sendDue(ctx)
	sent, _, err := w.hanoi.Sendings(ctx, time.Time{}, 10)
	if n := w.hanoi.jobs(); n != 0 || err != nil || len(sent) != 1 {
		t.Errorf("%d letters; %+v %v", n, sent, err)
	}
}

// TestCutWhileCounting: counts are neither lost nor told twice when a process counts on meanwhile.
func TestCutWhileCounting(t *testing.T) {
	t.Parallel()
	e := memory.New()
	defer e.Close()
	nodes := []*Reports{New(Options{KV: e, TLS: true}), New(Options{KV: e, TLS: true})}
	ctx, day := t.Context(), dayOf(time.Now())
	const rounds = 200
	var wg sync.WaitGroup
	var counting atomic.Int32
	for _, r := range nodes {
		counting.Add(1)
		wg.Go(func() {
			defer counting.Add(-1)
			for range rounds {
				r.Session(session1(""))
				r.flush(ctx)
			}
		})
	}
	wg.Go(func() {
		for counting.Load() > 0 {
			if err := nodes[0].cut(ctx, TLS, day, "saigon.example"); err != nil && !errors.Is(err, kv.ErrConflict) {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	total := int64(0)
	list, err := nodes[0].counts(ctx, TLS, day+2)
	check(t, err)
	for _, d := range list {
		check(t, nodes[0].counted(ctx, TLS, d.day, d.name(), func(c countRow) error { total += c.Count; return nil }))
	}
	_, lost, err := nodes[0].Sendings(ctx, time.Time{}, 1)
	if err != nil || total+lost != 2*rounds { // what is cut again and again at that moment is lost, and told
		t.Errorf("%d and %d lost of %d, %v", total, lost, 2*rounds, err)
	}
	t.Logf("cut %d times", len(list))
}
