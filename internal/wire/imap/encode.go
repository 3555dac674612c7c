package imap

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// DateTime is the layout of INTERNALDATE (RFC 9051 §9 date-time).
const DateTime = "_2-Jan-2006 15:04:05 -0700"

// AppendString writes s quoted, or as a literal when it can't be: 8-bit text
// may be quoted only after ENABLE IMAP4rev2 (RFC 9051 appendix A).
func AppendString(dst []byte, s string) []byte { return appendString(dst, s, false) }

// AppendText writes s as AppendString does; with utf8, 8-bit text quoted, too.
func AppendText(dst []byte, s string, utf8 bool) []byte { return appendString(dst, s, utf8) }

func appendString(dst []byte, s string, utf8 bool) []byte {
	if !quotable(s, utf8) {
		dst = strconv.AppendInt(append(dst, '{'), int64(len(s)), 10)
		return append(append(dst, "}\r\n"...), s...)
	}
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

func quotable(s string, allow8 bool) bool {
	for i := range len(s) {
		if c := s[i]; c == 0 || c == '\r' || c == '\n' || c > 0x7f && !allow8 {
			return false
		}
	}
	return len(s) <= 4096 && utf8.ValidString(s)
}

// AppendAString writes s bare if it may be, else as a string.
func AppendAString(dst []byte, s string) []byte { return appendAString(dst, s, false) }

func appendAString(dst []byte, s string, utf8 bool) []byte {
	for i := range len(s) {
		if !isAstringChar(s[i]) || s[i] > 0x7e {
			return appendString(dst, s, utf8)
		}
	}
	if s == "" || strings.EqualFold(s, "NIL") {
		return appendString(dst, s, utf8)
	}
	return append(dst, s...)
}

// AppendMailbox writes a mailbox name; without utf8 in modified UTF-7.
func AppendMailbox(dst []byte, name string, utf8 bool) []byte {
	if !utf8 {
		name = EncodeUTF7(name)
	}
	return appendAString(dst, name, utf8)
}

// AppendDateTime writes an INTERNALDATE.
func AppendDateTime(dst []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(dst, '"'), DateTime), '"')
}
