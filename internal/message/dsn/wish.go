package dsn

import "time"

// Notify is a set of outcomes that a sender wants to be told of (RFC 3461
// §4.1). The zero value is "not said": of failures and delays.
type Notify uint8

// The members of Notify.
const (
	NotifySuccess Notify = 1 << iota
	NotifyFailure
	NotifyDelay
	NotifyNever // alone
)

// Wants reports whether the sender wants to be told of an outcome.
func (n Notify) Wants(outcome Notify) bool {
	if n == 0 {
		n = NotifyFailure | NotifyDelay
	}
	return n&outcome != 0
}

// Return is how much of the message a report of failure brings back (RFC 3461 §4.3).
type Return string

// The values of Return; "" leaves it to the server.
const (
	ReturnFull   Return = "FULL"
	ReturnHeader Return = "HDRS"
)

// By is a sender's time limit (RFC 2852 §4).
type By struct {
	Time   time.Time // zero: none
	Return bool      // too late it is returned; else the sender is told and it goes on
	Trace  bool      // the sender is told of every server that takes it
}

// WithoutSuccess is n for those that a group stands for (RFC 3461 §5.2.7.3).
func (n Notify) WithoutSuccess() Notify {
	if n == NotifySuccess {
		return NotifyNever
	}
	return n &^ NotifySuccess
}

// Wish is what a sender asked about one recipient (RFC 3461 §4.1, §4.2).
type Wish struct {
	Notify Notify
	ORCPT  string // "type;address", decoded; "": not given
}
