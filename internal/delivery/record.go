package delivery

import (
	"cmp"

	"tem/internal/address"
	"tem/internal/journey"
	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/message/dsn"
	"tem/internal/queue"
)

// event begins one about a message.
func (d *Delivery) event(kind journey.Kind, e *Envelope, body *mail.Body, to ...string) journey.Event {
	return journey.Event{ID: body.ID.String(), Time: d.o.Now(), Kind: kind, Login: e.Submitter, From: e.ReturnPath.String(), To: to, Size: body.Size}
}

// recordAccepted tells what became of a message that is ours now: accepted, then
// where it lies, where it waits, and for whom it was refused.
func (d *Delivery) recordAccepted(e *Envelope, body *mail.Body, h message.Header, p *plan, jobs []*queue.Job) {
	if d.o.Record == nil {
		return
	}
	accepted := d.event(journey.Accepted, e, body, texts(e.Recipients)...)
	accepted.MessageID = h.Get("Message-ID")
	d.o.Record(accepted)
	for _, l := range p.local {
		placed := d.event(journey.Placed, e, body, l.account.Address.String())
		placed.Mailbox = cmp.Or(l.mailbox, "INBOX")
		d.o.Record(placed)
	}
	for _, j := range jobs {
		if j.Domain == "" {
			continue // a report to be made, which has its own journey
		}
		queued := d.event(journey.Queued, e, body)
		queued.Job, queued.From = j.ID, j.ReturnPath
		for _, r := range j.Recipients {
			queued.To = append(queued.To, r.Address)
		}
		d.o.Record(queued)
	}
	for _, r := range p.refused {
		refused := d.event(journey.Refused, e, body, r.Address)
		refused.Status = r.Status
		d.o.Record(refused)
	}
}

func (d *Delivery) recordRefused(e *Envelope, body *mail.Body, to []address.Address, why dsn.Status) {
	if d.o.Record == nil {
		return
	}
	refused := d.event(journey.Refused, e, body, texts(to)...)
	refused.Status = why
	d.o.Record(refused)
}

func texts(list []address.Address) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.String()
	}
	return out
}
