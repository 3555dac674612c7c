package imapserver

import (
	"context"
	"slices"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Store changes flags (RFC 9051 §6.4.6), of messages that did not change since
// some modseq if that is asked for (RFC 7162 §3.1.3).
func (t *turn) Store(ctx context.Context, c *imap.Store) error {
	if err := t.may(0); err != nil {
		return err
	}
	if c.Labels != nil {
		return t.storeLabels(ctx, c)
	}
	system, keywords, err := parseFlags(c.Flags)
	if err != nil {
		return err
	}
	if system, keywords, err = t.view.changeable(system, keywords); err != nil {
		return err
	}
	if c.UnchangedSince != nil {
		t.wantModSeq()
	}
	v := t.view
	picked, err := t.pick(c.Set, c.UID)
	if err != nil || len(picked) == 0 {
		return err
	}
	if v.vague && !c.Silent { // flags that stay as they are will be shown
		if err := t.upToDate(ctx); err != nil {
			return err
		}
	}
	op := flagOps[c.Op]
	changed, modified, err := v.store(ctx, c, v.uids(picked), op, system, keywords)
	if err != nil {
		return err
	}
	if err := t.learnKeywords(ctx, keywords, changed); err != nil {
		return err
	}
	v.believe(changed, op, system|v.keywordBits(keywords), c.Silent)
	t.tellStored(c, picked, changed, modified)
	before := v.modSeqs(modified)
	if err := t.missing(ctx, picked, c.UID); err != nil && err != errGone || len(modified) == 0 {
		return err
	} else if t.view != nil {
		return t.tellModified(c, modified, before, err)
	}
	return nil
}

// store changes what may be changed; modified are those that may not.
func (v *view) store(ctx context.Context, c *imap.Store, uids []mail.UID, op mail.FlagOp, system mail.Flags, keywords []string) (changed []mail.Item, modified []mail.UID, err error) {
	since := mail.ModSeq(0)
	if c.UnchangedSince != nil {
		if since = mail.ModSeq(*c.UnchangedSince); since == 0 { // RFC 7162 §3.1.3: flags always exist
			return nil, uids, nil
		}
	}
	return v.account.Change(ctx, v.box.ID, uids, mail.FlagChange{Op: op, System: system, Keywords: keywords, UnchangedSince: since, Keep: v.kept()})
}

// changeable leaves of flags those that may be changed. It fails if flags were
// named and none of them may be (RFC 4314 §4).
func (v *view) changeable(system mail.Flags, keywords []string) (mail.Flags, []string, error) {
	named := system != 0 || len(keywords) > 0
	system, keywords = v.allow(system, keywords)
	if v.rights&storing == 0 || named && system == 0 && len(keywords) == 0 {
		return 0, nil, errNoRight
	}
	return system, keywords, nil
}

// storing are the rights that STORE can make use of.
const storing = mail.RightSeen | mail.RightWrite | mail.RightDeleteMessage

// tellStored tells the flags that messages have now, or that they have a new
// modseq if that is all the client does not know.
func (t *turn) tellStored(c *imap.Store, picked []int, changed []mail.Item, modified []mail.UID) {
	if !c.Silent {
		isGone := t.view.goneAt()
		for _, i := range picked {
			if _, left := slices.BinarySearch(modified, t.view.items[i].UID); !left && !isGone(i) {
				t.sayItemFlags(i, c.UID)
			}
		}
		return
	}
	if !t.enabled.condstore {
		return
	}
	for _, item := range changed {
		if i, known := t.view.find(item.UID); known {
			t.sayItemModSeq(i, c.UID)
		}
	}
}

func (v *view) modSeqs(uids []mail.UID) []mail.ModSeq {
	list := make([]mail.ModSeq, len(uids))
	for n, uid := range uids {
		if i, known := v.find(uid); known {
			list[n] = v.items[i].ModSeq
		}
	}
	return list
}

// tellModified answers with the messages that were left alone, after telling
// what they are like: those whose modseq is as before were not told by sync.
func (t *turn) tellModified(c *imap.Store, modified []mail.UID, before []mail.ModSeq, failed error) error {
	var list []uint32
	isGone := t.view.goneAt()
	for n, uid := range modified {
		i, known := t.view.find(uid)
		if !known || isGone(i) {
			continue
		}
		if t.view.items[i].ModSeq == before[n] || !t.wants(imap.FlagChange) {
			t.sayItemFlags(i, c.UID)
		}
		if c.UID {
			list = append(list, uint32(uid))
		} else {
			list = append(list, uint32(i+1))
		}
	}
	if len(list) == 0 { // all are gone, and were told so
		return failed
	}
	code := string(imap.AppendNumbers([]byte("MODIFIED "), list))
	if failed != nil {
		return no(code, "some of these messages are gone, others have changed")
	}
	return ok(code, "what has changed was left alone")
}

// believe takes changed flags into the view. A silent change is believed to be
// only what was asked for: if another session changed more, sync finds the
// difference and tells of it (RFC 9051 §6.4.6).
func (v *view) believe(changed []mail.Item, op mail.FlagOp, asked mail.Flags, silent bool) {
	v.own()
	next := 0
	for _, item := range changed {
		i, known := v.findFrom(next, item.UID)
		next = i + 1
		switch {
		case !known:
		case silent && v.items[i].Flags == unknownFlags: // sync will tell
			v.items[i].ModSeq = item.ModSeq
		case silent:
			v.items[i].Flags, v.items[i].ModSeq = combine(op, v.items[i].Flags, asked, v.kept()), item.ModSeq
		default:
			v.items[i] = item
		}
	}
}

var flagOps = map[byte]mail.FlagOp{'+': mail.AddFlags, '-': mail.RemoveFlags, 0: mail.SetFlags}

// combine is what a change makes of flags, of which some are kept.
func combine(op mail.FlagOp, old, asked, kept mail.Flags) mail.Flags {
	switch op {
	case mail.AddFlags:
		return old | asked
	case mail.RemoveFlags:
		return old &^ asked
	}
	return asked&^kept | old&kept
}

// missing is the answer to a command by sequence numbers some of which belong
// to messages that another session has expunged (RFC 2180 §4.2.1, RFC 9051
// §7.1); UIDs that are gone are passed over (RFC 9051 §6.4.9).
func (t *turn) missing(ctx context.Context, picked []int, uid bool) error {
	err := t.sync(ctx, t.mayExpunge())
	if err != nil || uid || t.view == nil { // nil: the mailbox is gone too
		return err
	}
	isGone := t.view.goneAt()
	for _, i := range picked {
		if isGone(i) {
			return errGone
		}
	}
	return nil
}

var errGone = &reply{"NO", "EXPUNGEISSUED", "some of these messages are gone"}

// learnKeywords tells of keywords that are new to the mailbox, before a FETCH
// shows them: those that the command has used, and those that another session
// has given messages which it changed.
func (t *turn) learnKeywords(ctx context.Context, used []string, changed []mail.Item) error {
	v := t.view
	if len(used) == 0 && !slices.ContainsFunc(changed, v.hasUnknown) {
		return nil
	}
	box, err := v.account.MailboxByID(ctx, v.box.ID)
	if err != nil || len(box.Keywords) == len(v.box.Keywords) {
		return err
	}
	v.box.Keywords = box.Keywords
	t.sayFlags()
	return nil
}

// hasUnknown reports a message with keywords that the view has no names for.
func (v *view) hasUnknown(item mail.Item) bool {
	return item.Flags>>(mail.FirstKeyword+len(v.box.Keywords)) != 0
}
