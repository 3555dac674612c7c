package dns

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// ednsSize is the UDP size we offer: what passes everywhere unfragmented.
const ednsSize = 1232

// answer is what a server said of one name and kind. missing: the name does
// not exist (NXDOMAIN), or the end of its alias chain does not.
type answer struct {
	records []dns.RR
	missing bool
}

// ask returns a fresh or remembered answer for one question, or why there is none.
func (r *Resolver) ask(ctx context.Context, name string, kind uint16) (answer, error) {
	q := question{name, kind}
	if a, ok := r.cache.get(q); ok {
		return a, nil
	}
	reply, err := r.askAll(ctx, q)
	if err != nil {
		return answer{}, err
	}
	a := answer{records: reply.Answer, missing: reply.Rcode == dns.RcodeNameError}
	r.cache.put(q, a, lifetime(reply))
	return a, nil
}

// askAll asks each server in turn, some times over, until one knows.
func (r *Resolver) askAll(ctx context.Context, q question) (*dns.Msg, error) {
	var last error
	for i := range rounds * len(r.servers) {
		reply, err := r.askOne(ctx, r.servers[i%len(r.servers)], q)
		if err == nil {
			return reply, nil
		}
		last = err
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrTemporary, last)
}

// askOne asks one server once: over UDP, and over TCP if that was cut short
// (RFC 7766 §5). Its error says that the server is of no use for this question.
func (r *Resolver) askOne(ctx context.Context, server string, q question) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(q.name, q.kind)
	m.SetEdns0(ednsSize, false)
	reply, err := r.exchange(ctx, "udp", server, m)
	if err == nil && reply.Truncated {
		reply, err = r.exchange(ctx, "tcp", server, m)
	}
	if err != nil {
		return nil, fmt.Errorf("server %s: %w", server, err)
	}
	if reply.Rcode == dns.RcodeFormatError && reply.IsEdns0() == nil {
		m.Extra = nil // a server from before EDNS (RFC 6891 §7)
		if reply, err = r.exchange(ctx, "tcp", server, m); err != nil {
			return nil, fmt.Errorf("server %s: %w", server, err)
		}
	}
	if reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("server %s: %s", server, dns.RcodeToString[reply.Rcode])
	}
	return reply, nil
}

// exchange sends one message and waits for the reply to it.
func (r *Resolver) exchange(ctx context.Context, network, server string, m *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	client := dns.Client{Net: network, Timeout: r.timeout, UDPSize: ednsSize}
	reply, _, err := client.ExchangeContext(ctx, m, server)
	if err != nil {
		return nil, err
	}
	if !reply.Response || len(reply.Question) != 1 || !sameQuestion(reply.Question[0], m.Question[0]) {
		return nil, errors.New("the reply is to another question")
	}
	return reply, nil
}

func sameQuestion(a, b dns.Question) bool {
	return a.Qtype == b.Qtype && a.Qclass == b.Qclass && strings.EqualFold(a.Name, b.Name)
}
