package imapserver

import (
	"bytes"
	"net"
	"runtime"
	"testing"
	"time"

	"tem/internal/line"
)

// BenchmarkIdle reports what one session costs that waits in IDLE, or after
// NOTIFY for all its mailboxes, with a mailbox of 600 messages open, the
// client's socket included.
func BenchmarkIdle(b *testing.B) {
	b.Run("IDLE", func(b *testing.B) { benchRest(b, "IDLE", "+ idling\r\n") })
	b.Run("NOTIFY", func(b *testing.B) {
		benchRest(b, "NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MessageNew MessageExpunge MailboxName))", "c OK NOTIFY done\r\n")
	})
}

func benchRest(b *testing.B, command, answer string) {
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
			conns[i].Write([]byte("a LOGIN a@x.example \"pass word\"\r\nb SELECT INBOX\r\nc " + command + "\r\n"))
			for n := 0; !bytes.HasSuffix(buf[:n], []byte(answer)); {
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
