package delivery

import (
	"testing"
)

// TestSpoolNear: a body has the last octet of an account that it goes to, and
// so lies among the other bodies of that account.
func TestSpoolNear(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := envelope("x@hue.example")
	for range 2 {
		if status := l.Check(t.Context(), e, at("chi@hanoi.example"), 0); !status.OK() {
			t.Fatal(status)
		}
	}
	if e.Near == 0 {
		t.Fatal("no account is noted")
	}
	spool := l.Spool(t.Context(), e)
	defer spool.Abort()
	if id := spool.ID(); id[15] != byte(e.Near) {
		t.Errorf("body %x for account %d", id, e.Near)
	}
}
