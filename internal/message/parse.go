package message

import (
	"bytes"
	"io"
)

// maxHeaders is how many octets of all header blocks of one message are read for their values.
const maxHeaders = 2 * MaxHeader

// firstHeader is room for a usual header block.
const firstHeader = 2 << 10

// parser walks over a message once. The current line is in.line; at a boundary
// hit says whose.
type parser struct {
	in      *lines
	as      style
	bounds  [][]byte // delimiters of the multiparts around the current line, outermost first
	hit     int      // index in bounds of the delimiter in the current line; none at the end
	closing bool     // the delimiter is a closing one
	header  []byte   // the block of the current entity, reused
	kept    int      // octets of headers read so far
	utf8    bool     // a header block had octets above 127
	parts   int
}

// none is the value of parser.hit at the end of input.
const none = -1

// Parse indexes a message while reading it once. The only error is r's own.
func Parse(r io.Reader) (*Index, error) { return parse(r, inASCII) }

// ParseUTF8 is Parse for a client that takes UTF-8: Envelope, Structure and
// BasicBody have what the header fields say, not its encoding in ASCII.
func ParseUTF8(r io.Reader) (*Index, error) { return parse(r, inUTF8) }

func parse(r io.Reader, as style) (*Index, error) {
	p := &parser{in: newLines(r), hit: none, as: as}
	defer p.in.release()
	p.in.next()
	root := new(Part)
	ix := &Index{Root: root}
	p.readHeader(root)
	ix.Header = bytes.Clone(p.header)
	var f fields
	f.read(ix.Header)
	ix.describe(&f, as)
	p.entity(root, &f, textDefault, 0)
	if p.in.err != nil && p.in.err != io.EOF {
		return nil, p.in.err
	}
	ix.Structure = root.appendStructure(make([]byte, 0, 256), true, as)
	ix.BasicBody = root.appendStructure(make([]byte, 0, 128), false, as)
	ix.HasAttachment, ix.UTF8Header = root.hasAttachment(), p.utf8
	return ix, nil
}

// describe fills in what the top-level header says.
func (ix *Index) describe(f *fields, as style) {
	ix.Envelope = f.appendEnvelope(make([]byte, 0, 512), as)
	ix.MessageID = first(MessageIDs(f.value(fMessageID)))
	ix.InReplyTo = MessageIDs(f.value(fInReplyTo))
	ix.References = MessageIDs(f.value(fReferences))
	ix.Subject = DecodeWords(f.value(fSubject))
	ix.BaseSubject = BaseSubject(ix.Subject)
	ix.Sent = parseDate(f.value(fDate))
}

// hasAttachment looks for a part that is a file.
func (p *Part) hasAttachment() (found bool) {
	p.Walk(func(_ []int, p *Part) bool {
		found = found || p.IsAttachment()
		return !found
	})
	return found
}

// nested reads a header and body that begin at the current line.
func (p *parser) nested(part *Part, def mediaType, depth int, message bool) {
	p.readHeader(part)
	var f fields
	f.read(p.header)
	if message {
		part.Envelope = f.appendEnvelope(nil, p.as)
	}
	p.entity(part, &f, def, depth)
}

// readHeader reads a header block into p.header. The block ends with an empty
// line, before a delimiter, or before it began if the first line is no field.
func (p *parser) readHeader(part *Part) {
	p.header = p.header[:0]
	part.Start = p.in.start
	if len(p.in.line) > 0 && !isBlank(p.in.line) && !startsHeader(p.in.line) {
		part.Body = part.Start
		return
	}
	for len(p.in.line) > 0 && !p.atBoundary() {
		blank := p.in.whole && isBlank(p.in.line)
		p.keep(p.in.line)
		p.in.next()
		if blank {
			break
		}
	}
	part.Body = p.in.start
}

// keep adds a line to the header block, as far as the bounds allow.
func (p *parser) keep(line []byte) {
	if p.header == nil {
		p.header = make([]byte, 0, firstHeader)
	}
	p.utf8 = p.utf8 || has8bit(line)
	n := min(len(line), MaxHeader-len(p.header), maxHeaders-p.kept)
	p.header = append(p.header, line[:n]...)
	p.kept += n
}

