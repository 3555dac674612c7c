package mail

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tem/internal/fold"
	"tem/internal/message"
)

// slowNode is a node of the REFERENCES algorithm said as RFC 5256 §3 says it.
type slowNode struct {
	n        *note // nil: a dummy
	uid      int
	parent   *slowNode
	children []*slowNode
}

func (s *slowNode) adopt(c *slowNode) {
	c.leave()
	c.parent, s.children = s, append(s.children, c)
}

func (s *slowNode) leave() {
	if s.parent != nil {
		s.parent.children = slices.DeleteFunc(s.parent.children, func(c *slowNode) bool { return c == s })
		s.parent = nil
	}
}

func (s *slowNode) isBelow(top *slowNode) bool {
	return s == top || s.parent != nil && s.parent.isBelow(top)
}

// slowThreads is REFERENCES, or REFS.
func slowThreads(notes []note, how Threading) string {
	root := new(slowNode)
	all := slowLink(notes)
	for _, s := range all { // (2)
		if s.parent == nil {
			root.adopt(s)
		}
	}
	root.prune(true)
	root.sort()
	if how == References {
		root.merge()
		root.sort()
	} else {
		slices.SortFunc(root.children, func(x, y *slowNode) int { return slices.Compare(x.latest(), y.latest()) })
	}
	var out strings.Builder
	for _, c := range root.children {
		c.write(&out)
	}
	return out.String()
}

// slowLink is step (1).
func slowLink(notes []note) (all []*slowNode) {
	ids := make(map[string]*slowNode)
	for i := range notes {
		s := &slowNode{n: &notes[i], uid: i + 1}
		all = append(all, s)
		if id := slowIDs(notes[i].id); len(id) > 0 && ids[id[0]] == nil {
			ids[id[0]] = s
		}
	}
	for i := range notes {
		refs := slowIDs(notes[i].refs)
		if in := slowIDs(notes[i].inReplyTo); len(refs) == 0 && len(in) > 0 {
			refs = in[:1]
		}
		var last *slowNode
		for _, id := range refs {
			s := ids[id]
			if s == nil {
				s = new(slowNode)
				ids[id] = s
				all = append(all, s)
			}
			if last != nil && s.parent == nil && !last.isBelow(s) {
				last.adopt(s)
			}
			last = s
		}
		if all[i].leave(); last != nil && !last.isBelow(all[i]) {
			last.adopt(all[i])
		}
	}
	return all
}

func slowIDs(value string) (ids []string) {
	for _, w := range strings.Fields(value) {
		if strings.HasPrefix(w, "<") {
			ids = append(ids, strings.ReplaceAll(w, `"`, ""))
		}
	}
	return ids
}

// prune is step (3) for the children of s.
func (s *slowNode) prune(isRoot bool) {
	for i := 0; i < len(s.children); {
		c := s.children[i]
		switch {
		case c.n != nil:
			c.prune(false)
			i++
		case len(c.children) == 0:
			c.leave()
		case !isRoot || len(c.children) == 1:
			for _, g := range slices.Clone(c.children) {
				s.adopt(g)
			}
			c.leave()
		default:
			before := len(c.children)
			if c.prune(false); len(c.children) > 1 || len(c.children) == before {
				i++
			}
		}
	}
}

// sort is steps (4) and (6).
func (s *slowNode) sort() {
	for _, c := range s.children {
		c.sort()
	}
	slices.SortFunc(s.children, func(x, y *slowNode) int {
		x, y = x.face(), y.face()
		return slices.Compare([]int{x.n.sent, x.uid}, []int{y.n.sent, y.uid})
	})
}

// face is the message that stands for a dummy.
func (s *slowNode) face() *slowNode {
	if s.n == nil {
		return s.children[0]
	}
	return s
}

// latest is when a thread's latest message arrived, and its UID.
func (s *slowNode) latest() []int {
	var l []int
	if s.n != nil {
		l = []int{s.n.received, s.uid}
	}
	for _, c := range s.children {
		if d := c.latest(); slices.Compare(d, l) > 0 {
			l = d
		}
	}
	return l
}

