package mail

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"
)

// errRow is what a damaged row gives.
var errRow = errors.New("mail: damaged row")

// decoder takes fields off a row; after a failure it gives zeros and keeps err.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	return advance(d, v, n)
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	return advance(d, v, n)
}

func advance[T uint64 | int64](d *decoder, v T, n int) T {
	if n <= 0 || d.err != nil {
		d.err, d.b = errRow, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

// bytes gives a field with its length in front; it points into the row.
func (d *decoder) bytes() []byte { return d.take(d.uint()) }

func (d *decoder) take(n uint64) []byte {
	if d.err != nil || n > uint64(len(d.b)) {
		d.err, d.b = errRow, nil
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint32() uint32 {
	if b := d.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// time is seconds since 1970 and minutes east of Greenwich.
func (d *decoder) time() time.Time {
	at, zone := time.Unix(d.int(), 0), d.int()
	return at.In(location(int(zone)))
}

// zones are the offsets from Greenwich that are in use, a quarter of an hour
// apart: making one for each date that is read would cost more than the rest of
// its row.
var zones = func() (list [2*maxZone/15 + 1]*time.Location) {
	for i := range list {
		list[i] = time.FixedZone("", (i*15-maxZone)*60)
	}
	list[maxZone/15] = time.UTC
	return list
}()

const maxZone = 14 * 60 // minutes

func location(minutes int) *time.Location {
	if minutes%15 == 0 && -maxZone <= minutes && minutes <= maxZone {
		return zones[(minutes+maxZone)/15]
	}
	return time.FixedZone("", minutes*60)
}

func appendTime(dst []byte, t time.Time) []byte {
	_, zone := t.Zone()
	return binary.AppendVarint(binary.AppendVarint(dst, t.Unix()), int64(zone/60))
}

func appendBytes[T []byte | string](dst []byte, v T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
}

func appendUints(dst []byte, vs ...uint64) []byte {
	for _, v := range vs {
		dst = binary.AppendUvarint(dst, v)
	}
	return dst
}

// The layouts of an account's rows: those of format 1, known by a state row
// that ends early; those of format 1 with the state and the change log of
// format 2; those of format 2.
const (
	layoutFirst = iota
	layoutMixed
	layoutNow
)

// state is the account's row.
type state struct {
	modseq       ModSeq
	nextMailbox  MailboxID
	nextEmail    EmailID
	nextValidity uint32 // UIDVALIDITY of the next mailbox
	quota        Quota
	layout       uint8
	pruned       ModSeq // the change log tells what came after it
	vault        Quota  // what the vault holds; it has no limits
	pool         string // whose quota the account shares; "" for nobody's
	mark         uint64 // random: no two commits write the same row, so that an assertion tells them apart
}

func (s *state) append(dst []byte) []byte {
	q := &s.quota
	dst = appendUints(dst, uint64(s.modseq), uint64(s.nextMailbox), uint64(s.nextEmail), uint64(s.nextValidity),
		uint64(q.Bytes), uint64(q.Messages), uint64(q.BytesLimit), uint64(q.MessagesLimit))
	if s.layout == layoutFirst {
		return dst
	}
	dst = appendUints(append(dst, s.layout), uint64(s.pruned), uint64(s.vault.Bytes), uint64(s.vault.Messages))
	return binary.BigEndian.AppendUint64(appendBytes(dst, s.pool), s.mark)
}

func decodeState(row []byte) (s state, err error) {
	d := &decoder{b: row}
	s.modseq, s.nextMailbox = ModSeq(d.uint()), MailboxID(d.uint())
	s.nextEmail, s.nextValidity = EmailID(d.uint()), uint32(d.uint())
	q := &s.quota
	q.Bytes, q.Messages = int64(d.uint()), int64(d.uint())
	q.BytesLimit, q.MessagesLimit = int64(d.uint()), int64(d.uint())
	if len(d.b) == 0 {
		return s, d.err
	}
	s.layout, s.pruned = d.byte(), ModSeq(d.uint())
	s.vault.Bytes, s.vault.Messages = int64(d.uint()), int64(d.uint())
	s.pool, s.mark = string(d.bytes()), d.uint64()
	if s.layout != layoutMixed && s.layout != layoutNow {
		return s, errRow
	}
	return s, d.err
}

func (m *Mailbox) append(dst []byte) []byte {
	dst = appendUints(dst, uint64(m.UIDValidity), uint64(m.UIDNext), uint64(m.HighestModSeq),
		uint64(m.Messages), uint64(m.Unseen), uint64(m.DeletedCount), uint64(m.Size))
	dst = appendBytes(appendBytes(dst, m.Name), m.SpecialUse)
	return appendStrings(dst, m.Keywords)
}

func appendStrings(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendBytes(dst, s)
	}
	return dst
}

// strings reads at most as many as a message can have keywords.
func (d *decoder) strings() (list []string) {
	for range min(d.uint(), MaxKeywords) {
		list = append(list, string(d.bytes()))
	}
	return list
}

func decodeMailbox(key, row []byte) (m Mailbox, err error) {
	d := &decoder{b: row}
	m.ID = MailboxID(binary.BigEndian.Uint32(key[1:]))
	m.UIDValidity, m.UIDNext, m.HighestModSeq = uint32(d.uint()), UID(d.uint()), ModSeq(d.uint())
	m.Messages, m.Unseen, m.DeletedCount = uint32(d.uint()), uint32(d.uint()), uint32(d.uint())
	m.Size = int64(d.uint())
	m.Name, m.SpecialUse = string(d.bytes()), string(d.bytes())
	m.Keywords = d.strings()
	return m, d.err
}

// append writes the row of a message; the UID is in the key.
func (m *Meta) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.Email))
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.Thread))
	dst = append(dst, m.Body[:]...)
	dst = binary.AppendUvarint(dst, uint64(m.Size))
	dst = appendTime(appendTime(dst, m.Received), m.Sent)
	dst = append(dst, bit(m.Attached)|byte(m.Shape), byte(len(m.hashes)))
	dst = binary.BigEndian.AppendUint64(dst, m.subject)
	for _, h := range m.hashes {
		dst = binary.BigEndian.AppendUint64(dst, h)
	}
	dst = appendBytes(appendBytes(dst, m.Envelope), m.Structure)
	dst = appendBytes(appendBytes(appendBytes(dst, m.BasicBody), m.Parts), m.Preview)
	if m.SHA256 == ([sha256.Size]byte{}) {
		return dst // a row of format 1
	}
	return m.links.append(append(dst, m.SHA256[:]...))
}

