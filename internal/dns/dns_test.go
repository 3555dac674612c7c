package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var labZone = []string{
	"hanoi.example. 60 IN SOA ns.hanoi.example. hostmaster.hanoi.example. 1 3600 600 86400 30",
	"hanoi.example. MX 20 backup.hanoi.example.",
	"hanoi.example. MX 10 MX.Hanoi.Example.",
	"mx.hanoi.example. A 127.0.0.1",
	"mx.hanoi.example. AAAA ::1",
	`hanoi.example. TXT "v=spf1 " "mx -all"`,
	`hanoi.example. TXT "second"`,
	"www.hanoi.example. CNAME web.hanoi.example.",
	"web.hanoi.example. CNAME mx.hanoi.example.",
	"lost.hanoi.example. CNAME nowhere.hanoi.example.",
	"loop.hanoi.example. CNAME loop2.hanoi.example.",
	"loop2.hanoi.example. CNAME loop.hanoi.example.",
	"_imaps._tcp.hanoi.example. SRV 0 1 993 mx.hanoi.example.",
	"1.0.0.127.in-addr.arpa. PTR mx.hanoi.example.",
	"null.example. MX 0 .",
	"_pop3._tcp.hanoi.example. SRV 0 0 0 .",
	"_25._tcp.mx.hanoi.example. TLSA 3 1 1 0102",
	`quoted.hanoi.example. TXT "say \"xin ch\195\160o\" \\ bye"`,
	"*.wild.hanoi.example. A 192.0.2.7",
	"deep.a.wild.hanoi.example. A 192.0.2.8",
}

// serveLab starts a server and a resolver that asks it.
func serveLab(t *testing.T, records ...string) *Resolver {
	t.Helper()
	s, err := Serve("127.0.0.1:0", records...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return NewResolver(s.Address())
}

// show writes a result or the kind of its error.
func show[T any](list []T, err error) string {
	switch {
	case errors.Is(err, ErrNotFound):
		return "not found"
	case errors.Is(err, ErrTemporary):
		return "temporary"
	case err != nil:
		return err.Error()
	}
	return fmt.Sprint(list)
}

func TestLookups(t *testing.T) {
	t.Parallel()
	inProcess, err := ZoneResolver(labZone...)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*Resolver{"servers": serveLab(t, labZone...), "zone": inProcess} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testLookups(t, r)
		})
	}
}

