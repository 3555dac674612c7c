package control

import (
	"bytes"

	"tem/internal/message"
)

// value is one value of a stored ENVELOPE: a list, or text ("" for NIL too).
type value struct {
	text string
	list []value
	nil  bool
}

// senderAndSubject reads From and Subject out of the ENVELOPE that mail keeps
// with a message (RFC 9051 §7.5.2: date, subject, from, …); both are "" if it
// can't be read.
func senderAndSubject(envelope []byte) (from, subject string) {
	e := envelopeReader{envelope}
	v, ok := e.value(0)
	if !ok || len(v.list) < 3 {
		return "", ""
	}
	subject = message.DecodeWords(v.list[1].text)
	for _, a := range v.list[2].list {
		if len(a.list) == 4 && !a.list[3].nil { // a NIL host begins or ends a group
			return senderText(a.list), subject
		}
	}
	return "", subject
}

// senderText is a name and address, or the address alone.
func senderText(a []value) string {
	address := a[2].text + "@" + a[3].text
	if name := message.DecodeWords(a[0].text); name != "" {
		return name + " <" + address + ">"
	}
	return address
}

// envelopeReader takes values off the text that message.Parse wrote: lists,
// quoted strings and NIL.
type envelopeReader struct{ b []byte }

// maxNesting is deeper than lists are in any ENVELOPE.
const maxNesting = 4

func (e *envelopeReader) value(depth int) (v value, ok bool) {
	e.b = bytes.TrimLeft(e.b, " ")
	switch {
	case bytes.HasPrefix(e.b, []byte("NIL")):
		e.b = e.b[3:]
		return value{nil: true}, true
	case len(e.b) > 0 && e.b[0] == '"':
		v.text, ok = e.quoted()
		return v, ok
	case len(e.b) > 0 && e.b[0] == '(' && depth < maxNesting:
		e.b = e.b[1:]
		v.list, ok = e.list(depth + 1)
		return v, ok
	}
	return v, false
}

func (e *envelopeReader) list(depth int) (vs []value, ok bool) {
	for {
		e.b = bytes.TrimLeft(e.b, " ")
		if len(e.b) > 0 && e.b[0] == ')' {
			e.b = e.b[1:]
			return vs, true
		}
		v, ok := e.value(depth)
		if !ok {
			return nil, false
		}
		vs = append(vs, v)
	}
}

func (e *envelopeReader) quoted() (string, bool) {
	var text []byte
	for i := 1; i < len(e.b); i++ {
		switch c := e.b[i]; {
		case c == '"':
			e.b = e.b[i+1:]
			return string(text), true
		case c == '\\' && i+1 < len(e.b):
			i++
			text = append(text, e.b[i])
		default:
			text = append(text, c)
		}
	}
	return "", false
}
