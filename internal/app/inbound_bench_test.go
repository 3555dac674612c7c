package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tem/internal/address"
	"tem/internal/config"
	"tem/internal/dns"
	"tem/internal/trust/dkim"
)

// BenchmarkInbound is the whole way in: sessions over loopback, a round trip for
// each command, 100 mailboxes on the disk, 250 after the sync. With checks each
// letter passes SPF, DKIM (RSA, 2048 bits) and DMARC. The clients are in it,
// as they are in test/bench.
func BenchmarkInbound(b *testing.B) {
	for _, size := range []int{4 << 10, 100 << 10} {
		for _, checks := range []bool{false, true} {
			b.Run(fmt.Sprintf("size=%dK/checks=%t", size>>10, checks), func(b *testing.B) {
				in := newInbound(b, checks, size)
				for _, sessions := range []int{1, 10, 50} {
					b.Run(fmt.Sprint("sessions=", sessions), func(b *testing.B) { in.run(b, sessions) })
				}
			})
		}
	}
}

const (
	inboundUsers   = 100
	inboundLetters = 100 // different ones, but for their Message-IDs
	idWidth        = 20  // of what differs in these
)

// inbound is a server at work and the letters for it.
type inbound struct {
	smtp    string
	letters [][]byte // each with its final dot, and room for a number behind idMark
	next    atomic.Int64
}

func newInbound(b *testing.B, checks bool, size int) *inbound {
	b.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ok(b, err)
	record, err := dkim.Record(key.Public())
	ok(b, err)
	zone, err := dns.Serve("127.0.0.1:0", `elsewhere.example. 3600 TXT "v=spf1 ip4:127.0.0.1 -all"`,
		`_dmarc.elsewhere.example. 3600 TXT "v=DMARC1; p=reject"`,
		`s1._domainkey.elsewhere.example. 3600 TXT `+quoted(record))
	ok(b, err)
	b.Cleanup(func() { zone.Close() })
	c := config.Default()
	c.Hostname, c.Data, c.Trust.Enabled, c.Outbound.DNS = "mail.tem.example", filepath.Join(b.TempDir(), "data"), checks, []string{zone.Address()}
	c.Listen = config.Listen{SMTP: []string{"127.0.0.1:0"}}
	log, err := os.Create(filepath.Join(b.TempDir(), "log"))
	ok(b, err)
	s, err := Start(b.Context(), c, Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	ok(b, err)
	ok(b, s.stores.Directory.AddDomain(b.Context(), "tem.example"))
	in := &inbound{smtp: s.Addresses()["smtp"].String()}
	for i := range inboundUsers {
		_, err := s.stores.Directory.AddAccount(b.Context(), address.Address{Local: fmt.Sprint("u", i), Domain: "tem.example"}, "", "secret", 0)
		ok(b, err)
	}
	for i := range inboundLetters {
		in.letters = append(in.letters, signedLetter(b, i, size, dkim.Key{Domain: "elsewhere.example", Selector: "s1", Signer: key}))
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	b.Cleanup(func() { cancel(); ok(b, <-done) })
	return in
}

// quoted is a TXT record's text in strings of 255 octets at most (RFC 1035 §3.3.14).
func quoted(text string) string {
	var parts []string
	for part := range slices.Chunk([]byte(text), 255) {
		parts = append(parts, `"`+string(part)+`"`)
	}
	return strings.Join(parts, " ")
}

const idMark = "Message-ID: <"

// signedLetter is a letter whose signature leaves the Message-ID out.
func signedLetter(b *testing.B, i, size int, key dkim.Key) []byte {
	header := fmt.Sprintf("From: Sender <sender@elsewhere.example>\r\nTo: <u%d@tem.example>\r\nSubject: Letter number %d\r\n"+
		"Date: Mon, 23 Nov 2026 10:00:00 +0700\r\n%s%0*d@elsewhere.example>\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", i, i, idMark, idWidth, 0)
	var body strings.Builder
	for n := 0; body.Len() < size-len(header)-500; n++ {
		fmt.Fprintf(&body, "%06d the quick brown fox jumps over the lazy dog while %d rivers run\r\n", n, i)
	}
	text := header + body.String()
	m := dkim.NewMessage()
	_, err := m.Write([]byte(text))
	ok(b, err)
	m.Close()
	fields, err := m.Header()
	ok(b, err)
	sum := sha256.Sum256([]byte(body.String()))
	names := []string{"from", "to", "subject", "date"}
	field, err := key.SignField("DKIM-Signature", []dkim.Tag{
		{Name: "v", Value: "1"}, {Name: "a", Value: key.Algorithm()}, {Name: "c", Value: "relaxed/simple"}, {Name: "d", Value: key.Domain},
		{Name: "s", Value: key.Selector}, {Name: "h", Value: strings.Join(names, ":")},
		{Name: "bh", Value: base64.StdEncoding.EncodeToString(sum[:])}, {Name: "b"}}, dkim.Relaxed,
		func(dst []byte) []byte { return dkim.AppendPicked(dst, fields, names, dkim.Relaxed) })
	ok(b, err)
	return append(append(field, text...), ".\r\n"...)
}

// run sends b.N letters and reports how long the replies to their final dots took.
func (in *inbound) run(b *testing.B, sessions int) {
	times := make([]time.Duration, b.N)
	clients := make([]*client, sessions)
	for i := range clients {
		nc, err := net.Dial("tcp", in.smtp)
		ok(b, err)
		defer nc.Close()
		clients[i] = &client{nc, bufio.NewReader(nc)}
		clients[i].say(b, nil, "220")
		clients[i].say(b, []byte("EHLO localhost\r\n"), "250")
	}
	b.ReportAllocs()
	b.ResetTimer()
	in.next.Store(0)
	before := processTime()
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() { in.session(b, c, times) })
	}
	wg.Wait()
	b.StopTimer()
	n := float64(b.N)
	slices.Sort(times)
	b.ReportMetric(n/b.Elapsed().Seconds(), "letters/s")
	b.ReportMetric(float64((processTime()-before).Microseconds())/n, "cpu-µs/op")
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1e3, "p50-ms")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1e3, "p99-ms")
}

