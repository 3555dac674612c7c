package imapserver

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"tem/internal/address"
	blobmemory "tem/internal/blob/memory"
	"tem/internal/bus/local"
	"tem/internal/directory"
	"tem/internal/kv/memory"
	"tem/internal/line"
	"tem/internal/line/linetest"
	"tem/internal/mail"
)

const letter = "From: A <a@x.example>\r\nTo: b@y.example\r\nSubject: afternoon meeting\r\n" +
	"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-Id: <B27397@x.example>\r\n\r\nHello Joe, do you think we can meet?\r\n"

// newServer is a server with the account a@x.example, password "pass word",
// whose INBOX holds n letters.
func newServer(t testing.TB, n int) *Server {
	t.Helper()
	return newServerOn(t, n, mail.Options{Blobs: blobmemory.New()})
}

// newServerOn is newServer with some of the store's options.
func newServerOn(t testing.TB, n int, o mail.Options) *Server {
	t.Helper()
	if o.KV == nil {
		o.KV = memory.New()
	}
	kv := o.KV
	o.Bus = local.New()
	store, err := mail.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := directory.Open(t.Context(), directory.Options{KV: kv})
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.AddDomain(t.Context(), "x.example"); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.AddAccount(t.Context(), address.Address{Local: "a", Domain: "x.example"}, "A", "pass word", 0); err != nil {
		t.Fatal(err)
	}
	s := New(Options{Hostname: "mx.x.example", Auth: dir, Directory: dir, Mail: store,
		InsecureAuth: func(net.Addr) bool { return true }, MaxMessage: 1 << 20, Unauthenticate: true})
	for range n {
		deliver(t, s, letter, time.Date(1996, 7, 17, 2, 44, 25, 0, time.UTC))
	}
	return s
}

// validity is the UIDVALIDITY of INBOX.
func (s *Server) validity(t *testing.T) string {
	t.Helper()
	box, err := accountOf(t, s).Mailbox(t.Context(), "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(box.UIDValidity)
}

// accountOf is the mail of a@x.example.
func accountOf(t testing.TB, s *Server) *mail.Account {
	t.Helper()
	return s.o.Mail.Account(personID(t, s))
}

// personID is a@x.example.
func personID(t testing.TB, s *Server) mail.AccountID {
	t.Helper()
	acc, err := s.o.Directory.Account(t.Context(), address.Address{Local: "a", Domain: "x.example"})
	if err != nil {
		t.Fatal(err)
	}
	return acc.ID
}

func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no transcripts")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			s := newServer(t, 3)
			linetest.Replay(t, file, s.Handle, linetest.Options{Line: s.Options(), Vars: map[string]string{"VALIDITY": s.validity(t)}})
		})
	}
}

func TestLoginDisabled(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	s.o.InsecureAuth = nil
	linetest.Play(t, "clear", "S: /LOGINDISABLED\\]/\nC: a LOGIN a@x.example \"pass word\"\nS: a NO [PRIVACYREQUIRED]\nC: b LOGOUT\nS: * BYE\nS: b OK\nS: <EOF>\n",
		s.Handle, linetest.Options{Line: s.Options()})
}

func TestTooManyNested(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	linetest.Play(t, "nested", "S: * OK\nC: a SEARCH "+strings.Repeat("(", 10000)+"\nS: a BAD\nC: b "+strings.Repeat("x", 70000)+" {10+}\nC: c NOOP\nS: * BYE\nS: <EOF>\n",
		s.Handle, linetest.Options{Line: s.Options()})
}

