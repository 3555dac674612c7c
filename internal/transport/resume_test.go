package transport

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"tem/internal/dns"
	"tem/internal/transport/sts"
)

// resumes is a lab whose server resumes sessions; its configuration may change.
type resumes struct {
	*lab
	*watcher
	server *tls.Config
}

const host = "mx1.saigon.example"

func newResumes(t *testing.T, ca *authority, version uint16, cert tls.Certificate) *resumes {
	r := &resumes{server: &tls.Config{MaxVersion: version, Certificates: []tls.Certificate{cert}}}
	r.server.SetSessionTicketKeys([][32]byte{{1}})
	x := serveMail(t, host, func(s *gosmtp.Server, _ *exchanger) {
		s.EnableREQUIRETLS = true
		s.TLSConfig = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return r.server, nil }}
	})
	r.lab = newLab(t, x.port)
	r.watcher = new(watcher).watch(r.Remote)
	r.Roots = ca.pool()
	r.at(t, nil)
	return r
}

// at sets the domain's policy and records.
func (r *resumes) at(t *testing.T, p *sts.Policy, records ...string) {
	if r.Policies = nil; p != nil {
		r.Policies = policies(p)
	}
	r.zone(t, append(records, "saigon.example. MX 1 "+host+".", host+". A 127.0.0.1")...)
}

// next sends a message over a connection of its own, and says how it fared.
func (r *resumes) next(t *testing.T) string {
	t.Helper()
	_, codes := r.send(t, "a@saigon.example")
	said, _ := strings.CutPrefix(r.events[len(r.events)-1].TLS, "TLS 1.")
	if strings.HasSuffix(said, ", resumed") {
		return codes + " resumed"
	}
	return codes
}

func (r *resumes) want(t *testing.T, what, want string) {
	t.Helper()
	if got := r.next(t); got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// misplace has a session of one demand stand under another.
func (r *resumes) misplace(from, to string) {
	byPolicy := map[string]key{}
	for k := range r.sessions.kept {
		byPolicy[k.policy] = k
	}
	r.sessions.kept[byPolicy[to]] = r.sessions.kept[byPolicy[from]]
}

// age has time pass for the sessions.
func (r *resumes) age(d time.Duration) {
	for k, s := range r.sessions.kept {
		s.begun = s.begun.Add(-d)
		r.sessions.kept[k] = s
	}
}

// TestResumption: a session is resumed under the demand that it was made under, and no other.
func TestResumption(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	good := ca.issue(t, host, time.Hour)
	signed, tlsa := dns.Signed("saigon.example"), "_25._tcp."+host+". TLSA "
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		r := newResumes(t, ca, version, good)
		for _, demand := range []struct {
			name    string
			policy  *sts.Policy
			records []string
			require bool
		}{
			{name: "none"},
			{name: "sts", policy: policy(sts.Enforce, host)},
			{name: "dane", records: []string{signed, tlsa + ca.tlsa()}},
			{name: "dane, another record", records: []string{signed, tlsa + ca.tlsa(), tlsa + "3 1 1 " + strings.Repeat("00", 32)}},
			{name: "requiretls", records: []string{signed}, require: true},
		} {
			r.job.RequireTLS = demand.require
			r.at(t, demand.policy, demand.records...)
			r.want(t, demand.name+" first", "250 2.0.0")
			r.want(t, demand.name+" then", "250 2.0.0 resumed")
			r.want(t, demand.name+" again", "250 2.0.0 resumed")
		}
		r.job.RequireTLS = false
		r.at(t, nil)
		r.want(t, "none again", "250 2.0.0 resumed")
		r.age(sessionLife * 3 / 4)
		r.want(t, "in the hour", "250 2.0.0 resumed")
		r.age(sessionLife / 2) // it got no younger
		r.want(t, "after it", "250 2.0.0")
		r.want(t, "and then", "250 2.0.0 resumed")
	}
}

// TestResumedIsVerified: what is good for one demand need not be for the next, nor for ever.
func TestResumedIsVerified(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	good, stranger := ca.issue(t, host, time.Hour), newAuthority(t).issue(t, host, time.Hour)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		r := newResumes(t, ca, version, stranger)
		r.want(t, "opportunistic", "250 2.0.0")
		r.want(t, "opportunistic", "250 2.0.0 resumed")
		r.at(t, policy(sts.Enforce, host))
		r.want(t, "a policy since", "0 4.7.5")
		r.want(t, "a policy since, again", "0 4.7.5")
		r.server = r.server.Clone()
		r.server.Certificates = []tls.Certificate{good}
		r.want(t, "a good certificate since", "250 2.0.0")
		r.want(t, "a good certificate since", "250 2.0.0 resumed")

		r.Roots = newAuthority(t).pool()
		r.want(t, "another root since", "0 4.7.5")
		r.Roots = ca.pool()
		r.outcomes = nil
		r.want(t, "the root back", "250 2.0.0")
		r.misplace(opportunistic, mtaSTS)
		r.want(t, "a session with another certificate", "250 2.0.0")
		if r.results() != "sts ok, sts ok" {
			t.Errorf("told: %s", r.results())
		}
	}
}

// TestResumptionFails: a server that stumbles over a session is asked without.
func TestResumptionFails(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	r := newResumes(t, ca, tls.VersionTLS13, ca.issue(t, host, time.Hour))
	r.at(t, policy(sts.Enforce, host))
	r.want(t, "first", "250 2.0.0")
	r.server = r.server.Clone()
	r.server.UnwrapSession = func(identity []byte, s tls.ConnectionState) (*tls.SessionState, error) {
		return nil, fmt.Errorf("it stumbles")
	}
	r.want(t, "stumbles", "250 2.0.0")
	if r.results() != "sts ok, sts ok" {
		t.Errorf("told: %s", r.results())
	}
}

// TestNoSessionWithLogin: what a login is bound to is the certificate of its own handshake.
func TestNoSessionWithLogin(t *testing.T) {
	t.Parallel()
	s := new(sessions)
	if s.under(key{}, true) != nil {
		t.Error("a session for a relay with a login")
	}
}

// TestSessionsAreBounded drops one for the next.
func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	s := new(sessions)
	var keys []key
	for i := range maxSessions + 10 {
		k := key{name: fmt.Sprint(i)}
		keys = append(keys, k)
		s.under(k, false).Put("", new(tls.ClientSessionState))
	}
	if len(s.kept) != maxSessions || !slices.ContainsFunc(keys, func(k key) bool { return s.kept[k].state == nil }) {
		t.Errorf("%d kept", len(s.kept))
	}
	last := s.under(keys[maxSessions+9], false)
	if _, ok := last.Get(""); !ok || !last.offered {
		t.Error("the last is not there")
	}
	if last.Put("", nil); len(s.kept) != maxSessions-1 {
		t.Error("one that is of no use stays")
	}
}
