package message

import "strings"

// maxWords is how many words of one phrase or local part are read: more are
// no name that anyone has, and left out.
const maxWords = 1000

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

// addrList reads an address list element by element (RFC 5322 §3.4, §4.4), in
// time linear in its length. Its other fields are the state between two commas.
type addrList struct {
	s       string // what is not read yet
	words   []word
	comment string
	pending addr // the address, once its @ or > was seen
	has     bool
	angled  bool // it was in brackets
	inGroup bool
	ended   bool    // s was read to its end
	ready   [2]addr // elements read, not yet given out
	count   int     // of ready
}

// word is an atom or quoted string of a phrase or local part.
type word struct {
	text   string // unquoted
	quoted bool
	spaced bool // white space or a comment is before it
}

// next is the next element; ok is false behind the last.
func (l *addrList) next() (a addr, ok bool) {
	for l.count == 0 && !l.ended {
		l.element()
	}
	if l.count == 0 {
		return addr{}, false
	}
	a, l.ready[0] = l.ready[0], l.ready[1]
	l.count--
	return a, true
}

// element reads until something is ready or the list ends.
func (l *addrList) element() {
	spaced := false
	for l.s != "" && l.count == 0 {
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
	if l.count == 0 {
		l.end()
	}
}

// end gives out what the end of the list completes.
func (l *addrList) end() {
	l.ended = true
	l.flush()
	l.closeGroup()
}

// token handles what is neither white space nor comment.
func (l *addrList) token(c byte, spaced bool) {
	switch {
	case c == ',' || c == ';':
		l.s = l.s[1:]
		l.flush()
		if c == ';' {
			l.closeGroup()
		}
	case c == ':' && !l.inGroup && !l.has:
		l.s = l.s[1:]
		l.inGroup = true
		l.emit(addr{kind: groupStart, name: phrase(l.words)})
		l.words, l.comment = l.words[:0], ""
	case c == '<':
		l.again()
		l.angle()
	case c == '@' && !l.has:
		l.bare()
	case c == '@' && !spaced && len(l.words) > 0:
		l.missed()
		l.bare()
	default:
		l.word(c, spaced)
	}
}

func (l *addrList) closeGroup() {
	if l.inGroup {
		l.inGroup = false
		l.emit(addr{kind: groupEnd})
	}
}

// again meets a < behind an address. One without brackets was but a name, of
// somebody who forgot the quotes; so programs show it, and so those must judge
// it who ask whose letter this is.
func (l *addrList) again() {
	switch {
	case l.has && l.angled:
		l.missed()
	case l.has:
		a := l.pending
		name := strings.TrimSpace(a.name + " " + a.local + "@" + a.domain + " " + phrase(l.words))
		l.words = append(l.words[:0], word{text: name, quoted: true})
		l.pending, l.has = addr{}, false
	}
}

// missed ends an address behind which the comma is missing: the words there
// belong to the next one.
func (l *addrList) missed() {
	if l.pending.name == "" {
		l.pending.name = l.comment
	}
	l.emit(l.pending)
	l.comment, l.pending, l.has = "", addr{}, false
}

// atomEnd is what can't be in an atom of a list.
const atomEnd = "()<>,;:@\" \t\r\n"

// word reads an atom or quoted string.
func (l *addrList) word(c byte, spaced bool) {
	n := 1
	if c == '"' {
		n = quotedLength(l.s)
	} else if n += strings.IndexAny(l.s[1:], atomEnd); n == 0 {
		n = len(l.s)
	}
	text := l.s[:n]
	l.s = l.s[n:]
	if len(l.words) == maxWords {
		return
	}
	if c == '"' {
		text = unquote(text)
	}
	l.words = append(l.words, word{text, c == '"', spaced})
}

// angle reads <route:local@domain>. Without > it ends at a comma.
func (l *addrList) angle() {
	in := l.s[1:]
	n := angleLength(in)
	l.s = in[n:]
	in = in[:n]
	l.pending = addr{name: phrase(l.words)}
	if hasRoute(in) {
		if route, rest, ok := strings.Cut(in, ":"); ok {
			l.pending.route, in = squeeze(route), rest
		}
	}
	local, domain := cutLast(in)
	l.words = readWords(local, l.words[:0])
	l.pending.local, l.pending.domain = localPart(l.words), squeeze(domain)
	l.words, l.has, l.angled = l.words[:0], true, true
}

// hasRoute reports an obs-route (RFC 5322 §4.4) behind a <.
func hasRoute(s string) bool { return strings.HasPrefix(strings.TrimLeft(s, " \t\r\n"), "@") }

// angleLength is how far an address goes behind its <.
func angleLength(s string) int {
	route := hasRoute(s) // which has commas
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i += quotedLength(s[i:]) - 1
		case '(':
			i += commentLength(s[i:]) - 1
		case '>':
			return i
		case ',', ';':
			if !route {
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

// readWords splits a local part into its words, in the memory of words.
func readWords(s string, words []word) []word {
	l := addrList{s: s, words: words}
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
	l.s = behindGap(l.s[1:])
	n := domainLength(l.s)
	l.pending.domain, l.s = squeeze(l.s[:n]), l.s[n:]
	l.words, l.has, l.angled = l.words[:0], true, false
}

// domainLength is the length of the domain that s begins with: an atom or a
// literal in brackets, and what dots tie to it.
func domainLength(s string) int {
	n := labelLength(s)
	if strings.HasPrefix(s, "[") {
		if n = strings.IndexByte(s, ']') + 1; n == 0 {
			return len(s)
		}
	}
	for n > 0 {
		rest := behindGap(s[n:])
		gap := len(s) - n - len(rest)
		if gap == 0 || rest == "" || rest[0] != '.' && s[n-1] != '.' {
			break
		}
		more := labelLength(rest) // host (name) . example (RFC 5322 §4.4, obs-domain)
		if more == 0 {
			break
		}
		n += gap + more
	}
	return n
}

// labelLength is how far an atom goes, dots included.
func labelLength(s string) int {
	if n := strings.IndexAny(s, "()<>,;:\" \t\r\n"); n >= 0 {
		return n
	}
	return len(s)
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

// emit makes an element ready; never more than two are between two tokens.
func (l *addrList) emit(a addr) {
	l.ready[l.count] = a
	l.count++
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
	s := joinWords(words)
	if s == "" || isDotAtom(s) {
		return s
	}
	return quote(s)
}

func joinWords(words []word) string {
	if len(words) == 1 {
		return words[0].text
	}
	var out strings.Builder
	for _, w := range words {
		out.WriteString(w.text)
	}
	return out.String()
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
