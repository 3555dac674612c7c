package imapserver

import (
	"fmt"
	"slices"
	"strings"
)

func (c *client) anyFlags() flagSet {
	f := flagSet(c.w.dice.next()&c.w.dice.next()) & (1<<len(flagNames) - 1)
	if c.w.dice.oneIn(2) {
		return f &^ keywords
	}
	return f &^ (1 << c.w.dice.n(len(flagNames)))
}

// there are those of some messages that still exist.
func (c *client) there(uids []uint32) []uint32 {
	return slices.DeleteFunc(slices.Clone(uids), func(uid uint32) bool { return c.box.find(uid) == nil })
}

// mayBeIssued lets a command by number fail for messages that are gone (RFC 2180 §4.1.2).
func (c *client) mayBeIssued(a *answer, set modelSet, picked []uint32) {
	gone := !set.uid && len(c.there(picked)) < len(picked)
	if !a.ok() && (!gone || a.last.verb != "NO") {
		c.fail("%s, of %v there are %v", a.last.text, picked, c.there(picked))
	}
}

// fetchItems draws what to fetch, and how the answers name it.
func (c *client) fetchItems() (items, labels []string) {
	for _, it := range [][2]string{{"FLAGS", "FLAGS"}, {"UID", "UID"}, {"RFC822.SIZE", "RFC822.SIZE"}, {"INTERNALDATE", "INTERNALDATE"}, {"MODSEQ", "MODSEQ"},
		{"BODY.PEEK[]", "BODY[]"}, {"BODY.PEEK[HEADER]", "BODY[HEADER]"}, {"BODY.PEEK[TEXT]<3.5>", "BODY[TEXT]<3>"}, {"BODY[TEXT]", "BODY[TEXT]"}, {"ENVELOPE", "ENVELOPE"}} {
		n := 4
		switch {
		case it[0] == "MODSEQ" && !c.modseqs:
			n = 60
		case it[0] == "BODY[TEXT]":
			n = 12
		case it[0] == "FLAGS":
			n = 2
		}
		if c.w.dice.oneIn(n) {
			items, labels = append(items, it[0]), append(labels, it[1])
		}
	}
	if items == nil {
		return []string{"FLAGS"}, []string{"FLAGS"}
	}
	return items, labels
}

func (c *client) fetch() *order {
	items, labels := c.fetchItems()
	return c.fetchOf(c.anySet(), items, labels)
}

func (c *client) fetchOf(set modelSet, items, labels []string) *order {
	o := &order{text: set.prefix() + "FETCH " + set.String() + " (" + strings.Join(items, " ") + ")", numbers: !set.uid, want: "?"}
	since, narrowed := uint64(0), false
	sets := slices.Contains(items, "BODY[TEXT]")
	if c.modseqs && c.high > 0 && !sets && len(items) > 1 && c.w.dice.oneIn(5) {
		since, narrowed = c.anyModSeq(), true
		o.text += fmt.Sprintf(" (CHANGEDSINCE %d", since)
		if set.uid && c.qresync && !set.saved && c.w.dice.oneIn(2) {
			o.text += " VANISHED"
		}
		o.text += ")"
	}
	var picked []uint32
	o.happen = func(a *answer) {
		picked = c.resolve(set)
		c.mayBeIssued(a, set, picked)
		c.modseqs = c.modseqs || slices.Contains(items, "MODSEQ")
		if narrowed {
			picked = slices.DeleteFunc(picked, func(uid uint32) bool {
				m := c.box.find(uid)
				return m == nil || m.now().modseq <= since // 0: not known to the model
			})
		}
		if sets && !c.readOnly {
			to := map[*truthMsg]flagSet{}
			for _, uid := range c.there(picked) {
				m := c.box.find(uid)
				to[m] = m.flags() | seen
			}
			c.box.setFlags(to)
		}
		if narrowed {
			labels = nil
		}
	}
	o.check = func(a *answer) { c.checkFetched(a, picked, labels) }
	return o
}

// checkFetched looks for every answer that was asked for.
func (c *client) checkFetched(a *answer, picked []uint32, labels []string) {
	said := map[string]bool{}
	for _, r := range a.responses {
		key := fmt.Sprint("n", r.num)
		if uid, ok := r.atts["UID"]; ok {
			key = uid
		} else if r.verb == "UIDFETCH" {
			key = fmt.Sprint(r.num)
		}
		for name := range r.atts {
			said[key+" "+name] = true
		}
		if r.atts != nil {
			said[key] = true
		}
	}
	for i, uid := range c.nums {
		if !slices.Contains(picked, uid) || c.box.find(uid) == nil {
			continue
		}
		for _, label := range append(labels, "") {
			byUID, byNum := strings.TrimSpace(fmt.Sprint(uid, " ", label)), strings.TrimSpace(fmt.Sprintf("n%d %s", i+1, label))
			if label == "UID" && c.uidOnly {
				continue
			}
			if !said[byUID] && !said[byNum] {
				c.fail("%s: nothing said of %s of UID %d", a.last.text, label, uid)
			}
		}
	}
}

// anyModSeq draws one that was told, or lies near.
func (c *client) anyModSeq() uint64 {
	list := []uint64{c.high, 1}
	for _, uid := range c.nums {
		if f := c.told[uid]; f.modseq > 0 {
			list = append(list, f.modseq)
		}
	}
	return pickOne(c.w.dice, list)
}

func (c *client) store() *order { return c.storeOf(c.anySet()) }

