package message

import (
	"io"
	"strings"
)

// maxReadable is how many octets of text are read of a message for people, and
// how many are given out.
const maxReadable = 16 << 20

// cutLine ends a text that was longer.
const cutLine = "[The rest is left out: this message has more than 16 MiB of text.]"

// Readable is a message as a person reads it: the best text alternative, HTML
// turned into text with numbered links. It has no control characters but line
// feeds and tabs, so that a terminal can show it. Of more than 16 MiB it has
// the beginning, and a last line that says so.
func Readable(r io.ReaderAt, root *Part) (string, error) {
	return readable(r, root, maxReadable)
}

func readable(r io.ReaderAt, root *Part, limit int) (string, error) {
	w := reading{r: r, limit: limit, left: int64(limit)}
	w.part(root)
	if w.cut {
		w.out.WriteString("\n\n" + cutLine)
	}
	return w.out.String(), w.err
}

// reading collects the texts of a message in order.
type reading struct {
	r     io.ReaderAt
	out   strings.Builder
	limit int   // of out, in octets
	left  int64 // octets still to be read
	cut   bool  // there was more
	err   error
}

// done reports that no further part is to be read.
func (w *reading) done() bool { return w.err != nil || w.cut }

func (w *reading) part(p *Part) {
	switch {
	case w.done() || p.IsAttachment():
	case p.is("multipart", "alternative"):
		w.alternative(p)
	case p.isMultipart():
		for _, child := range p.Parts {
			w.part(child)
		}
	case p.Message != nil:
		w.message(p.Message)
	case p.Type == "text" || p.isDeliveryStatus():
		w.text(p)
	}
}

// alternative takes plain text, or else the last alternative that gives any (RFC 2046 §5.1.4).
func (w *reading) alternative(p *Part) {
	had := w.out.Len()
	for _, child := range p.Parts {
		if child.is("text", "plain") && w.out.Len() == had {
			w.part(child)
		}
	}
	for i := len(p.Parts) - 1; i >= 0 && w.out.Len() == had; i-- {
		w.part(p.Parts[i])
	}
}

// message writes the fields that matter and the texts of an embedded message.
func (w *reading) message(p *Part) {
	head := make([]byte, min(p.Body-p.Start, MaxHeader))
	if _, err := w.r.ReadAt(head, p.Start); err != nil && err != io.EOF {
		w.err = err
		return
	}
	var lines []string
	for _, name := range []string{"From", "To", "Date", "Subject"} {
		if value := Header(head).Text(name); value != "" {
			lines = append(lines, name+": "+value)
		}
	}
	w.add(strings.Join(lines, "\n"))
	w.part(p)
}

func (w *reading) text(p *Part) {
	all, err := io.ReadAll(io.LimitReader(Text(w.r, p), w.left+1))
	if err != nil {
		w.err = err
		return
	}
	more := int64(len(all)) > w.left
	all = all[:min(int64(len(all)), w.left)]
	w.left -= int64(len(all))
	s := string(all)
	if p.Subtype == "html" {
		s = HTMLText(s)
	}
	w.add(s)
	w.cut = w.cut || more
}

// add writes a text with an empty line before it, as much as there is room for.
func (w *reading) add(s string) {
	s = strings.Trim(cleanLines(s), "\t\n ")
	if w.done() || s == "" {
		return
	}
	if w.out.Len() > 0 {
		w.out.WriteString("\n\n")
	}
	if room := max(w.limit-w.out.Len(), 0); len(s) > room {
		s, w.cut = strings.ToValidUTF8(s[:room], ""), true
	}
	w.out.WriteString(s)
}
