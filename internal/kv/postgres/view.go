package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tem/internal/kv"
)

const (
	snapshotSQL = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`
	getSQL      = `SELECT key, val FROM tem_kv WHERE part = $1 AND key = $2`
	getMultiSQL = `SELECT key, val FROM tem_kv WHERE part = $1 AND key = ANY ($2)`
)

// View runs fn on one snapshot, which is taken by the first read.
func (e *Engine) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.isClosing() {
		return kv.ErrClosed
	}
	r := &reader{ctx: ctx, e: e}
	defer r.end()
	return fn(r)
}

// reader is one View. Every read is complete before a callback is called, so
// that the callback may read too.
type reader struct {
	ctx  context.Context
	e    *Engine
	conn *pgxpool.Conn // nil before the first read
}

// row is one row of the table.
type row struct{ key, val []byte }

// query returns the rows of a statement that selects key and val.
func (r *reader) query(sql string, args ...any) ([]row, error) {
	var list []row
	var err error
	if r.conn == nil {
		list, err = r.begin(sql, args)
	} else {
		rows, _ := r.conn.Query(r.ctx, sql, args...)
		list, err = copyRows(rows)
	}
	if err != nil {
		return nil, fmt.Errorf("read from PostgreSQL: %w", err)
	}
	return list, nil
}

// begin takes the snapshot with the first statement. Nothing has been read yet,
// so a server that is lost is waited for.
func (r *reader) begin(sql string, args []any) ([]row, error) {
	deadline := time.Now().Add(r.e.o.Patience)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		list, err := r.tryBegin(sql, args)
		if err == nil || !passing(err) || r.ctx.Err() != nil || time.Until(deadline) <= pause {
			return list, err
		}
		if err := r.e.death.Err(); err != nil {
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-r.ctx.Done():
			return nil, context.Cause(r.ctx)
		}
	}
}

func (r *reader) tryBegin(sql string, args []any) (list []row, err error) {
	conn, err := r.e.pool.Acquire(r.ctx)
	if err != nil {
		if r.e.isClosing() {
			return nil, kv.ErrClosed
		}
		return nil, err
	}
	b := new(pgx.Batch)
	b.Queue(snapshotSQL)
	b.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		list, err = copyRows(rows)
		return err
	})
	if err := conn.SendBatch(r.ctx, b).Close(); err != nil {
		conn.Release() // the pool drops what is broken or in a transaction
		return nil, err
	}
	r.conn = conn
	return list, nil
}

// end lets the snapshot go. The pool drops a connection on which that fails.
func (r *reader) end() {
	if r.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), attemptTime)
	defer cancel()
	r.conn.Exec(ctx, "COMMIT")
	r.conn.Release()
}

// copyRows reads rows to their end.
func copyRows(rows pgx.Rows) (list []row, err error) {
	defer rows.Close()
	var a arena
	for rows.Next() {
		raw := rows.RawValues()
		list = append(list, row{a.copy(raw[0]), a.copy(raw[1])})
	}
	return list, rows.Err()
}

// arena copies octets into few large pieces, which are never moved.
type arena struct{ free []byte }

func (a *arena) copy(b []byte) []byte {
	if len(b) > cap(a.free)-len(a.free) {
		if len(b) > 4<<10 {
			return append(make([]byte, 0, len(b)), b...)
		}
		a.free = make([]byte, 0, 16<<10)
	}
	n := len(a.free)
	a.free = append(a.free, b...)
	return a.free[n:len(a.free):len(a.free)]
}

func (r *reader) Get(p kv.Part, key []byte) ([]byte, bool, error) {
	if err := checkPart(p); err != nil {
		return nil, false, err
	}
	list, err := r.query(getSQL, int64(p), notNull(key))
	if err != nil || len(list) == 0 {
		return nil, false, err
	}
	return list[0].val, true, nil
}

func (r *reader) GetMulti(p kv.Part, keys [][]byte, fn func(i int, val []byte) error) error {
	if err := checkPart(p); err != nil || len(keys) == 0 {
		return err
	}
	ask := make([][]byte, len(keys))
	for i, key := range keys {
		ask[i] = notNull(key)
	}
	list, err := r.query(getMultiSQL, int64(p), ask)
	if err != nil {
		return err
	}
	found := make(map[string][]byte, len(list))
	for _, row := range list {
		found[string(row.key)] = row.val
	}
	for i, key := range keys {
		if val, ok := found[string(key)]; ok {
			if err := fn(i, val); err != nil {
				return kv.Stopped(err)
			}
		}
	}
	return nil
}
