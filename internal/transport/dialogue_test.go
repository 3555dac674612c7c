package transport

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	blobs "tem/internal/blob/memory"
	"tem/internal/bus/local"
	"tem/internal/kv"
	"tem/internal/kv/memory"
	"tem/internal/mail"
	"tem/internal/message/dsn"
	"tem/internal/queue"
)

const (
	returnLine = "Return-Path: <me@hanoi.example>\r\n"
	letter     = "Subject: Xin ch\xc3\xa0o\r\n\r\n.dots\r\nare stuffed\r\n"
)

// exchanger is a mail server that another project wrote.
type exchanger struct {
	name string
	port int

	mu       sync.Mutex
	refuse   map[string]*gosmtp.SMTPError // by recipient
	mail     []string                     // "from to… content"
	secure   bool                         // the last message came over TLS
	dialogue int                          // sessions begun
}

func (x *exchanger) NewSession(c *gosmtp.Conn) (gosmtp.Session, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.dialogue++
	return &session{x: x, c: c}, nil
}

type session struct {
	x    *exchanger
	c    *gosmtp.Conn
	from string
	to   []string
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *gosmtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	if e := s.x.refuse[to]; e != nil {
		return e
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	_, s.x.secure = s.c.TLSConnectionState()
	s.x.mail = append(s.x.mail, fmt.Sprintf("<%s> %v %s", s.from, s.to, b))
	return err
}

// received returns the messages so far.
func (x *exchanger) received() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.mail)
}

// serveMail starts an exchanger; change sets it up.
func serveMail(t *testing.T, name string, change func(*gosmtp.Server, *exchanger)) *exchanger {
	t.Helper()
	x := &exchanger{name: name, refuse: map[string]*gosmtp.SMTPError{}}
	s := gosmtp.NewServer(x)
	s.Domain = name
	s.ErrorLog = quiet{}
	if change != nil {
		change(s, x)
	}
	l := listen(t)
	x.port = l.Addr().(*net.TCPAddr).Port
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return x
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serveScript starts a server that follows script in each session: a line that
// starts with "C:" waits for a line with that prefix, others are sent. The
// session ends with the script.
func serveScript(t *testing.T, script string) int {
	t.Helper()
	return serve(t, func(c net.Conn) { follow(c, script) })
}

// serve starts a server and returns its port; a session ends with the call.
func serve(t testing.TB, session func(net.Conn)) int {
	t.Helper()
	l := listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				session(c)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func follow(c net.Conn, script string) {
	in := bufio.NewReader(c)
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		want, wait := strings.CutPrefix(line, "C: ")
		if !wait {
			fmt.Fprintf(c, "%s\r\n", line)
			continue
		}
		for {
			got, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if strings.HasPrefix(got, want) {
				break
			}
		}
	}
}

// lab is a Remote with a message to send and the servers of saigon.example.
type lab struct {
	*Remote
	job *queue.Job
}

// newLab makes mx1, mx2, … of saigon.example from the given ports, mx1 first.
func newLab(t testing.TB, ports ...int) *lab {
	t.Helper()
	records := []string{}
	named := map[string]int{}
	for i, port := range ports {
		host := fmt.Sprintf("mx%d.saigon.example", i+1)
		records = append(records, fmt.Sprintf("saigon.example. MX %d %s.", i+1, host), host+". A 127.0.0.1")
		named[host] = port
	}
	l := &lab{Remote: newRemote(t, records...)}
	l.Ports = named
	l.Timeout = 30 * time.Second
	l.Log = slog.New(slog.DiscardHandler)
	store, err := mail.Open(t.Context(), mail.Options{KV: memory.New(), Blobs: blobs.New(), Bus: local.New(), Log: l.Log})
	if err != nil {
		t.Fatal(err)
	}
	l.Mail = store
	l.job = &queue.Job{
		ID: "A-1", Skip: int64(len(returnLine)), Size: int64(len(letter)),
		ReturnPath: "me@hanoi.example", Domain: "saigon.example", EightBit: true,
	}
	spool := store.NewSpool(t.Context())
	io.WriteString(spool, returnLine+letter)
	body, err := spool.Finish()
	if err != nil {
		t.Fatal(err)
	}
	l.job.Body = body.ID
	_, err = store.Deliver(t.Context(), body, nil, func(b *kv.Batch) { store.Refer(b, body.ID, []byte("A-1")) })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// send delivers to the given addresses and writes the statuses' codes.
func (l *lab) send(t *testing.T, to ...string) ([]dsn.Status, string) {
	t.Helper()
	var list []queue.Recipient
	for _, a := range to {
		list = append(list, queue.Recipient{Address: a})
	}
	statuses := l.Deliver(t.Context(), l.job, list)
	var codes []string
	for _, s := range statuses {
		codes = append(codes, fmt.Sprintf("%d %s", s.Reply, s.Code))
	}
	return statuses, strings.Join(codes, ", ")
}

func TestSend(t *testing.T) {
	t.Parallel()
	x := serveMail(t, "mx1.saigon.example", nil)
	l := newLab(t, x.port)
	statuses, codes := l.send(t, "a@saigon.example", "b@saigon.example")
	if codes != "250 2.0.0, 250 2.0.0" || statuses[0].Remote != "mx1.saigon.example" {
		t.Errorf("%v", statuses)
	}
	want := "<me@hanoi.example> [a@saigon.example b@saigon.example] " + letter
	if got := x.received(); len(got) != 1 || got[0] != want {
		t.Errorf("received %q, want %q", got, want)
	}
}

// TestReportsArePassedOn: a server that takes what the sender wants to be told
// is the one that tells it.
func TestReportsArePassedOn(t *testing.T) {
	t.Parallel()
	for _, knows := range []bool{true, false} {
		x := serveMail(t, "mx1.saigon.example", func(s *gosmtp.Server, x *exchanger) {
			s.EnableDSN = knows
			x.refuse["b@saigon.example"] = &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "unknown"}
		})
		statuses, _ := newLab(t, x.port).send(t, "a@saigon.example", "b@saigon.example")
		if statuses[0].Passed != knows || statuses[1].Passed {
			t.Errorf("DSN offered: %t; passed on: %t, %t", knows, statuses[0].Passed, statuses[1].Passed)
		}
	}
}

func TestRecipientsHaveTheirOwnReplies(t *testing.T) {
	t.Parallel()
	x := serveMail(t, "mx1.saigon.example", func(_ *gosmtp.Server, x *exchanger) {
		x.refuse["b@saigon.example"] = &gosmtp.SMTPError{Code: 450, EnhancedCode: gosmtp.EnhancedCode{4, 2, 1}, Message: "busy"}
		x.refuse["c@saigon.example"] = &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "unknown"}
		x.refuse["d@saigon.example"] = &gosmtp.SMTPError{Code: 552, EnhancedCode: gosmtp.EnhancedCode{5, 5, 3}, Message: "too many"}
	})
	statuses, codes := newLab(t, x.port).send(t, "a@saigon.example", "b@saigon.example", "c@saigon.example", "d@saigon.example")
	if codes != "250 2.0.0, 450 4.2.1, 550 5.1.1, 552 4.5.3" {
		t.Errorf("%v", statuses)
	}
	if got := x.received(); len(got) != 1 || !strings.HasPrefix(got[0], "<me@hanoi.example> [a@saigon.example] ") {
		t.Errorf("received %q", got)
	}
}

