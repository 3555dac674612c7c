package delivery

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/journey"
	"tem/internal/mail"
)

// set changes what someone of the lab wants.
func (l *lab) set(name string, change func(*directory.Settings)) {
	l.t.Helper()
	_, err := l.dir.SetSettings(l.t.Context(), at(name+"@hanoi.example"), func(s *directory.Settings) error { change(s); return nil })
	l.must(err)
}

func (l *lab) forward(name string, keep bool, to ...string) {
	l.t.Helper()
	l.set(name, func(s *directory.Settings) { s.Forward = directory.Forward{To: all(to...), Keep: keep} })
}

// mailbox counts the messages in a mailbox, -1 if there is none.
func (l *lab) mailbox(name, box string) int {
	l.t.Helper()
	m, err := l.store.Account(l.ids[name]).Mailbox(l.t.Context(), box)
	var problem *mail.Error
	if errors.As(err, &problem) && problem.Kind == mail.NotFound {
		return -1
	}
	l.must(err)
	return int(m.Messages)
}

// deliver accepts a message and returns the code of the answer.
func (l *lab) deliver(e *Envelope, text string) string {
	l.t.Helper()
	return code(l.Accept(l.t.Context(), e, l.body(text)))
}

// TestForward: who gets a message that x@hue.example sends to an@, or as said.
func TestForward(t *testing.T) {
	t.Parallel()
	const visit = "Received: from a\r\n\tby mx.hanoi.example with ESMTP id 1\r\n"
	for name, tt := range map[string]struct {
		set           func(*lab)
		to            []string
		text          string
		an, binh, chi int
		jobs          []string
	}{
		"to elsewhere": {set: func(l *lab) { l.forward("an", false, "me@hue.example") },
			jobs: []string{"hue.example: me@hue.example(an@hanoi.example)"}},
		"with a copy": {set: func(l *lab) { l.forward("an", true, "me@hue.example", "me@da.example") }, an: 1,
			jobs: []string{"da.example: me@da.example(an@hanoi.example)", "hue.example: me@hue.example(an@hanoi.example)"}},
		"to a colleague":            {set: func(l *lab) { l.forward("an", false, "binh@hanoi.example") }, binh: 1},
		"to a group that one is in": {set: func(l *lab) { l.forward("an", false, "all@hanoi.example") }, binh: 1, chi: 1},
		"to each other": {set: func(l *lab) {
			l.forward("an", false, "binh@hanoi.example")
			l.forward("binh", false, "an@hanoi.example")
		}, binh: 1},
		"to each other, with copies": {set: func(l *lab) {
			l.forward("an", true, "binh@hanoi.example")
			l.forward("binh", true, "an@hanoi.example")
		}, an: 1, binh: 1},
		"a chain": {set: func(l *lab) {
			l.forward("an", false, "binh@hanoi.example")
			l.forward("binh", false, "chi@hanoi.example")
		}, chi: 1},
		"to both ends": {set: func(l *lab) { l.forward("an", false, "binh@hanoi.example") },
			to: []string{"binh@hanoi.example", "an@hanoi.example"}, binh: 1},
		"to nobody":        {set: func(l *lab) { l.forward("an", false, "nobody@hanoi.example") }, an: 1},
		"to a blocked one": {set: func(l *lab) { l.forward("an", false, "blocked@hanoi.example") }, an: 1},
		"came by three times": {set: func(l *lab) { l.forward("an", false, "me@hue.example") }, text: strings.Repeat(visit, 3) + letter,
			jobs: []string{"hue.example: me@hue.example(an@hanoi.example)"}},
		"came by too often": {set: func(l *lab) { l.forward("an", false, "me@hue.example") }, text: strings.Repeat(visit, 4) + letter, an: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			tt.set(l)
			if tt.to == nil {
				tt.to = []string{"an@hanoi.example"}
			}
			if tt.text == "" {
				tt.text = letter
			}
			if s := l.deliver(envelope("x@y.example", tt.to...), tt.text); s != "250 2.0.0" {
				t.Fatalf("answered %s", s)
			}
			l.wantInboxes(tt.an, tt.binh, tt.chi)
			l.wantJobs(tt.jobs...)
		})
	}
}

