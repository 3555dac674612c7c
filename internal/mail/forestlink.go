package mail

// link is step (1) of REFERENCES (RFC 5256 §3). A Message-ID stands for the
// first message that has it; whoever else has it, or none, can't be referred to.
func (f *forest) link(refs []uint64) {
	nodes := make(map[uint64]int32, len(f.list))
	for i := range f.list {
		id := f.list[i].id
		if _, taken := nodes[id]; id != 0 && !taken {
			nodes[id] = int32(i)
		}
	}
	f.budget = stepsInAll + stepsEach*len(f.list)
	at := 0
	for i := range f.list {
		end := f.list[i].refs
		f.linkOne(int32(i), refs[at:end], nodes)
		at = end
	}
}

func (f *forest) linkOne(n int32, refs []uint64, nodes map[uint64]int32) {
	parent := none
	for _, id := range refs { // (A)
		ref, ok := nodes[id]
		if !ok {
			ref = f.newDummy()
			nodes[id] = ref
		}
		if parent != none && f.parent[ref] == none && !f.isBelow(parent, ref) {
			f.setParent(ref, parent)
		}
		parent = ref
	}
	if f.parent[n] == parent {
		return
	}
	f.setParent(n, none) // (B)
	if parent != none && !f.isBelow(parent, n) {
		f.setParent(n, parent)
	}
}

// A search for a loop walks up from the parent-to-be, but only for a child
// that has children itself: in honest mail, one of few. References can be made up so
// that the walks are long and many, hence the bound.
// DEVIATES(RFC 5256 §3): when these steps are used up, a link that would need more is not made.
const (
	stepsInAll = 1 << 20
	stepsEach  = 64 // for each message
)

// isBelow reports whether n is top or below it.
func (f *forest) isBelow(n, top int32) bool {
	if f.kids[top] == 0 {
		return n == top
	}
	for ; n != none && n != top; n = f.parent[n] {
		if f.budget--; f.budget < 0 {
			return true
		}
	}
	return n == top
}

// prune is steps (2) and (3): dummies go, and their children take their place.
// One at the top stays if it has more than one.
func (f *forest) prune() {
	anchor := f.anchors()
	for i := range f.list {
		if p := f.parent[i]; p != none && f.isDummy(p) {
			f.setParent(int32(i), anchor[int(p)-len(f.list)])
		}
	}
	for d := len(f.list); d < len(f.parent); d++ {
		f.setParent(int32(d), none)
	}
	for i := range f.list {
		if p := f.parent[i]; p != none && f.isDummy(p) && f.kids[p] == 1 {
			f.setParent(int32(i), none)
		}
	}
}

// anchors is for each dummy what its children come below: the nearest message
// above it, or the topmost dummy.
func (f *forest) anchors() []int32 {
	anchor := unset(len(f.parent) - len(f.list))
	var path []int32
	for d := range anchor {
		n := int32(d + len(f.list))
		for path = path[:0]; f.isDummy(n) && anchor[int(n)-len(f.list)] == none && f.parent[n] != none; n = f.parent[n] {
			path = append(path, n)
		}
		if f.isDummy(n) {
			a := &anchor[int(n)-len(f.list)]
			if *a == none {
				*a = n // it is at the top
			}
			n = *a
		}
		for _, p := range path {
			anchor[int(p)-len(f.list)] = n
		}
	}
	return anchor
}

// mergeSubjects is step (5): threads of one base subject become one.
func (f *forest) mergeSubjects() {
	table := f.subjectTable()
	for _, n := range f.roots { // (C)
		subject := f.threadSubject(n)
		if subject == 0 {
			continue
		}
		switch t := table[subject]; {
		case t == n:
		case f.isDummy(t) && f.isDummy(n):
			for c := f.first[n]; c != none; c = f.next[c] {
				f.setParent(c, t)
			}
		case f.isDummy(t), f.isAnswer(n) && !f.isAnswer(t):
			f.setParent(n, t)
		default: // t stands before n: it will not be met again
			d := f.newDummy()
			f.setParent(n, d)
			f.setParent(t, d)
			table[subject] = d
		}
	}
}

// subjectTable is (A) and (B): who stands for each subject.
func (f *forest) subjectTable() map[uint64]int32 {
	table := make(map[uint64]int32, len(f.roots))
	for _, n := range f.roots {
		subject := f.threadSubject(n)
		if subject == 0 {
			continue
		}
		t, ok := table[subject]
		if !ok || !f.isDummy(t) && (f.isDummy(n) || f.isAnswer(t) && !f.isAnswer(n)) {
			table[subject] = n
		}
	}
	return table
}

// threadSubject is the subject of a root, or of the first child of a dummy.
func (f *forest) threadSubject(root int32) uint64 {
	if f.isDummy(root) {
		root = f.first[root]
	}
	return f.list[root].subject
}

func (f *forest) isAnswer(n int32) bool { return !f.isDummy(n) && f.list[n].answer }
