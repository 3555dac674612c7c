package agent

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"tem/internal/message"
	"tem/internal/wire/imap/imapclient"
)

// Listed is one message in lists, as --json shows it.
type Listed struct {
	ID          uint32    `json:"id"`
	Folder      string    `json:"folder"`
	Date        time.Time `json:"date"`
	From        string    `json:"from"`
	To          string    `json:"to"`
	Subject     string    `json:"subject"`
	Size        int64     `json:"size"`
	Flags       []string  `json:"flags"`
	Attachments bool      `json:"attachments"`
	MessageID   string    `json:"message_id,omitempty"`
}

// List shows the newest messages of a folder.
func (e *Env) List(ctx context.Context, limit int, unseen bool) error {
	key := "ALL"
	if unseen {
		key = "UNSEEN"
	}
	return e.find(ctx, limit, key)
}

// Search shows the newest messages that match a query.
func (e *Env) Search(ctx context.Context, limit int, query string) error {
	keys, err := parseQuery(query)
	if err != nil {
		return err
	}
	return e.find(ctx, limit, keys...)
}

func (e *Env) find(ctx context.Context, limit int, keys ...any) error {
	b, err := e.folder(ctx, true)
	if err != nil {
		return err
	}
	defer b.close(ctx)
	uids, err := b.Search(ctx, keys...)
	if err != nil {
		return coded(err)
	}
	if len(uids) == 0 {
		return failf(NoMatch, "no message matches in %s", b.Selected())
	}
	if limit > 0 && len(uids) > limit {
		e.sayf("%d messages; the newest %d:", len(uids), limit)
		uids = uids[len(uids)-limit:]
	}
	all, err := b.summaries(ctx, uids)
	if err != nil {
		return err
	}
	return e.showList(all)
}

func (b *inbox) summaries(ctx context.Context, uids []uint32) ([]Listed, error) {
	var all []Listed
	err := b.Fetch(ctx, imapclient.FormatSet(uids), imapclient.Summary, func(m *imapclient.Message) error {
		all = append(all, summary(b.Selected(), m))
		return nil
	})
	slices.SortFunc(all, func(x, y Listed) int { return cmp.Compare(x.ID, y.ID) })
	return all, coded(err)
}

func summary(folder string, m *imapclient.Message) Listed {
	date := m.Envelope.Date
	if date.IsZero() {
		date = m.Received
	}
	return Listed{
		ID: m.UID, Folder: folder, Date: date, Size: m.Size, Attachments: m.Attachments,
		From: people(m.Envelope.From), To: people(m.Envelope.To), Subject: m.Envelope.Subject,
		Flags: flagNames(m.Flags), MessageID: m.Envelope.MessageID,
	}
}

func (e *Env) showList(all []Listed) error {
	t := table{head: []string{"ID", "", "DATE", "FROM", "SUBJECT"}, wide: 4}
	for _, m := range all {
		if e.JSON {
			if err := e.printJSON(m); err != nil {
				return err
			}
			continue
		}
		t.add(strconv.Itoa(int(m.ID)), marks(m), m.Date.Local().Format("2006-01-02 15:04"), shorten(m.From), m.Subject)
	}
	if e.JSON {
		return nil
	}
	return t.print(e)
}

// marks are N new, F flagged, R answered, @ with attachment.
func marks(m Listed) string {
	s := ""
	if !slices.Contains(m.Flags, "seen") {
		s += "N"
	}
	if slices.Contains(m.Flags, "flagged") {
		s += "F"
	}
	if slices.Contains(m.Flags, "answered") {
		s += "R"
	}
	if m.Attachments {
		s += "@"
	}
	return s
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 32 {
		return string(r[:31]) + "…"
	}
	return s
}

// flagNames are flags without their backslash, in lower case.
func flagNames(flags []string) []string {
	names := make([]string, 0, len(flags))
	for _, f := range flags {
		names = append(names, strings.ToLower(strings.TrimPrefix(f, `\`)))
	}
	return names
}

// people shows addresses as a person writes them, not encoded.
func people(ms []message.Mailbox) string {
	var b strings.Builder
	for i, m := range ms {
		if i > 0 {
			b.WriteString(", ")
		}
		if m.Name == "" {
			b.WriteString(m.Address)
			continue
		}
		b.WriteString(quoteName(m.Name) + " <" + m.Address + ">")
	}
	return b.String()
}

func quoteName(s string) string {
	if !strings.ContainsAny(s, `"(),.:;<>@[\]`) {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
