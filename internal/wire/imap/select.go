package imap

// Select is SELECT or EXAMINE (RFC 9051 §6.3.2) with its parameters.
type Select struct {
	Mailbox   string
	ReadOnly  bool     // EXAMINE
	CondStore bool     // RFC 7162 §3.1.8
	QResync   *QResync // nil: not asked for
}

// QResync is what a client remembers of the mailbox (RFC 7162 §3.2.5).
type QResync struct {
	UIDValidity uint32
	ModSeq      uint64 // 1 or more
	Known       *Set   // UIDs; nil: all
	Seqs, UIDs  *Set   // sequence numbers and the UIDs they had; nil: not told
}

func parseSelect(d *decoder, readOnly bool) *Select {
	c := &Select{Mailbox: d.oneMailbox(), ReadOnly: readOnly}
	if d.take(' ') {
		d.list(func() { d.selectParameter(c) })
	}
	return c
}

func (d *decoder) selectParameter(c *Select) {
	switch d.oneOf("parameter", "CONDSTORE", "QRESYNC") {
	case "CONDSTORE":
		c.CondStore = true
	case "QRESYNC":
		d.sp()
		if c.QResync != nil {
			d.fail("QRESYNC twice")
		}
		c.QResync = d.qresync()
	}
}

func (d *decoder) qresync() *QResync {
	q := &QResync{}
	d.want('(')
	q.UIDValidity = d.nonZero()
	d.sp()
	if q.ModSeq = d.modSeq(); q.ModSeq == 0 {
		d.fail("expected a mod-sequence above 0")
	}
	more := d.take(' ')
	if more && d.peek() != '(' {
		q.Known = d.numbered()
		more = d.take(' ')
	}
	if more {
		d.seqMatch(q)
	}
	d.want(')')
	return q
}

// seqMatch reads seq-match-data (RFC 7162 §3.2.5.2).
func (d *decoder) seqMatch(q *QResync) {
	if d.UIDOnly {
		d.uidRequired()
	}
	d.want('(')
	q.Seqs = d.numbered()
	d.sp()
	q.UIDs = d.numbered()
	d.want(')')
}
