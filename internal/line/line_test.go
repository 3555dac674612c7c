package line

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// script is a connection that gives each of its pieces to one Read.
type script struct {
	net.Conn
	in     []string
	writes []string
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.in[0])
	if s.in[0] = s.in[0][n:]; s.in[0] == "" {
		s.in = s.in[1:]
	}
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.writes = append(s.writes, string(p))
	return len(p), nil
}
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }
func (*script) Close() error                     { return nil }
func (*script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

func server(pieces ...string) (*Conn, *script) {
	s := &script{in: pieces}
	return NewConn(s, Server, Options{MaxLine: 100}), s
}

func TestReadLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	for _, tt := range []struct {
		in   string
		line string
		err  error
	}{
		{"NOOP\r\n", "NOOP", nil},
		{"\r\n", "", nil},
		{"NOOP\n", "NOOP", ErrBareNewline},
		{"NO\rOP\r\n", "NO\rOP\r", ErrBareNewline},
		{"NOOP\r\r\n", "NOOP\r\r", ErrBareNewline},
		{"NOOP", "", io.ErrUnexpectedEOF},
		{"", "", io.EOF},
		{long + "\r\n", long[:beginning], ErrTooLong},
		{strings.Repeat("x", 98) + "\r\n", strings.Repeat("x", 98), nil},
		{strings.Repeat("x", 99) + "\r\n", strings.Repeat("x", beginning), ErrTooLong},
	} {
		for _, piece := range []int{1, 7, 1 << 20} {
			c, _ := server(cut(tt.in, piece)...)
			l, err := c.ReadLine()
			if string(l) != tt.line || !errors.Is(err, tt.err) {
				t.Errorf("%.20q by %d: %q, %v", tt.in, piece, l, err)
			}
		}
	}
}

func cut(s string, n int) (pieces []string) {
	for len(s) > n {
		pieces = append(pieces, s[:n])
		s = s[n:]
	}
	return append(pieces, s)[:len(pieces)+min(1, len(s))]
}

func TestLineAfterTooLong(t *testing.T) {
	t.Parallel()
	c, _ := server(cut(strings.Repeat("x", 300_000)+"\r\nNOOP\r\n", 1000)...)
	if _, err := c.ReadLine(); err != ErrTooLong {
		t.Fatal(err)
	}
	if l, err := c.ReadLine(); string(l) != "NOOP" || err != nil {
		t.Errorf("%q, %v", l, err)
	}
	if len(c.in) > maxBuffer {
		t.Errorf("the buffer grew to %d", len(c.in))
	}
}

func TestDotReader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in, text string
		strict         error // nil: io.EOF
	}{
		{"plain", "a\r\nb\r\n.\r\n", "a\r\nb\r\n", nil},
		{"empty", ".\r\n", "", nil},
		{"stuffed", "..\r\n..a\r\n.b\r\n.\r\n", ".\r\n.a\r\nb\r\n", nil},
		{"LF . CRLF", "a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", ErrBareNewline},
		{"CRLF . LF", "a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", ErrBareNewline},
		{"LF . LF", "a\n.\nb\r\n.\r\n", "a\n.\nb\r\n", ErrBareNewline},
		{"CR . CR", "a\r.\rb\r\nc\r\n.\r\n", "a\r.\rb\r\nc\r\n", ErrBareNewline},
		{"CRLF . CR", "a\r\n.\rb\r\nc\r\n.\r\n", "a\r\n\rb\r\nc\r\n", ErrBareNewline},
		{"CR CRLF . CRLF", "a\r\r\n.\r\n", "a\r\r\n", ErrAmbiguousEnd},
		{"CR CRLF b CRLF . CRLF", "a\r\r\nb\r\n.\r\n", "a\r\r\nb\r\n", ErrBareNewline},
		{"CRLF . CR CRLF", "a\r\n.\r\r\nb\r\n.\r\n", "a\r\n\r\r\nb\r\n", ErrBareNewline},
		{"NUL", "a\x00\r\n.\r\n", "a\x00\r\n", nil},
	} {
		for _, piece := range []int{1, 2, 3, 5, 100} {
			for _, read := range []int{1, 2, 3, 100} {
				c, _ := server(cut(tt.in+"NEXT\r\n", piece)...)
				text, err := slurp(c.DotReader(true), read)
				want := tt.strict
				if want == nil {
					want = io.EOF
				}
				next, _ := c.ReadLine()
				if text != tt.text || err != want || string(next) != "NEXT" {
					t.Errorf("%s by %d, %d: %q, %v, then %q", tt.name, piece, read, text, err, next)
				}
			}
		}
	}
}

func slurp(r io.Reader, n int) (string, error) {
	var all []byte
	p := make([]byte, n)
	for {
		n, err := r.Read(p)
		all = append(all, p[:n]...)
		if err != nil {
			return string(all), err
		}
	}
}

func TestDotReaderCutShort(t *testing.T) {
	t.Parallel()
	c, _ := server("a\r\n.\r")
	if _, err := slurp(c.DotReader(true), 10); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
}

