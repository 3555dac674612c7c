package sasl

import (
	"slices"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"
)

// Credentials are what a client can log in with: a password, or a token, or
// neither, which is the certificate that it showed in TLS.
type Credentials struct {
	Login    string
	Password string
	Token    string // an OAuth bearer token
	Channel  Channel
}

// NewClient returns the best mechanism of those offered, in any case, for these
// credentials; ErrUnknownMechanism if none fits.
func NewClient(offered []string, c Credentials) (Client, error) {
	has := func(name string) bool {
		return slices.ContainsFunc(offered, func(o string) bool { return strings.EqualFold(o, name) })
	}
	for _, name := range c.mechanisms() {
		if !has(name) {
			continue
		}
		if m := c.client(name, has(scramSHA256+plus) || has(scramSHA1+plus)); m != nil {
			return m, nil
		}
	}
	return nil, ErrUnknownMechanism
}

// mechanisms are those that c fits, best first.
func (c Credentials) mechanisms() []string {
	switch {
	case c.Token != "":
		return []string{oauthBearer, xoauth2}
	case c.Password == "":
		return []string{external}
	case c.Channel.exports():
		return []string{scramSHA256 + plus, scramSHA1 + plus, scramSHA256, scramSHA1, plain, loginName}
	}
	return []string{scramSHA256, scramSHA1, plain, loginName}
}

// client is nil for credentials that the mechanism can't carry. offered says
// whether the server has a mechanism with channel binding.
func (c Credentials) client(name string, offered bool) Client {
	switch name {
	case oauthBearer, xoauth2:
		return newBearerClient(name, c.Login, c.Token)
	case external:
		return externalClient{authz: c.Login}
	case plain:
		if strings.Contains(c.Login+c.Password, "\x00") {
			return nil
		}
		return plainClient{login: c.Login, password: c.Password}
	case loginName:
		return &loginClient{answers: []string{c.Login, c.Password}}
	case scramSHA256, scramSHA256 + plus:
		return c.scram(name, SHA256, offered)
	}
	return c.scram(name, SHA1, offered)
}

// scram is a client that binds itself to the channel if name says so. It uses
// tls-exporter and nothing else: of the bindings of TLS 1.2 a server need not
// know the one that we would choose, and a wrong choice can't be taken back.
func (c Credentials) scram(name string, h Hash, offered bool) Client {
	prepared, err := h.generator().NewClient(c.Login, c.Password, "")
	if err != nil {
		return nil
	}
	b, ok := c.Channel.binding(scram.ChannelBindingTLSExporter)
	switch {
	case strings.HasSuffix(name, plus) && !ok:
		return nil
	case strings.HasSuffix(name, plus):
		return &scramClient{name: name, talk: prepared.NewConversationWithChannelBinding(b)}
	case ok && !offered: // RFC 5802 §6: "y" shows the server that its offer was tampered with
		return &scramClient{name: name, talk: prepared.NewConversationAdvertisingChannelBinding()}
	}
	return &scramClient{name: name, talk: prepared.NewConversation()}
}

type scramClient struct {
	name string
	talk *scram.ClientConversation
}

func (c *scramClient) Mechanism() string { return c.name }
func (c *scramClient) Initial() ([]byte, error) {
	first, err := c.talk.Step("")
	return []byte(first), err
}

// maxIterations bounds the work that a server may ask for.
const maxIterations = 1_000_000

// Next answers; the error for a server that does not know the password's secret is ErrFailed.
func (c *scramClient) Next(challenge []byte) ([]byte, error) {
	_, count, _ := strings.Cut(string(challenge), ",i=")
	count, _, _ = strings.Cut(count, ",")
	if n, err := strconv.Atoi(count); err == nil && n > maxIterations {
		return nil, ErrFailed
	}
	answer, err := c.talk.Step(string(challenge))
	if err != nil {
		return nil, ErrFailed
	}
	return []byte(answer), nil
}

// Proven wants the server's signature (RFC 5802 §5).
func (c *scramClient) Proven() error {
	if !c.talk.Valid() {
		return ErrUnproven
	}
	return nil
}
