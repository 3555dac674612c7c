package imapserver

import (
	"context"
	"slices"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// resync tells a client that opens a mailbox what it missed (RFC 7162 §3.2.5);
// nil: it did not ask. With another UIDVALIDITY it knows nothing of this mailbox.
func (t *turn) resync(ctx context.Context, q *imap.QResync) error {
	v := t.view
	if q == nil || q.UIDValidity != v.box.UIDValidity || mail.ModSeq(q.ModSeq) >= v.box.HighestModSeq {
		return nil
	}
	known := imap.Set{Ranges: []imap.Range{{From: 1, To: imap.Star}}}
	if q.Known != nil {
		known = *q.Known
	}
	if err := t.tellVanished(ctx, known, mail.ModSeq(q.ModSeq), v.matched(q)); err != nil {
		return err
	}
	picked, err := v.pick(known, true)
	if err != nil {
		return err
	}
	for _, i := range picked {
		if v.items[i].ModSeq > mail.ModSeq(q.ModSeq) {
			t.sayItemFlags(i, true)
		}
	}
	return nil
}

// matched is the largest UID that the client has at the sequence number where
// we have it: it knows of all that is gone up to there (RFC 7162 §3.2.5.2).
func (v *view) matched(q *imap.QResync) (last mail.UID) {
	if q.Seqs == nil || q.UIDs == nil {
		return 0
	}
	uids := numbers(q.UIDs, len(v.items))
	for n, seq := range numbers(q.Seqs, len(v.items)) {
		if n >= len(uids) || int(seq) > len(v.items) || v.items[seq-1].UID != mail.UID(uids[n]) {
			break
		}
		last = mail.UID(uids[n])
	}
	return last
}

// numbers are those of a set without *, at most so many.
func numbers(set *imap.Set, most int) (list []uint32) {
	for _, r := range set.Ranges {
		for n := uint64(r.From); n <= uint64(r.To) && len(list) < most; n++ {
			list = append(list, uint32(n))
		}
	}
	return list
}

// tellVanished says which messages of a set are gone since a modseq, of those
// above a UID (RFC 7162 §3.2.6). What the client still has in its numbering is
// left for sync, whose VANISHED takes it out.
func (t *turn) tellVanished(ctx context.Context, set imap.Set, since mail.ModSeq, above mail.UID) error {
	v := t.view
	d, err := v.account.Changes(ctx, v.box.ID, since)
	if err != nil || d.Deleted {
		return err
	}
	var gone []mail.UIDRange
	for _, want := range uidSet(set, v.box.UIDNext-1) {
		want.From = max(want.From, above+1)
		gone = v.appendGone(gone, d.Gone, want)
	}
	if len(gone) == 0 {
		return nil
	}
	return t.line(appendRanges([]byte("* VANISHED (EARLIER) "), gone))
}

// uidSet is a set of UIDs in order; last is what * means.
func uidSet(set imap.Set, last mail.UID) mail.UIDs {
	var uids mail.UIDs
	for _, r := range set.Ranges {
		r = r.Resolve(uint32(last))
		uids = append(uids, mail.UIDRange{From: mail.UID(r.From), To: mail.UID(r.To)})
	}
	return uids.Joined()
}

// appendGone adds what lies in want of the ranges gone, without what the view has.
func (v *view) appendGone(dst, gone []mail.UIDRange, want mail.UIDRange) []mail.UIDRange {
	at, _ := slices.BinarySearchFunc(gone, want.From, func(r mail.UIDRange, from mail.UID) int { return int(int64(r.To) - int64(from)) })
	for _, r := range gone[at:] {
		from, to := max(r.From, want.From), min(r.To, want.To)
		if from > to {
			break
		}
		for i, _ := v.find(from); i < len(v.items) && v.items[i].UID <= to; i++ {
			if has := v.items[i].UID; has > from {
				dst = append(dst, mail.UIDRange{From: from, To: has - 1})
			}
			from = v.items[i].UID + 1
		}
		if from <= to {
			dst = append(dst, mail.UIDRange{From: from, To: to})
		}
	}
	return dst
}

func appendRanges(dst []byte, list []mail.UIDRange) []byte {
	for i, r := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst = appendUint(dst, uint64(r.From)); r.To > r.From {
			dst = appendUint(append(dst, ':'), uint64(r.To))
		}
	}
	return dst
}
