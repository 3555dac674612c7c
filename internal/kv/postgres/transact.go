package postgres

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/jackc/pgx/v5"

	"tem/internal/kv"
)

// Statements of a commit. Arrays are in key order and are gone through in their
// order, see sessionSQL.
const (
	lockSQL = `
SELECT CASE WHEN alone THEN pg_advisory_xact_lock(part) ELSE pg_advisory_xact_lock_shared(part) END
FROM unnest($1::bigint[], $2::bool[]) AS l(part, alone)`
	readSQL = `
SELECT t.part, t.key, t.val FROM unnest($1::bigint[], $2::bytea[]) AS k(part, key)
JOIN tem_kv t ON t.part = k.part AND t.key = k.key`
	setSQL = `
INSERT INTO tem_kv (part, key, val) SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])
ON CONFLICT (part, key) DO UPDATE SET val = excluded.val`
	deleteSQL = `
DELETE FROM tem_kv t USING unnest($1::bigint[], $2::bytea[]) AS k(part, key)
WHERE t.part = k.part AND t.key = k.key`
	deleteRangeSQL = `
DELETE FROM tem_kv WHERE (part, key) >= ($1::bigint, $2::bytea) AND (part, key) < ($3::bigint, $4::bytea)`
)

// transact is one transaction in two round trips: lock and read, then write and
// commit.
func (c *committer) transact(ctx context.Context, group []*pending) ([]error, error) {
	base, err := c.begin(ctx, group)
	if err != nil {
		return nil, c.rollback(ctx, err)
	}
	results, change := merge(group, base)
	if change.empty() {
		return results, c.rollback(ctx, nil)
	}
	c.seq++
	c.lost = &outcome{c.seq, results}
	err = c.write(ctx, change)
	if err == nil || !isLoss(err) {
		c.lost = nil
	}
	if err != nil {
		return nil, c.rollback(ctx, err)
	}
	return results, nil
}

// rollback ends a transaction that wrote nothing and returns err, or what went
// wrong with ending it.
func (c *committer) rollback(ctx context.Context, err error) error {
	if isLoss(err) {
		return err
	}
	if _, failed := c.conn.Exec(ctx, "ROLLBACK"); failed != nil {
		return failed
	}
	return err
}

// begin starts a transaction, takes the group's locks and returns those keys
// that its conditions look at and that exist. The first lock is the
// committer's own; each statement sees what was committed when it began, so the
// rows are as they stay until the end.
func (c *committer) begin(ctx context.Context, group []*pending) (map[string][]byte, error) {
	parts, alone := locks(group)
	parts, alone = append([]int64{c.lock}, parts...), append([]bool{true}, alone...)
	b := new(pgx.Batch)
	b.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	b.Queue(lockSQL, parts, alone)
	base := make(map[string][]byte)
	if keys := asserted(group); len(keys.keys) > 0 {
		b.Queue(readSQL, keys.parts, keys.keys).Query(func(rows pgx.Rows) error { return collect(rows, base) })
	}
	return base, c.conn.SendBatch(ctx, b).Close()
}

// collect fills base with the rows of readSQL.
func collect(rows pgx.Rows, base map[string][]byte) error {
	var part int64
	var key, val []byte
	_, err := pgx.ForEachRow(rows, []any{&part, &key, &val}, func() error {
		base[string(appendID(nil, kv.Part(part), key))] = val
		return nil
	})
	return err
}

// errNotCommitted says that the server answered COMMIT by rolling back.
var errNotCommitted = errors.New("kv: the server rolled the transaction back")

// write sends the changes and COMMIT together.
func (c *committer) write(ctx context.Context, ch *change) error {
	b := new(pgx.Batch)
	for _, r := range ch.ranges {
		loPart, lo := splitID(r.lo)
		hiPart, hi := splitID(r.hi)
		b.Queue(deleteRangeSQL, loPart, lo, hiPart, hi)
	}
	set, del := ch.columns()
	set.add(-1, c.key)
	set.vals = append(set.vals, binary.BigEndian.AppendUint64(nil, c.seq))
	if len(del.keys) > 0 {
		b.Queue(deleteSQL, del.parts, del.keys)
	}
	b.Queue(setSQL, set.parts, set.keys, set.vals)
	b.Queue("COMMIT")
	return sendCommit(c.conn.SendBatch(ctx, b), b.Len())
}

// sendCommit reads the answers of a batch whose last statement is COMMIT.
func sendCommit(answers pgx.BatchResults, n int) error {
	defer answers.Close()
	for range n - 1 {
		if _, err := answers.Exec(); err != nil {
			return err
		}
	}
	tag, err := answers.Exec()
	if err == nil && tag.String() != "COMMIT" {
		return errNotCommitted
	}
	return err
}
