package imapserver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/mail"
)

// watching is a session that has INBOX open and has said NOTIFY after some commands.
func watching(t *testing.T, s *Server, notify string, before ...string) *peer {
	t.Helper()
	p := selectedPeer(t, s)
	for _, c := range before {
		p.do(c)
	}
	if got := p.do("NOTIFY " + notify); !strings.HasPrefix(got[len(got)-1], "x OK") {
		t.Fatalf("%q", got)
	}
	return p
}

// hears checks the next lines that come unasked, by how they begin.
func (p *peer) hears(want ...string) {
	p.t.Helper()
	for _, w := range want {
		if got := p.line(); !strings.HasPrefix(got, w) {
			p.t.Errorf("heard %q, want %q", got, w)
		}
	}
}

// append puts a message into a mailbox.
func (p *peer) append(mailbox string) {
	p.t.Helper()
	p.send("x APPEND " + mailbox + " {15+}\r\nSubject: x\r\n\r\ny\r\n")
	p.until("x OK")
}

// The example of RFC 5465 §3.1, and of each event in the selected mailbox and in others (§5).
func TestNotifySpeaksBetweenCommands(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	b := selectedPeer(t, s)
	b.do("CREATE Lists/Lemonade")
	a := watching(t, s, "SET (selected (MessageNew (uid body.peek[header.fields (from to subject)]) MessageExpunge FlagChange)) (subtree Lists (MessageNew MessageExpunge FlagChange))")
	b.append("Lists/Lemonade")
	a.hears("* STATUS Lists/Lemonade (UIDNEXT 2 MESSAGES 1 UNSEEN 1)")
	b.append("INBOX")
	a.hears("* 4 EXISTS", "* 0 RECENT", "* 4 FETCH (UID 4 BODY[HEADER.FIELDS (from to subject)] {14}", "Subject: x", "", ")")
	b.do(`STORE 2 +FLAGS (\Flagged)`)
	a.hears(`* 2 FETCH (UID 2 FLAGS (\Flagged))`)
	b.do(`STORE 2 +FLAGS (\Deleted)`)
	a.hears(`* 2 FETCH (UID 2 FLAGS (\Flagged \Deleted))`)
	b.do("EXPUNGE")
	a.hears("* 2 EXPUNGE")
	b.do("SELECT Lists/Lemonade")
	b.do(`STORE 1 +FLAGS (\Seen)`)
	a.hears("* STATUS Lists/Lemonade (UNSEEN 0)")
	b.do(`STORE 1 +FLAGS (\Deleted)`) // of which nothing is to be told without CONDSTORE (§5.1)
	b.do("EXPUNGE")
	a.hears("* STATUS Lists/Lemonade (UIDNEXT 2 MESSAGES 0 UNSEEN 0)")
	a.want("NOOP", "x OK")
}

// With CONDSTORE and QRESYNC the modseqs are told (RFC 5465 §5.1 to §5.3).
func TestNotifyWithModSeqs(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	b := selectedPeer(t, s)
	b.do("CREATE misc")
	a := watching(t, s, "SET (selected (MessageNew (UID) MessageExpunge FlagChange)) (personal (MessageNew MessageExpunge FlagChange))", "ENABLE QRESYNC")
	b.append("misc")
	a.hears("* STATUS misc (UIDNEXT 2 MESSAGES 1 UNSEEN 1 UIDVALIDITY ")
	b.append("INBOX")
	a.hears("* 4 EXISTS", "* 0 RECENT", "* 4 FETCH (UID 4 MODSEQ (6))")
	b.do(`STORE 3 +FLAGS.SILENT (\Deleted)`)
	a.hears(`* 3 FETCH (UID 3 FLAGS (\Deleted) MODSEQ (7))`)
	b.do("EXPUNGE")
	a.hears("* VANISHED 3")
	b.do("SELECT misc")
	b.do(`STORE 1 +FLAGS (\Answered)`)
	a.hears("* STATUS misc (UIDVALIDITY ")
	a.want("NOOP", "x OK")
}

