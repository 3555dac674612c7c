package imap

import (
	"context"
	"strconv"
)

// UIDBatches asks for ranges of UIDs that hold Size messages each, newest
// first, of which the From-th to the To-th, both included (RFC 10022).
type UIDBatches struct {
	Size     uint32
	From, To uint32 // 0: all
}

// BatchHandler runs UIDBATCHES.
type BatchHandler interface {
	UIDBatches(context.Context, *UIDBatches) error
}

func batchRows() []Row {
	return []Row{row("UIDBATCHES", Selected, 0, parseUIDBatches, Handler.UIDBatches)}
}

func parseUIDBatches(d *decoder) *UIDBatches {
	d.sp()
	c := &UIDBatches{Size: d.nonZero()}
	if d.take(' ') {
		c.From = d.nonZero()
		d.want(':')
		c.To = d.nonZero()
		if d.err == nil && c.From > c.To {
			d.code = "CLIENTBUG"
			d.fail("the first batch comes after the last")
		}
	}
	return c
}

// AppendBatches writes ranges of UIDs as uid-range-desc of a UIDBATCHES
// response: the larger UID of each first (RFC 10022).
func AppendBatches(dst []byte, batches []Range) []byte {
	for n, r := range batches {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(strconv.AppendUint(dst, uint64(r.To), 10), ':')
		dst = strconv.AppendUint(dst, uint64(r.From), 10)
	}
	return dst
}