func (in *inbound) session(b *testing.B, c *client, times []time.Duration) {
	var letter []byte
	for {
		i := int(in.next.Add(1)) - 1
		if i >= len(times) {
			return
		}
		letter = append(letter[:0], in.letters[i%len(in.letters)]...)
		at := bytes.Index(letter, []byte(idMark)) + len(idMark)
		copy(letter[at:], fmt.Sprintf("%0*d", idWidth, time.Now().UnixNano()*100+int64(i%100)))
		if !c.say(b, []byte("MAIL FROM:<sender@elsewhere.example>\r\n"), "250") ||
			!c.say(b, fmt.Appendf(nil, "RCPT TO:<u%d@tem.example>\r\n", i%inboundUsers), "250") ||
			!c.say(b, []byte("DATA\r\n"), "354") {
			return
		}
		start := time.Now()
		if !c.say(b, letter, "250") {
			return
		}
		times[i] = time.Since(start)
	}
}

// client is an SMTP client that trusts the server to speak in step.
type client struct {
	net.Conn
	in *bufio.Reader
}

// say sends text and reads a reply, which must begin with want.
func (c *client) say(b *testing.B, text []byte, want string) bool {
	if _, err := c.Write(text); err != nil {
		b.Error(err)
		return false
	}
	for {
		l, err := c.in.ReadSlice('\n')
		if err != nil || !bytes.HasPrefix(l, []byte(want)) {
			b.Errorf("%.40q was answered %q, %v", text, l, err)
			return false
		}
		if l[3] != '-' {
			return true
		}
	}
}

// processTime is the process's time on the processors.
func processTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