// merge is step (5).
func (s *slowNode) merge() {
	subject := func(c *slowNode) string {
		return string(fold.Collation(nil, message.BaseSubject(c.face().n.subject)))
	}
	answer := func(c *slowNode) bool {
		_, is := message.SplitSubject(c.face().n.subject)
		return c.n != nil && is
	}
	table := make(map[string]*slowNode)
	for _, c := range s.children {
		if subject(c) == "" {
			continue
		}
		t := table[subject(c)]
		if t == nil || t.n != nil && (c.n == nil || answer(t) && !answer(c)) {
			table[subject(c)] = c
		}
	}
	for _, c := range slices.Clone(s.children) {
		if c.parent != s || subject(c) == "" || table[subject(c)] == c {
			continue
		}
		switch t := table[subject(c)]; {
		case t.n == nil && c.n == nil:
			for _, g := range slices.Clone(c.children) {
				t.adopt(g)
			}
			c.leave()
		case t.n == nil, answer(c) && !answer(t):
			t.adopt(c)
		default:
			d := new(slowNode)
			table[subject(c)] = d
			s.adopt(d)
			d.adopt(t)
			d.adopt(c)
		}
	}
}

func (s *slowNode) write(out *strings.Builder) {
	out.WriteByte('(')
	for ; ; s = s.children[0] {
		if s.n != nil {
			fmt.Fprint(out, s.uid)
		}
		if len(s.children) != 1 {
			break
		}
		out.WriteByte(' ')
	}
	if len(s.children) > 1 && s.n != nil {
		out.WriteByte(' ')
	}
	for _, c := range s.children {
		c.write(out)
	}
	out.WriteByte(')')
}

// TestThreadsModel compares with that on mailboxes of few ids, so that there are
// loops, doubles and gaps.
func TestThreadsModel(t *testing.T) {
	t.Parallel()
	id := rapid.Custom(func(r *rapid.T) string {
		return fmt.Sprintf(rapid.SampledFrom([]string{"<%d@x>", "<%d@x>", "<%d@x>", "<\"%d\"@x>"}).Draw(r, "form"), rapid.IntRange(0, 12).Draw(r, "id"))
	})
	some := func(r *rapid.T, name string, most int) string {
		return strings.Join(rapid.SliceOfN(id, 0, most).Draw(r, name), " ")
	}
	subject := rapid.SampledFrom([]string{"", "", "", "tea", "Re: tea", "TEA (fwd)", "[fwd: t\u00e9a]", "re: T\u00c9A", "re:", "t\u00e9a"})
	rapid.Check(t, func(r *rapid.T) {
		notes := make([]note, rapid.IntRange(0, 14).Draw(r, "letters"))
		c := collector{how: rapid.SampledFrom([]Threading{References, Refs}).Draw(r, "how"), seed: maphash.MakeSeed()}
		for i := range notes {
			n := &notes[i]
			*n = note{some(r, "message-id", 1), some(r, "references", 4), some(r, "in-reply-to", 2), subject.Draw(r, "subject"),
				rapid.IntRange(0, 6).Draw(r, "sent"), rapid.IntRange(0, 6).Draw(r, "received")}
			c.add(metaOf(r, i, n))
		}
		f := newForest(c.list)
		f.grow(c.how, c.refs)
		if got, want := shape(f.nodes()), slowThreads(notes, c.how); got != want {
			r.Fatalf("got %s, want %s", got, want)
		}
	})
}

// metaOf is what the store keeps of a letter.
func metaOf(r *rapid.T, i int, n *note) *Meta {
	x, err := message.Parse(strings.NewReader(n.String()))
	if err != nil {
		r.Fatal(err)
	}
	own, _ := threadHashes(x)
	return &Meta{UID: UID(i + 1), Sent: x.Sent, Received: noon.Add(time.Duration(n.received) * time.Second), Envelope: x.Envelope,
		hashes: own, links: newLinks(x.MessageID, x.References, x.InReplyTo)}
}
