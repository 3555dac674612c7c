package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"tem/internal/address"
	"tem/internal/kv"
	"tem/internal/mail"
	"tem/internal/message/dsn"
	"tem/internal/queue"
)

// Bounce makes a report, accepts it and returns its id: the queue's way of ending a job.
// queue.ErrNoReport says that the sender can't be told: unknown, or the
// mailbox still full when the job's time is over. Nothing was written then, for a report about a report would
// only start a loop (RFC 5321 §6.1).
func (d *Delivery) Bounce(ctx context.Context, j *queue.Job, failed []queue.Recipient, delayed bool, done func(b *kv.Batch)) (id string, err error) {
	sender, err := address.Parse(j.ReturnPath)
	if err != nil || sender.IsNull() {
		return "", fmt.Errorf("%w: return path <%s>", queue.ErrNoReport, j.ReturnPath)
	}
	report, err := d.report(ctx, j, failed, delayed)
	if err != nil {
		return "", fmt.Errorf("report on %s: %w", j.ID, err)
	}
	// The null path (RFC 3464 §2).
	id, status, err := d.Send(ctx, &Letter{From: d.o.Hostname, To: []address.Address{sender}, Build: report.Build, EightBit: true}, done)
	switch {
	case err != nil:
		return "", fmt.Errorf("report on %s: %w", j.ID, err)
	case status.Temporary() && d.o.Now().Before(j.Expires):
		return "", fmt.Errorf("report on %s: %s", j.ID, status) // the queue tries it again
	case !status.OK():
		return "", fmt.Errorf("%w: %s", queue.ErrNoReport, status)
	}
	return id, nil
}

// report is the message that tells a sender about recipients (RFC 3464).
func (d *Delivery) report(ctx context.Context, j *queue.Job, about []queue.Recipient, delayed bool) (*dsn.Report, error) {
	header, whole, err := d.quote(ctx, j, failed(about) && j.Return == dsn.ReturnFull && !j.Binary)
	switch {
	case err == nil:
	case isGone(err) || !d.o.Now().Before(j.Expires): // or the job would come back for its report for ever
		d.o.Log.Error("report without the message, which can't be read", "id", j.ID, "err", err)
		header, whole = nil, nil
	default:
		return nil, err
	}
	r := &dsn.Report{
		From: "MAILER-DAEMON@" + d.o.Hostname, To: j.ReturnPath, Host: d.o.Hostname, QueueID: j.Body.String(),
		Arrived: j.Created, Now: d.o.Now(), Delayed: delayed, Until: j.Expires, Header: header, Message: whole, EnvID: j.EnvID,
	}
	for _, a := range about {
		r.Recipients = append(r.Recipients, dsn.ReportRecipient{
			Address: a.Address, Original: cmp.Or(a.ORCPT, a.Original), Status: a.Status, Relayed: j.Domain != "", Expanded: a.Expanded,
		})
	}
	return r, nil
}

// isGone reports that a message is not in the store any more.
func isGone(err error) bool {
	e := (*mail.Error)(nil)
	return errors.As(err, &e) && e.Kind == mail.NotFound
}

// failed reports that one of the recipients was given up.
func failed(about []queue.Recipient) bool {
	return slices.ContainsFunc(about, func(r queue.Recipient) bool { return r.Done && !r.Status.OK() })
}

// maxReturned is the largest message that a report brings back whole: of a
// larger one, its header (RFC 3461 §4.3 lets us).
const maxReturned = 1 << 20

// quote returns the header of a job's message, as it is sent, and all of it if
// that is wanted and is not too much.
func (d *Delivery) quote(ctx context.Context, j *queue.Job, all bool) (header, whole []byte, err error) {
	body, err := d.o.Mail.OpenBody(ctx, j.Body)
	if err != nil {
		return nil, nil, err
	}
	defer body.Close()
	header, err = readHeader(body, j.Skip)
	if err == nil && all && body.Size()-j.Skip <= maxReturned {
		whole, err = io.ReadAll(io.NewSectionReader(body, j.Skip, body.Size()-j.Skip))
	}
	return header, whole, err
}
