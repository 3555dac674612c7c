// Package message reads and builds Internet messages (RFC 5322, MIME): a
// tolerant index of offsets, header values, text for people, composition.
//
// Invariant: no input makes it fail or panic; what can't be understood is
// treated as RFC 2045 §5.2 says, as text. Nothing is decoded before it is asked
// for. Whatever the input, memory is bounded by MaxHeader, MaxDepth and
// MaxParts. The package starts no goroutines.
package message

import "time"

// Part is one node of a message's structure: a message or a body part. All
// offsets are octets from the start of the whole message.
//
// Start ≤ Body ≤ End, and whatever is inside a part lies between its Body and
// its End. A multipart always has at least one of Parts.
type Part struct {
	Start, Body, End int64 // header begins; body begins; body ends (without the CRLF before the boundary)
	Lines            int64 // line ends in the body; RFC 9051 §7.5.2's example, 4554 octets of base64 in lines of 60, counts 73 so too
	Type, Subtype    string
	Params           []Param // of Content-Type, decoded (RFC 2231), names in lower case
	ID, Description  string
	Encoding         string // Content-Transfer-Encoding, lower case; "7bit" where none was said
	MD5              string
	Disposition      string // lower case; "" where none was said
	DispParams       []Param
	Language         []string
	Location         string
	Parts            []*Part // of a multipart
	Message          *Part   // of a message/rfc822 (or global)
	Envelope         []byte  // IMAP wire text, of the message that this part is the root of (top level and Message)
}

// Param is one parameter of a structured header field.
type Param struct{ Name, Value string }

// Index is what is computed once, at delivery.
type Index struct {
	Root          *Part
	Header        []byte // the header block of the message as it came, with the empty line; at most MaxHeader octets
	Envelope      []byte // RFC 9051 §7.5.2 ENVELOPE as IMAP wire text, 7-bit clean (8-bit strings as literals are not used: quoted only, RFC 2047 kept as is; octets above 127 are encoded as RFC 2047 words)
	Structure     []byte // BODYSTRUCTURE with extension data, likewise
	BasicBody     []byte // BODY: the same without extension data
	MessageID     string // without brackets; "" if none
	InReplyTo     []string
	References    []string
	Subject       string    // decoded
	BaseSubject   string    // RFC 5256 §2.1
	Sent          time.Time // the Date field; zero if unusable
	HasAttachment bool
	UTF8Header    bool // a header block, of the message or of a part, has octets above 127 (RFC 6532)
}

// MaxHeader is how many octets of a header block are kept for reading; MaxDepth and MaxParts bound nesting.
const (
	MaxHeader = 1 << 20
	MaxDepth  = 100
	MaxParts  = 10000
)

// param is the value of a parameter, "" if there is none.
func param(params []Param, name string) string {
	for _, p := range params {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// is reports the part's media type.
func (p *Part) is(typ, subtype string) bool { return p.Type == typ && p.Subtype == subtype }

func (p *Part) isMultipart() bool { return p.Type == "multipart" }

// isMessage reports a part that holds a whole message (RFC 2046 §5.2.1, RFC 6532 §3.7).
func (p *Part) isMessage() bool {
	return p.Type == "message" && (p.Subtype == "rfc822" || p.Subtype == "global")
}

// isDeliveryStatus reports the part of a report that programs read and people can (RFC 3464 §2, RFC 6533 §4.1).
func (p *Part) isDeliveryStatus() bool {
	return p.Type == "message" && (p.Subtype == "delivery-status" || p.Subtype == "global-delivery-status")
}
