package imapserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// search draws a search, and checks what it found.
func (c *client) search() *order {
	switch c.w.dice.n(6) {
	case 0, 1:
		return c.searchFor(pickOne(c.w.dice, []string{"RETURN () ", "RETURN (ALL) ", "RETURN (MIN MAX COUNT) ", "RETURN (SAVE) ", "RETURN (SAVE MIN) ", "RETURN (SAVE COUNT ALL) ", "RETURN (COUNT) "}))
	case 2:
		return c.page()
	case 3:
		return c.sort()
	}
	return c.searchFor("")
}

func (c *client) searchFor(ret string) *order {
	return c.find("SEARCH "+ret, nil, func(a *answer, uid bool, found, nums []uint32) {
		c.checkFound(a, ret, uid, nums)
		if strings.Contains(ret, "SAVE") {
			if c.saved = found; strings.Contains(ret, "MIN") && len(found) > 0 {
				c.saved = found[:1]
			}
		}
	})
}

// find is SEARCH or SORT; check is called with the UIDs that must be found, and
// the numbers that the answer has for them.
func (c *client) find(verb string, by []sortBy, check func(a *answer, uid bool, found, nums []uint32)) *order {
	uid := c.uidOnly || c.noNumbers || len(c.nums) == 0 || c.w.dice.oneIn(2)
	key, matches := c.anyKey(3, uid)
	o := &order{text: verb + key, numbers: !uid}
	if uid {
		o.text = "UID " + o.text
	}
	var found, nums []uint32
	o.happen = func(*answer) {
		var list []*truthMsg
		for i, u := range c.nums {
			if m := c.box.find(u); m != nil && matches(uint32(i+1), m) {
				list = append(list, m)
			}
		}
		sortMessages(list, by)
		for _, m := range list {
			found, nums = append(found, m.uid), append(nums, m.uid)
			if !uid {
				nums[len(nums)-1] = uint32(slices.Index(c.nums, m.uid) + 1)
			}
		}
	}
	o.check = func(a *answer) { check(a, uid, found, nums) }
	return o
}

// sortBy is one of the keys of SORT (RFC 5256 §3).
type sortBy struct {
	name    string
	compare func(a, b *truthMsg) int
}

func (c *client) sort() *order {
	all := []sortBy{
		{"SIZE", func(a, b *truthMsg) int { return len(a.text) - len(b.text) }},
		{"REVERSE SIZE", func(a, b *truthMsg) int { return len(b.text) - len(a.text) }},
		{"ARRIVAL", func(a, b *truthMsg) int { return a.date.Compare(b.date) }},
		{"REVERSE ARRIVAL", func(a, b *truthMsg) int { return b.date.Compare(a.date) }},
		{"SUBJECT", func(a, b *truthMsg) int { return strings.Compare(subjectOf(a), subjectOf(b)) }},
	}
	by := []sortBy{pickOne(c.w.dice, all), pickOne(c.w.dice, all)}
	return c.find(fmt.Sprintf("SORT (%s %s) UTF-8 ", by[0].name, by[1].name), by, func(a *answer, uid bool, _, nums []uint32) {
		got := a.untagged("SORT")
		if len(got) != 1 || strings.Join(strings.Fields(got[0].rest), ",") != setOf(nums) {
			c.fail("%v, expected %v", got, nums)
		}
	})
}

func subjectOf(m *truthMsg) string {
	_, text, _ := strings.Cut(m.text, "Subject: ")
	text, _, _ = strings.Cut(text, "\r\n")
	return strings.ToLower(text)
}

// sortMessages leaves messages of which no key decides in their order.
func sortMessages(list []*truthMsg, by []sortBy) {
	slices.SortStableFunc(list, func(a, b *truthMsg) int {
		for _, k := range by {
			if n := k.compare(a, b); n != 0 {
				return n
			}
		}
		return 0
	})
}

// page asks for a part of what is found (RFC 9394 §3.1).
func (c *client) page() *order {
	from := 1 + c.w.dice.n(6)
	to := from + c.w.dice.n(6)
	sign := pickOne(c.w.dice, []string{"", "-"})
	span := fmt.Sprintf("%s%d:%s%d", sign, from, sign, to)
	return c.find("SEARCH RETURN (PARTIAL "+span+") ", nil, func(a *answer, uid bool, _, nums []uint32) {
		lo, hi := min(from-1, len(nums)), min(to, len(nums))
		if sign == "-" {
			lo, hi = len(nums)-hi, len(nums)-lo
		}
		want := fmt.Sprintf(`* ESEARCH (TAG "%s")`, a.tag)
		if uid {
			want += " UID"
		}
		want += " PARTIAL (" + span + " "
		got := a.untagged("ESEARCH")
		if len(got) != 1 || !strings.HasPrefix(got[0].text, want) {
			c.fail("%v, expected %s", got, want)
		}
		list := strings.TrimSuffix(strings.TrimPrefix(got[0].text, want), ")")
		if lo == hi && list == "NIL" {
			return
		}
		if page, err := parseNumbers(list); err != nil || !slices.Equal(page, nums[lo:hi]) {
			c.fail("%s, expected %v", got[0].text, nums[lo:hi])
		}
	})
}

