package dns

import (
	"testing"

	"github.com/miekg/dns"
)

var signedZone = []string{
	"signed.example. 300 IN SOA ns.signed.example. hostmaster.signed.example. 1 3600 600 86400 30",
	Signed("signed.example"),
	"signed.example. MX 10 mx.signed.example.",
	"mx.signed.example. A 192.0.2.1",
	"in.signed.example. CNAME mx.signed.example.",
	"out.signed.example. CNAME mx.plain.example.",
	"plain.example. 300 IN SOA ns.plain.example. hostmaster.plain.example. 1 3600 600 86400 30",
	"mx.plain.example. A 192.0.2.2",
	"in.plain.example. CNAME mx.signed.example.",
	"child.signed.example. NS ns.child.signed.example.",
	"mx.child.signed.example. A 192.0.2.3",
}

func TestAuthenticated(t *testing.T) {
	t.Parallel()
	inProcess, err := ZoneResolver(signedZone...)
	if err != nil {
		t.Fatal(err)
	}
	server := serveLab(t, signedZone...)
	for name, r := range map[string]*Resolver{
		"zone": inProcess, "server": server,
		"not trusted": NewResolver(server.servers...).TrustAD(false),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range []struct {
				kind Kind
				name string
				want bool
			}{
				{KindMX, "signed.example", true},
				{KindA, "mx.signed.example", true},
				{KindA, "in.signed.example", true},
				{KindA, "out.signed.example", false},
				{KindCNAME, "out.signed.example", true},
				{KindA, "in.plain.example", false},
				{KindA, "mx.plain.example", false},
				{KindTLSA, "_25._tcp.mx.signed.example", true}, // there is none, and that is certain
				{KindTLSA, "_25._tcp.mx.plain.example", false},
				{KindA, "mx.child.signed.example", false},
				{KindA, "nowhere.child.signed.example", false},
				{KindA, "a..b", false},
			} {
				for _, again := range []string{"", " from the cache"} {
					got, err := r.Authenticated(t.Context(), c.kind, c.name)
					if want := c.want && name != "not trusted"; got != want || err != nil {
						t.Errorf("%s of %s%s: %v %v, want %v", c.kind, c.name, again, got, err, want)
					}
				}
			}
		})
	}
}

func TestTrustByDefault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		servers []string
		want    bool
	}{
		{[]string{"127.0.0.53:53", "[::1]:53"}, true},
		{[]string{"127.0.0.1:53", "192.0.2.1:53"}, false},
		{[]string{"localhost:53"}, false}, // a name may be anything
		{[]string{"[::ffff:127.0.0.1]:53"}, true},
	} {
		if got := NewResolver(c.servers...).trust; got != c.want {
			t.Errorf("%v: %v, want %v", c.servers, got, c.want)
		}
	}
}

// A chain that leaves what one answer tells is authenticated only if each answer is.
func TestChainAcrossAnswers(t *testing.T) {
	t.Parallel()
	z, err := parseZone(signedZone)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		want bool
	}{{"in.signed.example", true}, {"out.signed.example", false}, {"in.plain.example", false}} {
		r := NewResolver(serveHandler(t, oneStep(z)))
		if got, err := r.Authenticated(t.Context(), KindA, c.name); got != c.want || err != nil {
			t.Errorf("%s: %v %v, want %v", c.name, got, err, c.want)
		}
		if got := show(r.A(t.Context(), c.name)); got == "not found" || got == "temporary" {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestServerSaysADToWhoAsks(t *testing.T) {
	t.Parallel()
	z, err := parseZone(signedZone)
	if err != nil {
		t.Fatal(err)
	}
	plain := new(dns.Msg).SetQuestion("mx.signed.example.", dns.TypeA)
	ad, do := plain.Copy(), plain.Copy()
	ad.AuthenticatedData = true
	do.SetEdns0(ednsSize, true)
	for _, c := range []struct {
		q    *dns.Msg
		want bool
	}{{plain, false}, {ad, true}, {do, true}} {
		if got := z.reply(c.q).AuthenticatedData; got != c.want {
			t.Errorf("to\n%v\nAD %v, want %v", c.q, got, c.want)
		}
	}
}
