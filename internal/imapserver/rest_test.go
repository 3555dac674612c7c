package imapserver

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/line"
	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// A session that has rested knows what the client knows, and tells the rest.
func TestRestedSessionTellsWhatChanged(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{"idle": "i IDLE\r\n", "silent": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, 5)
				a, b := selectedPeer(t, s), selectedPeer(t, s)
				b.do(`STORE 5 +FLAGS.SILENT (\Flagged)`)
				a.do("NOOP")
				if a.send(begin); begin != "" {
					a.until("+ idling")
				}
				time.Sleep(restAfter + time.Second)
				b.do(`STORE 2 +FLAGS.SILENT (\Deleted)`)
				b.do("EXPUNGE")
				b.do(`STORE 3 +FLAGS.SILENT (\Answered)`)
				b.send("x APPEND INBOX {15+}\r\nSubject: x\r\n\r\ny\r\n")
				b.until("x OK")
				got := a.after(begin, "* 5 EXISTS")
				for _, want := range []string{"* 2 EXPUNGE", `* 3 FETCH (UID 4 FLAGS (\Recent \Answered))`, "* 5 EXISTS"} {
					if !slices.Contains(got, want) {
						t.Errorf("%s is missing in %q", want, got)
					}
				}
				if slices.ContainsFunc(got, func(l string) bool { return strings.Contains(l, "Flagged") }) {
					t.Errorf("told what was known: %q", got)
				}
				a.want("FETCH 1:* UID", "* 1 FETCH (UID 1)", "* 2 FETCH (UID 3)", "* 3 FETCH (UID 4)", "* 4 FETCH (UID 5)", "* 5 FETCH (UID 6)", "x OK")
			})
		})
	}
}

// What a session that has rested does not know any more is never shown.
func TestRestedSessionShowsTrueFlags(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, 3)
		a, b := connect(t, s, s.Options(), nil), selectedPeer(t, s)
		a.do(`LOGIN a@x.example "pass word"`)
		a.do("SELECT INBOX (CONDSTORE)")
		rest := func(changes ...string) {
			time.Sleep(restAfter + time.Second)
			for _, c := range changes {
				b.do(c)
			}
		}
		rest(`STORE 2 FLAGS.SILENT (\Draft)`)
		a.want("FETCH 1:2 FLAGS", `* 2 FETCH (UID 2 FLAGS (\Draft) MODSEQ (4))`, "* 1 FETCH (FLAGS ())", `* 2 FETCH (FLAGS (\Draft))`, "x OK")
		rest(`STORE 2 +FLAGS.SILENT (\Seen)`)
		a.want(`STORE 2 +FLAGS.SILENT (\Flagged)`, "* 2 FETCH (UID 2 MODSEQ (6))", `* 2 FETCH (UID 2 FLAGS (\Flagged \Seen \Draft) MODSEQ (6))`, "x OK")
		rest(`STORE 1 +FLAGS.SILENT (\Deleted)`, "EXPUNGE")
		a.want("FETCH 1:2 (FLAGS MODSEQ)", `* 2 FETCH (FLAGS (\Flagged \Seen \Draft) MODSEQ (6))`, "x NO [EXPUNGEISSUED]")
		rest(`STORE 2 +FLAGS.SILENT (\Deleted)`)
		a.want(`UID STORE 1:3 +FLAGS (\Seen)`, `* 3 FETCH (UID 3 FLAGS (\Deleted) MODSEQ (9))`, `* 2 FETCH (UID 2 FLAGS`, `* 3 FETCH (UID 3 FLAGS (\Deleted \Seen) MODSEQ (10))`, "* 1 EXPUNGE", "x OK")
	})
}

// after ends IDLE, if it was begun, once the line was read, or asks.
func (p *peer) after(begin, line string) []string {
	p.t.Helper()
	if begin == "" {
		return p.do("NOOP")
	}
	got := p.until(line)
	p.send("DONE\r\n")
	return append(got, p.until("i OK")...)
}

