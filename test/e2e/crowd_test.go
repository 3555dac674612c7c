package e2e

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestCrowd holds many silent and many greedy clients at once: memory stays
// bounded, and the next client is served.
func TestCrowd(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.Servers[1]
	before := l.RSS(t)
	t.Run("silent", func(t *testing.T) {
		for range 150 {
			for _, service := range []string{"smtp", "pop3", "imap"} {
				c, err := net.Dial("tcp", s.At(service))
				must(t, err)
				t.Cleanup(func() { c.Close() })
				io.WriteString(c, "NO") // the beginning of a command that never ends
			}
		}
		eventually(t, "the next client", testTime, func() bool { return served(s) })
		if grown := l.RSS(t) - before; grown > 100<<20 {
			t.Errorf("450 silent clients took %d MiB", grown>>20)
		}
	})
	t.Run("greedy", func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				c, err := dialSMTP(s.At("smtp"), nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				text := strings.Repeat(strings.Repeat("x", 78)+"\r\n", 100_000) // 8 MB
				if err := c.send("alice@crepes.fr", []string{s.Accounts[i%2].Address}, "Subject: large\r\n\r\n"+text); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if grown := l.RSS(t) - before; grown > 250<<20 {
			t.Errorf("16 letters of 8 MB at once took %d MiB", grown>>20)
		}
	})
	if !served(s) {
		t.Error("the next client is not served")
	}
}

// served says whether a new client gets a letter through.
func served(s town) bool {
	c, err := dialSMTP(s.At("smtp"), nil)
	if err != nil {
		return false
	}
	defer c.Close()
	return c.send("alice@crepes.fr", []string{s.Accounts[0].Address}, fmt.Sprintf("Subject: %d\r\n\r\nhello\r\n", time.Now().UnixNano())) == nil
}
