// Package imap turns the octets of an IMAP client (RFC 9051, RFC 3501) into
// typed commands, and values into the octets of responses.
//
// Invariant: parsing touches no state and is bounded: a command has at most
// MaxCommand octets with its literals, lists nest at most MaxDepth deep, and
// every error leaves the dialogue in step or says that it can't. A message
// that APPEND brings is never held: its octets are read by the server.
//
// The package starts no goroutines.
package imap

import "fmt"

const (
	MaxLine    = 64 << 10  // octets of one line of a command
	MaxCommand = 128 << 10 // octets of a whole command with its literals
	MaxDepth   = 64        // nesting of parentheses and search keys
	MaxItems   = 10_000    // items of lists and search keys in a command; messages and parts in an APPEND
)

// State is a set of connection states (RFC 9051 §3).
type State uint8

const (
	NotAuthenticated State = 1 << iota
	Authenticated
	Selected

	Any      = NotAuthenticated | Authenticated | Selected
	LoggedIn = Authenticated | Selected
)

// Traits are what a server has to know of a command beside its handler.
type Traits uint8

const (
	// Numbers: the command has sequence numbers in it or in its answers, so
	// that none may change until it ends (RFC 9051 §7.5.1).
	Numbers Traits = 1 << iota
	// ByNumber: sequence numbers are in the command or its answers, and it has
	// a UID form without; refused after ENABLE UIDONLY (RFC 9586 §3).
	ByNumber
	// Messages: the command brings messages, which the server takes from
	// Reader.NextMessage.
	Messages
)

// Command is one command as it was read. Args is a pointer to one of the
// types of this package, such as *Fetch.
type Command struct {
	Tag  string
	Row  *Row
	Args any
}

// SyntaxError is why a command could not be understood. Tag is "*" when not
// even that could be read; Code is a response code or "". A fatal one leaves
// the dialogue out of step: the connection must end.
type SyntaxError struct {
	Tag, Code, Text string
	Fatal           bool
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("imap: %s", e.Text) }
