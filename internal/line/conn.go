package line

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultTimeout = 5 * time.Minute
	defaultMaxLine = 2048
	acceptTimeout  = time.Minute            // for a client's part of a TLS handshake
	closeTimeout   = time.Second            // for the last flush
	lingerTimeout  = 200 * time.Millisecond // for the peer to read it
)

// Conn is one end of a dialogue in lines.
type Conn struct {
	o    Options
	side Side
	peer Side
	// secret hides what the client side sends from the tap.
	secret bool

	mu          sync.Mutex // guards what Interrupt and Close share with the owner; never held across I/O
	nc          net.Conn   // the top layer; only the owner replaces it
	interrupted bool
	finishing   bool // Interrupt waits until that is over
	stopped     bool // InterruptNow
	closed      bool
	resting     bool // in Wait
	nudged      bool // and Wait has not said so yet

	sock *socket           // the lowest layer, if it can be waited on
	tls  *tls.Conn         // nil in clear
	cert *x509.Certificate // the server's

	unpacker *unpacker // nil: not compressed

	in     []byte // in[r:w] has been received and not yet read; nil when there is nothing
	r, w   int
	bulk   bool  // much came at a time
	within bool  // raw octets were read, and no line since: the peer is in the middle of something
	ended  error // why there will be no more input

	outMu    sync.Mutex // held by the owner while it writes, so that Close can tell
	out      []byte
	deflater *deflater // nil: not compressed
	unsent   error     // why output could not be sent
	// lastWords: output could not be sent, and what the peer said before that is read all the same.
	lastWords bool
	fault     atomic.Pointer[error] // the first failure of the network
}

// NewConn puts lines over nc; side is the end that we are.
func NewConn(nc net.Conn, side Side, o Options) *Conn {
	o.ReadTimeout = cmp.Or(o.ReadTimeout, defaultTimeout)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, defaultTimeout)
	o.MaxLine = cmp.Or(o.MaxLine, defaultMaxLine)
	o.Session = cmp.Or(o.Session, strings.ToLower(rand.Text()[:8]))
	c := &Conn{o: o, side: side, peer: Client, nc: nc, sock: asSocket(nc)}
	if c.sock != nil {
		c.nc = c.sock
	}
	if side == Client {
		c.peer = Server
	}
	if o.Tap != nil {
		c.event(None, Opened, fmt.Appendf(nil, "%s %s", c.LocalAddr(), c.RemoteAddr()))
	}
	return c
}

// LocalAddr is our end of the connection.
func (c *Conn) LocalAddr() net.Addr {
	if c.o.Local != nil {
		return c.o.Local
	}
	return c.nc.LocalAddr()
}

// RemoteAddr is the client's, also behind a proxy that tells it.
func (c *Conn) RemoteAddr() net.Addr {
	if c.o.Remote != nil {
		return c.o.Remote
	}
	return c.nc.RemoteAddr()
}

// Session is the name of the connection in logs and traces.
func (c *Conn) Session() string { return c.o.Session }

// Tap is what sees the connection; nil: nothing does.
func (c *Conn) Tap() Tap { return c.o.Tap }

// Secret, while on, makes the tap see "‹secret n bytes›" for every line and
// piece of data that the client side sends: for the steps of AUTH after the first.
func (c *Conn) Secret(on bool) { c.secret = on }

// Note tells the tap something beside the dialogue.
func (c *Conn) Note(format string, args ...any) {
	if c.o.Tap != nil {
		c.event(None, Info, fmt.Appendf(nil, format, args...))
	}
}

// tell shows the tap one line or piece of data, without what is secret in it.
func (c *Conn) tell(from Side, kind Kind, text []byte) {
	if c.o.Tap == nil {
		return
	}
	if from == Client && c.secret {
		text = fmt.Appendf(nil, "‹secret %d bytes›", len(text))
	} else if from == Client && kind == Line && c.o.Redact != nil {
		text = c.o.Redact(text)
	}
	c.event(from, kind, text)
}

func (c *Conn) event(from Side, kind Kind, text []byte) {
	c.o.Tap.Event(Event{Time: time.Now(), Session: c.o.Session, From: from, Kind: kind, Text: text})
}

// Interrupt makes the current and all later reads that need the network
// return ErrInterrupted, but what Finishing protects. Writing still works.
func (c *Conn) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupted = true
	if !c.finishing {
		c.nc.SetReadDeadline(past)
	}
}

// InterruptNow is an Interrupt that Finishing does not put off.
func (c *Conn) InterruptNow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupted, c.stopped = true, true
	c.nc.SetReadDeadline(past)
}

// Finishing, while on, puts an Interrupt off: for what has begun and would only
// be begun again. It is for the owner.
func (c *Conn) Finishing(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finishing = on
}

// ends reports that reads end with ErrInterrupted; its caller holds mu.
func (c *Conn) ends() bool { return c.interrupted && !c.finishing || c.stopped }

