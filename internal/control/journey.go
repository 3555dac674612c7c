package control

import (
	"cmp"
	"context"
	"strings"
	"time"

	"tem/internal/journey"
	"tem/internal/message/dsn"
)

// JourneyQuery asks for what is remembered of messages.
type JourneyQuery struct {
	Text  string    `json:"text"`            // id of a message or queue entry, address, Message-ID, or session
	Since time.Time `json:"since,omitzero"`  // zero: all that is remembered
	Limit int       `json:"limit,omitempty"` // 0: 20
	Lang  string    `json:"lang,omitempty"`  // of the answers: en or vi
}

// Journeys is the answer to journey.
type Journeys struct {
	Trips []JourneyTrip `json:"trips"`
	From  time.Time     `json:"from,omitzero"`  // how far back anything is remembered
	Lost  uint64        `json:"lost,omitempty"` // events that could not be written down since then
}

// JourneyTrip is what became of one message, or what one session was refused.
type JourneyTrip struct {
	ID        string          `json:"id,omitempty"` // "": refused before it had one
	Session   string          `json:"session,omitempty"`
	MessageID string          `json:"message_id,omitempty"`
	From      string          `json:"from"`
	To        []string        `json:"to"`
	Links     []string        `json:"links,omitempty"` // ids of reports on it, of copies, of what it came of
	Answers   []JourneyAnswer `json:"answers"`
	Events    []JourneyEvent  `json:"events"`
}

// JourneyAnswer says for one recipient what became of a message.
type JourneyAnswer struct {
	To    string    `json:"to"`
	State string    `json:"state"`
	At    time.Time `json:"at"`
	What  string    `json:"what"`
	Cause string    `json:"cause,omitempty"`
	Why   string    `json:"why,omitempty"`
	Reply string    `json:"reply,omitempty"`
	Party string    `json:"party"`
	Whose string    `json:"whose"`
	Next  string    `json:"next"`
	Until time.Time `json:"until,omitzero"`
}

// JourneyEvent is one step of a message.
type JourneyEvent struct {
	Time      time.Time     `json:"time"`
	Took      time.Duration `json:"took_ns,omitempty"`
	Kind      string        `json:"kind"`
	Job       string        `json:"job,omitempty"`
	Session   string        `json:"session,omitempty"`
	Remote    string        `json:"remote,omitempty"`
	Hello     string        `json:"hello,omitempty"`
	Login     string        `json:"login,omitempty"`
	TLS       string        `json:"tls,omitempty"`
	From      string        `json:"from,omitempty"`
	To        []string      `json:"to,omitempty"`
	MessageID string        `json:"message_id,omitempty"`
	Size      int64         `json:"size,omitempty"`
	Mailbox   string        `json:"mailbox,omitempty"`
	Reply     string        `json:"reply,omitempty"`
	Server    string        `json:"server,omitempty"` // that said so
	Reason    string        `json:"reason,omitempty"`
	Next      time.Time     `json:"next,omitzero"`
	Policy    string        `json:"policy,omitempty"`
	Verdict   string        `json:"verdict,omitempty"`
	Dialogue  string        `json:"dialogue,omitempty"`
	Link      string        `json:"link,omitempty"`
}

// FindJourney says what is remembered of messages.
func (s *Service) FindJourney(ctx context.Context, q JourneyQuery) (Journeys, error) {
	if strings.TrimSpace(q.Text) == "" {
		return Journeys{}, errorf(Invalid, "say which message: its id, an address, its Message-ID, or a session")
	}
	found, err := s.Journal.Find(ctx, journey.Query{Text: q.Text, Since: q.Since, Limit: q.Limit})
	if err != nil {
		return Journeys{}, err
	}
	if len(found.Trips) == 0 {
		return Journeys{}, errorf(NotFound, "%s: nothing is remembered of that%s", q.Text, memoryText(found))
	}
	out := Journeys{From: found.From, Lost: found.Lost}
	for i := range found.Trips {
		out.Trips = append(out.Trips, toTrip(&found.Trips[i], cmp.Or(q.Lang, "en")))
	}
	return out, nil
}

// memoryText says how far back the journal goes.
func memoryText(f journey.Found) string {
	if f.From.IsZero() {
		return ": the journal is empty"
	}
	return "; the journal goes back to " + f.From.UTC().Format("2006-01-02 15:04 MST")
}

func toTrip(t *journey.Trip, lang string) JourneyTrip {
	out := JourneyTrip{ID: t.ID, Session: t.Session, MessageID: t.MessageID, From: t.From, To: append([]string{}, t.To...), Links: t.Links}
	for _, a := range journey.Answers(t, lang) {
		out.Answers = append(out.Answers, JourneyAnswer{
			To: a.To, State: string(a.State), At: a.At, What: a.What, Cause: a.Cause, Why: a.Why, Reply: a.Reply,
			Party: string(a.Party), Whose: a.Whose, Next: a.Next, Until: a.Until,
		})
	}
	for i := range t.Events {
		out.Events = append(out.Events, toEvent(&t.Events[i]))
	}
	return out
}

func toEvent(e *journey.Event) JourneyEvent {
	out := JourneyEvent{
		Time: e.Time, Took: e.Took, Kind: string(e.Kind), Job: e.Job, Session: e.Session, Remote: e.Remote, Hello: e.Hello, Login: e.Login,
		TLS: e.TLS, From: e.From, To: e.To, MessageID: e.MessageID, Size: e.Size, Mailbox: e.Mailbox, Server: e.Status.Remote,
		Reason: e.Reason, Next: e.Next, Policy: e.Policy, Verdict: e.Verdict, Dialogue: e.Dialogue, Link: e.Link,
	}
	if e.Status != (dsn.Status{}) {
		out.Reply = e.Status.String()
	}
	return out
}
