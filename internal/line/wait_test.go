package line

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// kind is a way to connect two ends.
type kind struct {
	name               string
	tcp, tls, compress bool
}

var kinds = []kind{
	{"pipe", false, false, false}, {"TLS over pipe", false, true, false},
	{"TCP", true, false, false}, {"TLS over TCP", true, true, false},
	{"DEFLATE over pipe", false, false, true}, {"DEFLATE and TLS over pipe", false, true, true},
	{"DEFLATE over TCP", true, false, true}, {"DEFLATE and TLS over TCP", true, true, true},
}

var testTLS = sync.OnceValue(func() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<34, 0)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		InsecureSkipVerify:     true,
		SessionTicketsDisabled: true, // a ticket would wait in a pipe for a reader
	}
})

// raw returns both ends of a connection of that kind without layers.
func (k kind) raw(t testing.TB) (server, client net.Conn) {
	t.Helper()
	if !k.tcp {
		return net.Pipe()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return server, client
}

// open returns both ends of a connection of that kind.
func (k kind) open(t testing.TB, o Options) (server, client *Conn) {
	t.Helper()
	far, near := k.raw(t)
	server, client = NewConn(far, Server, o), NewConn(near, Client, o)
	t.Cleanup(func() {
		far.Close()
		near.Close()
	})
	if k.tls {
		startTLS(t, server, client)
	}
	if k.compress {
		if err := errors.Join(server.Compress(), client.Compress()); err != nil {
			t.Fatal(err)
		}
	}
	return server, client
}

func startTLS(t testing.TB, server, client *Conn) {
	t.Helper()
	done := make(chan error)
	go func() { done <- server.StartTLS(context.Background(), testTLS()) }()
	if err := client.StartTLS(context.Background(), testTLS()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			server, client := k.open(t, Options{})
			waited := make(chan error)
			wait := func(by time.Time) { go func() { waited <- server.Wait(by) }() }
			expect := func(what string, want error) {
				t.Helper()
				if err := <-waited; !errors.Is(err, want) {
					t.Errorf("%s: %v", what, err)
				}
			}
			server.Nudge()
			server.Nudge()
			wait(time.Time{})
			expect("nudged before", ErrNudged)
			wait(time.Time{})
			server.Nudge()
			expect("nudged", ErrNudged)
			wait(time.Now().Add(-time.Second))
			if err := <-waited; !isTimeout(err) {
				t.Errorf("too late: %v", err)
			}
			wait(time.Time{})
			client.WriteLine("a")
			client.WriteLine("b")
			if err := client.Flush(); err != nil {
				t.Fatal(err)
			}
			expect("input", nil)
			want(t, server, "a")
			wait(time.Time{})
			expect("input left", nil)
			server.Nudge()
			wait(time.Time{})
			expect("nudged before input left", ErrNudged)
			want(t, server, "b")
			wait(time.Now().Add(-time.Second)) // the end of a flush is nothing to read
			if err := <-waited; !isTimeout(err) {
				t.Errorf("nothing left: %v", err)
			}
			wait(time.Time{})
			client.Close()
			expect("closed", nil)
			if _, err := server.ReadLine(); err != io.EOF {
				t.Errorf("after the end: %v", err)
			}
			wait(time.Time{})
			expect("closed, again", nil)
			server.Interrupt()
			wait(time.Time{})
			expect("interrupted", ErrInterrupted)
		})
	}
}

func TestWaitIsEndedByOthers(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			server, _ := k.open(t, Options{})
			waited := make(chan error)
			go func() { waited <- server.Wait(time.Time{}) }()
			server.Interrupt()
			if err := <-waited; err != ErrInterrupted {
				t.Error(err)
			}
			server, client := k.open(t, Options{})
			go func() { waited <- server.Wait(time.Time{}) }()
			go client.ReadLine() // of TLS's goodbye
			server.Close()
			if err := <-waited; err != nil {
				t.Error(err)
			}
			if _, err := server.ReadLine(); !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe) {
				t.Error(err)
			}
		})
	}
}

// TestWaitIsFlushed waits only after it has flushed.
func TestWaitIsFlushed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, client := kinds[0].open(t, Options{})
		start := time.Now()
		server.WriteLine("* 1 EXISTS")
		go want(t, client, "* 1 EXISTS")
		err := server.Wait(start.Add(29 * time.Minute))
		if !isTimeout(err) || time.Since(start) != 29*time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if fault := server.fault.Load(); fault != nil {
			t.Error("that was no fault of the network:", *fault)
		}
	})
}

// keeper keeps what is written, once it is told to.
type keeper struct {
	net.Conn
	kept *[]byte
}

func (k *keeper) Write(p []byte) (int, error) {
	if k.kept == nil {
		return k.Conn.Write(p)
	}
	*k.kept = append(*k.kept, p...)
	return len(p), nil
}

// TestWaitThroughPartOfARecord is nudged while TLS has part of a record.
func TestWaitThroughPartOfARecord(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		if !k.tls || k.compress {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			far, near := k.raw(t)
			defer far.Close()
			defer near.Close()
			out := &keeper{Conn: near}
			server, client := NewConn(far, Server, Options{}), NewConn(out, Client, Options{})
			startTLS(t, server, client)
			var record []byte
			out.kept = &record
			client.WriteLine("NOOP")
			client.Flush()
			waited := make(chan error)
			for _, piece := range [][]byte{record[:3], record[3:9], record[9 : len(record)-1]} {
				go func() { waited <- server.Wait(time.Time{}) }()
				near.Write(piece)
				server.Nudge()
				if err := <-waited; err != ErrNudged {
					t.Fatal(err)
				}
			}
			go near.Write(record[len(record)-1:])
			if err := server.Wait(time.Time{}); err != nil {
				t.Fatal(err)
			}
			want(t, server, "NOOP")
		})
	}
}
