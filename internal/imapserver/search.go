package imapserver

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Search answers SEARCH (RFC 3501 §6.4.4) and its RETURN form (RFC 4731).
func (t *turn) Search(ctx context.Context, c *imap.Search) error {
	want := c.Return
	if want == nil && t.enabled.rev2 { // RFC 9051 §6.4.4
		want = &imap.Return{All: true}
	}
	save := want != nil && want.Save
	uids, err := t.found(ctx, c)
	if err != nil {
		if save && !isBad(err) {
			t.view.saved = nil
		}
		return err
	}
	if save {
		t.view.save(want, uids)
	}
	if found := t.numbers(uids, c.UID); want == nil {
		return t.saySearch(found)
	} else if !save || want.Min || want.Max || want.Count || want.All {
		return t.sayESearch(c.UID, want, found)
	}
	return nil
}

// found are the messages that match, of those the client knows.
func (t *turn) found(ctx context.Context, c *imap.Search) ([]mail.UID, error) {
	if c.Charset != "" && c.Charset != "UTF-8" && c.Charset != "US-ASCII" {
		return nil, no("BADCHARSET (US-ASCII UTF-8)", "charset not supported")
	}
	q, err := t.query(&c.Key)
	if err != nil {
		return nil, err
	}
	uids, err := t.view.account.Search(ctx, t.view.box.ID, q)
	return slices.DeleteFunc(uids, func(uid mail.UID) bool {
		_, known := t.view.find(uid)
		return !known
	}), err
}

// numbers are the UIDs themselves, or the sequence numbers they have.
func (t *turn) numbers(uids []mail.UID, uid bool) []uint32 {
	found := make([]uint32, len(uids))
	for i, u := range uids {
		if found[i] = uint32(u); !uid {
			at, _ := t.view.find(u)
			found[i] = uint32(at + 1)
		}
	}
	return found
}

// save keeps what $ will stand for (RFC 9051 §6.4.4.1): all that was found,
// unless only its ends were asked for.
func (v *view) save(want *imap.Return, found []mail.UID) {
	v.saved = found
	if want.All || want.Count || len(found) == 0 || !want.Min && !want.Max {
		return
	}
	v.saved = nil
	if want.Min {
		v.saved = append(v.saved, found[0])
	}
	if want.Max {
		v.saved = append(v.saved, found[len(found)-1])
	}
}

func (t *turn) saySearch(found []uint32) error {
	out := []byte("* SEARCH")
	for _, n := range found {
		out = appendUint(append(out, ' '), uint64(n))
	}
	return t.line(out)
}

// sayESearch writes an ESEARCH response (RFC 9051 §7.3.4).
func (t *turn) sayESearch(uid bool, want *imap.Return, found []uint32) error {
	out := imap.AppendCorrelator([]byte("* ESEARCH "), imap.Correlator{Tag: t.cmd.Tag}, t.r.UTF8)
	if uid {
		out = append(out, " UID"...)
	}
	n := len(found)
	if want.Min && n > 0 {
		out = fmt.Appendf(out, " MIN %d", found[0])
	}
	if want.Max && n > 0 {
		out = fmt.Appendf(out, " MAX %d", found[n-1])
	}
	if want.Count {
		out = fmt.Appendf(out, " COUNT %d", n)
	}
	if want.All && n > 0 {
		out = imap.AppendNumbers(append(out, " ALL "...), found)
	}
	return t.line(out)
}

// query turns search keys into the store's; sequence numbers become UIDs.
func (t *turn) query(k *imap.Key) (mail.Query, error) {
	if !utf8.ValidString(k.Text) {
		return nil, no("BADCHARSET (US-ASCII UTF-8)", "the text is not UTF-8")
	}
	switch k.Op {
	case imap.And, imap.OrOp, imap.NotOp:
		return t.compound(k)
	case imap.Numbered, imap.UIDSet:
		return t.uidQuery(k)
	case imap.Recent:
		return mail.UIDs(t.view.recent), nil
	case imap.HasFlag:
		system, keywords, err := parseFlags([]string{k.Text})
		if err != nil || system != 0 {
			return mail.HasFlag(system), err
		}
		if len(keywords) == 0 {
			return mail.Not{Q: mail.All{}}, nil
		}
		return mail.Keyword(keywords[0]), nil
	case imap.Larger:
		return mail.Larger(k.N), nil
	case imap.Smaller:
		return mail.Smaller(k.N), nil
	case imap.Before:
		return mail.Before{T: k.Date}, nil
	case imap.On:
		return mail.On{T: k.Date}, nil
	case imap.Since:
		return mail.Since{T: k.Date}, nil
	case imap.SentBefore:
		return mail.SentBefore{T: k.Date}, nil
	case imap.SentOn:
		return mail.SentOn{T: k.Date}, nil
	case imap.SentSince:
		return mail.SentSince{T: k.Date}, nil
	case imap.Header:
		return mail.Field{Name: k.Field, Value: k.Text}, nil
	case imap.BodyText:
		return mail.BodyText(k.Text), nil
	}
	return mail.AnyText(k.Text), nil
}

func (t *turn) compound(k *imap.Key) (mail.Query, error) {
	qs := make([]mail.Query, len(k.Keys))
	for i := range k.Keys {
		q, err := t.query(&k.Keys[i])
		if err != nil {
			return nil, err
		}
		qs[i] = q
	}
	switch {
	case k.Op == imap.NotOp:
		return mail.Not{Q: qs[0]}, nil
	case k.Op == imap.OrOp:
		return mail.Or{qs[0], qs[1]}, nil
	case len(qs) == 0:
		return mail.All{}, nil
	case len(qs) == 1:
		return qs[0], nil
	}
	return mail.And(qs), nil
}

func (t *turn) uidQuery(k *imap.Key) (mail.Query, error) {
	picked, err := t.view.pick(k.Set, k.Op == imap.UIDSet)
	if err != nil {
		return nil, err
	}
	ranges := mail.UIDs{}
	for _, uid := range t.view.uids(slices.Compact(picked)) {
		if n := len(ranges); n > 0 && ranges[n-1].To+1 == uid {
			ranges[n-1].To = uid
		} else {
			ranges = append(ranges, mail.UIDRange{From: uid, To: uid})
		}
	}
	return ranges, nil
}