func testLookups(t *testing.T, r *Resolver) {
	ctx := t.Context()
	mx := func(name string) string { return show(r.MX(ctx, name)) }
	addresses := func(name string) string { return show(r.Addresses(ctx, name)) }
	txt := func(name string) string { return show(r.TXT(ctx, name)) }
	a := func(name string) string { return show(r.A(ctx, name)) }
	aaaa := func(name string) string { return show(r.AAAA(ctx, name)) }
	srv := func(name string) string { return show(r.SRV(ctx, name)) }
	tlsa := func(name string) string { return show(r.TLSA(ctx, name)) }
	cname := func(name string) string {
		target, err := r.CNAME(ctx, name)
		return show([]string{target}, err)
	}
	exists := func(name string) string {
		found, err := r.Exists(ctx, name)
		return show([]bool{found}, err)
	}
	soa := func(name string) string {
		start, err := r.SOA(ctx, name)
		return show([]SOA{start}, err)
	}
	ptr := func(a string) string { return show(r.Name(ctx, netip.MustParseAddr(a))) }
	for _, c := range []struct {
		lookup     func(string) string
		name, want string
	}{
		{mx, "hanoi.example", "[{10 mx.hanoi.example} {20 backup.hanoi.example}]"},
		{mx, "HANOI.example.", "[{10 mx.hanoi.example} {20 backup.hanoi.example}]"},
		{mx, "null.example", "[{0 .}]"},
		{mx, "mx.hanoi.example", "not found"},
		{mx, "no.example", "not found"},
		{mx, "www.hanoi.example", "not found"},
		{mx, "a..b", "not found"},
		{addresses, "mx.hanoi.example", "[::1 127.0.0.1]"},
		{addresses, "www.hanoi.example", "[::1 127.0.0.1]"},
		{addresses, "lost.hanoi.example", "not found"},
		{addresses, "loop.hanoi.example", "temporary"},
		{addresses, "_tcp.hanoi.example", "not found"},
		{txt, "hanoi.example", "[v=spf1 mx -all second]"},
		{a, "web.hanoi.example", "[127.0.0.1]"},
		{aaaa, "web.hanoi.example", "[::1]"},
		{aaaa, "any.wild.hanoi.example", "not found"},
		{a, "any.wild.hanoi.example", "[192.0.2.7]"},
		{a, "a.wild.hanoi.example", "not found"}, // it exists: it lies above deep
		{a, "b.a.wild.hanoi.example", "not found"},
		{srv, "_imaps._tcp.hanoi.example", "[{0 1 993 mx.hanoi.example}]"},
		{srv, "_pop3._tcp.hanoi.example", "[{0 0 0 .}]"},
		{tlsa, "_25._tcp.mx.hanoi.example", "[{3 1 1 [1 2]}]"},
		{cname, "www.hanoi.example", "[web.hanoi.example]"},
		{cname, "lost.hanoi.example", "[nowhere.hanoi.example]"},
		{cname, "mx.hanoi.example", "not found"},
		{soa, "hanoi.example", "[{ns.hanoi.example 30}]"},
		{soa, "mx.hanoi.example", "not found"},
		{exists, "mx.hanoi.example", "[true]"},
		{exists, "_tcp.hanoi.example", "[true]"},
		{exists, "lost.hanoi.example", "[true]"},
		{exists, "no.hanoi.example", "[false]"},
		{exists, "a..b", "[false]"},
		{txt, "quoted.hanoi.example", `[say "xin chào" \ bye]`},
		{ptr, "127.0.0.1", "[mx.hanoi.example]"},
		{ptr, "::ffff:127.0.0.1", "[mx.hanoi.example]"},
		{ptr, "192.0.2.1", "not found"},
	} {
		for _, again := range []string{"", " from the cache"} {
			if got := c.lookup(c.name); got != c.want {
				t.Errorf("%s%s: %s, want %s", c.name, again, got, c.want)
			}
		}
	}
}

func TestTruncatedOverTCP(t *testing.T) {
	t.Parallel()
	var records []string
	for i := range 200 {
		records = append(records, fmt.Sprintf("big.example. A 192.0.2.%d", i))
	}
	r := serveLab(t, records...)
	got, err := r.Addresses(t.Context(), "big.example")
	if err != nil || len(got) != 200 {
		t.Errorf("%d addresses, %v; want 200", len(got), err)
	}
}

func TestNegativeAnswerHasSOA(t *testing.T) {
	t.Parallel()
	z, err := parseZone(labZone)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		rcode int
		owner string
	}{
		{"no.hanoi.example.", dns.RcodeNameError, "hanoi.example."},
		{"_tcp.hanoi.example.", dns.RcodeSuccess, "hanoi.example."},
		{"elsewhere.test.", dns.RcodeNameError, "."},
	} {
		m := new(dns.Msg)
		z.answer(m, dns.Question{Name: c.name, Qtype: dns.TypeA, Qclass: dns.ClassINET})
		if m.Rcode != c.rcode || len(m.Ns) != 1 || m.Ns[0].Header().Name != c.owner {
			t.Errorf("%s: %v, want code %d and the SOA of %s", c.name, m, c.rcode, c.owner)
		}
	}
}

func TestBadZone(t *testing.T) {
	t.Parallel()
	if s, err := Serve("127.0.0.1:0", "hanoi.example. MX ten mx"); err == nil {
		s.Close()
		t.Error("a broken record was taken")
	}
}

// serveHandler starts a server that answers as the test likes, over UDP only.
func serveHandler(t *testing.T, h dns.HandlerFunc) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	running := make(chan struct{})
	s := &dns.Server{PacketConn: conn, Handler: h, NotifyStartedFunc: func() { close(running) }}
	ended := make(chan error, 1)
	go func() { ended <- s.ActivateAndServe() }()
	<-running
	t.Cleanup(func() { s.Shutdown(); <-ended })
	return conn.LocalAddr().String()
}

