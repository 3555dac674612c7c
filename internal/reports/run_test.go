package reports

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

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
