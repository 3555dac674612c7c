package transport

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"tem/internal/dns"
	"tem/internal/journey"
	"tem/internal/kv"
	"tem/internal/kv/memory"
	"tem/internal/message/dsn"
	"tem/internal/transport/sts"
)

// authority signs certificates for servers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err = x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{c, key}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// issue makes a certificate that ends after some time.
func (a *authority) issue(t testing.TB, name string, life time.Duration) tls.Certificate {
	t.Helper()
	return a.issueFor(t, a.key, name, life)
}

// issueFor does for another key.
func (a *authority) issueFor(t testing.TB, key crypto.Signer, name string, life time.Duration) tls.Certificate {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Unix(1, 0), NotAfter: time.Now().Add(life), DNSNames: []string{name}}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tlsa is a record 3 1 1 for a certificate of the authority.
func (a *authority) tlsa() string {
	return fmt.Sprintf("3 1 1 %x", a.spki())
}

func (a *authority) spki() []byte {
	sum := sha256.Sum256(a.cert.RawSubjectPublicKeyInfo)
	return sum[:]
}

// watcher keeps what a Remote tells.
type watcher struct {
	mu       sync.Mutex
	events   []journey.Event
	outcomes []TLSOutcome
}

func (w *watcher) watch(r *Remote) *watcher {
	r.Record = func(e journey.Event) { w.mu.Lock(); defer w.mu.Unlock(); w.events = append(w.events, e) }
	r.TLSReport = func(o TLSOutcome) { w.mu.Lock(); defer w.mu.Unlock(); w.outcomes = append(w.outcomes, o) }
	return w
}

// results are the results of TLS so far, "ok" for a success.
func (w *watcher) results() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, o := range w.outcomes {
		result := o.Result
		if result == "" {
			result = "ok"
		}
		if o.Domain == "" {
			result += " of nobody"
		}
		all = append(all, o.Policy.Type+" "+result)
	}
	return strings.Join(all, ", ")
}

// policies are a cache of one fixed policy; nil for none.
func policies(p *sts.Policy) *sts.Cache {
	return &sts.Cache{
		KV:    memory.New(),
		Text:  func(context.Context, string) ([]string, error) { return []string{"v=STSv1; id=1"}, nil },
		Fetch: func(context.Context, string) (*sts.Policy, error) { return p, nil },
	}
}

func policy(mode sts.Mode, mx ...string) *sts.Policy {
	return &sts.Policy{Mode: mode, MaxAge: time.Hour, MX: mx}
}

