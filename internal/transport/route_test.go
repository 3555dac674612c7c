package transport

import (
	"fmt"
	"testing"

	"tem/internal/dns"
	"tem/internal/queue"
)

// zone gives every kind of domain that mail can be for.
var zone = []string{
	"two.example. MX 20 b.two.example.", "two.example. MX 10 a.two.example.",
	"a.two.example. A 127.0.0.1", "b.two.example. A 127.0.0.1",
	"equal.example. MX 10 a.two.example.", "equal.example. MX 10 b.two.example.",
	"null.example. MX 0 .",
	"nomx.example. A 127.0.0.1",
	"text.example. TXT here",
	"backup.example. MX 10 a.two.example.", "backup.example. MX 20 Us.Example.", "backup.example. MX 20 b.two.example.", "backup.example. MX 30 b.two.example.",
	"ours.example. MX 10 us.example.", "us.example. A 127.0.0.1",
	"noaddress.example. MX 10 text.example.",
	"mixed.example. MX 0 .", "mixed.example. MX 5 a.two.example.",
}

func newRemote(t testing.TB, zone ...string) *Remote {
	t.Helper()
	s, err := dns.Serve("127.0.0.1:0", zone...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &Remote{Hostname: "us.example", Resolver: dns.NewResolver(s.Address())}
}

func TestRoute(t *testing.T) {
	t.Parallel()
	r := newRemote(t, zone...)
	for _, c := range []struct{ domain, want, code string }{
		{"two.example", "[a.two.example b.two.example]", "0.0.0"},
		{"nomx.example", "[nomx.example]", "0.0.0"},
		{"null.example", "[]", "5.1.10"},
		{"mixed.example", "[a.two.example]", "0.0.0"},
		{"backup.example", "[a.two.example]", "0.0.0"},
		{"ours.example", "[]", "5.4.6"},
		{"us.example", "[]", "5.4.6"},
		{"[192.0.2.1]", "[[192.0.2.1]]", "0.0.0"},
	} {
		hosts, status := r.route(t.Context(), c.domain)
		if fmt.Sprint(hosts) != c.want || status.Code.String() != c.code {
			t.Errorf("%s: %v, %s; want %s, %s", c.domain, hosts, status, c.want, c.code)
		}
	}
}

func TestEqualPreferencesAreShuffled(t *testing.T) {
	t.Parallel()
	r := newRemote(t, zone...)
	first := map[string]bool{}
	for range 100 {
		hosts, _ := r.route(t.Context(), "equal.example")
		if len(hosts) != 2 {
			t.Fatal(hosts)
		}
		first[hosts[0]] = true
	}
	if len(first) != 2 {
		t.Errorf("always the same first: %v", first)
	}
}

func TestPeers(t *testing.T) {
	t.Parallel()
	r := newRemote(t, zone...)
	r.Port = 2525
	r.Ports = map[string]int{"b.two.example": 26}
	for _, c := range []struct{ host, want, code string }{
		{"a.two.example", "[{a.two.example 127.0.0.1:2525 <nil>}]", "0.0.0"},
		{"b.two.example", "[{b.two.example 127.0.0.1:26 <nil>}]", "0.0.0"},
		{"text.example", "[]", "5.1.2"},
		{"no.example", "[]", "5.1.2"},
		{"[192.0.2.1]", "[{[192.0.2.1] 192.0.2.1:2525 <nil>}]", "0.0.0"},
		{"[ipv6:2001:db8::1]", "[{[ipv6:2001:db8::1] [2001:db8::1]:2525 <nil>}]", "0.0.0"},
		{"[IPv6:]", "[]", "5.1.2"},
		{"[", "[]", "5.1.2"},
	} {
		peers, status := r.peers(t.Context(), way{}, c.host)
		if fmt.Sprint(peers) != c.want || status.Code.String() != c.code {
			t.Errorf("%s: %v, %s; want %s, %s", c.host, peers, status, c.want, c.code)
		}
	}
}

// TestUndeliverable goes as far as DNS alone decides.
func TestUndeliverable(t *testing.T) {
	t.Parallel()
	r := newRemote(t, zone...)
	gone := &Remote{Hostname: "us.example", Resolver: dns.NewResolver("127.0.0.1:1")}
	for _, c := range []struct {
		r            *Remote
		domain, code string
		reply        int
	}{
		{r, "null.example", "5.1.10", 556},
		{r, "no.example", "5.1.2", 0},
		{r, "text.example", "5.1.2", 0},
		{r, "noaddress.example", "5.1.2", 0},
		{r, "ours.example", "5.4.6", 0},
		{gone, "two.example", "4.4.3", 0},
	} {
		got := c.r.Deliver(t.Context(), &queue.Job{Domain: c.domain}, make([]queue.Recipient, 2))
		if len(got) != 2 || got[0] != got[1] || got[0].Code.String() != c.code || got[0].Reply != c.reply {
			t.Errorf("%s: %v, want %d %s twice", c.domain, got, c.reply, c.code)
		}
	}
}