// Without message numbers, so are new messages told (RFC 9586 §3).
func TestNotifyByUID(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	b := selectedPeer(t, s)
	b.do(`STORE 1 +FLAGS.SILENT (\Deleted)`)
	a := watching(t, s, "SET (selected (MessageNew (FLAGS) MessageExpunge))", "ENABLE UIDONLY")
	b.do("EXPUNGE")
	a.hears("* VANISHED 1")
	b.append("INBOX")
	a.hears("* 3 EXISTS", "* 0 RECENT", "* 4 UIDFETCH (FLAGS ())")
}

// Names and subscriptions (RFC 5465 §5.4, §5.5).
func TestNotifyNames(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	b := selectedPeer(t, s)
	a := watching(t, s, "SET (personal (MailboxName SubscriptionChange))")
	for _, c := range []struct {
		command string
		want    []string
	}{
		{"CREATE New", []string{`* LIST (\HasNoChildren) "/" New`}},
		{"CREATE New/box", []string{`* LIST (\HasNoChildren) "/" New/box`, `* LIST (\HasChildren) "/" New`}},
		{"SUBSCRIBE New/box", []string{`* LIST (\HasNoChildren \Subscribed) "/" New/box`}},
		{"UNSUBSCRIBE New/box", []string{`* LIST (\HasNoChildren) "/" New/box`}},
		{"RENAME New Old", []string{`* LIST (\HasChildren) "/" Old ("OLDNAME" (New))`}}, // nothing of its child
		{"RENAME Old/box Elsewhere", []string{`* LIST (\HasNoChildren) "/" Elsewhere ("OLDNAME" (Old/box))`}},
		{"DELETE Elsewhere", []string{`* LIST (\NonExistent \HasNoChildren) "/" Elsewhere`}},
		{"CREATE Old/box", []string{`* LIST (\HasNoChildren) "/" Old/box`, `* LIST (\HasChildren) "/" Old`}},
		{"DELETE Old", []string{`* LIST (\NonExistent \HasChildren) "/" Old`}},
		{"DELETE Old/box", []string{`* LIST (\NonExistent \HasNoChildren) "/" Old/box`, `* LIST (\NonExistent \HasNoChildren) "/" Old`}},
	} {
		b.want(c.command, "x OK")
		a.hears(c.want...)
	}
	a.want("NOOP", "x OK")
}

// Whose mailboxes a filter names changes with names and subscriptions (RFC 5465 §6).
func TestNotifyFilters(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	b := selectedPeer(t, s)
	b.do("CREATE misc")
	a := watching(t, s, "SET (subscribed (MessageNew MessageExpunge)) (mailboxes later (MessageNew MessageExpunge MailboxName))")
	b.append("misc")
	b.do("SUBSCRIBE misc")
	b.append("misc")
	a.hears("* STATUS misc (UIDNEXT 3 MESSAGES 2)")
	b.do("CREATE later")
	a.hears(`* LIST (\HasNoChildren) "/" later`, "* STATUS later (UIDVALIDITY ")
	b.append("later")
	a.hears("* STATUS later (UIDNEXT 2 MESSAGES 1)")
	b.do("RENAME later never")
	a.hears(`* LIST (\HasNoChildren) "/" never ("OLDNAME" (later))`)
	b.do("UNSUBSCRIBE misc")
	b.append("never")
	b.append("misc")
	a.want("NOOP", "x OK")
}

// Annotations, those that are taken away too (RFC 5465 §5.6, §5.7).
func TestNotifyMetadata(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	account := accountOf(t, s)
	box, err := account.Mailbox(t.Context(), "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	set := func(id mail.MailboxID, name, value string) {
		e := mail.Entry{Name: name}
		if value != "" {
			e.Value = []byte(value)
		}
		if err := account.SetMetadata(t.Context(), id, []mail.Entry{e}); err != nil {
			t.Fatal(err)
		}
	}
	set(box.ID, "/shared/old", "x")
	a := watching(t, s, "SET (mailboxes INBOX (MailboxMetadataChange ServerMetadataChange))")
	set(box.ID, "/shared/comment", "one")
	a.hears("* METADATA INBOX /shared/comment")
	own := mail.Entry{Name: "/private/comment", User: personID(t, s), Value: []byte("one")}
	if err := account.SetMetadata(t.Context(), 0, []mail.Entry{own}); err != nil {
		t.Fatal(err)
	}
	a.hears(`* METADATA "" /private/comment`)
	set(box.ID, "/shared/comment", "two")
	a.hears("* METADATA INBOX /shared/comment")
	set(box.ID, "/shared/old", "")
	a.hears("* METADATA INBOX /shared/old")
	a.want("NOOP", "x OK")
}

