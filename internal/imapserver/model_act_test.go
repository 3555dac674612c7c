package imapserver

import (
	"fmt"
	"slices"
)

// act lets the client do something, and returns how many commands that were.
func (c *client) act() int {
	d := c.w.dice
	switch {
	case c.idle != nil:
		c.done()
	case c.box == nil && d.n(3) > 0:
		c.run(c.open())
		if c.box != nil && d.oneIn(2) {
			c.run(c.look())
		}
	case d.oneIn(60):
		c.reconnect()
	case d.oneIn(25):
		c.beginIdle()
	case c.box != nil && !c.w.listened() && d.oneIn(8):
		return c.batch()
	case c.box != nil && d.oneIn(10):
		c.run(c.look())
	case c.box != nil && !c.w.listened() && d.oneIn(10):
		return c.lookers()
	case c.qresync && c.box != nil && len(c.nums) > 0 && !c.w.listened() && d.oneIn(15):
		return c.breakOff()
	default:
		c.run(c.anyOrder())
	}
	return 1
}

// listened: somebody is in IDLE, and would hear of each command of a batch.
func (w *world) listened() bool {
	return slices.ContainsFunc(w.clients, func(c *client) bool { return c.idle != nil })
}

// look is how a client learns all flags.
func (c *client) look() *order {
	set := modelSet{uid: true, ranges: [][2]uint32{{1, 1<<32 - 1}}}
	items := []string{"FLAGS"}
	if c.modseqs {
		items = append(items, "MODSEQ")
	}
	return c.fetchOf(set, items, items)
}

func (c *client) anyOrder() *order {
	d := c.w.dice
	if c.box == nil || d.oneIn(5) {
		switch d.n(12) {
		case 0:
			return c.create()
		case 1:
			return c.delete()
		case 2:
			return c.rename()
		case 3:
			return c.list()
		case 4, 5, 6:
			return c.status()
		case 7, 8:
			return c.open()
		default:
			return c.append()
		}
	}
	return c.messageOrder()
}

func (c *client) messageOrder() *order {
	switch d := c.w.dice; d.n(22) {
	case 0, 1, 2, 3, 4:
		return c.fetch()
	case 5, 6, 7, 8, 9:
		return c.store()
	case 10, 11, 12:
		return c.search()
	case 13, 14:
		return c.transferSome(false)
	case 15:
		return c.transferSome(true)
	case 16, 17:
		return c.expungeSome()
	case 18:
		return c.append()
	case 19:
		if d.oneIn(3) {
			return c.shut()
		}
		return c.status()
	}
	return &order{text: "NOOP"}
}

// batch gives commands in one write, of which each but the last may be answered
// while more is there to read. After what may change the numbers none is used.
func (c *client) batch() int {
	var orders []*order
	for range 2 + c.w.dice.n(3) {
		o := pickOne(c.w.dice, []func() *order{c.store, c.append, c.expungeSome, c.saving, c.seeing,
			func() *order { return c.transferSome(c.w.dice.oneIn(2)) }})()
		c.noNumbers = c.noNumbers || o.expunge || o.moves
		orders = append(orders, o)
	}
	c.noNumbers = false
	c.runAll(orders)
	return len(orders)
}

// breakOff ends the session before it could be told what another has expunged,
// and begins anew.
func (c *client) breakOff() int {
	for _, other := range c.w.clients {
		if other != c && other.box == c.box && !other.dropped {
			other.run(other.expungeSome())
			break
		}
	}
	if !c.uidOnly {
		c.run(c.storeOf(modelSet{ranges: [][2]uint32{{1, uint32(len(c.nums))}}}))
	}
	c.reconnect()
	c.run(c.open())
	return 4
}

// lookers gives commands in one write that change nothing: they may run side by
// side, and be answered in any order.
func (c *client) lookers() int {
	c.run(&order{text: "NOOP"}) // then there is no news while they run
	if c.box == nil {
		return 1
	}
	var orders []*order
	for range 2 + c.w.dice.n(4) {
		orders = append(orders, pickOne(c.w.dice, []func() *order{c.status, c.peeking, c.list,
			func() *order { return c.searchFor("RETURN (ALL COUNT) ") }, func() *order { return &order{text: "NOOP"} }})())
	}
	c.runTogether(orders)
	return 1 + len(orders)
}

func (c *client) peeking() *order {
	items := pickOne(c.w.dice, [][]string{{"FLAGS"}, {"UID", "FLAGS", "RFC822.SIZE"}, {"INTERNALDATE"}, {"ENVELOPE", "UID"}})
	return c.fetchOf(c.anySet(), items, items)
}

// saving and seeing run alone, so that the answers of a batch come in turn.
func (c *client) saving() *order { return c.searchFor("RETURN (SAVE COUNT ALL) ") }

func (c *client) seeing() *order {
	return c.fetchOf(c.anySet(), []string{"UID", "BODY[TEXT]"}, []string{"UID", "BODY[TEXT]"})
}

func (c *client) beginIdle() {
	c.tags++
	o := &order{text: fmt.Sprintf("t%d", c.tags)}
	c.send(o.text + " IDLE\r\n")
	for {
		r := c.read()
		if r.tag == "+" || r.tag == "" {
			break
		}
		c.hear(&r, nil)
	}
	<-c.wrote
	c.idle = o
	c.hearNews()
}

// done ends IDLE.
func (c *client) done() {
	o := c.idle
	c.idle = nil
	c.send("DONE\r\n")
	a := &answer{tag: o.text}
	for a.last.tag == "" {
		if r := c.read(); r.tag == o.text || r.tag == "" {
			a.last = r
			break
		} else {
			a.responses = append(a.responses, r)
		}
	}
	c.take(o, a, true)
	c.afterBye()
}

// finish checks that the client's picture is the truth, and that a mailbox opened anew is.
func (c *client) finish() {
	if c.idle != nil {
		c.done()
	}
	if c.box != nil {
		c.run(&order{text: "NOOP"})
	}
	if c.box != nil {
		c.run(c.look())
	}
}
