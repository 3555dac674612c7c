package pebble

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/minio/minlz"

	"tem/internal/kv"
)

// Large bodies that are committed in company lie in volumes: files to which
// they are appended once, while the library writes what it is given to its log
// and again to a table. A value alone stays with its row, as that needs one sync
// of the disk and a volume needs another. Other large values are read too often,
// and not as a whole by those who read them (the text index).
const (
	apartFrom  = 32 << 10  // octets of a large value
	company    = 2         // large values of a group, from which on they lie apart
	volumeSize = 512 << 20 // from which on a new one is begun
	volumeRoom = 1 << 20   // is written at a time
	volumesDir = "apart"
)

// volume is one file of values. What lies before the end that its row tells is
// synced and never changes; what comes after that is nothing yet.
type volume struct {
	number uint32
	file   vfs.File
	refs   int // shelves that it stands on; guarded by volumes.mu
}

// shelf is a set of volumes that never changes: those which the rows of a
// snapshot may refer to.
type shelf struct {
	volumes map[uint32]*volume
	refs    int // guarded by volumes.mu
}

// volumes are all of an engine. What is not guarded belongs to the committer.
type volumes struct {
	files vfs.FS
	dir   string
	Apart // without zeros
	rooms sync.Pool

	mu    sync.Mutex
	shelf *shelf

	last    uint32  // the highest number that was ever committed or begun
	current *volume // nil: none yet
	at      int64   // where buf belongs in current
	buf     []byte
	dirty   bool             // current has what is not synced
	ends    map[uint32]int64 // of the volumes that the present group has filled further
}

// endKey is the row that tells how far a volume is filled: in no partition.
func endKey(number uint32) []byte { return binary.BigEndian.AppendUint32([]byte(endPrefix), number) }

const endPrefix = "\xffapart"

// openVolumes opens those that have a row and removes the others: what is in
// them was never committed. One that is missing or cut off is told of; the
// values that are there can still be read.
func openVolumes(files vfs.FS, db *pebble.DB, dir string, a Apart, log *slog.Logger) (*volumes, error) {
	a.From, a.Volume = cmp.Or(a.From, apartFrom), cmp.Or(a.Volume, volumeSize)
	v := &volumes{
		files: files, dir: files.PathJoin(dir, volumesDir), Apart: a, rooms: sync.Pool{New: func() any { return new(room) }},
		shelf: &shelf{volumes: make(map[uint32]*volume), refs: 1}, ends: make(map[uint32]int64),
	}
	ends, err := allEnds(db)
	if err != nil {
		return nil, err
	}
	names, err := files.List(v.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, name := range names {
		n, err := strconv.ParseUint(strings.TrimSuffix(name, volumeSuffix), 10, 32)
		if err != nil || name != volumeName(uint32(n)) {
			continue // none of ours
		}
		if err := v.reopen(uint32(n), ends[uint32(n)]); err != nil {
			v.close()
			return nil, err
		}
	}
	for number, end := range ends {
		v.last = max(v.last, number) // also of one that is missing: rows refer to it
		if vol := v.shelf.volumes[number]; vol == nil || !vol.reaches(end) {
			log.Error("kv: a file of the store is missing or cut off, some of it can't be read; `tem store check` says what is lost", "file", v.name(number))
		}
	}
	return v, nil
}

// reaches reports whether all that was committed can be there.
func (v *volume) reaches(end int64) bool {
	info, err := v.file.Stat()
	return err == nil && info.Size() >= end
}

const volumeSuffix = ".values"

func volumeName(number uint32) string { return fmt.Sprintf("%08d%s", number, volumeSuffix) }

func (v *volumes) name(number uint32) string { return v.files.PathJoin(v.dir, volumeName(number)) }

// reopen opens one volume; the one with the highest number is filled further.
func (v *volumes) reopen(number uint32, end int64) error {
	if end == 0 {
		return v.files.Remove(v.name(number))
	}
	f, err := v.files.OpenReadWrite(v.name(number), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	vol := &volume{number: number, file: f, refs: 1}
	v.shelf.volumes[number] = vol
	if v.current == nil || v.current.number < number {
		v.current, v.at = vol, end
	}
	return nil
}

// endOf is how far a volume is filled, 0 for one without a row.
func endOf(from pebble.Reader, number uint32) (int64, error) {
	val, closer, err := get(from, endKey(number))
	if closer == nil {
		return 0, err
	}
	defer closer.Close()
	return decodeEnd(number, val)
}

func decodeEnd(number uint32, val []byte) (int64, error) {
	if len(val) != 8 || val[0] >= 1<<7 {
		return 0, fmt.Errorf("the end of volume %d is damaged: %x", number, val)
	}
	return int64(binary.BigEndian.Uint64(val)), nil
}

// allEnds are the ends of all volumes.
func allEnds(db *pebble.DB) (map[uint32]int64, error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: endKey(0), UpperBound: append(endKey(math.MaxUint32), 0)})
	if err != nil {
		return nil, err
	}
	ends := make(map[uint32]int64)
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		var val []byte
		if val, err = it.ValueAndErr(); err == nil && len(it.Key()) == len(endPrefix)+4 {
			number := binary.BigEndian.Uint32(it.Key()[len(endPrefix):])
			ends[number], err = decodeEnd(number, val)
		}
	}
	return ends, errors.Join(err, it.Close())
}

