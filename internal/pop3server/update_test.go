package pop3server

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"tem/internal/directory"
	"tem/internal/mail"
	"tem/internal/wire/pop3"
)

// login is a session of An's; it waits for the lock of one that has just broken off.
func (h house) login(t *testing.T) *pop3.Client {
	t.Helper()
	c := h.connect(t)
	for tries := 0; ; tries++ {
		err := c.Login(t.Context(), "an@hanoi.example", "secret")
		if err == nil {
			return c
		}
		if refused, ok := err.(*pop3.Error); !ok || refused.Code != pop3.CodeInUse || tries == 30_000 {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// retr reads message n to its end.
func retr(t *testing.T, c *pop3.Client, n int) string {
	t.Helper()
	body, err := c.Retr(t.Context(), n)
	must(t, err)
	text, err := io.ReadAll(body)
	must(t, err)
	return string(text)
}

// contents shows each mailbox that has mail: UIDs, with an s for those seen.
func (h house) contents(t *testing.T) string {
	t.Helper()
	boxes, err := h.inbox.Mailboxes(t.Context())
	must(t, err)
	var out []string
	for _, b := range boxes {
		_, items, err := h.inbox.List(t.Context(), b.ID)
		must(t, err)
		if len(items) == 0 {
			continue
		}
		row := b.Name
		for _, i := range items {
			row += fmt.Sprintf(" %d", i.UID)
			if i.Flags&mail.Seen != 0 {
				row += "s"
			}
		}
		out = append(out, row)
	}
	return strings.Join(out, "; ")
}

// The table of docs/pop3.md: message 1 is collected, 2 collected and deleted, 3
// deleted only, 4 looked at with TOP, of 5 nothing is asked.
func TestWhatBecomesOfMessages(t *testing.T) {
	t.Parallel()
	for after, want := range map[directory.POPAfter]string{
		directory.POPKeep:    "INBOX 1 4 5",
		directory.POPRead:    "INBOX 1s 4 5",
		directory.POPArchive: "INBOX 4 5; Archive 1 2",
		directory.POPTrash:   "INBOX 4 5; Trash 1 2 3",
	} {
		for _, quit := range []bool{true, false} {
			t.Run(fmt.Sprint(after, quit), func(t *testing.T) {
				t.Parallel()
				ctx := t.Context()
				h := newHouse(t)
				h.deliver(t, letter)
				h.deliver(t, letter)
				h.set(t, directory.POP{After: after})
				c := h.login(t)
				retr(t, c, 1)
				retr(t, c, 2)
				must(t, c.Dele(ctx, 2))
				must(t, c.Dele(ctx, 3))
				top, err := c.Top(ctx, 4, 0)
				must(t, err)
				must(t, top.Close())
				if quit {
					must(t, c.Quit(ctx))
				} else {
					must(t, c.Close()) // RFC 1939 §6: no UPDATE without QUIT
					want := "INBOX 1 2 3 4 5"
					must(t, h.login(t).Quit(ctx))
					if got := h.contents(t); got != want {
						t.Errorf("without QUIT: %s, want %s", got, want)
					}
					return
				}
				if got := h.contents(t); got != want {
					t.Errorf("%s, want %s", got, want)
				}
			})
		}
	}
}

// RSET takes back the marks of DELE; what was collected was.
func TestResetKeepsWhatWasCollected(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.set(t, directory.POP{After: directory.POPArchive})
	c := h.login(t)
	retr(t, c, 1)
	must(t, c.Dele(t.Context(), 1))
	must(t, c.Dele(t.Context(), 2))
	must(t, c.Rset(t.Context()))
	must(t, c.Quit(t.Context()))
	if got := h.contents(t); got != "INBOX 2 3; Archive 1" {
		t.Error(got)
	}
}

// The archive and the trash are found by their use, and made where there are none.
func TestTargetIsFoundByUse(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.set(t, directory.POP{After: directory.POPTrash})
	must(t, h.inbox.Rename(ctx, "Trash", "Thùng rác"))
	c := h.login(t)
	retr(t, c, 1)
	must(t, c.Quit(ctx))
	must(t, h.inbox.Delete(ctx, "Thùng rác"))
	c = h.login(t)
	retr(t, c, 1)
	must(t, c.Quit(ctx))
	if got := h.contents(t); got != "INBOX 3; Trash 1" {
		t.Error(got)
	}
}

// EXPIRE tells the truth of the account. RFC 2449 §6.7
func TestExpireFollowsTheAccount(t *testing.T) {
	t.Parallel()
	for after, want := range map[directory.POPAfter]string{
		directory.POPKeep: "NEVER", directory.POPRead: "NEVER", directory.POPArchive: "0", directory.POPTrash: "0",
	} {
		h := newHouse(t)
		h.set(t, directory.POP{After: after})
		k, err := h.login(t).Capa(t.Context())
		must(t, err)
		if got := strings.Join(k["EXPIRE"], " "); got != want {
			t.Errorf("%q: EXPIRE %s, want %s", after, got, want)
		}
	}
}

// Only mail from now on: what was there before is not shown, nor counted.
func TestFromNowOn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	box, err := h.inbox.Mailbox(ctx, "INBOX")
	must(t, err)
	h.set(t, directory.POP{Access: directory.POPNew, From: uint32(box.UIDNext)})
	c := h.login(t)
	if n, size, err := c.Stat(ctx); n != 0 || size != 0 || err != nil {
		t.Errorf("before: %d messages, %d octets, %v", n, size, err)
	}
	must(t, c.Quit(ctx))
	h.deliver(t, letter)
	c = h.login(t)
	ids, err := c.UIDL(ctx)
	must(t, err)
	if want := fmt.Sprintf("%d.4", box.UIDValidity); len(ids) != 1 || ids[0] != (pop3.Unique{N: 1, ID: want}) {
		t.Errorf("after: %v, want %s", ids, want)
	}
	if got := retr(t, c, 1); got != letter {
		t.Errorf("read %q", got)
	}
	must(t, c.Quit(ctx))
	h.set(t, directory.POP{})
	if n, _, err := h.login(t).Stat(ctx); n != 4 || err != nil {
		t.Errorf("all again: %d messages, %v", n, err)
	}
}