func TestFoldKeepsTheUIDs(t *testing.T) {
	t.Parallel()
	v := &view{}
	for _, uid := range []mail.UID{1, 2, 3, 7, 9, 10} {
		v.items = append(v.items, mail.Item{UID: uid})
	}
	v.fold()
	want := []mail.UIDRange{{From: 1, To: 3}, {From: 7, To: 7}, {From: 9, To: 10}}
	if v.items != nil || !slices.Equal(v.folded, want) {
		t.Errorf("%v", v.folded)
	}
}

// TestOwn: what one view changes, another with the same list does not see.
func TestOwn(t *testing.T) {
	t.Parallel()
	list := []mail.Item{{UID: 1}, {UID: 5}}
	one, two := &view{items: list, shared: true}, &view{items: list, shared: true}
	one.believe([]mail.Item{{UID: 5, Flags: mail.Seen}}, mail.AddFlags, mail.Seen, false)
	if one.items[1].Flags != mail.Seen || two.items[1].Flags != 0 {
		t.Errorf("%+v, the other %+v", one.items, two.items)
	}
	three := &view{items: []mail.Item{{UID: 1, ModSeq: 9}}, shared: true, missing: true}
	first := three.items
	if three.rewind(imap.FlagChange); three.items[0].Flags != unknownFlags || first[0].Flags != 0 {
		t.Errorf("%+v, the other %+v", three.items, first)
	}
}

// What can't be told that it is gone is noted once, however often the session rests.
func TestGoneIsNotedOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	acc := accountOf(t, s)
	box, items, err := acc.List(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	se := &session{view: &view{place: place{account: acc, box: box}, items: items}}
	if _, _, err := acc.Store(t.Context(), 1, []mail.UID{2}, mail.AddFlags, mail.Deleted, nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := acc.Expunge(t.Context(), 1, nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		se.view.fold()
		if err := se.unfold(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if want := []mail.UIDRange{{From: 2, To: 2}}; !slices.Equal(se.view.gone, want) {
		t.Errorf("%v", se.view.gone)
	}
	se.view.fold()
	if se.tellGone(); len(se.view.gone) == 0 {
		t.Error("forgot what is gone while there is no list to tell it from")
	}
}

// What another session changes while the list is read again is not taken for known.
func TestListIsReadAgainWhileOthersChangeIt(t *testing.T) {
	t.Parallel()
	const n = 50
	s := newServer(t, n)
	acc := accountOf(t, s)
	box, items, err := acc.List(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	go io.Copy(io.Discard, near)
	t.Cleanup(func() { near.Close() })
	se := &session{o: &s.o, c: line.NewConn(far, line.Server, s.Options()), view: &view{place: place{account: acc, box: box}, items: items}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 40 * n {
			acc.Store(t.Context(), 1, []mail.UID{mail.UID(i%n + 1)}, []mail.FlagOp{mail.AddFlags, mail.RemoveFlags}[i/n%2], mail.Seen, nil, 0)
		}
	}()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		se.view.fold()
		if err := se.sync(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(se.view.items, func(i mail.Item) bool { return i.Flags == unknownFlags }) {
			t.Fatal("flags are unknown, and nothing says so")
		}
	}
}

// A command that is refused because the list can't be read takes its literal with it.
func TestLiteralOfWhatCanNotBegin(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	acc := accountOf(t, s)
	box, err := acc.MailboxByID(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close() })
	p := &peer{t, near, bufio.NewReader(near)}
	c := line.NewConn(far, line.Server, s.Options())
	se := &session{o: &s.o, c: c, r: imap.NewReader(c), log: slog.New(slog.DiscardHandler), state: imap.Selected,
		view: &view{place: place{account: acc, box: box}, folded: []mail.UIDRange{{From: 1, To: 1}}}}
	go p.send("a APPEND INBOX {12+}\r\nx NOOP\r\nxxxx\r\nb NOOP\r\n")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	go func() {
		defer far.Close()
		if err := se.next(ended); err != nil {
			t.Error(err)
		}
		se.view = nil
		if err := se.next(t.Context()); err != nil {
			t.Error(err)
		}
		c.Flush()
	}()
	if got := p.until("b "); !slices.EqualFunc(got, []string{"a NO [SERVERBUG]", "b OK"}, strings.HasPrefix) {
		t.Errorf("%q", got)
	}
}
