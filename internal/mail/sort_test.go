package mail

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tem/internal/fold"
	"tem/internal/message"
)

// sortedUIDs delivers letters and sorts them.
func sortedUIDs(t *testing.T, letters []string, by ...SortKey) []UID {
	t.Helper()
	s := testStore(t)
	for i, l := range letters {
		deliver(t, s, l, Target{Account: alice, Received: time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC)})
	}
	return must[[]UID](t)(s.Account(alice).Sort(t.Context(), 1, upTo(len(letters)), by))
}

// upTo are the UIDs from 1 to n.
func upTo(n int) []UID {
	uids := make([]UID, n)
	for i := range uids {
		uids[i] = UID(i + 1)
	}
	return uids
}

func TestSort(t *testing.T) {
	t.Parallel()
	letters := []string{
		"From: Zoe <b@x>\r\nTo: b@x\r\nSubject: Re: tea\r\nDate: 31 Dec 2000 16:01:33 -0800\r\n\r\n",
		"From: c@y\r\nCc: Team: z@x;\r\nSubject: [list] Tea \r\nDate: 1 Jan 2001 00:01:34 +0000\r\n\r\n12345",
		"From: =?utf-8?q?=C3=80n?= <B@z>\r\nTo: =?utf-8?q?=C3=A1?= <a@x>\r\nSubject: =?utf-8?q?c=C3=A0_ph=C3=AA?=\r\nDate: 1 Jan 2001 00:01:33 +0000\r\n\r\n" + strings.Repeat("x", 200),
		"Subject: CAFE\r\n\r\n",
		"From: <zoe@w>\r\nTo: \"\" <a@w>\r\nDate: nonsense\r\n\r\n",
	}
	for _, c := range []struct {
		by   []SortKey
		want []UID
	}{
		{[]SortKey{{By: ByArrival}}, []UID{1, 2, 3, 4, 5}},
		{[]SortKey{{ByArrival, true}}, []UID{5, 4, 3, 2, 1}},
		{[]SortKey{{By: ByDate}}, []UID{1, 3, 2, 4, 5}},
		{[]SortKey{{ByDate, true}}, []UID{5, 4, 2, 1, 3}},
		{[]SortKey{{By: BySize}}, []UID{4, 5, 1, 2, 3}},
		{[]SortKey{{By: ByFrom}}, []UID{4, 1, 3, 2, 5}},
		{[]SortKey{{ByFrom, true}}, []UID{5, 2, 1, 3, 4}},
		{[]SortKey{{By: ByTo}}, []UID{2, 4, 3, 5, 1}},
		{[]SortKey{{By: ByCc}}, []UID{1, 3, 4, 5, 2}},
		{[]SortKey{{By: ByDisplayFrom}}, []UID{4, 3, 2, 1, 5}},
		{[]SortKey{{By: ByDisplayTo}}, []UID{2, 4, 5, 3, 1}},
		{[]SortKey{{By: BySubject}}, []UID{5, 4, 3, 1, 2}},
		{[]SortKey{{By: BySubject}, {ByDate, true}}, []UID{5, 4, 3, 2, 1}},
		{[]SortKey{{By: BySubject}, {BySubject, true}, {ByArrival, true}}, []UID{5, 4, 3, 2, 1}},
		{nil, []UID{1, 2, 3, 4, 5}},
	} {
		if got := sortedUIDs(t, letters, c.by...); !slices.Equal(got, c.want) {
			t.Errorf("by %v: %v, want %v", c.by, got, c.want)
		}
	}
}

func TestSortRefuses(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	deliver(t, s, text("1", 1), Target{Account: alice})
	a := s.Account(alice)
	_, err := a.Sort(t.Context(), 1, []UID{1}, []SortKey{{By: sortBys}})
	wantKind(t, err, Invalid)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Sort(ctx, 1, []UID{1}, []SortKey{{By: BySize}}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if got := must[[]UID](t)(a.Sort(t.Context(), 1, []UID{7, 1, 7, 1}, []SortKey{{ByArrival, true}})); !slices.Equal(got, []UID{1}) {
		t.Errorf("of one that exists and one that does not: %v", got)
	}
}

// TestSortModel compares with sorting whole values.
func TestSortModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(r, "messages")
		word := rapid.SampledFrom([]string{"", "a", "A", "b", "à", "abcdefgh", "ABCDEFGH", "abcdefgha", "abcdefghb", "abcdefg", "re: a", "_"})
		metas := make([]Meta, n)
		for i := range metas {
			header := fmt.Sprintf("From: %s <%s@x>\r\nSubject: %s\r\n\r\n", word.Draw(r, "name"), word.Draw(r, "user"), word.Draw(r, "subject"))
			ix, err := message.Parse(strings.NewReader(header))
			if err != nil {
				r.Fatal(err)
			}
			metas[i] = Meta{UID: UID(i + 1), Size: rapid.Int64Range(0, 1000).Draw(r, "size"), Envelope: ix.Envelope,
				Received: time.Unix(rapid.Int64Range(-1000, 1000).Draw(r, "received"), 0)}
		}
		by := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) SortKey {
			return SortKey{rapid.SampledFrom([]SortBy{ByArrival, ByFrom, BySize, BySubject, ByDisplayFrom}).Draw(r, "by"), rapid.Bool().Draw(r, "reverse")}
		}), 0, 3).Draw(r, "keys")
		keys, err := deciding(by)
		if err != nil {
			r.Fatal(err)
		}
		s := newSorter(keys, n)
		for i := range metas {
			s.add(&metas[i])
		}
		s.sort()
		if got, want := s.uids(), slowSort(metas, by); !slices.Equal(got, want) {
			r.Fatalf("by %v: %v, want %v", by, got, want)
		}
	})
}

func slowSort(metas []Meta, by []SortKey) []UID {
	slices.SortStableFunc(metas, func(x, y Meta) int {
		for _, k := range by {
			d := slowCompare(&x, &y, k.By)
			if k.Reverse {
				d = -d
			}
			if d != 0 {
				return d
			}
		}
		return 0
	})
	uids := []UID{}
	for i := range metas {
		uids = append(uids, metas[i].UID)
	}
	return uids
}

func slowCompare(x, y *Meta, by SortBy) int {
	value := func(m *Meta) []byte {
		name, user, host := message.EnvelopeAddress(message.EnvelopeFrom.In(m.Envelope))
		text := func(quoted []byte) string { return message.DecodeWords(string(message.AppendUnquoted(nil, quoted))) }
		switch by {
		case BySubject:
			return fold.Collation(nil, message.BaseSubject(text(message.EnvelopeSubject.In(m.Envelope))))
		case ByFrom:
			return fold.Collation(nil, text(user))
		}
		if text(name) != "" {
			return fold.Collation(nil, text(name))
		}
		if text(host) == "" { // the name of a group (RFC 5957 §3)
			return fold.Collation(nil, text(user))
		}
		return fold.Collation(nil, text(user)+"@"+text(host))
	}
	switch by {
	case ByArrival:
		return x.Received.Compare(y.Received)
	case BySize:
		return cmp.Compare(x.Size, y.Size)
	}
	return bytes.Compare(value(x), value(y))
}
