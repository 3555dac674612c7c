package mail

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"

	"tem/internal/blob"
)

// bodyIDs makes ids that ascend, as long as the clock does: bodies lie in the
// order in which they were begun, also those of one millisecond, and are read
// in that order.
type bodyIDs struct {
	mu   sync.Mutex
	last blob.ID
}

// next is a new id; of the same millisecond it is the last plus a random number.
func (b *bodyIDs) next(now time.Time) blob.ID {
	const from, to = 6, 14 // behind the time, before what an account may set
	id := blob.NewID(now)
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes.Equal(id[:from], b.last[:from]) {
		n := binary.BigEndian.Uint64(b.last[from:to])
		if after := n + 1 + uint64(rand.Uint32()); after > n { // or else as random as it is
			binary.BigEndian.PutUint64(id[from:to], after)
		}
	}
	b.last = id
	return id
}
