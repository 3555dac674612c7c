package imapserver

import (
	"math/rand/v2"
	"testing"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// manyItems are n messages with gaps between their UIDs.
func manyItems(n int) []mail.Item {
	items := make([]mail.Item, n)
	uid, dice := mail.UID(0), rand.New(rand.NewPCG(1, 2))
	for i := range items {
		uid += 1 + mail.UID(dice.IntN(5))
		items[i].UID = uid
	}
	return items
}

// TestBatches: what is told tiles the UIDs from the highest to 1, and every
// batch but the last is full.
func TestBatches(t *testing.T) {
	t.Parallel()
	const size = 500
	for _, n := range []int{1, size - 1, size, size + 1, 2 * size, 2*size + 203} {
		v := &view{items: manyItems(n)}
		list := batches(v.items, size, 1, mostBatches)
		next := v.lastUID()
		for i, r := range list {
			if r.To != next {
				t.Errorf("%d messages, batch %d: begins at %d, want %d", n, i+1, r.To, next)
			}
			next = r.From - 1
			picked, _ := v.pick(imap.Set{Ranges: []imap.Range{r}}, true)
			if want := min(size, n-i*size); len(picked) != want {
				t.Errorf("%d messages, batch %d: holds %d, want %d", n, i+1, len(picked), want)
			}
			if one := batches(v.items, size, int64(i+1), int64(i+1)); len(one) != 1 || one[0] != r {
				t.Errorf("%d messages, batch %d alone is %v, want %v", n, i+1, one, r)
			}
		}
		if next != 0 || len(list) != (n+size-1)/size {
			t.Errorf("%d messages: %d batches down to %d", n, len(list), next+1)
		}
	}
	if list := batches(nil, size, 1, 1); list != nil {
		t.Errorf("batches of nothing: %v", list)
	}
}