func TestAliasLoopThroughElsewhere(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	text := strings.Repeat("Received: from a\r\n\tby MX.hanoi.example with ESMTP id 1\r\n", 4) + letter
	if s := l.deliver(envelope("x@y.example", "away@hanoi.example"), text); s != "554 5.4.6" {
		t.Errorf("answered %s", s)
	}
}

func TestForwardAwayNeedsNoRoom(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.must(l.store.SetQuota(t.Context(), l.ids["an"], 10, 0))
	l.forward("an", false, "me@hue.example")
	e := envelope("x@y.example", "an@hanoi.example")
	if s := l.Check(t.Context(), e, e.Recipients[0], 1000); !s.OK() {
		t.Errorf("Check: %v", s)
	}
	if s := l.deliver(e, letter); s != "250 2.0.0" {
		t.Errorf("answered %s", s)
	}
}

func TestForwardToFullIsTold(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.must(l.store.SetQuota(t.Context(), l.ids["binh"], 10, 0))
	l.forward("an", false, "binh@hanoi.example")
	list := l.AcceptEach(t.Context(), envelope("x@y.example", "an@hanoi.example"), l.body(letter))
	if len(list) != 1 || list[0].OK() {
		t.Errorf("AcceptEach says %v of a message that nobody has", list)
	}
}

func TestBlocked(t *testing.T) {
	t.Parallel()
	block := func(refuse bool, senders ...string) func(*directory.Settings) {
		return func(s *directory.Settings) { s.Blocked = directory.Blocked{Senders: senders, Refuse: refuse} }
	}
	for name, tt := range map[string]struct {
		set         func(*directory.Settings)
		from        string
		text        string
		check, code string
		inbox, junk int
	}{
		"return path":      {block(false, "x@y.example"), "X@y.example", letter, "250 2.1.5", "250 2.0.0", 0, 1},
		"domain":           {block(false, "y.example"), "z@sub.y.example", letter, "250 2.1.5", "250 2.0.0", 0, 1},
		"author":           {block(false, "spam@z.example"), "x@y.example", "From: S <spam@z.example>\r\n" + letter, "250 2.1.5", "250 2.0.0", 0, 1},
		"another":          {block(false, "y@y.example"), "x@y.example", "From: Z <z@z.example>\r\n" + letter, "250 2.1.5", "250 2.0.0", 1, 0},
		"null path":        {block(true, "y.example"), "", letter, "250 2.1.5", "250 2.0.0", 1, 0},
		"refused":          {block(true, "y.example"), "x@y.example", letter, "550 5.7.1", "550 5.7.1", 0, 0},
		"refused, author":  {block(true, "z.example"), "x@y.example", "From: z@z.example\r\n" + letter, "250 2.1.5", "550 5.7.1", 0, 0},
		"and no forward":   {func(s *directory.Settings) { block(false, "y.example")(s); s.Forward.To = all("me@hue.example") }, "x@y.example", letter, "250 2.1.5", "250 2.0.0", 0, 1},
		"nobody is at all": {func(*directory.Settings) {}, "x@y.example", letter, "250 2.1.5", "250 2.0.0", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.set("an", tt.set)
			e := envelope(tt.from, "an@hanoi.example")
			if got := code(l.Check(t.Context(), e, e.Recipients[0], 0)); got != tt.check {
				t.Errorf("RCPT answered %s, want %s", got, tt.check)
			}
			if got := l.deliver(e, tt.text); got != tt.code {
				t.Errorf("answered %s, want %s", got, tt.code)
			}
			if inbox, junk := l.mailbox("an", "INBOX"), l.mailbox("an", "Junk"); inbox != tt.inbox || junk != tt.junk {
				t.Errorf("INBOX has %d and Junk %d, want %d and %d", inbox, junk, tt.inbox, tt.junk)
			}
		})
	}
}

