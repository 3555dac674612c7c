package directory

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
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

// ClaimReply returns what notes that an account answers a sender by itself, for
// the commit that accepts the answer; nil: it is not to, for it has of late.
// The commit fails with kv.ErrConflict if the account answered anybody meanwhile.
func (d *Directory) ClaimReply(ctx context.Context, a, sender address.Address) (note func(*kv.Batch), err error) {
	k := rowKey(replyRow, key(a))
	old, err := d.row(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("read whom %s has answered: %w", a, err)
	}
	row, due := claimReply(old, sender.Key(), d.now())
	if !due {
		return nil, nil
	}
	return func(b *kv.Batch) {
		b.Assert(kv.Directory, k, old)
		b.Set(kv.Directory, k, row)
	}, nil
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
