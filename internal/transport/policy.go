package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"tem/internal/dns"
	"tem/internal/message/dsn"
	"tem/internal/transport/dane"
	"tem/internal/transport/sts"
)

// The policies of TLS that an attempt can be under, as journeys name them.
const (
	opportunistic = "opportunistic"
	mtaSTS        = "mta-sts"
	daneTLS       = "dane"
	requireTLS    = "requiretls"
	relayTLS      = "relay"
	inClear       = "clear" // a relay on this machine
)

// need is what is asked of TLS with one host.
type need struct {
	policy   string
	must     bool        // TLS, or no mail
	verify   bool        // by the host's name, too
	tlsa     []dns.TLSA  // usable ones: one of them must fit
	names    []string    // that usage 2 of them takes; the first is where they are
	required bool        // it is the sender who asks (RFC 8689): what fails, fails for good
	sts      *sts.Policy // that names the host, in force or being tested
	report   TLSPolicy
	domain   string // the recipients'
}

// TLSPolicy is a domain's policy as reports have it (RFC 8460 §4.2).
type TLSPolicy struct {
	Type    string // "sts", "tlsa", "no-policy-found"
	Strings []string
	Domain  string
	Hosts   []string // patterns of STS
}

// TLSOutcome is what became of one TLS session (RFC 8460 §4).
type TLSOutcome struct {
	Time      time.Time
	Domain    string // of the recipients, whose record says who wants reports (RFC 8460 §3)
	Policy    TLSPolicy
	Result    string // "": success; else a result type (RFC 8460 §4.3)
	Reason    string
	SendingIP netip.Addr
	Host      string // the receiving MX, its address, and its name in the greeting
	HostIP    netip.Addr
	HostHello string
}

// need is what is asked of TLS with a host of a way; a status says why the host must not be used.
func (a *attempt) need(ctx context.Context, w way, host string) (need, dsn.Status) {
	if w.relay != nil {
		return w.relay.need(a.required()), dsn.Status{}
	}
	n := need{policy: opportunistic, domain: w.domain, report: TLSPolicy{Type: "no-policy-found", Domain: w.domain}}
	if w.domain == "" {
		return a.require(n, false)
	}
	found, status := a.dane(ctx, w, host, &n)
	switch {
	case status != (dsn.Status{}):
		a.reportEarly(n, host, "dnssec-invalid", status.Text)
		return n, status
	case !found: // RFC 8461 §2: DANE goes before
		if status := a.underSTS(w, host, &n); status != (dsn.Status{}) {
			return n, status
		}
	}
	return a.require(n, w.secure || n.sts != nil)
}

// waived is the need of a message that goes although this one can't be met.
func (n *need) waived() need {
	return need{policy: opportunistic, report: n.report, domain: n.domain}
}

// need of a relay: its certificate is that of the name in the configuration.
func (r *Relay) need(required bool) need {
	if r.Clear {
		return need{policy: inClear, required: required}
	}
	return need{policy: relayTLS, must: true, verify: true, required: required}
}

// dane looks the TLSA records of a host up and sets n to them; false: there are
// none that count (RFC 7672 §2.2).
func (a *attempt) dane(ctx context.Context, w way, host string, n *need) (bool, dsn.Status) {
	if !w.secure {
		return false, dsn.Status{}
	}
	end, err := a.secureAddress(ctx, host)
	if err != nil {
		return false, dsn.Status{Code: codeInsecure, Text: "host " + host + " can't be used: whether its addresses are authenticated can't be had: " + err.Error()}
	}
	for _, base := range bases(host, end) {
		records, err := a.secureTLSA(ctx, base)
		if err != nil { // RFC 7672 §2.1.2: who can't tell must not go on without
			return false, dsn.Status{Code: codeInsecure, Text: "host " + host + " can't be used: its TLSA records can't be had: " + err.Error()}
		}
		if records != nil {
			n.tell(base, w.domain, records)
			return true, dsn.Status{}
		}
	}
	return false, dsn.Status{}
}

// bases are the names at which the TLSA records of a host may be, the better one first (RFC 7672 §2.2.3):
// the end of its aliases, and its own. None, when there is no authenticated end.
func bases(host, end string) []string {
	switch end {
	case "":
		return nil
	case host:
		return []string{host}
	}
	return []string{end, host}
}

