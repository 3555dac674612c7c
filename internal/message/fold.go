package message

import (
	"bytes"
	"io"
	"strings"
)

// MaxLine is how many octets a line may have, without its CRLF (RFC 5322 §2.1.1).
const MaxLine = 998

// LineMeter finds lines that are too long in a text that is written to it, in pieces.
type LineMeter struct {
	Over   bool // there was one
	column int
}

func (m *LineMeter) Write(p []byte) (int, error) {
	for rest := p; !m.Over; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			m.column += len(rest)
			m.Over = m.column > MaxLine+1 // its CR may be there
			break
		}
		m.Over = m.column+i > MaxLine+1
		m.column, rest = 0, rest[i+1:]
	}
	return len(p), nil
}

// WriteFolded writes the message in r, which has CRLF and root for its
// structure, with those leaves in quoted-printable (RFC 2045 §6.7) that have
// lines above MaxLine. What is signed or encrypted as a whole (RFC 1847) and
// messages inside stay as they are.
func WriteFolded(w io.Writer, r io.ReaderAt, root *Part) error {
	f := &folder{w: &errWriter{w: w}, r: r}
	if err := f.part(root); err != nil {
		return err
	}
	return f.upTo(root.End)
}

type folder struct {
	w  *errWriter
	r  io.ReaderAt
	at int64 // what stands before it has been written
}

// upTo writes what is left before an offset, as it is.
func (f *folder) upTo(offset int64) error {
	_, err := io.Copy(f.w, io.NewSectionReader(f.r, f.at, offset-f.at))
	f.at = offset
	return err
}

func (f *folder) part(p *Part) error {
	switch {
	case p.is("multipart", "signed"), p.is("multipart", "encrypted"), p.Type == "message":
		return nil
	case p.Encoding != "7bit" && p.Encoding != "8bit" && !(p.isMultipart() && p.Encoding == "binary"):
		return nil // a multipart, too: some undo what it must not have (RFC 2045 §6.4), and would do so twice
	case p.isMultipart():
		return f.inside(p)
	case p.Body-p.Start > MaxHeader: // it is not to be kept in memory
		return nil
	}
	var m LineMeter
	if _, err := io.Copy(&m, f.body(p)); err != nil || !m.Over {
		return err
	}
	return f.encode(p)
}

// inside goes through the parts between delimiters. Where there are none, a
// header would become text.
func (f *folder) inside(p *Part) error {
	for _, inside := range p.Parts {
		if inside.Start == p.Body {
			continue
		}
		if err := f.part(inside); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) body(p *Part) io.Reader { return io.NewSectionReader(f.r, p.Body, p.End-p.Body) }

// encode writes a leaf in quoted-printable.
func (f *folder) encode(p *Part) error {
	header := make(Header, p.Body-p.Start)
	if _, err := f.r.ReadAt(header, p.Start); err != nil && err != io.EOF {
		return err
	}
	if !p.understood(header) {
		return nil
	}
	if err := f.upTo(p.Start); err != nil {
		return err
	}
	whole := p.Start == 0
	f.w.Write(bytes.TrimSuffix(header.Without(func(name, _ []byte) bool {
		return strings.EqualFold(string(name), "Content-Transfer-Encoding") || whole && strings.EqualFold(string(name), "MIME-Version")
	}), []byte("\r\n")))
	if whole {
		io.WriteString(f.w, "MIME-Version: 1.0\r\n") // RFC 2045 §4: else nobody reads the next one
	}
	io.WriteString(f.w, "Content-Transfer-Encoding: quoted-printable\r\n\r\n")
	q := newQPWriter(f.w)
	if _, err := io.Copy(q, f.body(p)); err != nil {
		return err
	}
	f.at = p.End
	return q.Close()
}

// understood reports that a part is what its header says: not one that was
// made opaque, nor one behind the headers that were read.
func (p *Part) understood(h Header) bool {
	typ, subtype, _, ok := contentType(h.Get("Content-Type"))
	if !ok {
		typ, subtype = "text", "plain"
	}
	return p.is(typ, subtype) && p.Encoding == transferEncoding(h.Get("Content-Transfer-Encoding"))
}
