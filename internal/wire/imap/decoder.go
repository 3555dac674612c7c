package imap

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// decoder reads the text of one command. Literals lie in it as they came: the
// marker, CRLF, the octets. The first error stays; what is read after it is
// empty, so that parsers need not look at every step.
type decoder struct {
	Mode
	b     []byte
	pos   int
	depth int
	items int // of lists, and search keys
	err   error
	code  string // response code that goes with err, or ""
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format+" (at octet %d)", append(args, d.pos+1)...)
		d.pos = len(d.b)
	}
}

// peek is the next octet, 0 at the end.
func (d *decoder) peek() byte {
	if d.pos < len(d.b) {
		return d.b[d.pos]
	}
	return 0
}

func (d *decoder) take(c byte) bool {
	if d.pos < len(d.b) && d.b[d.pos] == c {
		d.pos++
		return true
	}
	return false
}

func (d *decoder) want(c byte) {
	if !d.take(c) {
		d.fail("expected %q", string(c))
	}
}

func (d *decoder) sp() { d.want(' ') }

func (d *decoder) end() {
	if d.pos < len(d.b) {
		d.fail("unexpected text at the end")
	}
}

// enter and leave bound how deep the parser recurses.
func (d *decoder) enter() {
	if d.depth++; d.depth > MaxDepth {
		d.fail("nested too deep: more than %d levels", MaxDepth)
	}
}

func (d *decoder) leave() { d.depth-- }

// count bounds how much one command asks for.
func (d *decoder) count() {
	if d.items++; d.items > MaxItems {
		d.fail("more than %d items in one command", MaxItems)
	}
}

// span reads octets while ok.
func (d *decoder) span(ok func(byte) bool) []byte {
	start := d.pos
	for d.pos < len(d.b) && ok(d.b[d.pos]) {
		d.pos++
	}
	return d.b[start:d.pos]
}

// RFC 9051 §9: ATOM-CHAR, ASTRING-CHAR, list-char. Octets above 127 are let
// through where text is read, as old clients send them.
func isAtomChar(c byte) bool {
	return c > ' ' && c != 0x7f && !strings.ContainsRune(`(){%*"\]`, rune(c))
}
func isAstringChar(c byte) bool { return isAtomChar(c) || c == ']' }
func isListChar(c byte) bool    { return isAstringChar(c) || c == '%' || c == '*' }
func isTagChar(c byte) bool     { return isAstringChar(c) && c != '+' && c < 0x7f }
func isDigit(c byte) bool       { return '0' <= c && c <= '9' }

func (d *decoder) atom() string {
	a := d.span(isAtomChar)
	if len(a) == 0 {
		d.fail("expected an atom")
	}
	return string(a)
}

// word is an atom in capitals: a keyword of the grammar.
func (d *decoder) word() string { return strings.ToUpper(d.atom()) }

// oneOf is a word of a closed list; what says what they are.
func (d *decoder) oneOf(what string, words ...string) string {
	w := d.word()
	if !slices.Contains(words, w) {
		d.fail("unknown %s", what)
	}
	return w
}

func (d *decoder) number64() int64 {
	digits := d.span(isDigit)
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		d.fail("expected a number")
		return 0
	}
	return n
}

// unsigned64 reads a number of 64 bits, such as an X-GM-MSGID.
func (d *decoder) unsigned64() uint64 {
	n, err := strconv.ParseUint(string(d.span(isDigit)), 10, 64)
	if err != nil {
		d.fail("expected a number")
		return 0
	}
	return n
}

// modSeq is a mod-sequence-valzer: 63 bits (RFC 7162 §7).
func (d *decoder) modSeq() uint64 { return uint64(d.number64()) }

// nonZero is an nz-number (RFC 9051 §9).
func (d *decoder) nonZero() uint32 {
	n := d.number32()
	if n == 0 {
		d.fail("expected a number above 0")
	}
	return n
}

func (d *decoder) number32() uint32 {
	n := d.number64()
	if n > math.MaxUint32 {
		d.fail("number too large")
		return 0
	}
	return uint32(n)
}

func (d *decoder) astring() string { return d.stringOr(isAstringChar) }

// stringOr reads a string, or an unquoted one of the octets that ok allows.
func (d *decoder) stringOr(ok func(byte) bool) string {
	switch d.peek() {
	case '"', '{':
		return d.str()
	}
	s := d.span(ok)
	if len(s) == 0 {
		d.fail("expected a string")
	}
	return string(s)
}

