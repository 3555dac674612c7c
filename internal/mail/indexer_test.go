package mail

import (
	"testing"
	"time"

	"tem/internal/kv"
)

// TestTasksOfAnAccount that come before the indexer's next round are one, and lose nothing.
func TestTasksOfAnAccount(t *testing.T) {
	t.Parallel()
	const account = kv.FirstAccount
	ix, since := new(Store).textIndex(), time.Unix(1, 0)
	for _, next := range []task{{fresh: true}, {since: since}, {rebuild: true}, {}} {
		ix.enqueue(account, next)
	}
	due, ok := ix.take(t.Context())
	if want := (task{rebuild: true, fresh: true, since: since}); !ok || len(due) != 1 || due[account] != want {
		t.Errorf("%+v, want %+v", due[account], want)
	}
}
