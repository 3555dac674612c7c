package imapserver

import (
	"net"
	"runtime"
	"testing"
	"time"

	"tem/internal/line"
)

// BenchmarkIdle reports what one session costs that waits in IDLE with a
// mailbox of 600 messages open, the client's socket included.
func BenchmarkIdle(b *testing.B) {
	const sessions = 1000
	for b.Loop() {
		s := newServer(b, 600)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		listener := &line.Listener{Net: l, Options: s.Options, Handle: s.Handle}
		done := make(chan error)
		go func() { done <- listener.Run(b.Context()) }()
		before := inUse()
		conns := make([]net.Conn, sessions)
		buf := make([]byte, 64<<10)
		for i := range conns {
			if conns[i], err = net.Dial("tcp", l.Addr().String()); err != nil {
				b.Fatal(err)
			}
			conns[i].Write([]byte("a LOGIN a@x.example \"pass word\"\r\nb SELECT INBOX\r\nc IDLE\r\n"))
			for n := 0; n < 4 || string(buf[n-4:n]) != "ng\r\n"; {
				k, err := conns[i].Read(buf[n:])
				if err != nil {
					b.Fatal(err)
				}
				n += k
			}
		}
		time.Sleep(restAfter + time.Second)
		b.ReportMetric(float64(inUse()-before)/sessions, "B/session")
		for _, c := range conns {
			c.Close()
		}
		l.Close()
		<-done
	}
}

// inUse is the heap and the stacks after some collections, which shrink the stacks.
func inUse() uint64 {
	for range 6 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
