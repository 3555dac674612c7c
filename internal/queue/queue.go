// Package queue holds what still has to leave: one row for each message and
// destination, its schedule and its final status.
//
// Invariant: a row leaves the queue only in the commit that records its end:
// delivered, reported to the sender, or dropped by hand. Everything that
// changes a row asserts what it read, so an attempt, a retry and a drop may
// race; a crash only makes a row due again.
//
// What fails at several sites at the same time is told in one report: a job
// that has one to make waits in its row for up to a minute while others of the
// message are being tried, and whichever ends last tells of all (gather.go).
// Then it stands in line behind no site, and before its own next try.
// Reports of delays are each job's own.
//
// Run owns one goroutine for the schedule and one for each attempt, and waits
// for them. No job has two attempts at once.
package queue

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tem/internal/blob"
	"tem/internal/journey"
	"tem/internal/kv"
	"tem/internal/mail"
	"tem/internal/message/dsn"
)

var (
	// ErrNotFound: no job has that id.
	ErrNotFound = errors.New("not in the queue")
	// ErrNoReport, returned by Options.Bounce, says that nobody can be told
	// (null return path, unknown sender); the job ends all the same.
	ErrNoReport = errors.New("nobody to report to")
)

// Recipient is one address that the message must still reach, or has.
type Recipient struct {
	Address  string
	Original string     // as the sender gave it, when an alias changed it
	Status   dsn.Status // of the last attempt; zero: not tried
	Done     bool       // no more attempts
	Reported bool       // Done without success, and the sender was told
	Notify   dsn.Notify `json:",omitzero"` // what the sender wants to be told (RFC 3461 §4.1)
	Expanded bool       `json:",omitzero"` // Done: it stood for several others, which have the message now (RFC 3461 §5.2.7.3)
	ORCPT    string     `json:",omitzero"` // "type;address" as the sender gave it (RFC 3461 §4.2), decoded
}

// failed: given up.
func (r *Recipient) failed() bool { return r.Done && !r.Status.OK() }

// owes: the sender wants to be told of a recipient's end, and was not (RFC 3461 §5.2.1, §5.2.2).
func (j *Job) owes(r *Recipient) bool {
	switch {
	case !r.Done || r.Reported:
		return false
	case r.failed():
		return r.Notify.Wants(dsn.NotifyFailure)
	case r.Status.Passed:
		return false
	}
	return r.Notify.Wants(dsn.NotifySuccess) || j.By.Trace && !r.Notify.Wants(dsn.NotifyNever) // RFC 2852 §4.1.5
}

// Job is one message for one destination domain. One that is added with
// recipients that are Done without success has these reported, not tried.
type Job struct {
	ID         string // queue id of the message, "-", number: unique
	Body       blob.ID
	Skip       int64 // octets at the start of the body that are not sent (our Return-Path line)
	Size       int64 // of what is sent
	ReturnPath string
	Domain     string
	Recipients []Recipient
	UTF8       bool // needs SMTPUTF8
	EightBit   bool
	Created    time.Time
	Expires    time.Time
	Next       time.Time
	Claimed    time.Time `json:",omitzero"` // until when a process that shares the rows has it
	Attempts   int
	Warned     bool       // a delay report was sent
	EnvID      string     `json:",omitzero"` // ENVID, decoded (RFC 3461 §4.4)
	Return     dsn.Return `json:",omitzero"` // how much of the message a report of failure has (RFC 3461 §4.3)
	RequireTLS bool       `json:",omitzero"` // only over TLS with a verified certificate, to servers that keep to it (RFC 8689)
	Binary     bool       `json:",omitzero"` // needs BINARYMIME
	Priority   int        `json:",omitzero"` // -9 to 9, higher goes first (RFC 6710)
	By         dsn.By     `json:",omitzero"` // the sender's own time limit (RFC 2852)
	Submitter  string     `json:",omitzero"` // the account that submitted it; "": it came from elsewhere, or is a report
	Held       bool       `json:",omitzero"` // by an administrator: not tried until released
	Route      string     `json:",omitzero"` // an administrator's choice of relay; "": as configured
	Release    time.Time  `json:",omitzero"` // not tried before (RFC 4865); it lives and is late from then on
	Late       bool       `json:",omitzero"` // the sender was told that By.Time is over
	Unverified bool       `json:",omitzero"` // nothing shows that the return path's owner sent it: nobody is told (no backscatter)
	Last       string     // last outcome in one line
}