// expect sets the time by which the peer must have said something.
func (c *Conn) expect(by time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends() {
		return ErrInterrupted
	}
	c.nc.SetReadDeadline(by) // when it fails so does reading
	return nil
}

// failed is the error to report for a failure of the network.
func (c *Conn) failed(err error) error {
	c.mu.Lock()
	interrupted := c.ends()
	c.mu.Unlock()
	if interrupted && isTimeout(err) {
		return ErrInterrupted
	}
	return err
}

// Close flushes what it can within a moment and closes the connection.
func (c *Conn) Close() error {
	c.mu.Lock()
	already := c.closed
	c.closed = true
	c.mu.Unlock()
	if already {
		return nil
	}
	reason := ""
	if c.outMu.TryLock() { // else the owner is writing, and closing is what ends that
		if fault := c.fault.Load(); fault != nil {
			reason = (*fault).Error()
		}
		c.sayLast()
		c.outMu.Unlock()
	}
	err := c.nc.Close()
	if c.o.Tap != nil {
		c.event(None, Closed, []byte(reason))
	}
	return err
}

// sayLast flushes, and gives the peer a moment to read it: closing a TCP
// connection on which input waits unread would take the output back.
func (c *Conn) sayLast() {
	if len(c.out) == 0 {
		return
	}
	if c.flushBy(time.Now().Add(closeTimeout)) != nil {
		return
	}
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	bottom := c.bottom() // the owner may be reading through the layers
	bottom.SetReadDeadline(time.Now().Add(lingerTimeout))
	io.CopyN(io.Discard, bottom, maxBuffer)
}

// bottom is the connection below the layers, as far as it is known.
func (c *Conn) bottom() net.Conn {
	if c.sock != nil {
		return c.sock.TCPConn
	}
	return c.nc
}

// StartTLS flushes, then does the handshake of our side. On a server, buffered
// plaintext input is thrown away first (RFC 3207 §4.2); on a client it is
// ErrPlaintextAfterTLS.
func (c *Conn) StartTLS(ctx context.Context, cfg *tls.Config) error {
	if err := c.Flush(); err != nil {
		return err
	}
	if c.Buffered() > 0 {
		if c.side == Client {
			return ErrPlaintextAfterTLS
		}
		c.Note("%d octets of plaintext behind STARTTLS thrown away", c.Buffered())
		c.r, c.w = 0, 0
	}
	over := tls.Client
	if c.side == Server {
		over = tls.Server
	}
	return c.handshake(ctx, over(c.nc, cfg), cfg)
}

func (c *Conn) handshake(ctx context.Context, t *tls.Conn, cfg *tls.Config) error {
	by := time.Now().Add(c.patience())
	if err := c.expect(by); err != nil {
		return err
	}
	c.nc.SetWriteDeadline(by)
	if err := c.patiently(func() error { return t.HandshakeContext(ctx) }); err != nil {
		c.Note("TLS handshake failed: %v", err)
		return c.failed(fmt.Errorf("TLS handshake: %w", err))
	}
	state := t.ConnectionState()
	c.cert = c.shown(&state, cfg)
	c.mu.Lock()
	c.nc, c.tls = t, t
	c.mu.Unlock()
	c.Note("%s", TLSInfo(&state))
	return nil
}

// patience is how long a handshake may take. A client that is allowed long
// silences afterwards, such as one of IMAP, is not yet known to be one.
func (c *Conn) patience() time.Duration {
	if c.side == Server {
		return min(c.o.ReadTimeout, acceptTimeout)
	}
	return c.o.ReadTimeout
}

// patiently lets do read from the network as from any connection.
func (c *Conn) patiently(do func() error) error {
	if c.sock == nil {
		return do()
	}
	c.sock.hasty = false
	defer func() { c.sock.hasty = true }()
	return do()
}

// TLS is the state of the TLS layer, nil in clear.
func (c *Conn) TLS() *tls.ConnectionState {
	if c.tls == nil {
		return nil
	}
	state := c.tls.ConnectionState()
	return &state
}

// Certificate is the server's in the TLS layer; nil in clear, or if it is not
// certain which of a server's own it was.
func (c *Conn) Certificate() *x509.Certificate { return c.cert }

// shown is the server's certificate. A server's own is not part of the state: it
// is what the configuration chooses. A client that resumes a session from before
// the configuration's certificate was replaced has another in mind.
func (c *Conn) shown(state *tls.ConnectionState, cfg *tls.Config) *x509.Certificate {
	if c.side == Client {
		return state.PeerCertificates[0]
	}
	pair := (*tls.Certificate)(nil)
	if cfg.GetCertificate != nil {
		pair, _ = cfg.GetCertificate(&tls.ClientHelloInfo{ServerName: state.ServerName}) // without one there was no handshake
	} else if len(cfg.Certificates) == 1 {
		pair = &cfg.Certificates[0]
	}
	if pair == nil {
		return nil
	}
	return pair.Leaf
}
