package postgres

import "tem/internal/kv"

// The first page of a scan has few rows, since many scans end early, and ends
// after the value with which it exceeds pageOctets: that sum costs the server
// more than the rows. Later pages are made as large as the rows before suggest.
const (
	firstPage  = 100
	largePage  = 2000
	pageOctets = 4 << 20
)

const (
	within = ` FROM tem_kv WHERE (part, key) >= ($1::bigint, $2::bytea) AND (part, key) < ($3::bigint, $4::bytea) `
	up     = ` ORDER BY part, key `
	down   = ` ORDER BY part DESC, key DESC `

	firstUpSQL   = sumUp + up + sumOver + within + up + sumEnd
	firstDownSQL = sumUp + down + sumOver + within + down + sumEnd
	nextUpSQL    = `SELECT key, val` + within + up + `LIMIT $5`
	nextDownSQL  = `SELECT key, val` + within + down + `LIMIT $5`

	sumUp   = `SELECT key, val FROM (SELECT key, val, sum(octet_length(val)) OVER (`
	sumOver = `ROWS UNBOUNDED PRECEDING) - octet_length(val) AS before`
	sumEnd  = `LIMIT $5) page WHERE before < 4194304`
)

func (r *reader) Scan(p kv.Part, lo, hi []byte, o kv.ScanOptions, fn func(key, val []byte) error) error {
	if err := checkPart(p); err != nil {
		return err
	}
	s := &scan{r: r, part: p, rest: span{string(appendID(nil, p, lo)), endID(p, hi)}, reverse: o.Reverse, left: o.Limit}
	if o.Limit <= 0 {
		s.left = -1
	}
	if o.Keys { // they are read all the same: pages are measured by them
		visit := fn
		fn = func(key, _ []byte) error { return visit(key, nil) }
	}
	sql := firstUpSQL
	if o.Reverse {
		sql = firstDownSQL
	}
	for size := firstPage; s.left != 0 && s.rest.lo < s.rest.hi; sql = s.nextSQL() {
		list, err := s.page(sql, size, fn)
		if err != nil {
			return kv.Stopped(err)
		}
		size = nextSize(list, size)
	}
	return nil
}

// scan is a Scan that is going on.
type scan struct {
	r       *reader
	part    kv.Part
	rest    span // what has not been visited
	reverse bool
	left    int // how many keys may be visited yet; negative: all
}

func (s *scan) nextSQL() string {
	if s.reverse {
		return nextDownSQL
	}
	return nextUpSQL
}

// page visits up to size keys.
func (s *scan) page(sql string, size int, fn func(key, val []byte) error) ([]row, error) {
	if s.left > 0 {
		size = min(size, s.left)
	}
	loPart, lo := splitID(s.rest.lo)
	hiPart, hi := splitID(s.rest.hi)
	list, err := s.r.query(sql, loPart, lo, hiPart, hi, size)
	if err != nil {
		return nil, err
	}
	for _, row := range list {
		if err := fn(row.key, row.val); err != nil {
			return nil, err
		}
	}
	s.advance(list, size)
	return list, nil
}

// advance leaves out what has been visited by a page of size keys.
func (s *scan) advance(list []row, size int) {
	if len(list) < size && octets(list) < pageOctets { // there is no more
		s.rest.hi = s.rest.lo
		return
	}
	last := string(appendID(nil, s.part, list[len(list)-1].key))
	if s.reverse {
		s.rest.hi = last
	} else {
		s.rest.lo = last + "\x00"
	}
	s.left -= min(len(list), max(s.left, 0))
}

// nextSize is how many rows to ask for after a page that asked for size.
func nextSize(list []row, size int) int {
	if len(list) == 0 {
		return size
	}
	fit := pageOctets / (octets(list)/len(list) + 1)
	return max(1, min(4*size, largePage, fit))
}

// octets is the size of the values.
func octets(list []row) (n int) {
	for _, row := range list {
		n += len(row.val)
	}
	return n
}
