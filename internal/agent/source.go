package agent

import (
	"context"
	"fmt"
	"io"
	"net/mail"
	"time"

	"tem/internal/message"
	"tem/internal/wire/imap/imapclient"
)

// Source shows a message's header card (§9.1, Figure 2), or with raw the
// letter as it came.
func (e *Env) Source(ctx context.Context, ids []string, raw bool) error {
	b, err := e.folder(ctx, true)
	if err != nil {
		return err
	}
	defer b.close(ctx)
	items := imapclient.Head
	if raw {
		items = imapclient.Whole
	}
	return b.each(ctx, ids, items, func(m *imapclient.Message) error {
		if raw {
			return e.showRaw(m)
		}
		c := newCard(message.Header(m.Body))
		if e.JSON {
			return e.printJSON(c)
		}
		return c.print(e.Out, e.Lang)
	})
}

// showRaw gives the octets as they came, except to a terminal, which they
// could steer.
func (e *Env) showRaw(m *imapclient.Message) error {
	if e.JSON {
		return e.printJSON(map[string]any{"id": m.UID, "raw": m.Body})
	}
	text := m.Body
	if e.OutTTY {
		text = visibleText(text)
	}
	_, err := io.WriteString(e.Out, text)
	return err
}

// card is what Figure 2 shows of a letter, and how it came.
type card struct {
	MessageID string    `json:"message_id"`
	Created   time.Time `json:"created"`
	Seconds   *int      `json:"delivered_after,omitempty"` // nil: not known
	From      string    `json:"from"`
	To        string    `json:"to"`
	Subject   string    `json:"subject"`
	checks
	Hops []hop `json:"hops"`
}

func newCard(h message.Header) card {
	c := card{
		MessageID: h.Get("Message-ID"), From: people(message.Addresses(h.Get("From"))),
		To: people(message.Addresses(h.Get("To"))), Subject: h.Text("Subject"), Hops: hops(h),
	}
	c.Created, _ = mail.ParseDate(h.Get("Date"))
	if n := len(c.Hops); n > 0 && !c.Created.IsZero() && !c.Hops[n-1].Time.IsZero() {
		n := max(int(c.Hops[n-1].Time.Sub(c.Created).Seconds()), 0)
		c.Seconds = &n
	}
	c.checks = readChecks(h)
	return c
}

func (c card) print(w io.Writer, lang string) error {
	l := words(lang)
	created := "-"
	if !c.Created.IsZero() {
		created = createdText(c.Created, lang)
	}
	if c.Seconds != nil {
		created += " (" + fmt.Sprintf(l.delivered, *c.Seconds) + ")"
	}
	rows := [][2]string{{l.id, c.MessageID}, {l.created, created}, {l.from, c.From}, {l.to, c.To}, {l.subject, c.Subject}}
	rows = append(rows, c.checks.rows(lang)...)
	for _, row := range append(rows, hopRows(c.Hops, lang)...) {
		if row[1] == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\n", row[0]+":", visible(row[1])); err != nil {
			return err
		}
	}
	return nil
}

// createdText is a date as Figure 2 writes it.
func createdText(t time.Time, lang string) string {
	if lang == "vi" {
		return fmt.Sprintf("%02d:%02d %d tháng %d, %d", t.Hour(), t.Minute(), t.Day(), t.Month(), t.Year())
	}
	return t.Format("15:04, 2 January 2006")
}
