package mail

import (
	"cmp"
	"context"
	"slices"

	"tem/internal/kv"
)

// The labels of a message are the other mailboxes that its email is in. To label
// it is to make or remove instances there.

// labelled is a message and the other mailboxes that its email is in.
type labelled struct {
	uid UID
	in  []MailboxID
}

// Labels calls fn for each of uids that exists, in order, with the mailboxes
// other than this one that hold an instance of its email, in the order of their
// ids. It may be called with the same list again, and must not change it. What
// it tells is of one snapshot, which is not held while fn runs.
func (a *Account) Labels(ctx context.Context, id MailboxID, uids []UID, fn func(uid UID, in []MailboxID) error) error {
	l := labelReader{account: a.id, id: id, uids: sorted(uids)}
	if err := a.read(ctx, l.read); err != nil {
		return err
	}
	slices.SortFunc(l.found, func(x, y labelled) int { return cmp.Compare(x.uid, y.uid) })
	for _, m := range l.found {
		if err := fn(m.uid, m.in); err != nil {
			return err
		}
	}
	return nil
}

// labelReader finds the labels of some messages.
type labelReader struct {
	account kv.Part
	id      MailboxID
	uids    []UID
	doomed  []Mailbox
	found   []labelled
	in      []MailboxID // memory of the lists in found
}

// labelsScan is how many emails of the account a scan passes over while one
// message's are looked up by its metadata.
const labelsScan = 16

// read goes over all emails of the account or, for few messages, looks for theirs.
func (l *labelReader) read(r kv.Reader) error {
	if _, err := readMailbox(r, l.account, l.id); err != nil {
		return err
	}
	st, err := readState(r, l.account)
	if err != nil {
		return err
	}
	if l.doomed, err = readDoomed(r, l.account); err != nil {
		return err
	}
	if int64(len(l.uids))*labelsScan > st.quota.Messages {
		return eachEmail(r, l.account, []byte{keyEmail}, []byte{keyEmail + 1}, l.add)
	}
	asked := make(map[EmailID]bool, len(l.uids))
	err = eachRow(r, keyMeta, l.account, l.id, l.uids, func(_ UID, row []byte) error {
		d := decoder{b: row}
		asked[EmailID(d.uint64())] = true
		return d.err
	})
	for email := range asked {
		if err == nil {
			err = eachEmail(r, l.account, emailPrefix(email), after(emailPrefix(email)), l.add)
		}
	}
	return err
}

// add notes what an email says of the messages that are asked for.
func (l *labelReader) add(_ EmailID, where []Instance) error {
	from, last := len(l.in), MailboxID(0)
	for _, i := range where {
		if i.Mailbox != l.id && i.Mailbox != last && !l.isDoomed(i.Mailbox) {
			l.in = append(l.in, i.Mailbox)
		}
		last = i.Mailbox
	}
	in := slices.Clip(l.in[from:])
	for _, i := range where {
		if i.Mailbox != l.id {
			continue
		}
		if _, asked := slices.BinarySearch(l.uids, i.UID); asked {
			l.found = append(l.found, labelled{i.UID, in})
		}
	}
	return nil
}

// isDoomed reports a mailbox that was deleted and is not empty yet.
func (l *labelReader) isDoomed(id MailboxID) bool {
	return slices.ContainsFunc(l.doomed, func(m Mailbox) bool { return m.ID == id })
}
