package imap

import "context"

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
		a := d.nonZero()
		d.want(':')
		b := d.nonZero()
		c.From, c.To = min(a, b), max(a, b)
	}
	return c
}
