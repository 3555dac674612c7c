package pop3

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"tem/internal/line"
	"tem/internal/sasl"
)

// Client is the client's end of a POP3 dialogue. It belongs to one goroutine;
// a context that ends breaks the command under way and, with it, the dialogue.
// What the server refuses is an *Error; after any other error the connection
// can't be used any more.
type Client struct {
	Greeting string // text of the greeting, without +OK

	conn *line.Conn
	body *Body // the message being read, nil for none
}

// NewClient reads the greeting; an -ERR greeting is returned as *Error.
func NewClient(ctx context.Context, conn *line.Conn) (*Client, error) {
	c := &Client{conn: conn}
	err := c.do(ctx, func() (err error) {
		c.Greeting, err = c.readStatus()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	return c, nil
}

// Conn is the connection under the dialogue.
func (c *Client) Conn() *line.Conn { return c.conn }

// Close drops the connection without a word.
func (c *Client) Close() error { return c.conn.Close() }

// Capabilities are the lines of CAPA: the arguments of each tag in upper case.
type Capabilities map[string][]string

// Has says whether tag (upper case) was offered.
func (k Capabilities) Has(tag string) bool { _, ok := k[tag]; return ok }

// Capa asks what the server can do in its present state (RFC 2449 §5). An
// *Error means that it knows only RFC 1939.
func (c *Client) Capa(ctx context.Context) (Capabilities, error) {
	k := Capabilities{}
	err := c.lines(ctx, "CAPA", func(l string) error {
		if f := strings.Fields(l); len(f) > 0 {
			k[strings.ToUpper(f[0])] = f[1:]
		}
		return nil
	})
	return k, err
}

// StartTLS says STLS and does the handshake. What Capa said before does not
// hold after it.
func (c *Client) StartTLS(ctx context.Context, cfg *tls.Config) error {
	if _, err := c.simple(ctx, "STLS"); err != nil {
		return err
	}
	return c.conn.StartTLS(ctx, cfg)
}

// Login says USER and PASS.
func (c *Client) Login(ctx context.Context, user, password string) error {
	if strings.ContainsAny(user+password, "\r\n") {
		return errors.New("pop3: a name or password can't hold a line break")
	}
	if _, err := c.simple(ctx, "USER "+user); err != nil {
		return err
	}
	_, err := c.simple(ctx, "PASS "+password)
	return err
}

// Auth runs one SASL exchange (RFC 5034). After a success that the server did
// not prove (sasl.ErrUnproven) the connection must not be used.
func (c *Client) Auth(ctx context.Context, m sasl.Client) error {
	initial, err := m.Initial()
	if err != nil {
		return err
	}
	cmd := "AUTH " + m.Mechanism()
	switch {
	case len(initial) > 0 && len(cmd)+1+base64.StdEncoding.EncodedLen(len(initial)) <= maxCommand:
		cmd += " " + base64.StdEncoding.EncodeToString(initial)
		initial = nil
	case initial != nil && len(initial) == 0:
		cmd += " =" // RFC 5034 §4: an initial response that is empty
		initial = nil
	}
	return c.do(ctx, func() error { return c.exchange(m, cmd, initial) })
}

// maxCommand is the longest command without its CRLF. RFC 2449 §4
const maxCommand = 253

// exchange says AUTH and answers challenges; first, if not nil, is an initial
// response that was too long for the command and answers the empty challenge.
func (c *Client) exchange(m sasl.Client, cmd string, first []byte) error {
	if err := c.conn.WriteLine(cmd); err != nil {
		return err
	}
	c.conn.Secret(true)
	defer c.conn.Secret(false)
	for {
		challenge, more, err := c.readChallenge()
		if err != nil {
			return err
		}
		if !more {
			return m.Proven()
		}
		response := first
		if first == nil {
			if response, err = m.Next(challenge); err != nil {
				return c.cancel(err)
			}
		}
		first = nil
		if err := c.conn.WriteLine(base64.StdEncoding.EncodeToString(response)); err != nil {
			return err
		}
	}
}

// cancel gives an exchange up. RFC 5034 §4
func (c *Client) cancel(why error) error {
	if err := c.conn.WriteLine("*"); err != nil {
		return err
	}
	if _, _, err := c.readChallenge(); err != nil {
		var refused *Error
		if !errors.As(err, &refused) {
			return err
		}
	}
	return why
}

// readChallenge reads "+ base64" (more), or the end of an exchange.
func (c *Client) readChallenge() (challenge []byte, more bool, err error) {
	l, err := readLine(c.conn)
	if err != nil {
		return nil, false, err
	}
	if text, ok := strings.CutPrefix(string(l), "+ "); ok || string(l) == "+" {
		challenge, err = base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if string(l) == "+" {
			challenge, err = nil, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("pop3: challenge: %w", err)
		}
		return challenge, true, nil
	}
	_, err = parseStatus(string(l))
	return nil, false, err
}

// UTF8 turns UTF-8 mode on, before login (RFC 6856 §2.1).
func (c *Client) UTF8(ctx context.Context) error { _, err := c.simple(ctx, "UTF8"); return err }

// Dele marks message n for deletion at Quit, Rset takes all marks back, Noop
// does nothing.
func (c *Client) Dele(ctx context.Context, n int) error {
	_, err := c.simple(ctx, fmt.Sprintf("DELE %d", n))
	return err
}
func (c *Client) Rset(ctx context.Context) error { _, err := c.simple(ctx, "RSET"); return err }
func (c *Client) Noop(ctx context.Context) error { _, err := c.simple(ctx, "NOOP"); return err }

// Quit ends the session, which is when deletions happen, and closes the
// connection. An *Error says that some messages were not deleted.
func (c *Client) Quit(ctx context.Context) error {
	_, err := c.simple(ctx, "QUIT")
	c.conn.Close()
	return err
}

// simple says one command and returns the text of its one-line answer.
func (c *Client) simple(ctx context.Context, cmd string) (text string, err error) {
	err = c.do(ctx, func() (err error) {
		text, err = c.command(cmd)
		return err
	})
	return text, err
}

func (c *Client) command(cmd string) (string, error) {
	if err := c.conn.WriteLine(cmd); err != nil {
		return "", err
	}
	return c.readStatus()
}

// do finishes a message that was not read to its end, then runs one exchange
// that ends with ctx.
func (c *Client) do(ctx context.Context, exchange func() error) error {
	if c.body != nil {
		if err := c.body.Close(); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, c.conn.Interrupt)
	defer stop()
	return c.because(ctx, exchange())
}

// because gives ctx's reason when it was ctx that broke a read.
func (c *Client) because(ctx context.Context, err error) error {
	if errors.Is(err, line.ErrInterrupted) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (c *Client) readStatus() (string, error) {
	l, err := readLine(c.conn)
	if err != nil {
		return "", err
	}
	return parseStatus(string(l))
}

// readLine is lenient about line ends: some old servers send a bare LF.
func readLine(conn *line.Conn) ([]byte, error) {
	l, err := conn.ReadLine()
	if errors.Is(err, line.ErrBareNewline) {
		return l, nil
	}
	return l, err
}

// parseStatus reads "+OK text" or "-ERR [code] text". RFC 1939 §3
func parseStatus(l string) (string, error) {
	status, text, _ := strings.Cut(l, " ")
	switch {
	case strings.EqualFold(status, "+OK"):
		return text, nil
	case strings.EqualFold(status, "-ERR"):
		return "", parseError(text)
	}
	return "", fmt.Errorf("pop3: neither +OK nor -ERR: %.80q", l)
}
