package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// trust is TLS that trusts the lab's authority and nobody else.
func (l *lab) trust(t *testing.T) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(l.CA)
	must(t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s", l.CA)
	}
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

// TestGoClients sends with go-smtp and reads with go-imap.
func TestGoClients(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.Servers[0]
	an, binh := s.Accounts[0], s.Accounts[1]
	c, err := smtp.DialStartTLS(s.At("submission"), l.trust(t))
	must(t, err)
	must(t, c.Auth(sasl.NewPlainClient("", an.Address, an.Password)))
	text := "From: " + an.Address + "\r\nSubject: by go-smtp\r\n\r\n.stuffed\r\nbody\r\n"
	must(t, c.SendMail(an.Address, []string{binh.Address}, strings.NewReader(text)))
	must(t, c.Quit())

	m, err := imapclient.DialTLS(s.At("imaps"), &imapclient.Options{TLSConfig: l.trust(t)})
	must(t, err)
	defer m.Close()
	must(t, m.Login(binh.Address, binh.Password).Wait())
	box, err := m.Select("INBOX", nil).Wait()
	must(t, err)
	if box.NumMessages != 1 {
		t.Fatalf("%d messages", box.NumMessages)
	}
	fetchOne(t, m)
	organise(t, m)
	must(t, m.Logout().Wait())
}

func fetchOne(t *testing.T, m *imapclient.Client) {
	t.Helper()
	got, err := m.Fetch(imap.SeqSetNum(1), &imap.FetchOptions{
		Envelope: true, Flags: true, UID: true, RFC822Size: true, InternalDate: true,
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true},
		BodySection:   []*imap.FetchItemBodySection{{Peek: true}},
	}).Collect()
	must(t, err)
	if len(got) != 1 || got[0].Envelope.Subject != "by go-smtp" || got[0].Envelope.MessageID == "" {
		t.Fatalf("fetched %+v", got)
	}
	if body := got[0].BodySection[0].Bytes; int64(len(body)) != got[0].RFC822Size || !strings.HasSuffix(string(body), "\r\n\r\n.stuffed\r\nbody\r\n") {
		t.Errorf("size %d, body %q", got[0].RFC822Size, body)
	}
	if d := time.Since(got[0].InternalDate); d < -2*time.Second || d > testTime {
		t.Errorf("internal date %v", got[0].InternalDate)
	}
}

// organise makes a folder, copies, flags, searches, appends and expunges.
func organise(t *testing.T, m *imapclient.Client) {
	t.Helper()
	must(t, m.Create("Trường học/2026", nil).Wait())
	copied, err := m.Copy(imap.SeqSetNum(1), "Trường học/2026").Wait()
	must(t, err)
	if copied.UIDValidity == 0 {
		t.Error("no COPYUID")
	}
	_, err = m.Store(imap.SeqSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagFlagged, imap.FlagDeleted}}, nil).Collect()
	must(t, err)
	found, err := m.UIDSearch(&imap.SearchCriteria{Flag: []imap.Flag{imap.FlagFlagged}, Header: []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: "GO-SMTP"}}}, nil).Wait()
	must(t, err)
	if len(found.AllUIDs()) != 1 {
		t.Errorf("found %v", found.AllUIDs())
	}
	gone, err := m.Expunge().Collect()
	must(t, err)
	if len(gone) != 1 {
		t.Errorf("expunged %v", gone)
	}
	text := "Subject: draft\r\n\r\nnot sent\r\n"
	a := m.Append("Drafts", int64(len(text)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagDraft}})
	a.Write([]byte(text))
	must(t, a.Close())
	_, err = a.Wait()
	must(t, err)
	folders, err := m.List("", "*", nil).Collect()
	must(t, err)
	names := make([]string, len(folders))
	for i, f := range folders {
		names[i] = f.Mailbox
	}
	for _, want := range []string{"INBOX", "Drafts", "Sent", "Trash", "Trường học/2026"} {
		if !strings.Contains("|"+strings.Join(names, "|")+"|", "|"+want+"|") {
			t.Errorf("no folder %s in %q", want, names)
		}
	}
	status, err := m.Status("Trường học/2026", &imap.StatusOptions{NumMessages: true}).Wait()
	must(t, err)
	if *status.NumMessages != 1 {
		t.Errorf("status %+v", status)
	}
}
