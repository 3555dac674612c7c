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

// maxSearchText bounds how much text of one message is searched, in octets.
const maxSearchText = 16 << 20

// SearchText is one message as a search sees it.
type SearchText struct {
	R    io.ReaderAt
	Root *Part
}

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

// AppendPartHeaders appends the fields of the message's parts, without those of
// the message itself and of messages inside it.
func (t SearchText) AppendPartHeaders(dst []byte) ([]byte, error) {
	return t.appendPartHeaders(dst, t.Root)
}

func (t SearchText) appendPartHeaders(dst []byte, p *Part) (_ []byte, err error) {
	for _, child := range p.Parts {
		h, err := readHeader(t.R, child)
		if err != nil {
			return dst, err
		}
		if dst, err = t.appendPartHeaders(AppendHeader(dst, h), child); err != nil {
			return dst, err
		}
	}
	if p.Message != nil {
		return t.appendPartHeaders(dst, p.Message)
	}
	return dst, nil
}

// AppendBody appends the text of the body: of text parts, HTML as it is seen
// with the targets of its links, the names of files, and of messages inside it
// who wrote to whom about what.
func (t SearchText) AppendBody(dst []byte) ([]byte, error) {
	b := searchBody{r: t.R, out: dst, limit: len(dst) + maxSearchText}
	b.part(t.Root)
	return b.out, b.err
}

// searchBody collects the texts of a body in order.
type searchBody struct {
	r     io.ReaderAt
	out   []byte
	limit int // of out
	err   error
}

func (b *searchBody) part(p *Part) {
	if b.err != nil || len(b.out) >= b.limit {
		return
	}
	if name := p.Filename(); name != "" {
		b.out = append(append(b.out, name...), 0)
	}
	switch {
	case p.Message != nil:
		b.message(p.Message)
	case p.is("text", "html"):
		b.html(p)
	case p.Type == "text" || p.isDeliveryStatus():
		b.text(p)
		b.out = append(b.out, 0)
	}
	for _, child := range p.Parts {
		b.part(child)
	}
}

func (b *searchBody) message(p *Part) {
	h, err := readHeader(b.r, p)
	if err != nil {
		b.err = err
		return
	}
	for name, raw := range h.RawFields {
		switch strings.ToLower(string(name)) {
		case "subject", "from", "to", "cc":
			b.out = append(AppendValue(b.out, fieldValue(name, raw)), 0)
		}
	}
	b.part(p)
}

// text appends a text part as UTF-8.
func (b *searchBody) text(p *Part) {
	at, room := len(b.out), int64(b.limit-len(b.out))
	if p.Encoding == "base64" || p.Encoding == "quoted-printable" || charset(param(p.Params, "charset")) != nil {
		b.out, b.err = appendAll(b.out, io.LimitReader(Text(b.r, p), room))
		return
	}
	// Nothing to decode, as most text is.
	b.out, b.err = appendAll(b.out, io.NewSectionReader(b.r, p.Body, min(p.End-p.Body, room)))
	if !utf8.Valid(b.out[at:]) {
		b.out = append(b.out[:at], toUTF8(string(b.out[at:]))...)
	}
}

// html appends an HTML part as text.
func (b *searchBody) html(p *Part) {
	at := len(b.out)
	if b.text(p); b.err == nil {
		source := bytes.Clone(b.out[at:])
		b.out = append(appendHTML(b.out[:at], source), 0)
	}
}

// appendAll appends all that r gives.
func appendAll(dst []byte, r io.Reader) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}
