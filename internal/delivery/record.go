package delivery

import (
	"cmp"
	"slices"

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

// arrival begins an event about a message as a whole, with what its session
// told, and the replies that it is still to give.
func (d *Delivery) arrival(kind journey.Kind, e *Envelope, id string, size int64, replies ...dsn.Status) journey.Event {
	a := e.Origin
	if e.Dialogue != nil {
		a.Dialogue = e.Dialogue(replies)
	}
	a.ID, a.Time, a.Kind = id, d.o.Now(), kind
	a.From, a.To, a.Size = e.ReturnPath.String(), texts(e.Recipients), size
	return a
}

// recordAccepted tells what became of a message that is ours now: accepted, then
// where it lies, where it waits, and for whom it was refused.
func (d *Delivery) recordAccepted(e *Envelope, body *mail.Body, h message.Header, p *plan, jobs []*queue.Job, status dsn.Status) {
	if d.o.Record == nil {
		return
	}
	accepted := d.arrival(journey.Accepted, e, body.ID.String(), body.Size, p.answers(e, status)...)
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
	d.recordLost(e, body, p)
}

// recordLost tells of each recipient for whom the message was refused.
func (d *Delivery) recordLost(e *Envelope, body *mail.Body, p *plan) {
	lost := p.refused
	if e.answered { // else they wait in our queue
		lost = slices.Concat(lost, p.later)
	}
	for _, r := range lost {
		refused := d.event(journey.Refused, e, body, r.Address)
		refused.Status = r.Status
		d.o.Record(refused)
	}
}

// recordRefused tells of a message that was refused for all.
func (d *Delivery) recordRefused(e *Envelope, body *mail.Body, p *plan, why dsn.Status) {
	if d.o.Record == nil {
		return
	}
	refused := d.arrival(journey.Refused, e, body.ID.String(), body.Size, p.answers(e, why)...)
	refused.Status = why
	d.o.Record(refused)
	if p != nil && e.answered {
		d.recordLost(e, body, p)
	}
}

// Refused tells the log and the journey of a message, of size octets, whose
// session has said why it is not taken.
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