func TestJunk(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ctx := t.Context()
	l.must(l.store.Account(l.ids["an"]).Rename(ctx, "Junk", "Thư rác"))
	box, err := l.store.Account(l.ids["binh"]).Mailbox(ctx, "Junk")
	l.must(err)
	_, err = l.store.Account(l.ids["binh"]).SetUse(ctx, box.ID, "")
	l.must(err)
	l.must(l.store.Account(l.ids["chi"]).Delete(ctx, "Junk"))
	l.forward("chi", false, "me@hue.example")
	e := envelope("x@y.example", "all@hanoi.example")
	e.Junk = true
	if s := l.deliver(e, letter); s != "250 2.0.0" {
		t.Fatal(s)
	}
	if an, binh, chi := l.mailbox("an", "Thư rác"), l.mailbox("binh", "Junk"), l.mailbox("chi", "Junk"); an != 1 || binh != 1 || chi != 1 {
		t.Errorf("junk of an %d, of binh %d, of chi %d", an, binh, chi)
	}
	l.wantInboxes(0, 0, 0)
	l.wantJobs()
}

// TestJunkIsNotForwarded: an address that only leads elsewhere has no mailbox
// for junk, so that it is refused; where others have it here, only the journey tells.
func TestJunkIsNotForwarded(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var events []string
	l.o.Record = func(e journey.Event) {
		events = append(events, fmt.Sprintf("%s %v %q %v", e.Kind, e.To, e.Mailbox, e.Status))
	}
	junk := func(to ...string) *Envelope {
		e := envelope("x@y.example", to...)
		e.Junk = true
		return e
	}
	e := junk("away@hanoi.example")
	e.Origin.Reason = "y.example says so" + strings.Repeat("ờ", 500)
	s := l.Accept(t.Context(), e, l.body(letter))
	if code(s) != "550 5.7.1" || !strings.Contains(s.Text, "not forwarded") || !strings.Contains(s.Text, "y.example says so") || len(s.Text) > 480 {
		t.Errorf("elsewhere alone: %v", s)
	}
	if e.Unsure = true; l.deliver(e, letter) != "451 4.4.3" {
		t.Error("what can't be judged for now is not to be tried again")
	}
	if e = junk("away@hanoi.example", "an@hanoi.example"); l.deliver(e, letter) != "250 2.0.0" || l.mailbox("an", "Junk") != 1 {
		t.Error("what is junk for sure waits")
	}
	if e.Unsure = true; l.deliver(e, letter) != "451 4.4.3" || l.mailbox("an", "Junk") != 1 {
		t.Error("what can't be judged for now is lost to those elsewhere")
	}
	e = junk("an@hanoi.example")
	if e.Unsure = true; l.deliver(e, letter) != "250 2.0.0" {
		t.Error("a mailbox has a place for it")
	}
	events = nil
	if s := l.deliver(junk("away@hanoi.example", "an@hanoi.example"), letter); s != "250 2.0.0" {
		t.Errorf("elsewhere and here: %s", s)
	}
	want := []string{
		`accepted [away@hanoi.example an@hanoi.example] "" 0.0.0 `,
		`placed [an@hanoi.example] "Junk" 0.0.0 `,
		`refused [someone@hue.example] "" 550 5.7.1 Junk is not forwarded, and this looks like it`,
	}
	if !slices.Equal(events, want) {
		t.Errorf("events\n%s", strings.Join(events, "\n"))
	}
	var each []string
	for _, s := range l.AcceptEach(t.Context(), junk("away@hanoi.example", "an@hanoi.example"), l.body(letter)) {
		each = append(each, code(s))
	}
	if !slices.Equal(each, []string{"550 5.7.1", "250 2.0.0"}) {
		t.Errorf("each: %v", each)
	}
	l.forward("an", false, "me@hue.example")
	l.must(l.store.SetQuota(t.Context(), l.ids["chi"], 10, 0))
	if s := l.deliver(junk("an@hanoi.example", "chi@hanoi.example"), letter); s != "250 2.0.0" {
		t.Errorf("forwarded, and no room: %s", s)
	}
	if n := l.mailbox("an", "Junk"); n != 5 {
		t.Errorf("%d letters are in Junk, want 5", n)
	}
	l.wantInboxes(0, 0, 0)
	l.wantJobs() // neither to be forwarded nor reported, nor to come into an INBOX later
}