// dial starts a session and logs in with another project's client.
func dial(t *testing.T, s *Server, o *imapclient.Options) *imapclient.Client {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Handle(context.WithoutCancel(t.Context()), line.NewConn(far, line.Server, s.Options()))
	}()
	c := imapclient.New(near, o)
	t.Cleanup(func() { c.Close(); near.Close(); <-done })
	if err := c.Login("a@x.example", "pass word").Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOtherClient(t *testing.T) {
	t.Parallel()
	s := newServer(t, 2)
	c := dial(t, s, nil)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := c.Select("INBOX", nil).Wait()
	check(err)
	if data.NumMessages != 2 {
		t.Fatalf("%d messages", data.NumMessages)
	}
	w := c.Append("INBOX", int64(len(letter)), &goimap.AppendOptions{Flags: []goimap.Flag{goimap.FlagFlagged}})
	w.Write([]byte(letter))
	check(w.Close())
	put, err := w.Wait()
	check(err)
	if put.UID != 3 {
		t.Fatalf("appended as %d", put.UID)
	}
	section := &goimap.FetchItemBodySection{Specifier: goimap.PartSpecifierText}
	got, err := c.Fetch(goimap.SeqSetNum(3), &goimap.FetchOptions{Envelope: true, Flags: true, BodyStructure: &goimap.FetchItemBodyStructure{Extended: true},
		BodySection: []*goimap.FetchItemBodySection{section}}).Collect()
	check(err)
	if len(got) != 1 || got[0].Envelope.Subject != "afternoon meeting" || string(got[0].FindBodySection(section)) != "Hello Joe, do you think we can meet?\r\n" {
		t.Fatalf("fetched %+v", got)
	}
	found, err := c.UIDSearch(&goimap.SearchCriteria{Flag: []goimap.Flag{goimap.FlagSeen}}, nil).Wait()
	check(err)
	if all := found.AllUIDs(); len(all) != 1 || all[0] != 3 {
		t.Fatalf("seen: %v", all)
	}
	copied, err := c.Copy(goimap.UIDSetNum(1), "Archive").Wait()
	check(err)
	if copied.DestUIDs.String() != "1" {
		t.Fatalf("copied to %v", copied.DestUIDs)
	}
	_, err = c.Move(goimap.UIDSetNum(2), "Archive").Wait()
	check(err)
	check(c.Store(goimap.UIDSetNum(1), &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Flags: []goimap.Flag{goimap.FlagDeleted}}, nil).Close())
	gone, err := c.Expunge().Collect()
	check(err)
	if len(gone) != 1 || gone[0] != 1 || c.Mailbox().NumMessages != 1 {
		t.Fatalf("expunged %v, left %d", gone, c.Mailbox().NumMessages)
	}
	check(c.Logout().Wait())
}

func TestIdleHearsOther(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	heard := make(chan uint32, 4)
	idler := dial(t, s, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(m *imapclient.UnilateralDataMailbox) {
			if m.NumMessages != nil {
				heard <- *m.NumMessages
			}
		}}})
	if _, err := idler.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	idle, err := idler.Idle()
	if err != nil {
		t.Fatal(err)
	}
	w := dial(t, s, nil).Append("INBOX", int64(len(letter)), nil)
	w.Write([]byte(letter))
	w.Close()
	if _, err := w.Wait(); err != nil {
		t.Fatal(err)
	}
	for n := range heard {
		if n == 1 {
			break
		}
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
	if err := idle.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestShutdownInIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, 0)
		linetest.Play(t, "shutdown", "S: * OK\nC: a LOGIN a@x.example \"pass word\"\nS: a OK\nC: b IDLE\nS: +\nS: * BYE\nS: <EOF>\n",
			func(ctx context.Context, c *line.Conn) {
				defer time.AfterFunc(2*time.Second, c.Interrupt).Stop()
				s.Handle(ctx, c)
			}, linetest.Options{Line: s.Options()})
	})
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{{"*", "a/b", true}, {"%", "a/b", false}, {"a/%", "a/b", true}, {"%/b", "a/b", true}, {"a", "a/b", false}, {"*b", "a/b", true}, {"", "a", false}} {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("%s on %s: %v", c.pattern, c.name, got)
		}
	}
}

// A disk that is nearly full refuses before the octets are sent.
func TestAppendWithoutRoom(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	s.o.Room = func(octets int64) bool { return octets < 10 }
	linetest.Play(t, "room", "S: * OK\nC: a LOGIN a@x.example \"pass word\"\nS: a OK\nC: b APPEND INBOX {11}\nS: b NO [UNAVAILABLE]\nC: c NOOP\nS: c OK\n",
		s.Handle, linetest.Options{Line: s.Options()})
}
