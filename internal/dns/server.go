package dns

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"
)

// Server answers for a zone written in master-file form (RFC 1035 §5), over UDP and TCP on one loopback address.
type Server struct {
	address  string
	adding   sync.Mutex
	zone     atomic.Pointer[zone] // never changed, but replaced; nil: another handler answers
	udp, tcp *dns.Server
	ended    chan error // one value from each of the two
}

// Serve starts answering at address ("127.0.0.1:0" takes a free port); records are master-file lines with absolute names.
// It is the authority for every name there is: what no record speaks of does not exist.
func Serve(address string, records ...string) (*Server, error) {
	z, err := parseZone(records)
	if err != nil {
		return nil, err
	}
	s := &Server{}
	s.zone.Store(&z)
	return s.serveWith(address, func(w dns.ResponseWriter, q *dns.Msg) { s.zone.Load().serve(w, q) })
}

// Add answers with more records from now on, master-file lines as those of
// Serve; on an error nothing has changed. "There is none" that somebody was told
// before may be remembered for a few seconds.
func (s *Server) Add(records ...string) error {
	more, err := parseZone(records)
	if err != nil {
		return err
	}
	s.adding.Lock()
	defer s.adding.Unlock()
	old := s.zone.Load()
	if old == nil {
		return errors.New("serve DNS: a server with faults takes no more records")
	}
	z := maps.Clone(*old)
	for name, list := range more {
		z[name] = append(slices.Clip(z[name]), list...)
	}
	s.zone.Store(&z)
	return nil
}

// serveWith answers questions the way the handler does.
func serveWith(address string, handler dns.HandlerFunc) (*Server, error) {
	return new(Server).serveWith(address, handler)
}

func (s *Server) serveWith(address string, handler dns.HandlerFunc) (*Server, error) {
	conn, listener, err := listenBoth(address)
	if err != nil {
		return nil, fmt.Errorf("serve DNS: %w", err)
	}
	s.address = listener.Addr().String()
	s.udp = &dns.Server{PacketConn: conn, Handler: handler}
	s.tcp = &dns.Server{Listener: listener, Handler: handler}
	s.ended = make(chan error, 2)
	if err := s.start(); err != nil {
		return nil, fmt.Errorf("serve DNS: %w", err)
	}
	return s, nil
}

// start returns when both servers run, so that an early Close finds them running.
func (s *Server) start() error {
	running := make(chan struct{}, 2)
	for _, one := range []*dns.Server{s.udp, s.tcp} {
		one.NotifyStartedFunc = func() { running <- struct{}{} }
		go func() { s.ended <- one.ActivateAndServe() }()
	}
	for range 2 {
		select {
		case <-running:
		case err := <-s.ended:
			return errors.Join(err, s.udp.PacketConn.Close(), s.tcp.Listener.Close())
		}
	}
	return nil
}

// Address is where the server answers (host:port).
func (s *Server) Address() string { return s.address }

// Close stops answering and waits for questions under way.
func (s *Server) Close() error {
	err := errors.Join(s.udp.Shutdown(), s.tcp.Shutdown())
	return errors.Join(err, <-s.ended, <-s.ended)
}

// listenBoth listens on the same port in UDP and TCP; a free one that only
// TCP has is given back and another taken.
func listenBoth(address string) (net.PacketConn, net.Listener, error) {
	var err error
	for range 10 {
		var listener net.Listener
		if listener, err = net.Listen("tcp", address); err != nil {
			break
		}
		var conn net.PacketConn
		if conn, err = net.ListenPacket("udp", listener.Addr().String()); err == nil {
			return conn, listener, nil
		}
		listener.Close()
	}
	return nil, nil, err
}

// serve answers one question.
func (z zone) serve(w dns.ResponseWriter, q *dns.Msg) {
	if len(q.Question) == 1 && z.silent(q.Question[0]) {
		return
	}
	send(w, q, z.reply(q))
}

// reply is the answer to a question that came from the network.
func (z zone) reply(q *dns.Msg) *dns.Msg {
	reply := new(dns.Msg)
	if q.Opcode != dns.OpcodeQuery || len(q.Question) != 1 {
		return reply.SetRcode(q, dns.RcodeNotImplemented)
	}
	reply.SetReply(q)
	reply.Authoritative = true
	z.answer(reply, q.Question[0])
	// RFC 6840 §5.8: the bit is for those who asked for it.
	reply.AuthenticatedData = reply.AuthenticatedData && wantsAD(q)
	return reply
}

func wantsAD(q *dns.Msg) bool {
	opt := q.IsEdns0()
	return q.AuthenticatedData || opt != nil && opt.Do()
}

// send sends a reply, over UDP as much of it as the asker takes.
func send(w dns.ResponseWriter, q, reply *dns.Msg) {
	if w.RemoteAddr().Network() == "udp" {
		reply.Truncate(udpSize(q))
	}
	w.WriteMsg(reply) // whoever asked asks again if this is lost
}

// udpSize is how much the asker can take in one datagram (RFC 6891 §6.2.3).
func udpSize(q *dns.Msg) int {
	if opt := q.IsEdns0(); opt != nil {
		return max(int(opt.UDPSize()), dns.MinMsgSize)
	}
	return dns.MinMsgSize
}
