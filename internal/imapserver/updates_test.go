package imapserver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tem/internal/mail"
)

// What other sessions do is told of in IDLE, as it happens.
func TestUpdatesInIdle(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	a.send("u SEARCH RETURN (UPDATE) FLAGGED\r\nv UID SORT RETURN (UPDATE COUNT) (REVERSE ARRIVAL) UTF-8 TEXT Joe\r\ni IDLE\r\n")
	a.until("+")
	b.do(`STORE 3 +FLAGS.SILENT (\Flagged)`)
	a.untilAll("* 3 FETCH", `* ESEARCH (TAG "u") ADDTO (0 3)`)
	deliver(t, s, letter, time.Time{})
	a.untilAll("* 4 EXISTS", `* ESEARCH (TAG "v") UID ADDTO (1 4)`)
	b.do(`UID STORE 3 +FLAGS.SILENT (\Deleted)`)
	b.do("EXPUNGE")
	lines := a.until("* 3 EXPUNGE")
	if got := strings.Join(lines, "\n"); !strings.Contains(got, "* ESEARCH (TAG \"u\") REMOVEFROM (0 3)\n* ESEARCH (TAG \"v\") UID REMOVEFROM (4 3)\n") {
		t.Error(got)
	}
	a.send("DONE\r\n")
	a.until("i OK")
}

// A result that has gone, which may not be told yet, leaves the list before its
// number goes; what comes meanwhile finds its place.
func TestUpdatesBeforeExpunge(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	a.do("SORT RETURN (UPDATE) (REVERSE SIZE ARRIVAL) UTF-8 ALL")
	b.do(`STORE 2 +FLAGS.SILENT (\Deleted)`)
	b.do("EXPUNGE")
	deliver(t, s, letter[:len(letter)-4]+"\r\n", time.Time{})
	a.want("FETCH 1 UID", "* 1 FETCH (UID 1)", `* ESEARCH (TAG "x") REMOVEFROM (2 2)`, "* 4 EXISTS", "* 4 RECENT", `* ESEARCH (TAG "x") ADDTO (3 4)`, "x OK")
	a.want("NOOP", "* 2 EXPUNGE", "x OK")
}

// The list that updates make of a first answer is what a search finds.
func TestUpdatesAddUp(t *testing.T) {
	t.Parallel()
	s := newServer(t, 40)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	list := numbersOf(t, a.do("UID SORT RETURN (ALL UPDATE) (REVERSE ARRIVAL) UTF-8 UNFLAGGED")[0], "ALL ")
	for round := range 12 {
		b.do(fmt.Sprintf(`UID STORE %d:%d,%d +FLAGS.SILENT (\Flagged)`, 1+round*3, 3+round*2, 40-round))
		b.do(fmt.Sprintf(`UID STORE %d:%d -FLAGS.SILENT (\Flagged)`, round, 2+round*2))
		if round%4 == 3 {
			b.do(fmt.Sprintf(`UID STORE %d +FLAGS.SILENT (\Deleted)`, 2*round))
			b.do("EXPUNGE")
			deliver(t, s, letter, time.Time{})
		}
		for _, l := range a.do("NOOP") {
			if strings.HasPrefix(l, "* ESEARCH") {
				list = apply(t, list, l)
			}
		}
		want := numbersOf(t, a.do("UID SORT RETURN (ALL) (REVERSE ARRIVAL) UTF-8 UNFLAGGED")[0], "ALL ")
		if fmt.Sprint(list) != fmt.Sprint(want) {
			t.Fatalf("round %d: %v, want %v", round, list, want)
		}
	}
}

// What is gone and not told yet keeps its place when others come.
func TestMergeKeepsPlaces(t *testing.T) {
	t.Parallel()
	s := newServer(t, 5)
	a := accountOf(t, s)
	box, items, err := a.List(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Remove(t.Context(), box.ID, []mail.UID{3}); err != nil {
		t.Fatal(err)
	}
	v := &view{place: place{account: a, box: box}, items: items}
	for _, c := range []struct{ found, came, want []mail.UID }{
		{[]mail.UID{2, 3, 5}, []mail.UID{1, 4}, []mail.UID{1, 2, 3, 4, 5}},
		{[]mail.UID{3}, []mail.UID{1, 2}, []mail.UID{3, 1, 2}},
		{[]mail.UID{1, 3}, []mail.UID{4}, []mail.UID{1, 3, 4}},
		{nil, []mail.UID{4}, []mail.UID{4}},
	} {
		u := &updated{by: []mail.SortKey{{By: mail.ByArrival}}, found: c.found}
		if err := v.merge(t.Context(), u, c.came); err != nil || !slices.Equal(u.found, c.want) {
			t.Errorf("%v and %v: %v, %v; want %v", c.found, c.came, u.found, err, c.want)
		}
	}
}

// apply does to a list what an ADDTO or REMOVEFROM says.
func apply(t *testing.T, list []int, text string) []int {
	t.Helper()
	adds := strings.Contains(text, "ADDTO")
	_, text, _ = strings.Cut(text, " UID ")
	fields := strings.Fields(strings.Trim(strings.TrimSuffix(text[strings.Index(text, "("):], ")"), "()"))
	for i := 0; i+1 < len(fields); i += 2 {
		var at int
		fmt.Sscan(fields[i], &at)
		set := expandSet(t, fields[i+1])
		rest := append([]int{}, list[at-1:]...)
		if list = list[:at-1]; adds {
			list = append(append(list, set...), rest...)
			continue
		}
		if fmt.Sprint(rest[:len(set)]) != fmt.Sprint(set) {
			t.Fatalf("%s: at %d there is %v", text, at, rest)
		}
		list = append(list, rest[len(set):]...)
	}
	return list
}

// numbersOf reads the set that stands behind a word.
func numbersOf(t *testing.T, line, word string) []int {
	t.Helper()
	_, set, there := strings.Cut(line, word)
	if !there {
		t.Fatalf("%q has no %s", line, word)
	}
	return expandSet(t, set)
}

func expandSet(t *testing.T, set string) (list []int) {
	t.Helper()
	for r := range strings.SplitSeq(set, ",") {
		var from, to int
		if n, _ := fmt.Sscanf(r, "%d:%d", &from, &to); n < 2 {
			to = from
		}
		for ; from <= to; from++ {
			list = append(list, from)
		}
	}
	return list
}
