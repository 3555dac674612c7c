package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"tem/internal/line"
	"tem/internal/message/dsn"
	"tem/internal/queue"
	"tem/internal/wire/smtp"
)

const (
	connectTimeout = 30 * time.Second
	quitTimeout    = 5 * time.Second // for the answer to QUIT, when all is said already
	maxText        = 500             // octets of a reply that are kept
	maxRecipients  = 100             // in one transaction: what every server takes (RFC 5321 §4.5.3.1.8)
)

// try sends a job to one peer. Without statuses the peer took no transaction
// up, for the reason given, and the next one should be tried.
func (r *Remote) try(ctx context.Context, p peer, j *queue.Job, to []queue.Recipient) ([]dsn.Status, dsn.Status) {
	c, err := r.open(ctx, p, j)
	if err != nil {
		return nil, failure(err, p)
	}
	statuses, err := r.send(ctx, c, p, j, to)
	if err != nil {
		c.Close()
		return statuses, dsn.Status{}
	}
	ctx, cancel := context.WithTimeout(ctx, quitTimeout)
	defer cancel()
	if err := c.Quit(ctx); err != nil {
		r.Log.Debug("no goodbye", "id", j.ID, "remote", p.name, "err", err)
	}
	return statuses, dsn.Status{}
}

// open connects and says hello, over TLS if the peer offers it. The
// certificate is not looked at: without a policy of the domain, unverified TLS
// is still better than none (RFC 7435 §3), and so is mail in clear than none.
func (r *Remote) open(ctx context.Context, p peer, j *queue.Job) (*smtp.Client, error) {
	c, err := r.hello(ctx, p, j)
	if err != nil {
		return nil, err
	}
	if _, offered := c.Ext["STARTTLS"]; !offered {
		return c, nil
	}
	err = c.StartTLS(ctx, &tls.Config{
		ServerName:         p.name,
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10, // the alternative is not TLS 1.3 but clear text
	})
	if refused := (*smtp.Reply)(nil); err == nil || errors.As(err, &refused) && c.Conn().TLS() == nil && refused.Code != 421 {
		return c, nil
	}
	c.Close()
	r.Log.Info("TLS failed, going on in clear", "id", j.ID, "remote", p.name, "err", err)
	return r.hello(ctx, p, j)
}

// hello connects to a peer, hears its greeting and says EHLO.
func (r *Remote) hello(ctx context.Context, p peer, j *queue.Job) (*smtp.Client, error) {
	timeout := cmp.Or(r.Timeout, 5*time.Minute) // RFC 5321 §4.5.3.2
	dialer := net.Dialer{Timeout: min(timeout, connectTimeout)}
	nc, err := dialer.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, err
	}
	conn := line.NewConn(nc, line.Client, line.Options{
		Tap: r.Tap, Session: j.ID, ReadTimeout: timeout, WriteTimeout: timeout,
	})
	c, err := smtp.NewClient(ctx, conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	if err := c.Hello(ctx, r.Hostname); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// send does as many transactions as the number of recipients asks for. There
// is one status for each recipient even when err says that the connection is lost.
func (r *Remote) send(ctx context.Context, c *smtp.Client, p peer, j *queue.Job, to []queue.Recipient) ([]dsn.Status, error) {
	body, err := r.Mail.OpenBody(ctx, j.Body)
	if err != nil {
		r.Log.Error("queued message can't be read", "id", j.ID, "err", err)
		return slices.Repeat([]dsn.Status{{Code: dsn.Code{4, 3, 0}, Text: "message can't be read now"}}, len(to)), nil
	}
	defer body.Close()
	statuses := make([]dsn.Status, 0, len(to))
	for part := range slices.Chunk(to, maxRecipients) {
		if err != nil {
			statuses = append(statuses, slices.Repeat([]dsn.Status{failure(err, p)}, len(part))...)
			continue
		}
		content := io.NewSectionReader(body, j.Skip, body.Size()-j.Skip)
		var replies []*smtp.Reply
		replies, err = c.Send(ctx, transaction(j, part, content))
		statuses = append(statuses, outcome(replies, err, p, len(part))...)
	}
	return statuses, err
}

// transaction is what the client is to send; it refuses by itself what the
// server's extensions show that it can't take (SMTPUTF8, SIZE).
//
// DEVIATES(RFC 6152 §3): 8-bit content goes as it is to a server that does not
// offer 8BITMIME. Those left let it through, and converting would break
// signatures, while returning the message helps nobody.
func transaction(j *queue.Job, to []queue.Recipient, content io.Reader) smtp.Transaction {
	t := smtp.Transaction{
		From: j.ReturnPath, Size: j.Size, UTF8: j.UTF8, EightBit: j.EightBit,
		To: make([]string, len(to)), Content: content,
	}
	for i := range to {
		t.To[i] = to[i].Address
	}
	return t
}

// outcome turns the replies of a transaction into n statuses; what is not
// known because the connection broke is temporary.
func outcome(replies []*smtp.Reply, err error, p peer, n int) []dsn.Status {
	statuses := make([]dsn.Status, n)
	for i := range statuses {
		if i < len(replies) && replies[i] != nil {
			statuses[i] = settled(replies[i].Status(p.name))
		} else {
			statuses[i] = failure(err, p)
		}
	}
	return statuses
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
// that could not be reached (4.4.1), or whose connection broke (4.4.2; RFC 3463 §3.5).
func failure(err error, p peer) dsn.Status {
	if reply := (*smtp.Reply)(nil); errors.As(err, &reply) {
		return settled(reply.Status(p.name))
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
