package imap

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// DateTime is the layout of INTERNALDATE (RFC 9051 §9 date-time).
const DateTime = "_2-Jan-2006 15:04:05 -0700"

// AppendString writes s quoted, or as a literal when it can't be.
func AppendString(dst []byte, s string) []byte {
	if !quotable(s) {
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

func quotable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c == 0 || c == '\r' || c == '\n' {
			return false
		}
	}
	return utf8.ValidString(s) && len(s) <= 4096
}

// AppendAString writes s bare if it may be, else as a string.
func AppendAString(dst []byte, s string) []byte {
	for i := range len(s) {
		if !isAstringChar(s[i]) || s[i] > 0x7e {
			return AppendString(dst, s)
		}
	}
	if s == "" || s == "NIL" {
		return AppendString(dst, s)
	}
	return append(dst, s...)
}

// AppendNString writes NIL for "".
func AppendNString(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "NIL"...)
	}
	return AppendString(dst, s)
}

// AppendMailbox writes a mailbox name; without utf8 in modified UTF-7.
func AppendMailbox(dst []byte, name string, utf8 bool) []byte {
	if !utf8 {
		name = EncodeUTF7(name)
	}
	return AppendAString(dst, name)
}

// AppendDateTime writes an INTERNALDATE.
func AppendDateTime(dst []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(dst, '"'), DateTime), '"')
}
