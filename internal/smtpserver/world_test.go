package smtpserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/big"
	"net"
	"testing"
	"time"

	"tem/internal/address"
	blobs "tem/internal/blob/memory"
	"tem/internal/bus/local"
	"tem/internal/delivery"
	"tem/internal/directory"
	"tem/internal/journey"
	rows "tem/internal/kv/memory"
	"tem/internal/line"
	"tem/internal/line/linetest"
	"tem/internal/mail"
	"tem/internal/queue"
)

// world is a whole server on memory: an@ and binh@hanoi.example (password
// "secret"), full@ whose mailbox takes 2000 octets, the alias info@ for an@,
// and the group all@ of an@ and binh@.
type world struct {
	Options
	Mail  *mail.Store
	queue *queue.Queue
	users map[string]directory.Account
	told  []journey.Event // once they are remembered
}

func addr(t testing.TB, s string) address.Address {
	t.Helper()
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	db := rows.New()
	d, err := directory.Open(ctx, directory.Options{KV: db})
	check(t, err)
	m, err := mail.Open(ctx, mail.Options{KV: db, Blobs: blobs.New(), Bus: local.New(), Log: log})
	check(t, err)
	q := queue.New(queue.Options{KV: db, Mail: m, Log: log})
	w := &world{Mail: m, queue: q, users: map[string]directory.Account{}}
	check(t, d.AddDomain(ctx, "hanoi.example"))
	for _, name := range []string{"an", "binh", "full"} {
		acc, err := d.AddAccount(ctx, addr(t, name+"@hanoi.example"), name, "secret", 0)
		check(t, err)
		w.users[name] = acc
	}
	check(t, m.SetQuota(ctx, w.users["full"].ID, 2000, 0))
	an, binh := addr(t, "an@hanoi.example"), addr(t, "binh@hanoi.example")
	check(t, d.AddList(ctx, directory.List{Address: addr(t, "info@hanoi.example"), Members: []address.Address{an}}))
	check(t, d.AddList(ctx, directory.List{Address: addr(t, "all@hanoi.example"), Members: []address.Address{an, binh}, Group: true}))
	w.Options = Options{
		Hostname: "mx.hanoi.example", Auth: d, Directory: d, Log: log, MaxSize: 100_000, MaxRecipients: 3,
		InsecureAuth: func(net.Addr) bool { return true },
		Delivery:     delivery.New(delivery.Options{Hostname: "mx.hanoi.example", Directory: d, Mail: m, Queue: q, Log: log}),
		Now:          func() time.Time { return time.Date(2020, 11, 30, 20, 27, 32, 0, time.FixedZone("", -8*3600)) },
	}
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// remembered are the events of the journey from now on, those of delivery among them.
func (w *world) remembered() *[]journey.Event {
	w.Record = func(e journey.Event) { w.told = append(w.told, e) }
	w.Delivery = delivery.New(delivery.Options{
		Hostname: w.Hostname, Directory: w.Directory, Mail: w.Mail, Queue: w.queue, Log: w.Log, Now: w.Now, Record: w.Record,
	})
	return &w.told
}

// play runs a transcript against a server with these options.
func play(t *testing.T, o Options, text string) {
	t.Helper()
	s := New(o)
	linetest.Play(t, t.Name(), text, s.Handle, linetest.Options{Line: s.Options()})
}

// inbox gives the messages of somebody's INBOX.
func (w *world) inbox(t *testing.T, name string) (all []string) {
	t.Helper()
	ctx := t.Context()
	a := w.Mail.Account(w.users[name].ID)
	box, err := a.Mailbox(ctx, "INBOX")
	check(t, err)
	_, items, err := a.List(ctx, box.ID)
	check(t, err)
	for _, it := range items {
		check(t, a.Fetch(ctx, box.ID, []mail.UID{it.UID}, func(m *mail.Meta) error {
			r, err := a.OpenMessage(ctx, m)
			if err != nil {
				return err
			}
			defer r.Close()
			text, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
			all = append(all, string(text))
			return err
		}))
	}
	return all
}

func testTLS(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mx.hanoi.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// dialled is a client over TCP to a session of its own.
func dialled(t *testing.T, o Options) net.Conn {
	t.Helper()
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	s := New(o)
	l := &line.Listener{Net: nl, Options: s.Options, Handle: s.Handle}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	client, err := net.Dial("tcp", nl.Addr().String())
	check(t, err)
	t.Cleanup(func() { client.Close(); cancel(); check(t, <-done) })
	client.SetDeadline(time.Now().Add(2 * time.Minute))
	return client
}
