package queue

import (
	"time"

	"tem/internal/journey"
	"tem/internal/message/dsn"
)

// event is one of a job's journey.
func (q *Queue) event(j *Job, kind journey.Kind) journey.Event {
	return journey.Event{ID: j.Body.String(), Job: j.ID, Time: q.o.Now(), Kind: kind, From: j.ReturnPath, Size: j.Size}
}

// tell records what an attempt came to, once for all recipients that fared alike.
func (q *Queue) tell(j *Job, tried []Recipient, took time.Duration) {
	byStatus := make(map[dsn.Status]*journey.Event)
	var list []*journey.Event
	for _, r := range tried {
		e := byStatus[r.Status]
		if e == nil {
			made := q.event(j, kindOf(&r))
			e = &made
			e.Took, e.Status, e.Remote, e.Reason = took, r.Status, r.Status.Remote, r.Status.Text
			if !r.Done {
				e.Next = j.Next
			}
			byStatus[r.Status] = e
			list = append(list, e)
		}
		e.To = append(e.To, r.Address)
	}
	for _, e := range list {
		q.o.Record.Add(*e)
	}
}

func kindOf(r *Recipient) journey.Kind {
	switch {
	case r.Status.OK():
		return journey.Delivered
	case r.Done:
		return journey.Failed
	}
	return journey.Deferred
}

// tellReported records that the sender was told, by the message with that id.
func (q *Queue) tellReported(j *Job, about []Recipient, delayed bool, id string) {
	e := q.event(j, journey.Reported)
	e.Link, e.Reason = id, "the end"
	if delayed {
		e.Reason = "a delay"
	}
	for _, r := range about {
		e.To = append(e.To, r.Address)
	}
	q.o.Record.Add(e)
}

// tellChanged records what an administrator did.
func (q *Queue) tellChanged(j *Job, reason string) {
	e := q.event(j, journey.Changed)
	e.Reason, e.Next = reason, j.Next
	for _, r := range j.Recipients {
		switch {
		case r.Status.Code == codeGivenUp:
			e.Status, e.Next = r.Status, time.Time{}
		case r.Done:
			continue
		}
		e.To = append(e.To, r.Address)
	}
	q.o.Record.Add(e)
}
