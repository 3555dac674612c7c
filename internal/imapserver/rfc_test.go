package imapserver

import (
	"testing"
	"time"

	"tem/internal/address"
	"tem/internal/line/linetest"
	"tem/internal/mail"
)

// minutes is the message of the sample connection, as its header says.
const minutes = "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.washington.edu>\r\n" +
	"Subject: IMAP4rev2 WG mtg summary and minutes\r\nTo: imap@cac.washington.edu\r\n" +
	"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\nMessage-Id: <B27397-0100000@cac.washington.edu>\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nTwo lines\r\nof text.\r\n"

// deliver puts a message into INBOX of a@x.example.
func deliver(t testing.TB, s *Server, text string, received time.Time) {
	t.Helper()
	acc, err := s.o.Directory.Account(t.Context(), address.Address{Local: "a", Domain: "x.example"})
	if err != nil {
		t.Fatal(err)
	}
	sp := s.o.Mail.NewSpool(t.Context())
	sp.Write([]byte(text))
	body, err := sp.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.o.Mail.Deliver(t.Context(), body, []mail.Target{{Account: acc.ID, Received: received}}, nil); err != nil {
		t.Fatal(err)
	}
}

// TestSampleConnection is RFC 9051 §8; its STARTTLS and SCRAM are tested in auth_test.go.
func TestSampleConnection(t *testing.T) {
	t.Parallel()
	s := newServer(t, 11)
	deliver(t, s, minutes, time.Date(1996, 7, 17, 2, 44, 25, 0, time.FixedZone("", -7*3600)))
	for range 6 {
		deliver(t, s, letter, time.Time{})
	}
	linetest.Play(t, "§8", `
S: * OK
C: a001 LOGIN a@x.example "pass word"
S: a001 OK
C: babc ENABLE IMAP4rev2
S: * ENABLED IMAP4rev2
S: babc OK
C: a002 select inbox
S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
S: * OK [PERMANENTFLAGS
S: * 18 EXISTS
S: * LIST (\HasNoChildren) "/" INBOX
S: * OK [UIDVALIDITY
S: * OK [UIDNEXT 19]
S: * OK [MAILBOXID (M281474976710657)]
S: * OK [HIGHESTMODSEQ 18]
S: a002 OK [READ-WRITE]
C: a003 fetch 12 full
S: * 12 FETCH (FLAGS () INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 363 ENVELOPE ("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "<B27397-0100000@cac.washington.edu>") BODY ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 21 2))
S: a003 OK
C: a004 fetch 12 body[header]
S: * 12 FETCH (FLAGS (\Seen) BODY[HEADER] {342}
S: Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
S: From: Terry Gray <gray@cac.washington.edu>
S: Subject: IMAP4rev2 WG mtg summary and minutes
S: To: imap@cac.washington.edu
S: cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>
S: Message-Id: <B27397-0100000@cac.washington.edu>
S: MIME-Version: 1.0
S: Content-Type: TEXT/PLAIN; CHARSET=US-ASCII
S: /^$/
S: )
S: a004 OK
C: a005 store 12 +flags \deleted
S: * 12 FETCH (FLAGS (\Deleted \Seen))
S: a005 OK
C: a006 logout
S: * BYE
S: a006 OK
S: <EOF>
`, s.Handle, linetest.Options{Line: s.Options()})
}
