package pebble

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/minio/minlz"
)

// form is how a value lies in a volume.
type form uint8

const (
	plain  form = iota
	packed      // one block of MinLZ
)

// place says where in the volumes a value lies. It is what the value's row holds.
type place struct {
	volume uint32
	at     int64
	stored uint32 // octets there
	size   uint32 // of the value
	sum    uint32 // CRC-32C of what is stored
	form   form
}

// placeSign is how a row that holds a place begins. A value that looks like such
// a row is put into a volume itself, so that none is taken for one.
const placeSign = "\x00apart\xff\x01"

const placeSize = len(placeSign) + 4 + 8 + 4 + 4 + 4 + 1

// looksLikePlace reports a row that holds a place.
func looksLikePlace(row []byte) bool {
	return len(row) == placeSize && string(row[:len(placeSign)]) == placeSign
}

func (p place) append(b []byte) []byte {
	b = append(b, placeSign...)
	b = binary.BigEndian.AppendUint32(b, p.volume)
	b = binary.BigEndian.AppendUint64(b, uint64(p.at))
	b = binary.BigEndian.AppendUint32(b, p.stored)
	b = binary.BigEndian.AppendUint32(b, p.size)
	b = binary.BigEndian.AppendUint32(b, p.sum)
	return append(b, byte(p.form))
}

// placeOf reads a row that looks like a place.
func placeOf(row []byte) place {
	b := row[len(placeSign):]
	return place{
		volume: binary.BigEndian.Uint32(b), at: int64(binary.BigEndian.Uint64(b[4:])),
		stored: binary.BigEndian.Uint32(b[12:]), size: binary.BigEndian.Uint32(b[16:]),
		sum: binary.BigEndian.Uint32(b[20:]), form: form(b[24]),
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// parcel is a value made ready for a volume.
type parcel struct {
	stored []byte
	size   uint32
	sum    uint32
	form   form
}

// newParcel packs a value where that is worth it.
func newParcel(val []byte) *parcel {
	p := &parcel{stored: val, size: uint32(len(val))}
	if b, err := minlz.Encode(nil, val, minlz.LevelFastest); err == nil && len(b) < len(val)-len(val)/8 {
		p.stored, p.form = b, packed
	}
	p.sum = crc32.Checksum(p.stored, castagnoli)
	return p
}
