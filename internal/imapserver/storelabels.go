package imapserver

import (
	"context"
	"slices"

	"tem/internal/gmail"
	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// labelling is what a STORE X-GM-LABELS asks for.
type labelling struct {
	op       mail.FlagOp
	silent   bool
	flags    mail.Flags // \Starred
	keywords []string   // \Important
	in       []mail.MailboxID
	bin      mail.MailboxID // \Trash or \Spam, if they are to go there; else 0
}

// storeLabels answers STORE X-GM-LABELS. The label of the selected mailbox is
// left alone, as at Gmail, so that no email is lost with its last label. Labels
// have no modseq: UNCHANGEDSINCE looks at that of the message's flags.
func (t *turn) storeLabels(ctx context.Context, c *imap.Store) error {
	v := t.view
	if v.rights&mail.RightWrite == 0 {
		return errNoRight
	}
	if c.UnchangedSince != nil {
		t.wantModSeq()
	}
	if c.UnchangedSince != nil || v.vague { // labels tell of flags
		if err := t.upToDate(ctx); err != nil {
			return err
		}
	}
	picked, err := t.pick(c.Set, c.UID)
	if err != nil || len(picked) == 0 {
		return err
	}
	l, err := t.labelling(ctx, c)
	if err != nil {
		return err
	}
	picked, modified := v.unchanged(picked, c.UnchangedSince)
	if err := t.label(ctx, l, c.UID, v.uids(picked)); err != nil {
		return err
	}
	before := v.modSeqs(modified)
	err = t.tellLabels(ctx, l, c.UID, picked)
	if err != nil && err != errGone || len(modified) == 0 || t.view == nil {
		return err
	}
	return t.tellModified(c, modified, before, err)
}

// unchanged sorts out the messages that have changed since, if that matters.
func (v *view) unchanged(picked []int, since *uint64) (left []int, modified []mail.UID) {
	for _, i := range picked {
		if since != nil && uint64(v.items[i].ModSeq) > *since {
			modified = append(modified, v.items[i].UID)
		} else {
			left = append(left, i)
		}
	}
	return left, modified
}

// labelling looks the labels up. Those that don't exist are made if messages are
// to have them, after all have been found to make sense.
func (t *turn) labelling(ctx context.Context, c *imap.Store) (*labelling, error) {
	boxes, err := t.labelBoxes(ctx, &t.view.place)
	if err != nil {
		return nil, err
	}
	l := &labelling{op: flagOps[c.Op], silent: c.Silent}
	var missing []string
	for _, name := range c.Labels {
		if err := l.want(boxes, name, t.view); err == nil {
			continue
		} else if l.op == mail.RemoveFlags { // it is on no message
			continue
		} else if err != errNoLabel {
			return nil, err
		}
		missing = append(missing, name)
	}
	if len(missing) > 0 && t.view.owner != t.person.ID {
		return nil, errNoRight
	}
	for _, name := range missing {
		id, err := t.makeLabel(ctx, name)
		if err != nil {
			return nil, err
		}
		l.in = append(l.in, id)
	}
	return l, nil
}

var errNoLabel = no("NONEXISTENT", "there is no such label")

// want adds a label; errNoLabel: it can be made.
func (l *labelling) want(boxes []mail.Mailbox, name string, v *view) error {
	found, known := gmail.Find(boxes, name)
	switch {
	case !known && gmail.IsSystem(name):
		return no("CANNOT", "there is no label %s", name)
	case !known:
		if err := mail.CheckName(name); err != nil {
			return err
		}
		return errNoLabel
	case found.Keyword != "":
		l.keywords = []string{found.Keyword}
	case found.Flag != 0:
		l.flags |= found.Flag
	case found.Mailbox != v.box.ID:
		l.in = append(l.in, found.Mailbox)
		if i := slices.IndexFunc(boxes, func(m mail.Mailbox) bool { return m.ID == found.Mailbox }); l.op != mail.RemoveFlags && isBin(&boxes[i]) {
			l.bin = found.Mailbox
		}
	}
	return nil
}

// isBin reports a mailbox of which Gmail takes away all other labels.
func isBin(m *mail.Mailbox) bool { return m.SpecialUse == `\Trash` || m.SpecialUse == `\Junk` }

// makeLabel makes a mailbox, unless somebody else just did.
func (t *turn) makeLabel(ctx context.Context, name string) (mail.MailboxID, error) {
	if isOthers(name) {
		return 0, errNowhere
	}
	made, err := t.view.account.Create(ctx, name, "")
	if isKind(err, mail.Exists) {
		made, err = t.view.account.Mailbox(ctx, name)
	}
	return made.ID, err
}

// label does what is asked for: the marks first, for other mailboxes get the
// message as it is.
func (t *turn) label(ctx context.Context, l *labelling, uid bool, uids []mail.UID) error {
	if err := t.storeMarks(ctx, l, uid, uids); err != nil {
		return err
	}
	v := t.view
	if v.owner != t.person.ID || len(l.in) == 0 && l.op != mail.SetFlags {
		return nil
	}
	if l.bin == 0 {
		_, err := v.account.Label(ctx, v.box.ID, uids, l.op, l.in)
		return err
	}
	if _, err := v.account.Label(ctx, v.box.ID, uids, mail.SetFlags, []mail.MailboxID{l.bin}); err != nil {
		return err
	}
	_, err := v.account.Remove(ctx, v.box.ID, uids)
	return err
}

// storeMarks sets and takes away \Flagged and $Important.
func (t *turn) storeMarks(ctx context.Context, l *labelling, uid bool, uids []mail.UID) error {
	if l.op == mail.RemoveFlags {
		return t.mark(ctx, l, uid, uids, mail.RemoveFlags, l.flags, l.keywords)
	}
	err := t.mark(ctx, l, uid, uids, mail.AddFlags, l.flags, l.keywords)
	if err != nil || l.op != mail.SetFlags {
		return err
	}
	var others []string
	if len(l.keywords) == 0 {
		others = []string{gmail.Important}
	}
	return t.mark(ctx, l, uid, uids, mail.RemoveFlags, mail.Flagged&^l.flags, others)
}

func (t *turn) mark(ctx context.Context, l *labelling, uid bool, uids []mail.UID, op mail.FlagOp, flags mail.Flags, keywords []string) error {
	if flags == 0 && len(keywords) == 0 {
		return nil
	}
	v := t.view
	changed, _, err := v.account.Store(ctx, v.box.ID, uids, op, flags, keywords, 0)
	if err != nil {
		return err
	}
	if err := t.learnKeywords(ctx, keywords, changed); err != nil {
		return err
	}
	v.believe(changed, op, flags|v.keywordBits(keywords), l.silent)
	for _, item := range changed {
		i, known := v.find(item.UID)
		switch {
		case !known:
		case !l.silent:
			t.sayItemFlags(i, uid)
		case t.enabled.condstore:
			t.sayItemModSeq(i, uid)
		}
	}
	return nil
}

// tellLabels tells the labels that messages have now, unless they were to leave,
// and returns errGone if others have made some leave.
func (t *turn) tellLabels(ctx context.Context, l *labelling, uid bool, picked []int) error {
	if l.bin != 0 {
		return nil
	}
	if l.silent {
		return t.missing(ctx, picked, uid)
	}
	items := []imap.Item{{Kind: imap.ItemGmailLabels, Label: "X-GM-LABELS"}}
	if t.enabled.condstore {
		items = append(items, imap.Item{Kind: imap.ItemModSeq, Label: "MODSEQ"})
	}
	return newFetcher(t, &imap.Fetch{UID: uid, Items: items}).all(ctx, picked)
}
