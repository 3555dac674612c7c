package journey

import (
	"bytes"
	"strconv"
	"sync"

	"tem/internal/line"
)

// maxDialogue is how many octets of a dialogue are kept: its beginning and its end.
const maxDialogue = 8 << 10

// elided stands for what was taken out of the middle of a long dialogue.
const elided = "…\n"

// Dialogue is a tap that writes down what is said on one connection, or on
// several one after the other, as lines of a transcript:
//
//	*: opened 192.0.2.1:4711 198.51.100.7:25
//	S: 220 mx.hanoi.example ESMTP
//	C: EHLO saigon.example
//	*: TLS 1.3 TLS_AES_128_GCM_SHA256
//	C: ‹2843 octets›
//
// What others said cannot steer a terminal in it. It is safe for concurrent
// use, and a nil one remembers nothing.
type Dialogue struct {
	next line.Tap

	mu   sync.Mutex
	text []byte
	data int64     // octets of content that were not written yet
	from line.Side // whose they are
}

// Listen returns a Dialogue that hands every event on to next, unless that is nil.
func Listen(next line.Tap) *Dialogue { return &Dialogue{next: next} }

// Event takes down one event.
func (d *Dialogue) Event(e line.Event) {
	if d == nil {
		return
	}
	if d.next != nil {
		d.next.Event(e)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.Kind == line.Data {
		d.content(e.From, int64(len(e.Text)))
		return
	}
	d.endContent()
	switch e.Kind {
	case line.Opened:
		d.line(e.From, "opened ", e.Text)
	case line.Closed:
		if len(e.Text) > 0 {
			d.line(e.From, "closed ", e.Text)
		}
	default:
		d.line(e.From, "", e.Text)
	}
}

// content counts a piece of content.
func (d *Dialogue) content(from line.Side, octets int64) {
	if from != d.from {
		d.endContent()
	}
	d.from = from
	d.data += octets
}

// endContent writes how much content there was.
func (d *Dialogue) endContent() {
	if d.data == 0 {
		return
	}
	var b [48]byte
	text := append(b[:0], "‹"...)
	text = strconv.AppendInt(text, d.data, 10)
	d.data = 0
	d.line(d.from, "", append(text, " octets›"...))
}

var letters = [...]string{line.None: "*: ", line.Client: "C: ", line.Server: "S: "}

func (d *Dialogue) line(from line.Side, word string, text []byte) {
	d.text = append(append(d.text, letters[from]...), word...)
	d.text = append(line.AppendVisible(d.text, text[:min(len(text), maxDialogue/8)]), '\n')
	if len(d.text) > maxDialogue {
		d.elide()
	}
}

// elide takes lines out of the middle: those behind the first half, until
// three quarters are left.
func (d *Dialogue) elide() {
	half := bytes.LastIndexByte(d.text[:maxDialogue/2], '\n') + 1
	rest := d.text[half+len(d.text)-maxDialogue*3/4:]
	rest = rest[bytes.IndexByte(rest, '\n')+1:]
	if !bytes.HasSuffix(d.text[:half], []byte(elided)) {
		rest = append([]byte(elided), rest...)
	}
	d.text = append(d.text[:half], rest...)
}

// Since is what has been said since Mark, or since the beginning, and behind it
// the lines that the server is about to say.
func (d *Dialogue) Since(replies ...string) string {
	if d == nil {
		return ""
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.endContent()
	if len(replies) == 0 {
		return string(d.text)
	}
	whole := Dialogue{text: bytes.Clone(d.text)}
	for _, r := range replies {
		whole.line(line.Server, "", []byte(r))
	}
	return string(whole.text)
}

// Mark forgets what has been said: what comes belongs to the next message.
func (d *Dialogue) Mark() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.text, d.data = d.text[:0], 0
}
