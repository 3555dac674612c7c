package imapserver

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/line"
)

const flood = 100_000

// flooded starts a session and writes many commands into it, none of whose
// answers is read yet; sent is closed when all are written, or no more can be.
func flooded(t *testing.T, s *Server) (near net.Conn, sent, ended chan struct{}) {
	near, far := net.Pipe()
	sent, ended = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		s.Handle(t.Context(), line.NewConn(far, line.Server, s.Options()))
	}()
	go func() {
		defer close(sent)
		near.Write(bytes.Repeat([]byte("a NOOP\r\n"), flood))
	}()
	return near, sent, ended
}

// TestFloodIsHeldBack: commands whose answers nobody reads are not read either,
// take no memory, and the session ends.
func TestFloodIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, 0)
		before := heap()
		near, sent, ended := flooded(t, s)
		defer near.Close()
		synctest.Wait()                              // until nothing goes on any more
		if grown := heap() - before; grown > 2<<20 { // the commands themselves are 800 kB
			t.Errorf("%d octets are held for a client that does not read", grown)
		}
		select {
		case <-sent:
			t.Error("all commands were read")
		default:
		}
		began := time.Now()
		<-ended
		if took := time.Since(began); took > 6*time.Minute {
			t.Errorf("the session went on for %v", took)
		}
		<-sent
	})
}

// TestFloodIsAnswered: once the answers are read, there is one for each.
func TestFloodIsAnswered(t *testing.T) {
	t.Parallel()
	near, sent, ended := flooded(t, newServer(t, 0))
	answers := bytes.Repeat([]byte("a OK NOOP done\r\n"), flood)
	in := make([]byte, len(answers))
	greeting := make([]byte, 1)
	for greeting[0] != '\n' {
		if _, err := near.Read(greeting); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.ReadFull(near, in); err != nil || !bytes.Equal(in, answers) {
		t.Errorf("%v; the answers are not one for each command", err)
	}
	<-sent
	near.Close()
	<-ended
}

// heap is what is in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
