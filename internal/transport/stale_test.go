package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tem/internal/dns"
	"tem/internal/queue"
	"tem/internal/transport/sts"
)

// handshakes has the server count them, and break off those of sessions that
// are resumed if it is to, which the client hears of when it has said its part.
func (r *resumes) handshakes(breaks bool) *atomic.Int32 {
	n := new(atomic.Int32)
	r.server = r.server.Clone()
	r.server.VerifyConnection = func(s tls.ConnectionState) error {
		if n.Add(1); breaks && s.DidResume {
			return errors.New("it stumbles")
		}
		return nil
	}
	return n
}

// TestResumedBreaksOff: a session that breaks when it is resumed is no reason to go on in clear.
func TestResumedBreaksOff(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		r := newResumes(t, ca, version, ca.issue(t, host, time.Hour))
		r.want(t, "first", "250 2.0.0")
		r.handshakes(true)
		for _, what := range []string{"broken", "after that"} {
			r.want(t, what, "250 2.0.0")
			if said := r.events[len(r.events)-1].TLS; !strings.HasPrefix(said, "TLS 1.") {
				t.Errorf("%s: spoke %q", what, said)
			}
		}
	}
}

// TestTLSIsBroken for good: the session from before does not hide it.
func TestTLSIsBroken(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for _, c := range []struct {
		policy *sts.Policy
		want   string
	}{{nil, "250 2.0.0"}, {policy(sts.Enforce, host), "0 4.7.5"}} {
		r := newResumes(t, ca, tls.VersionTLS13, ca.issue(t, host, time.Hour))
		r.at(t, c.policy)
		r.want(t, "first", "250 2.0.0")
		r.server = new(tls.Config) // without a certificate
		r.want(t, "broken", c.want)
		if said := r.events[len(r.events)-1].TLS; said != "" || !strings.HasSuffix(r.results(), "validation-failure") || strings.Count(r.results(), ",") != 1 {
			t.Errorf("spoke %q, told %s", said, r.results())
		}
	}
}

// TestWantingIsNotKept: a certificate that a policy in testing would refuse does
// not have each connection made twice.
func TestWantingIsNotKept(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		r := newResumes(t, ca, version, newAuthority(t).issue(t, host, time.Hour))
		r.at(t, policy(sts.Testing, host))
		n := r.handshakes(false)
		for range 4 {
			r.want(t, "testing", "250 2.0.0")
		}
		if n.Load() != 4 {
			t.Errorf("%d handshakes for 4 messages", n.Load())
		}
	}
	s := new(sessions)
	late := s.under(key{}, false)
	late.spoil()
	if late.Put("", new(tls.ClientSessionState)); len(s.kept) != 0 {
		t.Error("a ticket that comes after the judgement is kept")
	}
}

// TestExpiredSince: a session is not resumed under a demand that the
// certificate of its beginning does not meet any longer.
func TestExpiredSince(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	good, expired := ca.issue(t, host, time.Hour), ca.issue(t, host, -time.Minute)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		r := newResumes(t, ca, version, expired)
		r.want(t, "opportunistic", "250 2.0.0")
		r.at(t, policy(sts.Enforce, host))
		r.want(t, "expired", "0 4.7.5")
		r.server = r.server.Clone()
		r.server.Certificates = []tls.Certificate{good}
		r.want(t, "renewed", "250 2.0.0")
		r.misplace(opportunistic, mtaSTS)
		r.want(t, "a session from before", "250 2.0.0")
	}
}

// TestTLSASince: a session ends with the records under which it began.
func TestTLSASince(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	r := newResumes(t, ca, tls.VersionTLS13, ca.issue(t, host, time.Hour))
	signed, tlsa := dns.Signed("saigon.example"), "_25._tcp."+host+". TLSA "
	r.at(t, nil, signed, tlsa+ca.tlsa())
	r.want(t, "first", "250 2.0.0")
	r.want(t, "then", "250 2.0.0 resumed")
	r.at(t, nil, signed, tlsa+other.tlsa())
	r.want(t, "rolled over", "0 4.7.5")
	for k := range r.sessions.kept { // as if the records were no part of the key
		moved := k
		moved.policy = daneTLS + fmt.Sprint([]dns.TLSA{{Usage: 3, Selector: 1, Matching: 1, Data: other.spki()}})
		r.sessions.kept[moved] = r.sessions.kept[k]
	}
	r.want(t, "rolled over, with a session from before", "0 4.7.5")
}

// TestSessionsAreApart: whatever makes connections different makes sessions so.
func TestSessionsAreApart(t *testing.T) {
	t.Parallel()
	here := peer{name: host, address: "192.0.2.1:25"}
	elsewhere, otherName, relayed := here, here, here
	elsewhere.address, otherName.name = "192.0.2.2:25", "mx2.saigon.example"
	relayed.relay = &Relay{Name: "hub"}
	dane3 := need{policy: daneTLS, tlsa: []dns.TLSA{{Usage: 3, Data: []byte{1}}}}
	dane2 := need{policy: daneTLS, tlsa: []dns.TLSA{{Usage: 2, Data: []byte{1}}}, names: []string{host, "saigon.example"}}
	dane2other := dane2
	dane2other.names = []string{host, "hue.example"}
	seen := map[key]string{}
	for _, c := range []struct {
		what    string
		p       peer
		n       need
		require bool
		hello   string
	}{
		{"plain", here, need{policy: opportunistic}, false, "a"},
		{"another address", elsewhere, need{policy: opportunistic}, false, "a"},
		{"another name", otherName, need{policy: opportunistic}, false, "a"},
		{"a relay", relayed, need{policy: opportunistic}, false, "a"},
		{"MTA-STS", here, need{policy: mtaSTS}, false, "a"},
		{"DANE", here, dane3, false, "a"},
		{"DANE-TA", here, dane2, false, "a"},
		{"DANE-TA for another domain", here, dane2other, false, "a"},
		{"no usable TLSA", here, need{policy: daneTLS}, false, "a"},
		{"REQUIRETLS", here, need{policy: requireTLS}, true, "a"},
		{"REQUIRETLS by DANE", here, need{policy: requireTLS, tlsa: dane3.tlsa}, true, "a"},
		{"a relay that verifies", relayed, need{policy: relayTLS}, false, "a"},
		{"REQUIRETLS by a relay", relayed, need{policy: relayTLS}, true, "a"},
		{"another HELO", here, need{policy: opportunistic}, false, "b"},
	} {
		a := &attempt{Remote: &Remote{Hostname: c.hello}, job: &queue.Job{ReturnPath: "an@hanoi.example", RequireTLS: c.require}}
		k, from, err := a.key(c.p, c.n)
		if err != nil || from != (netip.Addr{}) {
			t.Errorf("%s: %v, %v", c.what, from, err)
		}
		if other, there := seen[k]; there {
			t.Errorf("%s shares with %s", c.what, other)
		}
		seen[k] = c.what
	}
}

// TestSessionsRace: connections of one key put and take at the same time.
func TestSessionsRace(t *testing.T) {
	t.Parallel()
	s := new(sessions)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				k := key{name: fmt.Sprint(i % 3)}
				c := s.under(k, false)
				c.Get("")
				c.Put("", new(tls.ClientSessionState))
				switch i % 10 {
				case 3:
					c.spoil()
				case 7:
					s.drop(k)
				}
			}
		})
	}
	wg.Wait()
	if len(s.kept) > 3 {
		t.Errorf("%d kept", len(s.kept))
	}
}
