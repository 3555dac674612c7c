package imapserver

import (
	"bufio"
	"net"
	"testing"

	"tem/internal/line"
)

const many = 20000

// BenchmarkFetch lists a large mailbox as a client does when it opens it first.
func BenchmarkFetch(b *testing.B) {
	s := newServer(b, many)
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Handle(b.Context(), line.NewConn(far, line.Server, s.Options()))
	}()
	defer func() { near.Close(); <-done }()
	in := bufio.NewReaderSize(near, 64<<10)
	do := func(command string) {
		near.Write([]byte("x " + command + "\r\n"))
		for {
			text, err := in.ReadSlice('\n')
			if err != nil {
				b.Fatal(err)
			}
			if text[0] == 'x' {
				return
			}
		}
	}
	in.ReadSlice('\n')
	do(`LOGIN a@x.example "pass word"`)
	do("SELECT INBOX")
	b.ReportAllocs()
	for b.Loop() {
		do("FETCH 1:* (UID FLAGS RFC822.SIZE ENVELOPE)")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/message")
}
