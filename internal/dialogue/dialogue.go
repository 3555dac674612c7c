// Package dialogue holds a conversation with a mail server by hand or from a
// script: it sends one line at a time, waits for the whole reply as the
// protocol defines it, and shows what comes unasked meanwhile.
//
// Invariant: what is typed as a secret (the steps of AUTH, the arguments of
// PASS and LOGIN) never reaches the tap. Everything that is shown is shown
// through the tap of the connection.
//
// Run owns the connection; one more goroutine waits in Options.Input while the
// server may speak first, and ends with the input.
package dialogue

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"tem/internal/explain"
	"tem/internal/line"
)

// Outcome says how the dialogue went: its last error reply decides.
type Outcome uint8

const (
	Fine        Outcome = iota // no error reply
	AuthRefused                // a login was refused, and none succeeded later
	Temporary                  // the last error reply was temporary
	Permanent                  // the last error reply was permanent
)

// Security says when TLS begins.
type Security uint8

const (
	OnCommand Security = iota // when STARTTLS or STLS is typed
	AtOnce                    // before the greeting
	Upgrade                   // by STARTTLS or STLS right after the greeting
)

// Options shape a dialogue.
type Options struct {
	Protocol string // smtp, pop3 or imap
	Security Security
	TLS      *tls.Config
	Tap      line.Tap
	// Input returns the next line without its line end, io.EOF after the last.
	// With secret, the line should not be echoed on a terminal.
	Input func(secret bool) (string, error)
	// Notes, if set, says what to show beside a reply, a line each.
	Notes func(reply string) []string
}

var (
	// ErrTLS: TLS could not be started; what it wraps says why.
	ErrTLS = errors.New("TLS failed")
	// ErrClosed: the server closed the connection before it had replied.
	ErrClosed = errors.New("the server closed the connection without a reply")
)

const (
	maxLine = 1 << 20 // of a server; FETCH answers are long
	session = "trace"
	// greetingTimeout is short: a port that speaks TLS at once never greets in clear.
	greetingTimeout = 30 * time.Second
)

// talk is one dialogue.
type talk struct {
	o     Options
	p     protocol
	raw   *wakeable
	conn  *line.Conn
	typed typist

	cmd     command // the one that is being answered
	mode    mode    // what the next typed line is
	literal int     // octets of an IMAP literal that are still to be typed, below 0: none
	text    io.WriteCloser
	ended   bool
	outcome Outcome
}

// mode says what the next typed line is.
type mode uint8

const (
	asCommand  mode = iota
	asResponse      // a step of AUTH: secret
	asText          // message text, up to a lone dot
	asRest          // the rest of an IMAP command, such as a literal or DONE
)

// Run holds a dialogue over nc, which it closes.
func Run(ctx context.Context, nc net.Conn, o Options) (Outcome, error) {
	p, ok := protocols()[o.Protocol]
	if !ok {
		nc.Close()
		return Fine, fmt.Errorf("protocol %q: must be smtp, pop3 or imap", o.Protocol)
	}
	t := &talk{o: o, p: p, raw: &wakeable{Conn: nc}, literal: -1}
	t.conn = line.NewConn(t.raw, line.Client, line.Options{Tap: quietEnd{o.Tap}, Session: session, MaxLine: maxLine, Redact: p.redact})
	t.typed = newTypist(o.Input, t.raw.wake)
	defer t.conn.Close()
	defer t.typed.stop()
	defer context.AfterFunc(ctx, t.conn.Interrupt)()
	err := t.run(ctx)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return t.outcome, err
}

// run is the dialogue from the greeting to its end.
func (t *talk) run(ctx context.Context) error {
	if t.o.Security == AtOnce {
		if err := t.startTLS(ctx); err != nil {
			return err
		}
	}
	t.raw.limit(time.Now().Add(greetingTimeout))
	if err := t.hear(ctx); err != nil {
		return err
	}
	t.raw.limit(time.Time{})
	if t.o.Security == Upgrade && !t.ended {
		if err := t.upgrade(ctx); err != nil {
			return err
		}
	}
	for !t.ended {
		typed, err := t.next()
		if err == io.EOF {
			return t.inputEnded()
		}
		if err == nil {
			err = t.say(ctx, typed)
		}
		if err != nil {
			return err
		}
	}
	return t.conn.Flush()
}

// inputEnded notes when the last command was left unfinished.
func (t *talk) inputEnded() error {
	if t.mode != asCommand {
		t.conn.Note("the input ended inside %s", t.cmd.verb)
	}
	return nil
}

// upgrade starts TLS with the commands of the protocol.
func (t *talk) upgrade(ctx context.Context) error {
	for _, typed := range t.p.upgrade(t.conn.LocalAddr()) {
		if err := t.say(ctx, typed); err != nil {
			return err
		}
	}
	if t.conn.TLS() == nil {
		return fmt.Errorf("%w: the server refused to start it", ErrTLS)
	}
	return nil
}

