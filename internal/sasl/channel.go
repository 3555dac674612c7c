package sasl

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/xdg-go/scram"
)

// Channel is what lies under an exchange; the zero value is a connection in clear.
type Channel struct {
	TLS         *tls.ConnectionState
	Certificate *x509.Certificate // the one that the server showed; nil: not known
}

// Under is the channel of a connection.
func Under(c interface {
	TLS() *tls.ConnectionState
	Certificate() *x509.Certificate
}) Channel {
	return Channel{TLS: c.TLS(), Certificate: c.Certificate()}
}

// binding is the channel's binding of one kind; false if there is none. RFC
// 5929's tls-unique is not among them: it does not hold for resumed sessions
// and is gone from TLS 1.3.
func (c Channel) binding(kind scram.ChannelBindingType) (scram.ChannelBinding, bool) {
	var b scram.ChannelBinding
	var err error
	switch {
	case kind == scram.ChannelBindingTLSExporter && c.exports():
		b, err = scram.NewTLSExporterBinding(c.TLS) // RFC 9266 §2
	case kind == scram.ChannelBindingTLSServerEndpoint && c.TLS != nil && c.Certificate != nil:
		b, err = scram.NewTLSServerEndpointBinding(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{c.Certificate}}) // RFC 5929 §4.1
	default:
		return b, false
	}
	return b, err == nil
}

// exports says whether the channel has the binding tls-exporter, which TLS 1.3
// always has (RFC 9266 §3).
func (c Channel) exports() bool { return c.TLS != nil && c.TLS.Version == tls.VersionTLS13 }

// binds says whether logins can be bound to the channel.
func (c Channel) binds() bool {
	_, ok := c.binding(scram.ChannelBindingTLSServerEndpoint)
	return ok || c.exports()
}

// maxNames bounds how many names of one certificate are looked at.
const maxNames = 16

// names are the mail addresses (rfc822Name) of the client's certificate; none
// unless an authority that the server trusts has signed it.
func (c Channel) names() []string {
	if c.TLS == nil || len(c.TLS.VerifiedChains) == 0 || len(c.TLS.PeerCertificates) == 0 {
		return nil
	}
	names := c.TLS.PeerCertificates[0].EmailAddresses
	return names[:min(len(names), maxNames)]
}
