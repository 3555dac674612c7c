package e2e

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// names is a name server on loopback that knows the records it is given, and
// can misbehave.
type names struct {
	at string

	mu      sync.Mutex
	records []dns.RR
	silent  map[string]bool // names that it does not answer for
	broken  map[string]bool // names that it answers SERVFAIL for
	secure  bool            // says that it has checked its answers
}

// newNames starts a name server; see names.add for records.
func newNames(t *testing.T, records ...string) *names {
	t.Helper()
	n := &names{silent: map[string]bool{}, broken: map[string]bool{}}
	n.add(t, records...)
	udp, tcp := bothPorts(t)
	n.at = udp.LocalAddr().String()
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: n}, {Listener: tcp, Handler: n}} {
		go s.ActivateAndServe()
		t.Cleanup(func() { s.Shutdown() })
	}
	return n
}

// add adds records as zone files have them: "hue.example. MX 10 mx.hue.example."
func (n *names) add(t *testing.T, records ...string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, text := range records {
		rr, err := dns.NewRR("$TTL 1\n" + text)
		must(t, err)
		n.records = append(n.records, rr)
	}
}

// hush and breaks have the server give no answer, or SERVFAIL, for a name.
func (n *names) hush(name string)   { n.mu.Lock(); n.silent[name] = true; n.mu.Unlock() }
func (n *names) breaks(name string) { n.mu.Lock(); n.broken[name] = true; n.mu.Unlock() }

func (n *names) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := strings.ToLower(q.Question[0].Name)
	if n.silent[name] {
		return
	}
	m := new(dns.Msg).SetReply(q)
	m.AuthenticatedData, m.RecursionAvailable = n.secure, true
	m.Answer = n.answer(name, q.Question[0].Qtype)
	exists := slices.ContainsFunc(n.records, func(rr dns.RR) bool {
		owner := rr.Header().Name
		return owner == name || strings.HasSuffix(owner, "."+name)
	})
	switch {
	case n.broken[name]:
		m.Rcode = dns.RcodeServerFailure
	case !exists:
		m.Rcode = dns.RcodeNameError
	}
	w.WriteMsg(m)
}

func (n *names) answer(name string, kind uint16) (found []dns.RR) {
	for _, rr := range n.records {
		if rr.Header().Name == name && rr.Header().Rrtype == kind {
			found = append(found, rr)
		}
	}
	return found
}

// bothPorts listens on a port that is free for UDP and TCP.
func bothPorts(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		must(t, err)
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp
		}
		udp.Close()
	}
	t.Fatal("no port is free for UDP and TCP")
	return nil, nil
}
