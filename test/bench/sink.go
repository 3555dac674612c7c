package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tem/test/bench/machine"
)

// sink takes mail at many addresses of this machine and one port, counts it
// and forgets it.
type sink struct {
	port        string
	listeners   []net.Listener
	count       atomic.Int64
	first, last atomic.Int64 // when messages were taken, in nanoseconds of Unix
}

// newSink listens at the hosts.
func newSink(hosts []string) (*sink, error) {
	s := new(sink)
	_, s.port, _ = net.SplitHostPort(machine.FreePort())
	for _, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, s.port))
		if err != nil {
			s.close()
			return nil, err
		}
		s.listeners = append(s.listeners, l)
		go s.accept(l)
	}
	return s, nil
}

func (s *sink) close() {
	for _, l := range s.listeners {
		l.Close()
	}
}

func (s *sink) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go s.serve(c)
	}
}

// reset forgets when the first message came.
func (s *sink) reset() { s.first.Store(0) }

// rate is how many of n messages were taken a second, from the first to the last.
func (s *sink) rate(n int) float64 {
	return float64(n) / max(time.Millisecond, time.Duration(s.last.Load()-s.first.Load())).Seconds()
}

func (s *sink) taken() {
	now := time.Now().UnixNano()
	s.first.CompareAndSwap(0, now)
	s.last.Store(now)
	s.count.Add(1)
}

// serve speaks SMTP as briefly as it can be done. Replies wait while commands
// of the same pipeline are there.
func (s *sink) serve(c net.Conn) {
	defer c.Close()
	in, out := bufio.NewReaderSize(c, 16<<10), bufio.NewWriter(c)
	out.WriteString("220 sink.example ESMTP\r\n")
	for {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			out.WriteString("250-sink.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 0\r\n")
		case "DATA":
			out.WriteString("354 go on\r\n")
			if out.Flush() != nil || skipText(in) != nil {
				return
			}
			s.taken()
			out.WriteString("250 taken\r\n")
		case "BDAT":
			size, last, _ := strings.Cut(rest, " ")
			n, err := strconv.Atoi(size)
			if err != nil {
				return
			}
			if _, err := io.CopyN(io.Discard, in, int64(n)); err != nil {
				return
			}
			if last != "" {
				s.taken()
			}
			out.WriteString("250 taken\r\n")
		case "QUIT":
			out.WriteString("221 goodbye\r\n")
			out.Flush() // there is nobody to tell if it fails
			return
		default:
			out.WriteString("250 ok\r\n")
		}
	}
}

// skipText reads up to the final dot.
func skipText(in *bufio.Reader) error {
	for begun := true; ; {
		line, err := in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			begun = false
			continue
		}
		if err != nil || begun && bytes.Equal(line, []byte(".\r\n")) {
			return err
		}
		begun = true
	}
}
