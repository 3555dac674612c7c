package throttle

import (
	"net/netip"
	"testing"
	"time"
)

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClock() *clock { return &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func TestMeter(t *testing.T) {
	t.Parallel()
	c := newClock()
	m := NewMeter[string](Rate{4, time.Minute}, c.now)
	for i := range 4 {
		if wait := m.Take("a", 1); wait != 0 {
			t.Fatalf("time %d: wait %s", i+1, wait)
		}
	}
	if wait := m.Take("a", 1); wait != 15*time.Second {
		t.Errorf("a fifth time must wait for a quarter of a minute, got %s", wait)
	}
	if wait := m.Take("b", 4); wait != 0 {
		t.Errorf("another is held back: %s", wait)
	}
	c.t = c.t.Add(15 * time.Second)
	if wait := m.Over("a"); wait != 0 {
		t.Errorf("after the wait: %s", wait)
	}
	if wait := m.Take("a", 1); wait != 0 {
		t.Errorf("after the wait: %s", wait)
	}
	if wait := m.Take("a", 1); wait != 15*time.Second {
		t.Errorf("a refused one was counted, or the last was not: %s", wait)
	}
	if wait := m.Take("c", 5); wait != 15*time.Second {
		t.Errorf("more than all at once: %s", wait)
	}
}

func TestForce(t *testing.T) {
	t.Parallel()
	c := newClock()
	m := NewMeter[string](Rate{2, time.Minute}, c.now)
	m.Force("a", 1000)
	if wait := m.Over("a"); wait != 90*time.Second {
		t.Errorf("wait %s; the worst is forgiven within twice the time", wait)
	}
	c.t = c.t.Add(90 * time.Second)
	if wait := m.Over("a"); wait != 0 {
		t.Errorf("still %s", wait)
	}
}

func TestNoLimit(t *testing.T) {
	t.Parallel()
	m := NewMeter[string](Rate{}, newClock().now)
	for range 1000 {
		if m.Take("a", 1000) != 0 {
			t.Fatal("held back without a limit")
		}
	}
	if len(m.full) != 0 {
		t.Error("something is remembered")
	}
}

// TestBound asks for more keys than are kept.
func TestBound(t *testing.T) {
	t.Parallel()
	c := newClock()
	m := NewMeter[int](Rate{1, time.Hour}, c.now)
	for i := range maxKeys + 10 {
		m.Take(i, 1)
	}
	if len(m.full) > maxKeys {
		t.Errorf("%d keys", len(m.full))
	}
	c.t = c.t.Add(time.Hour)
	for i := range maxKeys {
		m.Take(-i, 1)
	}
	if m.Over(-1) == 0 {
		t.Error("a new key was forgotten although old ones could go")
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	s := NewSources(Rate{2, time.Minute}, newClock().now)
	at := netip.MustParseAddr
	for range 2 {
		if s.Take(Client(at("192.0.2.1")), 1) != 0 {
			t.Fatal("held back")
		}
	}
	if s.Over(Client(at("::ffff:192.0.2.1"))) == 0 || s.Take(Client(at("192.0.2.1")), 1) == 0 {
		t.Error("the same address may go on")
	}
	for host := byte(2); host < 2+NetworkFactor-1; host++ {
		a := netip.AddrFrom4([4]byte{192, 0, 2, host})
		if s.Take(Client(a), 2) != 0 {
			t.Fatalf("%s is held back", a)
		}
	}
	if s.Take(Client(at("192.0.2.200")), 1) == 0 {
		t.Error("the whole network may go on")
	}
	if s.Take(Client(at("192.0.3.1")), 1) != 0 {
		t.Error("another network is held back")
	}
	s.Force(Client(at("2001:db8::1")), 2)
	if s.Over(Client(at("2001:db8::2"))) == 0 || s.Over(Client(at("2001:db8:0:1::1"))) != 0 {
		t.Error("a /64 is one customer")
	}
}

func TestRateText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Rate{
		"none": {}, "100/1m": {100, time.Minute}, "2000/24h": {2000, 24 * time.Hour}, "1/90s": {1, 90 * time.Second}, "5/10s": {5, 10 * time.Second},
	} {
		var r Rate
		if err := r.UnmarshalText([]byte(text)); err != nil || r != want {
			t.Errorf("%s: %v %v", text, r, err)
		}
		var again Rate
		if err := again.UnmarshalText([]byte(r.String())); err != nil || again != r {
			t.Errorf("%s comes back as %s: %v", text, r, err)
		}
	}
	for _, text := range []string{"", "100", "/1m", "0/1m", "-1/1m", "1/0s", "1/1ms", "x/1m", "1/1m/1m", "1/9999999h", "99999999999/1m"} {
		if new(Rate).UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is a rate", text)
		}
	}
}

// TestBehind: clients that their proxy does not know may together do what a
// network may, and are nobody else's business.
func TestBehind(t *testing.T) {
	t.Parallel()
	s := NewSources(Rate{2, time.Minute}, newClock().now)
	proxy, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i := range 2 * NetworkFactor {
		if s.Take(Behind(proxy), 1) != 0 {
			t.Fatalf("held back after %d", i)
		}
	}
	if s.Take(Behind(proxy), 1) == 0 || s.Over(Behind(proxy)) == 0 {
		t.Error("they may go on")
	}
	if s.Take(Behind(other), 1) != 0 || s.Take(Client(proxy), 1) != 0 {
		t.Error("another proxy, or this one itself, is held back")
	}
	s.Force(Source{}, 100)
	if s.Take(Source{}, 100) != 0 {
		t.Error("nobody is held back")
	}
}
