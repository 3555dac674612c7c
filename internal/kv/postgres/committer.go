package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// attemptTime bounds one try of a group; a server that takes longer is treated
// as one that can't be reached.
const attemptTime = 10 * time.Second

// committer writes groups, one at a time, over a connection of its own. It
// belongs to the goroutine that runs loop.
//
// Each of its transactions holds the advisory lock lock from its first round
// trip on, and sets the row (-1, key) to its number. So whoever has that lock
// knows that no transaction of this committer is going on, and the row says
// which was the last to be committed. (A transaction id could not say it: one
// that did not reach the log before a crash is given out again after it.)
type committer struct {
	e    *Engine
	conn *pgx.Conn // nil before the first group and after an error
	key  []byte
	lock int64
	seq  uint64   // number of the last transaction
	lost *outcome // of a COMMIT that was sent and not answered
}

// outcome is what becomes of a group if transaction seq is committed.
type outcome struct {
	seq     uint64
	results []error
}

// newCommitter names a committer by 16 octets, most of them random.
func newCommitter(e *Engine, name []byte) *committer {
	lock := int64(binary.BigEndian.Uint64(name[8:]) | 1<<63) // negative: no partition's
	return &committer{e: e, key: append([]byte("committer "), name...), lock: lock}
}

// loop commits groups until the engine is closed.
func (c *committer) loop() {
	defer c.hangUp()
	for {
		group := c.e.take()
		if len(group) == 0 {
			c.forget()
			return
		}
		c.commit(group, time.Now().Add(c.e.o.Patience))
		c.e.leave(group)
	}
}

// commit decides every batch of a group and wakes their callers. What the server
// refuses is tried batch by batch, so that each fails for itself only.
func (c *committer) commit(group []*pending, deadline time.Time) {
	results, err := c.decide(group, deadline)
	if refused(err) && len(group) > 1 {
		for _, p := range group {
			c.commit([]*pending{p}, deadline)
		}
		return
	}
	for i, p := range group {
		if err != nil {
			p.Decide(err)
		} else {
			p.Decide(results[i])
		}
	}
}

// decide tries a group until the server has accepted or refused it, or the
// deadline has passed.
func (c *committer) decide(group []*pending, deadline time.Time) ([]error, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		results, err := c.attempt(group, deadline)
		if err == nil {
			return results, nil
		}
		if err := c.e.death.Err(); err != nil {
			return nil, err
		}
		if !passing(err) && c.lost == nil {
			return nil, err
		}
		if pause == firstPause {
			c.e.log.Warn("kv: PostgreSQL: a commit is tried again", "err", err, "batches", len(group))
		}
		if time.Until(deadline) <= pause {
			return nil, c.giveUp(err)
		}
		time.Sleep(pause)
	}
}

// giveUp is the answer to those who have waited too long. It does not wrap err:
// nobody must take it for a refusal of the group.
func (c *committer) giveUp(err error) error {
	lost := c.lost
	c.lost = nil
	if lost != nil {
		return fmt.Errorf("kv: the outcome is unknown: PostgreSQL was lost at the commit and could not be asked since: %v", err)
	}
	return fmt.Errorf("kv: nothing was written: PostgreSQL can't be reached: %v", err)
}

// attempt tries a group once. As long as the outcome of an earlier try is open it
// does nothing but ask for it.
func (c *committer) attempt(group []*pending, deadline time.Time) (results []error, err error) {
	ctx, cancel := context.WithDeadline(context.Background(), minTime(deadline, time.Now().Add(c.e.o.attempt)))
	defer cancel()
	defer func() {
		if isLoss(err) {
			c.hangUp()
		}
	}()
	if c.conn == nil {
		last, err := c.dial(ctx)
		if err != nil {
			c.hangUp()
			return nil, err
		}
		if lost := c.lost; lost != nil {
			if c.lost = nil; lost.seq == last {
				return lost.results, nil
			}
		}
	}
	return c.transact(ctx, group)
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// dial connects, ends what an earlier connection of this committer may still be
// doing, and returns the number of its last committed transaction.
func (c *committer) dial(ctx context.Context) (last uint64, err error) {
	if c.conn, err = c.e.connect(ctx); err != nil {
		return 0, err
	}
	if _, err := c.conn.Exec(ctx, evictSQL, c.lock); err != nil {
		return 0, err
	}
	var val []byte
	err = pgx.BeginFunc(ctx, c.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, c.lock); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `SELECT val FROM tem_kv WHERE part = -1 AND key = $1`, c.key).Scan(&val)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if len(val) == 8 {
		last = binary.BigEndian.Uint64(val)
	}
	return last, err
}

// evictSQL ends the sessions that hold a committer's lock.
const evictSQL = `
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = $1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND pid <> pg_backend_pid()`

// hangUp closes the connection.
func (c *committer) hangUp() {
	if c.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c.conn.Close(ctx)
	c.conn = nil
}

// forget removes the row of a committer that has done its work.
func (c *committer) forget() {
	if c.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := c.conn.Exec(ctx, `DELETE FROM tem_kv WHERE part = -1 AND key = $1`, c.key); err != nil {
		c.e.log.Warn("kv: PostgreSQL: a committer's row was left behind", "err", err)
	}
}
