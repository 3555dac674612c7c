package smtpserver

import (
	"context"
	"fmt"
	"net"
	"time"

	"tem/internal/throttle"
	"tem/internal/wire/smtp"
)

// Limits are how often things may be done. Those of addresses hold for who has
// not logged in, and throttle.NetworkFactor times as much for the network around.
type Limits struct {
	Connections throttle.Rate // by one address
	Messages    throttle.Rate
	Recipients  throttle.Rate
	Errors      throttle.Rate // commands that were refused for good

	AccountMessages   throttle.Rate // by one account
	AccountRecipients throttle.Rate

	// Tarpit is how much longer each command takes after the third that was
	// refused for good, up to ten times as long.
	Tarpit time.Duration
	// Exempt tells which clients are not held to any of these; nil: none.
	Exempt func(net.Addr) bool
}

// Throttle holds clients to Limits, over all the servers that share it. A nil
// one holds nobody.
type Throttle struct {
	limits                                    Limits
	connections, messages, recipients, errors *throttle.Sources
	accountMessages, accountRecipients        *throttle.Meter[string]
}

// NewThrottle holds to these limits by this clock.
func NewThrottle(l Limits, now func() time.Time) *Throttle {
	if l.Exempt == nil {
		l.Exempt = func(net.Addr) bool { return false }
	}
	return &Throttle{
		limits:            l,
		connections:       throttle.NewSources(l.Connections, now),
		messages:          throttle.NewSources(l.Messages, now),
		recipients:        throttle.NewSources(l.Recipients, now),
		errors:            throttle.NewSources(l.Errors, now),
		accountMessages:   throttle.NewMeter[string](l.AccountMessages, now),
		accountRecipients: throttle.NewMeter[string](l.AccountRecipients, now),
	}
}

// source is who is held to limits; false: nobody is.
func (t *Throttle) source(x *session) (throttle.Source, bool) {
	a, ok := x.remote.(*net.TCPAddr)
	if t == nil || !ok || x.o.Mode == LMTP {
		return throttle.Source{}, false
	}
	if !x.unknown() {
		return throttle.Client(a.AddrPort().Addr()), !t.limits.Exempt(a)
	}
	if proxy, ok := x.c.RemoteAddr().(*net.TCPAddr); ok {
		a = proxy
	}
	return throttle.Behind(a.AddrPort().Addr()), true
}

// connection says why a client is not greeted; nil: it is.
func (t *Throttle) connection(x *session) *smtp.Reply {
	from, ok := t.source(x)
	if !ok {
		return nil
	}
	if wait := t.errors.Over(from); wait > 0 {
		return slower(421, "errors from your address", wait)
	}
	if wait := t.connections.Take(from, 1); wait > 0 {
		return slower(421, "connections from your address", wait)
	}
	return nil
}

// message counts one that begins, or says why it may not; nil: it may.
func (t *Throttle) message(x *session) *smtp.Reply {
	if t == nil {
		return nil
	}
	return t.take(x, t.messages, t.accountMessages, "messages")
}

// recipient counts one, or says why there may be no more; nil: there may.
func (t *Throttle) recipient(x *session) *smtp.Reply {
	if t == nil {
		return nil
	}
	return t.take(x, t.recipients, t.accountRecipients, "recipients")
}

func (t *Throttle) take(x *session, of *throttle.Sources, by *throttle.Meter[string], what string) *smtp.Reply {
	from, ok := t.source(x)
	switch {
	case !ok:
	case x.principal != "":
		if wait := by.Take(x.user.Key(), 1); wait > 0 {
			return slower(450, what+" from your account", wait)
		}
	default:
		if wait := of.Take(from, 1); wait > 0 {
			return slower(450, what+" from your address", wait)
		}
	}
	return nil
}

// failed counts a command that was refused for good.
func (t *Throttle) failed(x *session) {
	if from, ok := t.source(x); ok && x.principal == "" {
		t.errors.Force(from, 1)
	}
}

const (
	freeErrors = 3  // of one session, before it gets slower
	mostTarpit = 10 // times Limits.Tarpit
)

// tarpit is how long the next command of a session has to wait.
func (t *Throttle) tarpit(x *session) time.Duration {
	if x.principal != "" || x.errors <= freeErrors { // nearly always, at little cost
		return 0
	}
	if _, ok := t.source(x); !ok {
		return 0
	}
	return t.limits.Tarpit * time.Duration(min(x.errors-freeErrors, mostTarpit))
}

// linger waits as long as the tarpit says, or until the server stops.
func (x *session) linger(ctx context.Context) {
	d := x.o.Throttle.tarpit(x)
	if d == 0 {
		return
	}
	x.c.Flush() // what was said before need not wait; a failure shows at the next reply
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-ctx.Done():
	case <-late.C:
	}
}

func slower(code int, what string, wait time.Duration) *smtp.Reply {
	wait = max(wait.Round(time.Second), time.Second)
	return smtp.NewReply(code, "4.7.1", fmt.Sprintf("Too many %s; try again in %s", what, wait))
}
