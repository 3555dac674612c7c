package imapclient

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"tem/internal/wire/imap"
)

// literal is an argument sent as {n} and n octets.
type literal struct {
	r io.Reader
	n int64
}

// Text gives an argument as a quoted string, or as a literal when it holds
// what a quoted string can't (RFC 9051 §4.3).
func textArg(s string) any {
	for i := range len(s) {
		if ch := s[i]; ch == '\r' || ch == '\n' || ch == 0 || ch >= 0x80 {
			return literal{strings.NewReader(s), int64(len(s))}
		}
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// mailboxArg is a mailbox name in modified UTF-7 (RFC 3501 §5.1.3).
func mailboxArg(name string) any { return textArg(imap.EncodeUTF7(name)) }

// send writes "tag part part…". A literal waits for the server's "+", unless
// LITERAL+ spares that (RFC 7888 §4). A status is returned when the server
// ended the command before it was all sent.
func (c *Client) send(tag string, fn func(*response) error, parts []any) (*Status, error) {
	text := tag
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			text += " " + p
		case literal:
			st, err := c.sendLiteral(tag, text+" ", p, fn)
			if st != nil || err != nil {
				return st, err
			}
			text = ""
		}
	}
	return nil, c.conn.WriteLine(text)
}

func (c *Client) sendLiteral(tag, text string, l literal, fn func(*response) error) (*Status, error) {
	plus := c.Has("LITERAL+") || c.Has("LITERAL-") && l.n <= 4096
	if plus {
		text += fmt.Sprintf("{%d+}", l.n)
	} else {
		text += fmt.Sprintf("{%d}", l.n)
	}
	if err := c.conn.WriteLine(text); err != nil {
		return nil, err
	}
	if !plus {
		if st, err := c.awaitPlus(tag, fn); st != nil || err != nil {
			return st, err
		}
	}
	return nil, c.copyLiteral(l)
}

// awaitPlus reads until the server asks for the rest.
func (c *Client) awaitPlus(tag string, fn func(*response) error) (*Status, error) {
	for {
		r, err := c.next(fn)
		if err != nil {
			return nil, err
		}
		switch r.tag {
		case "+":
			return nil, nil
		case tag:
			return r.status, nil
		}
	}
}

func (c *Client) copyLiteral(l literal) error {
	var w io.Writer = c.conn
	if c.Progress != nil {
		w = &progressWriter{w: c.conn, total: l.n, fn: c.Progress}
	}
	n, err := io.Copy(w, io.LimitReader(l.r, l.n))
	if err != nil {
		return err
	}
	if n < l.n {
		return errors.New("imap: content is shorter than was announced")
	}
	return nil
}

type progressWriter struct {
	w           io.Writer
	done, total int64
	fn          func(done, total int64)
}

func (p *progressWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.done += int64(n)
	p.fn(p.done, p.total)
	return n, err
}

// Redact hides the secrets in one client line, LOGIN's password and
// AUTHENTICATE's initial response, from a tap.
func Redact(line []byte) []byte {
	f := bytes.SplitN(line, []byte(" "), 4)
	if len(f) < 4 {
		return line
	}
	if !bytes.EqualFold(f[1], []byte("LOGIN")) && !bytes.EqualFold(f[1], []byte("AUTHENTICATE")) {
		return line
	}
	return fmt.Appendf(nil, "%s %s %s ‹secret %d bytes›", f[0], f[1], f[2], len(f[3]))
}
