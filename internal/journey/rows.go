package journey

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"tem/internal/blob"
	"tem/internal/message/dsn"
)

// The rows of partition kv.Journey (docs/format.md):
//
//	b <bucket>                            what is known of a bucket
//	e <bucket> e <trip> 00 <seq>          events of one trip that were written together
//	e <bucket> a <hash> <time> <trip>     empty: an address is in the trip
//	e <bucket> m <hash> <time> <trip>     empty: the Message-ID of the trip
//	e <bucket> l <hash> <time> <trip>     empty: a message that came of the trip
//
// A trip is the id of a message, or tilde and a session for what was refused
// before it had an id.
const (
	bucketPrefix = 'b'
	rowPrefix    = 'e'

	eventRow   = 'e'
	addressRow = 'a'
	nameRow    = 'm'
	linkRow    = 'l'

	sessionTrip = "~"
	maxTrip     = 80 // octets
	nodeLength  = 4
	nameLength  = 4 + nodeLength // of a bucket: seconds since 1970, node
)

const bucketVersion = 1

var errDamaged = errors.New("damaged")

// bucket is what is known of a bucket without looking into it.
type bucket struct {
	name   string // nameLength octets
	last   time.Time
	octets int64 // of its rows
	events uint64
	lost   uint64 // events that were not written in its time
}

func bucketName(start time.Time, node [nodeLength]byte) string {
	return string(append(binary.BigEndian.AppendUint32(nil, uint32(start.Unix())), node[:]...))
}

// start is when the first event was written.
func (b *bucket) start() time.Time {
	return time.Unix(int64(binary.BigEndian.Uint32([]byte(b.name[:4]))), 0)
}

func (b *bucket) key() []byte { return append([]byte{bucketPrefix}, b.name...) }

// row is the key of a row of the bucket, as far as kind; rows are all its rows.
func (b *bucket) row(kind byte) []byte {
	return append(append([]byte{rowPrefix}, b.name...), kind)
}

func (b *bucket) rows() (lo, hi []byte) { return b.row(0), b.row(0xff) }

func (b *bucket) encode() []byte {
	val := binary.AppendUvarint([]byte{bucketVersion}, uint64(b.last.Unix()))
	val = binary.AppendUvarint(val, uint64(b.octets))
	val = binary.AppendUvarint(val, b.events)
	return binary.AppendUvarint(val, b.lost)
}

func decodeBucket(key, val []byte) (bucket, error) {
	if len(key) != 1+nameLength || len(val) == 0 {
		return bucket{}, fmt.Errorf("journey: bucket: %w", errDamaged)
	}
	if val[0] != bucketVersion {
		return bucket{}, fmt.Errorf("journey: bucket of version %d, this program knows %d", val[0], bucketVersion)
	}
	r := reader{b: val[1:]}
	b := bucket{name: string(key[1:])}
	b.last = time.Unix(int64(r.number()), 0)
	b.octets, b.events, b.lost = int64(r.number()), r.number(), r.number()
	return b, r.err
}

// eventsKey is the key of the seq-th row of events; eventsPrefix what those of a trip begin with.
func (b *bucket) eventsKey(trip string, seq uint32) []byte {
	return binary.BigEndian.AppendUint32(b.eventsPrefix(trip), seq)
}

func (b *bucket) eventsPrefix(trip string) []byte {
	return append(append(b.row(eventRow), trip...), 0)
}

// indexKey is the key under which a trip is found by what hashes to h.
func (b *bucket) indexKey(kind byte, h uint64, at time.Time, trip string) []byte {
	key := binary.BigEndian.AppendUint64(b.row(kind), h)
	ms := uint64(at.UnixMilli())
	key = append(key, byte(ms>>40), byte(ms>>32), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms))
	return append(key, trip...)
}

// indexed is the trip that an index row of the bucket names.
func indexed(key []byte) string { return string(key[min(len(key), 1+nameLength+1+8+6):]) }

// hash is what an index knows of a text. Nobody can make many texts of one hash.
func hash(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return binary.BigEndian.Uint64(sum[:])
}

// hashAddress is the hash of an address, written in whatever case.
func hashAddress(s string) uint64 { return hash(strings.ToLower(s)) }

// hashName is the hash of a Message-ID, with or without its brackets.
func hashName(s string) uint64 { return hash(bareName(s)) }

func bareName(s string) string { return strings.Trim(s, "<> \t\r\n") }

// trip is the name of the trip that an event belongs to.
func (e *Event) trip() string {
	name := strings.ToUpper(e.ID)
	if name == "" {
		name = sessionTrip + strings.ToLower(e.Session)
	}
	return strings.ReplaceAll(dsn.Clip(name, maxTrip), "\x00", "")
}

// begun is about when a trip began: for the id of a message what it says itself.
func begun(trip string, otherwise time.Time) time.Time {
	if id, err := blob.ParseID(trip); err == nil {
		return id.Time()
	}
	return otherwise
}
