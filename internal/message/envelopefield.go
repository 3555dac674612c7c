package message

import "bytes"

// EnvelopeField is a field of an ENVELOPE, by its place there.
type EnvelopeField int

// The fields of an ENVELOPE (RFC 9051 §7.5.2).
const (
	EnvelopeDate EnvelopeField = iota
	EnvelopeSubject
	EnvelopeFrom
	EnvelopeSender
	EnvelopeReplyTo
	EnvelopeTo
	EnvelopeCc
	EnvelopeBcc
	EnvelopeInReplyTo
	EnvelopeMessageID
)

// In gives the wire text of one field of an ENVELOPE that Index holds: NIL, a
// quoted string or a list. It points into the envelope; nil if that ends before.
func (f EnvelopeField) In(envelope []byte) []byte {
	rest := bytes.TrimPrefix(envelope, []byte{'('})
	for range f {
		rest = bytes.TrimPrefix(rest[itemLength(rest):], []byte{' '})
	}
	return rest[:itemLength(rest)]
}

// itemLength is how many octets the item takes that b begins with: a quoted
// string, a list or NIL; 0 if there is none.
func itemLength(b []byte) int {
	depth, n := 0, 0
	for n < len(b) {
		switch b[n] {
		case '(':
			depth++
			n++
		case ')':
			if depth--; depth < 0 {
				return n
			}
			n++
		case '"':
			n += quotedItem(b[n:])
		case ' ':
			if depth == 0 {
				return n
			}
			n++
		default:
			n++
			continue // NIL goes on
		}
		if depth == 0 {
			return n
		}
	}
	return n
}

// quotedItem is quotedLength for the many that an envelope has: it looks for
// the end first and then whether that is one.
func quotedItem(b []byte) int {
	for n := 1; ; {
		i := bytes.IndexByte(b[n:], '"')
		if i < 0 {
			return len(b)
		}
		end := n + i
		pairs := 0
		for end-pairs > n && b[end-pairs-1] == '\\' {
			pairs++
		}
		if n = end + 1; pairs%2 == 0 {
			return n
		}
	}
}

// EnvelopeAddress is the first address structure of a field that is a list, as
// wire text: its addr-name, addr-mailbox and addr-host. All are nil if the field is NIL.
func EnvelopeAddress(field []byte) (name, mailbox, host []byte) {
	list, ok := bytes.CutPrefix(field, []byte("(("))
	if !ok {
		return nil, nil, nil
	}
	var parts [4][]byte // the second is addr-adl
	for i := range parts {
		parts[i] = list[:itemLength(list)]
		list = bytes.TrimPrefix(list[len(parts[i]):], []byte{' '})
	}
	return parts[0], parts[2], parts[3]
}

// AppendUnquoted appends what a quoted string of wire text stands for, as it was
// sent: RFC 2047 words stay. NIL is nothing.
func AppendUnquoted(dst, quoted []byte) []byte {
	if len(quoted) < 2 || quoted[0] != '"' {
		return dst
	}
	for s := quoted[1 : len(quoted)-1]; ; {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			return append(dst, s...)
		}
		dst = append(append(dst, s[:i]...), s[i+1])
		s = s[i+2:]
	}
}

// AppendDecoded appends s as DecodeWords gives it; most texts are ready as they are.
func AppendDecoded(dst, s []byte) []byte {
	if isReady(s) {
		return append(dst, s...)
	}
	return append(dst, DecodeWords(string(s))...)
}