// entity sets what the header says and reads the body.
func (p *parser) entity(part *Part, f *fields, def mediaType, depth int) {
	p.parts++
	f.describe(part, def)
	feeds := p.in.feeds
	switch {
	case !part.isMultipart() && !part.isMessage():
		p.skip()
	case depth >= MaxDepth:
		part.makeOpaque()
		p.skip()
	case part.isMultipart():
		p.multipart(part, depth)
	default:
		part.Message = &Part{}
		p.nested(part.Message, textDefault, depth+1, true)
	}
	p.finish(part, feeds)
	if part.isMultipart() && len(part.Parts) == 0 {
		part.Parts = []*Part{part.wholeBody()}
	}
}

// makeOpaque turns a composite type that is not looked into into a file.
func (p *Part) makeOpaque() {
	p.Type, p.Subtype, p.Params = "application", "octet-stream", nil
}

// finish sets where the body ends: the line end before a delimiter belongs to
// the delimiter (RFC 2046 §5.1.1), unless it already ended a header.
func (p *parser) finish(part *Part, feeds int64) {
	part.End = p.in.start
	part.Lines = p.in.feeds - feeds
	if before := part.End - int64(p.in.eol); p.hit != none && p.in.eol > 0 && before >= part.floor() {
		part.End = before
		part.Lines--
	}
}

// floor is where a part's body can end at the earliest.
func (p *Part) floor() int64 {
	switch {
	case p.Message != nil:
		return max(p.Body, p.Message.End)
	case len(p.Parts) > 0:
		return max(p.Body, p.Parts[len(p.Parts)-1].End)
	}
	return p.Body
}

// multipart reads the parts between delimiters. An outer delimiter ends it too.
func (p *parser) multipart(part *Part, depth int) {
	level := len(p.bounds)
	if b := param(part.Params, "boundary"); b != "" {
		p.bounds = append(p.bounds, []byte("--"+b))
	}
	p.skip() // preamble
	def := textDefault
	if part.Subtype == "digest" {
		def = messageDefault // RFC 2046 §5.1.5
	}
	for p.hit == level && !p.closing && p.parts < MaxParts {
		p.in.next()
		part.Parts = append(part.Parts, p.child(def, level, depth+1))
	}
	p.bounds = p.bounds[:min(level, len(p.bounds))]
	if p.hit == level {
		p.in.next()
		p.skip() // epilogue
	}
}

// child reads one part of a multipart; the last that is allowed takes in all the rest.
func (p *parser) child(def mediaType, level, depth int) *Part {
	child := new(Part)
	if p.parts < MaxParts-1 {
		p.nested(child, def, depth, false)
		return child
	}
	p.bounds = p.bounds[:level]
	p.parts++
	child.Start, child.Body = p.in.start, p.in.start
	child.Encoding = "7bit"
	child.makeOpaque()
	feeds := p.in.feeds
	p.skip()
	p.finish(child, feeds)
	return child
}

// wholeBody is the text part that a multipart without delimiters is taken for.
func (p *Part) wholeBody() *Part {
	child := &Part{Start: p.Body, Body: p.Body, End: p.End, Lines: p.Lines}
	new(fields).describe(child, textDefault)
	return child
}

// skip goes on to the next delimiter or the end.
func (p *parser) skip() {
	if len(p.bounds) == 0 {
		p.hit = none
		p.in.drain()
		return
	}
	for len(p.in.line) > 0 && !p.atBoundary() {
		p.in.next()
	}
	if len(p.in.line) == 0 {
		p.hit = none
	}
}

// atBoundary reports whether the current line is a delimiter of any multipart
// around it, and sets hit and closing. The innermost wins.
func (p *parser) atBoundary() bool {
	p.hit = none
	line := p.in.line
	if len(line) < 3 || line[0] != '-' || line[1] != '-' || !p.in.whole {
		return false
	}
	for i := len(p.bounds) - 1; i >= 0; i-- {
		if closing, ok := isDelimiter(line, p.bounds[i]); ok {
			p.hit, p.closing = i, closing
			return true
		}
	}
	return false
}

// isDelimiter compares a line with a delimiter, white space after it allowed.
// DEVIATES(RFC 2046 §5.1.1): nothing else may follow, or of two boundaries with
// a common prefix one would end the other.
func isDelimiter(line, delimiter []byte) (closing, ok bool) {
	if !bytes.HasPrefix(line, delimiter) {
		return false, false
	}
	rest := bytes.TrimRight(line[len(delimiter):], " \t\r\n")
	return len(rest) == 2, len(rest) == 0 || string(rest) == "--"
}

// isBlank reports the empty line that ends a header.
func isBlank(line []byte) bool { return len(line) == lineEnd(line) && len(line) > 0 }
