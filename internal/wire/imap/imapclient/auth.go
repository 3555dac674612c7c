package imapclient

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"tem/internal/sasl"
)

// Login authenticates: by the best SASL mechanism on offer, else with a password
// by LOGIN unless the server forbids it (RFC 9051 §6.2.3). The channel of who is
// this connection, whatever it says.
func (c *Client) Login(ctx context.Context, who sasl.Credentials) error {
	who.Channel = sasl.Under(c.conn)
	m, err := sasl.NewClient(c.Mechanisms(), who)
	if err == nil {
		return c.Authenticate(ctx, m)
	}
	if c.Has("LOGINDISABLED") {
		return errors.New("imap: server allows no login here; TLS may be needed")
	}
	if who.Password == "" {
		return err
	}
	return c.plainLogin(ctx, who.Login, who.Password)
}

// plainLogin says LOGIN. Redact hides a password on the command's own line,
// Secret one that a literal moves to another line.
func (c *Client) plainLogin(ctx context.Context, login, password string) error {
	name, secret := textArg(login), textArg(password)
	c.conn.Secret(isLiteral(name) || isLiteral(secret))
	defer c.conn.Secret(false)
	return c.relearn(ctx, func() error { return c.run(ctx, nil, "LOGIN", name, secret) })
}

func isLiteral(arg any) bool {
	_, is := arg.(literal)
	return is
}

// relearn asks for the capabilities, which authentication may change (RFC 9051
// §6.2.2), unless the server tells them by itself.
func (c *Client) relearn(ctx context.Context, authenticate func() error) error {
	c.told = false
	if err := authenticate(); err != nil {
		return err
	}
	if c.told {
		return nil
	}
	return c.run(ctx, nil, "CAPABILITY")
}

// Authenticate runs one SASL exchange (RFC 9051 §6.2.2); a refusal is a
// *Status. After a success that the server did not prove (sasl.ErrUnproven) the
// connection must not be used.
func (c *Client) Authenticate(ctx context.Context, m sasl.Client) error {
	defer c.watch(ctx)()
	initial, err := m.Initial()
	if err != nil {
		return err
	}
	text := "AUTHENTICATE " + m.Mechanism()
	if initial != nil && c.Has("SASL-IR") { // RFC 4959
		text += " " + encodeSASL(initial)
		initial = nil
	}
	return c.relearn(ctx, func() error {
		tag := c.nextTag()
		if err := c.conn.WriteLine(tag + " " + text); err != nil {
			return err
		}
		c.conn.Secret(true)
		defer c.conn.Secret(false)
		return c.exchange(tag, m, initial)
	})
}

// exchange answers challenges until the tagged response.
func (c *Client) exchange(tag string, m sasl.Client, initial []byte) error {
	for {
		r, err := c.next(nil)
		if err != nil {
			return err
		}
		if r.tag == tag {
			if err := refusal(r.status); err != nil {
				return err
			}
			return m.Proven()
		}
		if r.tag != "+" {
			continue
		}
		answer, err := answerTo(m, r.text, initial)
		initial = nil
		if err != nil {
			return errors.Join(err, c.conn.WriteLine("*")) // cancels, RFC 9051 §6.2.2
		}
		if err := c.conn.WriteLine(answer); err != nil {
			return err
		}
	}
}

// answerTo answers one challenge: the first, empty one with the initial
// response if that could not be sent before.
func answerTo(m sasl.Client, challenge string, initial []byte) (string, error) {
	if initial != nil {
		return base64.StdEncoding.EncodeToString(initial), nil
	}
	raw, err := base64.StdEncoding.DecodeString(challenge)
	if err != nil {
		return "", fmt.Errorf("imap: challenge is not base64: %w", err)
	}
	answer, err := m.Next(raw)
	return base64.StdEncoding.EncodeToString(answer), err
}

func encodeSASL(b []byte) string {
	if len(b) == 0 {
		return "=" // RFC 4959 §3
	}
	return base64.StdEncoding.EncodeToString(b)
}
