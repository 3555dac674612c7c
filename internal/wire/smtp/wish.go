package smtp

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tem/internal/message/dsn"
)

// The longest ORCPT and ENVID (RFC 3461 §5).
const (
	maxORCPT = 500
	maxEnvID = 100
)

// notParam is the answer to a value that is not what the standard has there.
func notParam(name, value, want string) *Reply {
	return NewReply(501, "5.5.4", name+"="+value+": not "+want)
}

// outcomes are the members of a NOTIFY that is not NEVER, in the order in which they are written.
var outcomes = []struct {
	bit  dsn.Notify
	word string
}{{dsn.NotifySuccess, "SUCCESS"}, {dsn.NotifyFailure, "FAILURE"}, {dsn.NotifyDelay, "DELAY"}}

// outcome is what a word of NOTIFY stands for; 0: nothing.
func outcome(word string) dsn.Notify {
	for _, o := range outcomes {
		if strings.EqualFold(o.word, word) {
			return o.bit
		}
	}
	return 0
}

// ParseNotify reads NOTIFY (RFC 3461 §4.1). The error is a *Reply, as in all that parse parameters.
func ParseNotify(value string) (dsn.Notify, error) {
	if strings.EqualFold(value, "NEVER") {
		return dsn.NotifyNever, nil
	}
	var n dsn.Notify
	for word := range strings.SplitSeq(value, ",") {
		member := outcome(word)
		if member == 0 {
			return 0, notParam("NOTIFY", value, "NEVER, nor a list of SUCCESS, FAILURE and DELAY")
		}
		n |= member
	}
	return n, nil
}

// ParseORCPT reads ORCPT (RFC 3461 §4.2) and decodes the address behind its
// type: "rfc822;an+b@example". UTF-8 may stand in it as it is where SMTPUTF8 was said (raw, RFC 6533 §3).
func ParseORCPT(value string, raw bool) (string, error) {
	wrong := notParam("ORCPT", value, "a type; and an address in xtext")
	kind, encoded, _ := strings.Cut(value, ";")
	if !isAtom(kind) || encoded == "" || len(value) > maxORCPT || !raw && !isPrintable(value) {
		return "", wrong
	}
	if strings.EqualFold(kind, "utf-8") {
		a, ok := decodeUnitext(encoded)
		if !ok || strings.ContainsFunc(a, unicode.IsControl) {
			return "", wrong
		}
		return kind + ";" + a, nil
	}
	a, ok := DecodeXtext(encoded)
	switch {
	case ok && isPrintable(a):
		return kind + ";" + a, nil
	case ok && strings.EqualFold(kind, "rfc822") && utf8.ValidString(a) && !strings.ContainsFunc(a, unicode.IsControl):
		return "utf-8;" + a, nil // QUIRK(Postfix): it writes the octets of UTF-8 in xtext, under the type of ASCII
	}
	return "", wrong
}

// isAtom is RFC 822's atom, without '+' and '=', which no parameter may hold.
func isAtom(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\".[]+=`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// ParseEnvID reads ENVID and decodes it (RFC 3461 §4.4).
func ParseEnvID(value string) (string, error) {
	id, ok := DecodeXtext(value)
	if !ok || value == "" || len(value) > maxEnvID || !isPrintable(id) {
		return "", notParam("ENVID", value, "at most 100 characters of xtext")
	}
	return id, nil
}

// ParseReturn reads RET (RFC 3461 §4.3).
func ParseReturn(value string) (dsn.Return, error) {
	switch r := dsn.Return(strings.ToUpper(value)); r {
	case dsn.ReturnFull, dsn.ReturnHeader:
		return r, nil
	}
	return "", notParam("RET", value, "FULL or HDRS")
}
