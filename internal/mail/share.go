package mail

import (
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"tem/internal/kv"
)

// Rights are what somebody may do with a mailbox (RFC 4314 §2.1). The owner of
// an account has all of them; mail answers what others have, and its caller
// holds them to it.
type Rights uint16

const (
	RightLookup        Rights = 1 << iota // l: see that it is there
	RightRead                             // r: select it, read messages
	RightSeen                             // s: keep \Seen
	RightWrite                            // w: change other flags
	RightInsert                           // i: append, copy into
	RightPost                             // p: send to it
	RightCreate                           // k: make mailboxes below
	RightDelete                           // x: delete or rename the mailbox
	RightDeleteMessage                    // t: change \Deleted
	RightExpunge                          // e
	RightAdminister                       // a: change rights

	AllRights = RightAdminister<<1 - 1
)

const rightLetters = "lrswipkxtea"

// String is the rights in letters.
func (r Rights) String() string {
	var b strings.Builder
	for i := range len(rightLetters) {
		if r&(1<<i) != 0 {
			b.WriteByte(rightLetters[i])
		}
	}
	return b.String()
}

// ParseRights reads letters. The obsolete c and d stand for k and for t, e, x
// (RFC 4314 §2.1.1).
func ParseRights(s string) (r Rights, err error) {
	for _, c := range []byte(s) {
		switch i := strings.IndexByte(rightLetters, c); {
		case i >= 0:
			r |= 1 << i
		case c == 'c':
			r |= RightCreate
		case c == 'd':
			r |= RightDeleteMessage | RightExpunge | RightDelete
		default:
			return 0, fail(Invalid, "%q is no right", c)
		}
	}
	return r, nil
}

// Grantee names who has rights; mail only compares it: "account:" and the id of
// an account in decimal digits, "group:" and the address of a group of the
// directory as its rows are keyed, or "anyone". Whoever removes an account or a
// group calls Forget.
type Grantee string

// Anyone is everybody who has logged in.
const Anyone Grantee = "anyone"

// AccountGrantee is the name of one person. Ids are never used twice.
func AccountGrantee(id kv.Part) Grantee {
	return Grantee("account:" + strconv.FormatUint(uint64(id), 10))
}

// GroupGrantee is the name of all members of a group.
func GroupGrantee(key string) Grantee { return Grantee("group:" + key) }

// Grant is one entry of a mailbox's access control list. A negative one takes
// away what others of the same person give (RFC 4314 §2).
type Grant struct {
	To       Grantee
	Negative bool
	Rights   Rights
}

// maxGrants bounds the list of a mailbox, maxGrantee the octets of a Grantee.
const (
	maxGrants  = 1000
	maxGrantee = 255
)

func rightKey(id MailboxID, to Grantee, negative bool) []byte {
	return append(append(mailboxRow(keyRight, id), bit(negative)), to...)
}

// grantKey finds the mailboxes that are shared with somebody.
func grantKey(to Grantee, owner kv.Part, id MailboxID) []byte {
	k := binary.BigEndian.AppendUint64(grantPrefix(to), uint64(owner))
	return binary.BigEndian.AppendUint32(k, uint32(id))
}

func grantPrefix(to Grantee) []byte { return append(append([]byte{keyGrant}, to...), 0) }

// SetGrant gives or takes (Rights 0) rights.
func (a *Account) SetGrant(ctx context.Context, id MailboxID, g Grant) error {
	return a.ChangeGrant(ctx, id, SetFlags, g)
}

// ChangeGrant sets rights, or adds them to or removes them from what there is.
func (a *Account) ChangeGrant(ctx context.Context, id MailboxID, op FlagOp, g Grant) error {
	if g.To == "" || len(g.To) > maxGrantee || strings.IndexByte(string(g.To), 0) >= 0 || g.Rights&^AllRights != 0 {
		return fail(Invalid, "not an entry of an access control list")
	}
	return a.update(ctx, func(e *edit) error {
		if _, err := e.mailbox(ctx, id); err != nil {
			return err
		}
		list, err := e.grants(ctx, id)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(list, func(have Grant) bool { return have.To == g.To && have.Negative == g.Negative })
		next := g // this may be called again
		if at >= 0 {
			next.Rights = op.rights(list[at].Rights, g.Rights)
		} else {
			next.Rights = op.rights(0, g.Rights)
		}
		if len(list) >= maxGrants && next.Rights != 0 && at < 0 {
			return fail(LimitReached, "a mailbox is shared with at most %d", maxGrants)
		}
		e.box(id)
		e.entry(id).properties = true
		e.setGrant(id, next)
		return nil
	})
}

func (op FlagOp) rights(have, r Rights) Rights { return Rights(op.apply(Flags(have), Flags(r))) }

