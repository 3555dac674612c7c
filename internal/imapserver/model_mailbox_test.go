package imapserver

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// modelNames are the mailboxes that commands are about.
var modelNames = []string{"INBOX", "INBOX", "INBOX", "Archive", "Archive", "x", "x/y", "z"}

func (c *client) anyName() string { return pickOne(c.w.dice, modelNames) }

// known fails the order for a mailbox that is not there.
func (c *client) known(name, want string) string {
	if c.truth.boxes[name] == nil {
		return want
	}
	return "OK"
}

func (c *client) enable(names ...string) *order {
	return &order{text: "ENABLE " + strings.Join(names, " "), happen: func(*answer) {
		c.modseqs = c.modseqs || slices.Contains(names, "CONDSTORE") || slices.Contains(names, "QRESYNC")
		c.qresync = c.qresync || slices.Contains(names, "QRESYNC")
		c.uidOnly = c.uidOnly || slices.Contains(names, "UIDONLY")
		c.rev2 = c.rev2 || slices.Contains(names, "IMAP4rev2")
	}, check: func(a *answer) {
		if got := a.untagged("ENABLED"); len(got) != 1 || got[0].rest != strings.Join(names, " ") {
			c.fail("ENABLED %v", got)
		}
	}}
}

// open is SELECT or EXAMINE.
func (c *client) open() *order {
	name, readOnly := c.anyName(), c.w.dice.oneIn(4)
	if c.memory != nil && c.w.dice.n(4) > 0 {
		name = c.memory.box.name
	}
	o := &order{text: "SELECT " + name, opens: true, want: c.known(name, "NO")}
	if readOnly {
		o.text = "EXAMINE " + name
	}
	var old *remembered
	if c.qresync && c.w.dice.n(4) > 0 {
		if old = c.memory; c.box != nil {
			old = &remembered{c.box, c.high, c.nums, c.told}
		}
	}
	switch {
	case old != nil && old.high > 0 && old.box.validity > 0 && (old.box.name == name || c.w.dice.oneIn(10)):
		o.text += " (QRESYNC (" + c.qresyncOf(old) + "))"
	case c.w.dice.oneIn(8):
		old, o.text = nil, o.text+" (CONDSTORE)"
	default:
		old = nil
	}
	condstore := strings.HasSuffix(o.text, "(CONDSTORE)")
	o.happen = func(a *answer) {
		c.leave()
		if !a.ok() {
			return
		}
		c.box, c.readOnly, c.told = c.truth.boxes[name], readOnly, map[uint32]fact{}
		c.synced, c.modseqs = c.box.changes(), c.modseqs || condstore
		if old != nil && old.box == c.box {
			maps.Copy(c.told, old.told)
		}
	}
	o.check = func(a *answer) {
		if a.ok() {
			c.checkOpened(a, old)
		}
	}
	return o
}

// qresyncOf writes what the client remembers of a mailbox (RFC 7162 §3.2.5).
func (c *client) qresyncOf(old *remembered) string {
	text := fmt.Sprintf("%d %d", old.box.validity, old.high)
	if c.w.dice.oneIn(3) {
		text += fmt.Sprintf(" 1:%d", math.MaxUint32-1)
	}
	if n := len(old.nums); n > 0 && !c.uidOnly && c.w.dice.oneIn(3) {
		var seqs, uids []uint32
		for i := c.w.dice.n(n); i < n; i += 1 + c.w.dice.n(n) {
			seqs, uids = append(seqs, uint32(i+1)), append(uids, old.nums[i])
		}
		text += fmt.Sprintf(" (%s %s)", setOf(seqs), setOf(uids))
	}
	return text
}