func TestJourney(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var events []string
	l.o.Record = func(e journey.Event) {
		events = append(events, fmt.Sprintf("%s %s to %v in %q %s %v", e.Kind, e.From, e.To, e.Mailbox, e.MessageID, e.Status.Code))
	}
	l.forward("an", true, "me@hue.example")
	e := envelope("x@y.example", "an@hanoi.example", "nobody@hanoi.example")
	e.SPF = "none"
	l.deliver(e, "Message-ID: <1@y>\r\n"+letter)
	want := []string{
		`accepted x@y.example to [an@hanoi.example nobody@hanoi.example] in "" <1@y> 0.0.0`,
		`placed x@y.example to [an@hanoi.example] in "INBOX"  0.0.0`,
		`queued x@y.example to [me@hue.example] in ""  0.0.0`,
		`refused x@y.example to [nobody@hanoi.example] in ""  5.1.1`,
	}
	if !slices.Equal(events, want) {
		t.Errorf("events\n%s", strings.Join(events, "\n"))
	}
}

// paths are the return paths of what is queued.
func (l *lab) paths() (list []string) {
	l.t.Helper()
	jobs, err := l.queue.List(l.t.Context())
	l.must(err)
	for _, j := range jobs {
		list = append(list, j.ReturnPath)
	}
	return list
}

func TestReturnPathOfForwarded(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		from, spf, to string
		want          string // a prefix
		whole         string // or all
	}{
		"from elsewhere":         {"x@y.example", "", "an@hanoi.example", "SRS0=", ""},
		"through an alias":       {"x@y.example", "pass", "away@hanoi.example", "SRS0=", ""},
		"failed":                 {"x@y.example", "fail", "an@hanoi.example", "SRS0=", ""},
		"without a record":       {"x@y.example", "none", "an@hanoi.example", "", "x@y.example"},
		"one of ours":            {"binh@hanoi.example", "", "an@hanoi.example", "", "binh@hanoi.example"},
		"a report":               {"", "", "an@hanoi.example", "", ""},
		"forwarded before":       {"SRS0=abcd=ef=z.example=x@y.example", "", "an@hanoi.example", "SRS1=", ""},
		"forwarded twice before": {"SRS1=abcd=z.example==ab=cd=w.example=x@y.example", "", "an@hanoi.example", "SRS1=", ""},
		"far too long":           {strings.Repeat("x", 64) + "@" + strings.Repeat("y.", 70) + "example", "", "an@hanoi.example", "xxx", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.forward("an", false, "me@hue.example")
			e := envelope(tt.from, tt.to)
			e.SPF = tt.spf
			if s := l.deliver(e, letter); s != "250 2.0.0" {
				t.Fatal(s)
			}
			if p := l.paths(); len(p) != 1 || !strings.HasPrefix(p[0], tt.want) || tt.want == "" && p[0] != tt.whole {
				t.Errorf("return paths %q", p)
			}
		})
	}
}

