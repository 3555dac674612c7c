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
	full, err := e.fullOnes()
	errs := []error{err}
	for range (len(full) + dailyRounds - 1) / dailyRounds {
		at, _ := slices.BinarySearchFunc(full, e.tidied+1, func(v *volume, n uint32) int { return cmp.Compare(v.number, n) })
		at %= len(full) // after the last the first
		e.tidied = full[at].number
		err := e.tidyVolume(ctx, full[at])
		if err != nil {
			errs = append(errs, fmt.Errorf("tidy volume %d: %w", full[at].number, err))
		}
		if err != nil && !errors.Is(err, kv.ErrDamaged) { // which concerns no other
			break
		}
	}
	return errors.Join(errs...)
}

// fullOnes are the volumes that nothing is added to, in order. What was added
// last is in the published state: a volume that a group on its way to the disk
// has filled is not among them, as nobody sees yet which rows refer to it.
func (e *Engine) fullOnes() (list []*volume, err error) {
	s := e.acquire()
	if s == nil {
		return nil, kv.ErrClosed
	}
	defer s.release()
	v := e.volumes
	v.mu.Lock()
	defer v.mu.Unlock()
	for n, vol := range v.shelf.volumes { // the snapshot's may have some that were removed
		if n <= s.full {
			list = append(list, vol)
		}
	}
	slices.SortFunc(list, func(a, b *volume) int { return cmp.Compare(a.number, b.number) })
	return list, nil
}

func (e *Engine) tidyVolume(ctx context.Context, vol *volume) error {
	leave := func([]byte) error { return nil }
	alive, dead, err := e.survey(ctx, vol, leave)
	if err != nil || dead*deadShare < alive+dead {
		return err
	}
	if _, _, err = e.survey(ctx, vol, func(key []byte) error { return e.carry(ctx, key) }); err != nil {
		return err
	}
	if alive, _, err = e.survey(ctx, vol, leave); err != nil || alive > 0 {
		return err
	}
	return e.remove(ctx, vol)
}

// survey goes over a volume up to its end, calls each with the keys of the rows
// whose values are there, and tells how many octets they have and how many are of no row.
func (e *Engine) survey(ctx context.Context, vol *volume, each func(key []byte) error) (alive, dead int64, err error) {
	s := e.acquire()
	if s == nil {
		return 0, 0, kv.ErrClosed
	}
	defer s.release()
	end, err := endOf(s, vol.number)
	if err != nil {
		return 0, 0, err
	}
	for at := int64(0); at < end && err == nil; {
		var r record
		if r, err = vol.record(at); err != nil {
			break
		}
		at = r.place.at + int64(r.place.stored)
		var is bool
		if is, err = r.isValueIn(s); is {
			alive += int64(r.place.stored)
			err = each(r.key)
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
		return r, fmt.Errorf("%w: at %d no record begins", kv.ErrDamaged, at)
	}
	whole := recordHead + int64(binary.BigEndian.Uint32(b[17:]))
	if whole < recordHead+8 || whole > maxGroup {
		return r, fmt.Errorf("%w: at %d a key of %d octets", kv.ErrDamaged, at, whole)
	}
	if whole > int64(len(b)) {
		if b, err = v.octets(at, whole); err != nil {
			return r, err
		}
	}
	if whole > int64(len(b)) || crc32.Checksum(b[4:whole], castagnoli) != binary.BigEndian.Uint32(b) {
		return r, fmt.Errorf("%w: at %d the head has another checksum", kv.ErrDamaged, at)
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
func (e *Engine) carry(ctx context.Context, key []byte) error {
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
func (e *Engine) remove(ctx context.Context, vol *volume) error {
	b, row := new(kv.Batch), endKey(vol.number)
	b.Delete(kv.Part(binary.BigEndian.Uint64(row)), row[8:])
	if err := kv.Commit(ctx, e, b); err != nil { // without that row a file is nothing, whatever becomes of it
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
