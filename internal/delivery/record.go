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
	return journey.Event{
		ID: body.ID.String(), Time: d.o.Now(), Kind: kind, Session: e.Origin.Session, From: e.ReturnPath.String(), To: to, Size: body.Size,
		MessageID: e.Origin.MessageID,
	}
}

// arrival begins an event about a message as a whole, with what its session told.
func (d *Delivery) arrival(kind journey.Kind, e *Envelope, id string, size int64) journey.Event {
	a := e.Origin
	a.ID, a.Time, a.Kind = id, d.o.Now(), kind
	a.From, a.To, a.Size = e.ReturnPath.String(), texts(e.Recipients), size
	return a
}

// recordAccepted tells what became of a message that is ours now: accepted, then
// where it lies, where it waits, and for whom it was refused.
func (d *Delivery) recordAccepted(e *Envelope, body *mail.Body, h message.Header, p *plan, jobs []*queue.Job) {
	if d.o.Record == nil {
		return
	}
	accepted := d.arrival(journey.Accepted, e, body.ID.String(), body.Size)
	if accepted.MessageID == "" {
		accepted.MessageID = h.Get("Message-ID")
	}
	d.o.Record(accepted)
	for _, l := range p.local {
		placed := d.event(journey.Placed, e, body, l.account.Address.String())
		placed.Mailbox = cmp.Or(l.mailbox, "INBOX")
		d.o.Record(placed)
	}
	for _, j := range jobs {
		queued := d.event(journey.Queued, e, body)
		queued.Job, queued.From = j.ID, j.ReturnPath
		if d.heldBack(e) {
			queued.Next, queued.Reason = e.Release, journey.ReasonHeldBack
		}
		for _, r := range j.Recipients {
			if !r.Done { // else it is a report to be made, which has its own journey
				queued.To = append(queued.To, r.Address)
			}
		}
		if len(queued.To) > 0 {
			d.o.Record(queued)
		}
	}
	for _, r := range p.refused {
		refused := d.event(journey.Refused, e, body, r.Address)
		refused.Status = r.Status
		d.o.Record(refused)
	}
}

func (d *Delivery) recordRefused(e *Envelope, body *mail.Body, why dsn.Status) {
	if d.o.Record == nil {
		return
	}
	refused := d.event(journey.Refused, e, body, texts(e.Recipients)...)
	refused.Status = why
	d.o.Record(refused)
}

// Refused tells the log and the journey of a message, of size octets, that was
// not taken for what was found out about it.
func (d *Delivery) Refused(e *Envelope, id string, size int64, why dsn.Status) {
	d.o.Log.Info("refused", "id", id, "from", e.ReturnPath.String(), "to", len(e.Recipients), "size", size, "reply", why.String())
	refused := d.arrival(journey.Refused, e, id, size)
	refused.Status = why
	d.o.Record.Add(refused)
}

func texts(list []address.Address) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.String()
	}
	return out
}
