package mail

import (
	"fmt"
	"testing"
	"time"
)

func TestSearch(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	at := func(d int) time.Time { return time.Date(2026, 3, d, 23, 30, 0, 0, time.FixedZone("", 7*3600)) }
	deliver(t, s, text("Straße", 100), Target{Account: alice, Received: at(1), Flags: Seen})
	deliver(t, s, text("tea", 5000), Target{Account: alice, Received: at(2), Keywords: []string{"Work"}})
	deliver(t, s, "Subject: none\r\nX-Tag: blue\r\n\r\nCà phê\r\n", Target{Account: alice, Received: at(3), Flags: Seen | Flagged})
	a := s.Account(alice)
	m, items := listed(t, a, inbox)
	for _, indexed := range []bool{false, true} {
		if indexed {
			if err := s.RebuildIndex(t.Context(), alice); err != nil {
				t.Fatal(err)
			}
		}
		testSearch(t, a, m.ID, items)
	}
}

func testSearch(t *testing.T, a *Account, id MailboxID, items []Item) {
	at := func(d int) time.Time { return time.Date(2026, 3, d, 23, 30, 0, 0, time.FixedZone("", 7*3600)) }
	for _, tt := range []struct {
		name string
		q    Query
		want []UID
	}{
		{"all", All{}, []UID{1, 2, 3}},
		{"uids", UIDs{{2, 2}, {3, 9}}, []UID{2, 3}},
		{"flag", HasFlag(Seen), []UID{1, 3}},
		{"two flags", HasFlag(Seen | Flagged), []UID{3}},
		{"not", Not{HasFlag(Seen)}, []UID{2}},
		{"keyword", Keyword("work"), []UID{2}},
		{"unknown keyword", Keyword("other"), nil},
		{"larger", Larger(4000), []UID{2}},
		{"smaller", Smaller(60), []UID{3}},
		{"before", Before{at(2)}, []UID{1}},
		{"on, whatever the zone", On{time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)}, []UID{2}},
		{"since", Since{at(2)}, []UID{2, 3}},
		{"sent on, else internal date", SentOn{at(3)}, []UID{3}},
		{"sent before", SentBefore{at(2)}, []UID{1, 2}},
		{"sent since", SentSince{at(1)}, []UID{1, 2, 3}},
		{"field", Field{"subject", "STRASSE"}, []UID{1}},
		{"field exists", Field{"x-tag", ""}, []UID{3}},
		{"body", BodyText("CÀ PHÊ"), []UID{3}},
		{"body decomposed", BodyText("ca\u0300 phe\u0302"), []UID{3}},
		{"body without marks", BodyText("ca phe"), []UID{3}},
		{"body with some marks", BodyText("cà phe"), nil},
		{"body across lines", BodyText("word word"), []UID{1, 2}},
		{"body of nothing but space", BodyText(" \t"), []UID{1, 2, 3}},
		{"not in body", Not{BodyText("word")}, []UID{3}},
		{"not in body, a phrase", Not{BodyText("word word")}, []UID{3}},
		{"no such field", Not{Field{"x-tag", ""}}, []UID{1, 2}},
		{"from", Field{"From", "example.ORG"}, []UID{1, 2}},
		{"body is not header", BodyText("straße"), nil},
		{"text in header", AnyText("blue"), []UID{3}},
		{"text in body", AnyText("word"), []UID{1, 2}},
		{"modseq", ModSeqSince(items[1].ModSeq), []UID{2, 3}},
		{"and", And{BodyText("word"), HasFlag(Seen)}, []UID{1}},
		{"empty and", And{}, []UID{1, 2, 3}},
		{"no and", And(nil), []UID{1, 2, 3}},
		{"and in and", And{HasFlag(Seen), And{BodyText("word"), And{}}}, []UID{1}},
		{"or in or", Or{UIDs{{3, 3}}, Or{HasFlag(Flagged), Or{UIDs{{1, 1}}, UIDs{{9, 2}}}}}, []UID{1, 3}},
		{"or in and in or", Or{And{Or{UIDs{{1, 1}}, UIDs{{2, 2}}}, Keyword("work")}, UIDs{{3, 3}}}, []UID{2, 3}},
		{"not not", Not{Not{HasFlag(Seen)}}, []UID{1, 3}},
		{"not not not", Not{Not{Not{HasFlag(Seen)}}}, []UID{2}},
		{"uids out of order", UIDs{{3, 3}, {1, 1}, {1, 2}}, []UID{1, 2, 3}},
		{"received at that second or before", ReceivedBefore{at(2).Add(time.Second / 2)}, []UID{1, 2}},
		{"received at that second or later", ReceivedSince{at(2).Add(time.Second / 2)}, []UID{2, 3}},
		{"received a second later", ReceivedSince{at(2).Add(time.Second)}, []UID{3}},
		{"words in any order", Words("PHÊ, none"), []UID{3}},
		{"words whatever the marks", Words("cá phe"), []UID{3}},
		{"words here and there", Words("straße word"), []UID{1}},
		{"not all of the words", Words("tea coffee"), nil},
		{"no words", Words(" , "), nil},
		{"words of a field", FieldWords{"from", "ORG ann"}, nil},
		{"words of a field, in any order", FieldWords{"Subject", "strasse"}, []UID{1}},
		{"uids and uids", And{UIDs{{1, 2}}, UIDs{{2, 3}}, BodyText("word")}, []UID{2}},
		{"uids and others", And{UIDs{{1, 1}}, And{UIDs{{3, 3}}}}, nil},
		{"no uids", And{UIDs{}, Larger(0)}, nil},
		{"or", Or{Keyword("Work"), AnyText("phê")}, []UID{2, 3}},
	} {
		got, err := a.Search(t.Context(), id, tt.q)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
}

// What items alone decide is decided as Search does it.
func TestDecide(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	deliver(t, s, text("a", 10), Target{Account: alice, Flags: Seen})
	deliver(t, s, text("b", 10), Target{Account: alice, Keywords: []string{"Work"}})
	deliver(t, s, text("c", 10), Target{Account: alice, Flags: Seen | Flagged})
	a := s.Account(alice)
	m, items := listed(t, a, inbox)
	for _, q := range []Query{All{}, UIDs{{2, 9}}, HasFlag(Seen), Keyword("WORK"), Keyword("none"), Not{Keyword("Work")}, ModSeqSince(items[1].ModSeq),
		Or{HasFlag(Flagged), Keyword("Work")}, And{HasFlag(Seen), Not{UIDs{{1, 1}}}}} {
		at, ok, err := m.Decide(t.Context(), items, q)
		if !ok || err != nil {
			t.Fatalf("%v: %v, %v", q, ok, err)
		}
		var got []UID
		for _, i := range at {
			got = append(got, items[i].UID)
		}
		if want, err := a.Search(t.Context(), m.ID, q); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v: %v, Search finds %v, %v", q, got, want, err)
		}
	}
	for _, q := range []Query{Larger(1), And{All{}, Not{BodyText("a")}}, Or{All{}, SavedOn{}}} {
		if _, ok, err := m.Decide(t.Context(), items, q); ok || err != nil {
			t.Errorf("%v: %v, %v", q, ok, err)
		}
	}
}