// A record is a head, the key of the row and what is stored of the value. Who
// looks a value up has its place and reads only that; heads and keys are for
// those who want to know which rows a volume has values of.
//
//	u4 CRC-32C of the rest of the head and of the key · u4 stored · u4 size · u4 sum · u1 form · u4 length of the key
const recordHead = 4 + 4 + 4 + 4 + 1 + 4

func appendRecord(b, key []byte, p parcel) []byte {
	begin := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.stored)))
	b = binary.BigEndian.AppendUint32(b, p.size)
	b = binary.BigEndian.AppendUint32(b, p.sum)
	b = append(b, byte(p.form))
	b = binary.BigEndian.AppendUint32(b, uint32(len(key)))
	b = append(b, key...)
	binary.BigEndian.PutUint32(b[begin:], crc32.Checksum(b[begin+4:], castagnoli))
	return append(b, p.stored...)
}

// put appends a value and returns its place, which holds once sync has returned.
func (v *volumes) put(key []byte, p parcel) (place, error) {
	if v.current == nil || v.at+int64(len(v.buf)) >= v.Volume {
		if err := v.begin(); err != nil {
			return place{}, err
		}
	}
	at := v.at + int64(len(v.buf)+recordHead+len(key))
	v.buf = appendRecord(v.buf, key, p)
	v.dirty = true
	if len(v.buf) >= volumeRoom {
		if err := v.flush(); err != nil {
			return place{}, err
		}
	}
	return place{v.current.number, at, uint32(len(p.stored)), p.size, p.sum, p.form}, nil
}

