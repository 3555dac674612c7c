package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	ednsSize    = 1232             // the UDP size we offer: what passes everywhere unfragmented
	tryTimeout  = 5 * time.Second  // for one server to answer once, when it was asked before
	silenceTime = 30 * time.Second // how long a server that did not answer comes last
)

// askAll asks each server in turn, some times over, until one knows. The first
// round is the shorter one: another server may be up.
func (r *Resolver) askAll(ctx context.Context, q question, report func(attempt)) (*dns.Msg, error) {
	var last error
	for _, timeout := range r.patience() {
		for _, i := range r.order() {
			began := time.Now()
			reply, err := r.askOne(ctx, i, q, timeout)
			report(attempt{question: q, server: r.servers[i], reply: reply, err: err, took: time.Since(began)})
			if err == nil {
				return reply, nil
			}
			if ctx.Err() != nil {
				return nil, fmt.Errorf("%w: %w", ErrTemporary, ctx.Err())
			}
			last = err
		}
	}
	return nil, last
}

const (
	fewMissed  = 8  // questions in a row without an answer, after which nobody waits long for one
	manyMissed = 32 // after which hardly at all
)

// patience is how long each server may take, round by round. Where none has
// answered anything for many questions in a row there is no name server, and
// mail must not stand still for that.
func (r *Resolver) patience() []time.Duration {
	missed := r.missed[0].Load()
	for i := range r.missed {
		missed = min(missed, r.missed[i].Load())
	}
	switch {
	case missed >= manyMissed:
		return []time.Duration{r.timeout / 20}
	case missed >= fewMissed:
		return []time.Duration{r.timeout / 5}
	}
	return []time.Duration{r.timeout * 2 / 5, r.timeout}
}

// order is the servers' indexes, those that lately were silent last.
func (r *Resolver) order() []int {
	now := time.Now().UnixNano()
	first, last := make([]int, 0, len(r.servers)), []int(nil)
	for i := range r.servers {
		if r.silent[i].Load() > now {
			last = append(last, i)
		} else {
			first = append(first, i)
		}
	}
	return append(first, last...)
}

// askOne asks one server once. Its error is ErrTemporary and says that the
// server is of no use for this question.
func (r *Resolver) askOne(ctx context.Context, server int, q question, timeout time.Duration) (*dns.Msg, error) {
	address := r.servers[server]
	m := new(dns.Msg).SetQuestion(dns.Fqdn(q.name), q.kind)
	m.AuthenticatedData = true // RFC 6840 §5.7: the reply's AD bit is wanted
	m.SetEdns0(ednsSize, false)
	reply, err := askOver(ctx, address, m, timeout)
	if err != nil {
		var network net.Error
		if ctx.Err() == nil && errors.As(err, &network) {
			r.silent[server].Store(time.Now().Add(silenceTime).UnixNano())
			r.missed[server].Add(1)
		}
		return nil, fmt.Errorf("%w: server %s: %w", ErrTemporary, address, err)
	}
	r.silent[server].Store(0)
	r.missed[server].Store(0)
	if err := unusable(reply); err != nil {
		return nil, fmt.Errorf("%w: server %s: %w", ErrTemporary, address, err)
	}
	reply.AuthenticatedData = reply.AuthenticatedData && r.trust
	return reply, nil
}

// askOver asks over UDP, and over TCP if that was cut short (RFC 7766 §5) or
// the server is from before EDNS (RFC 6891 §7).
func askOver(ctx context.Context, server string, m *dns.Msg, timeout time.Duration) (*dns.Msg, error) {
	reply, err := exchange(ctx, "udp", server, m, timeout)
	if err == nil && reply.Truncated {
		reply, err = exchange(ctx, "tcp", server, m, timeout)
	}
	if err == nil && reply.Rcode == dns.RcodeFormatError && reply.IsEdns0() == nil {
		m.Extra = nil
		reply, err = exchange(ctx, "tcp", server, m, timeout)
	}
	return reply, err
}

// unusable says why a reply is no answer.
func unusable(reply *dns.Msg) error {
	switch {
	case reply.Truncated:
		return errors.New("the reply is cut short over TCP too")
	case reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError:
		return errors.New(dns.RcodeToString[reply.Rcode] + reasonGiven(reply))
	case len(reply.Answer) == 0 && !reply.Authoritative && !reply.RecursionAvailable:
		return errors.New("it does not look names up for others") // a referral must not pass for "there is none"
	}
	return nil
}

// reasonGiven is what a server tells about its failure (RFC 8914): " (DNSSEC Bogus)".
func reasonGiven(reply *dns.Msg) string {
	opt := reply.IsEdns0()
	if opt == nil {
		return ""
	}
	for _, o := range opt.Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok && dns.ExtendedErrorCodeToString[e.InfoCode] != "" {
			return " (" + dns.ExtendedErrorCodeToString[e.InfoCode] + ")"
		}
	}
	return ""
}

// exchange sends one message from a port of its own and waits for the reply to it.
func exchange(ctx context.Context, network, server string, m *dns.Msg, timeout time.Duration) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	m.Id = dns.Id()
	raw, err := new(net.Dialer).DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })()
	conn := &dns.Conn{Conn: raw, UDPSize: ednsSize}
	if err := conn.WriteMsg(m); err != nil {
		return nil, err
	}
	packet, err := readReply(conn, network, m.Id)
	if err != nil {
		return nil, err
	}
	reply := new(dns.Msg)
	if err := reply.Unpack(packet); err != nil {
		return nil, fmt.Errorf("the reply can't be read: %w", err)
	}
	if !reply.Response || len(reply.Question) != 1 || !sameQuestion(reply.Question[0], m.Question[0]) {
		return nil, errors.New("the reply is to another question")
	}
	return reply, nil
}

// readReply reads a message with the id. Datagrams with another one are
// somebody's guesses, or late answers; they change nothing (RFC 5452 §9.1).
func readReply(conn *dns.Conn, network string, id uint16) ([]byte, error) {
	for {
		packet, err := conn.ReadMsgHeader(nil)
		short := errors.Is(err, dns.ErrShortRead)
		if err != nil && !short {
			return nil, err
		}
		if !short && binary.BigEndian.Uint16(packet) == id {
			return packet, nil
		}
		if network == "tcp" {
			return nil, errors.New("the reply over TCP is to another question")
		}
	}
}

func sameQuestion(a, b dns.Question) bool {
	return a.Qtype == b.Qtype && a.Qclass == b.Qclass && strings.EqualFold(a.Name, b.Name)
}
