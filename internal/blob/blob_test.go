package blob

import (
	"strings"
	"testing"
	"time"
)

func TestID(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_790_000_000_123)
	id := NewID(at)
	if !id.Time().Equal(at) {
		t.Errorf("time %v, want %v", id.Time(), at)
	}
	if later := NewID(at.Add(time.Millisecond)); later.String() <= id.String() {
		t.Errorf("%s made later sorts before %s", later, id)
	}
	for _, s := range []string{id.String(), strings.ToLower(id.String())} {
		if got, err := ParseID(s); err != nil || got != id {
			t.Errorf("ParseID(%s) = %s, %v", s, got, err)
		}
	}
}

func TestParseIDRefuses(t *testing.T) {
	t.Parallel()
	good := NewID(time.Now()).String()
	for _, s := range []string{"", good[1:], good + "0", "8" + good[1:], good[:25] + "U", good[:25] + "\xff"} {
		if id, err := ParseID(s); err == nil {
			t.Errorf("ParseID(%q) = %s", s, id)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("01M9AFQ4K0ABCDEFGHJKMNPQRS")
	f.Add("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err == nil && id.String() != strings.ToUpper(s) {
			t.Errorf("%q became %s", s, id)
		}
	})
}
