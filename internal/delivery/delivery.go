// Package delivery is the one door into the store: whoever accepts a message,
// from the network, a person, or a bounce, hands it to Accept.
//
// Invariant: when Accept returns without an error, every recipient is a mailbox
// row or a queue row, all written in one commit.
//
// It starts no goroutines.
package delivery

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/journey"
	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/message/dsn"
	"tem/internal/queue"
	"tem/internal/trust/dkim"
)

// Options for New.
type Options struct {
	Hostname  string
	Directory *directory.Directory
	Mail      *mail.Store
	Queue     *queue.Queue
	Log       *slog.Logger // the mail log: one line per accept
	Now       func() time.Time
	Record    journey.Record // nil: nobody writes down what became of messages
	// Keys are those for what is written here, reports and answers, by the domain in From; nil: nothing is signed.
	Keys dkim.Keys
	// Accepted is told of each message that is ours now, with the header; it returns at once. nil: nobody is.
	Accepted func(e *Envelope, header message.Header, body *mail.Body)
}

// Delivery is safe for concurrent use.
type Delivery struct {
	o         Options
	answering [16]sync.Mutex // by account: one automatic reply of it at a time
}

// New returns the door to the store that o names.
func New(o Options) *Delivery {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Delivery{o: o}
}

// Envelope is what a message travels in.
type Envelope struct {
	ReturnPath address.Address
	Recipients []address.Address
	// Wishes are what the sender asked to be told about each recipient, by its
	// place in Recipients (RFC 3461); shorter than it where nothing was asked.
	Wishes []dsn.Wish
	EnvID  string     // ENVID, decoded (RFC 3461 §4.4)
	Return dsn.Return // RET (RFC 3461 §4.3)
	// RequireTLS, Binary, Priority, By and Release are the parameters of
	// RFC 8689, 3030, 6710, 2852 and 4865; zero where they were not given.
	RequireTLS bool
	Binary     bool
	Priority   int
	By         dsn.By
	Release    time.Time // not to be sent on before; zero: at once
	Submitter  string    // the account that logged in; "": nobody
	// Origin is what the journey is told of the session, the message's
	// Message-ID and what trust found; the rest is filled in by delivery.
	Origin journey.Event
	// Dialogue is what was said in the session, and then the replies to the text,
	// which nobody has given yet. nil: there is none.
	Dialogue func(replies []dsn.Status) string
	// Junk: it goes to the mailbox for what nobody wants, and nowhere else, by
	// the policy of the domain that it claims to come from, or ours. Nobody is
	// told of whom it was refused for beside the client.
	Junk bool
	// Unsure: it is Junk since name servers do not say for now whether it is good.
	Unsure bool
	// Submitted: from one of our people (may go anywhere); else only to local domains.
	Submitted bool
	UTF8      bool
	EightBit  bool
	SPF       string // what the check of the return path said: "pass", "none", …; "": there was none
	// Unverified: nothing shows that the owner of the return path sent this, so
	// that a report could hit somebody else (no backscatter).
	Unverified bool
	// Skip: octets of the body that belong to local delivery only (the Return-Path line).
	Skip int64
	// Onward: some of it goes on to other servers, as Check found.
	Onward bool
	// Near: an account that it goes to, as Check found; 0: none that is known.
	Near mail.AccountID
	// answered: the client is told of each recipient, see AcceptEach.
	answered bool
}

// Spool starts the body of the message, among those of an account that it goes to.
func (d *Delivery) Spool(ctx context.Context, e *Envelope) *mail.Spool {
	if e.Near == 0 {
		return d.o.Mail.NewSpool(ctx)
	}
	return d.o.Mail.Account(e.Near).NewSpool(ctx)
}
