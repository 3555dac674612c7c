package dns

import (
	"sync"

	"github.com/miekg/dns"
)

// Fault is a way in which a name server fails its clients.
type Fault uint8

const (
	Silent    Fault = iota + 1 // no answer
	ServFail                   // SERVFAIL, as for zones whose servers are down, or whose signatures are wrong
	Refused                    // REFUSED
	Referral                   // an empty answer of a server that looks nothing up for others
	Truncated                  // cut short over UDP, whole over TCP
	Cut                        // cut short over UDP and TCP
	Other                      // the answer to another question
	Forged                     // first a lie with another id, then the answer: somebody guesses
	Late                       // silence, until the name is asked for once more: then the first answer and the second
	Garbage                    // octets that are no message
	Denied                     // NXDOMAIN, authenticated
)

// Faults are names that a server fails for, without final dots and in lower
// case: for tests of what then becomes of mail.
type Faults map[string]Fault

// Serve is as the function Serve, with faults. It answers what Late held back
// only while it runs.
func (f Faults) Serve(address string, records ...string) (*Server, error) {
	z, err := parseZone(records)
	if err != nil {
		return nil, err
	}
	s := &faulty{zone: z, faults: f, held: make(map[string]func())}
	return serveWith(address, s.serve)
}

// faulty is a zone with faults.
type faulty struct {
	zone   zone
	faults Faults
	mu     sync.Mutex
	held   map[string]func() // answers of Late, by name
}

func (s *faulty) serve(w dns.ResponseWriter, q *dns.Msg) {
	reply := s.zone.reply(q)
	if len(q.Question) != 1 {
		send(w, q, reply)
		return
	}
	switch name := keyName(q.Question[0].Name); s.faults[name] {
	case Silent:
		return
	case ServFail:
		reply = new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
	case Refused:
		reply = new(dns.Msg).SetRcode(q, dns.RcodeRefused)
	case Referral:
		reply = new(dns.Msg).SetReply(q)
	case Truncated:
		cut(reply, w.RemoteAddr().Network() == "udp")
	case Cut:
		cut(reply, true)
	case Other:
		reply.Question[0].Name = "other." + reply.Question[0].Name
	case Forged:
		s.forge(w, q)
	case Late:
		if !s.release(name, func() { send(w, q, reply) }) {
			return
		}
	case Garbage:
		w.Write([]byte{byte(q.Id >> 8), byte(q.Id), 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0xc0})
		return
	case Denied:
		reply = new(dns.Msg).SetRcode(q, dns.RcodeNameError)
		reply.Authoritative, reply.AuthenticatedData = true, wantsAD(q)
		reply.Ns = []dns.RR{s.zone.authority(dns.Fqdn(name))}
	}
	send(w, q, reply)
}

// cut takes the records out of a reply, and says so.
func cut(reply *dns.Msg, short bool) {
	if short {
		reply.Truncated, reply.Answer = true, nil
	}
}

// forge sends a denial as somebody does who guesses ids.
func (s *faulty) forge(w dns.ResponseWriter, q *dns.Msg) {
	lie := new(dns.Msg).SetRcode(q, dns.RcodeNameError)
	lie.Id++
	lie.Authoritative, lie.AuthenticatedData = true, true
	w.WriteMsg(lie)
}

// release sends the answer that was held back for a name, or holds this one back.
func (s *faulty) release(name string, answer func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.held[name]
	if held == nil {
		s.held[name] = answer
		return false
	}
	delete(s.held, name)
	held()
	return true
}
