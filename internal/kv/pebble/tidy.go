package pebble

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"tem/internal/kv"
)

// A volume that is full and of which at least 1/deadShare is no row's value any
// more is emptied and removed: what lives in it is committed again.
const deadShare = 2

// dailyRounds is in how many calls of Tidy every volume is looked at once. The
// owner calls it every hour.
const dailyRounds = 24

// Tidy looks at some of the full volumes and gives back the room of those that
// have little of use. One Tidy at a time.
func (e *Engine) Tidy(ctx context.Context) error {
	full := e.volumes.fullOnes()
	for range (len(full) + dailyRounds - 1) / dailyRounds {
		at, _ := slices.BinarySearchFunc(full, e.tidied+1, func(v *volume, n uint32) int { return cmp.Compare(v.number, n) })
		at %= len(full) // after the last the first
		e.tidied = full[at].number
		if err := e.tidyVolume(ctx, full[at]); err != nil {
			return fmt.Errorf("tidy volume %d: %w", full[at].number, err)
		}
	}
	return nil
}

// fullOnes are the volumes that nothing is added to, in order.
func (v *volumes) fullOnes() (list []*volume) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for n, vol := range v.shelf.volumes {
		if n <= v.filled {
			list = append(list, vol)
		}
	}
	slices.SortFunc(list, func(a, b *volume) int { return cmp.Compare(a.number, b.number) })
	return list
}

func (e *Engine) tidyVolume(ctx context.Context, vol *volume) error {
	alive, dead, err := e.survey(ctx, vol)
	if err != nil || dead*deadShare < alive.octets+dead {
		return err
	}
	for _, key := range alive.keys {
		if err := e.carry(ctx, vol, key); err != nil {
			return err
		}
	}
	if alive, _, err = e.survey(ctx, vol); err != nil || len(alive.keys) > 0 {
		return err
	}
	return e.remove(vol)
}

// residents are the rows whose values are in a volume.
type residents struct {
	keys   [][]byte
	octets int64
}

// survey goes over a volume up to its end and tells what is some row's value and how much is not.
func (e *Engine) survey(ctx context.Context, vol *volume) (alive residents, dead int64, err error) {
	s := e.acquire()
	if s == nil {
		return alive, 0, kv.ErrClosed
	}
	defer s.release()
	end, err := endOf(s, vol.number)
	if err != nil {
		return alive, 0, err
	}
	for at := int64(0); at < end && err == nil; {
		var r record
		if r, err = vol.record(at); err != nil {
			break
		}
		at = r.place.at + int64(r.place.stored)
		var is bool
		if is, err = r.isValueIn(s); is {
			alive.keys, alive.octets = append(alive.keys, r.key), alive.octets+int64(r.place.stored)
		} else {
			dead += int64(r.place.stored)
		}
		err = errors.Join(err, ctx.Err())
	}
	return alive, dead, err
}

// record is what a volume tells of one value.
type record struct {
	key   []byte
	place place
}

// usualHead is how much is read of a record at first: its head and nearly every key.
const usualHead = 256

// record reads the head and the key of the record at an offset.
func (v *volume) record(at int64) (r record, err error) {
	b, err := v.octets(at, usualHead)
	if err != nil {
		return r, err
	}
	if len(b) < recordHead {
		return r, fmt.Errorf("damaged at %d: no record begins there", at)
	}
	whole := recordHead + int64(binary.BigEndian.Uint32(b[17:]))
	if whole > maxGroup {
		return r, fmt.Errorf("damaged at %d: a key of %d octets", at, whole)
	}
	if whole > int64(len(b)) {
		if b, err = v.octets(at, whole); err != nil {
			return r, err
		}
	}
	if whole > int64(len(b)) || crc32.Checksum(b[4:whole], castagnoli) != binary.BigEndian.Uint32(b) {
		return r, fmt.Errorf("damaged at %d: what is there has another checksum", at)
	}
	return record{b[recordHead:whole], place{
		volume: v.number, at: at + whole, stored: binary.BigEndian.Uint32(b[4:]), size: binary.BigEndian.Uint32(b[8:]),
		sum: binary.BigEndian.Uint32(b[12:]), form: form(b[16]),
	}}, nil
}

// octets reads up to n of them.
func (v *volume) octets(at, n int64) ([]byte, error) {
	b := make([]byte, n)
	read, err := v.file.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:read], err
}

// isValueIn reports whether the record's row holds its place.
func (r *record) isValueIn(from pebble.Reader) (bool, error) {
	val, closer, err := get(from, r.key)
	if closer == nil {
		return false, err
	}
	defer closer.Close()
	return looksLikePlace(val) && placeOf(val) == r.place, nil
}

// carry writes a row's value again, unless the row has changed since.
func (e *Engine) carry(ctx context.Context, vol *volume, key []byte) error {
	if len(key) < 8 {
		return fmt.Errorf("a value of no row: %x", key)
	}
	b, part := new(kv.Batch), kv.Part(binary.BigEndian.Uint64(key))
	err := e.View(ctx, func(r kv.Reader) error {
		val, ok, err := r.Get(part, key[8:])
		if ok {
			val = slices.Clone(val)
			b.Assert(part, key[8:], val)
			b.Set(part, key[8:], val)
		}
		return err
	})
	if err != nil || len(b.Ops) == 0 {
		return err
	}
	if err := kv.Commit(ctx, e, b); !errors.Is(err, kv.ErrConflict) {
		return err
	}
	return nil
}

// remove takes away a volume that no row of the newest state refers to. Who
// still reads an older state has the file open.
func (e *Engine) remove(vol *volume) error {
	if err := e.db.Delete(endKey(vol.number), pebble.Sync); err != nil { // without that row a file is nothing, whatever becomes of it
		return err
	}
	v := e.volumes
	v.mu.Lock()
	list := maps.Clone(v.shelf.volumes)
	delete(list, vol.number)
	v.replace(list)
	v.mu.Unlock()
	return v.files.Remove(v.name(vol.number))
}
