package transport

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"tem/internal/queue"
	"tem/internal/transport/sts"
)

// serveSink takes all mail with as little work as can be; with chunks it offers CHUNKING.
func serveSink(b *testing.B, chunks bool) int {
	return serve(b, func(c net.Conn) {
		io.WriteString(c, "220 sink\r\n")
		sink(c, chunks)
	})
}

// sink is a session of it after the greeting.
func sink(c net.Conn, chunks bool) {
	in, out := bufio.NewReader(c), bufio.NewWriter(c)
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

// serveTLS says hello and begins TLS.
func serveTLS(b *testing.B, config *tls.Config) int {
	return serve(b, func(c net.Conn) {
		io.WriteString(c, "220 mx\r\n")
		line := make([]byte, 100)
		c.Read(line)
		io.WriteString(c, "250-mx\r\n250 STARTTLS\r\n")
		c.Read(line)
		io.WriteString(c, "220 go\r\n")
		if c := tls.Server(c, config); c.Handshake() == nil {
			sink(c, true)
		}
	})
}

// BenchmarkHandshake opens a connection for each message, verified as MTA-STS
// wants it: with a full handshake, or one that resumes a session. Both ends are
// in this process.
func BenchmarkHandshake(b *testing.B) {
	ca := newAuthority(b)
	for name, key := range serverKeys(b) {
		for _, resume := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/resume=%v", name, resume), func(b *testing.B) {
				l := newLab(b, serveTLS(b, &tls.Config{Certificates: []tls.Certificate{ca.issueFor(b, key, host, time.Hour)}, SessionTicketsDisabled: !resume}))
				l.Roots, l.Policies = ca.pool(), policies(policy(sts.Enforce, host))
				b.ResetTimer()
				for range b.N {
					if s := l.Deliver(b.Context(), l.job, []queue.Recipient{{Address: "a@saigon.example"}}); !s[0].OK() {
						b.Fatal(s)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "handshakes/s")
			})
		}
	}
}

// serverKeys are of the kinds that mail servers have.
func serverKeys(b *testing.B) map[string]crypto.Signer {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return map[string]crypto.Signer{"rsa-2048": r, "ecdsa-p256": e}
}
