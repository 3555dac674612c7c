package mail

import (
	"bytes"
	"testing"
	"time"
)

func TestBodyIDsAscend(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	at := time.UnixMilli(1_790_000_000_123)
	var ids bodyIDs
	last := ids.next(at)
	for i := range 1000 {
		id := ids.next(at.Add(time.Duration(i/500) * time.Millisecond))
		if bytes.Compare(last[:], id[:]) >= 0 || !id.Time().Equal(at.Add(time.Duration(i/500)*time.Millisecond)) {
			t.Fatalf("%x made after %x", id, last)
		}
		last = id
	}
	for _, account := range []AccountID{alice, bob} {
		if id := s.Account(account).NewSpool(t.Context()).ID(); bodyPart(id) != bodyPart([16]byte{15: byte(account)}) {
			t.Errorf("body %x for account %d", id, account)
		}
	}
}
