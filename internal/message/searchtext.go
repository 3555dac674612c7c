package message

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// What a search looks at is defined here, once: an index and the search that
// verifies its answers read the same text. Texts that don't belong together are
// NUL apart, which no query contains, so that nothing is found across them.

// SearchText is one message as a search sees it.
type SearchText struct {
	R    io.ReaderAt
	Root *Part
	Room []byte // memory to read text into, textRoom octets of it; nil: it is made
}

// textRoom is how many octets of a text are read at a time.
const textRoom = 32 << 10

// NewTextRoom is memory for one SearchText after the other.
func NewTextRoom() []byte { return make([]byte, textRoom) }

// noise are fields whose values say nothing to a reader: signatures and states
// in base64, in which any short word is found by chance.
// DEVIATES(RFC 9051 §6.4.4): TEXT does not look at their values; HEADER does.
var noise = map[string]bool{
	"dkim-signature": true, "domainkey-signature": true, "x-google-dkim-signature": true, "x-gm-message-state": true,
	"x-google-smtp-source": true, "arc-seal": true, "arc-message-signature": true, "x-received": true,
	"x-ms-exchange-antispam-messagedata": true, "x-microsoft-antispam-message-info": true,
	"x-ms-exchange-antispam-messagedata-chunkcount": true, "x-ms-exchange-antispam-messagedata-0": true,
	"x-microsoft-exchange-diagnostics": true, "x-ms-exchange-crosstenant-userprincipalname": true,
	"x-sg-eid": true, "x-sg-id": true, "x-ymail-osg": true, "face": true, "x-face": true, "autocrypt": true,
	"openpgp": true, "x-autocrypt": true, "thread-index": true, "x-provags-id": true, "x-ui-out-filterresults": true,
}

// IsNoise reports a field whose value is left out of TEXT.
func IsNoise(name string) bool { return noise[strings.ToLower(name)] }

// Header is the header block of the message, at most MaxHeader octets.
func (t SearchText) Header() (Header, error) { return readHeader(t.R, t.Root) }

func readHeader(r io.ReaderAt, p *Part) (Header, error) {
	h := make(Header, min(p.Body-p.Start, MaxHeader))
	n, err := r.ReadAt(h, p.Start)
	if err == io.EOF {
		err = nil
	}
	return h[:n], err
}

// AppendValue appends what a search sees of a field's raw value: unfolded as far
// as white space matters not, with its encoded words decoded.
func AppendValue(dst, value []byte) []byte {
	if isClean(value) {
		return append(dst, bytes.Trim(value, " \t\r\n")...)
	}
	return append(dst, DecodeWords(strings.Join(strings.Fields(string(value)), " "))...)
}

// isClean reports a value that DecodeWords leaves as it is.
func isClean(value []byte) bool {
	for i, c := range value {
		if c >= utf8.RuneSelf-1 || c < ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
		if c == '=' && i+1 < len(value) && value[i+1] == '?' {
			return false
		}
	}
	return true
}

// AppendHeader appends fields as "name: value", and the name alone where the value is noise.
func AppendHeader(dst []byte, h Header) []byte {
	for name, raw := range h.RawFields {
		dst = append(append(dst, name...), ": "...)
		if !IsNoise(string(name)) {
			dst = AppendValue(dst, fieldValue(name, raw))
		}
		dst = append(dst, 0)
	}
	return dst
}

// WritePartHeaders writes the fields of the message's parts, without those of
// the message itself and of messages inside it. An error of w ends it.
func (t SearchText) WritePartHeaders(w io.Writer) error {
	return t.writePartHeaders(w, t.Root)
}

func (t SearchText) writePartHeaders(w io.Writer, p *Part) error {
	for _, child := range p.Parts {
		h, err := readHeader(t.R, child)
		if err != nil {
			return err
		}
		if _, err := w.Write(AppendHeader(nil, h)); err != nil {
			return err
		}
		if err := t.writePartHeaders(w, child); err != nil {
			return err
		}
	}
	if p.Message != nil {
		return t.writePartHeaders(w, p.Message)
	}
	return nil
}

// WriteBody writes the text of the body: of text parts, HTML as it is seen
// with the targets of its links, the names of files, and of messages inside it
// who wrote to whom about what. However large it is, little of it is in memory
// at a time. An error of w ends it.
func (t SearchText) WriteBody(w io.Writer) error {
	b := searchBody{r: t.R, w: w, room: t.Room}
	if b.room == nil {
		b.room = NewTextRoom()
	}
	return b.part(t.Root)
}

// searchBody writes the texts of a body in order.
type searchBody struct {
	r    io.ReaderAt
	w    io.Writer
	room []byte
}

// apart is what separates texts.
var apart = []byte{0}

func (b *searchBody) part(p *Part) error {
	if name := p.Filename(); name != "" {
		if _, err := b.w.Write(append([]byte(name), 0)); err != nil {
			return err
		}
	}
	if err := b.content(p); err != nil {
		return err
	}
	for _, child := range p.Parts {
		if err := b.part(child); err != nil {
			return err
		}
	}
	return nil
}

func (b *searchBody) content(p *Part) error {
	switch {
	case p.Message != nil:
		return b.message(p.Message)
	case p.is("text", "html"):
		if err := writeHTML(b.w, Text(b.r, p)); err != nil {
			return err
		}
	case p.Type == "text" || p.isDeliveryStatus():
		if err := b.text(p); err != nil {
			return err
		}
	default:
		return nil
	}
	_, err := b.w.Write(apart)
	return err
}

func (b *searchBody) message(p *Part) error {
	h, err := readHeader(b.r, p)
	if err != nil {
		return err
	}
	var out []byte
	for name, raw := range h.RawFields {
		switch strings.ToLower(string(name)) {
		case "subject", "from", "to", "cc":
			out = append(AppendValue(out, fieldValue(name, raw)), 0)
		}
	}
	if _, err := b.w.Write(out); err != nil {
		return err
	}
	return b.part(p)
}

// text writes a text part as UTF-8.
func (b *searchBody) text(p *Part) error {
	if p.isEncoded() || p.End-p.Body > int64(len(b.room)) {
		_, err := io.CopyBuffer(writerOnly{b.w}, Text(b.r, p), b.room)
		return err
	}
	// Nothing to decode and not long, as most text is.
	n, err := b.r.ReadAt(b.room[:p.End-p.Body], p.Body)
	if err != nil && err != io.EOF {
		return err
	}
	if text := b.room[:n]; utf8.Valid(text) {
		_, err = b.w.Write(text)
	} else {
		_, err = io.WriteString(b.w, toUTF8(string(text)))
	}
	return err
}

// writerOnly hides what else a writer can do.
type writerOnly struct{ io.Writer }

// isEncoded reports a text part that is not stored as UTF-8.
func (p *Part) isEncoded() bool {
	return p.Encoding == "base64" || p.Encoding == "quoted-printable" || charset(param(p.Params, "charset")) != nil
}