// TestReportComesBack: a rewritten path goes back to where it came from, for
// reports only, for a while only, and only if we made it.
func TestReportComesBack(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ctx, start := t.Context(), time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	now := start
	l.o.Now = func() time.Time { return now }
	back, err := l.rewrite(ctx, at("Some.One+tag=x@y.example"), "hanoi.example")
	l.must(err)
	again, err := l.rewrite(ctx, at("SRS0=abcd=ef=z.example=x@y.example"), "hanoi.example")
	l.must(err)
	for name, tt := range map[string]struct {
		to, from string
		days     int
		want     string // the code, or where it goes
	}{
		"as it is":          {back.Local, "", 0, "Some.One+tag=x@y.example"},
		"in small letters":  {strings.ToLower(back.Local), "", 21, "some.one+tag=x@y.example"},
		"too late":          {back.Local, "", 22, "550 5.1.1"},
		"not a report":      {back.Local, "z@z.example", 0, "550 5.7.1"},
		"another local":     {back.Local + "x", "", 0, "550 5.1.1"},
		"another tag":       {strings.Replace(back.Local, "SRS0=", "SRS0=A", 1), "", 0, "550 5.1.1"},
		"another day":       {back.Local[:14] + "AA" + back.Local[16:], "", 0, "550 5.1.1"},
		"the other scheme":  {"SRS1" + back.Local[4:], "", 0, "550 5.1.1"},
		"nothing in it":     {"SRS0=x", "", 0, "550 5.1.1"},
		"less than nothing": {"SRS0==", "", 0, "550 5.1.1"},
		"twice":             {again.Local, "", 0, "SRS0=abcd=ef=z.example=x@y.example"},
	} {
		now = start.Add(time.Duration(tt.days) * 24 * time.Hour)
		e := envelope(tt.from, tt.to+"@hanoi.example")
		found, status, err := l.resolve(ctx, e, e.Recipients[0])
		l.must(err)
		got := code(status)
		if status.OK() && len(found.Remote) == 1 {
			got = found.Remote[0].String()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	now = start
	if s := l.deliver(envelope("", back.String()), letter); s != "250 2.0.0" {
		t.Errorf("a report is answered %s", s)
	}
	l.wantJobs("y.example: Some.One+tag=x@y.example(" + back.String() + ")")
	if p := l.paths(); p[0] != "" {
		t.Errorf("the report leaves from <%s>", p[0])
	}
}

// FuzzUnwrap: nothing that was not made here is taken for it.
func FuzzUnwrap(f *testing.F) {
	for _, s := range []string{"SRS0=ABCDEFGH=AA=y.example=x", "SRS1=ABCDEFGH=y.example==AA=z.example=x", "SRS0=", "srs1+a=b", "SRS0-==", "SRS0+@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, local string) {
		l := newLab(t)
		if to, ok, err := l.unwrap(t.Context(), address.Address{Local: local, Domain: "hanoi.example"}); ok || err != nil {
			t.Errorf("%q goes to %v, %v", local, to, err)
		}
	})
}

const person = "From: X <x@y.example>\r\nTo: An <an@hanoi.example>\r\nMessage-ID: <1@y>\r\nReferences: <0@y>\r\nSubject: Ch=?utf-8?q?=C3=A0?=o\r\n\r\nHello.\r\n"

// TestReply: what is answered by itself (RFC 3834 §2), and what is not.
func TestReply(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		from, to string
		text     string
		junk     bool
		ours     bool
		spf      string
		want     bool
	}{
		"a person":            {want: true},
		"forged, it says":     {spf: "fail"},
		"forged, it seems":    {spf: "softfail"},
		"not known to be":     {spf: "none", want: true},
		"to an alias":         {to: "boss@hanoi.example", text: strings.Replace(person, "an@", "boss@", 1), want: true},
		"with a tag":          {to: "an+x@hanoi.example", text: strings.Replace(person, "an@", "an+x@", 1), want: true},
		"in Cc":               {text: strings.Replace(person, "To:", "cc: b@b.example,", 1), want: true},
		"not to oneself":      {text: strings.Replace(person, "an@", "list@", 1)},
		"to a group":          {to: "all@hanoi.example", text: strings.Replace(person, "an@", "all@", 1)},
		"to a group, and me":  {to: "all@hanoi.example", text: strings.Replace(person, "an@", "all@hanoi.example, an@", 1), want: true},
		"a report":            {from: "-"},
		"from oneself":        {from: "an@hanoi.example"},
		"from one's tag":      {from: "an+x@hanoi.example"},
		"owner":               {from: "owner-list@y.example"},
		"request":             {from: "list-request@y.example"},
		"daemon":              {from: "MAILER-DAEMON@y.example"},
		"noreply":             {from: "no.reply@y.example"},
		"bounces":             {from: "bounces+123@y.example"},
		"bounces of one":      {from: "friends-bounces+an=hanoi.example@y.example"},
		"return of one":       {from: "friends-return-7-An=hanoi.example@y.example"},
		"somebody's tag":      {from: "x+an@y.example", want: true},
		"answered by program": {text: "Auto-Submitted: auto-replied (rejected); x=y\r\n" + person},
		"generated":           {text: "auto-submitted: Auto-Generated\r\n" + person},
		"by hand":             {text: "Auto-Submitted: no\r\n" + person, want: true},
		"behind a comment":    {text: "Auto-Submitted: (x) auto-replied\r\n" + person},
		"said twice":          {text: "Auto-Submitted: no\r\nAuto-Submitted: auto-replied\r\n" + person},
		"bulk, said twice":    {text: "Precedence: normal\r\nPrecedence: bulk\r\n" + person},
		"bulk":                {text: "Precedence: bulk\r\n" + person},
		"list":                {text: "Precedence: List\r\n" + person},
		"first class":         {text: "Precedence: first-class\r\n" + person, want: true},
		"List-Id":             {text: "List-Id: <x.y>\r\n" + person},
		"List-Unsubscribe":    {text: "LIST-Unsubscribe: <mailto:x@y>\r\n" + person},
		"suppressed":          {text: "X-Auto-Response-Suppress: DR, OOF\r\n" + person},
		"junk":                {junk: true},
		"only ours":           {ours: true},
		"ours":                {ours: true, from: "binh@hanoi.example", want: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.set("an", func(s *directory.Settings) { s.Reply = directory.Reply{Text: "Tôi đi vắng.", Ours: tt.ours} })
			if tt.from == "" {
				tt.from = "x@y.example"
			}
			if tt.to == "" {
				tt.to = "an@hanoi.example"
			}
			if tt.text == "" {
				tt.text = person
			}
			e := envelope(strings.TrimPrefix(tt.from, "-"), tt.to)
			e.Junk, e.SPF = tt.junk, tt.spf
			e.Skip = 0
			if s := l.deliver(e, tt.text); s != "250 2.0.0" {
				t.Fatal(s)
			}
			sent := 1 // letters to mailboxes here
			if tt.to == "all@hanoi.example" {
				sent = 3
			}
			replied := len(l.jobs()) - sent
			for _, name := range []string{"an", "binh", "chi"} {
				replied += l.mailbox(name, "INBOX") + max(0, l.mailbox(name, "Junk"))
			}
			if replied > 0 != tt.want {
				t.Errorf("replied: %d (%v)", replied, l.jobs())
			}
		})
	}
}

