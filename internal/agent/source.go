package agent

import (
	"context"
	"fmt"
	"io"
	"net/mail"
	"regexp"
	"strings"
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

// card is what Figure 2 shows of a letter.
type card struct {
	MessageID string    `json:"message_id"`
	Created   time.Time `json:"created"`
	Seconds   *int      `json:"delivered_after,omitempty"` // nil: not known
	From      string    `json:"from"`
	To        string    `json:"to"`
	Subject   string    `json:"subject"`
	SPF       string    `json:"spf,omitempty"`
	DKIM      string    `json:"dkim,omitempty"`
	DMARC     string    `json:"dmarc,omitempty"`
}

func newCard(h message.Header) card {
	c := card{
		MessageID: h.Get("Message-ID"), From: people(message.Addresses(h.Get("From"))),
		To: people(message.Addresses(h.Get("To"))), Subject: h.Text("Subject"),
	}
	c.Created, _ = mail.ParseDate(h.Get("Date"))
	if _, stamp, ok := cutLast(h.Get("Received"), ";"); ok && !c.Created.IsZero() { // the first is the newest
		if at, err := mail.ParseDate(strings.TrimSpace(stamp)); err == nil {
			n := max(int(at.Sub(c.Created).Seconds()), 0)
			c.Seconds = &n
		}
	}
	results := h.Get("Authentication-Results") // the first is our server's own
	c.SPF, c.DKIM, c.DMARC = verdict(results, "spf"), verdict(results, "dkim"), verdict(results, "dmarc")
	return c
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// verdict finds "method=result" and the property beside it in
// Authentication-Results (RFC 8601 §2.2): "PASS (hanoi.example)".
func verdict(results, method string) string {
	for clause := range strings.SplitSeq(results, ";") {
		f := strings.Fields(clause)
		if len(f) == 0 {
			continue
		}
		name, result, ok := strings.Cut(f[0], "=")
		if !ok || !strings.EqualFold(name, method) {
			continue
		}
		p := property.FindStringSubmatch(clause)
		if p == nil {
			return strings.ToUpper(result)
		}
		return strings.ToUpper(result) + " (" + p[1] + ")"
	}
	return ""
}

var property = regexp.MustCompile(`\b(?:smtp\.mailfrom|smtp\.helo|header\.d|header\.i|header\.from)=(\S+)`)

func (c card) print(w io.Writer, lang string) error {
	l := words(lang)
	created := "-"
	if !c.Created.IsZero() {
		created = createdText(c.Created, lang)
	}
	if c.Seconds != nil {
		created += " (" + fmt.Sprintf(l.delivered, *c.Seconds) + ")"
	}
	for _, row := range [][2]string{
		{l.id, c.MessageID}, {l.created, created}, {l.from, c.From}, {l.to, c.To}, {l.subject, c.Subject},
		{"SPF", c.SPF}, {"DKIM", c.DKIM}, {"DMARC", c.DMARC},
	} {
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
