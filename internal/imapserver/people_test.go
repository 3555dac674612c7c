package imapserver

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tem/internal/address"
	"tem/internal/control"
	"tem/internal/directory"
	"tem/internal/line/linetest"
	"tem/internal/mail"
)

// newPeople is newServer with b@x.example, c@x.example, the administrator
// d@x.example and the group team@x.example of c, all with the password "pass word".
func newPeople(t testing.TB, n int) *Server {
	t.Helper()
	s := newServer(t, n)
	for _, name := range []string{"b", "c", "d"} {
		if _, err := s.o.Directory.AddAccount(t.Context(), x(name), strings.ToUpper(name), "pass word", 0); err != nil {
			t.Fatal(err)
		}
	}
	setAdmin(t, s, "d", true)
	s.o.SetQuota = (&control.Service{Directory: s.o.Directory, Mail: s.o.Mail}).SetQuota
	team := directory.List{Address: x("team"), Members: []address.Address{x("c")}, Group: true}
	if err := s.o.Directory.AddList(t.Context(), team); err != nil {
		t.Fatal(err)
	}
	return s
}

// setAdmin makes a person of x.example an administrator, or no longer.
func setAdmin(t testing.TB, s *Server, local string, admin bool) {
	t.Helper()
	acc, err := s.o.Directory.Account(t.Context(), x(local))
	if err != nil {
		t.Fatal(err)
	}
	acc.Admin = admin
	if err := s.o.Directory.SetAccount(t.Context(), acc); err != nil {
		t.Fatal(err)
	}
}

func x(local string) address.Address { return address.Address{Local: local, Domain: "x.example"} }

// mailOf is the mail of a person of x.example.
func mailOf(t testing.TB, s *Server, local string) (*mail.Account, mail.AccountID) {
	t.Helper()
	acc, err := s.o.Directory.Account(t.Context(), x(local))
	if err != nil {
		t.Fatal(err)
	}
	return s.o.Mail.Account(acc.ID), acc.ID
}

// as is a session of a person of x.example. What is waited for in vain fails the test.
func as(t *testing.T, s *Server, local string) *peer {
	t.Helper()
	p := connect(t, s, s.Options(), nil)
	p.nc.SetDeadline(time.Now().Add(10 * time.Minute))
	p.want(`LOGIN `+local+`@x.example "pass word"`, "x OK")
	return p
}

