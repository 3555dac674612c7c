package app

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/config"
	"tem/internal/line"
)

// TestDrain stops a server while a client does not read what it is sent.
func TestDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		c := line.NewConn(ours, line.Server, line.Options{})
		s := &Server{config: config.Config{Limits: config.Limits{Drain: config.Duration(20 * time.Second)}}}
		ctx, stop := context.WithCancel(t.Context())
		handle := s.drained(func(_ context.Context, c *line.Conn) {
			c.WriteLine("nobody reads this")
			c.Flush()
		})
		stop()
		began := time.Now()
		handle(ctx, c)
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("the session was held for %v, want the 20s of drain", took)
		}
	})
}
