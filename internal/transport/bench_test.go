package transport

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"tem/internal/queue"
)

// serveSink takes all mail with as little work as can be; with chunks it offers CHUNKING.
func serveSink(b *testing.B, chunks bool) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go sink(c, chunks)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func sink(c net.Conn, chunks bool) {
	defer c.Close()
	in, out := bufio.NewReader(c), bufio.NewWriter(c)
	io.WriteString(out, "220 sink\r\n")
	text := false
	for {
		if in.Buffered() == 0 {
			out.Flush()
		}
		l, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		switch {
		case text:
			if text = len(l) != 3 || l[0] != '.'; text {
				continue
			}
			io.WriteString(out, "250 taken\r\n")
		case l[0] == 'E' && chunks:
			io.WriteString(out, "250-sink\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
		case l[0] == 'E':
			io.WriteString(out, "250-sink\r\n250 PIPELINING\r\n")
		case l[0] == 'D':
			text = true
			io.WriteString(out, "354 go\r\n")
		case l[0] == 'B':
			n, _ := strconv.Atoi(strings.Fields(string(l))[1])
			in.Discard(n)
			io.WriteString(out, "250 taken\r\n")
		default:
			io.WriteString(out, "250 ok\r\n")
		}
	}
}

// BenchmarkDeliver sends 4 KiB to one destination, or to 1,000, 20 at a time.
func BenchmarkDeliver(b *testing.B) {
	for _, chunks := range []bool{true, false} {
		for _, domains := range []int{1, 1000} {
			b.Run(fmt.Sprintf("chunks=%v/domains=%d", chunks, domains), func(b *testing.B) {
				port := serveSink(b, chunks)
				var records []string
				for i := range domains {
					records = append(records, fmt.Sprintf("d%d.example. MX 1 mx.d%d.example.", i, i), fmt.Sprintf("mx.d%d.example. A 127.0.0.1", i))
				}
				l := newLab(b)
				l.zone(b, records...)
				l.store(b, "Subject: x\r\n\r\n"+strings.Repeat(strings.Repeat("x", 62)+"\r\n", 64))
				l.Port = port
				ctx, cancel := context.WithCancel(b.Context())
				done := make(chan struct{})
				go func() { defer close(done); l.Run(ctx) }()
				b.SetParallelism(10)
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for n := 0; pb.Next(); n++ {
						j := *l.job
						j.Domain = fmt.Sprintf("d%d.example", n%domains)
						if s := l.Deliver(ctx, &j, []queue.Recipient{{Address: "a@" + j.Domain}}); !s[0].OK() {
							b.Error(s)
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
				b.StopTimer()
				cancel()
				<-done
			})
		}
	}
}