func (d *decoder) str() string {
	switch d.peek() {
	case '"':
		return d.quoted()
	case '{':
		return d.literal()
	}
	d.fail("expected a string")
	return ""
}

// nstring reads a string or NIL, which is "".
func (d *decoder) nstring() string {
	if c := d.peek(); c == '"' || c == '{' {
		return d.str()
	}
	if d.word() != "NIL" {
		d.fail("expected a string or NIL")
	}
	return ""
}

func (d *decoder) quoted() string {
	d.want('"')
	var s []byte
	for d.pos < len(d.b) {
		c := d.b[d.pos]
		d.pos++
		switch {
		case c == '"' && d.UTF8 && !utf8.Valid(s): // RFC 6855 §3
			d.fail("a quoted string is not UTF-8")
			return ""
		case c == '"':
			return string(s)
		case c == '\\' && (d.peek() == '"' || d.peek() == '\\'):
			s = append(s, d.b[d.pos])
			d.pos++
		case c == '\\' || c == '\r' || c == '\n' || c == 0:
			d.fail("a quoted string may not hold %q here", string(rune(c)))
			return ""
		default:
			s = append(s, c)
		}
	}
	d.fail("a quoted string has no end")
	return ""
}

func (d *decoder) literal() string {
	text := d.octets()
	if bytes.IndexByte(text, 0) >= 0 { // RFC 9051 §4.3
		d.fail("a literal may not hold NUL")
		return ""
	}
	return string(text)
}

// octets reads a literal or literal8 as it came.
func (d *decoder) octets() []byte {
	m, ok := marker(d.b[d.pos:])
	if !ok || int64(len(d.b)-d.pos-m.len) < m.size+2 || string(d.b[d.pos+m.len:][:2]) != "\r\n" {
		d.fail("malformed literal")
		return nil
	}
	start := d.pos + m.len + 2
	d.pos = start + int(m.size)
	return d.b[start:d.pos]
}

// list reads ( item SP item … ); an empty one is fine.
func (d *decoder) list(item func()) {
	d.enter()
	defer d.leave()
	d.want('(')
	if d.take(')') {
		return
	}
	for d.err == nil {
		d.count()
		item()
		if d.take(')') {
			return
		}
		d.sp()
	}
}

// flag reads one flag or keyword as it is written.
func (d *decoder) flag() string {
	if d.take('\\') {
		return `\` + d.atom()
	}
	return d.atom()
}

func (d *decoder) flags() (flags []string) {
	d.list(func() { flags = append(flags, d.flag()) })
	return flags
}

// mailbox reads a mailbox name as UTF-8, INBOX in capitals (RFC 9051 §5.1).
func (d *decoder) mailbox() string { return d.name(isAstringChar) }

// pattern reads a mailbox name with wildcards.
func (d *decoder) pattern() string { return d.name(isListChar) }

func (d *decoder) name(ok func(byte) bool) string { return d.decodeName(d.stringOr(ok)) }

// decodeName makes UTF-8 of a mailbox name as this connection writes them.
func (d *decoder) decodeName(raw string) string {
	if strings.EqualFold(raw, "INBOX") {
		return "INBOX"
	}
	if len(raw) >= 6 && strings.EqualFold(raw[:6], "INBOX/") {
		raw = "INBOX" + raw[5:]
	}
	if d.UTF8 {
		if !utf8.ValidString(raw) {
			d.fail("mailbox name is not UTF-8")
		}
		return raw
	}
	name, err := DecodeUTF7(raw)
	if err != nil {
		d.fail("%v", err)
	}
	return name
}

// date reads a day such as 1-Feb-1994, quoted or not.
func (d *decoder) date() time.Time {
	text := d.astring()
	t, err := time.Parse("_2-Jan-2006", text)
	if err != nil {
		d.fail("expected a date such as 1-Feb-1994")
	}
	return t
}

// dateTime reads a quoted date with time and zone (RFC 9051 §9).
func (d *decoder) dateTime() time.Time {
	t, err := time.Parse(DateTime, d.quoted())
	if err != nil {
		d.fail(`expected a date such as "17-Jul-1996 02:44:25 -0700"`)
	}
	return t
}
