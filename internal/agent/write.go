package agent

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tem/internal/message"
	"tem/internal/wire/smtp"
)

// Letter is what a person wants to send.
type Letter struct {
	To, Cc, Bcc, Attach   []string
	Subject, Body         string
	Draft                 bool // keep, do not send
	InReplyTo, References []string
}

// Write composes a letter, in the editor when a person has not said it all,
// and sends it.
func (e *Env) Write(ctx context.Context, l Letter) error {
	if err := e.compose(ctx, &l); err != nil {
		return err
	}
	return e.dispatch(ctx, l, "")
}

// compose takes the body from input, or opens the editor.
func (e *Env) compose(ctx context.Context, l *Letter) error {
	switch {
	case l.Body != "" && (len(l.To)+len(l.Cc)+len(l.Bcc) > 0 || l.Draft):
		return nil
	case e.InTTY:
		return e.edit(ctx, l)
	case l.Body == "":
		raw, err := io.ReadAll(e.In)
		l.Body = string(raw)
		return err
	}
	return nil
}

// dispatch keeps the letter as a draft, sends it, and forgets the draft again
// when it went out. name is the draft's name, "" for a new one.
func (e *Env) dispatch(ctx context.Context, l Letter, name string) error {
	name, err := e.saveDraft(l, name)
	if err != nil {
		return err
	}
	if l.Draft {
		return e.kept(name)
	}
	if err := e.send(ctx, l); err != nil {
		e.sayf("Not sent; the letter is kept as draft %s (%s).", name, e.draftFile(name))
		return err
	}
	return os.Remove(e.draftFile(name))
}

// send submits a letter and files a copy.
func (e *Env) send(ctx context.Context, l Letter) error {
	a, err := e.account()
	if err != nil {
		return err
	}
	d, err := e.draftOf(a, l)
	if err != nil {
		return err
	}
	var out, own bytes.Buffer
	if err := errors.Join(d.Build(&out, false), d.Build(&own, true)); err != nil {
		return err
	}
	id, err := e.submit(ctx, a, d, out.Bytes())
	if err != nil {
		return err
	}
	if err := e.fileCopy(ctx, a, own.Bytes()); err != nil {
		e.sayf("The letter was sent, but no copy could be filed: %v", err)
	}
	return e.sent(id)
}

// sent tells what the server answered.
func (e *Env) sent(reply string) error {
	if e.JSON {
		return e.printJSON(map[string]any{"sent": true, "reply": reply})
	}
	e.sayf("Sent: %s", visible(reply))
	return nil
}

// submit hands the message to the account's SMTP server and returns its answer.
func (e *Env) submit(ctx context.Context, a *Account, d *message.Draft, raw []byte) (string, error) {
	c, err := e.smtp(ctx, a)
	if err != nil {
		return "", err
	}
	defer c.Close()
	bar := e.progress("sending")
	replies, err := c.Send(ctx, smtp.Transaction{
		From: a.Address, To: recipients(d), Size: int64(len(raw)), UTF8: needsUTF8(d), EightBit: has8Bit(raw),
		Content:  bytes.NewReader(raw),
		Progress: func(n int64) { bar.at(n, int64(len(raw))) },
	})
	bar.done()
	if err != nil {
		return "", coded(fmt.Errorf("send: %w", err))
	}
	reply, err := outcome(recipients(d), replies)
	if err == nil {
		_ = c.Quit(ctx) // the letter is in the server's hands already
	}
	return reply, err
}

// outcome is the reply that all recipients share, or the error for those refused.
func outcome(to []string, replies []*smtp.Reply) (string, error) {
	var refused []error
	reply := ""
	for i, r := range replies {
		switch {
		case r == nil:
			refused = append(refused, fmt.Errorf("%s: no answer", to[i]))
		case r.Code >= 400:
			refused = append(refused, fmt.Errorf("%s: %w", to[i], r))
		default:
			reply = fmt.Sprintf("%d %s", r.Code, strings.Join(r.Lines, " "))
		}
	}
	if len(refused) == 0 {
		return reply, nil
	}
	return reply, coded(errors.Join(refused...))
}

func recipients(d *message.Draft) []string {
	var to []string
	seen := map[string]bool{}
	for _, list := range [][]message.Mailbox{d.To, d.Cc, d.Bcc} {
		for _, m := range list {
			if !seen[m.Address] {
				to = append(to, m.Address)
			}
			seen[m.Address] = true
		}
	}
	return to
}

func needsUTF8(d *message.Draft) bool {
	for _, a := range recipients(d) {
		if has8Bit([]byte(a)) {
			return true
		}
	}
	return false
}

func has8Bit(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// draftOf turns what a person wrote into a message to be built.
func (e *Env) draftOf(a *Account, l Letter) (*message.Draft, error) {
	d := &message.Draft{
		From: []message.Mailbox{{Name: a.Name, Address: a.Address}},
		To:   mailboxes(l.To), Cc: mailboxes(l.Cc), Bcc: mailboxes(l.Bcc),
		Subject: l.Subject, Text: l.Body, Date: e.Now(), InReplyTo: l.InReplyTo, References: l.References,
		MessageID: newMessageID(a.Address), // the same in the letter and in the copy
	}
	if len(recipients(d)) == 0 {
		return nil, failf(Usage, "nobody to send to: give --to ADDRESS")
	}
	for _, r := range recipients(d) {
		if !strings.Contains(r, "@") || strings.ContainsAny(r, "\r\n<>") {
			return nil, failf(Usage, "%q is not an address: local@domain is needed", r)
		}
	}
	for _, name := range l.Attach {
		if _, err := os.Stat(name); err != nil {
			return nil, failf(Usage, "attachment: %w", err)
		}
		d.Attachments = append(d.Attachments, message.Attachment{
			Name: filepath.Base(name),
			Open: func() (io.ReadCloser, error) { return os.Open(name) },
		})
	}
	return d, nil
}

func newMessageID(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	return rand.Text() + "@" + domain
}

func mailboxes(list []string) []message.Mailbox {
	if len(list) == 0 {
		return nil
	}
	return message.Addresses(strings.Join(list, ", "))
}

// fileCopy puts a copy into the Sent folder, unless the provider does.
func (e *Env) fileCopy(ctx context.Context, a *Account, raw []byte) error {
	if a.FilesSent || a.IMAP.Host == "" {
		return nil
	}
	c, err := e.imap(ctx, a)
	if err != nil {
		return err
	}
	defer c.Logout(ctx)
	name, err := special(ctx, c, `\Sent`, "Sent")
	if err != nil {
		return err
	}
	_, err = c.Append(ctx, name, []string{`\Seen`}, e.Now().Truncate(time.Second), bytes.NewReader(raw), int64(len(raw)))
	return err
}
