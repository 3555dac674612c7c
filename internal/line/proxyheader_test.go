package line

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// header2 is a header of version 2; sum adds a checksum, wrong by what is given.
func header2(command, family byte, rest string) string {
	h := []byte(proxySignature + string([]byte{command, family}))
	h = binary.BigEndian.AppendUint16(h, uint16(len(rest)))
	return string(h) + rest
}

func summed(h string, wrong uint32) string {
	b := []byte(h + "\x03\x00\x04\x00\x00\x00\x00")
	binary.BigEndian.PutUint16(b[14:], uint16(len(b)-16))
	sum := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(b[len(b)-4:], sum+wrong)
	return string(b)
}

const four = "\xc0\x00\x02\x01\xc0\x00\x02\x02\x1f\x90\x00\x19"

func TestProxyHeader(t *testing.T) {
	t.Parallel()
	six := strings.Repeat("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", 2) + "\x1f\x90\x00\x19"
	for in, want := range map[string]string{
		"PROXY TCP4 192.0.2.1 192.0.2.2 8080 25\r\n":                         "192.0.2.1:8080 192.0.2.2:25",
		"PROXY TCP6 2001:db8::1 2001:db8::2 8080 25\r\n":                     "[2001:db8::1]:8080 [2001:db8::2]:25",
		"PROXY UNKNOWN\r\n":                                                  "none",
		"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n":                              "none",
		"PROXY UNKNOWN " + strings.Repeat("x", 91) + "\r\n":                  "none",
		"PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n":                  "",
		"PROXY TCP4 192.0.2.1 192.0.2.2 8080\r\n":                            "",
		"PROXY TCP4 2001:db8::1 2001:db8::2 8080 25\r\n":                     "",
		"PROXY TCP4 192.0.2.1 192.0.2.2 8080 65536\r\n":                      "",
		"PROXY TCP4 192.0.2.1 192.0.2.2 8080 25\n" + strings.Repeat(" ", 90): "",
		"PROXY TCP6 fe80::1%eth0 ::1 8080 25\r\n":                            "",
		"EHLO mail.example.com\r\n":                                          "",
		header2(0x21, 0x11, four):                                            "192.0.2.1:8080 192.0.2.2:25",
		header2(0x21, 0x21, six):                                             "[2001:db8::1]:8080 [2001:db8::1]:25",
		header2(0x21, 0x11, four+"\x02\x00\x03abc"):                          "192.0.2.1:8080 192.0.2.2:25",
		summed(header2(0x21, 0x11, four), 0):                                 "192.0.2.1:8080 192.0.2.2:25",
		summed(header2(0x21, 0x11, four), 1):                                 "",
		header2(0x20, 0x00, ""):                                              "none",
		header2(0x20, 0x11, four):                                            "none",
		header2(0x21, 0x00, "\x02\x00\x01a"):                                 "none",
		header2(0x21, 0x12, four):                                            "none",
		header2(0x21, 0x31, strings.Repeat("a", 216)):                        "none",
		header2(0x21, 0x11, four[:11]):                                       "",
		header2(0x21, 0x11, four+"\x02\x00\x04abc"):                          "",
		header2(0x21, 0x11, four+"\x02\x00"):                                 "",
		header2(0x22, 0x11, four):                                            "",
		header2(0x11, 0x11, four):                                            "",
		header2(0x21, 0x11, four+strings.Repeat("x", maxProxy2)):             "",
	} {
		r := strings.NewReader(in + "220")
		from, to, err := readProxy(r)
		got := ""
		switch {
		case err == nil && from == nil:
			got = "none"
		case err == nil:
			got = from.String() + " " + to.String()
		}
		if got != want {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
		if rest, _ := io.ReadAll(r); want != "" && string(rest) != "220" {
			t.Errorf("%q: took what is behind it, all but %q", in, rest)
		}
	}
}

func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 192.0.2.2 8080 25\r\n"))
	f.Add([]byte(header2(0x21, 0x11, four)))
	f.Add([]byte(summed(header2(0x21, 0x11, four), 0)))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		from, to, err := readProxy(r)
		if (from == nil) != (to == nil) || err != nil && from != nil {
			t.Errorf("%q: %v %v %v", in, from, to, err)
		}
		if took := len(in) - r.Len(); took > 16+maxProxy2 {
			t.Errorf("took %d octets", took)
		}
	})
}

// feeder is a net.Listener of connections that a test makes.
type feeder struct {
	conns chan net.Conn
	done  chan struct{}
}

func (f *feeder) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.done:
		return nil, net.ErrClosed
	}
}
func (f *feeder) Close() error   { close(f.done); return nil }
func (f *feeder) Addr() net.Addr { return &net.TCPAddr{} }

// from is a connection whose peer is at another address.
type fromAddr struct {
	net.Conn
	remote string
}

func (c fromAddr) RemoteAddr() net.Addr {
	a, _ := net.ResolveTCPAddr("tcp", c.remote)
	return a
}

