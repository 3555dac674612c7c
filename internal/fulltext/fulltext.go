// Package fulltext answers which texts of an account contain a word, at any
// place in the word, without reading the texts.
//
// Texts belong to documents, which are numbers that only grow. What is indexed
// are the terms of a text's plain form (package fold): runs of letters and
// digits, and pairs of characters where words are not written apart; and those
// terms of its kept form that have marks, so that "hà" is found at once among
// all the words that are "ha" without. With the words of bodies, subjects and
// names it is kept where they stand, so that a phrase is found at once. The terms
// of a range of documents make a segment, which never changes; when there are
// many small ones they are merged into a larger.
//
// Invariant: the index is derived. Every batch asserts the state row it was
// built on, so of two writers one fails; rows that the state row does not list
// are rubbish. What Find returns for an exact query is what the texts contain,
// but for the documents of Partly; for others it is that and more. An index
// that is damaged says so and is dropped.
//
// The package starts no goroutines. An Index may be used by many at once.
package fulltext

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"tem/internal/kv"
)

// The first octet of the index's keys in an account's partition.
const (
	KeyState = 'x'
	KeyRows  = 't'
)

// Class says where in a message a text stands.
type Class uint8

const (
	Body Class = iota
	Header
	Subject
	From
	To
	Cc
	Bcc
	classCount
)

// Classes is a set of them.
type Classes uint8

// AllClasses is any place.
const AllClasses Classes = 1<<classCount - 1

// In is the set of one class.
func (c Class) In() Classes { return 1 << c }

// ErrDamaged says that rows of the index are missing or not as they were
// written: the index has to be dropped and made again.
var ErrDamaged = errors.New("fulltext: the index is damaged")

// Index is the indexes of all accounts.
type Index struct {
	kv    kv.Engine
	fan   int // so many segments of a level are merged
	cache cache
}

// fan is how many segments of a level are merged into one of the next.
const fan = 16

// cacheSize is the usual bound of the dictionaries in memory, in octets.
const cacheSize = 64 << 20

// New returns the indexes that lie in an engine.
func New(e kv.Engine) *Index { return &Index{kv: e, fan: fan, cache: cache{max: cacheSize}} }

var stateKey = []byte{KeyState}

// The kinds of rows of a segment.
const (
	rowTerms  = 'd' // the terms of a chunk, in order, and the lengths of their lists
	rowLists  = 'l' // the documents of each term of a chunk
	rowPlaces = 'o' // where in the documents the terms of a chunk stand
	rowPartly = 'p' // the documents that are not wholly indexed
)

// rowKey is the key of one row of a segment.
func rowKey(segment uint32, kind byte, chunk uint32) []byte {
	k := binary.BigEndian.AppendUint32(append(make([]byte, 0, 10), KeyRows), segment)
	return binary.BigEndian.AppendUint32(append(k, kind), chunk)
}

// segmentRange is all keys of a segment.
func segmentRange(segment uint32) (lo, hi []byte) {
	lo = binary.BigEndian.AppendUint32([]byte{KeyRows}, segment)
	return lo, append(binary.BigEndian.AppendUint32([]byte{KeyRows}, segment), 0xff)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal adds a checksum to a row.
func seal(row []byte) []byte {
	return binary.BigEndian.AppendUint32(row, crc32.Checksum(row, castagnoli))
}

// unseal checks and removes it.
func unseal(row []byte) ([]byte, error) {
	n := len(row) - 4
	if n < 0 || crc32.Checksum(row[:n], castagnoli) != binary.BigEndian.Uint32(row[n:]) {
		return nil, ErrDamaged
	}
	return row[:n:n], nil
}
