package line

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Printer is a Tap that writes dialogues for a person to read:
//
//	Server : 220 hanoi.example ESMTP
//	Client : EHLO saigon.example
//	  *    : TLS 1.3 TLS_AES_128_GCM_SHA256
//
// Content continues without a prefix. Set the fields before the first event.
type Printer struct {
	W        io.Writer
	Sessions bool  // several sessions at once: each line begins with its session
	Times    bool  // each line begins with the time since its session opened
	MaxData  int64 // octets of each content that are shown; 0: all

	mu   sync.Mutex
	open map[string]*printed
	last string // session whose line is unfinished
	mid  bool   // there is one
}

// printed is what the printer knows of one session.
type printed struct {
	opened time.Time
	data   Side  // whose content is being shown
	shown  int64 // octets of it
	hidden int64
}

var prefixes = [...]string{None: "  *    : ", Client: "Client : ", Server: "Server : "}

// Event prints one event.
func (p *Printer) Event(e Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.open[e.Session]
	if s == nil {
		s = &printed{opened: e.Time}
		if p.open == nil {
			p.open = map[string]*printed{}
		}
		p.open[e.Session] = s
	}
	var b bytes.Buffer
	if e.Kind == Data {
		p.content(&b, s, e)
	} else {
		p.single(&b, s, e)
	}
	p.W.Write(b.Bytes())
}

// single prints an event that is a line of its own.
func (p *Printer) single(b *bytes.Buffer, s *printed, e Event) {
	p.endLine(b)
	continued := s.data == e.From && e.From != None && e.Kind == Line && string(e.Text) == "."
	if s.hidden > 0 {
		p.lead(b, s, e, prefixes[None])
		fmt.Fprintf(b, "… %d more octets\n", s.hidden)
	}
	*s = printed{opened: s.opened}
	prefix := prefixes[e.From]
	if continued {
		prefix = ""
	}
	switch e.Kind {
	case Opened:
		if p.Sessions {
			p.lead(b, s, e, prefix)
			fmt.Fprintf(b, "opened %s\n", e.Text)
		}
		return
	case Closed:
		delete(p.open, e.Session)
		if p.Sessions || len(e.Text) > 0 {
			p.lead(b, s, e, prefix)
			fmt.Fprintf(b, "closed %s\n", e.Text)
		}
		return
	}
	p.lead(b, s, e, prefix)
	b.Write(AppendVisible(b.AvailableBuffer(), e.Text))
	b.WriteByte('\n')
}

// content prints a piece of content; only its first line has a prefix.
func (p *Printer) content(b *bytes.Buffer, s *printed, e Event) {
	if p.mid && p.last != e.Session || s.data != e.From {
		p.endLine(b)
	}
	text := e.Text
	if p.MaxData > 0 {
		most := max(0, min(p.MaxData-s.shown, int64(len(text))))
		s.hidden += int64(len(text)) - most
		text = text[:most]
	}
	for l := range bytes.Lines(text) {
		if !p.mid {
			p.leadContent(b, s, e)
		}
		end := bytes.TrimRight(l, "\r\n")
		b.Write(AppendVisible(b.AvailableBuffer(), end))
		p.mid, p.last = l[len(l)-1] != '\n', e.Session
		if !p.mid {
			b.WriteByte('\n')
		}
	}
	s.data = e.From
	s.shown += int64(len(text))
}

func (p *Printer) leadContent(b *bytes.Buffer, s *printed, e Event) {
	prefix := prefixes[e.From]
	if s.data == e.From {
		prefix = ""
	}
	s.data = e.From
	p.lead(b, s, e, prefix)
}

func (p *Printer) endLine(b *bytes.Buffer) {
	if p.mid {
		b.WriteByte('\n')
	}
	p.mid = false
}

func (p *Printer) lead(b *bytes.Buffer, s *printed, e Event, prefix string) {
	if p.Sessions {
		fmt.Fprintf(b, "[%s] ", e.Session)
	}
	if p.Times {
		fmt.Fprintf(b, "%8.3fs ", e.Time.Sub(s.opened).Seconds())
	}
	b.WriteString(prefix)
}

// AppendVisible appends text so that it cannot steer a terminal: control characters,
// C1 and those that turn the direction of writing included, are spelled out.
func AppendVisible(b, text []byte) []byte {
	for len(text) > 0 {
		if n := plain(text); n > 0 {
			b, text = append(b, text[:n]...), text[n:]
			continue
		}
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1 && text[0] < 0xa0, r < utf8.RuneSelf && unicode.IsControl(r) && r != '\t':
			b = fmt.Appendf(b, `\x%02x`, text[0])
		case unicode.IsControl(r) && r != '\t', unicode.Is(unicode.Bidi_Control, r):
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = append(b, text[:n]...)
		}
		text = text[n:]
	}
	return b
}

// plain is how many octets of printable ASCII text begins with.
func plain(text []byte) int {
	for i, c := range text {
		if c < ' ' || c > '~' {
			return i
		}
	}
	return len(text)
}
