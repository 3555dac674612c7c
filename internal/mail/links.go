package mail

import (
	"encoding/binary"
	"slices"
	"strings"

	"tem/internal/message"
)

// links is a message's place among those that answer each other, as hashes of
// Message-IDs (RFC 5256 §3, REFERENCES).
type links struct {
	known bool     // false in rows that were written before links were kept
	named bool     // the message has a Message-ID: the first of Meta.hashes
	refs  []uint64 // the messages it continues, the parent last
}

// maxLinks bounds how many references are kept.
// DEVIATES(RFC 5256 §3): of more the first and the last count.
const maxLinks = 100

// newLinks takes the References, or without any the first id in In-Reply-To,
// which may also be prose: "Your message of Monday".
func newLinks(id string, references, inReplyTo []string) links {
	if len(references) == 0 {
		at := slices.IndexFunc(inReplyTo, func(id string) bool { return strings.Contains(id, "@") })
		references = inReplyTo[max(at, 0) : at+1]
	}
	l := links{known: true, named: id != ""}
	for i, ref := range references {
		if i == 0 || len(references)-i < maxLinks {
			l.refs = append(l.refs, hashOfID(ref))
		}
	}
	return l
}

// linksOf reads them from a message's header.
func linksOf(h message.Header) links {
	id := ""
	if ids := message.MessageIDs(h.Get("Message-ID")); len(ids) > 0 {
		id = ids[0]
	}
	return newLinks(id, message.MessageIDs(h.Get("References")), message.MessageIDs(h.Get("In-Reply-To")))
}

// append writes what decode reads; nothing if they are not known.
func (l *links) append(dst []byte) []byte {
	if !l.known {
		return dst
	}
	dst = binary.AppendUvarint(dst, 2*uint64(len(l.refs))+uint64(bit(l.named)))
	for _, h := range l.refs {
		dst = binary.BigEndian.AppendUint64(dst, h)
	}
	return dst
}

// decode reads them from the end of a row, into the memory of the last.
func (l *links) decode(d *decoder) {
	*l = links{refs: l.refs[:0]}
	if len(d.b) == 0 {
		return
	}
	n := d.uint()
	l.known, l.named = true, n&1 != 0
	for range min(n/2, uint64(len(d.b)/8)) {
		l.refs = append(l.refs, d.uint64())
	}
}
