package pebble

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"strconv"
	"strings"
	"sync"

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

	mu     sync.Mutex
	shelf  *shelf
	filled uint32 // all up to this number are full

	current *volume // nil: none yet
	at      int64   // where buf belongs in current
	buf     []byte
	dirty   bool             // current has what is not synced
	ends    map[uint32]int64 // of the volumes that the present group has filled further
}

// endKey is the row that tells how far a volume is filled: in no partition.
func endKey(number uint32) []byte { return binary.BigEndian.AppendUint32([]byte("\xffapart"), number) }

// openVolumes opens those that have a row and removes the others: what is in
// them was never committed.
func openVolumes(files vfs.FS, db *pebble.DB, dir string, a Apart) (*volumes, error) {
	a.From, a.Volume = cmp.Or(a.From, apartFrom), cmp.Or(a.Volume, volumeSize)
	v := &volumes{
		files: files, dir: files.PathJoin(dir, volumesDir), Apart: a,
		shelf: &shelf{volumes: make(map[uint32]*volume), refs: 1}, ends: make(map[uint32]int64),
	}
	names, err := files.List(v.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, name := range names {
		n, err := strconv.ParseUint(strings.TrimSuffix(name, volumeSuffix), 10, 32)
		if err != nil || !strings.HasSuffix(name, volumeSuffix) {
			continue // none of ours
		}
		if err := v.reopen(db, uint32(n)); err != nil {
			v.close()
			return nil, err
		}
	}
	if v.current != nil {
		v.filled = v.current.number - 1
	}
	return v, nil
}

const volumeSuffix = ".values"

func (v *volumes) name(number uint32) string {
	return v.files.PathJoin(v.dir, fmt.Sprintf("%08d%s", number, volumeSuffix))
}

// reopen opens one volume; the one with the highest number is filled further.
func (v *volumes) reopen(db *pebble.DB, number uint32) error {
	end, err := endOf(db, number)
	if err != nil {
		return err
	}
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
	if len(val) != 8 {
		return 0, fmt.Errorf("the end of volume %d is damaged", number)
	}
	return int64(binary.BigEndian.Uint64(val)), nil
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
	number := uint32(1)
	if v.current != nil {
		if err := v.sync(); err != nil {
			return err
		}
		number = v.current.number + 1
	}
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
	v.filled = number - 1
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

// read gives the value at a place, in memory of its own.
func (s *shelf) read(p place) ([]byte, error) {
	vol := s.volumes[p.volume]
	if vol == nil {
		return nil, fmt.Errorf("%w: volume %d is not there", kv.ErrDamaged, p.volume)
	}
	stored := make([]byte, p.stored)
	if n, err := vol.file.ReadAt(stored, p.at); n < len(stored) {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: it ends before", kv.ErrDamaged)
		}
		return nil, fmt.Errorf("read volume %d at %d: %w", p.volume, p.at, err)
	}
	if crc32.Checksum(stored, castagnoli) != p.sum {
		return nil, fmt.Errorf("%w: volume %d at %d: what is there has another checksum", kv.ErrDamaged, p.volume, p.at)
	}
	if p.form == plain {
		return stored, nil
	}
	val, err := minlz.Decode(make([]byte, 0, p.size), stored)
	if err != nil || len(val) != int(p.size) {
		return nil, fmt.Errorf("%w: volume %d at %d: it can't be unpacked: %w", kv.ErrDamaged, p.volume, p.at, err)
	}
	return val, nil
}

// whole is the value of a row: what is at the place that it holds, if it holds one.
func (s *shelf) whole(row []byte) ([]byte, error) {
	if !looksLikePlace(row) {
		return row, nil
	}
	return s.read(placeOf(row))
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
