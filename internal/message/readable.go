package message

import (
	"io"
	"strings"
)

// Readable is a message as a person reads it: the best text alternative, HTML turned into text with numbered links.
func Readable(r io.ReaderAt, root *Part) (string, error) {
	w := reading{r: r}
	w.part(root)
	return strings.Join(w.texts, "\n\n"), w.err
}

// reading collects the texts of a message in order.
type reading struct {
	r     io.ReaderAt
	texts []string
	err   error
}

func (w *reading) part(p *Part) {
	switch {
	case w.err != nil || p.IsAttachment():
	case p.is("multipart", "alternative"):
		w.alternative(p)
	case p.isMultipart():
		for _, child := range p.Parts {
			w.part(child)
		}
	case p.Message != nil:
		w.message(p.Message)
	case p.Type == "text" || p.is("message", "delivery-status"):
		w.text(p)
	}
}

// alternative takes plain text, or else the last alternative that gives any (RFC 2046 §5.1.4).
func (w *reading) alternative(p *Part) {
	had := len(w.texts)
	for _, child := range p.Parts {
		if child.is("text", "plain") && len(w.texts) == had {
			w.part(child)
		}
	}
	for i := len(p.Parts) - 1; i >= 0 && len(w.texts) == had; i-- {
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
			lines = append(lines, name+": "+cleanText(value))
		}
	}
	w.add(strings.Join(lines, "\n"))
	w.part(p)
}

func (w *reading) text(p *Part) {
	all, err := io.ReadAll(io.LimitReader(Text(w.r, p), maxText))
	if err != nil {
		w.err = err
		return
	}
	s := strings.ReplaceAll(string(all), "\r\n", "\n")
	if p.Subtype == "html" {
		s = HTMLText(s)
	}
	w.add(s)
}

func (w *reading) add(s string) {
	if s = strings.Trim(s, "\r\n\t "); s != "" {
		w.texts = append(w.texts, s)
	}
}
