package pop3server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/address"
	"tem/internal/blob/memory"
	"tem/internal/bus/local"
	"tem/internal/directory"
	kvmemory "tem/internal/kv/memory"
	"tem/internal/line"
	"tem/internal/line/linetest"
	"tem/internal/mail"
	"tem/internal/sasl"
	"tem/internal/wire/pop3"
)

const letter = "Subject: one\r\nFrom: an@hanoi.example\r\n\r\n.I love\r\nComputer\r\nNetwork\r\n"

// house is a server with one account, an@hanoi.example, that has three letters.
type house struct {
	*Server
	inbox *mail.Account
	rows  mail.Options // what the store stands on
}

func newHouse(t *testing.T) house {
	t.Helper()
	ctx := context.Background()
	rows := mail.Options{KV: kvmemory.New(), Blobs: memory.New(), Bus: local.New(), Log: slog.New(slog.DiscardHandler)}
	dir, err := directory.Open(ctx, directory.Options{KV: rows.KV})
	must(t, err)
	addAn(t, dir)
	h := openHouse(t, rows)
	for _, text := range []string{letter, "Subject: two\r\n\r\nsecond\r\n", "Subject: thư\r\n\r\nthird\r\n"} {
		h.deliver(t, text)
	}
	return h
}

// openHouse starts a server on what is stored.
func openHouse(t *testing.T, rows mail.Options) house {
	t.Helper()
	store, err := mail.Open(t.Context(), rows)
	must(t, err)
	dir, err := directory.Open(t.Context(), directory.Options{KV: rows.KV})
	must(t, err)
	s := New(Options{
		Hostname: "mail.hanoi.example", Auth: dir, Mail: store, Directory: dir, Log: rows.Log, TLS: selfSigned(t), MaxErrors: 6,
		InsecureAuth: func(net.Addr) bool { return true },
	})
	h := house{Server: s, rows: rows}
	h.inbox = store.Account(h.account(t))
	return h
}

// restart is another process on the same rows.
func (h house) restart(t *testing.T) house {
	t.Helper()
	return openHouse(t, h.rows)
}

// account is An's.
func (h house) account(t testing.TB) mail.AccountID {
	t.Helper()
	all, err := h.o.Directory.Accounts(t.Context())
	must(t, err)
	return all[0].ID
}

func uidsOf(items []mail.Item) (uids []mail.UID) {
	for _, i := range items {
		uids = append(uids, i.UID)
	}
	return uids
}

// addAn gives An an account.
func addAn(t testing.TB, dir *directory.Directory) directory.Account {
	t.Helper()
	ctx := t.Context()
	must(t, dir.AddDomain(ctx, "hanoi.example"))
	an, err := address.Parse("an@hanoi.example")
	must(t, err)
	account, err := dir.AddAccount(ctx, an, "An", "secret", 0)
	must(t, err)
	return account
}

// deliver puts a letter into An's INBOX.
func (h house) deliver(t testing.TB, text string) {
	t.Helper()
	ctx := t.Context()
	sp := h.o.Mail.NewSpool(ctx)
	io.WriteString(sp, text)
	body, err := sp.Finish()
	must(t, err)
	_, err = h.o.Mail.Deliver(ctx, body, []mail.Target{{Account: h.account(t)}}, nil)
	must(t, err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// selfSigned is a TLS configuration for tests.
func selfSigned(t *testing.T) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"mail.hanoi.example"}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	must(t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// tcpPipe is a pair of connected sockets: unlike net.Pipe, writes do not wait
// for a reader, which the end of TLS needs.
func tcpPipe(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	near, err = net.Dial("tcp", l.Addr().String())
	must(t, err)
	far, err = l.Accept()
	must(t, err)
	return near, far
}

// serve has a session at the server's end of a connection; it is done when that is over.
func (h house) serve(far net.Conn) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		c := line.NewConn(far, line.Server, h.Options())
		defer c.Close()
		h.Handle(context.Background(), c)
	}()
	return done
}

// connect starts a session and returns the client's end of it.
func (h house) connect(t *testing.T) *pop3.Client {
	t.Helper()
	near, far := tcpPipe(t)
	done := h.serve(far)
	conn := line.NewConn(near, line.Client, line.Options{})
	t.Cleanup(func() { conn.Close(); <-done })
	c, err := pop3.NewClient(context.Background(), conn)
	must(t, err)
	return c
}

