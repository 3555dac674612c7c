package delivery

import (
	"context"
	"slices"

	"tem/internal/address"
	"tem/internal/mail"
	"tem/internal/message/dsn"
)

// AcceptEach is Accept for a client that is answered for each recipient, in
// their order (RFC 2033 §4.2). The sender is not told of those that are refused:
// the client does that.
func (d *Delivery) AcceptEach(ctx context.Context, e *Envelope, body *mail.Body) []dsn.Status {
	each := *e
	each.answered = true
	p, status, err := d.accept(ctx, &each, body, nil)
	if err != nil {
		p, status = nil, d.brokeDown(&each, body, err)
	}
	return p.answers(&each, status)
}

// answers are those to the text of a message with this status: one, or one for
// each recipient. A nil plan says that there is the same for all.
func (p *plan) answers(e *Envelope, status dsn.Status) []dsn.Status {
	if !e.answered {
		return []dsn.Status{status}
	}
	list := slices.Repeat([]dsn.Status{status}, len(e.Recipients))
	if p != nil {
		for i, rcpt := range e.Recipients {
			list[i] = p.statusOf(rcpt, status)
		}
	}
	return list
}

// statusOf is what became of one recipient: accepted, if it was for anybody
// that it stands for.
func (p *plan) statusOf(rcpt address.Address, accepted dsn.Status) dsn.Status {
	var refusal dsn.Status
	for _, key := range p.leads[rcpt.Key()] {
		lost, gone := p.lost[key]
		if !gone {
			return accepted
		}
		if refusal.Code.IsZero() || lost.Temporary() {
			refusal = lost
		}
	}
	if !refusal.Code.IsZero() {
		return refusal
	}
	for _, r := range p.refused {
		if r.Address == rcpt.String() {
			return r.Status
		}
	}
	return accepted
}
