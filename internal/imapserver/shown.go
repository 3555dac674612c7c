package imapserver

import (
	"errors"
	"io"

	"tem/internal/mail"
	"tem/internal/message"
)

// A message with octets above 127 in its headers (RFC 6532) is shown to a client
// that did not say it understands them as a surrogate, whose headers are ASCII
// (RFC 6855 §7, §8), in everything that FETCH tells of it.

// utf8Headers reports whether the client takes such headers: RFC 6855 §3; RFC 9051 §4.3.1.
func (f features) utf8Headers() bool { return f.utf8 || f.rev2 }

// differs reports whether the answer about a message is not made of what is kept
// of it: its octets, or if the client takes UTF-8 the form that was made for those who don't.
func (f *fetcher) differs(m *mail.Meta) bool {
	return m.Shape&mail.ShapeUTF8 != 0 && (f.form || (f.size || f.body) && !f.t.enabled.utf8Headers())
}

// shown gives the octets of a message as this client sees them, and their
// structure. What m says of the size is made to agree; form: the rest of it, too.
func (s *session) shown(r octets, m *mail.Meta, form bool) (octets, *message.Part, error) {
	root, err := message.DecodePart(m.Parts)
	switch {
	case err != nil || m.Shape&mail.ShapeUTF8 == 0:
	case !s.enabled.utf8Headers():
		r, err = surrogate(r, root, m, form)
	case form:
		err = setForm(r, m, message.ParseUTF8)
	}
	return r, root, err
}

// surrogate gives the octets of a message with headers of ASCII, and makes the
// offsets in root those in it.
func surrogate(r octets, root *message.Part, m *mail.Meta, form bool) (octets, error) {
	made, err := message.NewSurrogate(r, root, m.Size)
	if errors.Is(err, message.ErrNoSurrogate) {
		// DEVIATES(RFC 6855 §8): better as it is than a mailbox that can't be listed because of it.
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	made.Move(root)
	text := made.View(r)
	if m.Size = made.Size(); form {
		err = setForm(text, m, message.Parse)
	}
	return text, err
}

// setForm makes what m says of the message that which text has.
func setForm(text octets, m *mail.Meta, parse func(io.Reader) (*message.Index, error)) error {
	x, err := parse(io.NewSectionReader(text, 0, text.Size()))
	if err == nil {
		m.Envelope, m.Structure, m.BasicBody = x.Envelope, x.Structure, x.BasicBody
	}
	return err
}
