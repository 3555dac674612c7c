// Package postgres is the cluster kv engine: every row in one table of a
// PostgreSQL server, version 14 or newer, which any number of nodes share.
//
// The table is tem_kv (part bigint, key bytea, val bytea), ordered by its
// primary key (part, key), in the first schema of the search path. Partitions
// are below 2^63 - 1; partition -1 is the engine's own: the layout's version and
// one row for each committer, from which it learns what became of a transaction
// whose answer was lost. The URL must lead to the server itself or to a pooler
// that keeps sessions: the engine prepares statements and changes settings.
//
// Invariant: a few committers, each with a connection of its own, take batches
// in line as groups; a group is one transaction. It holds, until its end, an
// advisory lock on each partition that it asserts in, so that conditions are
// checked and applied as if no other node were there. No two groups in flight
// share a lane (see lanes), so Submit order is kept. A caller is woken when the
// server has reported the commit, or when the engine has found out after a
// broken connection that it took place. Readers see committed rows only, which
// are durable as far as the server's synchronous_commit goes ("off" is refused).
//
// Writes in partitions in which their batch does not assert are atomic, but two
// transactions of different nodes that both set and delete the same such keys
// are not ordered key by key.
//
// The committers belong to Engine; Close waits for them.
package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tem/internal/kv"
)

// Table is the name of the one table.
const Table = "tem_kv"

// Options say where and how many.
type Options struct {
	URL        string        // as libpq takes it
	Committers int           // transactions in flight at most; 0: 2
	Readers    int           // connections for Views at most, one for each that has read, nested ones too; 0: 24
	Patience   time.Duration // how long a lost server is waited for; 0: 30 s
	Log        *slog.Logger
	OnFatal    func(error) // called once, when the engine can't go on; may be nil

	attempt time.Duration // bounds one try of a group, see attemptTime
}

// Engine is a kv.Engine on a PostgreSQL server. Its methods may be called concurrently.
type Engine struct {
	o     Options
	log   *slog.Logger
	conf  *pgx.ConnConfig
	pool  *pgxpool.Pool // of the readers
	death *kv.Death
	done  sync.WaitGroup // the committers

	mu      sync.Mutex
	changed *sync.Cond // the queue, busy or closing
	queue   []*pending
	busy    map[kv.Part]bool // lanes of the groups in flight
	closing bool
}

// Open connects to the server and makes the table where it is missing.
func Open(ctx context.Context, o Options) (*Engine, error) {
	o.Committers, o.Readers = cmp.Or(o.Committers, 2), cmp.Or(o.Readers, 24)
	o.Patience, o.attempt = cmp.Or(o.Patience, 30*time.Second), cmp.Or(o.attempt, attemptTime)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{o: o, log: o.Log, death: kv.NewDeath(o.OnFatal), busy: make(map[kv.Part]bool)}
	e.changed = sync.NewCond(&e.mu)
	if err := e.open(ctx); err != nil {
		return nil, fmt.Errorf("open the store in PostgreSQL: %w", err)
	}
	node := make([]byte, 16)
	rand.Read(node)
	for i := range o.Committers {
		c := newCommitter(e, append(node[:15:15], byte(i)))
		e.done.Go(c.loop)
	}
	return e, nil
}

func (e *Engine) open(ctx context.Context) error {
	conf, err := pgxpool.ParseConfig(e.o.URL)
	if err != nil {
		return err
	}
	conf.MaxConns = int32(e.o.Readers)
	conf.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	conf.ConnConfig.DialFunc = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	conf.AfterConnect = e.greet
	e.conf = conf.ConnConfig.Copy()
	if err := createTable(ctx, e.conf); err != nil {
		return err
	}
	conn, err := e.connect(ctx) // what is wrong with the server is said now
	if err != nil {
		return err
	}
	conn.Close(ctx)
	e.pool, err = pgxpool.NewWithConfig(ctx, conf)
	return err
}

// keepAlive lets a read from a host that is gone end after half a minute.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 4}

// connect makes a connection that belongs to the caller.
func (e *Engine) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, e.conf)
	if err != nil {
		return nil, err
	}
	if err := e.greet(ctx, conn); err != nil {
		conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// greet prepares a new connection. A table of a newer layout is the end of this
// engine: another node has been upgraded.
func (e *Engine) greet(ctx context.Context, conn *pgx.Conn) error {
	err := prepareSession(ctx, conn)
	if errors.Is(err, errLayout) {
		e.death.Die(err)
	}
	return err
}

// Close lets the batches in line finish, then closes the connections. It waits
// for the Views that run.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closing = true
	e.changed.Broadcast()
	e.mu.Unlock()
	e.done.Wait()
	e.pool.Close()
	return e.death.Err()
}

// isClosing says that nothing is accepted any more.
func (e *Engine) isClosing() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closing
}

// maxPart is the highest partition: its successor is still a bigint.
const maxPart = 1<<63 - 2

// checkPart refuses what the column can't hold.
func checkPart(p kv.Part) error {
	if p > maxPart {
		return fmt.Errorf("kv: partition %d is above %d, the highest that PostgreSQL can hold", p, int64(maxPart))
	}
	return nil
}

// appendID appends the identity of a key: its partition in 8 octets, big-endian,
// then key. Identities sort as the table does.
func appendID(dst []byte, p kv.Part, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(dst, uint64(p)), key...)
}

// endID is the exclusive end of a range; nil hi is the end of the partition.
func endID(p kv.Part, hi []byte) string {
	if hi == nil {
		p++
	}
	return string(appendID(nil, p, hi))
}

// splitID returns the two columns of an identity.
func splitID(id string) (part int64, key []byte) {
	b := []byte(id)
	return int64(binary.BigEndian.Uint64(b)), b[8:]
}
