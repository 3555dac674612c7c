package imapserver

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/wire/imap"
)

// octets are those of one message.
type octets interface {
	io.ReaderAt
	Size() int64
}

// ofBody reports whether an item is made of the octets of the message.
func ofBody(it *imap.Item) bool {
	return it.Kind == imap.Section || it.Kind == imap.Binary || it.Kind == imap.BinarySize
}

// writeLarge answers for one message whose body has to be opened; no other
// answer comes in between.
func (f *fetcher) writeLarge(ctx context.Context, m *mail.Meta) error {
	r, err := f.t.view.account.OpenMessage(ctx, m)
	if isKind(err, mail.NotFound) {
		f.gone()
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	f.t.writing.Lock()
	defer f.t.writing.Unlock()
	f.t.streaming = true
	defer func() { f.t.streaming = false }()
	if err := f.answer(m, r); err != nil {
		return err
	}
	return f.t.writeLocked()
}

// answer answers for one message of which octets are wanted.
func (f *fetcher) answer(m *mail.Meta, r octets) (err error) {
	t := f.t
	i, known := t.view.find(m.UID)
	if !known {
		return nil
	}
	var root *message.Part
	switch {
	case f.differs(m):
		as := *m
		m = &as
		r, root, err = t.shown(r, m, f.form)
	case f.parts:
		root, err = message.DecodePart(m.Parts)
	}
	if err != nil {
		return err
	}
	if f.parts && !f.decodable(root) {
		f.fail(no("UNKNOWN-CTE", "the section has an unknown transfer encoding"))
		if f.seen[m.UID] {
			t.out = append(t.appendItemFlags(t.out, i, f.uid), "\r\n"...)
		}
		return nil
	}
	start := len(t.out)
	t.out = f.appendItems(t.out, i, m)
	if err := f.writeSections(r, root, t.out[len(t.out)-1] == '('); err != nil {
		t.out = t.out[:min(start, len(t.out))]
		return err
	}
	t.out = append(t.out, ")\r\n"...)
	return nil
}

// writeSections writes what octets were asked for; first says that nothing was
// written of the message yet.
func (f *fetcher) writeSections(r octets, root *message.Part, first bool) error {
	t := f.t
	for n := range f.items {
		it := &f.items[n]
		if !ofBody(it) {
			continue
		}
		if !first {
			t.out = append(t.out, ' ')
		}
		first = false
		t.out = append(append(t.out, it.Label...), ' ')
		write := t.writeSection
		if it.Kind != imap.Section {
			write = t.writeBinary
		}
		if err := write(it, r, root); err != nil {
			return err
		}
	}
	return nil
}

// writeSection writes what is buffered, then one section as a literal.
func (t *turn) writeSection(it *imap.Item, r octets, root *message.Part) error {
	text, there, err := section(it, r, root)
	if err != nil {
		return err
	}
	if !there {
		t.out = append(t.out, "NIL"...)
		return nil
	}
	if it.Partial {
		text = cutPartial(text, it)
	}
	return t.writeLiteral(text, text.Size())
}

// cutPartial gives the octets that a partial range has of a text.
func cutPartial(text *io.SectionReader, it *imap.Item) *io.SectionReader {
	from := min(it.Offset, text.Size())
	return io.NewSectionReader(text, from, min(it.Count, text.Size()-from))
}

// section finds the octets of a section; there is false if it does not exist.
func section(it *imap.Item, r octets, root *message.Part) (text *io.SectionReader, there bool, err error) {
	cut := func(from, to int64) (*io.SectionReader, bool, error) {
		return io.NewSectionReader(r, from, max(to-from, 0)), true, nil
	}
	part := root
	if len(it.Path) > 0 {
		if part = root.Find(it.Path); part == nil {
			return nil, false, nil
		}
		switch it.Text {
		case "":
			return cut(part.Body, part.End)
		case "MIME":
			return cut(part.Start, part.Body)
		}
		if part = part.Message; part == nil { // RFC 9051 §6.4.5: only of embedded messages
			return nil, false, nil
		}
	}
	switch it.Text {
	case "":
		return cut(0, r.Size())
	case "TEXT":
		return cut(part.Body, part.End)
	case "HEADER":
		return cut(part.Start, part.Body)
	}
	header := make([]byte, min(part.Body-part.Start, message.MaxHeader))
	if _, err := r.ReadAt(header, part.Start); err != nil && err != io.EOF {
		return nil, false, err
	}
	picked := pickFields(header, it.Fields, it.Text == "HEADER.FIELDS.NOT")
	return io.NewSectionReader(bytes.NewReader(picked), 0, int64(len(picked))), true, nil
}

// pickFields keeps the named fields, or the others, and the empty line.
func pickFields(header []byte, names []string, others bool) (picked []byte) {
	for name, raw := range message.Header(header).RawFields {
		named := slices.ContainsFunc(names, func(n string) bool { return len(n) == len(name) && strings.EqualFold(n, string(name)) })
		if named != others {
			picked = append(picked, raw...)
		}
	}
	return append(picked, "\r\n"...)
}
