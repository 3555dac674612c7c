package imap

// List is LIST or LSUB (RFC 9051 §6.3.9).
type List struct {
	LSub     bool
	Extended bool // has what RFC 3501 does not know
	// Selection options (RFC 5258 §3.1, RFC 6154 §2).
	Subscribed, SpecialUse, RecursiveMatch, Remote bool
	Reference                                      string
	Patterns                                       []string
	// What to return (RFC 5258 §3.2).
	ReturnSubscribed, ReturnChildren bool
	ReturnSpecialUse                 bool     // RFC 6154 §2
	ReturnMyRights                   bool     // RFC 8440
	ReturnMetadata                   []string // entries (RFC 9590); nil: none
	Status                           []string // STATUS items (RFC 5819); nil: no STATUS
}

func parseLSub(d *decoder) *List {
	c := &List{LSub: true, Reference: d.oneMailbox()}
	d.sp()
	c.Patterns = []string{d.pattern()}
	return c
}

func parseList(d *decoder) *List {
	c := &List{}
	d.sp()
	if d.peek() == '(' {
		c.Extended = true
		d.list(func() { d.listSelection(c) })
		d.sp()
	}
	c.Reference = d.mailbox()
	d.sp()
	if d.peek() == '(' {
		c.Extended = true
		if d.list(func() { c.Patterns = append(c.Patterns, d.pattern()) }); len(c.Patterns) == 0 {
			d.fail("expected a pattern")
		}
	} else {
		c.Patterns = []string{d.pattern()}
	}
	if d.take(' ') {
		c.Extended = true
		d.oneOf("word", "RETURN")
		d.sp()
		d.list(func() { d.listReturn(c) })
	}
	if c.RecursiveMatch && !c.Subscribed { // RFC 9051 §6.3.9.1
		d.fail("RECURSIVEMATCH needs SUBSCRIBED")
	}
	return c
}

func (d *decoder) listSelection(c *List) {
	switch d.word() {
	case "SUBSCRIBED":
		c.Subscribed = true
	case "RECURSIVEMATCH":
		c.RecursiveMatch = true
	case "SPECIAL-USE":
		c.SpecialUse = true
	case "REMOTE":
		c.Remote = true
	default:
		d.fail("unknown selection option")
	}
}

func (d *decoder) listReturn(c *List) {
	switch d.word() {
	case "SUBSCRIBED":
		c.ReturnSubscribed = true
	case "CHILDREN":
		c.ReturnChildren = true
	case "SPECIAL-USE":
		c.ReturnSpecialUse = true
	case "MYRIGHTS":
		c.ReturnMyRights = true
	case "METADATA":
		d.sp()
		c.ReturnMetadata = d.entries()
	case "STATUS":
		d.sp()
		c.Status = d.statusItems()
	default:
		d.fail("unknown return option")
	}
}
