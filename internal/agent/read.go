package agent

import (
	"context"
	"fmt"
	"strings"

	"tem/internal/message"
	"tem/internal/wire/imap/imapclient"
)

// letter is one whole message at hand.
type letter struct {
	raw   string
	index *message.Index
	uid   uint32 // 0: not known
}

func openLetter(raw string) (*letter, error) {
	ix, err := message.Parse(strings.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return &letter{raw: raw, index: ix}, nil
}

func (l *letter) header() message.Header { return message.Header(l.index.Header) }

// text is what a person reads.
func (l *letter) text() (string, error) {
	return message.Readable(strings.NewReader(l.raw), l.index.Root)
}

// file is a part that can be saved.
type file struct {
	Part int    `json:"part"` // number for save --part
	Name string `json:"name"`
	Type string `json:"type"`
	Size int64  `json:"size"` // as encoded

	part *message.Part
}

// files numbers the attachments from 1.
func (l *letter) files() []file {
	var fs []file
	l.index.Root.Walk(func(_ []int, p *message.Part) bool {
		if p.IsAttachment() {
			fs = append(fs, file{len(fs) + 1, p.Filename(), p.Type + "/" + p.Subtype, p.End - p.Body, p})
		}
		return true
	})
	return fs
}

// Shown is a message that was read, as --json shows it.
type Shown struct {
	ID          uint32 `json:"id"`
	From        string `json:"from"`
	To          string `json:"to"`
	Cc          string `json:"cc,omitempty"`
	Date        string `json:"date"`
	Subject     string `json:"subject"`
	MessageID   string `json:"message_id"`
	Text        string `json:"text"`
	Attachments []file `json:"attachments"`
}

// Read shows messages and marks them as seen, unless peek.
func (e *Env) Read(ctx context.Context, ids []string, peek bool) error {
	b, err := e.folder(ctx, peek)
	if err != nil {
		return err
	}
	defer b.close(ctx)
	var seen []uint32
	err = b.each(ctx, ids, imapclient.Whole, func(m *imapclient.Message) error {
		seen = append(seen, m.UID)
		return e.showMessage(m)
	})
	if err != nil || peek || len(seen) == 0 {
		return err
	}
	return coded(b.Store(ctx, imapclient.FormatSet(seen), "+", []string{`\Seen`}))
}

func (e *Env) showMessage(m *imapclient.Message) error {
	l, err := openLetter(m.Body)
	if err != nil {
		return err
	}
	text, err := l.text()
	if err != nil {
		return err
	}
	h := l.header()
	s := Shown{
		ID: m.UID, Date: h.Get("Date"), Subject: h.Text("Subject"), MessageID: l.index.MessageID, Text: text,
		From: people(message.Addresses(h.Get("From"))), To: people(message.Addresses(h.Get("To"))),
		Cc: people(message.Addresses(h.Get("Cc"))), Attachments: l.files(),
	}
	if e.JSON {
		return e.printJSON(s)
	}
	return e.printShown(s)
}

func (e *Env) printShown(s Shown) error {
	w := words(e.Lang)
	for _, f := range [][2]string{{w.from, s.From}, {w.to, s.To}, {w.cc, s.Cc}, {w.date, s.Date}, {w.subject, s.Subject}} {
		if f[1] != "" {
			fmt.Fprintf(e.Out, "%s: %s\n", f[0], visible(f[1]))
		}
	}
	for _, a := range s.Attachments {
		fmt.Fprintf(e.Out, "%s %d: %s (%s, %s)\n", w.attachment, a.Part, visible(a.Name), visible(a.Type), sizeText(a.Size))
	}
	_, err := fmt.Fprintf(e.Out, "\n%s\n\n", strings.TrimRight(visibleText(s.Text), "\n"))
	return err
}

func sizeText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
