package dns

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// serveFaults starts a faulty server for one host and a resolver that is quick to lose patience.
func serveFaults(t *testing.T, fault Fault) *Resolver {
	t.Helper()
	s, err := Faults{"mx.hanoi.example": fault}.Serve("127.0.0.1:0", labZone...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r := NewResolver(s.Address())
	r.timeout = 5 * time.Second
	switch fault {
	case Silent, Late:
		r.timeout = 2500 * time.Millisecond // of which the first round has a second
	}
	return r
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault Fault
		want  string
	}{
		"none":      {0, "[127.0.0.1]"},
		"silent":    {Silent, "temporary"},
		"SERVFAIL":  {ServFail, "temporary"},
		"REFUSED":   {Refused, "temporary"},
		"referral":  {Referral, "temporary"},
		"truncated": {Truncated, "[127.0.0.1]"},
		"cut":       {Cut, "temporary"},
		"other":     {Other, "temporary"},
		"forged":    {Forged, "[127.0.0.1]"},
		"late":      {Late, "[127.0.0.1]"},
		"garbage":   {Garbage, "temporary"},
		"denied":    {Denied, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := serveFaults(t, c.fault)
			if got := show(r.A(t.Context(), "mx.hanoi.example")); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if got := show(r.MX(t.Context(), "hanoi.example")); got == "temporary" {
				t.Error("the fault spreads to other names")
			}
		})
	}
}

func TestDeniedIsAuthenticated(t *testing.T) {
	t.Parallel()
	r := serveFaults(t, Denied)
	if ad, err := r.Authenticated(t.Context(), KindA, "mx.hanoi.example"); !ad || err != nil {
		t.Error(ad, err)
	}
	if ad, err := r.Authenticated(t.Context(), KindMX, "hanoi.example"); ad || err != nil {
		t.Error(ad, err)
	}
}

func TestSilentServerComesLast(t *testing.T) {
	t.Parallel()
	silent := serveFaults(t, Silent).servers[0]
	r := NewResolver(silent, serveLab(t, labZone...).servers[0])
	r.timeout = 2500 * time.Millisecond
	for range 2 {
		if got := show(r.A(t.Context(), "mx.hanoi.example")); got != "[127.0.0.1]" {
			t.Error(got)
		}
	}
	if got := r.order(); got[0] != 1 {
		t.Errorf("servers are asked in the order %v; the silent one should come last", got)
	}
}

// TestNoNameServer gives up ever sooner, until one answers.
func TestNoNameServer(t *testing.T) {
	t.Parallel()
	silent := serveFaults(t, Silent).servers[0]
	r := NewResolver(silent, serveLab(t, labZone...).servers[0])
	for _, c := range []struct {
		first, second int32
		want          []time.Duration
	}{
		{7, 40, []time.Duration{2 * time.Second, 5 * time.Second}},
		{8, 40, []time.Duration{time.Second}},
		{32, 40, []time.Duration{250 * time.Millisecond}},
	} {
		r.missed[0].Store(c.first)
		r.missed[1].Store(c.second)
		if got := r.patience(); !slices.Equal(got, c.want) {
			t.Errorf("after %d and %d questions without an answer: %v, want %v", c.first, c.second, got, c.want)
		}
	}
	r.timeout = 20 * time.Second // of which a server has a second now
	if _, err := r.A(t.Context(), "mx.hanoi.example"); err != nil {
		t.Fatal(err)
	}
	if r.missed[0].Load() != 33 || r.missed[1].Load() != 0 || len(r.patience()) != 2 {
		t.Errorf("after an answer: %d and %d missed", r.missed[0].Load(), r.missed[1].Load())
	}
}

func TestErrorsNameServerAndQuestion(t *testing.T) {
	t.Parallel()
	r := serveFaults(t, ServFail)
	_, err := r.A(t.Context(), "MX.hanoi.example.")
	want := "A of mx.hanoi.example: dns: temporary failure: server " + r.servers[0] + ": SERVFAIL"
	if !errors.Is(err, ErrTemporary) || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}