func TestNextServer(t *testing.T) {
	t.Parallel()
	bad := serveHandler(t, func(w dns.ResponseWriter, q *dns.Msg) {
		w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
	})
	r := serveLab(t, labZone...)
	r = NewResolver(bad, r.servers[0])
	if got := show(r.Addresses(t.Context(), "mx.hanoi.example")); got != "[::1 127.0.0.1]" {
		t.Error(got)
	}
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	r := NewResolver(serveHandler(t, func(dns.ResponseWriter, *dns.Msg) {}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.MX(ctx, "hanoi.example")
	if !errors.Is(err, ErrTemporary) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCacheHonoursTTL(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	z, err := parseZone([]string{
		"short.example. 10 TXT here", "zero.example. 0 TXT here",
		". 20 SOA ns. host. 1 1 1 1 20",
	})
	if err != nil {
		t.Fatal(err)
	}
	r := NewResolver(serveHandler(t, func(w dns.ResponseWriter, q *dns.Msg) {
		asked.Add(1)
		z.serve(w, q)
	}))
	now := time.Unix(0, 0)
	r.cache.now = func() time.Time { return now }
	for _, c := range []struct {
		name  string
		after time.Duration
		asked int32
	}{
		{"short.example", 0, 1},
		{"short.example", 9 * time.Second, 0},
		{"short.example", time.Second, 1},
		{"zero.example", 0, 1},
		{"zero.example", 0, 1},
		{"no.example", 0, 1},
		{"no.example", 19 * time.Second, 0},
		{"no.example", time.Second, 1},
	} {
		now = now.Add(c.after)
		asked.Store(0)
		r.TXT(t.Context(), c.name)
		if got := asked.Load(); got != c.asked {
			t.Errorf("%s after %v: asked %d times, want %d", c.name, c.after, got, c.asked)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := cache{now: time.Now}
	for i := range 2 * cacheSize {
		c.put(question{fmt.Sprint(i), 1}, answer{life: time.Minute})
	}
	if len(c.kept) > cacheSize {
		t.Errorf("%d answers kept, want at most %d", len(c.kept), cacheSize)
	}
}

func TestSystemServersHavePorts(t *testing.T) {
	t.Parallel()
	servers := systemServers()
	if len(servers) == 0 || slices.ContainsFunc(servers, func(s string) bool { return !strings.Contains(s, ":") }) {
		t.Errorf("servers %v", servers)
	}
}

func FuzzZone(f *testing.F) {
	for _, line := range labZone {
		f.Add(line)
	}
	f.Add("$GENERATE 1-3 host$.example. A 127.0.0.$")
	f.Add("$INCLUDE /etc/passwd")
	f.Add("( ; \"")
	f.Fuzz(func(t *testing.T, lines string) {
		z, err := parseZone([]string{lines})
		if err != nil {
			return
		}
		for name := range z {
			z.answer(new(dns.Msg), dns.Question{Name: name, Qtype: dns.TypeA, Qclass: dns.ClassINET})
		}
	})
}

// TestAdd adds records while others ask: what was there stays, what is wrong changes nothing.
func TestAdd(t *testing.T) {
	t.Parallel()
	s, err := Serve("127.0.0.1:0", labZone...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range 20 {
				if got := show(NewResolver(s.Address()).TXT(t.Context(), "hanoi.example")); !strings.HasPrefix(got, "[v=spf1 mx -all second") {
					t.Errorf("before or after: %s", got)
				}
			}
		})
	}
	for range 10 {
		if err := s.Add("hanoi.example. TXT third", "s1._domainkey.hanoi.example. TXT v=DKIM1"); err != nil {
			t.Error(err)
		}
		show(NewResolver(s.Address()).TXT(t.Context(), "elsewhere.test")) // so that the others get on meanwhile
	}
	asking.Wait()
	if err := s.Add("new.example. TXT good", "hanoi.example. MX ten mx"); err == nil {
		t.Error("a bad record was taken")
	}
	r := NewResolver(s.Address())
	for name, want := range map[string]string{
		"hanoi.example": "[v=spf1 mx -all second" + strings.Repeat(" third", 10) + "]", "s1._domainkey.hanoi.example": "[" + strings.Repeat(" v=DKIM1", 10)[1:] + "]",
	} {
		if got := show(r.TXT(t.Context(), name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if _, err := r.TXT(t.Context(), "new.example"); !errors.Is(err, ErrNotFound) {
		t.Errorf("of a list with a bad record: %v", err)
	}
	if _, err := r.TXT(t.Context(), "_domainkey.hanoi.example"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a name between: %v", err)
	}
}
