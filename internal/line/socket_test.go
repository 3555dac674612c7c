//go:build unix

package line

import (
	"syscall"
	"testing"
	"time"
)

// waitToTheEnd waits until the network had nothing to say for a moment.
func waitToTheEnd(t *testing.T, c *Conn) {
	t.Helper()
	for d := time.Millisecond; ; d *= 2 {
		c.sock.err = nil
		if err := c.Wait(time.Now().Add(d)); !isTimeout(err) {
			t.Fatal(err)
		}
		if c.sock.err == syscall.EAGAIN { // it was asked before the time was over
			return
		}
	}
}

func TestWaitHoldsNoBuffers(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		if !k.tcp {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			server, client := k.open(t, Options{})
			client.WriteLine("a NOOP")
			client.Flush()
			want(t, server, "a NOOP")
			server.WriteLine("a OK")
			waitToTheEnd(t, server)
			if server.in != nil || server.out != nil {
				t.Errorf("%d and %d octets of buffers are held", len(server.in), cap(server.out))
			}
			want(t, client, "a OK")
		})
	}
}

// TestCompressedAtRest holds nothing but the ends of what was said.
func TestCompressedAtRest(t *testing.T) {
	t.Parallel()
	server, client := kinds[6].open(t, Options{})
	client.WriteLine("a NOOP")
	client.Flush()
	want(t, server, "a NOOP")
	server.WriteLine("a OK")
	waitToTheEnd(t, server)
	if server.deflater.w != nil || server.deflater.to != nil || server.unpacker.from != nil || server.unpacker.codes != nil {
		t.Error("something is held")
	}
	if n := cap(server.deflater.tail) + len(server.unpacker.ring); n > 1024 {
		t.Errorf("%d octets are held", n)
	}
	want(t, client, "a OK")
}