// Transport is a way out of the queue. It returns one status for each
// recipient that is not Done, in order.
type Transport interface {
	Deliver(ctx context.Context, j *Job, to []Recipient) []dsn.Status
}

// Options for New.
type Options struct {
	KV        kv.Engine
	Mail      *mail.Store
	Transport Transport
	Local     Transport // for jobs without a domain: mailboxes here that had no room; nil: Transport has them too
	Record    journey.Record
	// Bounce hands a report on failed or delayed recipients to delivery, in one
	// commit with the rows that done adds, and returns the report's id.
	// ErrNoReport: nothing was committed and there is nobody to tell.
	Bounce    func(ctx context.Context, j *Job, failed []Recipient, delayed bool, done func(b *kv.Batch)) (id string, err error)
	Log       *slog.Logger
	Now       func() time.Time
	Retry     func(attempt int) time.Duration // nil: the default schedule
	Lifetime  time.Duration                   // 0: five days
	Workers   int                             // attempts at once; 0: 200
	PerDomain int                             // of them to one site at most; 0: 20
	// Shared says that other processes send from the same rows; each claims a
	// job before it tries it.
	Shared bool
}

// Queue is safe for concurrent use.
type Queue struct {
	o    Options
	wake chan struct{} // holds at most one notice that there is something new
	mu   sync.Mutex
	news []news // of jobs since Run has last looked
	all  bool   // Wake could not say which jobs are new
	// trying has the jobs with an attempt under way at recipients of theirs.
	trying map[string]bool
	// refer and release are those of o.Mail: a job keeps its message's body.
	refer, release func(b *kv.Batch, body blob.ID, owner []byte)
}

// New returns a queue over the rows that o.KV holds.
func New(o Options) *Queue {
	o.Lifetime = cmp.Or(o.Lifetime, 5*24*time.Hour) // RFC 5321 §4.5.4.1: at least four or five days
	o.Workers = cmp.Or(o.Workers, 200)
	o.PerDomain = cmp.Or(o.PerDomain, 20)
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Queue{o: o, wake: make(chan struct{}, 1), trying: make(map[string]bool), refer: o.Mail.Refer, release: o.Mail.Release}
}

// Add writes a job's rows into b and fills in Created, Expires and Next; Wake with it after the commit makes Run look.
func (q *Queue) Add(b *kv.Batch, j *Job) {
	now := q.o.Now()
	if j.Created.IsZero() {
		j.Created = now
	}
	if j.Expires.IsZero() {
		j.Expires = j.begun().Add(q.o.Lifetime)
	}
	if j.Next.IsZero() {
		j.Next = j.begun()
	}
	j.write(b)
	q.refer(b, j.Body, j.owner())
}

// Wake makes Run look at new jobs; without any, at all rows.
func (q *Queue) Wake(jobs ...*Job) {
	q.mu.Lock()
	for _, j := range jobs {
		q.note(j, false)
	}
	q.all = q.all || len(jobs) == 0
	q.mu.Unlock()
	q.ring()
}

// inform makes Run look at jobs that were altered; rested says that their
// sites are not to rest any longer.
func (q *Queue) inform(jobs []Job, rested bool) {
	q.mu.Lock()
	for i := range jobs {
		q.note(&jobs[i], rested)
	}
	q.mu.Unlock()
	q.ring()
}

// note remembers a job for Run, or that all rows are to be looked at.
func (q *Queue) note(j *Job, rested bool) {
	if len(q.news) < allRoom {
		q.news = append(q.news, news{hint{j.ID, j.Domain, j.Priority, j.Next}, rested, len(j.pending()) == 0})
	} else {
		q.all = true
	}
}

func (q *Queue) ring() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
