package imapserver

import (
	"cmp"
	"context"
	"slices"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// The bounds of searches that are kept up to date in one session (RFC 5267 §4.3.1).
const (
	maxUpdates       = 8
	maxUpdated       = 100_000 // results of one
	maxUpdatedSorted = 20_000  // of one that is sorted: what comes to it costs a look at all
)

// updated is a search that is kept up to date (RFC 5267 §4.3): after a change the
// messages that changed are looked for again, and what came or went is told.
// Numbers, $ and times in its keys mean what they meant when it was asked for.
type updated struct {
	to    imap.Correlator
	uid   bool
	query mail.Query
	by    []mail.SortKey // nil: the order of the mailbox
	found []mail.UID     // in that order
	show  []imap.Item    // what to fetch of a new message that comes to it (RFC 5465 §7)
}

// updates reports whether a search with that tag is kept up to date.
func (v *view) updates(tag string) bool {
	return slices.ContainsFunc(v.updated, func(u *updated) bool { return u.to.Tag == tag })
}

// keepUpdated keeps a search that was answered up to date, or says that it won't.
func (t *turn) keepUpdated(to imap.Correlator, s search, f *finder, r result) error {
	v := t.view
	most := maxUpdated
	if s.by != nil {
		most = maxUpdatedSorted
	}
	if len(v.updated) >= maxUpdates || len(r.at) > most || byRelevancy(s.by) {
		return t.noUpdate("too many searches, or too much found, to be kept up to date")
	}
	v.updated = append(v.updated, &updated{to, s.uid, f.asked, storeKeys(s.by), v.uids(r.at), peeking(s.want.UpdateItems)})
	return nil
}

func (t *turn) noUpdate(why string) error {
	code := imap.AppendString([]byte("NOUPDATE "), t.cmd.Tag)
	return t.say("* NO [%s] %s", code, why)
}

// CancelUpdate ends the updates of searches (RFC 5267 §4.3.5).
func (t *turn) CancelUpdate(_ context.Context, c *imap.CancelUpdate) error {
	if t.view != nil {
		t.view.updated = slices.DeleteFunc(t.view.updated, func(u *updated) bool { return slices.Contains(c.Tags, u.to.Tag) })
	}
	return nil
}

// updateGone tells of results that were expunged, before their numbers go
// (RFC 5267 §4.3.4).
func (s *session) updateGone(gone []mail.UIDRange) {
	for _, u := range s.view.updated {
		s.remove(u, mail.UIDs(gone).Contain)
	}
}

// updateChanged tells what became of messages that came or changed, after the
// client has been told of them (RFC 5267 §4.3.3).
func (s *session) updateChanged(ctx context.Context, changed []mail.Item, n *newcomers) error {
	if len(changed) == 0 {
		return nil
	}
	for _, u := range s.view.updated {
		if err := s.refresh(ctx, u, changed, n); err != nil {
			return err
		}
	}
	return nil
}

// refresh looks again for what changed.
func (s *session) refresh(ctx context.Context, u *updated, changed []mail.Item, n *newcomers) error {
	fit, err := s.view.fitting(ctx, u.query, changed)
	if err != nil {
		return err
	}
	s.remove(u, func(uid mail.UID) bool {
		_, is := slices.BinarySearchFunc(changed, uid, func(i mail.Item, uid mail.UID) int { return cmp.Compare(i.UID, uid) })
		_, fits := slices.BinarySearch(fit, uid)
		return is && !fits
	})
	known := u.found
	if u.by != nil {
		known = slices.Sorted(slices.Values(u.found))
	}
	came := slices.DeleteFunc(fit, func(uid mail.UID) bool {
		_, is := slices.BinarySearch(known, uid)
		_, told := s.view.find(uid)
		return is || !told
	})
	if err := s.showFound(ctx, u.show, n, came); err != nil { // RFC 5465 §7: before ADDTO
		return err
	}
	return s.add(ctx, u, came)
}

// fitting are those of items that match, in order.
func (v *view) fitting(ctx context.Context, q mail.Query, items []mail.Item) (fit []mail.UID, err error) {
	at, decided, err := v.box.Decide(ctx, items, q)
	if err != nil {
		return nil, err
	}
	if decided {
		for _, i := range at {
			fit = append(fit, items[i].UID)
		}
		return fit, nil
	}
	among := mail.UIDs{}
	for _, item := range items {
		among = appendRange(among, item.UID)
	}
	return v.account.Search(ctx, v.box.ID, mail.And{among, q})
}

// remove takes results out and tells so. In a list that is sorted those with the
// greatest positions go first, so that no position moves before it is used.
func (s *session) remove(u *updated, goes func(mail.UID) bool) {
	var at []int
	for i, uid := range u.found {
		if goes(uid) {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return
	}
	placed := s.placed(u, at)
	slices.Reverse(placed)
	s.sayPlaced(u, "REMOVEFROM", placed)
	u.found = slices.DeleteFunc(u.found, goes)
}

// add puts results that came where they belong and tells so.
func (s *session) add(ctx context.Context, u *updated, came []mail.UID) error {
	if len(came) == 0 {
		return nil
	}
	if u.by == nil {
		u.found = append(u.found, came...)
		slices.Sort(u.found)
	} else if err := s.view.merge(ctx, u, came); err != nil {
		return err
	}
	var at []int
	for i, uid := range u.found {
		if _, is := slices.BinarySearch(came, uid); is {
			at = append(at, i)
		}
	}
	s.sayPlaced(u, "ADDTO", s.placed(u, at))
	return nil
}

// merge puts what came among the sorted results. Those that have gone and are
// not told of yet stay where they are.
func (v *view) merge(ctx context.Context, u *updated, came []mail.UID) error {
	sorted, err := v.account.Sort(ctx, v.box.ID, append(slices.Clone(u.found), came...), u.by)
	if err != nil {
		return err
	}
	there := make(map[mail.UID]bool, len(sorted))
	for _, uid := range sorted {
		there[uid] = true
	}
	merged := make([]mail.UID, 0, len(u.found)+len(came))
	for _, uid := range u.found {
		for there[uid] {
			next := sorted[0]
			merged, sorted = append(merged, next), sorted[1:]
			if next == uid {
				break
			}
		}
		if !there[uid] {
			merged = append(merged, uid)
		}
	}
	u.found = append(merged, sorted...)
	return nil
}

// placed are the results at some indexes, which ascend, as the client is told
// of them: with position 0 if they are in the order of the mailbox
// (RFC 5267 §4.3.3), else by runs.
func (s *session) placed(u *updated, at []int) (list []imap.Placed) {
	for n, i := range at {
		last := len(list) - 1
		if n == 0 || u.by != nil && at[n-1]+1 != i {
			list = append(list, imap.Placed{})
			if last++; u.by != nil {
				list[last].Position = uint32(i + 1)
			}
		}
		number := uint32(u.found[i])
		if !s.byUID(u) {
			index, _ := s.view.find(u.found[i])
			number = uint32(index + 1)
		}
		list[last].Numbers = append(list[last].Numbers, number)
	}
	return list
}

func (s *session) sayPlaced(u *updated, name string, placed []imap.Placed) {
	out := append(s.appendESearch(u.to, s.byUID(u)), ' ')
	s.line(imap.AppendPlaced(out, name, placed))
}

// byUID: after ENABLE UIDONLY there are no other numbers (RFC 9586 §3).
func (s *session) byUID(u *updated) bool { return u.uid || s.enabled.uidOnly }