func TestTranscripts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"session", "auth", "order", "clear", "update", "errors", "patience", "pipelined", "capa", "lang", "utf8", "hostile", "off",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			switch name {
			case "clear":
				h.o.InsecureAuth = func(net.Addr) bool { return false }
			case "capa":
				h.o.LoginDelay = 5 * time.Minute
			case "off":
				h.set(t, directory.POP{Access: directory.POPOff})
			}
			linetest.Replay(t, "testdata/"+name+".txt", h.Handle, linetest.Options{Line: h.Options()})
		})
	}
}

// The programs that people have, as known from their sources and from servers' logs.
func TestClients(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/clients/*.txt")
	must(t, err)
	if len(files) < 10 {
		t.Fatalf("%d transcripts", len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			linetest.Replay(t, file, h.Handle, linetest.Options{Line: h.Options()})
		})
	}
}

// set changes how POP3 reads An's mail.
func (h house) set(t testing.TB, p directory.POP) {
	t.Helper()
	accounts, err := h.o.Directory.Accounts(t.Context())
	must(t, err)
	accounts[0].POP = p
	must(t, h.o.Directory.SetAccount(t.Context(), accounts[0]))
}

func TestIdleSessionEndsWithoutUpdate(t *testing.T) {
	h := newHouse(t)
	synctest.Test(t, func(t *testing.T) {
		linetest.Play(t, "idle", `S: +OK
C: USER an@hanoi.example
C: PASS secret
C: DELE 1
S: +OK
S: +OK
S: +OK
W: 9m59s
C: NOOP
S: +OK
W: 10m1s
S: <EOF>
`, h.Handle, linetest.Options{Line: h.Options(), Timeout: time.Hour})
	})
	if n := h.count(t); n != 3 {
		t.Errorf("%d messages left of 3", n)
	}
}

func (h house) count(t *testing.T) int {
	t.Helper()
	box, err := h.inbox.Mailbox(context.Background(), "INBOX")
	must(t, err)
	return int(box.Messages)
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	near, far := net.Pipe()
	c := line.NewConn(far, line.Server, h.Options())
	done := make(chan struct{})
	go func() { defer close(done); defer c.Close(); h.Handle(t.Context(), c) }()
	client := line.NewConn(near, line.Client, line.Options{})
	_, err := client.ReadLine()
	must(t, err)
	c.Interrupt()
	if l, err := client.ReadLine(); err != nil || !strings.HasPrefix(string(l), "-ERR [SYS/TEMP]") {
		t.Errorf("%q %v", l, err)
	}
	client.Close()
	<-done
}

func TestOneSessionHoldsTheMaildrop(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	first, second := h.connect(t), h.connect(t)
	must(t, first.Login(ctx, "an@hanoi.example", "secret"))
	var refused *pop3.Error
	if err := second.Login(ctx, "an@hanoi.example", "secret"); !errors.As(err, &refused) || refused.Code != pop3.CodeInUse {
		t.Fatalf("second session: %v", err)
	}
	must(t, first.Quit(ctx))
	if err := second.Login(ctx, "an@hanoi.example", "secret"); err != nil {
		t.Errorf("after the goodbye: %v", err)
	}
}

func TestSessionOverTLS(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.o.InsecureAuth = func(net.Addr) bool { return false }
	c := h.connect(t)
	k, err := c.Capa(ctx)
	must(t, err)
	if !k.Has("STLS") || k.Has("USER") || k.Has("SASL") {
		t.Errorf("in clear: %v", k)
	}
	must(t, c.StartTLS(ctx, &tls.Config{InsecureSkipVerify: true}))
	k, err = c.Capa(ctx)
	must(t, err)
	if k.Has("STLS") || !k.Has("USER") {
		t.Errorf("in TLS: %v", k)
	}
	m, err := sasl.NewClient(k["SASL"], sasl.Credentials{Login: "an@hanoi.example", Password: "secret", Channel: sasl.Under(c.Conn())})
	must(t, err)
	must(t, c.Auth(ctx, m))
	if m.Mechanism() != "SCRAM-SHA-256-PLUS" { // the best of those offered
		t.Errorf("mechanism %s", m.Mechanism())
	}
	body, err := c.Retr(ctx, 1)
	must(t, err)
	if text, err := io.ReadAll(body); err != nil || string(text) != letter {
		t.Errorf("RETR: %q %v", text, err)
	}
	must(t, c.Quit(ctx))
}

// What comes in clear behind STLS must not be taken as if it had come in TLS.
func TestPlaintextBehindSTLS(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	near, far := net.Pipe()
	done := h.serve(far)
	defer func() { near.Close(); <-done }()
	buf := make([]byte, 512)
	near.Read(buf)
	io.WriteString(near, "STLS\r\nUSER evil\r\n")
	near.Read(buf)
	conn := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
	must(t, conn.Handshake())
	io.WriteString(conn, "NOOP\r\n")
	if n, _ := conn.Read(buf); !strings.HasPrefix(string(buf[:n]), "-ERR NOOP wants a login") {
		t.Errorf("after TLS: %q", buf[:n])
	}
}

func TestMessageRemovedByOthers(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	c := h.connect(t)
	must(t, c.Login(ctx, "an@hanoi.example", "secret"))
	box, items, err := h.inbox.List(ctx, inboxID(t, h.inbox))
	must(t, err)
	_, err = h.inbox.Remove(ctx, box.ID, []mail.UID{items[0].UID})
	must(t, err)
	if _, err := c.Retr(ctx, 1); err == nil || !strings.Contains(err.Error(), "removed by another program") {
		t.Errorf("RETR: %v", err)
	}
	must(t, c.Dele(ctx, 1))
	must(t, c.Quit(ctx))
}

func inboxID(t testing.TB, a *mail.Account) mail.MailboxID {
	t.Helper()
	box, err := a.Mailbox(t.Context(), "INBOX")
	must(t, err)
	return box.ID
}

// counted counts the writes that reach the network.
type counted struct {
	net.Conn
	writes int
}

func (c *counted) Write(p []byte) (int, error) { c.writes++; return c.Conn.Write(p) }

// RFC 2449 §6.6: commands that come together are answered together.
func TestPipelinedAnswersGoInOneWrite(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	near, far := net.Pipe()
	out := &counted{Conn: far}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c := line.NewConn(out, line.Server, h.Options())
		defer c.Close()
		h.Handle(context.Background(), c)
	}()
	go io.WriteString(near, "USER an@hanoi.example\r\nPASS secret\r\nSTAT\r\nRETR 1\r\nQUIT\r\n")
	text, _ := io.ReadAll(near)
	near.Close()
	<-done
	if out.writes > 2 || strings.Count(string(text), "+OK") != 6 { // the greeting, and the rest
		t.Errorf("%d writes of %q", out.writes, text)
	}
}

// FuzzSession sends whatever and looks for a panic or a session that does not end.
func FuzzSession(f *testing.F) {
	for _, s := range []string{"CAPA\r\nQUIT\r\n", "AUTH LOGIN\r\nYQ==\r\n*\r\n", "USER a\r\nPASS b\r\n", "TOP 1\n\x00\r\n", "UTF8\r\nSTLS\r\n"} {
		f.Add([]byte(s))
	}
	empty, err := directory.Open(f.Context(), directory.Options{KV: kvmemory.New()})
	must(f, err)
	s := New(Options{Hostname: "mail.hanoi.example", Auth: nobody{}, Directory: empty, InsecureAuth: func(net.Addr) bool { return true }})
	f.Fuzz(func(t *testing.T, in []byte) {
		near, far := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			c := line.NewConn(far, line.Server, s.Options())
			s.Handle(context.Background(), c)
			c.Close()
		}()
		go func() { near.Write(in); near.Close() }()
		io.Copy(io.Discard, near)
		<-done
	})
}

// nobody refuses every login.
type nobody struct{}

func (nobody) VerifyPassword(context.Context, string, string) (string, error) {
	return "", sasl.ErrFailed
}
func (nobody) SCRAM(context.Context, sasl.Hash, string) (string, sasl.SCRAMSecrets, error) {
	return "", sasl.SCRAMSecrets{}, sasl.ErrFailed
}
func (nobody) Principal(context.Context, string) (string, error) { return "", sasl.ErrFailed }
