package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"tem/internal/kv"
)

// channel is the name that all nodes listen to.
const channel = "tem_bus"

const (
	gather   = 5 * time.Millisecond // between two rounds of notices
	sendTime = 10 * time.Second     // for one round
	lastTime = time.Second          // for what is left when the bus is closed
)

// sender sends what is pending. It belongs to the goroutine that runs loop.
type sender struct {
	b        *Bus
	conn     *pgx.Conn // nil before the first notice and after an error
	failures int       // in a row
}

// loop ends with ctx. The first notice after a silence goes out at once; what is
// published in the 5 ms after it goes out together.
func (s *sender) loop(ctx context.Context) {
	defer s.hangUp()
	for ctx.Err() == nil {
		select {
		case <-s.b.wake:
			s.round(ctx, sendTime)
			pause(ctx, gather)
		case <-ctx.Done():
		}
	}
	s.round(context.WithoutCancel(ctx), lastTime)
}

// round sends all that is pending; what could not be sent is pending again.
func (s *sender) round(ctx context.Context, limit time.Duration) {
	parts := s.b.takePending()
	if len(parts) == 0 {
		return
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := s.send(limited, parts)
	if err == nil {
		s.failures = 0
		return
	}
	s.b.warn("notices can't be sent", err)
	s.hangUp()
	for _, p := range parts {
		s.b.leave(p)
	}
	pause(ctx, retryPause(s.failures))
	s.failures++
}

// takePending empties the set.
func (b *Bus) takePending() []kv.Part {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]kv.Part, 0, len(b.pending))
	for p := range b.pending {
		list = append(list, p)
	}
	b.pending = make(map[kv.Part]struct{})
	return list
}

// send makes one round trip, in which the server sees one transaction.
func (s *sender) send(ctx context.Context, parts []kv.Part) (err error) {
	if s.conn == nil {
		if s.conn, err = pgx.ConnectConfig(ctx, s.b.conf); err != nil {
			return err
		}
	}
	batch := new(pgx.Batch)
	for _, text := range payloads(s.b.o.Node, parts) {
		batch.Queue(`SELECT pg_notify($1, $2)`, channel, text)
	}
	return s.conn.SendBatch(ctx, batch).Close()
}

func (s *sender) hangUp() {
	if s.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastTime)
	defer cancel()
	s.conn.Close(ctx)
	s.conn = nil
}
