package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tem/internal/kv"
	kvpostgres "tem/internal/kv/postgres"
)

// listenSQL opens a session that hears. Looking goes by the table's primary key,
// whatever the statistics say.
const listenSQL = `
SET enable_seqscan = off; SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan;
LISTEN ` + channel

// pollSQL reads the state rows of partitions.
const pollSQL = `SELECT part, val FROM ` + kvpostgres.Table + ` WHERE part = ANY ($1) AND key = $2`

// listen connects; notices sent from now on are heard.
func (b *Bus) listen(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, b.conf)
	if err != nil {
		return nil, err
	}
	if _, err := conn.PgConn().Exec(ctx, listenSQL).ReadAll(); err != nil {
		conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// receive listens over conn, and over another when that is broken, until ctx
// ends. What was said in between is unknown, so everybody is told.
func (b *Bus) receive(ctx context.Context, conn *pgx.Conn) {
	for {
		err := b.follow(ctx, conn)
		conn.Close(ctx)
		if ctx.Err() != nil {
			return
		}
		b.warn("the connection that listens is lost", err)
		if conn = b.relisten(ctx); conn == nil {
			return
		}
		for _, p := range b.parts() {
			b.local.Publish(p)
		}
	}
}

// relisten tries until it is connected; nil means that ctx has ended.
func (b *Bus) relisten(ctx context.Context) *pgx.Conn {
	for n := 0; ctx.Err() == nil; n++ {
		limited, cancel := context.WithTimeout(ctx, sendTime)
		conn, err := b.listen(limited)
		cancel()
		if err == nil {
			return conn
		}
		b.warn("can't listen", err)
		pause(ctx, retryPause(n))
	}
	return nil
}

// follow passes on what it hears, and looks when it is time, until the
// connection is broken or ctx ends.
func (b *Bus) follow(ctx context.Context, conn *pgx.Conn) error {
	look := time.Now().Add(b.o.Poll)
	for {
		limited, cancel := context.WithDeadline(ctx, look)
		n, err := conn.WaitForNotification(limited)
		timeUp := limited.Err() != nil
		cancel()
		switch {
		case n != nil:
			b.hear(n.Payload)
		case conn.IsClosed() || ctx.Err() != nil || !timeUp:
			return err
		default:
			if err := b.poll(ctx, conn); err != nil {
				return err
			}
			look = time.Now().Add(b.o.Poll)
		}
	}
}

// hear tells the watchers here what another node has published.
func (b *Bus) hear(payload string) {
	node, parts, err := parsePayload(payload)
	if err != nil {
		b.warn("on the channel "+channel, err)
		return
	}
	if node == b.o.Node {
		return
	}
	for _, p := range parts {
		b.local.Publish(p)
	}
}

// poll tells the watchers of those partitions whose state row is not what it was
// at the last look, or was never looked at. It fails when the connection is broken.
func (b *Bus) poll(ctx context.Context, conn *pgx.Conn) error {
	parts := b.parts()
	if len(parts) == 0 {
		return conn.Ping(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	now, err := read(limited, conn, parts, b.o.StateKey)
	if refused := new(pgconn.PgError); errors.As(err, &refused) && !conn.IsClosed() {
		b.warn("the state rows can't be read", err)
		return nil
	}
	if err != nil {
		return err
	}
	for _, p := range parts {
		if b.moved(p, now[p]) {
			b.local.Publish(p)
		}
	}
	return nil
}

// read returns the state rows that exist.
func read(ctx context.Context, conn *pgx.Conn, parts []kv.Part, key []byte) (map[kv.Part]string, error) {
	ids := make([]int64, len(parts))
	for i, p := range parts {
		ids[i] = int64(p)
	}
	rows, err := conn.Query(ctx, pollSQL, ids, key)
	if err != nil {
		return nil, err
	}
	found := make(map[kv.Part]string, len(parts))
	var part int64
	var val []byte
	_, err = pgx.ForEachRow(rows, []any{&part, &val}, func() error {
		found[kv.Part(part)] = string(val)
		return nil
	})
	return found, err
}

// moved notes the state row of p and says whether that is news.
func (b *Bus) moved(p kv.Part, val string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.watched[p]
	if w == nil {
		return false
	}
	news := !w.seen || w.val != val
	w.seen, w.val = true, val
	return news
}
