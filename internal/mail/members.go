package mail

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync"

	"tem/internal/kv"
)

// members are the messages of a mailbox at one modseq: UIDs in order and the
// number of the email that each is of. They are only ever added to or replaced,
// so that searches can go on using what they hold.
type members struct {
	validity uint32
	modseq   ModSeq
	next     UID
	uids     []UID
	docs     []uint32
}

// memberCache keeps members, so that a search need not list a mailbox.
type memberCache struct {
	mu   sync.Mutex
	m    map[memberKey]*members
	size int // messages in all
}

type memberKey struct {
	account kv.Part
	box     MailboxID
}

// maxMembers is how many messages the cache holds, 8 octets each.
const maxMembers = 4 << 20

func (c *memberCache) get(k memberKey) *members {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m[k]
}

// put keeps m. When there is no more room all is forgotten: it is quickly read again.
func (c *memberCache) put(k memberKey, m *members) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.m[k]; old != nil {
		c.size -= len(old.uids)
	}
	if c.size+len(m.uids) > maxMembers || c.m == nil {
		c.m, c.size = make(map[memberKey]*members), 0
	}
	c.m[k] = m
	c.size += len(m.uids)
}

// maxLog is how many changes of an account are worth reading one by one.
const maxLog = 5000

// membersOf are the mailbox's messages in the snapshot that box is from.
func (ix *indexer) membersOf(r kv.Reader, account kv.Part, box *Mailbox) (m *members, err error) {
	k := memberKey{account, box.ID}
	old := ix.members.get(k)
	if old != nil && old.validity == box.UIDValidity && old.modseq == box.HighestModSeq {
		return old, nil
	}
	st, err := readState(r, account)
	if err != nil {
		return nil, err
	}
	if old == nil || old.validity != box.UIDValidity || old.modseq > box.HighestModSeq || old.modseq+maxLog < st.modseq || old.modseq < st.pruned {
		m, err = readMembers(r, account, box, &st)
	} else {
		m, err = old.update(r, account, box)
	}
	if err == nil {
		ix.members.put(k, m)
	}
	return m, err
}

// readMembers reads them anew: from the rows of the mailbox, which are large,
// or from those of the whole account, which are many.
func readMembers(r kv.Reader, account kv.Part, box *Mailbox, st *state) (*members, error) {
	m := &members{validity: box.UIDValidity, modseq: box.HighestModSeq, next: box.UIDNext}
	if int64(box.Messages)*8 < st.quota.Messages {
		lo, hi := messageRange(keyMeta, box.ID)
		return m, r.Scan(account, lo, hi, kv.ScanOptions{}, func(key, row []byte) error { return m.add(uidOf(key), row) })
	}
	type pair struct {
		uid UID
		doc uint32
	}
	list := make([]pair, 0, box.Messages)
	err := r.Scan(account, []byte{keyEmail}, []byte{keyEmail + 1}, kv.ScanOptions{}, func(key, _ []byte) error {
		if email, id, uid := instanceOf(key); id == box.ID {
			list = append(list, pair{uid, uint32(email)})
		}
		return nil
	})
	byUID := func(x, y pair) int { return cmp.Compare(x.uid, y.uid) }
	if !slices.IsSortedFunc(list, byUID) {
		slices.SortFunc(list, byUID)
	}
	m.uids, m.docs = make([]UID, len(list)), make([]uint32, len(list))
	for i, p := range list {
		m.uids[i], m.docs[i] = p.uid, p.doc
	}
	return m, err
}

// instanceOf takes a key of an email's instance apart.
func instanceOf(key []byte) (EmailID, MailboxID, UID) {
	return EmailID(binary.BigEndian.Uint64(key[1:])), MailboxID(binary.BigEndian.Uint32(key[9:])), UID(binary.BigEndian.Uint32(key[13:]))
}

// add adds a message by its metadata row, which begins with the email's number.
func (m *members) add(uid UID, row []byte) error {
	d := decoder{b: row}
	m.uids, m.docs = append(m.uids, uid), append(m.docs, uint32(d.uint64()))
	return d.err
}

// update is what the change log makes of old.
func (m *members) update(r kv.Reader, account kv.Part, box *Mailbox) (*members, error) {
	n := *m
	n.modseq, n.next = box.HighestModSeq, box.UIDNext
	var gone []UID
	err := scanLog(r, account, m.modseq, func(_ logHead, id MailboxID, _ bool, _ []UIDRange, g []tombstone) {
		for i := 0; id == box.ID && i < len(g); i++ {
			gone = append(gone, g[i].uid)
		}
	})
	if err != nil {
		return nil, err
	}
	if len(gone) > 0 {
		n.remove(gone)
	}
	lo, hi := messageKey(keyMeta, box.ID, m.next), append(messageKey(keyMeta, box.ID, box.UIDNext-1), 0)
	if m.next == box.UIDNext {
		return &n, nil
	}
	n.uids, n.docs = slices.Clip(n.uids), slices.Clip(n.docs) // others read what m has
	return &n, r.Scan(account, lo, hi, kv.ScanOptions{}, func(key, row []byte) error { return n.add(uidOf(key), row) })
}

// remove makes m a copy without some.
func (m *members) remove(gone []UID) {
	gone = sorted(gone)
	uids, docs := make([]UID, 0, len(m.uids)), make([]uint32, 0, len(m.docs))
	for i, u := range m.uids {
		for len(gone) > 0 && gone[0] < u {
			gone = gone[1:]
		}
		if len(gone) == 0 || gone[0] != u {
			uids, docs = append(uids, u), append(docs, m.docs[i])
		}
	}
	m.uids, m.docs = uids, docs
}
