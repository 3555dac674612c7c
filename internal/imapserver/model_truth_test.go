package imapserver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

type (
	// truth is what one account has.
	truth struct {
		user  string
		boxes map[string]*truthBox
		ever  map[named]*truthBox // which mailbox a name and a UIDVALIDITY mean, for ever
	}
	named struct {
		name     string
		validity uint32
	}

	truthBox struct {
		name     string
		validity uint32 // 0: nobody was told yet
		next     uint32
		msgs     []*truthMsg // by UID
		deleted  bool
		// marks are what was told of mod-sequences, by the number of changes that
		// the mailbox had seen.
		marks []mark
	}
	truthMsg struct {
		uid      uint32
		text     string
		date     time.Time
		versions []version // the last is how it is
	}
	// version is how the flags were after a change of the mailbox.
	version struct {
		change int
		flags  flagSet
		modseq uint64 // 0: nobody was told yet
	}
	// mark bounds the mod-sequences of one change, and the HIGHESTMODSEQs told
	// before the next; 0: none told.
	mark struct{ least, most, lowest, highest uint64 }
)

// flagSet has a bit for each of flagNames.
type flagSet uint16

var flagNames = []string{`\Answered`, `\Flagged`, `\Deleted`, `\Seen`, `\Draft`, "$Forwarded", "Work", "Later",
	"a", "b", "c", "d", "e", "f", "g", "h"}

const (
	answered flagSet = 1 << iota
	flagged
	deleted
	seen
	draft
	keywords = ^(answered | flagged | deleted | seen | draft)
)

func (f flagSet) String() string {
	var list []string
	for n, name := range flagNames {
		if f&(1<<n) != 0 {
			list = append(list, name)
		}
	}
	return "(" + strings.Join(list, " ") + ")"
}

// readFlags understands a list of flags; \Recent and \* are passed over.
func readFlags(text string) (f flagSet, err error) {
	for _, name := range strings.Fields(strings.Trim(text, "()")) {
		n := slices.Index(flagNames, name)
		if n < 0 && name != `\Recent` && name != `\*` {
			return 0, fmt.Errorf("unknown flag %s", name)
		}
		if n >= 0 {
			f |= 1 << n
		}
	}
	return f, nil
}

func newTruth(user string) *truth {
	tr := &truth{user, map[string]*truthBox{}, map[named]*truthBox{}}
	for _, name := range []string{"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"} {
		tr.create(name)
	}
	return tr
}

// create makes a mailbox and those above it.
func (tr *truth) create(name string) {
	for at := range len(name) + 1 {
		if at == len(name) || name[at] == '/' {
			if tr.boxes[name[:at]] == nil {
				tr.boxes[name[:at]] = &truthBox{name: name[:at], next: 1, marks: make([]mark, 1)}
			}
		}
	}
}

func (tr *truth) hasChildren(name string) bool {
	for other := range tr.boxes {
		if strings.HasPrefix(other, name+"/") {
			return true
		}
	}
	return false
}

// renamed says what each name would become; ok: it can.
func (tr *truth) renamed(from, to string) (names map[string]string, ok bool) {
	names = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(tr.boxes)) {
		if name == from || strings.HasPrefix(name, from+"/") {
			names[name] = to + strings.TrimPrefix(name, from)
			if tr.boxes[names[name]] != nil {
				return nil, false
			}
		}
	}
	return names, len(names) > 0 && tr.boxes[to] == nil && !strings.HasPrefix(to, from+"/")
}

func (tr *truth) rename(names map[string]string, to string) {
	if at := strings.LastIndexByte(to, '/'); at > 0 {
		tr.create(to[:at])
	}
	for from, name := range names {
		box := tr.boxes[from]
		delete(tr.boxes, from)
		tr.boxes[name], box.name = box, name
	}
}

// validity notes the UIDVALIDITY that was told of a mailbox (RFC 9051 §2.3.1.1).
func (tr *truth) validity(b *truthBox, n uint32) error {
	if b.validity != 0 && b.validity != n {
		return fmt.Errorf("UIDVALIDITY of %s is %d and was %d", b.name, n, b.validity)
	}
	b.validity = n
	if other := tr.ever[named{b.name, n}]; other != nil && other != b {
		return fmt.Errorf("UIDVALIDITY %d of %s was that of another mailbox", n, b.name)
	}
	tr.ever[named{b.name, n}] = b
	return nil
}

