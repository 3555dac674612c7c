package mail

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"tem/internal/message"
)

// What clients ask of headers when they list a mailbox is kept in a row of its
// own for each message, a few hundred octets, so that a list is one scan and no
// body is read. A field that is not kept leaves a hash of its name there: by it
// is known which names a header has beside those that are kept.

// keptNames are the fields that are kept, by number. A number is never given to
// another name: rows hold them.
var keptNames = [...]string{
	1: "From", "To", "Cc", "Bcc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Reply-To", "Sender",
	"Content-Type", "Content-Transfer-Encoding", "MIME-Version", "List-ID", "List-Post", "List-Unsubscribe", "List-Unsubscribe-Post",
	"List-Subscribe", "Mailing-List", "X-Mailing-List", "Precedence", "Auto-Submitted", "Priority", "X-Priority", "Importance",
	"Newsgroups", "Followup-To", "Mail-Followup-To", "Disposition-Notification-To", "User-Agent", "X-Mailer", "Return-Path",
	"Delivered-To", "X-Original-To", "Content-Language", "Content-Description", "Content-Disposition", "Organization", "Lines",
	"X-Label", "X-Keywords", "X-TUID", "X-Spam-Flag", "Resent-From", "Resent-Date",
}

// keptNumbers is keptNames the other way round, in small letters.
var keptNumbers = func() map[string]byte {
	numbers := make(map[string]byte, len(keptNames))
	for n, name := range keptNames {
		if n > 0 {
			numbers[strings.ToLower(name)] = byte(n)
		}
	}
	return numbers
}()

// The bounds of a row, so that it stays among the keys (pebble) and a letter to
// many is not stored as often as it has recipients: octets of fields, and names
// that are not kept.
const (
	keptMost   = 1500
	othersMost = 100
)

// asItIs marks a field that is kept whole: it was not written as its name has
// it here, a colon, a space, the value and CRLF.
const asItIs = 0x80

// keeper makes the row of one header.
type keeper struct {
	kept   []byte   // number · length · octets
	others []uint16 // hashes of the names of what is not kept
	name   []byte   // in small letters
}

// keepFields is what is kept of a header block; nil if that is nothing.
func keepFields(header []byte) []byte {
	k := keeper{kept: make([]byte, 0, 512)}
	for name, raw := range message.Header(header).RawFields {
		k.add(name, raw)
	}
	if len(k.others) > othersMost {
		return nil
	}
	row := binary.AppendUvarint(make([]byte, 0, 2+2*len(k.others)+len(k.kept)), uint64(len(k.others)))
	for _, h := range k.others {
		row = binary.BigEndian.AppendUint16(row, h)
	}
	return append(row, k.kept...)
}

func (k *keeper) add(name, raw []byte) {
	k.name = appendLower(k.name[:0], name)
	number := keptNumbers[string(k.name)]
	val := raw
	if value, usual := usualField(number, raw); usual {
		val = value
	} else {
		number |= asItIs
	}
	if number != asItIs && len(k.kept)+len(val)+3 <= keptMost {
		k.kept = appendBytes(append(k.kept, number), val)
	} else if h := nameHash(k.name); !slices.Contains(k.others, h) && len(k.others) <= othersMost {
		k.others = append(k.others, h)
	}
}

// usualField takes off a field what its number tells.
func usualField(number byte, raw []byte) (value []byte, usual bool) {
	if number == 0 {
		return nil, false
	}
	value, named := bytes.CutPrefix(raw, []byte(keptNames[number]))
	value, spaced := bytes.CutPrefix(value, []byte(": "))
	value, ended := bytes.CutSuffix(value, []byte("\r\n"))
	return value, named && spaced && ended
}

// appendLower appends ASCII in small letters.
func appendLower[T []byte | string](dst []byte, s T) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// nameHash is 32-bit FNV-1a folded to 16 bits, of a name in small letters. Names
// that share one cost the reading of a body, nothing else.
func nameHash(name []byte) uint16 {
	h := uint32(2166136261)
	for _, c := range name {
		h = (h ^ uint32(c)) * 16777619
	}
	return uint16(h>>16) ^ uint16(h)
}

// FieldSet is a set of names of header fields, made once for many messages.
type FieldSet struct {
	kept   uint64    // bits by number
	hashes []uint16  // of all names
	low    [4]uint64 // bits by the lower half of a hash: most that are not in hashes are not here
}

// NewFieldSet makes a set of names, whose case does not matter.
func NewFieldSet(names []string) *FieldSet {
	s := new(FieldSet)
	for _, name := range names {
		lower := appendLower(nil, name)
		if n := keptNumbers[string(lower)]; n > 0 {
			s.kept |= 1 << n
		}
		h := nameHash(lower)
		s.hashes = append(s.hashes, h)
		s.low[h>>6&3] |= 1 << (h & 63)
	}
	return s
}

func (s *FieldSet) has(h uint16) bool {
	return s.low[h>>6&3]>>(h&63)&1 != 0 && slices.Contains(s.hashes, h)
}

// Fields is what is kept of one header.
type Fields struct{ row []byte }

// Append appends the named fields as they stand in the message and the empty
// line that ends them (RFC 9051 §6.4.5.1, HEADER.FIELDS). It returns dst and
// false if one may be there that is not kept: the message has to be read.
func (f Fields) Append(dst []byte, names *FieldSet) (_ []byte, known bool, err error) {
	start, d := len(dst), decoder{b: f.row}
	n := d.uint()
	others := d.take(2 * min(n, othersMost))
	if d.err != nil || n > othersMost {
		return dst, false, errRow
	}
	for ; len(others) > 0; others = others[2:] {
		if names.has(binary.BigEndian.Uint16(others)) {
			return dst, false, nil
		}
	}
	for len(d.b) > 0 {
		number := d.byte()
		val := d.bytes()
		name := number &^ asItIs
		if int(name) >= len(keptNames) || name == 0 {
			return dst[:start], false, errRow
		}
		switch {
		case names.kept>>name&1 == 0:
		case number == name:
			dst = append(append(append(append(dst, keptNames[name]...), ": "...), val...), "\r\n"...)
		default:
			dst = append(dst, val...)
		}
	}
	if d.err != nil {
		return dst[:start], false, d.err
	}
	return append(dst, "\r\n"...), true, nil
}
