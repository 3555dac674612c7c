package dns

import (
	"context"
	"errors"
	"testing"
)

func TestRemembered(t *testing.T) {
	t.Parallel()
	s, err := Serve("127.0.0.1:0", "hanoi.example. A 192.0.2.1", "a.b.hanoi.example. TXT x")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := NewResolver(s.Address())
	known, complete, ok := Remembered(t.Context())
	if _, err := r.A(known, "hanoi.example"); !ok || !errors.Is(err, ErrTemporary) || complete() {
		t.Errorf("what was never asked is answered: %v", err)
	}
	if _, err := r.A(t.Context(), "hanoi.example"); err != nil {
		t.Fatal(err)
	}
	known, complete, _ = Remembered(t.Context())
	if found, err := r.A(known, "hanoi.example"); len(found) != 1 || err != nil || !complete() {
		t.Errorf("%v, %v", found, err)
	}
	if _, _, ok := Remembered(WithTrace(context.Background(), func(Step) {})); ok {
		t.Error("a traced context has answers twice")
	}
}

func TestExists(t *testing.T) {
	t.Parallel()
	s, err := Faults{"slow.example": ServFail}.Serve("127.0.0.1:0", "a.b.hanoi.example. TXT x", "lost.example. CNAME gone.example.")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := NewResolver(s.Address())
	for name, want := range map[string]bool{"a.b.hanoi.example": true, "b.hanoi.example": true, "c.hanoi.example": false, "lost.example": true} {
		for range 2 { // asked, remembered
			if got, err := r.Exists(t.Context(), name); got != want || err != nil {
				t.Errorf("%s: %t, %v", name, got, err)
			}
		}
	}
	if _, err := r.Exists(t.Context(), "slow.example"); !errors.Is(err, ErrTemporary) {
		t.Error(err)
	}
}
