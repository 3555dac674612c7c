package imapserver

import (
	"bytes"
	"context"
	"fmt"
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

// writeBody answers for one message of which octets are wanted.
func (f *fetcher) writeBody(ctx context.Context, m *mail.Meta) error {
	t := f.t
	i, known := t.view.find(m.UID)
	if !known {
		return nil
	}
	r, err := t.view.account.OpenMessage(ctx, m)
	if isKind(err, mail.NotFound) {
		f.gone()
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	root, err := message.DecodePart(m.Parts)
	if err != nil {
		return err
	}
	if !f.decodable(root) {
		f.fail(no("UNKNOWN-CTE", "the section has an unknown transfer encoding"))
		if f.seen[m.UID] {
			t.sayItemFlags(i, f.uid)
		}
		return nil
	}
	t.out = f.appendItems(t.out[:0], i, m)
	t.writing.Lock()
	defer t.writing.Unlock()
	if err := f.writeSections(r, root); err != nil {
		return err
	}
	return t.c.WriteLineBytes(append(t.out, ')'))
}

// writeSections writes what octets were asked for. The caller holds writing.
func (f *fetcher) writeSections(r octets, root *message.Part) error {
	t := f.t
	first := t.out[len(t.out)-1] == '('
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
		from := min(it.Offset, text.Size())
		text = io.NewSectionReader(text, from, min(it.Count, text.Size()-from))
	}
	return t.writeLiteral(text, text.Size())
}

// writeLiteral writes what is buffered, then size octets as a literal.
func (t *turn) writeLiteral(text io.Reader, size int64) error {
	t.out = append(appendUint(append(t.out, '{'), uint64(size)), "}\r\n"...)
	_, err := t.c.Write(t.out)
	t.out = t.out[:0]
	if err != nil {
		return err
	}
	n, err := io.Copy(t.c, text)
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil { // the literal was announced: there is no way back
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return nil
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
	message.Header(header).Fields(func(name string, _, raw []byte) bool {
		named := slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
		if named != others {
			picked = append(picked, raw...)
		}
		return true
	})
	return append(picked, "\r\n"...)
}
