package postgres

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// fault is what happens to a connection when COMMIT passes through it.
type fault int

const (
	none     fault = iota
	lose           // cut before the server has it
	unheard        // the server has it; cut before the answer
	late           // cut, and the server gets it when the next COMMIT comes another way
	hang           // neither delivered nor cut
	fatal          // as unheard, and the client is told that the server ended the session
	hangDown       // as unheard, and nobody is let in afterwards
)

// proxy stands between an engine and the server.
type proxy struct {
	ln     net.Listener
	socket string
	next   chan fault // what happens to the next COMMITs; empty: nothing

	mu    sync.Mutex
	conns []net.Conn
	held  chan struct{} // closed when what is held back may go on
	done  sync.WaitGroup
}

// newProxy returns a proxy to the server at a unix socket.
func newProxy(t *testing.T, socket string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{ln: ln, socket: socket, next: make(chan fault, 1000), held: make(chan struct{})}
	p.done.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// url leads through the proxy.
func (p *proxy) url(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", p.ln.Addr(), database)
}

func (p *proxy) close() {
	p.ln.Close()
	p.mu.Lock()
	p.free()
	for _, c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.done.Wait()
}

// free lets go what is held back. The caller holds mu.
func (p *proxy) free() {
	close(p.held)
	p.held = make(chan struct{})
}

func (p *proxy) accept() {
	for {
		client, err := p.ln.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", p.socket)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		p.done.Go(func() { io.Copy(client, server); client.Close(); io.Copy(io.Discard, server) })
		p.done.Go(func() { p.forward(client, server) })
	}
}

// forward carries the client's messages and looks for COMMIT.
func (p *proxy) forward(client, server net.Conn) {
	in := bufio.NewReader(client)
	first := true
	var commit string // the name of the prepared statement
	for {
		kind, msg, err := message(in, first)
		if err != nil {
			server.Close()
			return
		}
		name, query, _ := strings.Cut(string(msg[min(5, len(msg)):]), "\x00")
		if kind == 'P' && strings.HasPrefix(query, "COMMIT\x00") {
			commit = name
		}
		_, statement, _ := strings.Cut(string(msg[min(5, len(msg)):]), "\x00")
		if kind == 'B' && commit != "" && strings.HasPrefix(statement, commit+"\x00") {
			if f := p.take(); f != none {
				p.strike(f, client, server, append(msg, rest(in)...))
				return
			}
		}
		first = false
		if _, err := server.Write(msg); err != nil {
			client.Close()
			return
		}
	}
}

// take returns the next fault.
func (p *proxy) take() fault {
	p.mu.Lock()
	p.free()
	p.mu.Unlock()
	select {
	case f := <-p.next:
		return f
	default:
		return none
	}
}

// strike does what f says; msgs are COMMIT and what belongs to it.
func (p *proxy) strike(f fault, client, server net.Conn, msgs []byte) {
	p.mu.Lock()
	held := p.held
	p.mu.Unlock()
	switch f {
	case lose:
		client.Close()
		server.Close()
		return
	case hang:
		io.Copy(io.Discard, client)
		server.Close()
		return
	case hangDown:
		p.ln.Close()
	case fatal:
		client.Write(fatalError)
	}
	client.Close()
	if f == late {
		<-held
	}
	server.Write(msgs)
}

// fatalError is the message with which a server ends a session.
var fatalError = append([]byte{'E', 0, 0, 0, 47}, "SFATAL\x00VFATAL\x00C57P01\x00Mthe server is going\x00\x00"...)

// message reads one message of the protocol; the first has no kind.
func message(in *bufio.Reader, first bool) (kind byte, msg []byte, err error) {
	if !first {
		if kind, err = in.ReadByte(); err != nil {
			return 0, nil, err
		}
		msg = append(msg, kind)
	}
	var size [4]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return 0, nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:])-4)
	_, err = io.ReadFull(in, body)
	return kind, append(append(msg, size[:]...), body...), err
}

// rest reads up to the Sync that ends what belongs together.
func rest(in *bufio.Reader) (all []byte) {
	for {
		kind, msg, err := message(in, false)
		if err != nil {
			return all
		}
		if all = append(all, msg...); kind == 'S' {
			return all
		}
	}
}
