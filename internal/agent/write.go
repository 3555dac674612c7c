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
	"slices"
	"strings"
	"time"

	"tem/internal/message"
	"tem/internal/wire/smtp"
)

// Letter is what a person wants to send.
type Letter struct {
	From                  string // address of the account to send by; "" is Env's
	To, Cc, Bcc, Attach   []string
	Subject, Body         string
	Draft                 bool // keep, do not send
	InReplyTo, References []string
}

// Write composes a letter, in the editor when a person has not said it all,
// and sends it.
func (e *Env) Write(ctx context.Context, l Letter) error {
	name := e.newDraft()
	if err := e.compose(ctx, &l, name); err != nil {
		return err
	}
	return e.dispatch(ctx, l, name)
}

// compose takes the body from input, or opens the editor.
func (e *Env) compose(ctx context.Context, l *Letter, name string) error {
	switch {
	case l.Body != "" && (len(l.To)+len(l.Cc)+len(l.Bcc) > 0 || l.Draft):
		return nil
	case e.InTTY:
		return e.edit(ctx, l, name)
	case l.Body == "":
		raw, err := io.ReadAll(e.In)
		l.Body = string(raw)
		return err
	}
	return nil
}

// dispatch keeps the letter as the draft called name, sends it, and forgets the
// draft again when it went out to everybody. A new letter that can't be sent as
// it is leaves no draft behind.
func (e *Env) dispatch(ctx context.Context, l Letter, name string) error {
	if l.Draft {
		if err := e.saveDraft(l, name); err != nil {
			return err
		}
		return e.kept(name)
	}
	a, d, err := e.sendable(l)
	if err != nil && !e.hasDraft(name) {
		return errors.Join(err, e.forgetDraft(name))
	}
	if err == nil {
		err = e.saveDraft(l, name)
	}
	var o outcome
	if err == nil {
		o, err = e.send(ctx, a, d)
	}
	if err != nil {
		e.sayf("Not sent; the letter is kept as draft %s (%s).", name, e.draftFile(name))
		return err
	}
	return e.conclude(l, name, o)
}

// sendable is the account to send by and the message to be built.
func (e *Env) sendable(l Letter) (*Account, *message.Draft, error) {
	a, err := e.sender(l)
	if err != nil {
		return nil, nil, err
	}
	d, err := e.draftOf(a, l)
	return a, d, err
}

// sender is the account asked for, else the one that the letter was written by.
func (e *Env) sender(l Letter) (*Account, error) {
	by := *e
	if from := message.Addresses(l.From); by.Account == "" && len(from) > 0 {
		by.Account = from[0].Address
	}
	return by.account()
}

// conclude tells what became of the letter. Those who were refused are whom
// the draft still has to reach.
func (e *Env) conclude(l Letter, name string, o outcome) error {
	if err := e.sent(name, o); err != nil {
		return err
	}
	if len(o.refused) == 0 {
		return e.forgetDraft(name)
	}
	l.narrow(o.refused)
	if err := e.saveDraft(l, name); err != nil {
		return err
	}
	whom := "those who were refused"
	if o.reply == "" {
		whom = "everybody"
	}
	e.sayf("The letter is kept as draft %s for %s; `tem mail draft send %[1]s` tries again.", name, whom)
	return o.err()
}

// narrow leaves only those who were refused as recipients.
func (l *Letter) narrow(refused []refusal) {
	for _, to := range []*[]string{&l.To, &l.Cc, &l.Bcc} {
		*to = list(slices.DeleteFunc(mailboxes(*to), func(m message.Mailbox) bool {
			return !slices.ContainsFunc(refused, func(r refusal) bool { return r.To == m.Address })
		}))
	}
}

// send submits a letter and files a copy if anybody gets it.
func (e *Env) send(ctx context.Context, a *Account, d *message.Draft) (outcome, error) {
	var out, own bytes.Buffer
	if err := errors.Join(d.Build(&out, false), d.Build(&own, true)); err != nil {
		return outcome{}, err
	}
	o, err := e.submit(ctx, a, d, out.Bytes())
	if err != nil || o.reply == "" {
		return o, err
	}
	if err := e.fileCopy(ctx, a, own.Bytes()); err != nil {
		e.sayf("The letter was sent, but no copy could be filed: %v", err)
	}
	return o, nil
}

// sent tells what the server answered.
func (e *Env) sent(name string, o outcome) error {
	if !e.JSON {
		if o.reply != "" {
			e.sayf("Sent: %s", o.reply)
		}
		return nil
	}
	v := map[string]any{"sent": o.reply != ""}
	if o.reply != "" {
		v["reply"] = o.reply
	}
	if len(o.refused) > 0 {
		v["refused"], v["draft"] = o.refused, name
	}
	return e.printJSON(v)
}

// submit hands the message to the account's SMTP server and returns its answers.
func (e *Env) submit(ctx context.Context, a *Account, d *message.Draft, raw []byte) (outcome, error) {
	c, err := e.smtp(ctx, a)
	if err != nil {
		return outcome{}, err
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
		return outcome{}, coded(fmt.Errorf("send: %w", err))
	}
	_ = c.Quit(ctx) // the letter is in the server's hands already
	return outcomeOf(recipients(d), replies), nil
}

// outcome is what a server did with a letter: the reply to those it takes, ""
// for nobody, and whom it refuses.
type outcome struct {
	reply   string
	refused []refusal
}

// refusal is one recipient that a server does not take, and why.
type refusal struct {
	To    string `json:"to"`
	Reply string `json:"reply"`
	code  int    // to exit with
}

func outcomeOf(to []string, replies []*smtp.Reply) (o outcome) {
	for i, r := range replies {
		if r == nil {
			o.refused = append(o.refused, refusal{to[i], "no answer", Temporary})
			continue
		}
		text := r.Error()
		if r.Code >= 400 {
			o.refused = append(o.refused, refusal{to[i], text, replyCode(r.Code)})
		} else {
			o.reply = text
		}
	}
	return o
}

// err names everybody who was refused; one refusal for good makes the whole permanent.
func (o outcome) err() error {
	code := 0
	var all []string
	for _, r := range o.refused {
		code = max(code, r.code)
		all = append(all, "refused "+r.To+": "+r.Reply)
	}
	return &Error{code, errors.New(strings.Join(all, "\n"))}
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
		if st, err := os.Stat(name); err != nil {
			return nil, failf(Usage, "attachment: %w", err)
		} else if !st.Mode().IsRegular() { // a pipe can't be read twice
			return nil, failf(Usage, "attachment: %s is not a regular file", name)
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