// begin ends the current volume and makes the next one.
func (v *volumes) begin() error {
	if err := v.sync(); err != nil {
		return err
	}
	v.last++
	number := v.last
	if err := v.files.MkdirAll(v.dir, 0o700); err != nil {
		return err
	}
	f, err := v.files.OpenReadWrite(v.name(number), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	vol := &volume{number: number, file: f}
	v.mu.Lock()
	list := maps.Clone(v.shelf.volumes)
	list[number] = vol
	v.replace(list)
	v.mu.Unlock()
	v.current, v.at = vol, 0
	return errors.Join(syncDir(v.files, v.dir), syncDir(v.files, v.files.PathDir(v.dir)))
}

func syncDir(files vfs.FS, name string) error {
	d, err := files.OpenDir(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (v *volumes) flush() error {
	_, err := v.current.file.WriteAt(v.buf, v.at)
	v.at += int64(len(v.buf))
	v.buf = v.buf[:0]
	v.ends[v.current.number] = v.at
	return err
}

// commit makes durable what was put for a group, and adds the rows that say so to the group's batch.
func (v *volumes) commit(out *pebble.Batch) error {
	if err := v.sync(); err != nil {
		return fmt.Errorf("write values: %w", err)
	}
	for number, end := range v.ends {
		if err := out.Set(endKey(number), binary.BigEndian.AppendUint64(nil, uint64(end)), nil); err != nil {
			return err
		}
	}
	clear(v.ends)
	return nil
}

// sync makes durable what was put.
func (v *volumes) sync() error {
	if !v.dirty {
		return nil
	}
	v.dirty = false
	return errors.Join(v.flush(), v.current.file.SyncData())
}

// full is the number up to which all volumes are full: the committer's answer.
func (v *volumes) full() uint32 {
	if v.current == nil {
		return 0
	}
	return v.current.number - 1
}

// room is memory that a value is read into. It is used again, as it costs more
// than the reading.
type room struct{ stored, val []byte }

// largestRoom is how much of it is kept, in octets.
const largestRoom = 1 << 20

// vacate gives room back; nil is none.
func (v *volumes) vacate(m *room) {
	if m != nil && cap(m.stored)+cap(m.val) <= largestRoom {
		v.rooms.Put(m)
	}
}

// read gives the value at a place, in the memory of m.
func (s *shelf) read(p place, m *room) ([]byte, error) {
	vol := s.volumes[p.volume]
	if vol == nil {
		return nil, fmt.Errorf("%w: volume %d is not there", kv.ErrDamaged, p.volume)
	}
	m.stored = slices.Grow(m.stored[:0], int(p.stored))[:p.stored]
	stored := m.stored
	if n, err := vol.file.ReadAt(stored, p.at); n < len(stored) {
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.EIO) { // the disk has lost it
			err = fmt.Errorf("%w: %w", kv.ErrDamaged, err)
		}
		return nil, fmt.Errorf("read volume %d at %d: %w", p.volume, p.at, err)
	}
	if crc32.Checksum(stored, castagnoli) != p.sum {
		return nil, fmt.Errorf("%w: volume %d at %d: what is there has another checksum", kv.ErrDamaged, p.volume, p.at)
	}
	if p.form == plain {
		return stored, nil
	}
	val, err := minlz.Decode(slices.Grow(m.val[:0], int(p.size)), stored)
	if err != nil || len(val) != int(p.size) {
		return nil, fmt.Errorf("%w: volume %d at %d: it can't be unpacked to %d octets: %v", kv.ErrDamaged, p.volume, p.at, p.size, err)
	}
	m.val = val
	return val, nil
}

// whole is the value of a row: what is at the place that it holds, if it holds
// one. Then it lies in a room, to be given back when it is not needed any more.
func (v *volumes) whole(s *shelf, row []byte) ([]byte, *room, error) {
	if !looksLikePlace(row) {
		return row, nil, nil
	}
	m := v.rooms.Get().(*room)
	val, err := s.read(placeOf(row), m)
	if err != nil {
		v.vacate(m)
		return nil, nil, err
	}
	return val, m, nil
}

// borrow returns the present shelf; it is to be given back.
func (v *volumes) borrow() *shelf {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shelf.refs++
	return v.shelf
}

func (v *volumes) giveBack(s *shelf) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.drop(s)
}

// replace makes a new shelf of these volumes. The caller holds mu.
func (v *volumes) replace(list map[uint32]*volume) {
	for _, vol := range list {
		vol.refs++
	}
	old := v.shelf
	v.shelf = &shelf{volumes: list, refs: 1}
	v.drop(old)
}

// drop closes the volumes that stand on no shelf any more. The caller holds mu.
func (v *volumes) drop(s *shelf) {
	if s.refs--; s.refs > 0 {
		return
	}
	for _, vol := range s.volumes {
		if vol.refs--; vol.refs == 0 {
			vol.file.Close() // it was synced, or is of no use
		}
	}
}

// close is for when nobody reads any more.
func (v *volumes) close() { v.giveBack(v.shelf) }

// takes reports a write whose value may lie in a volume, or must.
func (v *volumes) takes(op *kv.Op) bool {
	if op.Kind != kv.OpSet {
		return false
	}
	return len(op.Val) >= v.From && (v.Everywhere || op.Part.IsBodies()) || looksLikePlace(op.Val)
}
