package imapserver

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/mail"
)

// Whoever has another mailbox open sees messages come and go with its label.
func TestLabelsSeenElsewhere(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	p, other := selectedPeer(t, s), selectedPeer(t, s)
	other.do("SELECT Archive")
	p.want("STORE 1:2 +X-GM-LABELS.SILENT (Archive)", "x OK")
	other.want("NOOP", "* 2 EXISTS", "* 2 RECENT", "x OK")
	p.want("STORE 1 -X-GM-LABELS (Archive)", "* 1 FETCH (X-GM-LABELS ())", "x OK")
	other.want("NOOP", "* 1 EXPUNGE", "x OK")
	p.want("FETCH 2 X-GM-LABELS", "* 2 FETCH (X-GM-LABELS (Archive))", "x OK")
	other.want("UID STORE 2 -X-GM-LABELS (\\Inbox)", "* 1 FETCH (UID 2 X-GM-LABELS ())", "x OK")
	p.want("NOOP", "* 2 EXPUNGE", "x OK")
	p.do("ENABLE UIDONLY")
	p.want("UID STORE 3 +X-GM-LABELS (\\Starred Archive)", "* 3 UIDFETCH (FLAGS (\\Recent \\Flagged))",
		`* 3 UIDFETCH (X-GM-LABELS ("\\Starred" Archive))`, "x OK")
	other.want("UID FETCH 3 (X-GM-LABELS FLAGS)", `* 2 EXISTS`, `* 2 RECENT`, "x OK")
	other.want("UID FETCH 3 (X-GM-LABELS FLAGS)", `* 2 FETCH (UID 3 X-GM-LABELS ("\\Starred" "\\Inbox") FLAGS (\Recent \Flagged))`, "x OK")
	other.do("DELETE Archive")
	p.want("UID FETCH 3 X-GM-LABELS", `* 3 UIDFETCH (X-GM-LABELS ("\\Starred"))`, "x OK")
}

// What is labelled \Trash or \Spam goes there from wherever it is.
func TestLabelTrashMoves(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	p, other := selectedPeer(t, s), selectedPeer(t, s)
	p.do("STORE 1:3 +X-GM-LABELS.SILENT (Archive foo)")
	other.do("SELECT foo")
	p.want("STORE 2 +X-GM-LABELS (\\Trash)", "x OK")
	p.want("NOOP", "* 2 EXPUNGE", "x OK")
	other.want("NOOP", "* 2 EXPUNGE", "x OK")
	p.want("UID STORE 3 X-GM-LABELS (\\Spam)", "* 2 EXPUNGE", "x OK")
	p.do("SELECT Trash")
	p.want("FETCH 1 (X-GM-MSGID X-GM-LABELS)", "* 1 FETCH (X-GM-MSGID 281474976710658 X-GM-LABELS ())", "x OK")
	p.want("STORE 1 -X-GM-LABELS (\\Trash)", "* 1 FETCH (X-GM-LABELS ())", "x OK")
	p.want("STORE 1 +X-GM-LABELS (\\Inbox)", `* 1 FETCH (X-GM-LABELS ("\\Inbox"))`, "x OK")
	if q, err := accountOf(t, s).Quota(t.Context()); err != nil || q.Messages != 3 {
		t.Errorf("%+v, %v", q, err)
	}
}

// Messages that another session has expunged are said to be gone.
func TestLabelsOfGone(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	p, other := selectedPeer(t, s), selectedPeer(t, s)
	other.do("STORE 2 +FLAGS.SILENT (\\Deleted)")
	other.do("EXPUNGE")
	p.want("STORE 1:2 +X-GM-LABELS (foo)", "* 1 FETCH (X-GM-LABELS (foo))", "x NO [EXPUNGEISSUED]")
	p.want("FETCH 2:3 X-GM-LABELS", "* 3 FETCH (X-GM-LABELS ())", "x NO [EXPUNGEISSUED]")
	p.want("STORE 2 +X-GM-LABELS.SILENT (foo)", "x NO [EXPUNGEISSUED]")
	p.want("UID STORE 2:3 -X-GM-LABELS (foo)", "* 3 FETCH (UID 3 X-GM-LABELS ())", "* 2 EXPUNGE", "x OK")
}

// Of somebody else's mailbox only the marks are told and changed.
func TestLabelsOfAnothersMailbox(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	p := selectedPeer(t, s)
	p.do("STORE 1 +X-GM-LABELS (\\Starred foo)")
	acc := accountOf(t, s)
	box, items, err := acc.List(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	tn := &turn{session: &session{}}
	tn.view = &view{place: place{account: acc, owner: 1 << 16, box: box, rights: mail.AllRights}, items: items}
	l, err := tn.labelsOf(t.Context(), []int{0})
	if got := string(l.append(nil, items[0])); err != nil || got != `("\\Starred")` {
		t.Errorf("%s, %v", got, err)
	}
	if boxes, err := tn.labelBoxes(t.Context(), &tn.view.place); boxes != nil || err != nil {
		t.Errorf("%v, %v", boxes, err)
	}
}

const labelled = 50000

// BenchmarkFetchLabels lists the labels of a large mailbox, a third of which is
// in others, too.
func BenchmarkFetchLabels(b *testing.B) {
	s := newServer(b, labelled)
	acc := accountOf(b, s)
	for n, name := range []string{"Archive", "Sent"} {
		box, err := acc.Mailbox(b.Context(), name)
		if err != nil {
			b.Fatal(err)
		}
		var uids []mail.UID
		for uid := n + 1; uid <= labelled; uid += 6 {
			uids = append(uids, mail.UID(uid))
		}
		if _, err := acc.Label(b.Context(), 1, uids, mail.AddFlags, []mail.MailboxID{box.ID}); err != nil {
			b.Fatal(err)
		}
	}
	c := listen(b, s)
	for _, items := range []string{"X-GM-MSGID X-GM-THRID", "X-GM-LABELS X-GM-MSGID X-GM-THRID"} {
		b.Run(strings.ReplaceAll(items, " ", "+"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.do(fmt.Sprintf("FETCH 1:* (%s)", items))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/labelled, "ns/message")
		})
	}
}

// The marks among the labels are true after a rest, though others changed flags.
func TestRestedSessionShowsTrueLabels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, 2)
		a, b := selectedPeer(t, s), selectedPeer(t, s)
		time.Sleep(restAfter + time.Second)
		b.do(`STORE 2 +FLAGS.SILENT (\Seen)`)
		a.want("FETCH 2 X-GM-LABELS", `* 2 FETCH (UID 2 FLAGS (\Recent \Seen))`, "* 2 FETCH (X-GM-LABELS ())", "x OK")
		time.Sleep(restAfter + time.Second)
		b.do(`STORE 1 +FLAGS.SILENT (\Seen)`)
		a.want("STORE 1 +X-GM-LABELS (foo)", `* 1 FETCH (UID 1 FLAGS (\Recent \Seen))`, "* 1 FETCH (X-GM-LABELS (foo))", "x OK")
	})
}