func (t *talk) startTLS(ctx context.Context) error {
	if err := t.conn.StartTLS(ctx, t.o.TLS); err != nil {
		return fmt.Errorf("%w: %w", ErrTLS, err)
	}
	return nil
}

// next is the next typed line. What the server says meanwhile is shown.
func (t *talk) next() (string, error) {
	t.typed.ask(t.secret())
	defer t.raw.idle(false)
	for {
		t.raw.idle(true)
		if typed, err, ok := t.typed.get(); ok {
			return typed, err
		}
		switch r, err := t.p.unasked(t); {
		case err == nil:
			t.judge(r, command{})
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			t.conn.Note("the server closed the connection")
			t.ended = true
			return "", io.EOF
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return "", err
		}
	}
}

// say sends one typed line and hears the reply if one is due.
func (t *talk) say(ctx context.Context, typed string) error {
	switch t.mode {
	case asText:
		return t.sayText(ctx, typed)
	case asCommand:
		if strings.TrimSpace(typed) == "" {
			return nil
		}
		t.cmd = t.p.command(strings.TrimLeft(typed, " \t"))
		typed = t.cmd.line
	}
	t.conn.Secret(t.secret())
	err := t.conn.WriteLine(typed)
	t.conn.Secret(false)
	if err != nil {
		return err
	}
	if !t.whole(typed) {
		t.mode = asRest
		return nil
	}
	return t.hear(ctx)
}

// secret says whether the next typed line is to be hidden.
func (t *talk) secret() bool {
	return t.mode == asResponse || t.mode == asRest && t.cmd.auth
}

// whole says whether the server can be expected to answer a line: not while
// octets of a literal, or the rest of the command behind it, are to come.
func (t *talk) whole(typed string) bool {
	if t.literal >= 0 {
		t.literal -= len(typed) + len("\r\n")
		if t.literal >= 0 {
			return false
		}
	}
	size, waits := t.p.literal(typed)
	t.literal = size
	return size < 0 || waits
}

// sayText sends a line of message text.
func (t *talk) sayText(ctx context.Context, typed string) error {
	if typed != "." {
		_, err := io.WriteString(t.text, typed+"\r\n") // RFC 5321 §4.5.2: a dot at its beginning is doubled
		return err
	}
	if err := t.text.Close(); err != nil {
		return err
	}
	t.cmd = command{verb: "DATA"}
	return t.hear(ctx)
}

// hear waits for the reply to the current command and acts on it.
func (t *talk) hear(ctx context.Context) error {
	r, err := t.p.reply(t, t.cmd)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.ended = true
		if t.cmd.quits || t.outcome == Temporary || t.outcome == Permanent {
			t.conn.Note("the server closed the connection")
			return nil
		}
		return ErrClosed
	}
	if err != nil {
		return err
	}
	t.note(r)
	class := explain.Classify(r)
	t.mode = t.follow(class)
	if t.mode != asCommand {
		return nil
	}
	t.literal = -1
	t.judge(r, t.cmd)
	if t.cmd.startsTLS && class == explain.Success {
		return t.startTLS(ctx)
	}
	t.ended = t.ended || t.cmd.quits
	return nil
}

// follow is what to type after a reply of a class.
func (t *talk) follow(class explain.Class) mode {
	switch {
	case class != explain.Continue:
		return asCommand
	case t.cmd.text:
		t.text = t.conn.DotWriter()
		return asText
	case t.cmd.auth && t.literal < 0:
		return asResponse
	}
	return asRest
}

// judge remembers what a reply to a command means for the outcome.
func (t *talk) judge(reply string, cmd command) {
	class := explain.Classify(reply)
	switch {
	case class == explain.Permanent && cmd.auth:
		t.outcome = AuthRefused
	case class == explain.Permanent:
		t.outcome = Permanent
	case class == explain.Temporary:
		t.outcome = Temporary
	case class == explain.Success && cmd.auth && t.outcome == AuthRefused:
		t.outcome = Fine
	}
	if t.p.closes(reply) {
		t.ended = true
	}
}

func (t *talk) note(reply string) {
	if t.o.Notes == nil {
		return
	}
	for _, text := range t.o.Notes(reply) {
		t.conn.Note("%s", text)
	}
}

// readLine reads a line of the server, leniently. Once one has come, what
// belongs to it is waited for without being woken up.
func (t *talk) readLine() (string, error) {
	l, err := t.conn.ReadLine()
	if errors.Is(err, line.ErrBareNewline) || errors.Is(err, line.ErrTooLong) {
		err = nil
	}
	if err == nil {
		t.raw.idle(false)
	}
	return string(l), err
}

// quietEnd is a tap that is not told why the connection closed: waking it
// looks like a failure to the connection.
type quietEnd struct{ tap line.Tap }

func (q quietEnd) Event(e line.Event) {
	if e.Kind == line.Closed {
		e.Text = nil
	}
	if q.tap != nil {
		q.tap.Event(e)
	}
}
