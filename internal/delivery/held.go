package delivery

import (
	"context"
	"fmt"
	"io"
	"slices"

	"tem/internal/address"
	"tem/internal/mail"
	"tem/internal/message/dsn"
	"tem/internal/queue"
)

// heldBack says that the sender wants the message to go later (RFC 4865).
func (d *Delivery) heldBack(e *Envelope) bool { return e.Release.After(d.o.Now()) }

// holdBack keeps a recipient here in the queue as it was given: who it stands
// for is found out when the time has come.
func (p *plan) holdBack(rcpt address.Address, w dsn.Wish) {
	if p.first(rcpt, rcpt.Key()) {
		p.held = append(p.held, queue.Recipient{Address: rcpt.String(), Notify: w.Notify, ORCPT: w.ORCPT})
	}
}

// deliverHeld accepts a job's message anew, now that its time has come. A crash
// between this commit and the queue's makes a second copy.
func (d *Delivery) deliverHeld(ctx context.Context, j *queue.Job, to []queue.Recipient) []dsn.Status {
	e, err := heldEnvelope(j, to)
	if err != nil {
		return slices.Repeat([]dsn.Status{unknown}, len(to))
	}
	body, err := d.copyOf(ctx, j, d.o.Mail.NewSpool(ctx))
	if err != nil {
		return slices.Repeat([]dsn.Status{d.trouble(fmt.Errorf("held message %s: %w", j.ID, err))}, len(to))
	}
	list := d.AcceptEach(ctx, e, body)
	for i := range list {
		list[i].Passed = list[i].OK() // success is told with the copy
	}
	return list
}

// heldEnvelope is that of a job, for some of its recipients, with nothing to wait for.
func heldEnvelope(j *queue.Job, to []queue.Recipient) (*Envelope, error) {
	e := &Envelope{
		EnvID: j.EnvID, Return: j.Return, RequireTLS: j.RequireTLS, Binary: j.Binary, Priority: j.Priority, By: j.By, Submitter: j.Submitter,
		Submitted: true, UTF8: j.UTF8, EightBit: j.EightBit, Unverified: j.Unverified, Skip: j.Skip,
	}
	var err error
	if j.ReturnPath != "" {
		if e.ReturnPath, err = address.Parse(j.ReturnPath); err != nil {
			return nil, err
		}
	}
	for _, r := range to {
		a, err := address.Parse(r.Address)
		if err != nil {
			return nil, err
		}
		e.Recipients = append(e.Recipients, a)
		e.Wishes = append(e.Wishes, dsn.Wish{Notify: r.Notify, ORCPT: r.ORCPT})
	}
	return e, nil
}

// copyOf reads a job's message, our own lines with it, into a new body.
func (d *Delivery) copyOf(ctx context.Context, j *queue.Job, spool *mail.Spool) (*mail.Body, error) {
	stored, err := d.o.Mail.OpenBody(ctx, j.Body)
	if err != nil {
		spool.Abort()
		return nil, err
	}
	defer stored.Close()
	if _, err := io.Copy(spool, io.NewSectionReader(stored, 0, stored.Size())); err != nil {
		spool.Abort()
		return nil, err
	}
	return spool.Finish()
}
