package sasl

import "strings"

// The mechanisms by name, those that end in plus bound to the channel.
const (
	external    = "EXTERNAL"
	scramSHA256 = "SCRAM-SHA-256"
	scramSHA1   = "SCRAM-SHA-1"
	oauthBearer = "OAUTHBEARER"
	xoauth2     = "XOAUTH2"
	plain       = "PLAIN"
	loginName   = "LOGIN"
	plus        = "-PLUS"
)

// Mechanisms lists what NewServer knows for b on ch, best first.
func Mechanisms(b Backend, ch Channel) []string {
	var all []string
	if len(ch.names()) > 0 {
		all = append(all, external)
	}
	if ch.binds() {
		all = append(all, scramSHA256+plus, scramSHA1+plus)
	}
	all = append(all, scramSHA256, scramSHA1)
	if _, ok := b.(Tokens); ok {
		all = append(all, oauthBearer, xoauth2)
	}
	return append(all, plain, loginName)
}

// NewServer starts an exchange on ch; ErrUnknownMechanism if name, in any case,
// is not one of Mechanisms.
func NewServer(name string, b Backend, ch Channel) (Server, error) {
	name = strings.ToUpper(name)
	base, bound := strings.CutSuffix(name, plus)
	tokens, _ := b.(Tokens)
	id := identity{backend: b}
	switch {
	case bound && !ch.binds():
	case base == scramSHA256:
		return &scramServer{identity: id, hash: SHA256, plus: bound, channel: ch}, nil
	case base == scramSHA1:
		return &scramServer{identity: id, hash: SHA1, plus: bound, channel: ch}, nil
	case bound:
	case name == external && len(ch.names()) > 0:
		return &externalServer{identity: id, names: ch.names()}, nil
	case name == oauthBearer && tokens != nil:
		return &bearerServer{identity: id, tokens: tokens, parse: parseOAuthBearer, refuse: oauthBearerError}, nil
	case name == xoauth2 && tokens != nil:
		return &bearerServer{identity: id, tokens: tokens, parse: parseXOAuth2, refuse: xoauth2Error}, nil
	case name == plain:
		return &plainServer{id}, nil
	case name == loginName:
		return &loginServer{identity: id}, nil
	}
	return nil, ErrUnknownMechanism
}

// identity is what every server learns about its client.
type identity struct {
	backend   Backend
	login     string
	principal string
}

func (i *identity) Principal() string { return i.principal }
func (i *identity) Login() string     { return i.login }
