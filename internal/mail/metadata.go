package mail

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"tem/internal/kv"
)

// Annotations (RFC 5464) of a mailbox, or of the account as a whole, which are
// what IMAP calls the server's private ones: wherever a mailbox is asked for, 0
// stands for the account. They count against no quota and have limits of their
// own. The server's for everybody are in servermetadata.go.

// Entry is one annotation.
type Entry struct {
	Name  string    // begins with /private/ or /shared/; in small letters when it is read
	User  AccountID // whose it is if it is private, or else 0
	Value []byte    // nil: none; to be taken away
}

// The limits of annotations, in octets and numbers.
const (
	MaxEntryName  = 255
	MaxEntryValue = 64 << 10
	MaxEntries    = 100       // of one mailbox and user, or shared
	maxEntryBytes = 256 << 10 // of these together
	maxAnnotation = 8 << 20   // of an account
	entryCost     = 64        // what an entry counts beside its name and value
)

// Depth says how far below a name entries are asked for (RFC 5464 §4.2.2).
type Depth uint8

const (
	Exact    Depth = iota // only the entry itself
	Children              // and those one level below
	Tree                  // and all below
)

const (
	privateEntries = "/private"
	sharedEntries  = "/shared"
)

// entryName checks a name and writes it in small letters. The two roots are
// names to look below, not entries.
func entryName(name string) (string, error) {
	bad := func(r rune) bool { return r <= 0x19 || r > 0x7e || r == '*' || r == '%' } // RFC 5464 §3.1
	switch {
	case len(name) > MaxEntryName:
		return "", fail(Invalid, "the name of an annotation has at most %d octets", MaxEntryName)
	case strings.IndexFunc(name, bad) >= 0 || strings.Contains(name, "//") || strings.HasSuffix(name, "/"):
		return "", fail(Invalid, "%q is no name of an annotation", name)
	}
	name = strings.ToLower(name)
	if root := entryRoot(name); root != privateEntries && root != sharedEntries {
		return "", fail(Invalid, "the name %q begins neither with /private/ nor with /shared/", name)
	}
	return name, nil
}

// entryRoot is the first level of a name.
func entryRoot(name string) string {
	if i := strings.IndexByte(strings.TrimPrefix(name, "/"), '/'); i >= 0 {
		return name[:i+1]
	}
	return name
}

// owner is whose entries a name in small letters is among, of those that user sees.
func owner(name string, user AccountID) (AccountID, error) {
	switch private := entryRoot(name) == privateEntries; {
	case !private:
		return 0, nil
	case user == 0:
		return 0, fail(Invalid, "the annotation %s is private and nobody's", name)
	}
	return user, nil
}

// check makes the name canonical and refuses what can't be stored.
func (n *Entry) check() (err error) {
	if n.Name, err = entryName(n.Name); err != nil {
		return err
	}
	of, err := owner(n.Name, n.User)
	switch {
	case err != nil:
		return err
	case of != n.User:
		return fail(Invalid, "the annotation %s is shared and belongs to nobody", n.Name)
	case n.Name == entryRoot(n.Name):
		return fail(Invalid, "%s is not an annotation: add a name", n.Name)
	case len(n.Value) > MaxEntryValue:
		return fail(LimitReached, "an annotation has at most %d octets", MaxEntryValue)
	}
	return nil
}

func entryKey(id MailboxID, user AccountID, name string) []byte {
	return append(binary.BigEndian.AppendUint64(mailboxRow(keyEntry, id), uint64(user)), name...)
}

// entryOf takes a key apart.
func entryOf(key []byte) (id MailboxID, n Entry, err error) {
	if len(key) < 13 {
		return 0, n, errRow
	}
	id, n = mailboxOf(key), Entry{Name: string(key[13:]), User: AccountID(binary.BigEndian.Uint64(key[5:]))}
	if stored := n; stored.check() != nil || stored.Name != n.Name {
		err = errRow
	}
	return id, n, err
}

// Metadata returns the annotations of a mailbox that have one of these names, or
// are below one, each once and in the order of names: those that are shared and
// those of user.
func (a *Account) Metadata(ctx context.Context, id MailboxID, user AccountID, names []string, depth Depth) (list []Entry, err error) {
	err = a.read(ctx, func(r kv.Reader) error {
		if id != 0 {
			if _, err := readMailbox(r, a.id, id); err != nil {
				return err
			}
		}
		list, err = readNamed(r, a.id, id, user, names, depth)
		return err
	})
	return list, err
}