func bit(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// decode fills m; its slices point into the row.
func (m *Meta) decode(uid UID, row []byte) error {
	d := m.decodeHead(uid, row)
	m.Structure, m.BasicBody, m.Parts = d.bytes(), d.bytes(), d.bytes()
	m.Preview, m.SHA256 = d.bytes(), [sha256.Size]byte{}
	if len(d.b) > 0 {
		copy(m.SHA256[:], d.take(sha256.Size))
	}
	m.links.decode(&d)
	return d.err
}

// decodeHead fills m up to the envelope: who needs no more is spared to look at
// the rest of a row, most of which is not in the processor's cache.
func (m *Meta) decodeHead(uid UID, row []byte) decoder {
	d := decoder{b: row}
	m.UID, m.Email, m.Thread = uid, EmailID(d.uint64()), ThreadID(d.uint64())
	copy(m.Body[:], d.take(16))
	m.Size, m.Received, m.Sent = int64(d.uint()), d.time(), d.time()
	var counts [2]byte
	copy(counts[:], d.take(2))
	m.Attached, m.Shape = counts[0]&1 != 0, Shape(counts[0]&^1)
	m.subject, m.hashes = d.uint64(), m.hashes[:0]
	for range counts[1] {
		m.hashes = append(m.hashes, d.uint64())
	}
	m.Envelope = d.bytes()
	return d
}

// itemSize is the length of a row of flags, oldItemSize that of one which was
// last written by format 1 or 2: it has no save date.
const (
	oldItemSize = 16
	itemSize    = oldItemSize + 4
)

func (i Item) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(i.ModSeq))
	dst = binary.BigEndian.AppendUint64(dst, uint64(i.Flags))
	return binary.BigEndian.AppendUint32(dst, i.Saved)
}

func decodeItem(uid UID, row []byte) (Item, error) {
	if len(row) != itemSize && len(row) != oldItemSize {
		return Item{}, errRow
	}
	i := Item{UID: uid, Flags: Flags(binary.BigEndian.Uint64(row[8:])), ModSeq: ModSeq(binary.BigEndian.Uint64(row))}
	if len(row) == itemSize {
		i.Saved = binary.BigEndian.Uint32(row[oldItemSize:])
	}
	return i, nil
}
