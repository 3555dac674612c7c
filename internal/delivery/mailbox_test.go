package delivery

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/journey"
	"tem/internal/mail"
	"tem/internal/queue"
)

// boxes are where the messages of somebody lie: "INBOX 1, work 1".
func (l *lab) boxes(name string) string {
	l.t.Helper()
	all, err := l.store.Account(l.ids[name]).Mailboxes(l.t.Context())
	l.must(err)
	var list []string
	for _, m := range all {
		if m.Messages > 0 {
			list = append(list, fmt.Sprint(m.Name, " ", m.Messages))
		}
	}
	return strings.Join(list, ", ")
}

// filing is a lab in which an, whose mailboxes are these, has mail filed by tags.
func filing(t *testing.T, boxes ...string) *lab {
	t.Helper()
	l := newLab(t)
	l.set("an", func(s *directory.Settings) { s.Filed = true })
	for _, name := range boxes {
		name, use, _ := strings.Cut(name, "|")
		_, err := l.store.Account(l.ids["an"]).Create(t.Context(), name, use)
		l.must(err)
	}
	return l
}

// TestFiled: where mail goes that x@hue.example sends to an+tag@.
func TestFiled(t *testing.T) {
	t.Parallel()
	own := []string{"work", "a/b/c", "Lớp 10", "lớp", "Same", "SAME", "Trash/old", "drafts", "kept|\\Important", "..", "inbox/x", "Other Users/binh"}
	for name, c := range map[string]struct {
		to, want string
		set      func(*lab)
	}{
		"by name":               {to: "an+work@hanoi.example", want: "work 1"},
		"upper case":            {to: "AN+WORK@hanoi.example", want: "work 1"},
		"no tag":                {to: "an@hanoi.example", want: "INBOX 1"},
		"an empty tag":          {to: "an+@hanoi.example", want: "INBOX 1"},
		"no such mailbox":       {to: "an+play@hanoi.example", want: "INBOX 1"},
		"a level":               {to: "an+a/b/c@hanoi.example", want: "a/b/c 1"},
		"a level above":         {to: "an+A/b@hanoi.example", want: "a/b 1"},
		"a level below":         {to: "an+a/b/c/d@hanoi.example", want: "INBOX 1"},
		"a level that is none":  {to: "an+a/b/@hanoi.example", want: "INBOX 1"},
		"from the root":         {to: "an+/work@hanoi.example", want: "INBOX 1"},
		"a second plus":         {to: "an+work+x@hanoi.example", want: "INBOX 1"},
		"marks":                 {to: "an+lớp@hanoi.example", want: "lớp 1"},
		"marks, decomposed":     {to: "an+lo\u031b\u0301p@hanoi.example", want: "lớp 1"},
		"without marks":         {to: "an+lop@hanoi.example", want: "INBOX 1"},
		"with a space":          {to: "an+LỚP 10@hanoi.example", want: "Lớp 10 1"},
		"exactly, of two":       {to: "an+SAME@hanoi.example", want: "SAME 1"},
		"which of two":          {to: "an+same@hanoi.example", want: "INBOX 1"},
		"trash":                 {to: "an+trash@hanoi.example", want: "INBOX 1"},
		"below trash":           {to: "an+trash/old@hanoi.example", want: "INBOX 1"},
		"drafts by name":        {to: "an+drafts@hanoi.example", want: "INBOX 1"},
		"sent":                  {to: "an+Sent@hanoi.example", want: "INBOX 1"},
		"a use":                 {to: "an+kept@hanoi.example", want: "INBOX 1"},
		"inbox":                 {to: "an+Inbox@hanoi.example", want: "INBOX 1"},
		"below inbox":           {to: "an+Inbox/X@hanoi.example", want: "INBOX/x 1"},
		"upwards":               {to: "an+../work@hanoi.example", want: "INBOX 1"},
		"dots, a mailbox":       {to: "an+..@hanoi.example", want: ".. 1"},
		"a pattern":             {to: "an+wor%@hanoi.example", want: "INBOX 1"},
		"NUL":                   {to: "an+work\x00@hanoi.example", want: "INBOX 1"},
		"lines":                 {to: "an+work\r\nDATA@hanoi.example", want: "INBOX 1"},
		"not UTF-8":             {to: "an+wor\xff@hanoi.example", want: "INBOX 1"},
		"long":                  {to: "an+" + strings.Repeat("work/", 20000) + "@hanoi.example", want: "INBOX 1"},
		"an alias's tag":        {to: "boss+work@hanoi.example", want: "INBOX 1"},
		"a member's tag":        {to: "team@hanoi.example", want: "work 1"},
		"a forward's tag":       {to: "chi@hanoi.example", want: "work 1", set: func(l *lab) { l.forward("chi", false, "an+work@hanoi.example") }},
		"switched off":          {to: "an+work@hanoi.example", want: "INBOX 1", set: func(l *lab) { l.set("an", func(s *directory.Settings) { s.Filed = false }) }},
		"with a copy elsewhere": {to: "an+work@hanoi.example", want: "work 1", set: func(l *lab) { l.forward("an", true, "me@hue.example") }},
		"junk": {to: "an+work@hanoi.example", want: "Junk 1", set: func(l *lab) {
			l.set("an", func(s *directory.Settings) { s.Blocked.Senders = []string{"x@hue.example"} })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := filing(t, own...)
			l.must(l.dir.AddList(t.Context(), directory.List{Address: at("team@hanoi.example"), Members: all("an+work@hanoi.example"), Group: true}))
			if c.set != nil {
				c.set(l)
			}
			before, err := l.store.Account(l.ids["an"]).Mailboxes(t.Context())
			l.must(err)
			if s := l.deliver(envelope("x@hue.example", c.to), letter); s != "250 2.0.0" {
				t.Fatal(s)
			}
			if got := l.boxes("an"); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			after, err := l.store.Account(l.ids["an"]).Mailboxes(t.Context())
			l.must(err)
			if len(after) != len(before) && name != "junk" {
				t.Errorf("%d mailboxes after %d: one was made", len(after), len(before))
			}
		})
	}
}

