package imapserver

import (
	"net"
	"slices"
	"strconv"
	"strings"
)

// client is one session as its user sees it: what it was told, and what follows.
type client struct {
	w       *world
	n       int
	truth   *truth
	nc      net.Conn
	said    chan *response // what the server says; closed at its end
	ended   chan struct{}  // the server's side
	wrote   chan error
	tags    int
	dropped bool // the server said BYE

	enables  []string // what it turns on after each login
	rev2     bool
	modseqs  bool // it is told MODSEQ (RFC 7162 §3.1)
	qresync  bool
	uidOnly  bool
	idle     *order
	box      *truthBox
	readOnly bool
	nums     []uint32        // the UID of each message number
	horizon  uint32          // messages up to this UID were told of, or were gone before they could be
	synced   int             // which change of box the server told last
	told     map[uint32]fact // what it was told of messages
	keywords flagSet         // that FLAGS has named
	saved    []uint32        // $
	heard    uint64          // the largest MODSEQ since the last tagged response
	high     uint64          // its copy of HIGHESTMODSEQ (RFC 7162 §6)
	highSaid bool            // the server said it, so MODSEQs don't count, since the last tagged response
	memory   *remembered     // of a mailbox that it had open before

	noNumbers bool // a command of the batch that is being written may change them
}

// fact is what a client was told of a message.
type fact struct {
	flags  flagSet
	known  bool   // flags are
	modseq uint64 // 0: not known
}

// remembered is what a client with QRESYNC keeps of a mailbox that it closes.
type remembered struct {
	box  *truthBox
	high uint64
	nums []uint32
	told map[uint32]fact
}

// hear takes in an untagged response to an order, or, with nil, one of IDLE.
func (c *client) hear(r *response, o *order) {
	switch r.verb {
	case "EXISTS":
		c.hearExists(r.num)
	case "RECENT":
		if int(r.num) > len(c.nums) || c.rev2 {
			c.fail("%s with %d messages", r.text, len(c.nums))
		}
	case "EXPUNGE":
		if c.qresync || c.uidOnly {
			c.fail("EXPUNGE to a client that wants VANISHED: %s", r.text)
		}
		if r.num == 0 || int(r.num) > len(c.nums) {
			c.fail("%s of %d messages", r.text, len(c.nums))
		}
		c.hearGone([]uint32{c.nums[r.num-1]}, r, o)
	case "VANISHED":
		c.hearVanished(r, o)
	case "FETCH":
		if c.uidOnly || r.num == 0 || int(r.num) > len(c.nums) {
			c.fail("%s of %d messages", r.text, len(c.nums))
		}
		uid := c.nums[r.num-1]
		if told, ok := r.atts["UID"]; ok && told != strconv.Itoa(int(uid)) {
			c.fail("%s, but number %d is UID %d", r.text, r.num, uid)
		}
		c.hearFetch(uid, r)
	case "UIDFETCH":
		if !c.uidOnly || !slices.Contains(c.nums, r.num) {
			c.fail("%s, of %v", r.text, c.nums)
		}
		c.hearFetch(r.num, r)
	case "FLAGS":
		f, err := readFlags(r.rest)
		if err != nil {
			c.fail("%s: %v", r.text, err)
		}
		c.keywords = f
	case "OK":
		c.hearCode(r)
	case "BYE":
		if c.box == nil || !c.box.deleted {
			c.fail("%s", r.text)
		}
		c.dropped = true
	}
}

// hearExists: all messages that came are told of at once, none is taken away.
func (c *client) hearExists(n uint32) {
	if c.box == nil {
		c.fail("EXISTS without a mailbox")
	}
	fresh := c.box.uids(c.horizon)
	if int(n) != len(c.nums)+len(fresh) {
		c.fail("%d EXISTS: the client has %v, new are %v", n, c.nums, fresh)
	}
	c.nums, c.horizon = append(slices.Clip(c.nums), fresh...), c.box.next-1
}

