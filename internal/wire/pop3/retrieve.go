package pop3

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tem/internal/line"
)

// maxListing bounds what a server can make us hold in one listing.
const maxListing = 4 << 20

// Stat returns how many messages the maildrop has, and their octets.
func (c *Client) Stat(ctx context.Context) (messages int, size int64, err error) {
	text, err := c.simple(ctx, "STAT")
	if err != nil {
		return 0, 0, err
	}
	messages, rest, err := cutNumber(text)
	if err == nil {
		size, err = firstNumber(rest)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("pop3: STAT: %w", err)
	}
	return messages, size, nil
}

// Listed is one line of LIST.
type Listed struct {
	N    int   // number in this session, from 1
	Size int64 // octets
}

// List returns every message that is not marked as deleted.
func (c *Client) List(ctx context.Context) ([]Listed, error) {
	var all []Listed
	err := c.lines(ctx, "LIST", func(l string) error {
		n, rest, err := cutNumber(l)
		if err != nil {
			return err
		}
		size, err := firstNumber(rest)
		all = append(all, Listed{n, size})
		return err
	})
	return all, err
}

// Unique is one line of UIDL: ID names the message in all sessions.
type Unique struct {
	N  int
	ID string
}

// UIDL returns the unique id of every message that is not marked as deleted.
func (c *Client) UIDL(ctx context.Context) ([]Unique, error) {
	var all []Unique
	err := c.lines(ctx, "UIDL", func(l string) error {
		n, id, err := cutNumber(l)
		all = append(all, Unique{n, id})
		return err
	})
	return all, err
}

// Retr returns the text of message n. The reader must be read to its end (or
// closed, which skips the rest) before the next command; if it is not, the
// next command skips the rest. The session may stay silent while the caller
// reads; ctx counts until then.
func (c *Client) Retr(ctx context.Context, n int) (*Body, error) {
	return c.open(ctx, fmt.Sprintf("RETR %d", n))
}

// Top returns the header of message n and the first lines of its body.
func (c *Client) Top(ctx context.Context, n, lines int) (*Body, error) {
	return c.open(ctx, fmt.Sprintf("TOP %d %d", n, lines))
}

func (c *Client) open(ctx context.Context, cmd string) (*Body, error) {
	if _, err := c.simple(ctx, cmd); err != nil {
		return nil, err
	}
	c.body = &Body{c: c, ctx: ctx, r: c.conn.DotReader(false)}
	return c.body, nil
}

// Body is the text of one message as the server sends it.
type Body struct {
	c   *Client
	ctx context.Context
	r   io.Reader
}

// Read gives the text with CRLF line ends, dot-stuffing undone.
func (b *Body) Read(p []byte) (int, error) {
	if b.c.body != b {
		return 0, io.EOF
	}
	stop := context.AfterFunc(b.ctx, b.c.conn.Interrupt)
	defer stop()
	n, err := b.r.Read(p)
	if err == nil {
		return n, nil
	}
	b.c.body = nil
	return n, b.c.because(b.ctx, err)
}

// Close skips what was not read.
func (b *Body) Close() error {
	_, err := io.Copy(io.Discard, b)
	return err
}

// lines says one command with an answer in several lines and calls fn for
// each; an error of fn is returned after the last line.
func (c *Client) lines(ctx context.Context, cmd string, fn func(l string) error) error {
	return c.do(ctx, func() error {
		if _, err := c.command(cmd); err != nil {
			return err
		}
		failed, err := readLines(c.conn, fn)
		switch {
		case err != nil:
			return err
		case failed != nil:
			return fmt.Errorf("pop3: %s: %w", cmd, failed)
		}
		return nil
	})
}

func readLines(conn *line.Conn, fn func(l string) error) (failed, err error) {
	for range maxListing {
		l, err := readLine(conn)
		switch {
		case err != nil:
			return failed, err
		case string(l) == ".": // RFC 1939 §3
			return failed, nil
		case failed == nil:
			failed = fn(strings.TrimPrefix(string(l), "."))
		}
	}
	return failed, fmt.Errorf("more than %d lines", maxListing)
}

// cutNumber reads a message number or count and what follows the space.
func cutNumber(s string) (n int, rest string, err error) {
	digits, rest, _ := strings.Cut(s, " ")
	u, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return 0, "", fmt.Errorf("not a number: %.20q", digits)
	}
	return int(u), rest, nil
}

func firstNumber(s string) (int64, error) {
	digits, _, _ := strings.Cut(s, " ")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("not a size: %.20q", digits)
	}
	return n, nil
}
