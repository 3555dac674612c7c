package mail

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"tem/internal/kv"
)

// SortBy is what messages are compared by (RFC 5256 §3, RFC 5957 §4).
type SortBy uint8

// The sort keys. A message without the field has the empty text, which comes first.
const (
	ByArrival     SortBy = iota // internal date
	ByCc                        // what stands before the @ in the first Cc address
	ByDate                      // Date field as an instant; internal date where that is of no use
	ByFrom                      // as ByCc
	BySize                      // octets
	BySubject                   // base subject
	ByTo                        // as ByCc
	ByDisplayFrom               // name of the first From address, the address where it has none
	ByDisplayTo
	sortBys // how many there are
)

// SortKey is one key; Reverse puts the greatest first.
type SortKey struct {
	By      SortBy
	Reverse bool
}

// Sort returns those of uids that exist in the order of the keys, the first
// deciding first. What no key tells apart is in the order of UIDs, reversed or not.
func (a *Account) Sort(ctx context.Context, id MailboxID, uids []UID, by []SortKey) ([]UID, error) {
	by, err := deciding(by)
	if err != nil {
		return nil, err
	}
	if len(by) == 1 && !a.s.Shared && len(uids) >= a.s.orderWorth {
		if found, done, err := a.sortKept(ctx, id, uids, by[0]); done || err != nil {
			return found, err
		}
	}
	return a.sortRows(ctx, id, uids, by)
}

// sortRows reads the rows of the messages.
func (a *Account) sortRows(ctx context.Context, id MailboxID, uids []UID, by []SortKey) ([]UID, error) {
	s := newSorter(by, len(uids))
	if err := a.heads(ctx, id, uids, s.add); err != nil {
		return nil, err
	}
	s.sort()
	return s.uids(), ctx.Err()
}

// deciding leaves out keys that can't decide as they stood before.
func deciding(by []SortKey) (keys []SortKey, err error) {
	var seen [sortBys]bool
	for _, k := range by {
		if k.By >= sortBys {
			return nil, fail(Invalid, "%d is no sort key", k.By)
		}
		if !seen[k.By] {
			seen[k.By], keys = true, append(keys, k)
		}
	}
	return keys, nil
}

// heads calls fn with the metadata of each uid that exists, in order, up to the
// envelope; m is valid only during the call. fn must not wait for anything.
func (a *Account) heads(ctx context.Context, id MailboxID, uids []UID, fn func(m *Meta)) error {
	var m Meta
	n := 0
	return a.read(ctx, func(r kv.Reader) error {
		return eachRow(r, keyMeta, a.id, id, uids, func(u UID, row []byte) error {
			if n++; n%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			d := m.decodeHead(u, row)
			if d.err == nil {
				fn(&m)
			}
			return d.err
		})
	})
}

// sorter holds the keys of messages: some 24 octets for each message and key,
// and what texts have beyond their first octets.
type sorter struct {
	rows    []sortRow
	columns []sortColumn
	texts   textKeys
}

// sortRow is a message: the first key decides most comparisons by itself.
type sortRow struct {
	first uint64
	n     uint32 // its place in the columns
	uid   UID
}

// sortColumn has one key of all messages: numbers that compare as the values
// do, of texts the first octets. What texts have beyond is in rest, each up to
// its end.
type sortColumn struct {
	SortKey
	numbers []uint64
	rest    []byte
	ends    []int
}

// newSorter makes one with room for n messages; each key is there once.
func newSorter(by []SortKey, n int) *sorter {
	s := &sorter{rows: make([]sortRow, 0, n)}
	for _, k := range by {
		c := sortColumn{SortKey: k, numbers: make([]uint64, 0, n)}
		if k.By.isText() {
			c.ends = make([]int, 0, n)
		}
		s.columns = append(s.columns, c)
	}
	return s
}

func (b SortBy) isText() bool { return b != ByArrival && b != ByDate && b != BySize }

func (s *sorter) add(m *Meta) {
	row := sortRow{n: uint32(len(s.rows)), uid: m.UID}
	for i := range s.columns {
		c := &s.columns[i]
		switch c.By {
		case ByArrival:
			c.number(instant(m.Received))
		case ByDate:
			c.number(instant(m.sent())) // RFC 5256 §2.2
		case BySize:
			c.number(uint64(m.Size))
		default:
			c.text(s.texts.of(m, c.By))
		}
	}
	if len(s.columns) > 0 {
		row.first = s.columns[0].numbers[row.n]
	}
	s.rows = append(s.rows, row)
}

// instant is t in seconds as a number that compares as t does.
func instant(t time.Time) uint64 { return uint64(t.Unix()) ^ 1<<63 }

func (c *sortColumn) number(n uint64) {
	if c.Reverse {
		n = ^n
	}
	c.numbers = append(c.numbers, n)
}

// text adds a text, in which there is no NUL.
func (c *sortColumn) text(key []byte) {
	var first [8]byte
	n := copy(first[:], key)
	c.number(binary.BigEndian.Uint64(first[:]))
	c.rest = append(c.rest, key[n:]...)
	c.ends = append(c.ends, len(c.rest))
}

func (c *sortColumn) compare(x, y uint32) int {
	if d := cmp.Compare(c.numbers[x], c.numbers[y]); d != 0 || c.ends == nil {
		return d
	}
	d := slices.Compare(c.beyond(x), c.beyond(y))
	if c.Reverse {
		return -d
	}
	return d
}

// beyond is what a text has after its first octets.
func (c *sortColumn) beyond(n uint32) []byte {
	if n == 0 {
		return c.rest[:c.ends[0]]
	}
	return c.rest[c.ends[n-1]:c.ends[n]]
}

// restOf is what the n-th value has beyond its number.
func (c *sortColumn) restOf(n uint32) []byte {
	if c.ends == nil {
		return nil
	}
	return c.beyond(n)
}

// compare is for messages whose first numbers are the same.
func (s *sorter) compare(x, y sortRow) int {
	for i := range s.columns {
		if d := s.columns[i].compare(x.n, y.n); d != 0 {
			return d
		}
	}
	return cmp.Compare(x.n, y.n) // messages came in the order of their UIDs
}

func (s *sorter) sort() {
	s.rows = sortFirst(s.rows)
	for rest := s.rows; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].first == rest[0].first {
			n++
		}
		slices.SortFunc(rest[:n], s.compare)
		rest = rest[n:]
	}
}

func (s *sorter) uids() []UID {
	uids := make([]UID, len(s.rows))
	for i := range uids {
		uids[i] = s.rows[i].uid
	}
	return uids
}

// sortFirst sorts by the first number, octet by octet from the last: several
// times as fast as by comparing. It keeps the order of what is the same.
func sortFirst(rows []sortRow) []sortRow {
	into := make([]sortRow, len(rows))
	for shift := 0; shift < 64; shift += 8 {
		var places [256]int // how many have each octet, then where the next of them goes
		for i := range rows {
			places[byte(rows[i].first>>shift)]++
		}
		if slices.Max(places[:]) == len(rows) {
			continue // all the same
		}
		at := 0
		for i, n := range places {
			places[i] = at
			at += n
		}
		for _, r := range rows {
			at := &places[byte(r.first>>shift)]
			into[*at] = r
			*at++
		}
		rows, into = into, rows
	}
	return rows
}