func (c *client) hearVanished(r *response, o *order) {
	text, earlier := strings.CutPrefix(r.rest, "(EARLIER) ")
	uids, err := parseNumbers(text)
	if err != nil {
		c.fail("%s: %v", r.text, err)
	}
	if !earlier {
		if !c.qresync && !c.uidOnly {
			c.fail("VANISHED to a client that wants EXPUNGE: %s", r.text)
		}
		c.hearGone(uids, r, o)
		return
	}
	for _, uid := range uids { // RFC 7162 §3.2.10.1: says nothing about numbers
		if slices.Contains(c.nums, uid) || c.box.find(uid) != nil {
			c.fail("%s, but UID %d is there", r.text, uid)
		}
		delete(c.told, uid)
	}
}

func (c *client) hearGone(uids []uint32, r *response, o *order) {
	if o != nil && o.numbers {
		c.fail("%s while numbers are in use", r.text)
	}
	for _, uid := range uids {
		i := slices.Index(c.nums, uid)
		if i < 0 || c.box.find(uid) != nil {
			c.fail("%s: UID %d is not gone, or was not known", r.text, uid)
		}
		c.nums = slices.Delete(slices.Clone(c.nums), i, i+1)
		delete(c.told, uid)
	}
}

// hearCode takes in the code of an OK.
func (c *client) hearCode(r *response) {
	num := func(text string) uint64 {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n == 0 {
			c.fail("malformed number: %s", r.text)
		}
		return n
	}
	if text, is := r.codeIs("HIGHESTMODSEQ"); is {
		c.high, c.highSaid = num(text), true
	}
	if text, is := r.codeIs("UIDVALIDITY"); is {
		if err := c.truth.validity(c.box, uint32(num(text))); err != nil {
			c.fail("%s: %v", r.text, err)
		}
	}
	if text, is := r.codeIs("UIDNEXT"); is && num(text) != uint64(c.box.next) {
		c.fail("%s, next is %d", r.text, c.box.next)
	}
	if text, is := r.codeIs("UNSEEN"); is {
		first := slices.IndexFunc(c.box.msgs, func(m *truthMsg) bool { return m.flags()&seen == 0 })
		if num(text) != uint64(first+1) {
			c.fail("%s, the first unseen is %d", r.text, first+1)
		}
	}
}

// noteHighest takes in a HIGHESTMODSEQ that is the mailbox's own.
func (c *client) noteHighest(r *response) {
	if err := c.box.noteHighest(c.box.changes(), c.high); err != nil {
		c.fail("%s: %v", r.text, err)
	}
}

// hearFetch takes in what is said of a message.
func (c *client) hearFetch(uid uint32, r *response) {
	f := c.told[uid]
	if text, ok := r.atts["FLAGS"]; ok {
		flags, err := readFlags(text)
		if err != nil {
			c.fail("%s: %v", r.text, err)
		}
		if flags&keywords&^c.keywords != 0 {
			c.fail("%s, but FLAGS was %s", r.text, c.keywords)
		}
		f.flags, f.known = flags, true
	}
	modseq := uint64(0)
	if text, ok := r.atts["MODSEQ"]; ok {
		n, err := strconv.ParseUint(strings.Trim(text, "()"), 10, 63)
		if err != nil || n == 0 || !c.modseqs {
			c.fail("%s: a MODSEQ that is malformed or not wanted", r.text)
		}
		modseq, f.modseq = n, n
		c.heard = max(c.heard, n)
	}
	if m := c.box.find(uid); m != nil {
		c.match(m, r, f, modseq)
		c.checkOctets(m, r)
	}
	c.told[uid] = f
}