// TestFiledInOnesOwn: what others share is out of reach of a tag, whatever their
// rights, and what is shared with others takes mail as before.
func TestFiledInOnesOwn(t *testing.T) {
	t.Parallel()
	l := filing(t, "ours")
	ctx := t.Context()
	for name, box := range map[string]string{"binh": "team", "an": "ours"} {
		account := l.store.Account(l.ids[name])
		if name == "binh" {
			_, err := account.Create(ctx, box, "")
			l.must(err)
		}
		m, err := account.Mailbox(ctx, box)
		l.must(err)
		l.must(account.SetGrant(ctx, m.ID, mail.Grant{To: mail.Anyone, Rights: mail.AllRights}))
	}
	for _, tag := range []string{"team", "Other Users/binh/team", "binh/team", "ours"} {
		l.deliver(envelope("x@hue.example", "an+"+tag+"@hanoi.example"), letter)
	}
	if an, binh := l.boxes("an"), l.boxes("binh"); an != "INBOX 3, ours 1" || binh != "" {
		t.Errorf("an has %q, binh %q", an, binh)
	}
}

// TestFiledIsTold: the journey names the mailbox, and who is named twice has the message once.
func TestFiledIsTold(t *testing.T) {
	t.Parallel()
	l := filing(t, "work")
	var told []string
	l.o.Record = func(e journey.Event) {
		if e.Kind == journey.Placed {
			told = append(told, e.To[0]+" in "+e.Mailbox)
		}
	}
	l.deliver(envelope("x@hue.example", "an+work@hanoi.example", "an@hanoi.example", "binh+work@hanoi.example"), letter)
	if want := []string{"an@hanoi.example in work", "binh@hanoi.example in INBOX"}; !slices.Equal(told, want) || l.boxes("an") != "work 1" {
		t.Errorf("told %q, want %q; an has %q", told, want, l.boxes("an"))
	}
}

// TestFiledLater: what had no room at first is filed, too, and what was held back.
func TestFiledLater(t *testing.T) {
	t.Parallel()
	l := filing(t, "work")
	ctx := t.Context()
	l.must(l.store.SetQuota(ctx, l.ids["an"], 10, 0))
	if s := l.deliver(envelope("x@hue.example", "an+work@hanoi.example", "binh@hanoi.example"), letter); s != "250 2.0.0" {
		t.Fatal(s)
	}
	l.wantJobs(": an@hanoi.example(an+work@hanoi.example)")
	l.must(l.store.SetQuota(ctx, l.ids["an"], 0, 0))
	_, err := l.queue.Retry(ctx, queue.Choice{})
	l.must(err)
	l.run(0)
	if got := l.boxes("an"); got != "work 1" {
		t.Errorf("an has %q", got)
	}
	e := envelope("binh@hanoi.example", "an+work@hanoi.example")
	e.Release = time.Now().Add(time.Hour)
	if s := l.deliver(e, letter); s != "250 2.0.0" {
		t.Fatal(s)
	}
	jobs, err := l.queue.List(ctx)
	l.must(err)
	if s := l.Delivery.Deliver(ctx, &jobs[0], jobs[0].Recipients); !s[0].OK() || l.boxes("an") != "work 2" {
		t.Errorf("held back: %v, an has %q", s, l.boxes("an"))
	}
}

// TestFiledIntoWhatIsGone: a mailbox that is removed between choice and commit loses no message.
func TestFiledIntoWhatIsGone(t *testing.T) {
	t.Parallel()
	l := filing(t, "work")
	ctx := t.Context()
	e, body := envelope("x@hue.example", "an+work@hanoi.example"), l.body(letter)
	p, err := l.plan(ctx, e, nil)
	l.must(err)
	l.must(l.store.Account(l.ids["an"]).Delete(ctx, "work"))
	_, err = l.commit(ctx, e, body, p, nil)
	if !p.unfile(err) {
		t.Fatal(err)
	}
	if _, err = l.commit(ctx, e, body, p, nil); err != nil || l.boxes("an") != "INBOX 1" || p.unfile(&mail.Error{Kind: mail.NotFound, Account: l.ids["an"]}) {
		t.Errorf("%v, an has %q", err, l.boxes("an"))
	}
}

// FuzzFiled: no tag makes a mailbox, or leads to one that is not for what comes.
func FuzzFiled(f *testing.F) {
	for _, tag := range []string{"work", "WORK", "a/b", "Trash", "tra\u017fh", "INBOX", "..", "\x00", "Junk", "wor\u212a", strings.Repeat("/", 60)} {
		f.Add(tag)
	}
	boxes := []mail.Mailbox{{Name: "INBOX"}, {Name: "a"}, {Name: "a/b"}, {Name: "Junk"}, {Name: "Trash"}, {Name: "Thùng rác", SpecialUse: `\Trash`}, {Name: "Trash/old"}, {Name: "work"}}
	f.Fuzz(func(t *testing.T, tag string) {
		name := filedAmong(boxes, tag)
		if name != "" && !slices.Contains([]string{"INBOX", "a", "a/b", "work"}, name) {
			t.Errorf("%q leads to %q", tag, name)
		}
		if a, err := address.Parse("an+" + tag + "@hanoi.example"); err == nil && strings.ContainsAny(a.Local, "\x00\r\n") {
			t.Errorf("the address %q", a)
		}
	})
}
