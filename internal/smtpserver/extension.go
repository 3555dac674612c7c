package smtpserver

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tem/internal/sasl"
	"tem/internal/wire/smtp"
)

// extension is one row of what EHLO and LHLO offer.
type extension struct {
	name  string
	when  func(*session) bool   // nil: always
	value func(*session) string // nil: none
}

// extensions are in the order in which they are said. What is offered is also
// what is taken: see parameters.
var extensions = []extension{
	{name: "PIPELINING"}, // RFC 2920
	{name: "SIZE", value: func(x *session) string { return strconv.FormatInt(x.o.MaxSize, 10) }}, // RFC 1870
	{name: "8BITMIME"},            // RFC 6152
	{name: "CHUNKING"},            // RFC 3030
	{name: "BINARYMIME"},          // RFC 3030
	{name: "ENHANCEDSTATUSCODES"}, // RFC 2034
	{name: "SMTPUTF8"},            // RFC 6531
	{name: "DSN"},                 // RFC 3461
	{name: "LIMITS", value: func(x *session) string { return "RCPTMAX=" + strconv.Itoa(x.o.MaxRecipients) }}, // RFC 9422
	{name: "DELIVERBY", when: (*session).relays},                                                             // RFC 2852; no time is too short
	{name: "MT-PRIORITY", when: (*session).relays},                                                           // RFC 6710; no profile is followed
	{name: "FUTURERELEASE", when: (*session).holds, value: (*session).longestHold},                           // RFC 4865
	{name: "RRVS", when: (*session).delivers},                                                                // RFC 7293
	{name: "REQUIRETLS", when: func(x *session) bool { return x.c.TLS() != nil }},                            // RFC 8689 §2
	{name: "STARTTLS", when: func(x *session) bool { return x.o.TLS != nil && x.c.TLS() == nil }},            // RFC 3207
	{name: "AUTH", when: func(x *session) bool { return x.mayAuth() && x.principal == "" }, value: (*session).mechanisms},
	{name: "XCLIENT", when: (*session).trusted, value: func(*session) string { return smtp.XClientNames }},
	{name: "HELP"},
}

// offered are the lines that say what there is.
func (x *session) offered() (lines []string) {
	for _, e := range extensions {
		if e.when != nil && !e.when(x) {
			continue
		}
		l := e.name
		if e.value != nil {
			l += " " + e.value(x)
		}
		lines = append(lines, l)
	}
	return lines
}

func (x *session) mechanisms() string {
	return strings.Join(sasl.Mechanisms(x.o.Auth, sasl.Under(x.c)), " ")
}

// relays reports that mail may leave from here, by way of the queue.
func (x *session) relays() bool { return x.o.Mode != LMTP }

// delivers reports that mail comes here to stay.
func (x *session) delivers() bool { return x.o.Mode != Submission }

// holds reports that this client may ask for a later release (RFC 4865 §3: an extension of submission).
func (x *session) holds() bool { return x.o.Mode == Submission || x.principal != "" }

// maxHold is how long a message may be held back.
const maxHold = 30 * 24 * time.Hour

func (x *session) longestHold() string {
	return fmt.Sprintf("%d %s", int(maxHold/time.Second), x.o.Now().UTC().Add(maxHold).Format(time.RFC3339))
}
