package dsn

import (
	"fmt"
	"strconv"
	"strings"
)

// writeStatus writes the part for programs (RFC 3464 §2). It is the kind with
// UTF-8 where an address is beyond ASCII.
func (r *Report) writeStatus(b *strings.Builder) {
	utf8 := r.needsUTF8()
	if utf8 { // RFC 6533 §4.1; §6.4: the encoding is a must
		b.WriteString("Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
	} else {
		b.WriteString("Content-Type: message/delivery-status\r\n\r\n")
	}
	var fields strings.Builder
	fmt.Fprintf(&fields, "Reporting-MTA: dns; %s\r\n", line(r.Host))
	if r.EnvID != "" {
		fmt.Fprintf(&fields, "Original-Envelope-Id: %s\r\n", line(r.EnvID)) // RFC 3464 §2.2.1
	}
	if !r.Arrived.IsZero() {
		fmt.Fprintf(&fields, "Arrival-Date: %s\r\n", date(r.Arrived))
	}
	for _, to := range r.Recipients {
		r.writeRecipient(&fields, &to, utf8)
	}
	if utf8 {
		b.WriteString(fields.String())
	} else {
		b.WriteString(ascii(fields.String()))
	}
}

// writeRecipient writes the fields of RFC 3464 §2.3 in its order.
func (r *Report) writeRecipient(b *strings.Builder, to *ReportRecipient, utf8 bool) {
	action := r.action(to)
	b.WriteString("\r\n")
	if to.Original != "" {
		fmt.Fprintf(b, "Original-Recipient: %s\r\n", original(to.Original, utf8))
	}
	fmt.Fprintf(b, "Final-Recipient: %s\r\nAction: %s\r\nStatus: %s\r\n", typed(to.Address, "; "), action, statusCode(to.Status))
	if to.Status.Remote != "" && to.Status.Reply != 0 { // RFC 3464 §2.3.5: if it told us
		fmt.Fprintf(b, "Remote-MTA: dns; %s\r\n", line(to.Status.Remote))
	}
	if to.Status.Reply != 0 {
		fmt.Fprintf(b, "Diagnostic-Code: smtp; %s\r\n", line(to.Status.String()))
	}
	fmt.Fprintf(b, "Last-Attempt-Date: %s\r\n", date(r.Now))
	if action == delayed && !r.Until.IsZero() { // RFC 3464 §2.3.9: in no other
		fmt.Fprintf(b, "Will-Retry-Until: %s\r\n", date(r.Until))
	}
}

// typed is an address with its type before it.
func typed(address, separator string) string {
	address = line(address)
	if isASCII(address) {
		return "rfc822" + separator + address
	}
	return "utf-8" + separator + address // RFC 6533 §3
}

// original is an ORCPT value, or an address without a type, as a field has it.
func original(orcpt string, utf8 bool) string {
	kind, address, ok := strings.Cut(line(orcpt), ";")
	if !ok {
		return typed(orcpt, ";")
	}
	if utf8 && strings.EqualFold(strings.TrimSpace(kind), "utf-8") {
		address = decodeUnitext(address)
	}
	return kind + ";" + address
}

// decodeUnitext undoes \x{HEX} (RFC 6533 §3, §4.1). An address with a broken one
// stays as it is, all of it.
func decodeUnitext(s string) string {
	var out strings.Builder
	rest := s
	for {
		before, after, ok := strings.Cut(rest, `\x{`)
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		hex, next, closed := strings.Cut(after, "}")
		n, err := strconv.ParseUint(hex, 16, 21)
		if !closed || err != nil || len(hex) > 6 || n < ' ' || 0x7f <= n && n < 0xa0 || n > 0x10ffff {
			return s
		}
		out.WriteRune(rune(n))
		rest = next
	}
}

// action is what became of a recipient (RFC 3464 §2.3.3), the worst the least.
type action int

const (
	failed action = iota
	delayed
	relayed
	expanded
	delivered
)

func (a action) String() string {
	return [...]string{"failed", "delayed", "relayed", "expanded", "delivered"}[a]
}

func (r *Report) action(to *ReportRecipient) action {
	switch {
	case to.Status.OK() && to.Expanded:
		return expanded
	case to.Status.OK() && to.Relayed:
		return relayed
	case to.Status.OK():
		return delivered
	case r.Delayed:
		return delayed
	}
	return failed
}

// statusCode is the enhanced code, or the general one of its class.
func statusCode(s Status) string {
	if !s.Code.IsZero() {
		return s.Code.String()
	}
	if c := s.class(); c == 2 || c == 4 {
		return fmt.Sprintf("%d.0.0", c)
	}
	return "5.0.0"
}

// needsUTF8 reports an address beyond ASCII. A server's words alone are no
// reason: fewer programs read that kind.
func (r *Report) needsUTF8() bool {
	for _, to := range r.Recipients {
		if !isASCII(to.Address) || !isASCII(to.Original) {
			return true
		}
	}
	return false
}

// ascii has a question mark for each other character.
func ascii(s string) string {
	return strings.Map(func(c rune) rune {
		if c > 0x7e {
			return '?'
		}
		return c
	}, s)
}
