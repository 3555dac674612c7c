package imapserver

import (
	"io"

	"tem/internal/message"
	"tem/internal/wire/imap"
)

// decodable reports whether every section that BINARY wants has a transfer
// encoding that can be undone (RFC 3516 §4.3).
func (f *fetcher) decodable(root *message.Part) bool {
	for i := range f.items {
		it := &f.items[i]
		if it.Kind != imap.Binary && it.Kind != imap.BinarySize || len(it.Path) == 0 {
			continue
		}
		part := root.Find(it.Path)
		if part == nil {
			continue
		}
		switch part.Encoding {
		case "7bit", "8bit", "binary", "base64", "quoted-printable":
		default:
			return false
		}
	}
	return true
}

// writeBinary writes what is buffered, then a part without its transfer
// encoding, or only its size (RFC 9051 §7.5.2). It is decoded twice, so that
// none of it need be held: the size goes first. The part without a number is
// the message, which has no encoding.
func (t *turn) writeBinary(it *imap.Item, r octets, root *message.Part) error {
	part := root.Find(it.Path)
	switch {
	case part == nil && it.Kind == imap.BinarySize:
		t.out = append(t.out, '0')
		return nil
	case part == nil:
		t.out = append(t.out, "NIL"...)
		return nil
	}
	size, nul, err := measure(decoded(it, r, part))
	if err != nil {
		return err
	}
	if it.Kind == imap.BinarySize {
		t.out = appendUint(t.out, uint64(size))
		return nil
	}
	if nul { // literal8 only where it is needed
		t.out = append(t.out, '~')
	}
	return t.writeLiteral(decoded(it, r, part), size)
}

// decoded gives the octets that the item is about.
func decoded(it *imap.Item, r octets, part *message.Part) io.Reader {
	var text io.Reader = io.NewSectionReader(r, 0, r.Size())
	if len(it.Path) > 0 {
		text = message.Content(r, part)
	}
	if !it.Partial {
		return text
	}
	io.CopyN(io.Discard, text, it.Offset) // an error of reading stays for the next read
	return io.LimitReader(text, it.Count)
}

// measure reads to the end and says how long it was, and if there was a NUL.
func measure(r io.Reader) (size int64, nul bool, err error) {
	found := &nulFinder{w: io.Discard}
	size, err = io.Copy(found, r)
	return size, found.found, err
}
