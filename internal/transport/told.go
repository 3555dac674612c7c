package transport

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"strings"
	"time"

	"tem/internal/journey"
	"tem/internal/message/dsn"
)

// record tells the journey of one try, with whoever it was.
func (a *attempt) record(remote, policy string, began time.Time, s dsn.Status) {
	if a.Record == nil {
		return
	}
	now := time.Now()
	e := journey.Event{
		ID: a.job.ID, Job: a.job.ID, Time: now, Took: now.Sub(began), Kind: journey.Attempted, Session: a.job.ID,
		Remote: remote, TLS: a.tls, Policy: policy, From: a.job.ReturnPath, Size: a.job.Size, Status: s,
		Dialogue: a.said.Since(),
	}
	if i := strings.LastIndexByte(e.ID, '-'); i > 0 {
		e.ID = e.ID[:i] // a job's id is the message's with a number
	}
	for i := range a.to {
		e.To = append(e.To, a.to[i].Address)
	}
	if s.Reply == 0 { // it is ours, not the server's
		e.Reason = s.Text
	}
	a.Record.Add(e)
}

// nowhere tells that no server was connected to.
func (a *attempt) nowhere(host string, s dsn.Status) { a.record(host, "", time.Now(), s) }

// worst is the status that says most of a try: the first that is no success.
func (a *attempt) worst() dsn.Status {
	for _, s := range a.statuses {
		if !s.OK() {
			return s
		}
	}
	return a.statuses[0]
}

// report tells of a TLS session that was tried.
func (a *attempt) report(n need, p peer, c *conn, lack *insecure) {
	if a.TLSReport == nil || n.report.Type == "" {
		return
	}
	o := TLSOutcome{Time: time.Now(), Domain: n.domain, Policy: n.report, Host: p.name, SendingIP: ip(c.Conn().LocalAddr()), HostIP: ip(c.Conn().RemoteAddr())}
	o.HostHello, _, _ = strings.Cut(c.Greeting.Lines[0], " ")
	if lack != nil {
		o.Result, o.Reason = lack.result, lack.text
	}
	a.TLSReport(o)
}

// reportEarly tells of a host that was not connected to for the sake of a policy.
func (a *attempt) reportEarly(n need, host, result, reason string) {
	if a.TLSReport != nil {
		a.TLSReport(TLSOutcome{Time: time.Now(), Domain: n.domain, Policy: n.report, Host: host, Result: result, Reason: reason})
	}
}

func ip(a net.Addr) netip.Addr {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return t.AddrPort().Addr().Unmap()
}

// maxHeader bounds what is read to find a field.
const maxHeader = 64 << 10

// lenient reports that the message goes although TLS is not had as policies
// want it: its sender says "TLS-Required: No" (RFC 8689 §3, §4.2.2).
func (a *attempt) lenient(ctx context.Context) bool {
	if a.job.RequireTLS { // RFC 8689 §4.1: goes before
		return false
	}
	if a.loose == nil {
		says := a.saysOptional(ctx)
		a.loose = &says
	}
	return *a.loose
}

func (a *attempt) saysOptional(ctx context.Context) bool {
	if a.Mail == nil {
		return false
	}
	body, err := a.Mail.OpenBody(ctx, a.job.Body)
	if err != nil {
		return false
	}
	defer body.Close()
	head := io.NewSectionReader(body, a.job.Skip, min(maxHeader, body.Size()-a.job.Skip))
	fields, _ := textproto.NewReader(bufio.NewReader(head)).ReadMIMEHeader() // as far as it can be read
	return strings.EqualFold(strings.TrimSpace(fields.Get("TLS-Required")), "no")
}
