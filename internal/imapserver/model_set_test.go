package imapserver

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// modelSet is a set of messages as a client writes it.
type modelSet struct {
	uid    bool
	saved  bool
	ranges [][2]uint32 // math.MaxUint32 is *
}

func (s modelSet) String() string {
	if s.saved {
		return "$"
	}
	var list []string
	for _, r := range s.ranges {
		text := starred(r[0])
		if r[1] != r[0] {
			text += ":" + starred(r[1])
		}
		list = append(list, text)
	}
	return strings.Join(list, ",")
}

func starred(n uint32) string {
	if n == math.MaxUint32 {
		return "*"
	}
	return fmt.Sprint(n)
}

// prefix is what a command is called that takes this set.
func (s modelSet) prefix() string {
	if s.uid {
		return "UID "
	}
	return ""
}

// anySet draws a set that is valid now; by number only where the client may.
func (c *client) anySet() modelSet {
	d, s := c.w.dice, modelSet{}
	s.uid = c.uidOnly || c.noNumbers || len(c.nums) == 0 || d.oneIn(2)
	if c.box != nil && len(c.saved) > 0 && d.oneIn(6) {
		s.saved = true
		return s
	}
	one := func() uint32 {
		if d.oneIn(8) {
			return math.MaxUint32
		}
		if s.uid {
			return uint32(1 + d.n(int(c.horizon)+2))
		}
		return uint32(1 + d.n(len(c.nums)))
	}
	if d.oneIn(5) {
		s.ranges = [][2]uint32{{1, math.MaxUint32}}
		return s
	}
	for range 1 + d.n(3) {
		from := one()
		r := [2]uint32{from, from}
		if d.oneIn(2) {
			r[1] = one()
		}
		s.ranges = append(s.ranges, r)
	}
	return s
}

// resolve returns the UIDs of a set, of the messages the client knows.
func (c *client) resolve(s modelSet) (uids []uint32) {
	for i, uid := range c.nums {
		n := uid
		if !s.uid {
			n = uint32(i + 1)
		}
		if s.saved && slices.Contains(c.saved, uid) || !s.saved && c.within(s, n) {
			uids = append(uids, uid)
		}
	}
	return uids
}

// within reports whether a number is in a set.
func (c *client) within(s modelSet, n uint32) bool {
	last := uint32(len(c.nums))
	if s.uid && len(c.nums) > 0 {
		last = c.nums[len(c.nums)-1]
	}
	for _, r := range s.ranges {
		for i := range r {
			if r[i] == math.MaxUint32 {
				r[i] = last
			}
		}
		if min(r[0], r[1]) <= n && n <= max(r[0], r[1]) {
			return true
		}
	}
	return false
}

// parseNumbers reads a set that a server writes, in its order.
func parseNumbers(text string) (list []uint32, err error) {
	for _, part := range strings.Split(text, ",") {
		from, to, ranged := strings.Cut(part, ":")
		lo, err := strconv.ParseUint(from, 10, 32)
		hi := lo
		if err == nil && ranged {
			hi, err = strconv.ParseUint(to, 10, 32)
		}
		if err != nil || lo == 0 || hi < lo || hi-lo > 1e6 {
			return nil, fmt.Errorf("malformed set %q", text)
		}
		for n := lo; n <= hi; n++ {
			list = append(list, uint32(n))
		}
	}
	return list, nil
}

// setOf writes numbers as a set.
func setOf(nums []uint32) string {
	text := make([]string, len(nums))
	for i, n := range nums {
		text[i] = fmt.Sprint(n)
	}
	return strings.Join(text, ",")
}
