// Package dnsplan says what a domain has to publish in the DNS so that its mail
// arrives, leaves and is believed, and compares that with what is published.
//
// Invariant: everything is said in English and Vietnamese, with why it matters
// and whose move it is. A plan follows from a Site and a domain alone; only
// Check asks the network, in the goroutine of its caller.
package dnsplan

import (
	"fmt"
	"net/netip"

	"tem/internal/explain"
	"tem/internal/transport/sts"
)

// Site is what a plan has to know of a server.
type Site struct {
	Hostname  string       `json:"hostname"`
	Addresses []netip.Addr `json:"addresses,omitempty"` // at which others reach it
	Services  []Service    `json:"services"`            // for mail programs; all that there can be
	SPKI      string       `json:"spki,omitempty"`      // SHA-256 of the certificate's public key, in hex; "" without TLS
	Servers   []string     `json:"dns,omitempty"`       // name servers to ask; none: the system's
	DNSSEC    string       `json:"dnssec,omitempty"`    // whose word on DNSSEC is taken, as in outbound.dnssec
	STS       sts.Mode     `json:"mta_sts,omitempty"`   // of the MTA-STS policy; "": none is published
	Web       bool         `json:"web,omitempty"`       // it has a web server, for the policy and for mail programs
}

// Service is one way in for mail programs.
type Service struct {
	Name string `json:"name"` // of RFC 6186 §3 and RFC 8314 §7.3: submissions, imaps, …
	Port uint16 `json:"port"` // 0: it is off
}

// Key is a public DKIM key of the domain.
type Key struct {
	Selector string `json:"selector"`
	Record   string `json:"record"` // the text to publish (RFC 6376 §3.6.1)
}

// Purpose is what a record is for.
type Purpose string

const (
	ForMX      Purpose = "mx"
	ForHost    Purpose = "host"
	ForReverse Purpose = "reverse"
	ForSPF     Purpose = "spf"
	ForHostSPF Purpose = "spf-host"
	ForDKIM    Purpose = "dkim"
	ForDMARC   Purpose = "dmarc"
	ForSTS     Purpose = "mta-sts"
	ForSTSHost Purpose = "mta-sts-host"
	ForTLSRPT  Purpose = "tlsrpt"
	ForDANE    Purpose = "dane"
	ForService Purpose = "service"
	ForConfig  Purpose = "autoconfig"
	ForZone    Purpose = "zone" // no record of the plan: what Check finds about the zone itself
)

// Record is one record to publish.
type Record struct {
	Purpose  Purpose      `json:"purpose"`
	Name     string       `json:"name"` // without a final dot
	Type     string       `json:"type"`
	Data     string       `json:"data"` // as zone files write it; of TXT the text itself
	Optional bool         `json:"optional,omitempty"`
	Move     Move         `json:"move"`
	Why      explain.Text `json:"why"`
}

// Plan is everything to publish for one domain.
type Plan struct {
	Domain  string   `json:"domain"`
	Site    Site     `json:"site"`
	Records []Record `json:"records"`
	Policy  string   `json:"mta_sts_policy"` // the text at https://mta-sts.DOMAIN/.well-known/mta-sts.txt; "": there is none
}

// Move is whose move it is.
type Move string

const (
	Nobody          Move = "nobody"
	DNSProvider     Move = "dns-provider"
	HostingProvider Move = "hosting-provider"
	ServerAdmin     Move = "server-admin"
	OtherAdmin      Move = "other-admin"
)

// Text names whose move it is.
func (m Move) Text() explain.Text {
	switch m {
	case DNSProvider:
		return say("you, where the zone is edited: your DNS provider", "bạn, tại nơi sửa bản ghi DNS: nhà cung cấp DNS của bạn")
	case HostingProvider:
		return say("you, at who gave you the address: your hosting provider", "bạn, tại nơi cấp địa chỉ IP: nhà cung cấp máy chủ của bạn")
	case ServerAdmin:
		return say("you, on this server", "bạn, trên máy chủ này")
	case OtherAdmin:
		return say("who runs the other server or domain", "người quản trị máy chủ hoặc tên miền kia")
	}
	return say("nobody", "không ai cả")
}

// say is one thing in both languages, with the same values in both.
func say(en, vi string, args ...any) explain.Text {
	if len(args) == 0 {
		return explain.Text{EN: en, VI: vi}
	}
	return explain.Text{EN: fmt.Sprintf(en, args...), VI: fmt.Sprintf(vi, args...)}
}