// TestTLS says what becomes of a message under each policy and each state of the server's TLS.
func TestTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	const host = "mx1.saigon.example"
	good := ca.issue(t, host, time.Hour)
	wrong := ca.issue(t, "other.example", time.Hour)
	expired := ca.issue(t, host, -time.Hour)
	stranger := newAuthority(t).issue(t, host, time.Hour)
	signed := dns.Signed("saigon.example")
	at := "_25._tcp." + host + ". TLSA "
	enforce, testing, other := policy(sts.Enforce, "*.saigon.example"), policy(sts.Testing, host), policy(sts.Enforce, "mx9.saigon.example")
	for _, c := range []struct {
		name     string
		cert     *tls.Certificate // nil: no STARTTLS
		policy   *sts.Policy
		records  []string
		require  bool // by the sender
		optional bool // says the header
		offers   bool // REQUIRETLS
		want     string
		under    string // the journey's policy
		results  string
		reason   string
	}{
		{name: "nobody asks", want: "250 2.0.0", under: "opportunistic", results: "no-policy-found starttls-not-supported"},
		{name: "nobody asks, certificate of a stranger", cert: &stranger, want: "250 2.0.0", under: "opportunistic", results: "no-policy-found ok"},

		{name: "sts", cert: &good, policy: enforce, want: "250 2.0.0", under: "mta-sts", results: "sts ok"},
		{name: "sts, stripped", policy: enforce, want: "0 4.7.5", under: "mta-sts", results: "sts starttls-not-supported", reason: "does not offer TLS, which is a must (mta-sts)"},
		{name: "sts, wrong name", cert: &wrong, policy: enforce, want: "0 4.7.5", under: "mta-sts", results: "sts certificate-host-mismatch", reason: "not good for MTA-STS"},
		{name: "sts, expired", cert: &expired, policy: enforce, want: "0 4.7.5", under: "mta-sts", results: "sts certificate-expired", reason: "expired"},
		{name: "sts, stranger", cert: &stranger, policy: enforce, want: "0 4.7.5", under: "mta-sts", results: "sts certificate-not-trusted", reason: "unknown authority"},
		{name: "sts, another host", cert: &good, policy: other, want: "0 4.7.5", results: "sts validation-failure", reason: "does not name it"},
		{name: "sts, none", policy: policy(sts.None), want: "250 2.0.0", under: "opportunistic", results: "no-policy-found starttls-not-supported"},
		{name: "sts tested, wrong name", cert: &wrong, policy: testing, want: "250 2.0.0", under: "opportunistic", results: "sts certificate-host-mismatch"},
		{name: "sts tested, stripped", policy: testing, want: "250 2.0.0", under: "opportunistic", results: "sts starttls-not-supported"},
		{name: "sts, and the sender does not mind", policy: enforce, optional: true, want: "250 2.0.0", under: "opportunistic", results: "sts starttls-not-supported, sts starttls-not-supported"},

		{name: "dane", cert: &expired, records: []string{signed, at + ca.tlsa()}, want: "250 2.0.0", under: "dane", results: "tlsa ok"},
		{name: "dane, another key", cert: &stranger, records: []string{signed, at + ca.tlsa()}, want: "0 4.7.5", under: "dane", results: "tlsa validation-failure", reason: "no TLSA record matches"},
		{name: "dane, stripped", records: []string{signed, at + ca.tlsa()}, want: "0 4.7.5", under: "dane", results: "tlsa starttls-not-supported", reason: "is a must (dane)"},
		{name: "dane without DNSSEC is nothing", records: []string{at + ca.tlsa()}, want: "250 2.0.0", under: "opportunistic", results: "no-policy-found starttls-not-supported"},
		{name: "dane, unusable: any TLS", cert: &stranger, records: []string{signed, at + "1 1 1 " + strings.Repeat("00", 32)}, want: "250 2.0.0", under: "dane", results: "tlsa ok"},
		{name: "dane, unusable: not in clear", records: []string{signed, at + "1 1 1 " + strings.Repeat("00", 32)}, want: "0 4.7.5", under: "dane", results: "tlsa starttls-not-supported", reason: "is a must"},
		{name: "dane goes before sts", cert: &good, policy: other, records: []string{signed, at + ca.tlsa()}, want: "250 2.0.0", under: "dane", results: "tlsa ok"},

		{name: "required, by sts", cert: &good, policy: enforce, require: true, offers: true, want: "250 2.0.0", under: "requiretls", results: "sts ok"},
		{name: "required, by DNSSEC", cert: &good, records: []string{signed}, require: true, offers: true, want: "250 2.0.0", under: "requiretls", results: "no-policy-found ok"},
		{name: "required, by dane", cert: &expired, records: []string{signed, at + ca.tlsa()}, require: true, offers: true, want: "250 2.0.0", under: "requiretls", results: "tlsa ok"},
		{name: "required, nobody vouches", cert: &good, require: true, offers: true, want: "0 5.7.10", reason: "neither DNSSEC nor MTA-STS"},
		{name: "required, not kept to", cert: &good, policy: enforce, require: true, want: "0 5.7.30", under: "requiretls", results: "sts ok", reason: "does not offer REQUIRETLS"},
		{name: "required, stripped", policy: enforce, require: true, offers: true, want: "0 5.7.10", under: "requiretls", results: "sts starttls-not-supported", reason: "is a must (requiretls)"},
		{name: "required, wrong name", cert: &wrong, records: []string{signed}, require: true, offers: true, want: "0 5.7.10", under: "requiretls", results: "no-policy-found certificate-host-mismatch", reason: "the TLS that the sender requires"},
		{name: "required goes before optional", policy: enforce, require: true, optional: true, want: "0 5.7.10", under: "requiretls", results: "sts starttls-not-supported", reason: "is a must"},
	} {
		t.Run(c.name, func(t *T) {
			t.Parallel()
			x := serveMail(t, host, func(s *gosmtp.Server, _ *exchanger) {
				s.EnableREQUIRETLS = c.offers
				if c.cert != nil {
					s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*c.cert}}
				}
			})
			l := newLab(t, x.port)
			w := new(watcher).watch(l.Remote)
			l.Roots, l.Policies = ca.pool(), nil
			if c.policy != nil {
				l.Policies = policies(c.policy)
			}
			l.zone(t, append(c.records, "saigon.example. MX 1 "+host+".", host+". A 127.0.0.1")...)
			l.job.RequireTLS = c.require
			if c.optional {
				l.store(t, "TLS-Required: No\r\n"+letter)
			}
			statuses, codes := l.send(t, "a@saigon.example")
			last := w.events[len(w.events)-1]
			if codes != c.want || last.Policy != c.under || w.results() != c.results || !strings.Contains(last.Reason, c.reason) || (last.Reason == "") != (c.reason == "") {
				t.Errorf("%v; under %q; results %q; reason %q", statuses, last.Policy, w.results(), last.Reason)
			}
			if c.cert != nil && c.under == "mta-sts" && last.Status.OK() && !strings.HasPrefix(last.TLS, "TLS 1.3 ") {
				t.Errorf("TLS %q", last.TLS)
			}
		})
	}
}

// T lets a case be called testing.
type T = testing.T

