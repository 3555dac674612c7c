// Package imapclient is the client's end of an IMAP dialogue (RFC 3501, RFC
// 9051) over a line.Conn: one command at a time, its untagged responses given
// back as typed values.
//
// Invariant: whatever a server sends, memory is bounded (MaxLiteral, MaxDepth)
// and the client either stays in step or the connection is given up. Messages
// are named by UID throughout; sequence numbers are never kept.
//
// A Client belongs to one goroutine and starts none.
package imapclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tem/internal/line"
)

// Bounds on what a server may send.
const (
	MaxLiteral = 256 << 20 // octets in one literal
	MaxDepth   = 200       // nested parentheses
	MaxLine    = 8 << 20   // octets in one line: what Dial-ers put into line.Options.MaxLine
)

// Status is an OK, NO, BAD, BYE or PREAUTH response (RFC 9051 §7.1). It is an
// error when Kind is NO, BAD or BYE.
type Status struct {
	Kind string // in upper case
	Code string // response code in upper case without brackets, such as UIDVALIDITY; "" if none
	Args string // what follows the code within the brackets
	Text string // for people
}

func (s *Status) Error() string {
	if s.Code == "" {
		return s.Kind + " " + s.Text
	}
	return fmt.Sprintf("%s [%s] %s", s.Kind, strings.TrimSpace(s.Code+" "+s.Args), s.Text)
}

// Client is one authenticated or not yet authenticated connection.
type Client struct {
	Greeting Status
	// Progress, if set, is told how much of a long literal has come or gone.
	Progress func(done, total int64)

	conn     *line.Conn
	caps     map[string]bool
	told     bool // the capabilities were told since relearn began
	tag      int
	exists   uint32 // messages in the selected mailbox, as last heard
	selected string
	leaving  bool // LOGOUT was said: a BYE is expected
}

// New reads the greeting and learns the capabilities.
func New(ctx context.Context, conn *line.Conn) (*Client, error) {
	c := &Client{conn: conn}
	defer c.watch(ctx)()
	r, err := c.read()
	if err != nil {
		return nil, fmt.Errorf("read greeting: %w", err)
	}
	if r.status == nil {
		return nil, fmt.Errorf("read greeting: not an IMAP server: %q", r.name)
	}
	c.note(r)
	c.Greeting = *r.status
	if r.status.Kind == "BYE" { // RFC 9051 §7.1.5
		return nil, r.status
	}
	return c, c.needCapabilities(ctx)
}

// Conn is the connection under the dialogue.
func (c *Client) Conn() *line.Conn { return c.conn }

// Has reports whether the server offers a capability, such as IDLE or AUTH=PLAIN.
func (c *Client) Has(capability string) bool { return c.caps[strings.ToUpper(capability)] }

// Mechanisms are the SASL mechanisms on offer.
func (c *Client) Mechanisms() []string {
	var ms []string
	for name := range c.caps {
		if m, ok := strings.CutPrefix(name, "AUTH="); ok {
			ms = append(ms, m)
		}
	}
	return ms
}

// StartTLS upgrades the connection; what was known of the server before is
// forgotten (RFC 9051 §6.2.1).
func (c *Client) StartTLS(ctx context.Context, cfg *tls.Config) error {
	if err := c.run(ctx, nil, "STARTTLS"); err != nil {
		return err
	}
	if err := c.conn.StartTLS(ctx, cfg); err != nil {
		return err
	}
	c.caps = nil
	return c.needCapabilities(ctx)
}

// Noop gives the server an occasion to tell what is new.
func (c *Client) Noop(ctx context.Context) error { return c.run(ctx, nil, "NOOP") }

// Logout says goodbye and closes the connection.
func (c *Client) Logout(ctx context.Context) error {
	c.leaving = true
	err := c.run(ctx, nil, "LOGOUT")
	return errors.Join(err, c.conn.Close())
}

// Close drops the connection without a word.
func (c *Client) Close() error { return c.conn.Close() }

// Selected is the name of the open mailbox, "" for none; Exists is how many
// messages it holds as far as the server has told.
func (c *Client) Selected() string { return c.selected }
func (c *Client) Exists() uint32   { return c.exists }

// watch makes the end of ctx interrupt the connection's reads.
func (c *Client) watch(ctx context.Context) func() bool {
	return context.AfterFunc(ctx, c.conn.Interrupt)
}

func (c *Client) needCapabilities(ctx context.Context) error {
	if c.caps != nil {
		return nil
	}
	return c.run(ctx, nil, "CAPABILITY")
}

func (c *Client) setCapabilities(words []string) {
	c.told = true
	c.caps = make(map[string]bool, len(words))
	for _, w := range words {
		c.caps[strings.ToUpper(w)] = true
	}
}

// note keeps what responses say of the session as a whole.
func (c *Client) note(r *response) {
	switch {
	case r.status != nil && r.status.Code == "CAPABILITY":
		c.setCapabilities(strings.Fields(r.status.Args))
	case r.name == "CAPABILITY":
		c.setCapabilities(texts(r.args))
	case r.name == "EXISTS":
		c.exists = r.num
	case r.name == "EXPUNGE" && c.exists > 0:
		c.exists--
	}
}

// run sends one command and reads to its tagged response. Each untagged
// response is given to fn, if not nil, whose error ends the connection's use.
func (c *Client) run(ctx context.Context, fn func(*response) error, parts ...any) error {
	_, err := c.exec(ctx, fn, parts...)
	return err
}

func (c *Client) exec(ctx context.Context, fn func(*response) error, parts ...any) (*Status, error) {
	defer c.watch(ctx)()
	tag := c.nextTag()
	if st, err := c.send(tag, fn, parts); st != nil || err != nil {
		return st, errors.Join(err, refusal(st))
	}
	st, err := c.finish(tag, fn)
	if err != nil {
		return nil, err
	}
	return st, refusal(st)
}

func (c *Client) nextTag() string {
	c.tag++
	return "a" + strconv.Itoa(c.tag)
}

// refusal is st as an error unless it is OK.
func refusal(st *Status) error {
	if st == nil || st.Kind == "OK" {
		return nil
	}
	return st
}

// finish reads until the response tagged tag.
func (c *Client) finish(tag string, fn func(*response) error) (*Status, error) {
	for {
		r, err := c.next(fn)
		if err != nil {
			return nil, err
		}
		if r.tag == tag {
			return r.status, nil
		}
		if r.tag == "+" {
			return nil, errors.New("imap: server asks for more where nothing is due")
		}
	}
}

// next reads one response, notes it, and passes an untagged one to fn.
func (c *Client) next(fn func(*response) error) (*response, error) {
	r, err := c.read()
	if err != nil {
		return nil, err
	}
	c.note(r)
	if r.tag == "*" && fn != nil {
		if err := fn(r); err != nil {
			return nil, err
		}
	}
	if r.tag == "*" && r.status != nil && r.status.Kind == "BYE" {
		return r, c.goodbye(r.status)
	}
	return r, nil
}

// goodbye tells a BYE that answers LOGOUT, after which the tagged OK comes,
// from one that ends the session unasked.
func (c *Client) goodbye(st *Status) error {
	if c.leaving {
		return nil
	}
	return st
}

// timeLayout is the form of INTERNALDATE (RFC 9051 §9, date-time).
const timeLayout = "_2-Jan-2006 15:04:05 -0700"

func formatTime(t time.Time) string { return t.Format(timeLayout) }