func TestReplyIsSentOnceAndWellFormed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.set("an", func(s *directory.Settings) {
		s.Reply = directory.Reply{Text: "Tôi đi vắng.", From: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)}
	})
	l.set("binh", func(s *directory.Settings) {
		s.Reply = directory.Reply{Text: "Away.", Until: time.Now().Add(-time.Hour)}
	})
	for range 3 {
		l.deliver(envelope("x@y.example", "an@hanoi.example"), person)
	}
	l.deliver(envelope("z@y.example", "binh@hanoi.example"), strings.Replace(person, "an@", "binh@", 1))
	l.wantJobs("y.example: x@y.example")
	jobs, err := l.queue.List(t.Context())
	l.must(err)
	body, err := l.store.OpenBody(t.Context(), jobs[0].Body)
	l.must(err)
	defer body.Close()
	text, err := io.ReadAll(io.NewSectionReader(body, jobs[0].Skip, body.Size()))
	l.must(err)
	for _, want := range []string{
		"From: an <an@hanoi.example>\r\n", "To: x@y.example\r\n", "Subject: =?", "Auto-Submitted: auto-replied\r\n",
		"In-Reply-To: <1@y>\r\n", "References: <0@y> <1@y>\r\n", "T=C3=B4i =C4=91i v=E1=BA=AFng.",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the reply lacks %q:\n%s", want, text)
		}
	}
	if jobs[0].ReturnPath != "" {
		t.Errorf("the reply leaves from <%s>", jobs[0].ReturnPath)
	}
}

// TestManyAreAnswered: who writes at the same moment as others is answered, too.
func TestManyAreAnswered(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.set("an", func(s *directory.Settings) { s.Reply = directory.Reply{Text: "Away."} })
	const senders = 30
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() { l.deliver(envelope(fmt.Sprintf("x%d@y.example", i), "an@hanoi.example"), person) })
	}
	all.Wait()
	if jobs, err := l.queue.List(t.Context()); err != nil || len(jobs) != senders {
		t.Errorf("%d replies to %d senders, %v", len(jobs), senders, err)
	}
}

// Two who are away do not answer each other for ever, nor at all.
func TestRepliesDoNotMeet(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, name := range []string{"an", "binh"} {
		l.set(name, func(s *directory.Settings) { s.Reply = directory.Reply{Text: "Away."} })
	}
	l.deliver(envelope("binh@hanoi.example", "an@hanoi.example"), person)
	l.wantInboxes(1, 1, 0)
}
