package agent

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"tem/internal/line"
	"tem/internal/wire/imap/imapclient"
)

// Dialogue is what `trace` was told.
type Dialogue struct {
	Protocol, Server        string // smtp, pop3 or imap; host:port
	TLS, StartTLS, Insecure bool
	CA, Script              string
	Times                   bool
	In                      io.Reader
	Out, Err                io.Writer
}

// step says what the server waits for after a reply.
type step uint8

const (
	command step = iota // the next command
	content             // a message, up to a lone dot
	secret              // a step of an authentication
	more                // the rest of an IMAP command
	upgrade             // the TLS handshake
	over                // nothing: the dialogue has ended
)

// language is what one protocol's replies look like.
type language interface {
	// prepare completes a typed line.
	prepare(typed string) string
	// answer reads one whole reply to what was sent ("" is the greeting). The
	// error is a broken connection; code is the exit code that the reply stands for.
	answer(c *line.Conn, sent string) (next step, code int, err error)
	startTLS() string
	redact(l []byte) []byte
}

func languageOf(protocol string) language {
	switch protocol {
	case "smtp":
		return smtpTalk{}
	case "pop3":
		return popTalk{}
	}
	return &imapTalk{}
}

// talk is one dialogue under way.
type talk struct {
	d    Dialogue
	lang language
	conn *line.Conn
	cfg  *tls.Config
	code int // of the last error reply
	next step
}

// Speak holds a dialogue by hand or from a script and prints it.
func Speak(ctx context.Context, d Dialogue) error {
	in := d.In
	if d.Script != "" {
		f, err := os.Open(d.Script)
		if err != nil {
			return failf(Usage, "script: %w", err)
		}
		defer f.Close()
		in = f
	}
	t, err := newTalk(ctx, d)
	if err != nil {
		return err
	}
	defer t.conn.Close()
	defer context.AfterFunc(ctx, t.conn.Interrupt)()
	if err := t.run(ctx, in); err != nil {
		return &Error{Network, err}
	}
	if t.code != 0 {
		return &Error{t.code, errors.New("")} // the reply itself was shown
	}
	return nil
}

func newTalk(ctx context.Context, d Dialogue) (*talk, error) {
	host, _, err := net.SplitHostPort(d.Server)
	if err != nil {
		return nil, failf(Usage, "server %q: %w", d.Server, err)
	}
	cfg := &tls.Config{ServerName: host, InsecureSkipVerify: d.Insecure} // asked for with --insecure only
	if d.CA != "" {
		if cfg.RootCAs, err = loadCA(d.CA); err != nil {
			return nil, err
		}
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	nc, err := dialer.DialContext(ctx, "tcp", d.Server)
	if err != nil {
		return nil, &Error{Network, err}
	}
	return startTalk(nc, d, cfg), nil
}

func startTalk(nc net.Conn, d Dialogue, cfg *tls.Config) *talk {
	lang := languageOf(d.Protocol)
	conn := line.NewConn(nc, line.Client, line.Options{
		Tap: &line.Printer{W: d.Out, Times: d.Times}, MaxLine: imapclient.MaxLine, Redact: lang.redact,
	})
	return &talk{d: d, lang: lang, conn: conn, cfg: cfg}
}

func (t *talk) run(ctx context.Context, in io.Reader) error {
	if t.d.TLS {
		if err := t.conn.StartTLS(ctx, t.cfg); err != nil {
			return fmt.Errorf("TLS: %w", err)
		}
	}
	if err := t.hear(ctx, ""); err != nil {
		return err
	}
	if t.d.StartTLS {
		if err := t.say(ctx, t.lang.startTLS()); err != nil {
			return err
		}
	}
	typed := bufio.NewScanner(in)
	typed.Buffer(nil, 1<<20)
	for t.next != over && typed.Scan() {
		if err := t.say(ctx, strings.TrimSuffix(typed.Text(), "\r")); err != nil {
			return err
		}
	}
	return typed.Err()
}

// say sends one typed line as what the server waits for.
func (t *talk) say(ctx context.Context, typed string) error {
	switch {
	case t.next == content && typed != ".":
		_, err := t.conn.WriteString(typed + "\r\n")
		return err
	case t.next == command && typed == "":
		return nil
	case t.next == command:
		typed = t.lang.prepare(typed)
	}
	t.conn.Secret(t.next == secret)
	defer t.conn.Secret(false)
	if err := t.conn.WriteLine(typed); err != nil {
		return err
	}
	return t.hear(ctx, typed)
}

// hear reads the reply and does what it calls for.
func (t *talk) hear(ctx context.Context, sent string) error {
	if err := t.conn.Flush(); err != nil {
		return err
	}
	next, code, err := t.lang.answer(t.conn, sent)
	if errors.Is(err, io.EOF) {
		t.next = over
		return nil
	}
	if err != nil {
		return err
	}
	t.next = next
	if code != 0 {
		t.code = code
	}
	if next != upgrade {
		return nil
	}
	t.next = command
	if err := t.conn.StartTLS(ctx, t.cfg); err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	return nil
}

// lenient reads a line whatever its end.
func lenient(c *line.Conn) (string, error) {
	l, err := c.ReadLine()
	if errors.Is(err, line.ErrBareNewline) {
		err = nil
	}
	return string(l), err
}

// verb is the first word of a command, in upper case.
func verb(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return strings.ToUpper(w)
}