func (c *client) checkOpened(a *answer, old *remembered) {
	has := map[string]bool{}
	for _, r := range a.responses {
		word, _, _ := strings.Cut(r.code, " ")
		has[word], has[r.verb] = true, true
	}
	for _, must := range []string{"EXISTS", "FLAGS", "PERMANENTFLAGS", "UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ"} {
		if !has[must] {
			c.fail("nothing about %s", must)
		}
	}
	if code := map[bool]string{true: "READ-ONLY", false: "READ-WRITE"}[c.readOnly]; a.last.code != code {
		c.fail("%s, expected %s", a.last.text, code)
	}
	c.noteHighest(&a.last)
	c.highSaid = true
	if old == nil || old.box != c.box {
		return
	}
	// What the client had and what is there: settle finds the flags that are wrong.
	for uid := range c.told {
		if !slices.Contains(c.nums, uid) {
			c.fail("UID %d is gone since MODSEQ %d, but was not told", uid, old.high)
		}
	}
	for _, m := range c.box.msgs {
		if _, told := c.told[m.uid]; !told && !slices.Contains(old.nums, m.uid) {
			c.fail("UID %d came since MODSEQ %d, but was not told", m.uid, old.high)
		}
	}
}

// shut is CLOSE or UNSELECT.
func (c *client) shut() *order {
	o := &order{text: "UNSELECT", opens: true}
	if expunges := c.w.dice.oneIn(2); expunges {
		o.text = "CLOSE"
		box := c.box
		if box.deleted {
			o.want, o.opens = "NO", false
		}
		o.happen = func(a *answer) {
			if !box.deleted && !c.readOnly {
				c.expunge(box, nil)
			}
			if a.ok() {
				c.leave()
			}
		}
		return o
	}
	o.happen = func(*answer) { c.leave() }
	return o
}

// expunge removes what is marked, of some UIDs or, with nil, of all.
func (c *client) expunge(box *truthBox, of []uint32) (gone []uint32) {
	for _, m := range box.msgs {
		if m.flags()&deleted != 0 && (of == nil || slices.Contains(of, m.uid)) {
			gone = append(gone, m.uid)
		}
	}
	if len(gone) > 0 {
		box.change()
		box.remove(gone)
	}
	return gone
}

func (c *client) create() *order {
	name := c.anyName()
	o := &order{text: "CREATE " + name, happen: func(a *answer) {
		if a.ok() {
			c.truth.create(name)
		}
	}}
	if c.truth.boxes[name] != nil {
		o.want = "NO"
	}
	return o
}

func (c *client) delete() *order {
	name := c.anyName()
	o := &order{text: "DELETE " + name, want: c.known(name, "NO")}
	if name == "INBOX" {
		o.want = "NO"
		return o
	}
	o.happen = func(a *answer) {
		if a.ok() {
			c.truth.boxes[name].deleted = true
			delete(c.truth.boxes, name)
		}
	}
	return o
}

func (c *client) rename() *order {
	from, to := c.anyName(), c.anyName()
	o := &order{text: "RENAME " + from + " " + to}
	if from == "INBOX" {
		if c.truth.boxes[to] != nil {
			o.want = "NO"
			return o
		}
		o.happen = func(*answer) {
			c.truth.create(to)
			inbox := c.truth.boxes["INBOX"]
			c.transfer(inbox, c.truth.boxes[to], inbox.uids(0), true)
		}
		return o
	}
	names, can := c.truth.renamed(from, to)
	if !can {
		o.want = "NO"
		return o
	}
	o.happen = func(*answer) { c.truth.rename(names, to) }
	return o
}

// transfer copies or moves messages and returns their new UIDs.
func (c *client) transfer(from, to *truthBox, uids []uint32, move bool) (fresh []uint32) {
	if len(uids) == 0 {
		return nil
	}
	to.change()
	var copies []*truthMsg
	for _, uid := range uids {
		copies = append(copies, from.find(uid))
	}
	if move {
		if from != to {
			from.change()
		}
		from.remove(uids)
	}
	for _, m := range copies {
		fresh = append(fresh, to.add(m.text, m.date, m.flags()))
	}
	return fresh
}

func (c *client) append() *order {
	name, f := c.anyName(), c.anyFlags()
	box := c.truth.boxes[name]
	text, date := c.w.letter(), time.Date(1996, 7, 1+c.w.dice.n(28), 2, 44, 25, 0, time.FixedZone("", -7*3600))
	o := &order{want: c.known(name, "NO")}
	o.text = fmt.Sprintf("APPEND %s %s \"%s\" {%d+}\r\n%s", name, f, date.Format("02-Jan-2006 15:04:05 -0700"), len(text), text)
	o.happen = func(a *answer) {
		if !a.ok() {
			return
		}
		uid := box.next
		box.change()
		box.add(text, date, f)
		where, _ := a.last.codeIs("APPENDUID")
		c.sameUIDs(a.last.text, box, where, fmt.Sprint(uid))
	}
	return o
}

