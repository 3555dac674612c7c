package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"tem/internal/blob"
	"tem/internal/journey"
	"tem/internal/message/dsn"
	"tem/internal/queue"
	"tem/internal/wire/smtp"
)

const (
	connectTimeout = 30 * time.Second
	quitTimeout    = 5 * time.Second // for the answer to QUIT, when all is said already
	maxText        = 500             // octets of a reply that are kept
	maxRecipients  = 100             // in one transaction: what every server takes (RFC 5321 §4.5.3.1.8)
	slowest        = 1 << 10         // octets a second below which a server is given up
)

// attempt is one call of Deliver.
type attempt struct {
	*Remote
	job      *queue.Job
	to       []queue.Recipient
	statuses []dsn.Status      // of to, once a server has taken the transaction up
	said     *journey.Dialogue // with the present peer
	tls      string            // spoken with it
	loose    *bool             // the message says that its TLS is optional; nil: not looked
}

// try sends the job to one peer. Not taken: the peer took no transaction up,
// for the reason given, and the next one should be tried.
func (a *attempt) try(ctx context.Context, p peer, n need) (taken bool, status dsn.Status) {
	began := time.Now()
	a.tls = ""
	if a.said = nil; a.Record != nil {
		a.said = journey.Listen(nil)
	}
	taken, status = a.deliver(ctx, p, n)
	if !taken && n.must && status.Code == codeInsecure && a.lenient(ctx) {
		n = n.waived()
		taken, status = a.deliver(ctx, p, n)
	}
	if taken {
		status = a.worst()
	}
	a.record(p.String(), n.policy, began, status)
	return taken, status
}

// deliver does as many transactions, on as many connections, as the number of recipients asks for.
func (a *attempt) deliver(ctx context.Context, p peer, n need) (taken bool, status dsn.Status) {
	body, err := a.Mail.OpenBody(ctx, a.job.Body)
	if err != nil {
		a.Log.Error("queued message can't be read", "id", a.job.ID, "err", err)
		a.settle(a.everybody(), dsn.Status{Code: dsn.Code{4, 3, 0}, Text: "message can't be read now"})
		return true, dsn.Status{}
	}
	defer body.Close()
	var c *conn
	fresh := false
	for left := a.everybody(); len(left) > 0; {
		if c == nil {
			if c, err = a.connect(ctx, p, n, fresh); err != nil {
				a.settle(left, failure(err, p))
				return len(left) < len(a.to), failure(err, p)
			}
		}
		part := left[:min(len(left), c.most())]
		again, err := a.transact(ctx, c, p, body, part)
		switch {
		case err != nil && c.reused && c.Untaken() && !fresh:
			c.Close() // it had ended while it was idle
			c, fresh = nil, true
			continue
		case err != nil:
			c.Close()
			a.settle(left[len(part):], failure(err, p))
			return true, dsn.Status{}
		}
		left = append(again, left[len(part):]...)
		if c.full() {
			a.pool.put(c)
			c = nil
		}
	}
	if c != nil {
		a.pool.put(c)
	}
	return true, dsn.Status{}
}

// everybody are the indexes of all recipients.
func (a *attempt) everybody() []int {
	all := make([]int, len(a.to))
	for i := range all {
		all[i] = i
	}
	return all
}

func (a *attempt) settle(who []int, s dsn.Status) {
	for _, i := range who {
		a.statuses[i] = s
	}
}

// transact does one transaction for some recipients and returns those that the
// server wants in another one (RFC 5321 §4.5.3.1.10). There is a status for
// each even when err says that the connection is lost.
func (a *attempt) transact(ctx context.Context, c *conn, p peer, body blob.Reader, who []int) (again []int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 4*a.patience()+time.Duration(a.job.Size/slowest)*time.Second, errSlow)
	defer cancel()
	t := a.transaction(who, io.NewSectionReader(body, a.job.Skip, body.Size()-a.job.Skip))
	t.RequireTLS = a.required() || a.job.RequireTLS && c.offers("REQUIRETLS") // RFC 8689 §5: a report where it can
	replies, err := c.Send(ctx, t)
	took := false
	for n, i := range who {
		a.statuses[i] = failure(err, p)
		if n < len(replies) && replies[n] != nil {
			a.statuses[i] = settled(replies[n].Status(p.name))
			a.statuses[i].Passed = a.statuses[i].OK() && c.offers("DSN") // RFC 3461 §5.2.1: all that was asked went along
		}
		took = took || a.statuses[i].OK()
	}
	for _, i := range who {
		if s := &a.statuses[i]; took && err == nil && (s.Reply == 452 || s.Code == tooMany) {
			again = append(again, i)
		}
	}
	return again, err
}

// tooMany recipients in one transaction (RFC 3463 §3.6).
var tooMany = dsn.Code{4, 5, 3}

// transaction is what the client is to send; it refuses by itself what the
// server's extensions show that it can't take.
//
// DEVIATES(RFC 6152 §3): 8-bit content goes as it is to a server that does not
// offer 8BITMIME. Those left let it through, and converting would break
// signatures, while returning the message helps nobody.
func (a *attempt) transaction(who []int, content *io.SectionReader) smtp.Transaction {
	j := a.job
	t := smtp.Transaction{
		From: j.ReturnPath, Size: content.Size(), UTF8: j.UTF8, EightBit: j.EightBit, Binary: j.Binary,
		Priority: j.Priority, By: j.By, EnvID: j.EnvID, Return: j.Return,
		To: make([]string, len(who)), Content: content,
	}
	for n, i := range who {
		t.To[n] = a.to[i].Address
		if a.to[i].Notify == 0 && a.to[i].ORCPT == "" {
			continue
		}
		if t.Wishes == nil {
			t.Wishes = make([]dsn.Wish, len(who))
		}
		t.Wishes[n] = dsn.Wish{Notify: a.to[i].Notify, ORCPT: a.to[i].ORCPT}
	}
	return t
}

// settled bounds what a server says, and corrects what older ones say for "too
// many recipients" (RFC 5321 §4.5.3.1.10): the rest is sent later.
func settled(s dsn.Status) dsn.Status {
	if len(s.Text) > maxText {
		s.Text = strings.ToValidUTF8(s.Text[:maxText], "") + "…"
	}
	if s.Reply == 552 && s.Code == (dsn.Code{5, 5, 3}) {
		s.Code[0] = 4
	}
	return s
}

// failure is the status of a peer that said no to the dialogue as a whole, or
// must not be used, or could not be reached (4.4.1), or whose connection broke
// (4.4.2; RFC 3463 §3.5).
func failure(err error, p peer) dsn.Status {
	if reply := (*smtp.Reply)(nil); errors.As(err, &reply) {
		s := settled(reply.Status(p.name))
		if p.relay != nil && s.Permanent() { // a relay that turns us away says nothing of the message
			s.Code[0] = 4
		}
		return s
	}
	if lack := (*insecure)(nil); errors.As(err, &lack) {
		return dsn.Status{Code: lack.code, Text: lack.text, Remote: p.name}
	}
	status := dsn.Status{Code: dsn.Code{4, 4, 2}, Text: fmt.Sprintf("connection with %s [%s] dropped", p.name, p.address), Remote: p.name}
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
		status.Code = dsn.Code{4, 4, 1}
		status.Text = fmt.Sprintf("no answer from %s [%s]", p.name, p.address)
	}
	if err != nil {
		status.Text += ": " + cause(err)
	}
	return status
}

// cause is the innermost error, without the addresses that the outer ones repeat.
func cause(err error) string {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err
	}
	return err.Error()
}
