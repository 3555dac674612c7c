package journey

import (
	"slices"
	"strings"
	"time"

	"tem/internal/message/dsn"
)

// State is where a message stands for one recipient.
type State string

// The states, of which the last that an event tells holds.
const (
	Underway State = "underway" // ours, and nothing else is known yet
	Waiting  State = "waiting"  // it will be tried, again or at all
	Held     State = "held"     // until an administrator releases it
	Dropped  State = "dropped"  // by an administrator
	There    State = "delivered"
	Turned   State = "refused" // never taken
	Ended    State = "failed"  // given up
)

// fate is what became of a message for one recipient.
type fate struct {
	to       string
	state    State
	at       time.Time // when that was
	status   dsn.Status
	reason   string
	mailbox  string
	remote   string
	next     time.Time
	attempts int
	told     string // id of the report to the sender
	verdict  string
}

func (f *fate) over() bool { return f.state != Underway && f.state != Waiting && f.state != Held }

// fates follows the events of a trip, in order, for each recipient. A
// recipient that became others, by an alias or a forwarding, stands beside them.
func (t *Trip) fates() []fate {
	var list []fate
	for i := range t.Events {
		e := &t.Events[i]
		if e.Kind == Queued && anyOf(t.Events[:i], e.Job) { // a quick attempt at it was written down before
			continue
		}
		for _, to := range e.about(list) {
			k := slices.IndexFunc(list, func(f fate) bool { return strings.EqualFold(f.to, to) })
			if k < 0 {
				k = len(list)
				list = append(list, fate{to: to, state: Underway, at: e.Time})
			}
			list[k].learn(e)
		}
	}
	return resolved(list)
}

// anyOf reports whether some of these events are of a job.
func anyOf(events []Event, job string) bool {
	return job != "" && slices.ContainsFunc(events, func(e Event) bool { return e.Job == job })
}

// about are the recipients that an event is about: those it names, or all.
func (e *Event) about(list []fate) []string {
	if len(e.To) > 0 {
		return e.To
	}
	var all []string
	for _, f := range list {
		all = append(all, f.to)
	}
	if len(all) == 0 {
		return []string{""} // refused before there was a recipient
	}
	return all
}

// resolved leaves out recipients of whom nothing became, where others came in
// their place: the aliases, groups and forwardings.
func resolved(list []fate) []fate {
	known := func(f fate) bool { return f.state != Underway }
	if !slices.ContainsFunc(list, known) {
		return list
	}
	return slices.DeleteFunc(list, func(f fate) bool { return !known(f) })
}

// learn takes in what one event says.
func (f *fate) learn(e *Event) {
	if e.Verdict != "" {
		f.verdict = e.Verdict
	}
	switch e.Kind {
	case Accepted:
		return
	case Attempted:
		f.attempts++
		if f.over() {
			return
		}
		if f.say(e); e.Status.OK() { // it is of all recipients
			f.state, f.at, f.next = There, e.Time, time.Time{}
		}
		return
	case Reported:
		f.told = e.Link
		return
	case Changed:
		f.changed(e)
		return
	}
	f.state, f.at, f.next = map[Kind]State{
		Refused: Turned, Placed: There, Queued: Waiting, Delivered: There, Deferred: Waiting, Failed: Ended,
	}[e.Kind], e.Time, e.Next
	f.say(e)
	if e.Mailbox != "" {
		f.mailbox = e.Mailbox
	}
}

// say keeps the last thing that was said.
func (f *fate) say(e *Event) {
	if e.Status != (dsn.Status{}) {
		f.status = e.Status
	}
	if e.Reason != "" {
		f.reason = e.Reason
	}
	if remote := e.Status.Remote; remote != "" {
		f.remote = remote
	} else if e.Kind == Attempted || e.Kind == Delivered {
		f.remote = e.Remote
	}
}

// changed takes in what an administrator did.
func (f *fate) changed(e *Event) {
	f.at = e.Time
	switch {
	case e.Reason == ReasonDropped:
		f.state = Dropped
	case e.Reason == ReasonHeld:
		f.state = Held
	case e.Reason == ReasonGivenUp:
		f.state = Ended
	case strings.HasPrefix(e.Reason, ReasonRerouted) && f.state == Held:
		return // it goes another way once it is released
	default:
		f.state, f.next = Waiting, e.Next
	}
	f.say(e)
}
