package agent

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"tem/internal/message"
	"tem/internal/wire/imap/imapclient"
)

// Reply answers a message: its sender, or with all everybody it names. What
// l says already is kept.
func (e *Env) Reply(ctx context.Context, id string, all bool, l Letter) error {
	a, o, err := e.fetchOne(ctx, id)
	if err != nil {
		return err
	}
	text, err := o.text()
	if err != nil {
		return err
	}
	name, quote := e.newDraft(), quoted(o.header(), text)
	answer(&l, o, a.Address, all)
	l.Body = orBody(e, l.Body) + quote
	if e.InTTY && l.Body == quote {
		if err := e.edit(ctx, &l, name); err != nil {
			return err
		}
	}
	if err := e.dispatch(ctx, l, name); err != nil || l.Draft {
		return err
	}
	return e.markAnswered(ctx, o.uid)
}

// orBody reads the body from input when it is piped.
func orBody(e *Env, body string) string {
	if body == "" && !e.InTTY {
		body = readAll(e.In)
	}
	if body != "" && !strings.HasSuffix(body, "\n") {
		body += "\n"
	}
	return body
}

// answer fills in who a reply goes to and what it belongs to (RFC 5322 §3.6.4).
func answer(l *Letter, o *letter, own string, all bool) {
	h := o.header()
	to := message.Addresses(or(h.Get("Reply-To"), h.Get("From")))
	l.To = append(l.To, list(to)...)
	if all {
		others := append(message.Addresses(h.Get("To")), message.Addresses(h.Get("Cc"))...)
		l.Cc = append(l.Cc, list(without(others, append(to, message.Mailbox{Address: own})))...)
	}
	l.Subject = or(l.Subject, message.Reply(h.Text("Subject")))
	if id := o.index.MessageID; id != "" {
		l.InReplyTo = []string{id}
		l.References = append(append([]string{}, o.index.References...), id)
	}
}

func list(ms []message.Mailbox) []string {
	var s []string
	for _, m := range ms {
		s = append(s, people([]message.Mailbox{m}))
	}
	return s
}

func without(ms, drop []message.Mailbox) []message.Mailbox {
	seen := map[string]bool{}
	for _, m := range drop {
		seen[strings.ToLower(m.Address)] = true
	}
	var kept []message.Mailbox
	for _, m := range ms {
		key := strings.ToLower(m.Address)
		if !seen[key] {
			kept = append(kept, m)
		}
		seen[key] = true
	}
	return kept
}

func quoted(h message.Header, text string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, %s:\n", h.Get("Date"), people(message.Addresses(h.Get("From"))))
	for line := range strings.Lines(strings.TrimRight(visibleText(text), "\n")) {
		mark := "> "
		if strings.HasPrefix(line, ">") {
			mark = ">"
		}
		b.WriteString(mark + line)
	}
	b.WriteString("\n")
	return b.String()
}

// Forward sends a message on, with the original attached whole.
func (e *Env) Forward(ctx context.Context, id string, l Letter) error {
	_, o, err := e.fetchOne(ctx, id)
	if err != nil {
		return err
	}
	text, err := o.text()
	if err != nil {
		return err
	}
	name, complete := e.newDraft(), l.Body != "" && len(l.To)+len(l.Cc)+len(l.Bcc) > 0
	original := filepath.Join(e.draftFiles(name), "message.eml")
	if err := writeFile(original, []byte(o.raw)); err != nil {
		return err
	}
	l.Attach = append(l.Attach, original)
	l.Subject = or(l.Subject, "Fwd: "+message.BaseSubject(o.header().Text("Subject")))
	l.Body = orBody(e, l.Body) + quoted(o.header(), text)
	if e.InTTY && !complete {
		if err := e.edit(ctx, &l, name); err != nil {
			return err
		}
	}
	return e.dispatch(ctx, l, name)
}

// fetchOne gets the whole of the one message that id names.
func (e *Env) fetchOne(ctx context.Context, id string) (*Account, *letter, error) {
	b, err := e.folder(ctx, true)
	if err != nil {
		return nil, nil, err
	}
	defer b.close(ctx)
	uids, err := b.resolve(ctx, []string{id})
	if err != nil {
		return nil, nil, err
	}
	if len(uids) > 1 {
		return nil, nil, failf(Usage, "%q names %d messages: one is needed here", id, len(uids))
	}
	var l *letter
	err = coded(b.Fetch(ctx, imapclient.FormatSet(uids), imapclient.Whole, func(m *imapclient.Message) (err error) {
		if l, err = openLetter(m.Body); err == nil {
			l.uid = m.UID
		}
		return err
	}))
	if err == nil && l == nil {
		err = failf(NoMatch, "no message %s", id)
	}
	return b.account, l, err
}

func (e *Env) markAnswered(ctx context.Context, uid uint32) error {
	b, err := e.folder(ctx, false)
	if err != nil {
		return err
	}
	defer b.close(ctx)
	return coded(b.Store(ctx, imapclient.FormatSet([]uint32{uid}), "+", []string{`\Answered`}))
}
