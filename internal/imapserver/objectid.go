package imapserver

import (
	"math"
	"strconv"

	"tem/internal/mail"
)

// Object identifiers (RFC 8474) are a letter and a decimal number: E for an
// email, T for a thread, M for a mailbox. Ids of accounts, and the numbers that
// an account gives, are never used twice, so that both together name one object
// for ever, whoever looks at it. X-GM-MSGID and X-GM-THRID are the same numbers.

// objectBits is how long the numbers are that an account gives (mail's text
// index relies on that, too); the account's id is above them.
const objectBits = 32

// global makes a number of this account one of the server's.
func (p *place) global(n uint64) uint64 { return uint64(p.owner)<<objectBits | n }

// local is what global was made of; not known: it is of no object of this account.
func (p *place) local(global uint64) (n uint64, known bool) {
	return global & math.MaxUint32, global>>objectBits == uint64(p.owner)
}

// appendObjectID writes an identifier in parentheses, as all responses have it
// (RFC 8474 §7).
func (p *place) appendObjectID(dst []byte, letter byte, n uint64) []byte {
	return append(strconv.AppendUint(append(dst, '(', letter), p.global(n), 10), ')')
}

// mailboxID is the response code of SELECT and CREATE (RFC 8474 §4.1, §4.2).
func (p *place) mailboxID() string {
	return string(p.appendObjectID([]byte("MAILBOXID "), 'M', uint64(p.box.ID)))
}

// emailOf and threadOf are what an identifier stands for among those of this account.
func (p *place) emailOf(id string) (mail.EmailID, bool) {
	n, known := p.objectOf('E', id)
	return mail.EmailID(n), known
}

func (p *place) threadOf(id string) (mail.ThreadID, bool) {
	n, known := p.objectOf('T', id)
	return mail.ThreadID(n), known
}

// objectOf reads an identifier just as appendObjectID writes it.
func (p *place) objectOf(letter byte, id string) (uint64, bool) {
	if id == "" || id[0] != letter {
		return 0, false
	}
	global, err := strconv.ParseUint(id[1:], 10, 64)
	if err != nil || strconv.FormatUint(global, 10) != id[1:] {
		return 0, false
	}
	return p.local(global)
}