// A server whose TLSA records can't be had is not used; the next one is.
func TestBogusTLSA(t *testing.T) {
	t.Parallel()
	x := serveMail(t, "mx2.saigon.example", nil)
	one := serveMail(t, "mx1.saigon.example", nil)
	s, err := dns.Faults{"_25._tcp.mx1.saigon.example": dns.ServFail}.Serve("127.0.0.1:0", dns.Signed("saigon.example"),
		"saigon.example. MX 1 mx1.saigon.example.", "saigon.example. MX 2 mx2.saigon.example.",
		"mx1.saigon.example. A 127.0.0.1", "mx2.saigon.example. A 127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	l := newLab(t, one.port, x.port)
	w := new(watcher).watch(l.Remote)
	l.Resolver = dns.NewResolver(s.Address())
	statuses, codes := l.send(t, "a@saigon.example")
	if codes != "250 2.0.0" || statuses[0].Remote != "mx2.saigon.example" || one.dialogue != 0 {
		t.Errorf("%v", statuses)
	}
	if e := w.events[0]; e.Status.Code != codeInsecure || !strings.Contains(e.Reason, "TLSA records can't be had") || e.Remote != "mx1.saigon.example" {
		t.Errorf("%+v", e)
	}
}

// zone has the lab's names looked up in this process.
func (l *lab) zone(t testing.TB, records ...string) {
	t.Helper()
	r, err := dns.ZoneResolver(records...)
	if err != nil {
		t.Fatal(err)
	}
	l.Resolver = r
}

// store gives the lab's job another text.
func (l *lab) store(t testing.TB, text string) {
	t.Helper()
	spool := l.Mail.NewSpool(t.Context())
	io.WriteString(spool, text)
	body, err := spool.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if _, err = l.Mail.Deliver(t.Context(), body, nil, func(b *kv.Batch) { l.Mail.Refer(b, body.ID, []byte("B-1")) }); err != nil {
		t.Fatal(err)
	}
	l.job.Body, l.job.Skip, l.job.Size = body.ID, 0, int64(len(text))
}

func TestOrderOfAddresses(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.zone(t, "x.example. AAAA 2001:db8::1", "x.example. AAAA 2001:db8::2", "x.example. A 192.0.2.1", "x.example. A 192.0.2.2")
	peers, _ := l.peers(t.Context(), way{}, "x.example")
	var families []bool
	for _, p := range peers {
		families = append(families, strings.HasPrefix(p.address, "["))
	}
	if !slices.Equal(families, []bool{true, false, true, false}) {
		t.Errorf("%v", peers)
	}
}

// TestSilenceDoesNotTurnDANEOff: nobody can say whether the addresses of a host
// are authenticated, which somebody on the way can bring about.
func TestSilenceDoesNotTurnDANEOff(t *testing.T) {
	t.Parallel()
	s, err := dns.Faults{"mx1.saigon.example": dns.ServFail}.Serve("127.0.0.1:0", dns.Signed("saigon.example"),
		"plain.example. A 192.0.2.1", "_25._tcp.mx1.saigon.example. TLSA 3 1 1 "+strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a := &attempt{Remote: &Remote{Resolver: dns.NewResolver(s.Address())}}
	for host, refused := range map[string]bool{"mx1.saigon.example": true, "plain.example": false} {
		n := need{policy: opportunistic}
		found, status := a.dane(t.Context(), way{secure: true, domain: "saigon.example"}, host, &n)
		if found || (status.Code == codeInsecure) != refused {
			t.Errorf("%s: %v, %+v", host, found, status)
		}
	}
}

// TestAliasedHost: the records of a host that is an alias are where its addresses are, else where it is.
func TestAliasedHost(t *testing.T) {
	t.Parallel()
	tlsa := ". TLSA 3 1 1 " + strings.Repeat("ab", 32)
	r, err := dns.ZoneResolver(dns.Signed("saigon.example"),
		"mx.saigon.example. A 192.0.2.1", "_25._tcp.mx.saigon.example"+tlsa, "bare.saigon.example. AAAA 2001:db8::1", "out.example. A 192.0.2.2", "_25._tcp.out.example"+tlsa,
		"both.saigon.example. CNAME mx.saigon.example.", "_25._tcp.both.saigon.example"+tlsa,
		"own.saigon.example. CNAME bare.saigon.example.", "_25._tcp.own.saigon.example"+tlsa,
		"far.saigon.example. CNAME out.example.", "_25._tcp.far.saigon.example"+tlsa,
		"none.saigon.example. CNAME bare.saigon.example.", "in.out.example. CNAME mx.saigon.example.", "_25._tcp.in.out.example"+tlsa)
	if err != nil {
		t.Fatal(err)
	}
	a := &attempt{Remote: &Remote{Resolver: r.TrustAD(true)}}
	for host, base := range map[string]string{
		"mx.saigon.example": "mx.saigon.example", "both.saigon.example": "mx.saigon.example", "own.saigon.example": "own.saigon.example",
		"far.saigon.example": "far.saigon.example", "none.saigon.example": "", "out.example": "", "in.out.example": "",
	} {
		n := need{policy: opportunistic}
		found, status := a.dane(t.Context(), way{secure: true, domain: "saigon.example"}, host, &n)
		if status != (dsn.Status{}) || found != (base != "") {
			t.Errorf("%s: %v, %+v", host, found, status)
		}
		if found && (n.names[0] != base || n.report.Domain != base || n.config(host).ServerName != base) {
			t.Errorf("%s: %q, reported as of %s; want %s", host, n.names, n.report.Domain, base)
		}
	}
}