func TestManyRecipientsInSeveralTransactions(t *testing.T) {
	t.Parallel()
	x := serveMail(t, "mx1.saigon.example", func(s *gosmtp.Server, _ *exchanger) { s.MaxRecipients = 100 })
	var to []string
	for i := range 250 {
		to = append(to, fmt.Sprintf("u%d@saigon.example", i))
	}
	statuses, _ := newLab(t, x.port).send(t, to...)
	if len(statuses) != 250 || slices.ContainsFunc(statuses, func(s dsn.Status) bool { return !s.OK() }) {
		t.Errorf("%v", statuses)
	}
	if got := x.received(); len(got) != 3 || x.dialogue != 1 {
		t.Errorf("%d transactions in %d sessions, want 3 in one", len(got), x.dialogue)
	}
}

func TestNextHost(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T) int {
		l := listen(t)
		defer l.Close()
		return l.Addr().(*net.TCPAddr).Port
	}
	for name, first := range map[string]func(t *testing.T) int{
		"connection refused":      refused,
		"421 greeting":            func(t *testing.T) int { return serveScript(t, "421 4.3.2 not now") },
		"554 greeting":            func(t *testing.T) int { return serveScript(t, "554 5.3.2 no mail here") },
		"closed without greeting": func(t *testing.T) int { return serveScript(t, "") },
		"421 to EHLO":             func(t *testing.T) int { return serveScript(t, "220 hi\nC: EHLO\n421 4.3.2 shutting down") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := serveMail(t, "mx2.saigon.example", nil)
			statuses, _ := newLab(t, first(t), x.port).send(t, "a@saigon.example")
			if !statuses[0].OK() || statuses[0].Remote != "mx2.saigon.example" {
				t.Errorf("%v", statuses)
			}
		})
	}
}

func TestPreferredHostFirst(t *testing.T) {
	t.Parallel()
	one, two := serveMail(t, "mx1.saigon.example", nil), serveMail(t, "mx2.saigon.example", nil)
	l := newLab(t, one.port, two.port)
	for range 5 {
		l.send(t, "a@saigon.example")
	}
	if len(one.received()) != 5 || len(two.received()) != 0 {
		t.Errorf("%d and %d messages, want all at the preferred host", len(one.received()), len(two.received()))
	}
}

func TestImplicitMX(t *testing.T) {
	t.Parallel()
	x := serveMail(t, "hue.example", nil)
	l := newLab(t)
	l.Remote.Resolver = newRemote(t, "hue.example. A 127.0.0.1").Resolver
	l.Port = x.port
	l.job.Domain = "hue.example"
	if statuses, _ := l.send(t, "a@hue.example"); !statuses[0].OK() || statuses[0].Remote != "hue.example" {
		t.Errorf("%v", statuses)
	}
}