func (c *client) storeOf(set modelSet) *order {
	f, silent := c.anyFlags(), ""
	if c.w.dice.oneIn(3) {
		f = deleted
	}
	op := pickOne(c.w.dice, []string{"+", "-", ""})
	if c.w.dice.oneIn(2) {
		silent = ".SILENT"
	}
	o := &order{text: set.prefix() + "STORE " + set.String(), numbers: !set.uid, want: "?"}
	conditional, since := c.modseqs && c.high > 0 && c.w.dice.oneIn(3), uint64(0)
	if conditional {
		if since = c.anyModSeq(); c.w.dice.oneIn(8) {
			since = 0
		}
		o.text += fmt.Sprintf(" (UNCHANGEDSINCE %d)", since)
	}
	o.text += " " + op + "FLAGS" + silent + " " + f.String()
	var stored []uint32
	o.happen = func(a *answer) {
		picked := c.resolve(set)
		if c.readOnly {
			if a.last.verb != "NO" {
				c.fail("%s, but the mailbox is read-only", a.last.text)
			}
			return
		}
		c.mayBeIssued(a, set, picked)
		modified := c.modified(a, set)
		to := map[*truthMsg]flagSet{}
		for _, uid := range picked {
			left := slices.Contains(modified, uid)
			if m := c.box.find(uid); m != nil {
				c.checkModified(a, m, conditional, since, left)
				if !left {
					stored = append(stored, uid)
					to[m] = combineModel(op, m.flags(), f)
				}
			}
			if fact := c.told[uid]; silent != "" && !left && fact.known {
				fact.flags = combineModel(op, fact.flags, f)
				c.told[uid] = fact
			}
		}
		c.box.setFlags(to)
	}
	o.check = func(a *answer) {
		if silent == "" {
			c.checkFetched(a, stored, []string{"FLAGS"})
		}
	}
	return o
}

// modified are the UIDs that the answer says were left alone.
func (c *client) modified(a *answer, set modelSet) (uids []uint32) {
	text, is := a.last.codeIs("MODIFIED")
	if !is {
		return nil
	}
	list, err := parseNumbers(text)
	if err != nil {
		c.fail("%s: %v", a.last.text, err)
	}
	if set.uid {
		return list
	}
	for _, n := range list {
		if int(n) > len(c.nums) {
			c.fail("%s of %d messages", a.last.text, len(c.nums))
		}
		uids = append(uids, c.nums[n-1])
	}
	return uids
}

// checkModified: what changed since was left alone, and nothing else.
func (c *client) checkModified(a *answer, m *truthMsg, conditional bool, since uint64, left bool) {
	modseq := m.now().modseq
	if c.box.deleted {
		return
	}
	if !conditional && left || conditional && modseq > 0 && left != (modseq > since) {
		c.fail("%s: UID %d has MODSEQ %d, left alone: %v", a.last.text, m.uid, modseq, left)
	}
}

func combineModel(op string, old, f flagSet) flagSet {
	switch op {
	case "+":
		return old | f
	case "-":
		return old &^ f
	}
	return f
}

// transferSome is COPY or MOVE.
func (c *client) transferSome(move bool) *order {
	set, name := c.anySet(), c.anyName()
	to := c.truth.boxes[name]
	if to != nil && len(to.msgs) > 40 || len(c.resolve(set)) > 12 {
		return c.seeing()
	}
	o := &order{text: set.prefix() + "COPY " + set.String() + " " + name, want: "?"}
	if move {
		o.text = set.prefix() + "MOVE " + set.String() + " " + name
		o.expunge, o.moves = true, true
	}
	o.happen = func(a *answer) {
		all := c.resolve(set)
		picked := c.there(all)
		if len(all) > 0 && (move && c.readOnly || to == nil) {
			if a.last.verb != "NO" {
				c.fail("%s, expected NO", a.last.text)
			}
			return
		}
		if to == nil {
			return
		}
		if !a.ok() {
			c.fail("%s", a.last.text)
		}
		fresh := c.transfer(c.box, to, picked, move)
		c.checkCopied(a, to, picked, fresh)
	}
	if move && c.readOnly {
		o.expunge = false
	}
	return o
}

func (c *client) checkCopied(a *answer, to *truthBox, from, fresh []uint32) {
	got := ""
	for _, r := range append(a.responses, a.last) {
		if text, is := r.codeIs("COPYUID"); is {
			got = text
		}
	}
	if got == "" && len(from) == 0 {
		return
	}
	parts := strings.Split(got, " ")
	if len(parts) != 3 {
		c.fail("%s: COPYUID %q", a.last.text, got)
	}
	list, err1 := parseNumbers(parts[1])
	into, err2 := parseNumbers(parts[2])
	if err1 != nil || err2 != nil || !slices.Equal(list, from) || !slices.Equal(into, fresh) {
		c.fail("COPYUID %s, expected %v to %v", got, from, fresh)
	}
	c.sameUIDs(a.last.text, to, parts[0], "")
}

func (c *client) expungeSome() *order {
	if c.uidOnly || c.noNumbers || c.w.dice.oneIn(3) {
		set := c.anySet()
		if set.uid {
			o := &order{text: "UID EXPUNGE " + set.String(), expunge: !c.readOnly, moves: true, want: c.writable()}
			o.happen = func(a *answer) {
				if a.ok() {
					c.expunge(c.box, append([]uint32{}, c.resolve(set)...))
				}
			}
			return o
		}
	}
	o := &order{text: "EXPUNGE", expunge: !c.readOnly, moves: true, want: c.writable()}
	o.happen = func(a *answer) {
		if a.ok() {
			c.expunge(c.box, nil)
		}
	}
	return o
}

func (c *client) writable() string {
	if c.readOnly {
		return "NO"
	}
	return "OK"
}