func (b *truthBox) find(uid uint32) *truthMsg {
	i, ok := slices.BinarySearchFunc(b.msgs, uid, func(m *truthMsg, uid uint32) int { return int(m.uid) - int(uid) })
	if !ok {
		return nil
	}
	return b.msgs[i]
}

// uids are those above one.
func (b *truthBox) uids(above uint32) (list []uint32) {
	for _, m := range b.msgs {
		if m.uid > above {
			list = append(list, m.uid)
		}
	}
	return list
}

func (b *truthBox) changes() int { return len(b.marks) - 1 }

// change begins another change of the mailbox.
func (b *truthBox) change() { b.marks = append(b.marks, mark{}) }

func (b *truthBox) add(text string, date time.Time, f flagSet) uint32 {
	b.msgs = append(b.msgs, &truthMsg{b.next, text, date, []version{{change: b.changes(), flags: f}}})
	b.next++
	return b.next - 1
}

func (b *truthBox) remove(uids []uint32) {
	b.msgs = slices.DeleteFunc(b.msgs, func(m *truthMsg) bool { return slices.Contains(uids, m.uid) })
}

func (m *truthMsg) now() *version  { return &m.versions[len(m.versions)-1] }
func (m *truthMsg) flags() flagSet { return m.now().flags }

// mayHave reports whether a mod-sequence can be the message's latest.
func (m *truthMsg) mayHave(modseq uint64) bool {
	if now := m.now().modseq; now != 0 {
		return now == modseq
	}
	return !slices.ContainsFunc(m.versions, func(v version) bool { return v.modseq == modseq })
}

// since are the versions that a session may still hold which was told all up to
// a change.
func (m *truthMsg) since(change int) []version {
	i := len(m.versions) - 1
	for i > 0 && m.versions[i].change > change {
		i--
	}
	return m.versions[i:]
}

// setFlags gives messages other flags, all by one change.
func (b *truthBox) setFlags(to map[*truthMsg]flagSet) {
	began := false
	for m, f := range to {
		if f == m.flags() {
			continue
		}
		if !began {
			b.change()
			began = true
		}
		m.versions = append(m.versions, version{change: b.changes(), flags: f})
	}
}

// noteModSeq takes in that a message has that mod-sequence by that change. It is
// larger than any of an earlier change, and not above a HIGHESTMODSEQ that was
// told since (RFC 7162 §3.1).
func (b *truthBox) noteModSeq(change int, n uint64) error {
	for p := change - 1; p >= 0; p-- {
		if most := max(b.marks[p].most, b.marks[p].highest); most > 0 {
			if n <= most {
				return fmt.Errorf("MODSEQ %d of change %d in %s, but %d was told before it happened", n, change, b.name, most)
			}
			break
		}
	}
	for p := change; p < len(b.marks); p++ {
		k := &b.marks[p]
		if k.lowest > 0 && n > k.lowest {
			return fmt.Errorf("MODSEQ %d of change %d in %s, but HIGHESTMODSEQ was %d after it", n, change, b.name, k.lowest)
		}
		if p > change && k.least > 0 {
			if n >= k.least {
				return fmt.Errorf("MODSEQ %d of change %d in %s, but a later one has %d", n, change, b.name, k.least)
			}
			break
		}
	}
	k := &b.marks[change]
	if k.least == 0 || n < k.least {
		k.least = n
	}
	k.most = max(k.most, n)
	return nil
}

// noteHighest takes in the HIGHESTMODSEQ told to who knows all up to a change.
func (b *truthBox) noteHighest(change int, n uint64) error {
	for p := change; p >= 0; p-- {
		if most := max(b.marks[p].most, b.marks[p].highest); most > 0 {
			if n < most || p < change && n == b.marks[p].highest {
				return fmt.Errorf("HIGHESTMODSEQ %d in %s after %d was told", n, b.name, most)
			}
			break
		}
	}
	k := &b.marks[change]
	if k.lowest == 0 || n < k.lowest {
		k.lowest = n
	}
	k.highest = max(k.highest, n)
	return nil
}