// readNamed reads the entries that have one of these names, or are below one,
// each once and in the order of names.
func readNamed(r kv.Reader, account kv.Part, id MailboxID, user AccountID, names []string, depth Depth) (list []Entry, err error) {
	for _, name := range names {
		if name, err = entryName(name); err != nil {
			return nil, err
		}
		found, err := readEntries(r, account, id, user, name, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	slices.SortFunc(list, func(x, y Entry) int { return cmp.Compare(x.Name, y.Name) })
	return slices.CompactFunc(list, func(x, y Entry) bool { return x.Name == y.Name }), nil
}

// readEntries reads an entry and those below it.
func readEntries(r kv.Reader, account kv.Part, id MailboxID, user AccountID, name string, depth Depth) (list []Entry, err error) {
	if user, err = owner(name, user); err != nil {
		return nil, err
	}
	key := entryKey(id, user, name)
	val, there, err := r.Get(account, key)
	if there {
		list = append(list, Entry{name, user, append([]byte{}, val...)})
	}
	if err != nil || depth == Exact {
		return list, err
	}
	below := append(key, '/')
	err = r.Scan(account, below, after(below), kv.ScanOptions{}, func(key, val []byte) error {
		rest := key[len(below):]
		if depth == Tree || bytes.IndexByte(rest, '/') < 0 {
			list = append(list, Entry{name + "/" + string(rest), user, append([]byte{}, val...)})
		}
		return nil
	})
	return list, err
}

// SetMetadata sets annotations of a mailbox and takes those away that have no
// value, all of them or none. Of several for one name the last counts.
func (a *Account) SetMetadata(ctx context.Context, id MailboxID, entries []Entry) error {
	wanted, err := wantedRows(id, entries)
	if err != nil {
		return err
	}
	return a.update(ctx, func(e *edit) error {
		if id != 0 {
			if _, err := e.mailbox(ctx, id); err != nil {
				return err
			}
		}
		if err := e.settle(ctx); err != nil {
			return err
		}
		changed, err := e.s.entriesToSet(ctx, a.id, wanted)
		if err != nil || len(changed) == 0 {
			return err
		}
		e.dirty = true
		e.entry(id).properties = true
		if id != 0 {
			e.box(id)
		}
		writeEntries(e.b, a.id, wanted, changed)
		return nil
	})
}

// wantedRows are the values that entries are to have, by key; nil for what has to go.
func wantedRows(id MailboxID, entries []Entry) (map[string][]byte, error) {
	wanted := make(map[string][]byte, len(entries))
	for _, n := range entries {
		if err := n.check(); err != nil {
			return nil, err
		}
		wanted[string(entryKey(id, n.User, n.Name))] = n.Value
	}
	return wanted, nil
}

func writeEntries(b *kv.Batch, account kv.Part, wanted map[string][]byte, changed []string) {
	for _, key := range changed {
		if val := wanted[key]; val != nil {
			b.Set(account, []byte(key), val)
		} else {
			b.Delete(account, []byte(key))
		}
	}
}

// entriesToSet are the keys in wanted of what is not so already, in order; it
// refuses what would make more than there may be.
func (s *Store) entriesToSet(ctx context.Context, account kv.Part, wanted map[string][]byte) (changed []string, err error) {
	stored, kept := make(map[string]bool), entryCount{of: make(map[string]entryUse)}
	err = s.view(ctx, func(r kv.Reader) error {
		return r.Scan(account, []byte{keyEntry}, []byte{keyEntry + 1}, kv.ScanOptions{}, func(key, val []byte) error {
			want, asked := wanted[string(key)]
			if !asked {
				kept.add(string(key), val)
				return nil
			}
			stored[string(key)] = true
			if want == nil || !bytes.Equal(val, want) {
				changed = append(changed, string(key))
			}
			return nil
		})
	})
	grows := false
	for key, val := range wanted {
		if val != nil {
			kept.add(key, val)
			grows = true
		}
		if val != nil && !stored[key] {
			changed = append(changed, key)
		}
	}
	slices.Sort(changed)
	if err == nil && grows {
		err = kept.check(wanted)
	}
	return changed, err
}

// entryCount adds up annotations.
type entryCount struct {
	all entryUse
	of  map[string]entryUse // by the beginning of the key: mailbox and user
}

type entryUse struct{ n, size int }

func (c *entryCount) add(key string, val []byte) {
	size := len(key) + len(val) + entryCost
	u := c.of[key[:13]]
	c.of[key[:13]] = entryUse{u.n + 1, u.size + size}
	c.all.size += size
}

// check looks at what wanted is among.
func (c *entryCount) check(wanted map[string][]byte) error {
	if c.all.size > maxAnnotation {
		return fail(LimitReached, "the annotations of an account have at most %d octets together", maxAnnotation)
	}
	for key := range wanted {
		switch u := c.of[key[:13]]; {
		case u.n > MaxEntries:
			return fail(LimitReached, "a mailbox has at most %d annotations of a kind", MaxEntries)
		case u.size > maxEntryBytes:
			return fail(LimitReached, "the annotations of a mailbox have at most %d octets together", maxEntryBytes)
		}
	}
	return nil
}

// forgetEntries takes away the annotations of a mailbox.
func (e *edit) forgetEntries(id MailboxID) {
	lo := mailboxRow(keyEntry, id)
	e.b.DeleteRange(e.a.id, lo, after(lo))
}
