package authres

import (
	"errors"
	"strings"
)

// lexer holds what of a field is not read yet.
type lexer struct{ s string }

// skip passes white space and comments (RFC 5322 §3.2.2, CFWS) and returns
// the text of the comments.
func (l *lexer) skip() string {
	comment := ""
	for {
		l.s = strings.TrimLeft(l.s, " \t\r\n")
		if !strings.HasPrefix(l.s, "(") {
			return comment
		}
		text, n := readComment(l.s)
		l.s = l.s[n:]
		if comment != "" && text != "" {
			comment += " "
		}
		comment += text
	}
}

// readComment reads the comment that s begins with, unclosed to the end of s;
// inner ones keep their parentheses.
func readComment(s string) (text string, n int) {
	var b strings.Builder
	depth := 0
	for n = 0; n < len(s); n++ {
		c := s[n]
		switch {
		case c == '\\' && n+1 < len(s):
			n++
			c = s[n]
		case c == '(':
			if depth++; depth == 1 {
				continue
			}
		case c == ')':
			if depth--; depth == 0 {
				return oneLine(b.String()), n + 1
			}
		}
		b.WriteByte(c)
	}
	return oneLine(b.String()), n
}

// oneLine makes each run of white space and control characters one space, and what is no UTF-8 a question mark.
func oneLine(s string) string {
	return strings.ToValidUTF8(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " "), "?")
}

// take passes c if it is next, with what is blank around it.
func (l *lexer) take(c byte) bool {
	if l.peek() != c {
		return false
	}
	l.s = l.s[1:]
	l.skip()
	return true
}

// peek is the next octet that is not blank, 0 at the end.
func (l *lexer) peek() byte {
	if l.skip(); l.s == "" {
		return 0
	}
	return l.s[0]
}

func (l *lexer) atEnd() bool { return l.peek() == 0 && l.s == "" }

// rest is the beginning of what is not read, for errors.
func (l *lexer) rest() string { return l.s[:min(len(l.s), 20)] }

// keyword reads letters, digits, hyphens and underscores, into lower case (RFC 5321 §4.1.2;
// policy.published_domain_policy and other names with underscores are in use).
func (l *lexer) keyword() string {
	n := 0
	for n < len(l.s) && isKeyword(l.s[n]) {
		n++
	}
	word := l.s[:n]
	l.s = l.s[n:]
	return strings.ToLower(word)
}

func isKeyword(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || isDigit(c) || c == '-' || c == '_'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// value reads a quoted string or what stands up to a blank, semicolon or
// comment: more than RFC 8601's pvalue, since base64 is written bare too.
func (l *lexer) value() (string, error) {
	if text, n := readQuoted(l.s); n > 0 && (n == len(l.s) || isEnd(l.s[n])) {
		l.s = l.s[n:]
		return text, nil
	}
	n := 0
	for n < len(l.s) && !isEnd(l.s[n]) {
		if _, q := readQuoted(l.s[n:]); q > 0 { // "an anh"@hanoi.example
			n += q - 1
		}
		n++
	}
	if n == 0 {
		return "", errors.New("there is no value")
	}
	text := l.s[:n]
	l.s = l.s[n:]
	return oneLine(text), nil
}

// readQuoted reads the quoted string that s begins with; n is 0 if it begins with none that ends.
func readQuoted(s string) (text string, n int) {
	if !strings.HasPrefix(s, `"`) {
		return "", 0
	}
	var b strings.Builder
	for n = 1; n < len(s); n++ {
		switch c := s[n]; {
		case c == '"':
			return oneLine(b.String()), n + 1
		case c == '\\' && n+1 < len(s):
			n++
			b.WriteByte(s[n])
		default:
			b.WriteByte(c)
		}
	}
	return "", 0
}

func isEnd(c byte) bool { return c <= ' ' || c == ';' || c == '(' || c == 0x7f }
