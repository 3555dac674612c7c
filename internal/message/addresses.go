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
	for a := range addresses(value) {
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

// mailbox decodes an address; ok is false for an empty one such as <>.
func (a addr) mailbox() (m Mailbox, ok bool) {
	m = Mailbox{Name: cleanText(DecodeWords(a.name)), Address: a.local}
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
	case needsWords(m.Name):
		return EncodeWords(m.Name) + " <" + m.Address + ">"
	case isPhrase(m.Name):
		return m.Name + " <" + m.Address + ">"
	}
	return quote(m.Name) + " <" + m.Address + ">"
}

// addr is one element of an address list as it stands there: words not
// decoded, local part in its written form.
type addr struct {
	kind                       addrKind
	name, route, local, domain string
}

type addrKind int

const (
	single     addrKind = iota
	groupStart          // name is the group's
	groupEnd
)

// addresses iterates over the elements of an address list (RFC 5322 §3.4, §4.4).
func addresses(value string) func(yield func(addr) bool) {
	return func(yield func(addr) bool) {
		l := addrList{s: value, yield: yield}
		l.run()
	}
}

// addrList is the state between two commas.
type addrList struct {
	s       string
	yield   func(addr) bool
	words   []word
	comment string
	pending addr // the address, once its @ or > was seen
	has     bool
	inGroup bool
	stopped bool
}

// word is an atom or quoted string of a phrase or local part.
type word struct {
	text   string // unquoted
	quoted bool
	spaced bool // white space or a comment is before it
}

func (l *addrList) run() {
	spaced := false
	for l.s != "" && !l.stopped {
		c := l.s[0]
		switch {
		case isSpace(c) || c == '>':
			l.s = l.s[1:]
		case c == '(':
			n := commentLength(l.s)
			l.comment = strings.TrimSpace(unquote(l.s[:n]))
			l.s = l.s[n:]
		default:
			l.token(c, spaced)
			spaced = false
			continue
		}
		spaced = true
	}
	l.flush()
	if l.inGroup {
		l.emit(addr{kind: groupEnd})
	}
}

// token handles what is neither white space nor comment.
func (l *addrList) token(c byte, spaced bool) {
	switch {
	case c == ',' || c == ';':
		l.s = l.s[1:]
		l.flush()
		if c == ';' && l.inGroup {
			l.inGroup = false
			l.emit(addr{kind: groupEnd})
		}
	case c == ':' && !l.inGroup && !l.has:
		l.s = l.s[1:]
		l.inGroup = true
		l.emit(addr{kind: groupStart, name: phrase(l.words)})
		l.words, l.comment = l.words[:0], ""
	case c == '<' && !l.has:
		l.angle()
	case c == '@' && !l.has:
		l.bare()
	default:
		l.word(c, spaced)
	}
}

// word reads an atom or quoted string.
func (l *addrList) word(c byte, spaced bool) {
	n := 1
	if c == '"' {
		n = quotedLength(l.s)
		l.words = append(l.words, word{unquote(l.s[:n]), true, spaced})
	} else {
		if n += strings.IndexAny(l.s[1:], "()<>,;:@\" \t\r\n"); n == 0 {
			n = len(l.s)
		}
		l.words = append(l.words, word{l.s[:n], false, spaced})
	}
	l.s = l.s[n:]
}

// angle reads <route:local@domain>. Without > it ends at a comma.
func (l *addrList) angle() {
	in := l.s[1:]
	n := angleLength(in)
	l.s = in[n:]
	in = in[:n]
	l.pending = addr{name: phrase(l.words)}
	if strings.HasPrefix(strings.TrimSpace(in), "@") { // obs-route
		if route, rest, ok := strings.Cut(in, ":"); ok {
			l.pending.route, in = squeeze(route), rest
		}
	}
	local, domain := cutLast(in)
	l.pending.local, l.pending.domain = localPart(readWords(local)), squeeze(domain)
	l.words, l.has = l.words[:0], true
}

// angleLength is how far an address goes behind its <.
func angleLength(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i += quotedLength(s[i:]) - 1
		case '(':
			i += commentLength(s[i:]) - 1
		case '>':
			return i
		case ',', ';':
			if !strings.HasPrefix(strings.TrimSpace(s), "@") { // a route has commas
				return i
			}
		}
	}
	return len(s)
}

