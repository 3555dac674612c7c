package smtp

import (
	"net/netip"
	"strconv"
	"strings"
)

// XClient is what a proxy says of the client behind it: Postfix's XCLIENT
// (https://www.postfix.org/XCLIENT_README.html), and the names of the attributes in it.
type XClient map[string]string

// XClientNames are the attributes that there are, in the order of the server's offer.
const XClientNames = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"

// ParseXClient reads the argument of XCLIENT. What is [UNAVAILABLE] or
// [TEMPUNAVAIL] is "" in the result. The error is a *Reply.
func ParseXClient(arg string) (XClient, error) {
	all := XClient{}
	for word := range strings.FieldsSeq(arg) {
		name, encoded, _ := strings.Cut(word, "=")
		name = strings.ToUpper(name)
		value, ok := DecodeXtext(encoded)
		if strings.EqualFold(value, "[UNAVAILABLE]") || strings.EqualFold(value, "[TEMPUNAVAIL]") {
			value = ""
		} else if value == "" {
			ok = false
		}
		if _, again := all[name]; again || !ok || !isPrintable(value) || !all.fits(name, value) {
			return nil, NewReply(501, "5.5.4", word+": not an attribute of a client")
		}
		all[name] = value
	}
	if len(all) == 0 {
		return nil, NewReply(501, "5.5.4", "Syntax: XCLIENT attribute=value ...")
	}
	return all, nil
}

// fits says whether the attribute is there, and can have the value.
func (XClient) fits(name, value string) bool {
	switch name {
	case "NAME", "HELO", "LOGIN":
		return len(value) <= 255
	case "PROTO":
		return value == "" || strings.EqualFold(value, "SMTP") || strings.EqualFold(value, "ESMTP")
	case "PORT", "DESTPORT":
		_, err := strconv.ParseUint(value, 10, 16)
		return value == "" || err == nil
	case "ADDR", "DESTADDR":
		return value == "" || parseXAddr(value).IsValid()
	}
	return false
}

// parseXAddr reads an address, with IPV6: before one of IPv6 or, from old proxies, without.
func parseXAddr(s string) netip.Addr {
	const mark = "IPV6:"
	if len(s) > len(mark) && strings.EqualFold(s[:len(mark)], mark) {
		s = s[len(mark):]
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}
	}
	return a.Unmap()
}

// Addr is the value of ADDR or DESTADDR; invalid if it is not known.
func (c XClient) Addr(name string) netip.Addr { return parseXAddr(c[name]) }

// Port is the value of PORT or DESTPORT; 0 if it is not known.
func (c XClient) Port(name string) uint16 {
	n, _ := strconv.ParseUint(c[name], 10, 16)
	return uint16(n)
}
