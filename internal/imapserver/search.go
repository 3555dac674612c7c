package imapserver

import (
	"context"
	"fmt"
	"slices"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// search is SEARCH, or SORT, which is the same with an order.
type search struct {
	verb    string
	uid     bool
	want    *imap.Return // nil: not an ESEARCH response but one named verb
	charset string
	key     *imap.Key
	by      []imap.SortKey // nil: the order of the mailbox
	many    bool           // of one mailbox among several: progress is that of all
}

// result is what was found: indexes in a view, in the order asked for.
type result struct {
	v      *view
	at     []int
	modseq bool     // the highest is to be told
	scores []uint32 // by index; nil: not asked for
}

// Search answers SEARCH (RFC 3501 §6.4.4) and its RETURN form (RFC 4731).
func (t *turn) Search(ctx context.Context, c *imap.Search) error {
	if c.Charset != "" && t.enabled.utf8 { // RFC 6855 §3
		return bad("no CHARSET after ENABLE UTF8=ACCEPT: texts are UTF-8")
	}
	want := c.Return
	if want == nil && t.enabled.rev2 { // RFC 9051 §6.4.4
		want = &imap.Return{All: true}
	}
	return t.look(ctx, search{verb: "SEARCH", uid: c.UID, want: want, charset: c.Charset, key: &c.Key})
}

// look runs a search in the selected mailbox and answers it.
func (t *turn) look(ctx context.Context, s search) error {
	if s.want != nil && s.want.Update && t.view.updates(t.cmd.Tag) {
		return bad("the tag is that of a search that is still updated") // RFC 5267 §4.3
	}
	f, r, err := t.found(ctx, t.view, s)
	if err != nil {
		if s.want != nil && s.want.Save && !isBad(err) && t.view != nil {
			t.view.saved = nil
		}
		return err
	}
	if s.want == nil {
		return t.sayFound(s, r)
	}
	if s.want.Save {
		t.view.save(s.want, r.at)
	}
	to := imap.Correlator{Tag: t.cmd.Tag}
	if !onlySaves(s.want) {
		t.sayESearch(to, s.uid, s.want, r)
	}
	if s.want.Update {
		return t.keepUpdated(to, s, f, r)
	}
	return nil
}

// onlySaves: RETURN (SAVE) alone has no answer but the tagged one (RFC 5182 §2.1).
func onlySaves(r *imap.Return) bool {
	return r.Save && !(r.Min || r.Max || r.All || r.Count || r.Partial != nil || r.Relevancy || r.Context || r.Update)
}

// found does what is to be answered, in one mailbox.
func (t *turn) found(ctx context.Context, v *view, s search) (*finder, result, error) {
	f, err := t.newFinder(ctx, v, s.charset, s.key)
	if err != nil {
		return nil, result{}, err
	}
	if s.many {
		f.tell = nil
	}
	f.whole = s.by != nil || s.many || v != t.view
	scored := s.want != nil && s.want.Relevancy || byRelevancy(s.by)
	if scored && !f.fuzzy { // RFC 6203 §4, §6
		return nil, result{}, bad("RELEVANCY goes with FUZZY only")
	}
	r := result{v: f.v, modseq: f.modseq}
	if r.at, err = f.find(ctx); err != nil {
		return nil, r, err
	}
	if scored {
		if r.scores, err = f.score(ctx, r.at); err != nil {
			return nil, r, err
		}
	}
	if s.by != nil {
		err = r.sort(ctx, s.by)
	}
	return f, r, err
}

// numbers are the UIDs of indexes, or the sequence numbers.
func (v *view) numbers(at []int, uid bool) []uint32 {
	found := make([]uint32, len(at))
	for n, i := range at {
		if found[n] = uint32(i + 1); uid {
			found[n] = uint32(v.items[i].UID)
		}
	}
	return found
}

// chosen are those of what was found that the answer names, and that $ will
// stand for: all, unless only its ends or a page of it were asked for (RFC 9394 §3.2).
func chosen(want *imap.Return, at []int) []int {
	if want.All || want.Count || len(at) == 0 || !want.Min && !want.Max && want.Partial == nil {
		return at
	}
	var some []int
	if want.Min {
		some = append(some, at[0])
	}
	if want.Max {
		some = append(some, at[len(at)-1])
	}
	if want.Partial != nil {
		some = append(some, page(want, at)...)
	}
	return some
}

func page(want *imap.Return, at []int) []int {
	from, to := want.Partial.Of(len(at))
	return at[from:to]
}

// save keeps what $ will stand for (RFC 9051 §6.4.4.1).
func (v *view) save(want *imap.Return, at []int) {
	v.saved = v.ranges(slices.Compact(slices.Sorted(slices.Values(chosen(want, at)))))
}

// highest is the highest modseq among messages.
func (v *view) highest(at []int) (high mail.ModSeq) {
	for _, i := range at {
		high = max(high, v.items[i].ModSeq)
	}
	return high
}

// sayFound writes a SEARCH or SORT response (RFC 3501 §7.2.5, RFC 5256 §4).
func (t *turn) sayFound(s search, r result) error {
	out := append(make([]byte, 0, 16+8*len(r.at)), "* "+s.verb...)
	for _, n := range r.v.numbers(r.at, s.uid) {
		out = appendUint(append(out, ' '), uint64(n))
	}
	if r.modseq && len(r.at) > 0 { // RFC 7162 §3.1.6, §3.1.9
		out = fmt.Appendf(out, " (MODSEQ %d)", r.v.highest(r.at))
	}
	return t.line(out)
}

// sayESearch writes an ESEARCH response (RFC 9051 §7.3.4).
func (t *turn) sayESearch(to imap.Correlator, uid bool, want *imap.Return, r result) error {
	out := t.appendESearch(to, uid)
	n := len(r.at)
	if want.Min && n > 0 {
		out = fmt.Appendf(out, " MIN %d", r.v.numbers(r.at[:1], uid)[0])
	}
	if want.Max && n > 0 {
		out = fmt.Appendf(out, " MAX %d", r.v.numbers(r.at[n-1:], uid)[0])
	}
	if want.Count {
		out = fmt.Appendf(out, " COUNT %d", n)
	}
	listed := r.at
	switch {
	case want.Partial != nil:
		listed = page(want, r.at)
		out = imap.AppendPartial(append(out, ' '), *want.Partial, r.v.numbers(listed, uid))
	case want.All && n > 0:
		out = imap.AppendNumbers(append(out, " ALL "...), r.v.numbers(listed, uid))
	}
	if r.modseq && n > 0 { // RFC 4731 §3.2
		out = fmt.Appendf(out, " MODSEQ %d", r.v.highest(chosen(want, r.at)))
	}
	if want.Relevancy {
		out = appendScores(out, listed, r.scores)
	}
	return t.line(out)
}

// appendESearch begins an ESEARCH response.
func (s *session) appendESearch(to imap.Correlator, uid bool) []byte {
	out := imap.AppendCorrelator([]byte("* ESEARCH "), to, s.r.UTF8)
	if uid {
		out = append(out, " UID"...)
	}
	return out
}

// appendScores writes the score of each message that is listed (RFC 6203 §7 score-list).
func appendScores(dst []byte, at []int, scores []uint32) []byte {
	dst = append(dst, " RELEVANCY ("...)
	for n, i := range at {
		if n > 0 {
			dst = append(dst, ' ')
		}
		dst = appendUint(dst, uint64(scores[i]))
	}
	return append(dst, ')')
}