// SELECTED-DELAYED: numbers hold until the client gives them up (RFC 5465 §6.1.2).
func TestNotifyDelaysExpunges(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	b := selectedPeer(t, s)
	b.do(`STORE 1:2 +FLAGS.SILENT (\Deleted)`)
	a := watching(t, s, "SET (selected-delayed (MessageNew (UID) MessageExpunge))")
	b.do("UID EXPUNGE 1")
	b.append("INBOX")
	a.hears("* 4 EXISTS", "* 0 RECENT", "* 4 FETCH (UID 4)")
	a.want("FETCH 3 UID", "* 3 FETCH (UID 3)", "x OK")
	a.want("NOOP", "* 1 EXPUNGE", "x OK")
	a.send("i IDLE\r\n")
	a.until("+ idling")
	b.do("EXPUNGE")
	a.hears("* 1 EXPUNGE")
	a.send("DONE\r\n")
	a.hears("i OK")
}

// SELECTED: who says so uses no numbers any more, and expunges wait for nothing
// (RFC 5465 §5.3), not even for what was sent already.
func TestNotifyTellsExpungesAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	b.do(`STORE 1 +FLAGS.SILENT (\Deleted)`)
	b.do("EXPUNGE")
	a.send("x NOTIFY SET (selected (MessageNew MessageExpunge))\r\ny FETCH 1 UID\r\n")
	if got := a.until("y OK"); !slices.Contains(got, "* 1 EXPUNGE") || !slices.Contains(got, "* 1 FETCH (UID 2)") {
		t.Errorf("%q", got)
	}
}

// Who wants to know nothing hears nothing, in a command, in IDLE or between
// (RFC 5465 §3.1, §4), until it asks again.
func TestNotifyNone(t *testing.T) {
	t.Parallel()
	for _, notify := range []string{"NONE", "SET (selected NONE)", "SET (mailboxes Nowhere (MessageNew MessageExpunge FlagChange MailboxName))"} {
		t.Run(notify, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, 3)
				a, b := watching(t, s, notify), selectedPeer(t, s)
				busy := func() {
					b.append("INBOX")
					b.do(`STORE 3 +FLAGS (\Flagged)`)
					b.do(`STORE 1 +FLAGS (\Deleted)`)
					b.do("EXPUNGE")
					b.do("CREATE new")
					b.append("new")
					b.do("DELETE new")
					synctest.Wait()
				}
				busy()
				a.want("NOOP", "x OK")
				a.want("FETCH 3 (UID)", "* 3 FETCH (UID 3)", "x OK")
				a.send("i IDLE\r\n")
				a.hears("+ idling")
				busy()
				a.send("DONE\r\n")
				a.hears("i OK")
				time.Sleep(restAfter + time.Second)
				busy()
				a.want("FETCH 1:3 RFC822.SIZE", "x NO [EXPUNGEISSUED]")
				got := a.do("NOTIFY SET (selected (MessageNew (UID) MessageExpunge FlagChange))")
				if want := []string{"* 3 EXPUNGE", "* 2 EXPUNGE", "* 1 EXPUNGE"}; !slices.Equal(got[:3], want) {
					t.Errorf("%q", got)
				}
			})
		})
	}
}