// secureTLSA are the TLSA records of a host for which the DNS vouches; nil: there are none.
func (a *attempt) secureTLSA(ctx context.Context, base string) ([]dns.TLSA, error) {
	name := dane.Name(base)
	records, err := a.Resolver.TLSA(ctx, name)
	if errors.Is(err, dns.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if secure, err := a.Resolver.Authenticated(ctx, dns.KindTLSA, name); !secure {
		return nil, err
	}
	return records, nil
}

// tell sets n to what the TLSA records at a base domain ask.
func (n *need) tell(base, domain string, records []dns.TLSA) {
	n.policy, n.must = daneTLS, true
	n.tlsa = dane.Usable(records)
	n.names = []string{base, domain}
	n.report = TLSPolicy{Type: "tlsa", Domain: base}
	for _, r := range records {
		n.report.Strings = append(n.report.Strings, fmt.Sprintf("%d %d %d %x", r.Usage, r.Selector, r.Matching, r.Data))
	}
}

// secureAddress is the name that the addresses of a host belong to, its own or the one at the end of its
// aliases, if the DNS vouches for all of them (RFC 7672 §2.2.2); else "". With an error nobody can tell
// (§2.1.2): whoever stands on the way must not turn DANE off by silence.
func (a *attempt) secureAddress(ctx context.Context, host string) (end string, err error) {
	told := false
	for _, kind := range []dns.Kind{dns.KindA, dns.KindAAAA} {
		secure, bad := a.Resolver.Authenticated(ctx, kind, host)
		if secure {
			return a.Resolver.End(ctx, kind, host)
		}
		told, err = told || bad == nil, errors.Join(err, bad)
	}
	if told { // of a zone without DNSSEC
		return a.secureAlias(ctx, host)
	}
	return "", err
}

// secureAlias is the host if it is an alias for which the DNS vouches, though not for what it leads to:
// then the records at its own name count (RFC 7672 §2.2.2). Else it is "".
func (a *attempt) secureAlias(ctx context.Context, host string) (string, error) {
	if end, err := a.Resolver.End(ctx, dns.KindA, host); err != nil || end == host {
		return "", nil
	}
	if secure, err := a.Resolver.Authenticated(ctx, dns.KindCNAME, host); err != nil || !secure {
		return "", err
	}
	return host, nil
}

// underSTS sets n to the domain's MTA-STS policy, if it has one.
func (a *attempt) underSTS(w way, host string, n *need) dsn.Status {
	if w.policy == nil || w.policy.Mode == sts.None {
		if t := (*sts.Trouble)(nil); errors.As(w.trouble, &t) {
			n.report.Type = "sts"
			a.reportEarly(*n, host, t.Kind, t.Error())
		}
		return dsn.Status{}
	}
	n.sts = w.policy
	n.report = TLSPolicy{Type: "sts", Domain: w.domain, Strings: w.policy.Lines(), Hosts: w.policy.MX}
	enforce := w.policy.Mode == sts.Enforce
	if !w.policy.Matches(host) {
		text := "host " + host + " can't be used: the MTA-STS policy of " + w.domain + " does not name it"
		a.reportEarly(*n, host, "validation-failure", text)
		n.sts = nil
		if enforce { // RFC 8461 §5: as if it was not there
			return dsn.Status{Code: codeInsecure, Text: text}
		}
		return dsn.Status{}
	}
	if enforce {
		n.policy, n.must, n.verify = mtaSTS, true, true
	}
	return dsn.Status{}
}

// require adds what the sender asks for; known says that somebody vouches for
// the host being the domain's (RFC 8689 §4.2.1).
func (a *attempt) require(n need, known bool) (need, dsn.Status) {
	if !a.required() {
		return n, dsn.Status{}
	}
	if !known {
		return n, dsn.Status{Code: dsn.Code{5, 7, 10}, Text: "the sender requires TLS, and neither DNSSEC nor MTA-STS says that the host is the domain's"}
	}
	n.verify = n.verify || len(n.tlsa) == 0
	n.policy, n.must, n.required = requireTLS, true, true
	return n, dsn.Status{}
}

// required: RFC 8689 §4.2.1 asks it for messages that can be returned; reports
// go with it where they can (§5).
func (a *attempt) required() bool { return a.job.RequireTLS && a.job.ReturnPath != "" }

// insecure is why a host must not get a message: a reason of ours, and one for reports.
type insecure struct {
	result string
	text   string
	code   dsn.Code
}

func (e *insecure) Error() string { return e.text }

// codeInsecure is that of a host with which TLS is not as a domain's policy wants it (RFC 3463 §3.8).
var codeInsecure = dsn.Code{4, 7, 5}

// lack is what to say when TLS is not had as needed: for now, unless it is the sender who asks.
func (n *need) lack(result, text string) *insecure {
	code := codeInsecure
	if n.required {
		code = dsn.Code{5, 7, 10} // RFC 8689 §4.2.1
	}
	return &insecure{result, text, code}
}

// check judges the certificates of a TLS session. Without a need it says what a policy in testing would.
func (n *need) check(state *tls.ConnectionState, host string, roots *x509.CertPool) *insecure {
	var err error
	result := "validation-failure"
	switch {
	case len(n.tlsa) > 0:
		if err = dane.Verify(state.PeerCertificates, n.tlsa, n.names, time.Now()); err == nil {
			return nil
		}
	case n.verify || n.sts != nil:
		if err = verify(state.PeerCertificates, host, roots); err == nil {
			return nil
		}
		result = resultOf(err)
	default:
		return nil
	}
	return n.lack(result, "the certificate of "+host+" is not good for "+n.describe()+": "+err.Error())
}

func (n *need) describe() string {
	switch {
	case n.policy == opportunistic:
		return "the MTA-STS policy, which is being tested"
	case n.policy == requireTLS:
		return "the TLS that the sender requires"
	case n.policy == relayTLS:
		return "the relay"
	case n.policy == daneTLS:
		return "DANE"
	}
	return "MTA-STS"
}

// verify checks a chain for a host's name.
func verify(shown []*x509.Certificate, host string, roots *x509.CertPool) error {
	if len(shown) == 0 {
		return errors.New("it shows none")
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	_, err := shown[0].Verify(x509.VerifyOptions{DNSName: strings.Trim(host, "[]"), Roots: roots, Intermediates: between})
	return err
}

// resultOf is the result type of a certificate that can't be verified (RFC 8460 §4.3.1).
func resultOf(err error) string {
	name, invalid, unknown := x509.HostnameError{}, x509.CertificateInvalidError{}, x509.UnknownAuthorityError{}
	switch {
	case errors.As(err, &name):
		return "certificate-host-mismatch"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate-expired"
	case errors.As(err, &unknown):
		return "certificate-not-trusted"
	}
	return "validation-failure"
}
