package smtpserver

import (
	"context"
	"net"

	"tem/internal/trust"
	"tem/internal/trust/dmarc"
	"tem/internal/trust/spf"
	"tem/internal/wire/smtp"
)

// exam is the examination of one message from elsewhere.
type exam struct {
	*trust.Exam
	cancel context.CancelFunc
}

// end gives up what nobody waits for any more.
func (e *exam) end() {
	if e != nil {
		e.cancel()
	}
}

// examine begins to find out about a message from its return path. Who has
// logged in is known, and an LMTP client has judged for itself.
func (x *session) examine(ctx context.Context) {
	remote, ok := x.remote.(*net.TCPAddr)
	if x.o.Judge == nil || x.principal != "" || x.o.Mode == LMTP || !ok {
		return
	}
	// The checks of a message under way go on while the server shuts down, as it does.
	ctx = context.WithoutCancel(ctx)
	if x.seen == nil {
		visit, leave := context.WithCancel(ctx)
		x.seen, x.leave = x.o.Judge.Visit(visit, trust.Client{Addr: remote.AddrPort().Addr(), Hello: x.hello}), leave
	}
	ctx, cancel := context.WithCancel(ctx)
	x.mail.exam = &exam{x.seen.From(ctx, x.mail.envelope.ReturnPath.String()), cancel}
}

// unsee forgets what is found out about the client, and gives up what nobody
// waits for any more.
func (x *session) unsee() {
	if x.seen != nil {
		x.leave()
		x.seen = nil
	}
}

// seal has a message that goes on to other servers sealed: what was found here
// is lost to them, since they see our address, and perhaps a changed text.
func (x *session) seal(ctx context.Context) {
	if x.o.Sealer == nil || x.mail.exam == nil || !x.mail.envelope.Onward {
		return
	}
	key, ok := x.o.Sealer(ctx)
	if !ok {
		return
	}
	if err := x.mail.exam.Seal(key); err != nil {
		x.log.Error("smtp message not sealed", "err", err)
	}
}

// sealed are the fields of the seal.
func (x *session) sealed(ctx context.Context) []byte {
	if x.mail.exam == nil {
		return nil
	}
	fields, err := x.mail.exam.Sealed(ctx, x.o.Hostname)
	if err != nil {
		x.log.Error("smtp message not sealed", "err", err)
	}
	return fields
}

// judge waits for the verdict on a message and notes what follows from it; the
// reply is for one that is not taken. Without an examination both are nil.
func (x *session) judge(ctx context.Context) (*trust.Verdict, *smtp.Reply) {
	e := &x.mail.envelope
	if x.mail.exam == nil {
		return nil, nil
	}
	v := x.mail.exam.Verdict(ctx)
	if x.o.Judged != nil {
		x.o.Judged(v)
	}
	e.Junk, e.SPF = v.Action == trust.Quarantine, string(v.SPF.Result)
	e.Unsure = e.Junk && v.DMARC.Value == dmarc.TempError
	e.Unverified = v.SPF.Result != spf.Pass
	if s := v.Status(); !s.OK() {
		return v, smtp.StatusReply(s)
	}
	return v, nil
}

// stamp is the field that tells what was found (RFC 8601), before all others.
func (x *session) stamp(v *trust.Verdict) []byte {
	if v == nil {
		return nil
	}
	return v.AuthenticationResults(x.o.Hostname)
}
