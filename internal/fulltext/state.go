package fulltext

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"tem/internal/kv"
)

// stateVersion is the layout of the rows; another one is dropped and made again.
const stateVersion = 2 // 1 had no places

// State is an account's index at one moment.
type State struct {
	raw      []byte // the row; nil: there is none
	epoch    uint64 // another one for each index made anew, for caches
	next     uint32 // the first document that is not indexed
	number   uint32 // of the next segment
	building uint32 // number plus one of a segment that a writer has begun; 0: none
	segments []segment
}

// segment is what the state row says of one.
type segment struct {
	number, level uint32
	lo, hi        uint32 // its documents: lo <= d < hi
	chunks        uint32
	partly        uint32 // how many documents are not wholly indexed
}

// base is what its documents are counted from.
func (s *segment) base() uint32 { return s.lo &^ 63 }

// words is the length of a set of its documents.
func (s *segment) words() int { return int((s.hi-s.base())/64 + 1) }

// Next is the first document that is not indexed.
func (s *State) Next() uint32 { return s.next }

// errOtherFormat says that the index was written by another version of this package.
var errOtherFormat = errors.New("fulltext: the index has another format")

// Load reads an account's state. With an error for IsDamaged the state is good for Drop only.
func Load(r kv.Reader, part kv.Part) (*State, error) {
	row, ok, err := r.Get(part, stateKey)
	if err != nil {
		return nil, fmt.Errorf("read the state of the index: %w", err)
	}
	if !ok {
		return &State{epoch: rand.Uint64(), next: 0}, nil
	}
	s := &State{raw: bytes.Clone(row)}
	if err := s.decode(s.raw); err != nil {
		return &State{raw: s.raw}, err
	}
	return s, nil
}

func (s *State) append(dst []byte) []byte {
	dst = append(dst, stateVersion)
	dst = binary.BigEndian.AppendUint64(dst, s.epoch)
	for _, v := range []uint32{s.next, s.number, s.building, uint32(len(s.segments))} {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	for _, g := range s.segments {
		for _, v := range []uint32{g.number, g.level, g.lo, g.hi - g.lo, g.chunks, g.partly} {
			dst = binary.AppendUvarint(dst, uint64(v))
		}
	}
	return seal(dst)
}

func (s *State) decode(row []byte) error {
	row, err := unseal(row)
	if err != nil || len(row) < 9 {
		return ErrDamaged
	}
	if row[0] != stateVersion {
		return errOtherFormat
	}
	s.epoch = binary.BigEndian.Uint64(row[1:])
	row = row[9:]
	var count uint32
	for _, v := range []*uint32{&s.next, &s.number, &s.building, &count} {
		if row, err = uint32Of(row, v); err != nil {
			return err
		}
	}
	end := uint32(0)
	for range count {
		var g segment
		if row, err = g.decode(row); err != nil {
			return err
		}
		if g.lo < end || g.hi > s.next || g.number >= s.number {
			return ErrDamaged
		}
		end = g.hi
		s.segments = append(s.segments, g)
	}
	if len(row) > 0 {
		return ErrDamaged
	}
	return nil
}

func (g *segment) decode(row []byte) (_ []byte, err error) {
	var length uint32
	for _, v := range []*uint32{&g.number, &g.level, &g.lo, &length, &g.chunks, &g.partly} {
		if row, err = uint32Of(row, v); err != nil {
			return nil, err
		}
	}
	if g.hi = g.lo + length; g.hi < g.lo {
		return nil, ErrDamaged
	}
	return row, nil
}

// uint32Of takes a number off a row.
func uint32Of(row []byte, v *uint32) ([]byte, error) {
	n, size := binary.Uvarint(row)
	if size <= 0 || n >= 1<<32 {
		return nil, ErrDamaged
	}
	*v = uint32(n)
	return row[size:], nil
}

// IsDamaged reports an error that a new index mends.
func IsDamaged(err error) bool { return errors.Is(err, ErrDamaged) || errors.Is(err, errOtherFormat) }
