package directory

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"tem/internal/address"
	"tem/internal/kv"
)

const (
	// replyAgain is how long a sender is not answered once more (RFC 3834 §2).
	replyAgain = 7 * 24 * time.Hour
	// maxReplies bounds how many are answered in that time, and the row.
	maxReplies = 2000
	replySize  = 8 + 4
)

// ClaimReply says whether an account should answer a sender by itself now: it
// has not of late. The answer is noted before it is sent, durably, so that
// there is one at most, whatever happens and on however many nodes.
func (d *Directory) ClaimReply(ctx context.Context, a, sender address.Address) (bool, error) {
	k := rowKey(replyRow, key(a))
	old, err := d.row(ctx, k)
	if err != nil {
		return false, fmt.Errorf("read whom %s has answered: %w", a, err)
	}
	row, due := claimReply(old, sender.Key(), d.now())
	if !due {
		return false, nil
	}
	b := &kv.Batch{}
	b.Assert(kv.Directory, k, old)
	b.Set(kv.Directory, k, row)
	if err := kv.Commit(ctx, d.kv, b); errors.Is(err, kv.ErrConflict) {
		return false, nil // another letter is being answered; the next one of this sender will be
	} else if err != nil {
		return false, fmt.Errorf("note whom %s has answered: %w", a, err)
	}
	return true, nil
}

// claimReply adds a sender to a row of those who were answered, the oldest
// first, and leaves out what is long ago; false if the sender is in it, or too many are.
func claimReply(row []byte, sender string, now time.Time) ([]byte, bool) {
	sum := sha256.Sum256([]byte(sender))
	next := make([]byte, 0, len(row)+replySize)
	for e := range slices.Chunk(row[:len(row)/replySize*replySize], replySize) {
		if at := time.Unix(int64(binary.BigEndian.Uint32(e[8:])), 0); now.Sub(at) >= replyAgain {
			continue
		}
		if [8]byte(e) == [8]byte(sum[:8]) {
			return nil, false
		}
		next = append(next, e...)
	}
	if len(next) >= maxReplies*replySize {
		return nil, false
	}
	next = append(next, sum[:8]...)
	return binary.BigEndian.AppendUint32(next, uint32(now.Unix())), true
}

// row reads one row that is not in the index; nil: it is not there.
func (d *Directory) row(ctx context.Context, k []byte) (row []byte, err error) {
	err = d.kv.View(ctx, func(r kv.Reader) error {
		val, ok, err := r.Get(kv.Directory, k)
		if ok {
			row = append([]byte{}, val...)
		}
		return err
	})
	return row, err
}
