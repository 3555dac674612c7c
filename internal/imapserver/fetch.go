package imapserver

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"tem/internal/blob"
	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/wire/imap"
)

// chunk is how many messages are read from the store at a time; nothing is
// written to the network meanwhile.
const chunk = 256

func appendUint(dst []byte, n uint64) []byte { return strconv.AppendUint(dst, n, 10) }

func appendFetchStart(dst []byte, i int) []byte {
	return append(appendUint(append(dst, "* "...), uint64(i+1)), " FETCH ("...)
}

// fetch answers FETCH and UID FETCH (RFC 9051 §6.4.5).
func (s *session) fetch(ctx context.Context, c *imap.Fetch) error {
	picked, err := s.view.pick(c.Set, c.UID)
	if err != nil {
		return err
	}
	f := fetcher{s: s, items: c.Items}
	for _, it := range c.Items {
		switch it.Kind {
		case imap.Binary, imap.BinarySize:
			return no("CANNOT", "BINARY is not supported")
		case imap.Section:
			f.body = true
			f.sees = f.sees || !it.Peek && !s.view.readOnly
		}
		f.meta = f.meta || it.Kind != imap.Flags && it.Kind != imap.UID
		f.flags = f.flags || it.Kind == imap.Flags
	}
	if c.UID && !slices.ContainsFunc(c.Items, func(it imap.Item) bool { return it.Kind == imap.UID }) {
		f.items = append([]imap.Item{{Kind: imap.UID, Label: "UID"}}, f.items...)
	}
	for part := range slices.Chunk(picked, chunk) {
		if err := f.run(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// fetcher answers one FETCH.
type fetcher struct {
	s                       *session
	items                   []imap.Item
	meta, body, sees, flags bool
	seen                    map[mail.UID]bool // whose \Seen this command sets
}

func (f *fetcher) run(ctx context.Context, picked []int) error {
	s, v := f.s, f.s.view
	if f.sees {
		if err := f.see(ctx, picked); err != nil {
			return err
		}
	}
	s.out = s.out[:0]
	if !f.meta {
		for _, i := range picked {
			s.out = append(f.appendItems(s.out, i, nil), ")\r\n"...)
		}
		_, err := s.c.Write(s.out)
		return err
	}
	var held []mail.Meta
	err := s.account.Fetch(ctx, v.box.ID, v.uids(picked), func(m *mail.Meta) error {
		if f.body {
			held = append(held, clone(m))
		} else if i, known := v.find(m.UID); known {
			s.out = append(f.appendItems(s.out, i, m), ")\r\n"...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := s.c.Write(s.out); err != nil {
		return err
	}
	for i := range held {
		if err := f.writeBody(ctx, &held[i]); err != nil {
			return err
		}
	}
	return nil
}

// clone keeps what is valid only during Fetch's call.
func clone(m *mail.Meta) mail.Meta {
	c := *m
	c.Envelope, c.Structure = bytes.Clone(m.Envelope), bytes.Clone(m.Structure)
	c.BasicBody, c.Parts = bytes.Clone(m.BasicBody), bytes.Clone(m.Parts)
	return c
}

// see sets \Seen on a chunk in one step (RFC 9051 §6.4.5).
func (f *fetcher) see(ctx context.Context, picked []int) error {
	v := f.s.view
	var unseen []mail.UID
	for _, i := range picked {
		if v.items[i].Flags&mail.Seen == 0 {
			unseen = append(unseen, v.items[i].UID)
		}
	}
	f.seen = map[mail.UID]bool{}
	if len(unseen) == 0 {
		return nil
	}
	changed, _, err := f.s.account.Store(ctx, v.box.ID, unseen, mail.AddFlags, mail.Seen, nil, 0)
	for _, item := range changed {
		if i, known := v.find(item.UID); known {
			v.items[i].Flags = item.Flags
			f.seen[item.UID] = true
		}
	}
	return err
}

// appendItems writes a FETCH response but for its end and the sections.
func (f *fetcher) appendItems(dst []byte, i int, m *mail.Meta) []byte {
	item := f.s.view.items[i]
	dst = appendFetchStart(dst, i)
	start := len(dst)
	if f.seen[item.UID] && !f.flags {
		dst = append(f.s.view.appendFlags(append(dst, "FLAGS "...), item.Flags), ' ')
	}
	for n := range f.items {
		it := &f.items[n]
		if it.Kind == imap.Section {
			continue
		}
		dst = append(append(dst, it.Label...), ' ')
		switch it.Kind {
		case imap.Flags:
			dst = f.s.view.appendFlags(dst, item.Flags)
		case imap.UID:
			dst = appendUint(dst, uint64(item.UID))
		case imap.InternalDate:
			dst = imap.AppendDateTime(dst, m.Received)
		case imap.Size:
			dst = appendUint(dst, uint64(m.Size))
		case imap.Envelope:
			dst = append(dst, m.Envelope...)
		case imap.Body:
			dst = append(dst, m.BasicBody...)
		case imap.BodyStructure:
			dst = append(dst, m.Structure...)
		}
		dst = append(dst, ' ')
	}
	if len(dst) > start {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// writeBody answers for one message of which sections are wanted.
func (f *fetcher) writeBody(ctx context.Context, m *mail.Meta) error {
	s := f.s
	i, known := s.view.find(m.UID)
	if !known {
		return nil
	}
	r, err := s.account.OpenMessage(ctx, m)
	if err != nil {
		return err
	}
	defer r.Close()
	root, err := message.DecodePart(m.Parts)
	if err != nil {
		return err
	}
	s.out = f.appendItems(s.out[:0], i, m)
	first := s.out[len(s.out)-1] == '('
	for n := range f.items {
		if f.items[n].Kind != imap.Section {
			continue
		}
		if !first {
			s.out = append(s.out, ' ')
		}
		first = false
		if err := f.writeSection(&f.items[n], r, root); err != nil {
			return err
		}
		s.out = s.out[:0]
	}
	return s.c.WriteLineBytes(append(s.out, ')'))
}

// writeSection writes what is buffered, then one section as a literal.
func (f *fetcher) writeSection(it *imap.Item, r blob.Reader, root *message.Part) error {
	s := f.s
	s.out = append(append(s.out, it.Label...), ' ')
	text, there, err := section(it, r, root)
	if err != nil {
		return err
	}
	if !there {
		_, err := s.c.Write(append(s.out, "NIL"...))
		return err
	}
	if it.Partial {
		from := min(it.Offset, text.Size())
		text = io.NewSectionReader(text, from, min(it.Count, text.Size()-from))
	}
	s.out = append(appendUint(append(s.out, '{'), uint64(text.Size())), "}\r\n"...)
	if _, err := s.c.Write(s.out); err != nil {
		return err
	}
	n, err := io.Copy(s.c, text)
	if err == nil && n < text.Size() {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// section finds the octets of a section; there is false if it does not exist.
func section(it *imap.Item, r blob.Reader, root *message.Part) (text *io.SectionReader, there bool, err error) {
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