func TestScripts(t *testing.T) {
	t.Parallel()
	const hello = "220 mx ESMTP\nC: EHLO us.example\n250 mx\n"
	for _, c := range []struct{ name, script, want string }{
		{"greeting 421", "421 4.3.2 not now", "421 4.3.2"},
		{"greeting 554", "554 5.3.2 never", "554 5.3.2"},
		{"cut before DATA", hello + "C: MAIL\n250 ok\nC: RCPT\n", "0 4.4.2"},
		{"cut in mid-DATA", hello + "C: MAIL\n250 ok\nC: RCPT\n250 ok\nC: DATA\n354 go\nC: Subject\n", "0 4.4.2"},
		{"no answer to the dot", hello + "C: MAIL\n250 ok\nC: RCPT\n250 ok\nC: DATA\n354 go\nC: .\r\n", "0 4.4.2"},
		{"refused after the dot", hello + "C: MAIL\n250 ok\nC: RCPT\n250 ok\nC: DATA\n354 go\nC: .\r\n554 5.7.1 spam\n", "554 5.7.1"},
		{"deferred after the dot", hello + "C: MAIL\n250 ok\nC: RCPT\n250 ok\nC: DATA\n354 go\nC: .\r\n451 4.3.0 later\n", "451 4.3.0"},
		{"accepted, then gone", hello + "C: MAIL\n250 ok\nC: RCPT\n250 ok\nC: DATA\n354 go\nC: .\r\n250 2.0.0 ok\n", "250 2.0.0"},
		{"MAIL refused", hello + "C: MAIL\n550 5.7.1 no\nC: QUIT\n221 bye\n", "550 5.7.1"},
		{"too small", "220 mx\nC: EHLO\n250-mx\n250 SIZE 10\nC: QUIT\n221 bye\n", "0 5.3.4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if statuses, codes := newLab(t, serveScript(t, c.script)).send(t, "a@saigon.example"); codes != c.want {
				t.Errorf("%v, want %s", statuses, c.want)
			}
		})
	}
}

func TestTemporaryWinsOverPermanent(t *testing.T) {
	t.Parallel()
	l := newLab(t, serveScript(t, "421 4.3.2 not now"), serveScript(t, "554 5.3.2 never"))
	if statuses, codes := l.send(t, "a@saigon.example"); codes != "421 4.3.2" {
		t.Errorf("%v", statuses)
	}
}

func TestNeedsSMTPUTF8(t *testing.T) {
	t.Parallel()
	for _, offered := range []bool{false, true} {
		x := serveMail(t, "mx1.saigon.example", func(s *gosmtp.Server, _ *exchanger) { s.EnableSMTPUTF8 = offered })
		l := newLab(t, x.port)
		l.job.UTF8 = true
		want := map[bool]string{false: "0 5.6.7", true: "250 2.0.0"}[offered]
		if statuses, codes := l.send(t, "tâm@saigon.example"); codes != want {
			t.Errorf("SMTPUTF8 offered %v: %v, want %s", offered, statuses, want)
		}
	}
}

func TestSTARTTLS(t *testing.T) {
	t.Parallel()
	x := serveMail(t, "mx1.saigon.example", func(s *gosmtp.Server, _ *exchanger) {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	})
	if statuses, _ := newLab(t, x.port).send(t, "a@saigon.example"); !statuses[0].OK() || !x.secure {
		t.Errorf("%v, TLS %v", statuses, x.secure)
	}
}

// TestBrokenTLS falls back to clear text, in the same session after a refusal
// and in a new one after a failed handshake.
func TestBrokenTLS(t *testing.T) {
	t.Parallel()
	const transaction = "C: MAIL\n250 ok\nC: RCPT\n250 ok\nC: DATA\n354 go\nC: .\r\n250 2.0.0 ok\nC: QUIT\n221 bye\n"
	refused := "220 mx\nC: EHLO\n250-mx\n250 STARTTLS\nC: STARTTLS\n454 4.7.0 not now\n" + transaction
	if statuses, codes := newLab(t, serveScript(t, refused)).send(t, "a@saigon.example"); codes != "250 2.0.0" {
		t.Errorf("refused: %v", statuses)
	}
	broken := serveMail(t, "mx1.saigon.example", func(s *gosmtp.Server, _ *exchanger) {
		s.TLSConfig = &tls.Config{} // no certificate: every handshake fails
	})
	statuses, codes := newLab(t, broken.port).send(t, "a@saigon.example")
	if codes != "250 2.0.0" || broken.secure || broken.dialogue < 2 {
		t.Errorf("broken handshake: %v after %d sessions", statuses, broken.dialogue)
	}
}

// selfSigned is a certificate that nobody vouches for.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestMissingBodyIsTemporary(t *testing.T) {
	t.Parallel()
	x := serveMail(t, "mx1.saigon.example", nil)
	l := newLab(t, x.port)
	l.job.Body[0]++
	if statuses, codes := l.send(t, "a@saigon.example"); codes != "0 4.3.0" {
		t.Errorf("%v", statuses)
	}
}