func (e *edit) setGrant(id MailboxID, g Grant) {
	key := rightKey(id, g.To, g.Negative)
	if g.Rights != 0 {
		e.b.Set(e.a.id, key, binary.BigEndian.AppendUint16(nil, uint16(g.Rights)))
	} else {
		e.b.Delete(e.a.id, key)
	}
	switch {
	case g.Negative:
	case g.Rights != 0:
		e.b.Set(kv.Accounts, grantKey(g.To, e.a.id, id), nil)
	default:
		e.b.Delete(kv.Accounts, grantKey(g.To, e.a.id, id))
	}
}

func (e *edit) grantAll(id MailboxID, list []Grant) {
	for _, g := range list {
		e.setGrant(id, g)
	}
}

// grants reads a mailbox's list after settling the account.
func (e *edit) grants(ctx context.Context, id MailboxID) (list []Grant, err error) {
	if err := e.settle(ctx); err != nil {
		return nil, err
	}
	err = e.s.view(ctx, func(r kv.Reader) error {
		list, err = readGrants(r, e.a.id, id)
		return err
	})
	return list, err
}

func readGrants(r kv.Reader, account kv.Part, id MailboxID) (list []Grant, err error) {
	lo := mailboxRow(keyRight, id)
	err = r.Scan(account, lo, after(lo), kv.ScanOptions{}, func(key, val []byte) error {
		if len(key) < 7 || len(val) != 2 {
			return errRow
		}
		list = append(list, Grant{Grantee(key[6:]), key[5] != 0, Rights(binary.BigEndian.Uint16(val))})
		return nil
	})
	return list, err
}

// unshare takes all rights to a mailbox away.
func (e *edit) unshare(ctx context.Context, id MailboxID) error {
	list, err := e.grants(ctx, id)
	for _, g := range list {
		g.Rights = 0
		e.setGrant(id, g)
	}
	return err
}

// Grants returns a mailbox's access control list without its owner.
func (a *Account) Grants(ctx context.Context, id MailboxID) (list []Grant, err error) {
	err = a.read(ctx, func(r kv.Reader) error {
		if _, err := readMailbox(r, a.id, id); err != nil {
			return err
		}
		list, err = readGrants(r, a.id, id)
		return err
	})
	return list, err
}

// Rights are what somebody who goes by these names may do with a mailbox.
func (a *Account) Rights(ctx context.Context, id MailboxID, who ...Grantee) (Rights, error) {
	list, err := a.Grants(ctx, id)
	return rightsOf(list, who), err
}

func rightsOf(list []Grant, who []Grantee) (have Rights) {
	var taken Rights
	for _, g := range list {
		switch {
		case !slices.Contains(who, g.To):
		case g.Negative:
			taken |= g.Rights
		default:
			have |= g.Rights
		}
	}
	return have &^ taken
}

// SharedMailbox is a mailbox of another account that somebody has rights to.
type SharedMailbox struct {
	Account kv.Part
	Mailbox Mailbox
	Rights  Rights
}

// SharedWith lists the mailboxes that are shared with somebody who goes by
// these names, in the order of accounts and mailbox ids.
func (s *Store) SharedWith(ctx context.Context, who ...Grantee) (list []SharedMailbox, err error) {
	err = s.view(ctx, func(r kv.Reader) error {
		found, err := readShared(r, who)
		for _, m := range found {
			grants, err := readGrants(r, m.Account, m.Mailbox.ID)
			if err != nil {
				return err
			}
			if m.Rights = rightsOf(grants, who); m.Rights == 0 {
				continue
			}
			if m.Mailbox, err = readMailbox(r, m.Account, m.Mailbox.ID); err != nil {
				return err
			}
			list = append(list, m)
		}
		return err
	})
	return list, err
}

// readShared finds account and id of each mailbox, each once and in order.
func readShared(r kv.Reader, who []Grantee) (found []SharedMailbox, err error) {
	for _, to := range who {
		lo := grantPrefix(to)
		err := r.Scan(kv.Accounts, lo, after(lo), kv.ScanOptions{}, func(key, _ []byte) error {
			k := key[len(lo):]
			if len(k) != 12 { // of another, if the name asked for is none
				return nil
			}
			m := SharedMailbox{Account: kv.Part(binary.BigEndian.Uint64(k))}
			m.Mailbox.ID = MailboxID(binary.BigEndian.Uint32(k[8:]))
			found = append(found, m)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(found, compareShared)
	return slices.CompactFunc(found, func(x, y SharedMailbox) bool { return compareShared(x, y) == 0 }), nil
}

func compareShared(x, y SharedMailbox) int {
	if x.Account != y.Account {
		return int(int64(x.Account) - int64(y.Account))
	}
	return int(int64(x.Mailbox.ID) - int64(y.Mailbox.ID))
}

// Forget takes away all that is shared with somebody who is no more.
func (s *Store) Forget(ctx context.Context, who Grantee) error {
	var found []SharedMailbox
	err := s.view(ctx, func(r kv.Reader) (err error) {
		found, err = readShared(r, []Grantee{who})
		return err
	})
	for _, m := range found {
		if err == nil {
			err = s.Account(m.Account).SetGrant(ctx, m.Mailbox.ID, Grant{To: who})
		}
	}
	return err
}
