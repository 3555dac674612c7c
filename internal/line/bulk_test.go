package line

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
)

// TestReadFrom buffers from a reader, between lines, with and without a tap.
func TestReadFrom(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("I love Computer Network\r\n", 10_000)
	for _, tap := range []*counter{nil, {}} {
		o := Options{}
		if tap != nil {
			o.Tap = tap
		}
		out := &script{}
		c := NewConn(out, Server, o)
		c.WriteLine("* 1 FETCH (BODY[] {250000}")
		n, err := io.Copy(c, io.LimitReader(strings.NewReader(text), 1<<30))
		c.WriteLine(")")
		if ferr := c.Flush(); n != int64(len(text)) || err != nil || ferr != nil {
			t.Error(n, err, ferr)
		}
		if got := strings.Join(out.writes, ""); got != "* 1 FETCH (BODY[] {250000}\r\n"+text+")\r\n" {
			t.Errorf("%d octets were sent", len(got))
		}
		if tap != nil && tap.data.String() != text {
			t.Errorf("the tap saw %d octets", tap.data.Len())
		}
	}
}

// counter is a tap that keeps the content.
type counter struct{ data bytes.Buffer }

func (c *counter) Event(e Event) {
	if e.Kind == Data {
		c.data.Write(e.Text)
	}
}

// BenchmarkBulk sends bodies of 50 KB from a section to a peer that throws them away.
func BenchmarkBulk(b *testing.B) {
	for _, k := range kinds {
		if k.tcp {
			b.Run(k.name, func(b *testing.B) { benchmarkBulk(b, k) })
		}
	}
}

func benchmarkBulk(b *testing.B, k kind) {
	server, client := k.open(b, Options{})
	bottom := client.bottom()
	go io.Copy(io.Discard, struct{ io.Reader }{bottom})
	body := bytes.NewReader([]byte(strings.Repeat("I love Computer Network\r\n", 2000)))
	b.SetBytes(body.Size())
	b.ReportAllocs()
	for b.Loop() {
		server.WriteLine("* 1 FETCH (BODY[] {50000}")
		if _, err := io.Copy(server, io.LimitReader(io.NewSectionReader(body, 0, body.Size()), body.Size())); err != nil {
			b.Fatal(err)
		}
		server.WriteLine(")")
	}
	server.Flush()
}

// BenchmarkLiteral is a client that sends a literal and the end of its line in
// two writes, with Nagle's algorithm on, as many do.
func BenchmarkLiteral(b *testing.B) {
	server, client := kinds[2].open(b, Options{})
	nc := client.bottom().(*net.TCPConn)
	nc.SetNoDelay(false)
	go func() {
		literal := make([]byte, 100)
		for {
			if _, err := server.ReadLine(); err != nil {
				return
			}
			server.WriteLine("+ go ahead")
			io.ReadFull(server, literal)
			server.ReadLine()
			server.WriteLine("a OK")
		}
	}()
	for b.Loop() {
		nc.Write([]byte("a APPEND INBOX {100}\r\n"))
		if _, err := client.ReadLine(); err != nil {
			b.Fatal(err)
		}
		nc.Write(make([]byte, 100))
		nc.Write([]byte("\r\n"))
		if _, err := client.ReadLine(); err != nil {
			b.Fatal(err)
		}
	}
	server.Interrupt()
}
