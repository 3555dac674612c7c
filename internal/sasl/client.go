package sasl

import (
	"strings"

	"github.com/xdg-go/scram"
)

// NewClient returns the best mechanism of those offered for a login with a
// password; ErrUnknownMechanism if none fits.
func NewClient(offered []string, login, password string) (Client, error) {
	for _, name := range Mechanisms() {
		for _, o := range offered {
			if strings.EqualFold(o, name) {
				if c := newClient(name, login, password); c != nil {
					return c, nil
				}
			}
		}
	}
	return nil, ErrUnknownMechanism
}

// newClient is nil for a password that the mechanism can't carry.
func newClient(name, login, password string) Client {
	switch name {
	case "SCRAM-SHA-256":
		c, err := scram.SHA256.NewClient(login, password, "")
		if err != nil {
			return nil
		}
		return &scramClient{talk: c.NewConversation()}
	case "PLAIN":
		return plainClient{login, password}
	}
	return &loginClient{answers: []string{login, password}}
}

type plainClient struct{ login, password string }

func (plainClient) Mechanism() string { return "PLAIN" }
func (c plainClient) Initial() ([]byte, error) {
	return []byte("\x00" + c.login + "\x00" + c.password), nil
}
func (c plainClient) Next([]byte) ([]byte, error) { return nil, ErrMalformed }

// loginClient answers the prompts in their order, whatever they say.
type loginClient struct{ answers []string }

func (*loginClient) Mechanism() string        { return "LOGIN" }
func (*loginClient) Initial() ([]byte, error) { return nil, nil }
func (c *loginClient) Next([]byte) ([]byte, error) {
	if len(c.answers) == 0 {
		return nil, ErrMalformed
	}
	answer := c.answers[0]
	c.answers = c.answers[1:]
	return []byte(answer), nil
}

type scramClient struct{ talk *scram.ClientConversation }

func (*scramClient) Mechanism() string { return "SCRAM-SHA-256" }
func (c *scramClient) Initial() ([]byte, error) {
	first, err := c.talk.Step("")
	return []byte(first), err
}

// Next answers; the error for a server that does not know the password's secret is ErrFailed.
func (c *scramClient) Next(challenge []byte) ([]byte, error) {
	answer, err := c.talk.Step(string(challenge))
	if err != nil {
		return nil, ErrFailed
	}
	return []byte(answer), nil
}
