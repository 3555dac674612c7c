// Package line is the connection under every line protocol, for servers and
// clients alike: TCP, then TLS, then DEFLATE, then the tap, then buffers.
//
// Invariant: everything that crosses the wire in clear is shown to the tap,
// after TLS and DEFLATE and with secrets hidden; output is flushed before the connection
// waits for input, so a batch of pipelined commands is answered in one write.
//
// While a connection waits for the network it holds no buffers, so that very
// many can be idle.
//
// A Conn belongs to one goroutine, except that one may read while another
// writes, and that Interrupt, Nudge and Close may be called from any.
package line

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

var (
	// ErrTooLong: the line was longer than MaxLine. The rest of it has been
	// skipped; the next ReadLine reads the next line.
	ErrTooLong = errors.New("line: too long")
	// ErrBareNewline: the line holds a CR or LF that is not part of a CRLF. The
	// line, ended by the first LF, is returned beside it, for protocols that are lenient.
	ErrBareNewline = errors.New("line: bare CR or LF")
	// ErrAmbiguousEnd: the text ended in a way that not every server takes for
	// an end, so what follows may be text smuggled as commands.
	ErrAmbiguousEnd = fmt.Errorf("%w before the final dot", ErrBareNewline)
	// ErrInterrupted: Interrupt was called; the session should say goodbye and end.
	ErrInterrupted = errors.New("line: interrupted")
	// ErrNudged: Nudge was called; the connection is as it was.
	ErrNudged = errors.New("line: nudged")
	// ErrPlaintextAfterTLS: bytes came in clear behind the command that starts TLS.
	ErrPlaintextAfterTLS = errors.New("line: plaintext behind STARTTLS")
)

// Side names an end of the dialogue.
type Side uint8

const (
	None Side = iota
	Client
	Server
)

// Options shape a Conn. The zero value has five-minute time-outs, lines of
// 2048 octets and no tap.
type Options struct {
	Tap          Tap
	Session      string        // id under which the tap and the logs know the connection; "": one is made
	ReadTimeout  time.Duration // longest silence of the peer while we wait for it
	WriteTimeout time.Duration // longest time for one flush
	MaxLine      int           // octets with CRLF
	// Local and Remote are the ends as a proxy told them; nil: those of the connection itself.
	Local, Remote net.Addr
	// Redact, if set, is given each line that the client side sends before the
	// tap sees it and returns what may be shown.
	Redact func(line []byte) []byte
}

// Kind says what an Event is about.
type Kind uint8

const (
	Opened Kind = iota // Text: addresses of both ends
	Line               // Text: one line without its CRLF
	Data               // Text: a piece of message content or of a literal
	Info               // Text: what happened beside the dialogue, such as "TLS 1.3 TLS_AES_128_GCM_SHA256"
	Closed             // Text: why, if there was a reason
)

// Event is one thing that happened on a connection. Text is valid only during
// the call to the tap.
type Event struct {
	Time    time.Time
	Session string
	From    Side
	Kind    Kind
	Text    []byte
}

// Tap sees what crosses a connection. Its Event may be called from many
// connections at once and must not block for long.
type Tap interface{ Event(Event) }

// TLSInfo is the text of TLS in traces and Received lines: version and cipher.
func TLSInfo(s *tls.ConnectionState) string {
	return tls.VersionName(s.Version) + " " + tls.CipherSuiteName(s.CipherSuite)
}
