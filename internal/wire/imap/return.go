package imap

import "strconv"

// Return is what SEARCH or SORT is to answer with RETURN (RFC 9051 §6.4.4,
// RFC 5267 §3.1, §4). RETURN () is read as RETURN (ALL). The order in which a client
// writes them means nothing (RFC 4731 §3.1).
type Return struct {
	Min, Max, All, Count bool
	Save                 bool     // RFC 9051 §6.4.4.1
	Partial              *Partial // RFC 9394; nil: not asked for
	Relevancy            bool     // RFC 6203
	Context, Update      bool     // RFC 5267
	UpdateItems          []Item   // what to fetch of new results (RFC 5465 §8)
}

// returns reads RETURN (…) with the space after it, if it is next.
func (d *decoder) returns() *Return {
	if !d.keyword("RETURN") {
		return nil
	}
	d.sp()
	r, n := &Return{}, 0
	d.list(func() { d.returnOption(r); n++ })
	r.All = r.All || n == 0
	if r.All && r.Partial != nil { // RFC 9394 §3.1
		d.fail("ALL and PARTIAL can't be asked for together")
	}
	d.sp()
	return r
}

func (d *decoder) returnOption(r *Return) {
	switch d.word() {
	case "MIN":
		r.Min = true
	case "MAX":
		r.Max = true
	case "ALL":
		r.All = true
	case "COUNT":
		r.Count = true
	case "SAVE":
		r.Save = true
	case "RELEVANCY":
		r.Relevancy = true
	case "CONTEXT":
		r.Context = true
	case "UPDATE":
		r.Update = true
		d.updateItems(r)
	case "PARTIAL":
		d.sp()
		if r.Partial != nil { // RFC 9394 §3.1
			d.fail("PARTIAL twice")
		}
		r.Partial = d.partial()
	default:
		d.fail("unknown RETURN option")
	}
}

// updateItems reads the fetch items that may follow UPDATE, with a space
// before them or, as RFC 5465 §8 has it, none.
func (d *decoder) updateItems(r *Return) {
	if at := d.pos; d.take(' ') && d.peek() != '(' {
		d.pos = at
		return
	}
	if d.peek() == '(' {
		d.list(func() { r.UpdateItems = append(r.UpdateItems, d.fetchItem()) })
	}
}

// Correlator says which command, and of ESEARCH which mailbox, a response is about.
type Correlator struct {
	Tag         string
	Mailbox     string // "": the selected one
	UIDValidity uint32
}

// AppendCorrelator writes a search-correlator (RFC 9051 §9, RFC 7377 §2.1).
func AppendCorrelator(dst []byte, c Correlator, utf8 bool) []byte {
	dst = AppendString(append(dst, "(TAG "...), c.Tag)
	if c.Mailbox != "" {
		dst = AppendMailbox(append(dst, " MAILBOX "...), c.Mailbox, utf8)
		dst = strconv.AppendUint(append(dst, " UIDVALIDITY "...), uint64(c.UIDValidity), 10)
	}
	return append(dst, ')')
}

// Placed are results that came to, or left, a position of a list that is kept
// up to date; 0 where there is no order (RFC 5267 §4.3).
type Placed struct {
	Position uint32
	Numbers  []uint32
}

// AppendPlaced writes ADDTO or REMOVEFROM, which name says (RFC 5267 §5).
func AppendPlaced(dst []byte, name string, placed []Placed) []byte {
	dst = append(append(dst, name...), " ("...)
	for i, p := range placed {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(strconv.AppendUint(dst, uint64(p.Position), 10), ' ')
		dst = AppendNumbers(dst, p.Numbers)
	}
	return append(dst, ')')
}
