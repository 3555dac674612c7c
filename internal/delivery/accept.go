package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tem/internal/directory"
	"tem/internal/kv"
	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/message/dsn"
	"tem/internal/queue"
)

// MaxHops is how many servers a message may have come through before this one,
// by its Received fields (RFC 5321 §6.3).
const MaxHops = 100

// Accept stores body for all recipients in one commit; durable when it
// returns a 250. Recipients that became undeliverable since Check are reported to the sender; if
// none is left the refusal is returned.
func (d *Delivery) Accept(ctx context.Context, e *Envelope, body *mail.Body) dsn.Status {
	_, status, err := d.accept(ctx, e, body, nil)
	if err != nil {
		return d.brokeDown(e, body, err)
	}
	return status
}

// brokeDown tells of an error of ours, and returns what the client is told.
func (d *Delivery) brokeDown(e *Envelope, body *mail.Body, err error) dsn.Status {
	status := d.trouble(fmt.Errorf("accept %s: %w", body.ID, err))
	d.recordRefused(e, body, nil, status)
	return status
}

// accept is Accept with rows to be written in the same commit, if also is not
// nil, and what was planned, if it came to that. Nothing was written unless the
// status is OK and there is no error.
func (d *Delivery) accept(ctx context.Context, e *Envelope, body *mail.Body, also func(*kv.Batch)) (*plan, dsn.Status, error) {
	header, err := headerOf(ctx, body)
	if err != nil {
		return nil, dsn.Status{}, err
	}
	if countField(header, "Received:") > MaxHops+1 { // with our own
		d.logRefused(e, body, nil, looping)
		return nil, looping, nil
	}
	p, err := d.plan(ctx, e, header)
	if err != nil {
		return nil, dsn.Status{}, err
	}
	if e.Unsure && !e.answered && p.withheld(e) {
		status := e.notForwarded()
		d.logRefused(e, body, p, status)
		return p, status, nil
	}
	for !p.empty() {
		jobs, err := d.commit(ctx, e, body, p, also)
		if err == nil {
			status := dsn.Status{Reply: 250, Code: dsn.Code{2, 0, 0}, Text: "OK queued as " + body.ID.String()}
			d.logAccepted(e, body, header, p, jobs, status)
			d.answerAll(ctx, e, header, p)
			if d.o.Accepted != nil {
				d.o.Accepted(e, header, body)
			}
			return p, status, nil
		}
		if !p.dropFull(err, body.Size) && !p.unfile(err) {
			return nil, dsn.Status{}, err
		}
	}
	d.logRefused(e, body, p, p.refusal())
	return p, p.refusal(), nil
}

// commit writes a plan and returns its queue rows.
func (d *Delivery) commit(ctx context.Context, e *Envelope, body *mail.Body, p *plan, also func(*kv.Batch)) ([]*queue.Job, error) {
	jobs := p.jobs(e, body)
	_, err := d.o.Mail.Deliver(ctx, body, p.targets(), func(b *kv.Batch) {
		for _, j := range jobs {
			d.o.Queue.Add(b, j)
		}
		if also != nil {
			also(b)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("store message: %w", err)
	}
	if len(jobs) > 0 {
		d.o.Queue.Wake(jobs...)
	}
	return jobs, nil
}

// dropFull takes the account that err says is over its quota out of the plan;
// false if err is about something else.
func (p *plan) dropFull(err error, size int64) bool {
	var problem *mail.Error
	if !errors.As(err, &problem) || problem.Kind != mail.OverQuota {
		return false
	}
	return p.refuseAccount(problem.Account, func(a directory.Account) dsn.Status {
		if a.Quota > 0 && size > a.Quota {
			return tooLarge
		}
		return full
	})
}

// logAccepted writes the mail log's line about a message that is ours now.
func (d *Delivery) logAccepted(e *Envelope, body *mail.Body, h message.Header, p *plan, jobs []*queue.Job, status dsn.Status) {
	d.recordAccepted(e, body, h, p, jobs, status)
	d.o.Log.Info("accepted", "id", body.ID, "from", e.ReturnPath.String(), "to", len(e.Recipients),
		"size", body.Size, "placed", len(p.local), "queued", len(jobs))
	for _, r := range p.refused {
		d.o.Log.Info("refused", "id", body.ID, "from", e.ReturnPath.String(), "to", r.Address, "reply", r.Status.String())
	}
}

// logRefused writes the one about a message that was planned (nil: it did not come to that) for nobody.
func (d *Delivery) logRefused(e *Envelope, body *mail.Body, p *plan, why dsn.Status) {
	d.o.Log.Info("refused", "id", body.ID, "from", e.ReturnPath.String(), "to", len(e.Recipients),
		"size", body.Size, "reply", why.String())
	d.recordRefused(e, body, p, why)
}

// domainOf is what follows the last @ of an address.
func domainOf(a string) string { return a[strings.LastIndexByte(a, '@')+1:] }
