// Package blob keeps immutable bodies that are too large to lie beside their
// rows.
//
// Invariant: when Close of a Writer has returned nil the body is durable and
// never changes; before that it does not exist for Open.
//
// Implementations: dir (embedded default), s3, memory.
package blob

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"time"
)

// ErrNotFound says that no body has that id.
var ErrNotFound = errors.New("blob: no such body")

// ID names one body for ever: 48 bits of milliseconds, then 80 random bits, of
// which a caller may set the last 8, so that ids made later sort later. Its text form is the queue id that a sender
// is told, the id in the Received line and the one in the log.
type ID [16]byte

// idAlphabet is Crockford's base 32: digits and letters without I, L, O, U.
const idAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewID returns a fresh id made at t.
func NewID(t time.Time) (id ID) {
	binary.BigEndian.PutUint64(id[:8], uint64(t.UnixMilli())<<16)
	rand.Read(id[6:]) // never fails: crypto/rand ends the process first
	return id
}

// Time is when the id was made, in milliseconds.
func (id ID) Time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:8]) >> 16))
}

// String is the id as 26 letters and digits.
func (id ID) String() string {
	var s [26]byte
	hi, lo := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	for i := 25; i >= 0; i-- {
		s[i] = idAlphabet[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(s[:])
}

// ParseID reads what String wrote, in either case.
func ParseID(s string) (id ID, err error) {
	if len(s) != 26 {
		return id, errors.New("an id has 26 letters and digits")
	}
	var hi, lo uint64
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		d := strings.IndexByte(idAlphabet, c)
		if d < 0 || i == 0 && d > 7 {
			return id, errors.New("an id has only letters and digits, without I, L, O and U")
		}
		hi = hi<<5 | lo>>59
		lo = lo<<5 | uint64(d)
	}
	binary.BigEndian.PutUint64(id[:8], hi)
	binary.BigEndian.PutUint64(id[8:], lo)
	return id, nil
}

// Writer takes the bytes of one body. Exactly one of Close and Abort ends it.
type Writer interface {
	io.Writer
	// Close makes the body durable under its id.
	Close() error
	// Abort leaves nothing behind.
	Abort()
}

// Reader gives the bytes of one body at any offset.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Info is what List tells of a body.
type Info struct {
	ID      ID
	Size    int64
	Written time.Time
}

// Store is one place for bodies.
type Store interface {
	Create(ctx context.Context, id ID) (Writer, error)
	// Open returns ErrNotFound for an id that was never closed or was deleted.
	Open(ctx context.Context, id ID) (Reader, error)
	// Delete removes bodies; an absent one is no error.
	Delete(ctx context.Context, ids ...ID) error
	// List calls fn for every body, in no order.
	List(ctx context.Context, fn func(Info) error) error
}

// Sweeper is a Store in which a crash can leave what List does not show: parts
// of bodies that nobody will finish.
type Sweeper interface {
	// SweepUnfinished removes what was begun before a time and is not a body yet.
	SweepUnfinished(ctx context.Context, before time.Time) error
}
