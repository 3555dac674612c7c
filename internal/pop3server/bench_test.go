package pop3server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"tem/internal/blob/memory"
	"tem/internal/bus/local"
	"tem/internal/directory"
	"tem/internal/kv/pebble"
	"tem/internal/mail"
)

// newBench is a server on a disk with one account that has n letters of 4 KiB.
func newBench(b *testing.B, n int) house {
	b.Helper()
	ctx := b.Context()
	kv, err := pebble.Open(pebble.Options{Dir: filepath.Join(b.TempDir(), "kv")})
	must(b, err)
	b.Cleanup(func() { kv.Close() })
	store, err := mail.Open(ctx, mail.Options{KV: kv, Blobs: memory.New(), Bus: local.New()})
	must(b, err)
	dir, err := directory.Open(ctx, directory.Options{KV: kv})
	must(b, err)
	h := house{Server: New(Options{
		Hostname: "mail.hanoi.example", Auth: dir, Mail: store, Directory: dir, InsecureAuth: func(net.Addr) bool { return true },
	})}
	h.inbox = store.Account(addAn(b, dir).ID)
	h.fill(b, n)
	return h
}

// fill copies one letter until INBOX has n.
func (h house) fill(b *testing.B, n int) {
	b.Helper()
	header := "From: Nguyen <an@hanoi.example>\r\nTo: linh@hanoi.example\r\nSubject: letter\r\nMessage-ID: <%d@hanoi.example>\r\n\r\n"
	for i := range min(n, 1000) {
		h.deliver(b, fmt.Sprintf(header, i)+strings.Repeat(strings.Repeat("x", 62)+"\r\n", 62))
	}
	for have := 1000; have < n; have += 1000 {
		box, items, err := h.inbox.List(b.Context(), inboxID(b, h.inbox))
		must(b, err)
		var uids []mail.UID
		for _, i := range items[:1000] {
			uids = append(uids, i.UID)
		}
		_, err = h.inbox.Copy(b.Context(), box.ID, uids, "INBOX")
		must(b, err)
	}
}

// talk starts a session over TCP that is logged in.
func (h house) talk(b *testing.B) (net.Conn, *bufio.Reader) {
	b.Helper()
	near, far := tcpPipe(b)
	done := h.serve(far)
	b.Cleanup(func() { near.Close(); <-done })
	return near, bufio.NewReaderSize(near, 64<<10)
}

// skip reads n answers of one line and, of each multi, the lines up to the dot.
func skip(b *testing.B, in *bufio.Reader, n int, multi bool) {
	for range n {
		l, err := in.ReadSlice('\n')
		if err != nil || l[0] != '+' {
			b.Fatalf("%q %v", l, err)
		}
		for multi && !bytes.Equal(l, []byte(".\r\n")) {
			if l, err = in.ReadSlice('\n'); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkOpen logs in, says STAT and UIDL of 10,000 messages, and leaves.
func BenchmarkOpen(b *testing.B) {
	h := newBench(b, 10000)
	b.ReportAllocs()
	for b.Loop() {
		near, in := h.talk(b)
		io.WriteString(near, "USER an@hanoi.example\r\nPASS secret\r\nSTAT\r\nUIDL\r\nQUIT\r\n")
		skip(b, in, 4, false)
		skip(b, in, 1, true)
		skip(b, in, 1, false)
		if _, err := in.ReadByte(); err != io.EOF { // the lock is given back
			b.Fatal(err)
		}
		near.Close()
	}
}

// BenchmarkRetr fetches 1,000 messages of 4 KiB, one command after the other's
// answer, or all commands at once.
func BenchmarkRetr(b *testing.B) {
	h := newBench(b, 1000)
	near, in := h.talk(b)
	io.WriteString(near, "USER an@hanoi.example\r\nPASS secret\r\n")
	skip(b, in, 3, false)
	b.Run("one", func(b *testing.B) {
		b.SetBytes(1000 * 4096)
		b.ReportAllocs()
		for b.Loop() {
			for i := range 1000 {
				fmt.Fprintf(near, "RETR %d\r\n", i+1)
				skip(b, in, 1, true)
			}
		}
	})
	b.Run("pipelined", func(b *testing.B) {
		b.SetBytes(1000 * 4096)
		b.ReportAllocs()
		for b.Loop() {
			go func() {
				for i := range 1000 {
					fmt.Fprintf(near, "RETR %d\r\n", i+1)
				}
			}()
			skip(b, in, 1000, true)
		}
	})
}
