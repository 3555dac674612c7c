package delivery

import (
	"strings"
	"testing"
)

// TestAcceptEach: every recipient has its own status, and nothing is left for
// the queue to report.
func TestAcceptEach(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.must(l.store.SetQuota(t.Context(), l.ids["chi"], 10, 0))
	to := []string{"an", "chi", "boss", "all", "nobody", "blocked", "away", "chi"}
	for i, name := range to {
		to[i] = name + "@hanoi.example"
	}
	var got []string
	for _, s := range l.AcceptEach(t.Context(), envelope("x@hue.example", to...), l.body(letter)) {
		got = append(got, code(s))
	}
	// all@ reaches two of its three; the second chi@ is as full as the first.
	want := "250 2.0.0, 452 4.2.2, 250 2.0.0, 250 2.0.0, 550 5.1.1, 450 4.2.1, 250 2.0.0, 452 4.2.2"
	if strings.Join(got, ", ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	l.wantInboxes(1, 1, 0)
	l.wantJobs("hue.example: someone@hue.example(away@hanoi.example)")
	for _, s := range l.AcceptEach(t.Context(), envelope("x@hue.example", "chi@hanoi.example", "nobody@hanoi.example"), l.body(letter)) {
		if s.OK() {
			t.Errorf("%v", s)
		}
	}
}
