// Package journey remembers what became of every message: from the connection
// that brought it to the mailbox, or to the reply of the server it was given to.
//
// Invariant: a journey never decides anything and never holds mail up. What
// could not be written is missing from it, and it says so.
package journey

import (
	"time"

	"tem/internal/message/dsn"
)

// Kind is what happened.
type Kind string

// The kinds of events, in the order a message meets them.
const (
	Refused   Kind = "refused"   // a sender, recipient or message was not taken
	Accepted  Kind = "accepted"  // the message is ours, durably
	Placed    Kind = "placed"    // it lies in a mailbox
	Queued    Kind = "queued"    // it waits to leave
	Attempted Kind = "attempted" // a dialogue with a server elsewhere, or why there was none
	Delivered Kind = "delivered" // a server elsewhere has taken it
	Deferred  Kind = "deferred"  // it will be tried again
	Failed    Kind = "failed"    // given up
	Reported  Kind = "reported"  // its sender was told
	Changed   Kind = "changed"   // an administrator held, released, rerouted or dropped it
)

// Reasons by which an answer knows what an administrator did, and what the
// sender wanted; other reasons of Changed have the message tried.
const (
	ReasonHeld     = "held"
	ReasonDropped  = "dropped"
	ReasonGivenUp  = "given up"
	ReasonRerouted = "rerouted to "                  // and where
	ReasonHeldBack = "held back as its sender asked" // of Queued

	// ReasonUnfinished is of Refused: neither taken nor, perhaps, answered.
	ReasonUnfinished = "the text did not come to its end"
)

// Event is one step of one message.
type Event struct {
	ID   string    // of the message: that in "queued as"; "" when it was refused before it had one
	Job  string    // of the queue; "" for none
	Time time.Time // when it ended
	Took time.Duration
	Kind Kind

	Session string // of the connection
	Remote  string // its other end: address or host [address]
	Hello   string // what the client called itself
	Login   string // the account that logged in; "": nobody
	TLS     string // protocol and cipher; "": in clear

	From      string // return path; "" is also the null path
	To        []string
	MessageID string // as the field has it, with its brackets
	Size      int64
	Mailbox   string // where it was placed

	Status   dsn.Status // what was said, by us or by the other server
	Reason   string     // why, in words for the operator
	Next     time.Time  // when it is tried again
	Policy   string     // of TLS for this attempt: "opportunistic", "mta-sts", "dane", "requiretls"
	Verdict  string     // what trust found, in lines
	Dialogue string     // what was said, as Dialogue.Since has it
	Link     string     // id of the message that came of it: the report, of Reported; the copy that was sent on
}

// Record takes an event; it returns at once. Whoever has nil records nothing.
type Record func(Event)

// Add records an event unless there is nobody to.
func (r Record) Add(e Event) {
	if r != nil {
		r(e)
	}
}