// A proxy's clients count for themselves; what is said without a header, in
// the wrong place or too late, is not listened to.
func TestListenerBehindProxy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var silent []string
		f := &feeder{make(chan net.Conn), make(chan struct{})}
		l := &Listener{
			Net: f, Limits: Limits{Connections: 10, PerAddress: 1, Exempt: func(a net.Addr) bool { return strings.HasPrefix(a.String(), "10.9.") }}, Refuse: "421 full",
			Proxies: func(a net.Addr) bool { return strings.HasPrefix(a.String(), "10.") },
			Silent: func(a net.Addr, err error) {
				silent = append(silent, fmt.Sprint(a, " ", errors.Is(err, ErrProxyHeader)))
			},
			Handle: func(_ context.Context, c *Conn) {
				c.WriteLine(c.RemoteAddr().String())
				c.ReadLine()
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		// say connects, says something, and returns what is answered; the connection stays.
		say := func(remote, text string) string {
			client, server := net.Pipe()
			t.Cleanup(func() { client.Close() })
			f.conns <- fromAddr{server, remote}
			go io.WriteString(client, text)
			buf := make([]byte, 100)
			n, _ := client.Read(buf)
			return strings.TrimSpace(string(buf[:n]))
		}
		for _, c := range []struct{ remote, text, want string }{
			{"10.0.0.1:1", "PROXY TCP4 192.0.2.1 192.0.2.2 8080 25\r\n", "192.0.2.1:8080"},
			{"10.0.0.1:2", "PROXY TCP4 192.0.2.3 192.0.2.2 8080 25\r\n", "192.0.2.3:8080"},
			{"10.0.0.1:3", "PROXY TCP4 192.0.2.1 192.0.2.2 8081 25\r\n", "421 full"},
			{"10.0.0.1:4", "EHLO x.example.com\r\n", ""},
			{"192.0.2.9:1", "PROXY TCP4 192.0.2.4 192.0.2.2 8080 25\r\n", "192.0.2.9:1"},
			{"10.0.0.1:5", "", ""}, // it says nothing, for ten seconds of the test's clock
			{"10.0.0.1:6", header2(0x20, 0, ""), "10.0.0.1:6"},
			{"10.0.0.1:8", "PROXY UNKNOWN\r\n", "421 full"}, // it counts, as any client does
			{"10.9.0.1:1", header2(0x20, 0, ""), "10.9.0.1:1"},
			{"10.9.0.1:2", "PROXY UNKNOWN\r\n", "10.9.0.1:2"}, // unless it is exempt, which its clients are not
			{"10.9.0.1:3", "PROXY TCP4 192.0.2.1 192.0.2.2 8081 25\r\n", "421 full"},
		} {
			began := time.Now()
			if got := say(c.remote, c.text); got != c.want {
				t.Errorf("%s %q: %q, want %q", c.remote, c.text, got, c.want)
			}
			if took := time.Since(began); took > proxyTimeout {
				t.Errorf("%s %q: took %v", c.remote, c.text, took)
			}
		}
		client, server := net.Pipe()
		f.conns <- fromAddr{server, "10.0.0.1:7"}
		client.Close() // it only looked
		synctest.Wait()
		if want := []string{"10.0.0.1:4 true", "10.0.0.1:5 false"}; !slices.Equal(silent, want) {
			t.Errorf("silent were %q, want %q", silent, want)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A protocol of other than lines is given the connection as it is, with the client that a proxy tells.
func TestRawBehindProxy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &feeder{make(chan net.Conn), make(chan struct{})}
		l := &Listener{
			Net: f, Limits: Limits{Connections: 1},
			Proxies: func(a net.Addr) bool { return strings.HasPrefix(a.String(), "10.") },
			Raw: func(_ context.Context, nc net.Conn) {
				time.Sleep(2 * proxyTimeout) // the deadline for the header is not one for what follows
				one := make([]byte, 1)
				if _, err := nc.Read(one); err != nil || one[0] != '!' {
					t.Errorf("read %q, %v", one, err)
				}
				io.WriteString(nc, nc.RemoteAddr().String()+" "+nc.LocalAddr().String())
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		for _, c := range []struct{ remote, header, want string }{
			{"10.0.0.1:1", "PROXY TCP4 192.0.2.1 192.0.2.2 8080 443\r\n", "192.0.2.1:8080 192.0.2.2:443"},
			{"192.0.2.9:1", "", "192.0.2.9:1 pipe"},
		} {
			client, server := net.Pipe()
			f.conns <- fromAddr{server, c.remote}
			go io.WriteString(client, c.header+"!")
			got, err := io.ReadAll(client)
			if string(got) != c.want || err != nil {
				t.Errorf("%s: %q, %v; want %q", c.remote, got, err, c.want)
			}
			synctest.Wait()
			if l.held.all != 0 {
				t.Errorf("%s: %d are still held", c.remote, l.held.all)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