// TestPeople replays the dialogues of a server with several people.
func TestPeople(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/people/*.txt")
	if len(files) == 0 {
		t.Fatal("no transcripts")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			s := newPeople(t, 3)
			linetest.Replay(t, file, s.Handle, linetest.Options{Line: s.Options(), Vars: map[string]string{"VALIDITY": s.validity(t)}})
		})
	}
}

// TestSharedMailbox: b sees and does in a's INBOX what a lets him.
func TestSharedMailbox(t *testing.T) {
	t.Parallel()
	s := newPeople(t, 3)
	if _, _, err := accountOf(t, s).Store(t.Context(), 1, []mail.UID{1}, mail.AddFlags, mail.Flagged, nil, 0); err != nil {
		t.Fatal(err)
	}
	a, b := as(t, s, "a"), as(t, s, "b")
	const in = `"Other Users/a@x.example/INBOX"`
	for _, command := range []string{"SELECT " + in, "STATUS " + in + " (MESSAGES)", "GETACL " + in, "MYRIGHTS " + in, "DELETE " + in, "GETMETADATA " + in + " /shared/comment",
		"RENAME " + in + " x", "GETQUOTAROOT " + in} {
		b.want(command, "x NO [NONEXISTENT] there is no mailbox Other Users/a@x.example/INBOX")
	}
	b.want(`LIST "" "Other*"`, "x OK")
	a.want("SETACL INBOX b@x.example i", "x OK")
	b.want("APPEND "+in+" {3+}\r\nabc", "x NO [TRYCREATE]") // without l it is not there
	a.want("SETACL INBOX b@x.example lr", "x OK")
	b.want(`LIST "" "Other Users*" RETURN (STATUS (MESSAGES) MYRIGHTS)`, `* LIST (\NonExistent \HasChildren) "/" "Other Users"`,
		`* LIST (\NonExistent \HasChildren) "/" "Other Users/a@x.example"`, `* LIST (\HasNoChildren) "/" `+in,
		`* MYRIGHTS `+in+` lr`, `* STATUS `+in+` (MESSAGES 3)`, "x OK")
	b.want("APPEND "+in+" {3+}\r\nabc", "x NO [NOPERM]")
	b.want("SELECT "+in, "* FLAGS", "* OK [PERMANENTFLAGS ()]", "* 3 EXISTS", "* 3 RECENT", "* OK [UNSEEN 1]", "* OK [UIDVALIDITY", "* OK [UIDNEXT 4]", "* OK [MAILBOXID", "* OK [HIGHESTMODSEQ", "x OK [READ-ONLY]")
	b.want("STORE 1 +FLAGS (\\Seen)", "x NO [NOPERM]")
	a.want("SETACL INBOX b@x.example +s", "x OK")
	b.want("NOOP", `* FLAGS`, `* OK [PERMANENTFLAGS (\Seen)]`, "* OK [READ-WRITE]", "x OK")
	b.want("STORE 1 FLAGS (\\Seen \\Deleted \\Answered key)", `* 1 FETCH (FLAGS (\Recent \Flagged \Seen))`, "x OK")
	b.want("STORE 1 +FLAGS (\\Deleted)", "x NO [NOPERM]")
	b.want("EXPUNGE", "x NO [NOPERM]")
	b.want("COPY 1 Archive", "x OK [COPYUID")
	b.want("MOVE 1 Archive", "x NO [NOPERM]")
	a.want("SETACL INBOX b@x.example +tei", "x OK")
	b.want("STORE 2 +FLAGS (\\Deleted \\Flagged)", "* FLAGS", `* OK [PERMANENTFLAGS (\Deleted \Seen)]`, `* 2 FETCH (FLAGS (\Recent \Deleted))`, "x OK")
	b.want("EXPUNGE", "* 2 EXPUNGE", "x OK")
	b.want("MOVE 1 Archive", "* OK [COPYUID", "* 1 EXPUNGE", "x OK")
	b.want("APPEND "+in+" (\\Flagged \\Seen key) {3+}\r\nabc", "* 2 EXISTS", "* 2 RECENT", "x OK [APPENDUID")
	b.want("FETCH 2 FLAGS", `* 2 FETCH (FLAGS (\Recent \Seen))`, "x OK")
	a.want("DELETEACL INBOX b@x.example", "x OK")
	b.want("STORE 1 +FLAGS (\\Seen)", "* BYE", "x NO [NOPERM]")
}

// TestLookingKeepsUnseen: \Seen is not set for who may not (RFC 4314 §4).
func TestLookingKeepsUnseen(t *testing.T) {
	t.Parallel()
	s := newPeople(t, 1)
	a, b := as(t, s, "a"), as(t, s, "b")
	a.want("SETACL INBOX b@x.example lrw", "x OK")
	b.do(`SELECT "Other Users/a@x.example/INBOX"`)
	b.want("FETCH 1 BODY[TEXT]", "* 1 FETCH (BODY[TEXT] {", "Hello", ")", "x OK")
	a.want("STATUS INBOX (UNSEEN)", "* STATUS INBOX (UNSEEN 1)", "x OK")
	a.want("SETACL INBOX b@x.example +s", "x OK")
	b.want("NOOP", "* FLAGS", "* OK", "x OK")
	b.want("FETCH 1 BODY[TEXT]", `* 1 FETCH (FLAGS (\Recent \Seen) BODY[TEXT] {`, "Hello", ")", "x OK")
	a.want("STATUS INBOX (UNSEEN)", "* STATUS INBOX (UNSEEN 0)", "x OK")
}

// TestGroupRights: who is in a group has its rights, at once and no longer.
func TestGroupRights(t *testing.T) {
	t.Parallel()
	s := newPeople(t, 1)
	a, c := as(t, s, "a"), as(t, s, "c")
	const in = `"Other Users/a@x.example/INBOX"`
	a.want("SETACL INBOX TEAM@x.example lri", "x OK")
	a.want("SETACL INBOX -c@x.example i", "x OK")
	a.want("GETACL INBOX", "* ACL INBOX a@x.example lrswipkxtecda team@x.example lri -c@x.example i", "x OK")
	c.want("MYRIGHTS "+in, "* MYRIGHTS "+in+" lr", "x OK")
	c.do("SELECT " + in)
	if err := s.o.Directory.SetMembers(t.Context(), x("team"), nil); err != nil {
		t.Fatal(err)
	}
	c.want("NOOP", "* BYE", "x NO [NOPERM]")
}

// TestIdleOnShared: b hears of what comes for a.
func TestIdleOnShared(t *testing.T) {
	t.Parallel()
	s := newPeople(t, 0)
	a, b := as(t, s, "a"), as(t, s, "b")
	a.want("SETACL INBOX anyone lr", "x OK")
	b.do(`SELECT "Other Users/a@x.example/INBOX"`)
	b.send("x IDLE\r\n")
	b.until("+")
	deliver(t, s, letter, s.o.Now())
	if got := b.until("* 1 EXISTS"); len(got) != 1 {
		t.Errorf("heard %q", got)
	}
	a.want("DELETEACL INBOX anyone", "x OK")
	b.until("* BYE")
}

// TestManageShared: mailboxes are made, renamed and deleted below somebody
// else's, where that is allowed, and never leave the account.
func TestManageShared(t *testing.T) {
	t.Parallel()
	s := newPeople(t, 0)
	a, b := as(t, s, "a"), as(t, s, "b")
	const up = "Other Users/a@x.example/"
	a.want("CREATE plans", "x OK")
	a.want("SETACL plans b@x.example lr", "x OK")
	b.want(`CREATE "`+up+`plans/2026"`, "x NO [NOPERM]")
	b.want(`CREATE "`+up+`mine"`, "x NO [CANNOT]")
	b.want(`CREATE "Other Users"`, "x NO [CANNOT]")
	b.want(`CREATE "Other Users/nobody@x.example/y"`, "x NO [CANNOT]")
	a.want("SETACL plans b@x.example +kx", "x OK")
	a.want("SETACL plans anyone l", "x OK")
	b.want(`CREATE "`+up+`plans/2026/1" (USE (\Sent))`, "x NO [USEATTR]")
	b.want(`CREATE "`+up+`plans/2026/1"`, "x OK")
	a.want("GETACL plans/2026", "* ACL plans/2026 a@x.example lrswipkxtecda b@x.example lrkxcd anyone l", "x OK")
	b.want(`RENAME "`+up+`plans/2026/1" mine`, "x NO [CANNOT]")
	b.want(`RENAME Archive "`+up+`plans/b"`, "x NO [CANNOT]")
	b.want(`RENAME "`+up+`plans/2026/1" "`+up+`top"`, "x NO [CANNOT]")
	b.want(`RENAME "`+up+`plans/2026/1" "`+up+`plans/one"`, "x OK")
	b.want(`DELETE "`+up+`plans/2026"`, "x OK")
	b.want(`SUBSCRIBE "`+up+`plans/one"`, "x OK")
	b.want(`LIST (SUBSCRIBED) "`+up+`" "*"`, `* LIST (\HasNoChildren \Subscribed) "/" "`+up+`plans/one"`, "x OK")
	b.want(`LSUB "" "Other Users/%"`, `* LSUB (\Noselect \HasChildren) "/" "Other Users/a@x.example"`, "x OK")
	b.want(`UNSUBSCRIBE "`+up+`plans/one"`, "x OK")
	b.want(`SETACL "`+up+`plans" c@x.example lr`, "x NO [NOPERM]")
	a.want("CREATE plans/one/own", "x OK")
	a.want("SETACL plans/one/own -b@x.example lr", "x OK")
	a.want("DELETEACL plans/one/own b@x.example", "x OK")
	b.want(`RENAME "`+up+`plans/one" "`+up+`plans/two"`, "x NO [NOPERM]") // what is below goes along
	a.want("DELETE plans/one/own", "x OK")
	a.want("SETACL Sent b@x.example lr", "x OK")
	b.want(`LIST (SPECIAL-USE) "" "Other*"`, "x OK") // that is a's use of it
	a.want(`LIST "" "Other*"`, "x OK")               // one's own are not there
	a.want(`SELECT "`+up+`plans"`, "x NO [NONEXISTENT]")
}

// TestCarryBetweenPeople: copies from mailbox to mailbox of two other people
// lose the flags that may not be set there, and come in whole or not at all.
func TestCarryBetweenPeople(t *testing.T) {
	t.Parallel()
	s := newPeople(t, 3)
	a, b, c := as(t, s, "a"), as(t, s, "b"), as(t, s, "c")
	a.do("SELECT INBOX")
	a.want(`STORE 1:3 +FLAGS.SILENT (\Seen \Flagged \Deleted key)`, "* FLAGS", "* OK", "x OK")
	a.want(`STORE 1 +X-GM-LABELS ("Other Users/c@x.example/mine")`, "x NO [CANNOT]")
	a.want("SETACL INBOX c@x.example lr", "x OK")
	b.want("SETACL Junk c@x.example lriw", "x OK")
	c.do(`SELECT "Other Users/a@x.example/INBOX"`)
	c.want(`COPY 1:3 "Other Users/b@x.example/Junk"`, "x OK [COPYUID")
	b.do("SELECT Junk")
	b.want("FETCH 1:3 FLAGS", `* 1 FETCH (FLAGS (\Recent \Flagged key))`, `* 2 FETCH (FLAGS (\Recent \Flagged key))`, `* 3 FETCH (FLAGS (\Recent \Flagged key))`, "x OK")
	_, id := mailOf(t, s, "b")
	if err := s.o.Mail.SetQuota(t.Context(), id, 0, 5); err != nil {
		t.Fatal(err)
	}
	c.want(`COPY 1:3 "Other Users/b@x.example/Junk"`, "x NO [OVERQUOTA]")
	c.want(`GETQUOTA B@x.example`, `* QUOTA b@x.example (MESSAGE 3 5)`, "x OK")
	c.want(`GETQUOTAROOT "Other Users/b@x.example/Junk"`, `* QUOTAROOT "Other Users/b@x.example/Junk" b@x.example`, `* QUOTA b@x.example (MESSAGE 3 5)`, "x OK")
	a.want(`GETQUOTA b@x.example`, "x NO [NONEXISTENT]")
	b.want("NOOP", "x OK")
}

// TestAnnotations: what is private is each one's own, what is shared is
// everybody's who may read, and changed by who may write (RFC 5464 §3.3).
func TestAnnotations(t *testing.T) {
	t.Parallel()
	s := newPeople(t, 0)
	a, b := as(t, s, "a"), as(t, s, "b")
	const in = `"Other Users/a@x.example/INBOX"`
	a.want("SETACL INBOX b@x.example l", "x OK")
	b.want("GETMETADATA "+in+" /shared/comment", "x NO [NOPERM]")
	a.want("SETACL INBOX b@x.example lr", "x OK")
	a.want(`SETMETADATA INBOX (/private/comment "mine" /shared/comment "ours")`, "x OK")
	b.want("GETMETADATA "+in+" (/shared/comment /private/comment)", `* METADATA `+in+` (/private/comment NIL /shared/comment "ours")`, "x OK")
	b.want(`SETMETADATA `+in+` (/private/comment "his")`, "x OK")
	b.want(`SETMETADATA `+in+` (/private/comment "lost" /shared/comment "his")`, "x NO [NOPERM]")
	b.want("GETMETADATA "+in+" (DEPTH infinity) /private", `* METADATA `+in+` (/private/comment "his")`, "x OK")
	a.want("GETMETADATA INBOX (DEPTH infinity) /private", `* METADATA INBOX (/private/comment "mine")`, "x OK")
	a.want("SETACL INBOX b@x.example +w", "x OK")
	b.want(`SETMETADATA `+in+` (/shared/comment NIL)`, "x OK")
	b.want(`SETMETADATA `+in+` (/private/specialuse "\\Sent")`, "x NO [USEATTR]")
	a.want("GETMETADATA INBOX /shared/comment", `* METADATA INBOX (/shared/comment NIL)`, "x OK")
}

// TestSearchShared: filters for one's own mailboxes leave those of others out.
func TestSearchShared(t *testing.T) {
	t.Parallel()
	s := newPeople(t, 1)
	a, b := as(t, s, "a"), as(t, s, "b")
	a.want("SETACL INBOX b@x.example lr", "x OK")
	b.want("ESEARCH IN (PERSONAL) ALL", "x OK")
	b.want(`ESEARCH IN (SUBTREE "Other Users") RETURN (COUNT) ALL`, `* ESEARCH (TAG "x" MAILBOX "Other Users/a@x.example/INBOX" UIDVALIDITY`, "x OK")
}
