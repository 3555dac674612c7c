// Package dsn has what delivery says of itself: status values and the reports
// made of them (RFC 3463, 3464).
package dsn

import (
	"fmt"
	"strconv"
	"strings"
)

// Code is an enhanced status code (RFC 3463): class.subject.detail. The zero
// value is no code.
type Code [3]uint16

func (c Code) String() string { return string(c.Append(make([]byte, 0, 9))) }

// Append appends the code's text.
func (c Code) Append(b []byte) []byte {
	for i, n := range c {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendUint(b, uint64(n), 10)
	}
	return b
}

// IsZero reports that there is no code.
func (c Code) IsZero() bool { return c == Code{} }

// Status is the outcome for one recipient or one step: a value that the log,
// the retry schedule and the report all read.
type Status struct {
	Reply int    // SMTP reply code, 250, 451, 550; 0 where no server said one
	Code  Code   // enhanced status code; class 2 delivered, 4 try again, 5 never
	Text  string // one line for a person
	// Remote is the name of the server that said so; "" for ourselves.
	Remote string
	// Passed: it has also taken over what the sender wants to be told, for it
	// knows DSN (RFC 3461 §5.2.1): success is its to report.
	Passed bool `json:",omitzero"`
}

// OK, Temporary and Permanent sort a status by its class.
func (s Status) OK() bool        { return s.class() == 2 }
func (s Status) Temporary() bool { return s.class() == 4 }
func (s Status) Permanent() bool { return s.class() == 5 }

func (s Status) class() int {
	if s.Code[0] != 0 {
		return int(s.Code[0])
	}
	return s.Reply / 100
}

func (s Status) String() string {
	if s.Reply == 0 {
		return s.Code.String() + " " + s.Text
	}
	if s.Code.IsZero() {
		return strings.TrimRight(fmt.Sprintf("%d %s", s.Reply, s.Text), " ")
	}
	return strings.TrimRight(fmt.Sprintf("%d %s %s", s.Reply, s.Code, s.Text), " ")
}
