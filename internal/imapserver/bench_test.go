package imapserver

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	blobmemory "tem/internal/blob/memory"
	"tem/internal/kv/pebble"
	"tem/internal/line"
	"tem/internal/mail"
)

const many = 20000

// listener is a client that reads answers without looking at them.
type listener struct {
	b  testing.TB
	nc net.Conn
	in *bufio.Reader
	n  int64
}

// listen starts a session over TCP that has INBOX open.
func listen(b testing.TB, s *Server) *listener {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if far, err := l.Accept(); err == nil {
			s.Handle(b.Context(), line.NewConn(far, line.Server, s.Options()))
		}
	}()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { near.Close(); <-done; l.Close() })
	c := &listener{b, near, bufio.NewReaderSize(near, 256<<10), 0}
	c.in.ReadSlice('\n')
	c.do(`LOGIN a@x.example "pass word"`)
	c.do("SELECT INBOX")
	return c
}

// do sends a command and reads to its end.
func (c *listener) do(command string) {
	c.nc.Write([]byte("x " + command + "\r\n"))
	for {
		text, err := c.in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			c.b.Fatal(err)
		}
		if c.n += int64(len(text)); len(text) > 2 && text[0] == 'x' && text[1] == ' ' {
			return
		}
	}
}

// BenchmarkFetch lists a large mailbox as a client does when it opens it first.
func BenchmarkFetch(b *testing.B) {
	c := listen(b, newServer(b, many))
	b.ReportAllocs()
	for b.Loop() {
		c.do("FETCH 1:* (UID FLAGS RFC822.SIZE ENVELOPE)")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/message")
}

// BenchmarkFields lists it as a client does that wants fields of headers, alone
// and beside what takes the metadata as well.
func BenchmarkFields(b *testing.B) {
	for _, items := range []string{"UID FLAGS RFC822.SIZE", "BODYSTRUCTURE"} {
		b.Run(items, func(b *testing.B) {
			c := listen(b, newServer(b, many))
			b.ReportAllocs()
			for b.Loop() {
				c.do("FETCH 1:* (" + items + " BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date Message-ID References X-Priority)])")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/message")
		})
	}
}

// BenchmarkBodies reads 2,000 letters of 4 KiB from a store on the disk.
func BenchmarkBodies(b *testing.B) {
	const letters = 2000
	engine, err := pebble.Open(pebble.Options{Dir: filepath.Join(b.TempDir(), "kv")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { engine.Close() })
	s := newServerOn(b, 0, mail.Options{KV: engine, Blobs: blobmemory.New()})
	for i := range letters {
		deliver(b, s, letter+fmt.Sprintln(i)+strings.Repeat(strings.Repeat("text ", 15)+"\r\n", 51), time.Time{})
	}
	c := listen(b, s)
	before := c.n
	b.ReportAllocs()
	for b.Loop() {
		c.do("FETCH 1:* BODY.PEEK[]")
	}
	b.SetBytes((c.n - before) / int64(b.N))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/letters, "ns/message")
}