// match finds the version of the message that flags and MODSEQ are of. The
// server may hold what it told last rather than the latest, until it tells that.
func (c *client) match(m *truthMsg, r *response, f fact, modseq uint64) {
	_, flags := r.atts["FLAGS"]
	var fits []*version
	list := m.since(c.synced)
	for i := range list {
		v := &list[i]
		if (!flags || v.flags == f.flags) && (modseq == 0 || v.modseq == 0 || v.modseq == modseq) {
			if modseq != 0 && v.modseq == modseq {
				return
			}
			fits = append(fits, v)
		}
	}
	switch {
	case len(fits) == 0:
		c.fail("%s: UID %d is %s (%d), none of %v has that", r.text, m.uid, m.flags(), m.now().modseq, list)
	case modseq != 0 && len(fits) == 1:
		fits[0].modseq = modseq
		if err := c.box.noteModSeq(fits[0].change, modseq); err != nil {
			c.fail("%s: %v", r.text, err)
		}
	}
}

// checkOctets compares what never changes.
func (c *client) checkOctets(m *truthMsg, r *response) {
	head, body, _ := strings.Cut(m.text, "\r\n\r\n")
	for name, got := range r.atts {
		want := got
		switch name {
		case "RFC822.SIZE":
			want = strconv.Itoa(len(m.text))
		case "INTERNALDATE":
			want = m.date.Format("02-Jan-2006 15:04:05 -0700")
			if want[0] == '0' {
				want = " " + want[1:]
			}
		case "BODY[]":
			want = m.text
		case "BODY[HEADER]":
			want = head + "\r\n\r\n"
		case "BODY[TEXT]":
			want = body
		case "BODY[TEXT]<3>":
			want = body[min(3, len(body)):min(8, len(body))]
		}
		if got != want {
			c.fail("%s: %s of UID %d is %q", r.text, name, m.uid, want)
		}
	}
}

// upToDate reports whether the client's picture is the truth.
func (c *client) upToDate() bool {
	return c.box.deleted && c.dropped || !c.box.deleted && slices.Equal(c.nums, c.box.uids(0)) && c.lie() == nil
}

// lie is a message that the client believes to be otherwise than it is.
func (c *client) lie() *truthMsg {
	for _, m := range c.box.msgs {
		f := c.told[m.uid]
		if f.known && f.flags != m.flags() || c.modseqs && f.modseq != 0 && !m.mayHave(f.modseq) {
			return m
		}
	}
	return nil
}

// settle checks the picture after a command. expunges: what is gone must have been told.
func (c *client) settle(expunges bool) {
	if !c.highSaid {
		c.high = max(c.high, c.heard)
	}
	c.heard, c.highSaid = 0, false
	if c.box == nil || c.box.deleted {
		return
	}
	if fresh := c.box.uids(c.horizon); len(fresh) > 0 {
		c.fail("UIDs %v were not told", fresh)
	}
	if all := c.box.uids(0); expunges && !slices.Equal(all, c.nums) {
		c.fail("the mailbox has UIDs %v, the client knows %v", all, c.nums)
	}
	if m := c.lie(); m != nil {
		c.fail("UID %d is %s MODSEQ %d, the client was told %+v", m.uid, m.flags(), m.now().modseq, c.told[m.uid])
	}
	c.horizon, c.synced = c.box.next-1, c.box.changes()
	c.learnModSeqs()
}

// learnModSeqs: what the client was told is now the latest there is.
func (c *client) learnModSeqs() {
	for _, m := range c.box.msgs {
		if f := c.told[m.uid]; c.modseqs && f.modseq != 0 && m.now().modseq == 0 {
			m.now().modseq = f.modseq
			if err := c.box.noteModSeq(m.now().change, f.modseq); err != nil {
				c.fail("UID %d: %v", m.uid, err)
			}
		}
	}
}

// hearNews reads what is told during IDLE, until the client knows all.
func (c *client) hearNews() {
	if c.box == nil {
		return
	}
	for !c.upToDate() {
		r := c.read()
		if r.tag == "" {
			break
		}
		c.hear(&r, nil)
	}
	if c.box.deleted {
		c.idle = nil
		c.reconnect()
	}
}
