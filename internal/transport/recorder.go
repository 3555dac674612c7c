package transport

import (
	"bytes"

	"tem/internal/journey"
	"tem/internal/line"
)

// recorder is the tap of a connection that serves one attempt after another: a
// trace shows each under the name of its job, and each has its own dialogue.
// It belongs to whoever has the connection; a nil one does nothing.
type recorder struct {
	outer   line.Tap // may be nil
	into    *journey.Dialogue
	session string
	opened  []byte // what the first event said
}

// follow has what is said go to another attempt, or with "" to nobody.
func (r *recorder) follow(into *journey.Dialogue, session string) {
	if r == nil || r.session == session {
		return
	}
	if r.session != "" {
		r.Event(line.Event{Kind: line.Closed})
	}
	r.into, r.session = into, session
	if session != "" {
		r.Event(line.Event{Kind: line.Opened, Text: r.opened})
	}
}

// Event passes an event on under the attempt's name.
func (r *recorder) Event(e line.Event) {
	if e.Kind == line.Opened && r.opened == nil {
		r.opened = bytes.Clone(e.Text)
	}
	e.Session = r.session
	if r.session == "" {
		return
	}
	if r.outer != nil {
		r.outer.Event(e)
	}
	r.into.Event(e)
}
