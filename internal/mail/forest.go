package mail

import (
	"cmp"
	"slices"
)

// forest is messages and who is below whom. Nodes are numbered: first the
// messages in the order of their UIDs, then dummies for those that are not
// here. Nothing recurses: a thread may be as deep as there are messages.
type forest struct {
	list   []threaded
	byDate []int32 // messages, the oldest first
	parent []int32 // of each node; none: at the top
	kids   []int32 // how many children each node has
	first  []int32 // these and the next two: made by arrange
	last   []int32
	next   []int32 // sibling
	roots  []int32
	budget int // steps that link may still take in search of loops
}

const none int32 = -1

func newForest(list []threaded) *forest {
	f := &forest{list: list, byDate: make([]int32, len(list)), parent: make([]int32, len(list)), kids: make([]int32, len(list))}
	for i := range list {
		f.byDate[i], f.parent[i] = int32(i), none
	}
	slices.SortFunc(f.byDate, func(x, y int32) int { // RFC 5256 §2.2
		return cmp.Or(cmp.Compare(list[x].sent, list[y].sent), cmp.Compare(x, y))
	})
	return f
}

// grow puts the messages in their places.
func (f *forest) grow(how Threading, refs []uint64) {
	switch how {
	case OrderedSubject:
		f.bySubject()
	case References:
		f.link(refs)
		f.prune()
		f.arrange()
		f.mergeSubjects()
	case Refs:
		f.link(refs)
		f.prune()
	}
	f.arrange()
	if how == Refs {
		f.sortByArrival()
	}
}

func (f *forest) isDummy(n int32) bool { return int(n) >= len(f.list) }

func (f *forest) newDummy() int32 {
	f.parent, f.kids = append(f.parent, none), append(f.kids, 0)
	return int32(len(f.parent) - 1)
}

func (f *forest) setParent(n, parent int32) {
	if p := f.parent[n]; p >= 0 {
		f.kids[p]--
	}
	if f.parent[n] = parent; parent >= 0 {
		f.kids[parent]++
	}
}

// bySubject is ORDEREDSUBJECT: the oldest of each subject has all others below it.
func (f *forest) bySubject() {
	oldest := make(map[uint64]int32)
	for _, n := range f.byDate {
		if root, ok := oldest[f.list[n].subject]; ok {
			f.setParent(n, root)
		} else {
			oldest[f.list[n].subject] = n
		}
	}
}

// arrange makes the lists of children and of roots, each in the order of dates.
// A dummy stands where its first child would (RFC 5256 §3, REFERENCES (4) and (6)).
func (f *forest) arrange() {
	n := len(f.parent)
	f.first, f.last, f.next, f.roots = unset(n), unset(n), unset(n), f.roots[:0]
	for _, n := range f.byDate {
		p := f.parent[n]
		switch {
		case p == none:
			f.roots = append(f.roots, n)
		case f.first[p] == none:
			f.first[p], f.last[p] = n, n
			if f.isDummy(p) {
				f.roots = append(f.roots, p)
			}
		default:
			f.next[f.last[p]], f.last[p] = n, n
		}
	}
}

// unset are n numbers of no node.
func unset(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = none
	}
	return s
}

// walk visits a thread: each node, its children after it.
func (f *forest) walk(root int32, visit func(n int32)) {
	for n := root; ; {
		visit(n)
		if f.first[n] != none {
			n = f.first[n]
			continue
		}
		for n != root && f.next[n] == none {
			n = f.parent[n]
		}
		if n == root {
			return
		}
		n = f.next[n]
	}
}

// sortByArrival puts the thread last whose latest message arrived last (REFS).
func (f *forest) sortByArrival() {
	latest := unset(len(f.parent))
	for _, root := range f.roots {
		f.walk(root, func(n int32) {
			if l := latest[root]; !f.isDummy(n) && (l == none || f.byArrival(l, n) < 0) {
				latest[root] = n
			}
		})
	}
	slices.SortFunc(f.roots, func(x, y int32) int { return f.byArrival(latest[x], latest[y]) })
}

// byArrival compares two messages by when they arrived.
func (f *forest) byArrival(x, y int32) int {
	return cmp.Or(cmp.Compare(f.list[x].received, f.list[y].received), cmp.Compare(x, y))
}

// nodes is the forest as Threads gives it.
func (f *forest) nodes() []ThreadNode {
	out := make([]ThreadNode, 0, len(f.list)+len(f.roots))
	for _, root := range f.roots {
		f.walk(root, func(n int32) {
			node := ThreadNode{Children: uint32(f.kids[n])}
			if !f.isDummy(n) {
				node.UID = f.list[n].uid
			}
			out = append(out, node)
		})
	}
	return out
}