// cutLast splits at the last @ that is not in quotes.
func cutLast(s string) (local, domain string) {
	at := -1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i += quotedLength(s[i:]) - 1
		case '(':
			i += commentLength(s[i:]) - 1
		case '@':
			at = i
		}
	}
	if at < 0 {
		return s, ""
	}
	return s[:at], s[at+1:]
}

// readWords splits a local part into its words.
func readWords(s string) []word {
	l := addrList{s: s}
	for l.s != "" {
		switch c := l.s[0]; {
		case c == '(':
			l.s = l.s[commentLength(l.s):]
		case isSpace(c):
			l.s = l.s[1:]
		default:
			l.word(c, false)
		}
	}
	return l.words
}

// bare reads local@domain where the words before the @ are the local part,
// save those that no dot ties to it: they are a name without its brackets.
func (l *addrList) bare() {
	i := max(len(l.words)-1, 0)
	for i > 0 && tied(l.words[i-1], l.words[i]) {
		i--
	}
	l.pending = addr{name: phrase(l.words[:i]), local: localPart(l.words[i:])}
	l.s = strings.TrimLeft(l.s[1:], " \t\r\n")
	n := strings.IndexAny(l.s, "()<>,;:\" \t\r\n")
	if strings.HasPrefix(l.s, "[") { // domain-literal
		n = strings.IndexByte(l.s, ']') + 1
	}
	if n < 0 || n == 0 && strings.HasPrefix(l.s, "[") {
		n = len(l.s)
	}
	l.pending.domain, l.s = l.s[:n], l.s[n:]
	l.dottedRest()
	l.words, l.has = l.words[:0], true
}

// dottedRest takes in "host . example" (RFC 5322 §4.4, obs-domain).
func (l *addrList) dottedRest() {
	for {
		rest := strings.TrimLeft(l.s, " \t\r\n")
		if len(rest) == len(l.s) || rest == "" || l.pending.domain == "" {
			return
		}
		if rest[0] != '.' && !strings.HasSuffix(l.pending.domain, ".") {
			return
		}
		n := strings.IndexAny(rest, "()<>,;:\" \t\r\n")
		if n < 0 {
			n = len(rest)
		}
		if n == 0 {
			return
		}
		l.pending.domain += rest[:n]
		l.s = rest[n:]
	}
}

// tied reports that two words belong to one local part (obs-local-part).
func tied(a, b word) bool {
	return !b.spaced || !a.quoted && strings.HasSuffix(a.text, ".") || !b.quoted && strings.HasPrefix(b.text, ".")
}

// flush ends an element.
func (l *addrList) flush() {
	switch {
	case l.has:
		if l.pending.name == "" {
			l.pending.name = phrase(l.words)
		}
	case len(l.words) > 0:
		l.pending = addr{local: localPart(l.words)}
		l.has = true
	}
	if l.has {
		if l.pending.name == "" {
			l.pending.name = l.comment // the name of old: user@host (Name)
		}
		l.emit(l.pending)
	}
	l.words, l.comment, l.pending, l.has = l.words[:0], "", addr{}, false
}

func (l *addrList) emit(a addr) {
	if !l.stopped {
		l.stopped = !l.yield(a)
	}
}

// phrase joins words as they stood.
func phrase(words []word) string {
	if len(words) == 1 {
		return words[0].text
	}
	var out strings.Builder
	for i, w := range words {
		if i > 0 && w.spaced {
			out.WriteByte(' ')
		}
		out.WriteString(w.text)
	}
	return out.String()
}

// localPart joins words to a local part, quoted if it needs that.
func localPart(words []word) string {
	var s string
	for _, w := range words {
		s += w.text
	}
	if s == "" || isDotAtom(s) {
		return s
	}
	return quote(s)
}

// squeeze takes white space and comments out.
func squeeze(s string) string {
	if !strings.ContainsAny(s, "( \t\r\n") {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '(':
			i += commentLength(s[i:]) - 1
		case !isSpace(s[i]):
			out.WriteByte(s[i])
		}
	}
	return out.String()
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
