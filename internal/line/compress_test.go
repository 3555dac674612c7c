package line

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
)

// TestCompressedDialogue has both ends rest between lines, and another decoder follow.
func TestCompressedDialogue(t *testing.T) {
	t.Parallel()
	far, near := net.Pipe()
	var sent []byte
	out := &tee{Conn: far, sent: &sent}
	server, client := NewConn(out, Server, Options{}), NewConn(near, Client, Options{})
	if server.Compress() != nil || client.Compress() != nil || !server.Compressed() || server.Compress() == nil {
		t.Fatal("not compressed, or twice")
	}
	dice := rand.New(rand.NewPCG(1, 2))
	var said strings.Builder
	go func() {
		for i := range 300 {
			l := fmt.Sprintf("* %d FETCH (FLAGS (\\Seen) UID %d) %s", i, 7*i, strings.Repeat("x", dice.IntN(3000)))
			said.WriteString(l + "\r\n")
			server.WriteLine(l)
			if server.Flush(); i%3 == 0 {
				server.park()
			}
		}
		server.Close()
	}()
	text, err := io.ReadAll(client)
	if err != nil || string(text) != said.String() {
		t.Errorf("%d octets of %d, %v", len(text), said.Len(), err)
	}
	other, err := io.ReadAll(flate.NewReader(bytes.NewReader(sent)))
	if string(other) != said.String() || err != io.ErrUnexpectedEOF {
		t.Errorf("the other decoder has %d octets of %d, %v", len(other), said.Len(), err)
	}
	if len(sent) > said.Len()/20 {
		t.Errorf("%d octets became %d", said.Len(), len(sent))
	}
}

// tee notes what is written.
type tee struct {
	net.Conn
	sent *[]byte
}

func (t *tee) Write(p []byte) (int, error) {
	*t.sent = append(*t.sent, p...)
	return t.Conn.Write(p)
}

// TestCompressedBulk sends all sorts of octets both ways, larger than the buffers.
func TestCompressedBulk(t *testing.T) {
	t.Parallel()
	server, client := kinds[6].open(t, Options{})
	for name, text := range samples() {
		go func() {
			server.Write(text)
			server.Flush()
		}()
		got := make([]byte, len(text))
		if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCompressBehindTheAnswer has the peer's compressed octets arrive together with its OK.
func TestCompressBehindTheAnswer(t *testing.T) {
	t.Parallel()
	out := &script{}
	server := NewConn(out, Server, Options{})
	server.WriteLine("c OK DEFLATE active")
	server.Compress()
	server.WriteLine("* 23 EXISTS")
	server.Flush()
	client := NewConn(&script{in: []string{strings.Join(out.writes, "")}}, Client, Options{})
	want(t, client, "c OK DEFLATE active")
	client.Compress()
	want(t, client, "* 23 EXISTS")
}

func TestDamagedStreamEnds(t *testing.T) {
	t.Parallel()
	c, _ := server("\x07NOOP\r\n")
	c.Compress()
	for range 2 {
		if _, err := c.ReadLine(); err != errDeflate {
			t.Error(err)
		}
	}
}
