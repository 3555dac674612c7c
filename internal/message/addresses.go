package message

import "strings"

// Mailbox is one address of an address list, decoded. A group's members follow it; Group is its name on each.
type Mailbox struct {
	Name    string // decoded display name
	Address string // local@domain
	Group   string
}

// Addresses reads an address list field tolerantly: RFC 5322 with its obsolete
// forms, and the common mistakes. A group without members is one Mailbox that
// has only Group.
func Addresses(value string) []Mailbox {
	var all []Mailbox
	group, members := "", 0
	l := addrList{s: value}
	for a, ok := l.next(); ok && len(all) < maxMailboxes; a, ok = l.next() {
		switch a.kind {
		case groupStart:
			group, members = DecodeWords(a.name), 0
		case groupEnd:
			if members == 0 && group != "" {
				all = append(all, Mailbox{Group: group})
			}
			group = ""
		case single:
			if m, ok := a.mailbox(); ok {
				m.Group = group
				all = append(all, m)
				members++
			}
		}
	}
	return all
}

// maxMailboxes is how many mailboxes of one field are read.
const maxMailboxes = 10000

// mailbox decodes an address; ok is false for an empty one such as <>.
func (a addr) mailbox() (m Mailbox, ok bool) {
	m = Mailbox{Name: DecodeWords(a.name), Address: a.local}
	if a.domain != "" {
		m.Address += "@" + a.domain
	}
	return m, a.local != ""
}

// String writes a mailbox with its name encoded where needed (RFC 2047).
func (m Mailbox) String() string {
	switch {
	case m.Name == "":
		return m.Address
	case needsWords(m.Name) || hasLongToken(m.Name):
		return EncodeWords(m.Name) + " <" + m.Address + ">"
	case isPhrase(m.Name):
		return m.Name + " <" + m.Address + ">"
	}
	return quote(m.Name) + " <" + m.Address + ">"
}

// isDotAtom reports atoms with dots between them; octets above 127 are let
// through (RFC 6532 §3.2). Dots at odd places are too: some hosts have such users.
func isDotAtom(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`()<>[]:;@\,"`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// isPhrase reports a name of atoms and single spaces, which needs no quotes.
func isPhrase(s string) bool {
	for w := range strings.SplitSeq(s, " ") {
		if !isDotAtom(w) || strings.IndexByte(w, '.') >= 0 {
			return false
		}
	}
	return true
}

// quote makes a quoted string; control characters are left out.
func quote(s string) string {
	out := make([]byte, 0, len(s)+8)
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c >= ' ' && c != 0x7f || c == '\t':
			out = append(out, c)
		}
	}
	return string(append(out, '"'))
}
