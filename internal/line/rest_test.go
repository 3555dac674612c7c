package line

import (
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"
)

// BenchmarkRest has 1,000 connections in Wait, each after a short dialogue, and
// reports what one costs the server in memory: heap and stack. The clients are
// bare sockets behind one goroutine at a time; what they cost, some hundred octets, is in it.
func BenchmarkRest(b *testing.B) {
	for _, k := range kinds {
		if k.tcp {
			b.Run(k.name, func(b *testing.B) { benchmarkRest(b, k) })
		}
	}
}

const resting = 1000

func benchmarkRest(b *testing.B, k kind) {
	for b.Loop() {
		before := memory()
		ended := make(chan error)
		servers, clients := make([]*Conn, resting), make([]net.Conn, resting)
		for i := range resting {
			server, client := k.open(b, Options{Session: "bench"})
			client.WriteLine("a1 SELECT INBOX")
			if err := client.Flush(); err != nil {
				b.Fatal(err)
			}
			go func() { ended <- greetAndRest(server) }()
			for range 20 {
				if _, err := client.ReadLine(); err != nil {
					b.Fatal(err)
				}
			}
			servers[i], clients[i] = server, client.bottom()
		}
		time.Sleep(100 * time.Millisecond) // there is no telling when the last has come to rest
		after := memory()
		b.ReportMetric(float64(after.heap-before.heap)/resting, "heap-bytes/conn")
		b.ReportMetric(float64(after.stack-before.stack)/resting, "stack-bytes/conn")
		for i := range resting {
			servers[i].Nudge()
			if err := <-ended; err != ErrNudged {
				b.Fatal(err)
			}
			servers[i].bottom().Close()
			clients[i].Close()
		}
	}
}

// greetAndRest is a session: it answers one command and waits.
func greetAndRest(c *Conn) error {
	if _, err := c.ReadLine(); err != nil {
		return err
	}
	for i := range 20 {
		c.WriteLine(fmt.Sprintf("* LIST () \"/\" \"Folder %d\"", i))
	}
	return c.Wait(time.Time{})
}

// usage is memory in use, in octets.
type usage struct{ heap, stack int64 }

// memory is what is in use after several collections: each halves the stacks that are too large.
func memory() usage {
	for range 6 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{int64(m.HeapAlloc), int64(m.StackInuse)}
}
