package smtp

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"strings"

	"tem/internal/line"
	"tem/internal/sasl"
)

// Client is the sending end of an SMTP or LMTP dialogue.
type Client struct {
	Greeting Reply
	Ext      map[string]string // EHLO keywords in upper case, with their parameters; nil before Hello
	LMTP     bool              // the dialogue is that of RFC 2033; set before Hello
	Sent     int               // transactions on this connection

	c       *line.Conn
	name    string // ours, as Hello said it
	scratch []byte // the command being written
	dirty   bool   // a transaction is open, or may be
	unheard bool   // nothing was heard since the transaction began
	said    bool   // all of the text was sent
}

// NewClient reads the greeting; a 4xx or 5xx greeting is returned as *Reply.
func NewClient(ctx context.Context, c *line.Conn) (*Client, error) {
	cl := &Client{c: c}
	defer cl.watch(ctx)()
	r, err := readReply(c)
	if err != nil {
		return nil, cl.why(ctx, err)
	}
	if r.Code >= 300 {
		return nil, r
	}
	cl.Greeting = *r
	return cl, nil
}

// watch makes the end of ctx end what the client waits for.
func (c *Client) watch(ctx context.Context) func() bool {
	return context.AfterFunc(ctx, c.c.Interrupt)
}

func (c *Client) why(ctx context.Context, err error) error {
	if errors.Is(err, line.ErrInterrupted) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// ask sends one command and reads its reply; one of 400 or more is the error.
func (c *Client) ask(ctx context.Context, command string) (*Reply, error) {
	defer c.watch(ctx)()
	if err := c.c.WriteLine(command); err != nil {
		return nil, err
	}
	r, err := readReply(c.c)
	if err != nil {
		return nil, c.why(ctx, err)
	}
	if r.Code >= 400 {
		return r, r
	}
	return r, nil
}

// Hello says EHLO, or HELO when that is refused; LHLO with LMTP.
func (c *Client) Hello(ctx context.Context, name string) error {
	c.name = name
	verb := "EHLO "
	if c.LMTP {
		verb = "LHLO " // RFC 2033 §4.1
	}
	r, err := c.ask(ctx, verb+name)
	if r != nil && r.Code >= 500 && !c.LMTP { // RFC 5321 §3.2
		_, err = c.ask(ctx, "HELO "+name)
		r = &Reply{}
	}
	if err != nil {
		return err
	}
	c.Ext = map[string]string{}
	for _, l := range r.Lines[min(1, len(r.Lines)):] {
		keyword, params, _ := strings.Cut(l, " ")
		if old, ok := strings.CutPrefix(strings.ToUpper(keyword), "AUTH="); ok { // QUIRK(old servers): AUTH=LOGIN
			keyword, params = "AUTH", old+" "+params
		}
		c.Ext[strings.ToUpper(keyword)] = strings.TrimSpace(params)
	}
	return nil
}

// StartTLS upgrades and says EHLO again.
func (c *Client) StartTLS(ctx context.Context, cfg *tls.Config) error {
	if _, err := c.ask(ctx, "STARTTLS"); err != nil {
		return err
	}
	if err := c.c.StartTLS(ctx, cfg); err != nil {
		return err
	}
	return c.Hello(ctx, c.name) // RFC 3207 §4.2: what was learnt in clear is forgotten
}

// Auth runs one SASL exchange; a refusal is a *Reply. After a success that the
// server did not prove (sasl.ErrUnproven) the connection must not be used.
func (c *Client) Auth(ctx context.Context, m sasl.Client) error {
	first, err := m.Initial()
	if err != nil {
		return err
	}
	command := "AUTH " + m.Mechanism()
	if first != nil {
		command += " " + encode64(first)
	}
	defer c.c.Secret(false)
	for {
		r, err := c.ask(ctx, command)
		c.c.Secret(true) // only the first line names what it holds; Redact hides its secret
		if err != nil {
			return err
		}
		if r.Code != 334 {
			return m.Proven()
		}
		command = "*" // RFC 4954 §4: give up
		if challenge, bad := base64.StdEncoding.DecodeString(r.Lines[0]); bad == nil {
			var answer []byte
			if answer, err = m.Next(challenge); err == nil {
				command = base64.StdEncoding.EncodeToString(answer)
			}
		} else {
			err = sasl.ErrMalformed
		}
		if err != nil {
			c.ask(ctx, command)
			return err
		}
	}
}

// encode64 is an initial response (RFC 4954 §4: "=" is an empty one).
func encode64(b []byte) string {
	if len(b) == 0 {
		return "="
	}
	return base64.StdEncoding.EncodeToString(b)
}

// Reset says RSET, Quit says QUIT and closes.
func (c *Client) Reset(ctx context.Context) error {
	_, err := c.ask(ctx, "RSET")
	c.dirty = c.dirty && err != nil
	return err
}

// Quit says goodbye and closes.
func (c *Client) Quit(ctx context.Context) error {
	_, err := c.ask(ctx, "QUIT")
	c.c.Close() // after the reply to QUIT nothing can be lost
	return err
}

// Close drops the connection without a word.
func (c *Client) Close() error { return c.c.Close() }

// Conn is the connection under the dialogue.
func (c *Client) Conn() *line.Conn { return c.c }