// sameUIDs checks "UIDVALIDITY UIDs" against what they are.
func (c *client) sameUIDs(text string, box *truthBox, got, want string) {
	validity, uids, _ := strings.Cut(got, " ")
	n, err := strconv.ParseUint(validity, 10, 32)
	if err == nil {
		err = c.truth.validity(box, uint32(n))
	}
	if err != nil || uids != want {
		c.fail("%s: %v, expected %s", text, err, want)
	}
}

// modelWords are in messages and looked for; none is in another.
var modelWords = []string{"afternoon", "meeting", "Joe", "minutes", "zebra"}

// letter makes a message with some words in it.
func (w *world) letter() string {
	w.words++
	return fmt.Sprintf("From: a@x.example\r\nSubject: %s %d\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\n\r\n%s and %s%s\r\n", pickOne(w.dice, modelWords), w.words,
		pickOne(w.dice, modelWords), pickOne(w.dice, modelWords), strings.Repeat(".", w.dice.n(60)))
}

func (c *client) status() *order {
	name := c.anyName()
	items := []string{"MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "SIZE"}
	if c.modseqs || c.w.dice.oneIn(20) {
		items = append(items, "HIGHESTMODSEQ")
	}
	items = items[c.w.dice.n(len(items)):]
	o := &order{text: "STATUS " + name + " (" + strings.Join(items, " ") + ")", want: c.known(name, "NO")}
	o.happen = func(*answer) { c.modseqs = c.modseqs || o.want == "OK" && slices.Contains(items, "HIGHESTMODSEQ") }
	o.check = func(a *answer) {
		if a.ok() {
			c.checkStatus(name, items, a)
		}
	}
	return o
}

func (c *client) checkStatus(name string, items []string, a *answer) {
	box, all := c.truth.boxes[name], a.untagged("STATUS")
	all = slices.DeleteFunc(all, func(r response) bool {
		return !strings.HasPrefix(r.rest, name+" (") || countItems(r.rest) != len(items)
	})
	is := map[string]int{"MESSAGES": len(box.msgs), "UIDNEXT": int(box.next)}
	for _, m := range box.msgs {
		is["SIZE"] += len(m.text)
		if m.flags()&seen == 0 {
			is["UNSEEN"]++
		}
		if m.flags()&deleted != 0 {
			is["DELETED"]++
		}
	}
	if len(all) == 0 {
		c.fail("no STATUS of %s with %v", name, items)
	}
	list, err := parseAtts(strings.TrimPrefix(all[0].rest, name+" "))
	if err != nil || len(list) != len(items) {
		c.fail("%s: %v, expected %v", all[0].text, err, items)
	}
	for item, text := range list {
		n, err := strconv.ParseUint(text, 10, 63)
		switch {
		case err != nil:
		case item == "UIDVALIDITY":
			err = c.truth.validity(box, uint32(n))
		case item == "HIGHESTMODSEQ":
			err = box.noteHighest(box.changes(), n)
		case int(n) != is[item]:
			err = fmt.Errorf("%s is %d", item, is[item])
		}
		if err != nil {
			c.fail("%s: %v", all[0].text, err)
		}
	}
}

// countItems counts what a STATUS response tells.
func countItems(text string) int {
	return len(strings.Fields(text[strings.IndexByte(text, '('):])) / 2
}

func (c *client) list() *order {
	return &order{text: `LIST "" *`, check: func(a *answer) {
		var got []string
		for _, r := range a.untagged("LIST") {
			if !strings.Contains(r.rest, `\NonExistent`) && !strings.Contains(r.rest, `\Noselect`) {
				got = append(got, strings.Trim(r.rest[strings.LastIndexByte(r.rest, ' ')+1:], `"`))
			}
		}
		slices.Sort(got)
		got = slices.Compact(got)
		if want := slices.Sorted(maps.Keys(c.truth.boxes)); !slices.Equal(got, want) {
			c.fail("LIST shows %v, there are %v", got, want)
		}
	}}
}
