package imapserver

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// search answers SEARCH (RFC 3501 §6.4.4) and its RETURN form (RFC 4731).
func (s *session) search(ctx context.Context, c *imap.Search) error {
	if c.Charset != "" && c.Charset != "UTF-8" && c.Charset != "US-ASCII" {
		return no("BADCHARSET (US-ASCII UTF-8)", "charset not supported")
	}
	q, err := s.query(&c.Key)
	if err != nil {
		return err
	}
	uids, err := s.account.Search(ctx, s.view.box.ID, q)
	if err != nil {
		return err
	}
	var found []uint32
	for _, uid := range uids {
		if i, known := s.view.find(uid); known && c.UID {
			found = append(found, uint32(uid))
		} else if known {
			found = append(found, uint32(i+1))
		}
	}
	if c.Return != nil {
		return s.sayESearch(c, found)
	}
	out := []byte("* SEARCH")
	for _, n := range found {
		out = appendUint(append(out, ' '), uint64(n))
	}
	return s.c.WriteLineBytes(out)
}

// sayESearch writes an ESEARCH response (RFC 9051 §7.3.4).
func (s *session) sayESearch(c *imap.Search, found []uint32) error {
	out := imap.AppendString([]byte("* ESEARCH (TAG "), s.tag)
	out = append(out, ')')
	if c.UID {
		out = append(out, " UID"...)
	}
	want := c.Return
	if len(want) == 0 {
		want = []string{"ALL"}
	}
	for _, item := range want {
		switch {
		case item == "COUNT":
			out = fmt.Appendf(out, " COUNT %d", len(found))
		case item != "MIN" && item != "MAX" && item != "ALL":
			return bad("unknown RETURN option")
		case len(found) == 0:
		case item == "MIN":
			out = fmt.Appendf(out, " MIN %d", found[0])
		case item == "MAX":
			out = fmt.Appendf(out, " MAX %d", found[len(found)-1])
		default:
			out = imap.AppendNumbers(append(out, " ALL "...), found)
		}
	}
	return s.c.WriteLineBytes(out)
}

// query turns search keys into the store's; sequence numbers become UIDs.
func (s *session) query(k *imap.Key) (mail.Query, error) {
	if !utf8.ValidString(k.Text) {
		return nil, no("BADCHARSET (US-ASCII UTF-8)", "the text is not UTF-8")
	}
	switch k.Op {
	case imap.And, imap.OrOp, imap.NotOp:
		return s.compound(k)
	case imap.Numbered, imap.UIDSet:
		return s.uidQuery(k)
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

func (s *session) compound(k *imap.Key) (mail.Query, error) {
	qs := make([]mail.Query, len(k.Keys))
	for i := range k.Keys {
		q, err := s.query(&k.Keys[i])
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

func (s *session) uidQuery(k *imap.Key) (mail.Query, error) {
	picked, err := s.view.pick(k.Set, k.Op == imap.UIDSet)
	if err != nil {
		return nil, err
	}
	ranges := mail.UIDs{}
	for _, uid := range s.view.uids(slices.Compact(picked)) {
		if n := len(ranges); n > 0 && ranges[n-1].To+1 == uid {
			ranges[n-1].To = uid
		} else {
			ranges = append(ranges, mail.UIDRange{From: uid, To: uid})
		}
	}
	return ranges, nil
}
