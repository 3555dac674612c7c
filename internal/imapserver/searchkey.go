package imapserver

import (
	"math"
	"time"
	"unicode/utf8"

	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/wire/imap"
)

// charsets are what BADCHARSET names; there are more (message.DecodeCharset).
const charsets = "BADCHARSET (US-ASCII UTF-8 ISO-8859-1 ISO-8859-2 ISO-8859-15 WINDOWS-1250 WINDOWS-1251 WINDOWS-1252" +
	" WINDOWS-1258 KOI8-R KOI8-U GB18030 BIG5 EUC-JP ISO-2022-JP SHIFT_JIS EUC-KR)"

// text is a key's text in UTF-8.
func (f *finder) text(octets string) (string, error) {
	text, known := message.DecodeCharset(f.charset, octets)
	switch {
	case !known:
		return "", no(charsets, "charset not supported")
	case !utf8.ValidString(text):
		return "", no(charsets, "the text is not UTF-8")
	}
	return text, nil
}

// query turns search keys into the store's; sequence numbers become UIDs.
func (f *finder) query(k *imap.Key) (mail.Query, error) {
	switch k.Op {
	case imap.And, imap.OrOp, imap.NotOp:
		return f.compound(k)
	case imap.Fuzzy:
		return f.fuzzily(k)
	case imap.Numbered, imap.UIDSet:
		return f.uids(k.Set, k.Op == imap.UIDSet), nil
	case imap.HasFlag:
		return hasFlag(k.Text)
	case imap.Header, imap.BodyText, imap.AnyText:
		text, err := f.text(k.Text)
		return f.textQuery(k, text), err
	case imap.Before, imap.On, imap.Since, imap.SentBefore, imap.SentOn, imap.SentSince, imap.SavedBefore, imap.SavedOn, imap.SavedSince:
		return dateQuery(k), nil
	}
	return f.simple(k)
}

// simple is a key that is nothing but its name and an argument.
func (f *finder) simple(k *imap.Key) (mail.Query, error) {
	switch k.Op {
	case imap.Recent:
		return mail.UIDs(f.v.recent), nil
	case imap.Larger:
		return mail.Larger(k.N), nil
	case imap.Smaller:
		return mail.Smaller(k.N), nil
	case imap.Older:
		return mail.ReceivedBefore{T: f.ago(k.N)}, nil
	case imap.Younger:
		return mail.ReceivedSince{T: f.ago(k.N)}, nil
	case imap.ModSeq: // RFC 7162 §3.1.5: there is one modseq for a message, whatever the entry
		return mail.ModSeqSince(k.N), nil
	case imap.EmailID:
		if email, known := f.v.emailOf(k.Text); known {
			return mail.EmailIs(email), nil
		}
		return none, nil
	case imap.ThreadID:
		if thread, known := f.v.threadOf(k.Text); known {
			return mail.InThread(thread), nil
		}
		return none, nil
	case imap.GmailRaw, imap.GmailMsgID, imap.GmailThrID, imap.GmailLabel:
		return f.gmail(k)
	case imap.SaveDateSupported: // RFC 8514 §4.3
		return mail.All{}, nil
	case imap.UIDAfter:
		return mail.UIDs{{From: mail.UID(min(k.N+1, math.MaxUint32)), To: math.MaxUint32}}, nil
	case imap.UIDBefore:
		return mail.UIDs{{From: 1, To: mail.UID(k.N - 1)}}, nil
	}
	return nil, bad("there is no such search key here")
}

// none matches nothing.
var none = mail.UIDs{}

// ago is so many seconds before now (RFC 5032 §2).
func (f *finder) ago(seconds int64) time.Time {
	return f.t.o.Now().Add(-time.Duration(seconds) * time.Second)
}

func hasFlag(name string) (mail.Query, error) {
	system, keywords, err := parseFlags([]string{name})
	switch {
	case err != nil || system != 0:
		return mail.HasFlag(system), err
	case len(keywords) == 0: // \Recent is no keyword
		return none, nil
	}
	return mail.Keyword(keywords[0]), nil
}

func dateQuery(k *imap.Key) mail.Query {
	switch k.Op {
	case imap.Before:
		return mail.Before{T: k.Date}
	case imap.On:
		return mail.On{T: k.Date}
	case imap.Since:
		return mail.Since{T: k.Date}
	case imap.SentBefore:
		return mail.SentBefore{T: k.Date}
	case imap.SentOn:
		return mail.SentOn{T: k.Date}
	case imap.SentSince:
		return mail.SentSince{T: k.Date}
	case imap.SavedBefore:
		return mail.SavedBefore{T: k.Date}
	case imap.SavedOn:
		return mail.SavedOn{T: k.Date}
	}
	return mail.SavedSince{T: k.Date}
}

// textQuery looks for the text as it is, or as closely as a FUZZY key wants it.
func (f *finder) textQuery(k *imap.Key, text string) mail.Query {
	switch {
	case f.inside && f.how == inWords && k.Op == imap.Header:
		return mail.FieldWords{Name: k.Field, Value: text}
	case f.inside && f.how == inWords:
		return mail.Words(text)
	case f.inside && f.how == inSubject && k.Op != imap.Header:
		return mail.Field{Name: "Subject", Value: text}
	case k.Op == imap.Header:
		return mail.Field{Name: k.Field, Value: text}
	case k.Op == imap.BodyText:
		return mail.BodyText(text)
	}
	return mail.AnyText(text)
}

func (f *finder) compound(k *imap.Key) (mail.Query, error) {
	if k.Op == imap.NotOp { // what is not to be there is looked for as it is
		defer func(was bool) { f.inside = was }(f.inside)
		f.inside = false
	}
	qs := make([]mail.Query, len(k.Keys))
	for i := range k.Keys {
		q, err := f.query(&k.Keys[i])
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

// uids are the messages of a set. Numbers that don't exist are no error in a
// search (RFC 7377 §2).
func (f *finder) uids(set imap.Set, uid bool) mail.UIDs {
	if set.Saved {
		return mail.UIDs(f.v.saved)
	}
	list := mail.UIDs{}
	n := uint32(len(f.v.items))
	for _, r := range set.Ranges {
		if uid {
			r = r.Resolve(f.v.lastUID())
			list = append(list, mail.UIDRange{From: mail.UID(r.From), To: mail.UID(r.To)})
		} else if r = r.Resolve(n); 0 < r.From && r.From <= n {
			list = append(list, mail.UIDRange{From: f.v.items[r.From-1].UID, To: f.v.items[min(r.To, n)-1].UID})
		}
	}
	return list
}