// doubled is a text as a reader sees it who takes only CRLF for a line end: dots
// behind a bare LF are there twice.
func doubled(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if text[i] == '.' && i > 0 && text[i-1] == '\n' && (i == 1 || text[i-2] != '\r') {
			b.WriteByte('.')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// What ends a text for a reader that takes a bare LF for a line end is not sent.
func TestNoEndBehindABareLF(t *testing.T) {
	t.Parallel()
	out := &script{}
	c := NewConn(out, Client, Options{})
	w := c.DotWriter()
	for _, piece := range []string{"a\n", ".", "\r\nb\n.\nc\r\n"} {
		io.WriteString(w, piece)
	}
	w.Close()
	c.Flush()
	if got, want := strings.Join(out.writes, ""), "a\n..\r\nb\n..\nc\r\n.\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzDot(f *testing.F) {
	f.Add([]byte("a\r\n.b\r\n"), 3)
	f.Add([]byte(".\r\n.\r\n.."), 1)
	f.Add([]byte("\r\n.\n\r.\r"), 2)
	f.Add([]byte("\n.\r\n\n..\n\n."), 2)
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		n = max(1, min(n, 1000))
		out := &script{}
		c := NewConn(out, Client, Options{})
		w := c.DotWriter()
		for p := range bytes.SplitAfterSeq(text, []byte("\r")) {
			w.Write(p)
		}
		w.Close()
		c.Flush()
		in, _ := server(cut(strings.Join(out.writes, ""), n)...)
		got, err := slurp(in.DotReader(false), n)
		want := doubled(string(text))
		if want != "" && !strings.HasSuffix(want, "\r\n") {
			want += "\r\n"
		}
		if got != want || err != io.EOF {
			t.Errorf("%q became %q, %v", want, got, err)
		}
	})
}

func TestOneWriteForABatch(t *testing.T) {
	t.Parallel()
	c, s := server("a\r\nb\r\nc\r\n")
	for range 3 {
		l, _ := c.ReadLine()
		c.WriteLine("got " + string(l))
	}
	c.ReadLine()
	if len(s.writes) != 1 || s.writes[0] != "got a\r\ngot b\r\ngot c\r\n" {
		t.Errorf("%q", s.writes)
	}
}

func TestTimeoutAndInterrupt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, srv := net.Pipe()
		defer client.Close()
		c := NewConn(srv, Server, Options{})
		start := time.Now()
		go func() { // an octet a minute is no line
			for range 4 {
				time.Sleep(time.Minute)
				client.Write([]byte("x"))
			}
		}()
		if _, err := c.ReadLine(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 5*time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		time.AfterFunc(time.Minute, c.Interrupt)
		if _, err := c.ReadLine(); err != ErrInterrupted {
			t.Error(err)
		}
		if _, err := c.ReadLine(); err != ErrInterrupted {
			t.Error(err)
		}
		go io.Copy(io.Discard, client)
		c.WriteLine("421 bye")
		if err := c.Flush(); err != nil {
			t.Error(err)
		}
		c.Close()
	})
}

func TestPrinter(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &Printer{W: &out, MaxData: 29}
	s := &script{in: []string{"EHLO a\r\nAUTH PLAIN xyz\r\nc2VjcmV0\r\nDATA\r\nI love ", "Computer Network\r\n\x1b[2J and much more\r\n.\r\n"}}
	c := NewConn(s, Server, Options{Tap: p, Redact: func(l []byte) []byte {
		return bytes.ReplaceAll(l, []byte("xyz"), []byte("‹secret›"))
	}})
	c.WriteLine("220 hanoi")
	c.Note("TLS 1.3")
	c.ReadLine()
	c.ReadLine()
	c.Secret(true)
	c.ReadLine()
	c.Secret(false)
	c.ReadLine()
	c.WriteLine("354 go")
	slurp(c.DotReader(true), 1000)
	c.WriteLine("250 ok")
	c.Close()
	want := `Server : 220 hanoi
  *    : TLS 1.3
Client : EHLO a
Client : AUTH PLAIN ‹secret›
Client : ‹secret 8 bytes›
Client : DATA
Server : 354 go
Client : I love Computer Network
\x1b[2J
  *    : … 16 more octets
.
Server : 250 ok
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestListener(t *testing.T) {
	t.Parallel()
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ended sync.WaitGroup
	ended.Add(1)
	l := &Listener{Net: nl, Limits: Limits{PerAddress: 1}, Refuse: "421 full", Handle: func(_ context.Context, c *Conn) {
		defer ended.Done()
		c.WriteLine("220 hello")
		_, err := c.ReadLine()
		if err != ErrInterrupted {
			t.Error(err)
		}
		c.WriteLine("421 bye")
	}}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- l.Run(ctx) }()
	first := dial(t, nl)
	want(t, first, "220 hello")
	want(t, dial(t, nl), "421 full")
	cancel()
	want(t, first, "421 bye")
	if err := <-ran; err != nil {
		t.Error(err)
	}
	ended.Wait()
}

func dial(t *testing.T, nl net.Listener) *Conn {
	t.Helper()
	nc, err := net.Dial("tcp", nl.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := NewConn(nc, Client, Options{ReadTimeout: 10 * time.Second})
	t.Cleanup(func() { c.Close() })
	return c
}

func want(t *testing.T, c *Conn, l string) {
	t.Helper()
	got, err := c.ReadLine()
	if string(got) != l || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, l)
	}
}

func BenchmarkDotReader(b *testing.B) {
	text := strings.Repeat(strings.Repeat("x", 76)+"\r\n", 800) + ".\r\n"
	b.SetBytes(int64(len(text)))
	p := make([]byte, 16<<10)
	for b.Loop() {
		c, _ := server(text)
		for r := c.DotReader(true); ; {
			if _, err := r.Read(p); err != nil {
				break
			}
		}
	}
}

func TestPrinterDisarmsTerminals(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.Write(AppendVisible(nil, []byte("Th\u01b0\t\x1b[2J\u009b1m\u202ereversed\x85\x7f")))
	if got, want := b.String(), "Th\u01b0\t\\x1b[2J\\u009b1m\\u202ereversed\\x85\\x7f"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
