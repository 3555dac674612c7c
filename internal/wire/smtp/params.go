package smtp

import (
	"strconv"
	"strings"
	"time"

	"tem/internal/message/dsn"
)

// has reports whether the server offers an extension.
func (c *Client) has(keyword string) bool {
	_, ok := c.Ext[keyword]
	return ok
}

// Limit is what the server says under LIMITS (RFC 9422 §4): "MAILMAX", "RCPTMAX"; 0 for nothing.
func (c *Client) Limit(name string) int {
	for word := range strings.FieldsSeq(c.Ext["LIMITS"]) {
		key, value, _ := strings.Cut(word, "=")
		if n, err := strconv.Atoi(value); err == nil && n > 0 && strings.EqualFold(key, name) {
			return n
		}
	}
	return 0
}

// refuse is what we know the server would say, without asking it.
func (c *Client) refuse(t *Transaction) *Reply {
	if strings.ContainsAny(t.From, unsendable) {
		return NewReply(553, "5.1.7", "the address can't be sent")
	}
	for _, a := range t.To {
		if strings.ContainsAny(a, unsendable) {
			return NewReply(553, "5.1.3", "the address can't be sent")
		}
	}
	if most, err := strconv.ParseInt(c.Ext["SIZE"], 10, 64); err == nil && most > 0 && t.Size > most { // RFC 1870 §6.1
		return NewReply(552, "5.3.4", "the message has "+strconv.FormatInt(t.Size, 10)+" octets, the server takes "+strconv.FormatInt(most, 10))
	}
	return c.lacks(t)
}

const unsendable = "\r\n<>\x00"

// lacks is why a server without the extension that a message needs must not get it.
func (c *Client) lacks(t *Transaction) *Reply {
	switch {
	case t.UTF8 && !c.has("SMTPUTF8"): // RFC 6531 §3.5
		return NewReply(550, "5.6.7", "the server does not take internationalised addresses (SMTPUTF8)")
	case t.Binary && !(c.has("BINARYMIME") && c.has("CHUNKING")):
		// RFC 3030 §3 (2) leaves converting or returning. Converting would break
		// signatures, and senders of binary content know what they ask for.
		return NewReply(554, "5.6.3", "the server does not take binary content (BINARYMIME)")
	case t.RequireTLS && !c.has("REQUIRETLS"): // RFC 8689 §4.2.1
		return NewReply(550, "5.7.30", "the sender requires TLS all the way, and the server does not keep to that (REQUIRETLS)")
	case t.By.Return && !c.has("DELIVERBY"): // RFC 2852 §4.1.5: not to be relayed then
		return NewReply(550, "5.3.3", "the sender's time limit can't be passed on (DELIVERBY)")
	case t.By.Return && t.remains() < max(1, c.soonest()):
		return NewReply(550, "5.4.7", "the sender's time limit is too short for the server")
	}
	return nil
}

// soonest is the shortest time limit that the server takes, in seconds (RFC 2852 §4).
func (c *Client) soonest() int64 {
	n, err := strconv.ParseInt(c.Ext["DELIVERBY"], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// maxBy is the largest by-time that can be written, in either direction (RFC 2852 §4).
const maxBy = 999999999

// remains is what is left of the sender's time limit, in seconds; negative when it is over.
func (t *Transaction) remains() int64 {
	return min(max(int64(time.Until(t.By.Time)/time.Second), -maxBy), maxBy)
}

// appendMail appends the MAIL command, with each parameter that is asked for and offered.
func (c *Client) appendMail(b []byte, t *Transaction) []byte {
	b = append(append(append(b, "MAIL FROM:<"...), t.From...), '>')
	if t.Size > 0 && c.has("SIZE") {
		b = strconv.AppendInt(append(b, " SIZE="...), t.Size, 10)
	}
	switch {
	case t.Binary:
		b = append(b, " BODY=BINARYMIME"...)
	case t.EightBit && c.has("8BITMIME"):
		b = append(b, " BODY=8BITMIME"...)
	}
	if t.UTF8 {
		b = append(b, " SMTPUTF8"...)
	}
	if t.RequireTLS {
		b = append(b, " REQUIRETLS"...)
	}
	if t.Priority != 0 && c.has("MT-PRIORITY") { // RFC 6710 §4
		b = strconv.AppendInt(append(b, " MT-PRIORITY="...), int64(t.Priority), 10)
	}
	if !t.By.Time.IsZero() && c.has("DELIVERBY") {
		b = t.appendBy(b)
	}
	if c.has("DSN") {
		b = t.appendReturn(b)
	}
	return b
}

// appendBy appends the time limit (RFC 2852 §4).
func (t *Transaction) appendBy(b []byte) []byte {
	b = strconv.AppendInt(append(b, " BY="...), t.remains(), 10)
	if t.By.Return {
		b = append(b, ";R"...)
	} else {
		b = append(b, ";N"...)
	}
	if t.By.Trace {
		b = append(b, 'T')
	}
	return b
}

// appendReturn appends what a report is to have (RFC 3461 §4.3, §4.4).
func (t *Transaction) appendReturn(b []byte) []byte {
	if t.Return != "" {
		b = append(append(b, " RET="...), t.Return...)
	}
	if id := xtext(t.EnvID); t.EnvID != "" && len(id) <= maxEnvID {
		b = append(append(b, " ENVID="...), id...)
	}
	return b
}

// appendRcpt appends the RCPT command of recipient i.
func (c *Client) appendRcpt(b []byte, t *Transaction, i int) []byte {
	b = append(append(append(b, "RCPT TO:<"...), t.To[i]...), '>')
	if i >= len(t.Wishes) || !c.has("DSN") {
		return b
	}
	w := &t.Wishes[i]
	if n := notify(w.Notify); n != "" {
		b = append(append(b, " NOTIFY="...), n...)
	}
	if o := orcpt(w.ORCPT); o != "" && len(o) <= maxORCPT {
		b = append(append(b, " ORCPT="...), o...)
	}
	return b
}

// notify is the value of NOTIFY, "" for what was not said (RFC 3461 §4.1).
func notify(n dsn.Notify) string {
	if n&dsn.NotifyNever != 0 {
		return "NEVER"
	}
	var words []string
	for _, o := range outcomes {
		if n&o.bit != 0 {
			words = append(words, o.word)
		}
	}
	return strings.Join(words, ",")
}

// orcpt is the value of ORCPT, "" for what can't be written (RFC 3461 §4.2, RFC 6533 §3).
func orcpt(s string) string {
	kind, address, ok := strings.Cut(s, ";")
	switch {
	case !ok || kind == "" || strings.Trim(kind, atoms) != "":
		return ""
	case strings.EqualFold(kind, "utf-8"):
		return kind + ";" + unitext(address)
	case !isASCII(address):
		return ""
	}
	return kind + ";" + xtext(address)
}

const atoms = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 0x7e }) < 0
}
