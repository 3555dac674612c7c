package message

import "strings"

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// quotedLength is the length of the quoted string that s begins with; all of s
// if it does not end.
func quotedLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// commentLength is the length of the comment that s begins with, with those in
// it; all of s if it does not end.
func commentLength(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// behindGap is s without the white space and comments that it begins with (RFC 5322 §3.2.2, CFWS).
func behindGap(s string) string {
	for s != "" && (isSpace(s[0]) || s[0] == '(') {
		if s[0] == '(' {
			s = s[commentLength(s):]
		} else {
			s = s[1:]
		}
	}
	return s
}

// unquote takes the quotes or parentheses around s off and undoes quoted pairs.
func unquote(s string) string {
	s = s[1:]
	if n := len(s); n > 0 && (s[n-1] == '"' || s[n-1] == ')') {
		s = s[:n-1]
	}
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}
