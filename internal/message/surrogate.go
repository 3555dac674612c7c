package message

import (
	"bytes"
	"errors"
	"io"
	"sort"
)

// ErrNoSurrogate says that a header block is too large to be made one of ASCII.
var ErrNoSurrogate = errors.New("message: the header is too large for a surrogate")

// Surrogate is a message as those see it who know headers in ASCII only (RFC
// 6856 §2.1, RFC 6855 §7): the stored octets with the header fields, of the
// message and of its parts, that have UTF-8 in them (RFC 6532) written anew.
// Bodies stay as they are: octets above 127 in a part of 8bit are announced by
// MIME, and a part that is encoded hides none.
type Surrogate struct {
	stored, size int64 // octets, as they are and as they are shown
	edits        []edit
	taken        int64 // octets that the edits replace
}

// edit puts with in the place of the octets from from to to.
type edit struct {
	from, to int64
	with     []byte
	shift    int64 // by how much what follows has moved
}

// NewSurrogate reads the headers of a message of size octets whose structure is
// root. ErrNoSurrogate for more than MaxHeader octets in one header block, or
// twice that in fields to write anew; any other error is r's.
func NewSurrogate(r io.ReaderAt, root *Part, size int64) (*Surrogate, error) {
	s := &Surrogate{stored: size, size: size}
	if err := s.convert(r, root); err != nil {
		return nil, err
	}
	for i := range s.edits {
		e := &s.edits[i]
		s.size += int64(len(e.with)) - (e.to - e.from)
		e.shift = s.size - size
	}
	return s, nil
}

// Size is how many octets Reader gives.
func (s *Surrogate) Size() int64 { return s.size }

// Reader gives the octets of the surrogate of the message that r has.
func (s *Surrogate) Reader(r io.ReaderAt) io.Reader {
	v := s.View(r)
	return io.NewSectionReader(v, 0, v.Size())
}

// View gives the octets of the surrogate of the message that r has, from anywhere.
func (s *Surrogate) View(r io.ReaderAt) *View {
	v := &View{}
	at := int64(0)
	for _, e := range s.edits {
		v.add(io.NewSectionReader(r, at, e.from-at))
		v.add(io.NewSectionReader(bytes.NewReader(e.with), 0, int64(len(e.with))))
		at = e.to
	}
	v.add(io.NewSectionReader(r, at, s.stored-at))
	return v
}

// Move makes the offsets in the tree of the stored message those of the surrogate.
func (s *Surrogate) Move(p *Part) {
	p.Start, p.Body, p.End = s.moved(p.Start), s.moved(p.Body), s.moved(p.End)
	for _, child := range p.Parts {
		s.Move(child)
	}
	if p.Message != nil {
		s.Move(p.Message)
	}
}

// moved is where an octet is that was at off, outside of the edits.
func (s *Surrogate) moved(off int64) int64 {
	n := sort.Search(len(s.edits), func(i int) bool { return s.edits[i].to > off })
	if n == 0 {
		return off
	}
	return off + s.edits[n-1].shift
}

// Ended says whether the octets end with CRLF; was, whether those stored do.
func (s *Surrogate) Ended(was bool) bool {
	n := len(s.edits)
	if n == 0 || s.edits[n-1].to < s.stored {
		return was
	}
	return bytes.HasSuffix(s.edits[n-1].with, []byte("\r\n"))
}

// convert makes the edits of p and of what is in it, in the order of offsets.
func (s *Surrogate) convert(r io.ReaderAt, p *Part) error {
	if err := s.header(r, p.Start, p.Body); err != nil {
		return err
	}
	for _, child := range p.Parts {
		if err := s.convert(r, child); err != nil {
			return err
		}
	}
	if p.Message != nil {
		return s.convert(r, p.Message)
	}
	return nil
}

// header makes the edits of one header block.
func (s *Surrogate) header(r io.ReaderAt, from, to int64) error {
	if to-from > MaxHeader {
		return ErrNoSurrogate
	}
	block := make([]byte, to-from)
	if _, err := r.ReadAt(block, from); err != nil && err != io.EOF {
		return err
	}
	for len(block) > 0 {
		raw := block[:fieldLength(block)]
		block = block[len(raw):]
		if has8bit(raw) {
			if s.taken += int64(len(raw)); s.taken > maxHeaders {
				return ErrNoSurrogate
			}
			s.edits = append(s.edits, edit{from, from + int64(len(raw)), asciiField(raw), 0})
		}
		from += int64(len(raw))
	}
	return nil
}

// has8bit reports octets that no field may have but for RFC 6532.
func has8bit(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}
