package imap

import "strconv"

// Partial is a page of results: the From-th to the To-th, both included and in
// either order, counted from 1 at the first, or at the last if FromEnd
// (RFC 9394 §3.1).
type Partial struct {
	From, To uint32
	FromEnd  bool
}

// Of returns the page of n results as a half-open range of their indexes.
func (p Partial) Of(n int) (from, to int) {
	first, last := min(p.From, p.To), max(p.From, p.To)
	from, to = min(int(first)-1, n), min(int(last), n)
	if p.FromEnd {
		from, to = n-to, n-from
	}
	return from, to
}

func (d *decoder) partial() *Partial {
	p := &Partial{FromEnd: d.take('-')}
	p.From = d.nonZero()
	d.want(':')
	if p.FromEnd {
		d.want('-')
	}
	p.To = d.nonZero()
	return p
}

// AppendPartial writes a page of results, which is NIL when empty (RFC 9394 §4 ret-data-partial).
func AppendPartial[N ~uint32](dst []byte, p Partial, found []N) []byte {
	dst = appendPosition(append(dst, "PARTIAL ("...), p.From, p.FromEnd)
	dst = appendPosition(append(dst, ':'), p.To, p.FromEnd)
	dst = append(dst, ' ')
	if len(found) == 0 {
		return append(dst, "NIL)"...)
	}
	return append(AppendNumbers(dst, found), ')')
}

func appendPosition(dst []byte, n uint32, fromEnd bool) []byte {
	if fromEnd {
		dst = append(dst, '-')
	}
	return strconv.AppendUint(dst, uint64(n), 10)
}
