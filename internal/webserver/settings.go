package webserver

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"tem/internal/address"
)

// person is for whom settings are asked.
type person struct {
	login  string // the address, or what the mail program is to put in its place
	domain string
}

// person is who has an address or, without one, whoever has a mailbox in the
// domain that the host is of. It is not said whether there is such a mailbox.
func (s *Server) person(r *http.Request, mailbox, prefix, login string) (p person, err error) {
	p.login, p.domain = login, strings.TrimPrefix(hostOf(r), prefix+".")
	if mailbox != "" {
		a, err := address.Parse(mailbox)
		if err != nil {
			return p, &refusal{http.StatusBadRequest, "not an address"}
		}
		p.login, p.domain = a.String(), a.Domain
	}
	p.domain, err = s.ours(r, p.domain)
	return p, err
}

// marshal is a value as an XML document; encoding/xml escapes what is in it.
func marshal(v any, what string) (answer, error) {
	text, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		return answer{}, fmt.Errorf("write %s: %w", what, err)
	}
	return answer{kind: "application/xml; charset=utf-8", body: xml.Header + string(text) + "\n", what: what}, nil
}

// clientConfig is https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat.
type clientConfig struct {
	XMLName  xml.Name `xml:"clientConfig"`
	Version  string   `xml:"version,attr"`
	Provider struct {
		ID       string         `xml:"id,attr"`
		Domain   string         `xml:"domain"`
		Name     string         `xml:"displayName"`
		Short    string         `xml:"displayShortName"`
		Incoming []clientServer `xml:"incomingServer"`
		Outgoing []clientServer `xml:"outgoingServer"`
	} `xml:"emailProvider"`
}

type clientServer struct {
	Type           string `xml:"type,attr"`
	Hostname       string `xml:"hostname"`
	Port           uint16 `xml:"port"`
	SocketType     string `xml:"socketType"`
	Username       string `xml:"username"`
	Authentication string `xml:"authentication"`
}

// placeholder is what Thunderbird puts the address in place of.
const placeholder = "%EMAILADDRESS%"

// autoconfig is what Thunderbird and those after its example ask for.
func (s *Server) autoconfig(r *http.Request) (answer, error) {
	p, err := s.person(r, r.URL.Query().Get("emailaddress"), autoconfigHost, placeholder)
	if err != nil {
		return answer{}, err
	}
	c := clientConfig{Version: "1.1"}
	c.Provider.ID, c.Provider.Domain, c.Provider.Name, c.Provider.Short = p.domain, p.domain, p.domain, p.domain
	for _, service := range s.o.Services {
		one := clientServer{service.Kind, s.o.Hostname, service.Port, "STARTTLS", p.login, "password-cleartext"} // within TLS
		if service.Implicit {
			one.SocketType = "SSL"
		}
		if service.Kind == "smtp" {
			c.Provider.Outgoing = append(c.Provider.Outgoing, one)
		} else {
			c.Provider.Incoming = append(c.Provider.Incoming, one)
		}
	}
	return marshal(c, "autoconfig")
}

// asked is what Outlook sends ([MS-OXDSCLI], Autodiscover Request); name spaces are passed over.
type asked struct {
	Address string `xml:"Request>EMailAddress"`
}

// discovered is what it gets ([MS-OXDSCLI], Autodiscover Response).
type discovered struct {
	XMLName  xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006 Autodiscover"`
	Response struct {
		XMLName   xml.Name   `xml:"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a Response"`
		Address   string     `xml:"User>AutoDiscoverSMTPAddress"`
		Type      string     `xml:"Account>AccountType"`
		Action    string     `xml:"Account>Action"`
		Protocols []protocol `xml:"Account>Protocol"`
	}
}

type protocol struct {
	Type           string
	Server         string
	Port           uint16
	DomainRequired string
	LoginName      string
	SPA            string
	SSL            string
	Encryption     string
	AuthRequired   string
}

// autodiscover is what Outlook asks for.
func (s *Server) autodiscover(r *http.Request) (answer, error) {
	mailbox, err := readAsked(r.Body)
	if err != nil {
		return answer{}, err
	}
	p, err := s.person(r, mailbox, autodiscoverHost, "")
	if err != nil {
		return answer{}, err
	}
	var d discovered
	d.Response.Address, d.Response.Type, d.Response.Action = p.login, "email", "settings"
	for _, service := range s.o.Services {
		one := protocol{
			Type: strings.ToUpper(service.Kind), Server: s.o.Hostname, Port: service.Port, LoginName: p.login,
			DomainRequired: "off", SPA: "off", SSL: "on", Encryption: "TLS", AuthRequired: "on",
		}
		if service.Implicit {
			one.Encryption = "SSL"
		}
		d.Response.Protocols = append(d.Response.Protocols, one)
	}
	return marshal(d, "autodiscover")
}

// readAsked reads for which address Outlook asks. Entities other than XML's
// own, and depths beyond what encoding/xml takes, are errors.
func readAsked(body io.Reader) (mailbox string, err error) {
	text, err := io.ReadAll(body)
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return "", &refusal{http.StatusRequestEntityTooLarge, "a body that is too large"}
	} else if err != nil {
		return "", &refusal{http.StatusBadRequest, "the body did not come: " + err.Error()}
	}
	var a asked
	if err := xml.NewDecoder(bytes.NewReader(text)).Decode(&a); err != nil {
		return "", &refusal{http.StatusBadRequest, "not an autodiscover request: " + err.Error()}
	}
	if a.Address = strings.TrimSpace(a.Address); a.Address == "" {
		return "", &refusal{http.StatusBadRequest, "an autodiscover request without an address"}
	}
	return a.Address, nil
}