// What was changed silently is told once it is wanted again (RFC 5465 §3.1).
func TestNotifyTellsFlagsItLeftOut(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	b := selectedPeer(t, s)
	a := watching(t, s, "SET (selected (MessageNew MessageExpunge))")
	b.do(`STORE 3 +FLAGS (\Flagged)`)
	a.want("NOOP", "x OK")
	b.append("INBOX")
	a.hears("* 4 EXISTS", "* 0 RECENT")
	a.want("NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))", `* 3 FETCH (UID 3 FLAGS (\Flagged))`, "* 4 FETCH", "x OK")
	a.want("NOOP", "x OK")
}

// A session that rests is woken by news of other mailboxes and rests on.
func TestNotifyWhileResting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, 3)
		b := selectedPeer(t, s)
		a := watching(t, s, "SET (selected (MessageNew (UID) MessageExpunge)) (personal (MessageNew MessageExpunge))")
		for n := range 3 {
			time.Sleep(restAfter + time.Second)
			b.append("Sent")
			a.hears(fmt.Sprintf("* STATUS Sent (UIDNEXT %d MESSAGES %d)", n+2, n+1))
		}
		time.Sleep(restAfter + time.Second)
		b.append("INBOX")
		a.hears("* 4 EXISTS", "* 0 RECENT", "* 4 FETCH (UID 4)")
	})
}

// Of what this client does, others' doings are told apart.
func TestNotifyTellsOthersFromOneself(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	b := selectedPeer(t, s)
	a := watching(t, s, "SET (personal (MessageNew MessageExpunge MailboxName))")
	a.append("Sent")
	a.do("COPY 1:3 Sent")
	b.append("Sent")
	a.hears("* STATUS Sent (UIDNEXT 6 MESSAGES 5)")
	a.want("DELETE Junk", "x OK")
	b.do("CREATE Junk")
	a.hears(`* LIST (\HasNoChildren \Subscribed) "/" Junk`, "* STATUS Junk (UIDVALIDITY ")
	a.want("CREATE Junk", "x NO [ALREADYEXISTS]")
}

// Too much to remember is refused, or given up when it becomes too much (RFC 5465 §3.1, §5.8).
func TestNotifyOverflow(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	a := watching(t, s, "SET (personal (SubscriptionChange))")
	a.want("NOTIFY SET (mailboxes ("+strings.TrimSuffix(strings.Repeat("x ", maxWatched+1), " ")+") (MailboxName))", "x NO [NOTIFICATIONOVERFLOW]")
	account := accountOf(t, s)
	for i := range maxWatched {
		if _, err := account.Create(t.Context(), fmt.Sprint("n", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	a.hears("* OK [NOTIFICATIONOVERFLOW]")
	a.want("NOTIFY SET (personal (MailboxName))", "x NO [NOTIFICATIONOVERFLOW]")
	if _, err := account.Create(t.Context(), "another", ""); err != nil {
		t.Fatal(err)
	}
	a.want("NOOP", "x OK")
	a.want("NOTIFY SET (mailboxes INBOX (MessageNew MessageExpunge))", "x OK")
}

// What is new and comes to a search that is kept up to date is shown as the
// search and NOTIFY want it, once (RFC 5465 §5.2, §7).
func TestNotifyWithUpdates(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	b := selectedPeer(t, s)
	a := watching(t, s, "SET (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange))", "UID SEARCH RETURN (COUNT UPDATE (UID BODY[HEADER.FIELDS (SUBJECT)])) SUBJECT x UNFLAGGED")
	b.append("INBOX")
	a.hears("* 4 EXISTS", "* 0 RECENT", "* 4 FETCH (UID 4 FLAGS () BODY[HEADER.FIELDS (SUBJECT)] {14}", "Subject: x", "", ")", `* ESEARCH (TAG "x") UID ADDTO (0 4)`)
	b.do(`STORE 4 +FLAGS (\Flagged)`) // what comes to a search by its flags is not shown (§7)
	a.hears(`* 4 FETCH (UID 4 FLAGS (\Flagged))`, `* ESEARCH (TAG "x") UID REMOVEFROM (0 4)`)
	b.do(`STORE 4 -FLAGS (\Flagged)`)
	a.hears(`* 4 FETCH (UID 4 FLAGS ())`, `* ESEARCH (TAG "x") UID ADDTO (0 4)`)
	a.want("NOOP", "x OK")
}