func (c *client) checkFound(a *answer, ret string, uid bool, found []uint32) {
	if ret == "" && !c.rev2 {
		all := a.untagged("SEARCH")
		if len(all) != 1 || strings.Join(strings.Fields(all[0].rest), ",") != setOf(found) {
			c.fail("%v, expected %v", all, found)
		}
		return
	}
	want := fmt.Sprintf(`* ESEARCH (TAG "%s")`, a.tag)
	if uid {
		want += " UID"
	}
	n := len(found)
	if strings.Contains(ret, "MIN") && n > 0 {
		want += fmt.Sprintf(" MIN %d", found[0])
	}
	if strings.Contains(ret, "MAX") && n > 0 {
		want += fmt.Sprintf(" MAX %d", found[n-1])
	}
	if strings.Contains(ret, "COUNT") {
		want += fmt.Sprintf(" COUNT %d", n)
	}
	all := ret == "" || ret == "RETURN () " || strings.Contains(ret, "ALL")
	got := slices.DeleteFunc(a.untagged("ESEARCH"), func(r response) bool { return !strings.Contains(r.rest, `"`+a.tag+`"`) })
	if ret == "RETURN (SAVE) " && len(got) == 0 {
		return
	} else if len(got) != 1 {
		c.fail("%d ESEARCH", len(got))
	} else if text, list, _ := strings.Cut(got[0].text, " ALL "); !all || n == 0 {
		if got[0].text != want {
			c.fail("%s, expected %s", got[0].text, want)
		}
	} else if nums, err := parseNumbers(list); text != want || err != nil || !slices.Equal(nums, found) {
		c.fail("%s, expected %s ALL %v", got[0].text, want, found)
	}
}

// anyKey draws a search key, and says what it matches.
func (c *client) anyKey(depth int, uid bool) (string, func(n uint32, m *truthMsg) bool) {
	d := c.w.dice
	kinds := 7
	if depth > 0 {
		kinds = 10
	}
	switch d.n(kinds) {
	case 0:
		return "ALL", func(uint32, *truthMsg) bool { return true }
	case 1:
		n := d.n(len(flagNames))
		name := strings.ToUpper(strings.TrimPrefix(flagNames[n], `\`))
		if 1<<n&keywords != 0 {
			name = "KEYWORD " + flagNames[n]
		}
		if d.oneIn(2) {
			return "UN" + name, func(_ uint32, m *truthMsg) bool { return m.flags()&(1<<n) == 0 }
		}
		return name, func(_ uint32, m *truthMsg) bool { return m.flags()&(1<<n) != 0 }
	case 2:
		set := c.anySet()
		if !set.uid && (uid && c.uidOnly || c.noNumbers) || set.saved {
			return "ALL", func(uint32, *truthMsg) bool { return true }
		}
		text := set.String()
		if set.uid {
			text = "UID " + text
		}
		return text, func(n uint32, m *truthMsg) bool {
			if set.uid {
				n = m.uid
			}
			return c.within(set, n)
		}
	case 3:
		n := 100 + d.n(100)
		if d.oneIn(2) {
			return "LARGER " + strconv.Itoa(n), func(_ uint32, m *truthMsg) bool { return len(m.text) > n }
		}
		return "SMALLER " + strconv.Itoa(n), func(_ uint32, m *truthMsg) bool { return len(m.text) < n }
	case 4:
		day := 1 + d.n(28)
		date := fmt.Sprintf("%d-Jul-1996", day)
		switch d.n(3) {
		case 0:
			return "BEFORE " + date, func(_ uint32, m *truthMsg) bool { return m.date.Day() < day }
		case 1:
			return "ON " + date, func(_ uint32, m *truthMsg) bool { return m.date.Day() == day }
		}
		return "SINCE " + date, func(_ uint32, m *truthMsg) bool { return m.date.Day() >= day }
	case 5:
		word := pickOne(d, modelWords)
		return "BODY " + word, func(_ uint32, m *truthMsg) bool {
			_, body, _ := strings.Cut(m.text, "\r\n\r\n")
			return strings.Contains(body, word)
		}
	case 6:
		word := pickOne(d, modelWords)
		return "SUBJECT " + word, func(_ uint32, m *truthMsg) bool { return strings.Contains(m.text, "Subject: "+word) }
	case 7:
		k, is := c.anyKey(depth-1, uid)
		return "NOT " + k, func(n uint32, m *truthMsg) bool { return !is(n, m) }
	}
	k1, is1 := c.anyKey(depth-1, uid)
	k2, is2 := c.anyKey(depth-1, uid)
	if d.oneIn(2) {
		return "OR " + k1 + " " + k2, func(n uint32, m *truthMsg) bool { return is1(n, m) || is2(n, m) }
	}
	return "(" + k1 + " " + k2 + ")", func(n uint32, m *truthMsg) bool { return is1(n, m) && is2(n, m) }
}
