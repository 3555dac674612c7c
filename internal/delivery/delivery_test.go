package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tem/internal/address"
	"tem/internal/blob"
	blobs "tem/internal/blob/memory"
	bus "tem/internal/bus/local"
	"tem/internal/directory"
	"tem/internal/kv"
	"tem/internal/kv/memory"
	"tem/internal/mail"
	"tem/internal/message/dsn"
	"tem/internal/queue"
)

// counted counts the batches that go into an engine.
type counted struct {
	kv.Engine
	submits atomic.Int32
}

func (c *counted) Submit(b *kv.Batch) kv.Pending {
	c.submits.Add(1)
	return c.Engine.Submit(b)
}

// lab is a whole hanoi.example: an, binh and chi, the group all@ of them, the
// alias boss@ of an, away@ for someone elsewhere, and blocked@, who is disabled.
type lab struct {
	*Delivery
	t     *testing.T
	kv    *counted
	store *mail.Store
	dir   *directory.Directory
	queue *queue.Queue
	log   *bytes.Buffer
	ids   map[string]kv.Part
	send  func(to queue.Recipient) dsn.Status
}

// Deliver is queue.Transport.
func (l *lab) Deliver(_ context.Context, _ *queue.Job, to []queue.Recipient) []dsn.Status {
	var list []dsn.Status
	for _, r := range to {
		list = append(list, l.send(r))
	}
	return list
}

// mailboxes is the transport to those here.
type mailboxes struct{ l *lab }

func (m mailboxes) Deliver(ctx context.Context, j *queue.Job, to []queue.Recipient) []dsn.Status {
	return m.l.Delivery.Deliver(ctx, j, to)
}

func at(s string) address.Address {
	local, domain, _ := strings.Cut(s, "@")
	return address.Address{Local: local, Domain: domain}
}

func all(addresses ...string) (list []address.Address) {
	for _, a := range addresses {
		list = append(list, at(a))
	}
	return list
}

// people are the rows of the lab's directory, made once: passwords take long.
var people = sync.OnceValues(func() (*kv.Batch, error) {
	ctx, engine := context.Background(), memory.New()
	dir, err := directory.Open(ctx, directory.Options{KV: engine})
	if err != nil {
		return nil, err
	}
	err = dir.AddDomain(ctx, "hanoi.example")
	for _, name := range []string{"an", "binh", "chi", "blocked"} {
		a, failed := dir.AddAccount(ctx, at(name+"@hanoi.example"), name, "a password of "+name, 0)
		a.Disabled = name == "blocked"
		err = errors.Join(err, failed, dir.SetAccount(ctx, a))
	}
	for name, members := range map[string][]address.Address{
		"all":  all("an@hanoi.example", "binh@hanoi.example", "chi@hanoi.example"),
		"boss": all("an@hanoi.example"),
		"away": all("someone@hue.example"),
	} {
		l := directory.List{Address: at(name + "@hanoi.example"), Members: members, Group: name == "all"}
		err = errors.Join(err, dir.AddList(ctx, l))
	}
	rows := new(kv.Batch)
	return rows, errors.Join(err, engine.View(ctx, func(r kv.Reader) error {
		return r.Scan(kv.Directory, nil, nil, kv.ScanOptions{}, func(key, val []byte) error {
			rows.Set(kv.Directory, bytes.Clone(key), bytes.Clone(val))
			return nil
		})
	}))
})

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, kv: &counted{Engine: memory.New()}, log: new(bytes.Buffer), ids: map[string]kv.Part{}}
	log := slog.New(slog.NewTextHandler(l.log, nil))
	ctx := t.Context()
	var err error
	l.store, err = mail.Open(ctx, mail.Options{KV: l.kv, Blobs: blobs.New(), Bus: bus.New(), Log: log})
	l.must(err)
	rows, err := people()
	l.must(err)
	l.must(kv.Commit(ctx, l.kv, rows))
	l.dir, err = directory.Open(ctx, directory.Options{KV: l.kv})
	l.must(err)
	accounts, err := l.dir.Accounts(ctx)
	l.must(err)
	for _, a := range accounts {
		l.ids[a.Address.Local] = a.ID
	}
	l.queue = queue.New(queue.Options{
		KV: l.kv, Mail: l.store, Transport: l, Local: mailboxes{l}, Log: log,
		Bounce: func(ctx context.Context, j *queue.Job, failed []queue.Recipient, delayed bool, done func(*kv.Batch)) (string, error) {
			return l.Bounce(ctx, j, failed, delayed, done)
		},
	})
	l.Delivery = New(Options{Hostname: "mx.hanoi.example", Directory: l.dir, Mail: l.store, Queue: l.queue, Log: log})
	return l
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// body stores the text of a message.
func (l *lab) body(text string) *mail.Body {
	l.t.Helper()
	spool := l.store.NewSpool(l.t.Context())
	_, err := io.WriteString(spool, text)
	l.must(err)
	b, err := spool.Finish()
	l.must(err)
	return b
}

const (
	returnLine = "Return-Path: <x@y>\r\n"
	letter     = returnLine + "Received: from y\r\nSubject: Hello\r\n\r\nHello.\r\n"
)

// envelope is one from sender; submitted if that is ours.
func envelope(sender string, to ...string) *Envelope {
	e := &Envelope{Recipients: all(to...), Skip: int64(len(returnLine))}
	if sender != "" {
		e.ReturnPath = at(sender)
	}
	e.Submitted = strings.HasSuffix(sender, "@hanoi.example")
	return e
}

// inbox returns the texts of the messages that someone has.
func (l *lab) inbox(name string) (texts []string) {
	l.t.Helper()
	ctx, account := l.t.Context(), l.store.Account(l.ids[name])
	box, err := account.Mailbox(ctx, "INBOX")
	l.must(err)
	_, items, err := account.List(ctx, box.ID)
	l.must(err)
	for _, item := range items {
		l.must(account.Fetch(ctx, box.ID, []mail.UID{item.UID}, func(m *mail.Meta) error {
			r, err := account.OpenMessage(ctx, m)
			if err != nil {
				return err
			}
			defer r.Close()
			text, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
			texts = append(texts, string(text))
			return err
		}))
	}
	return texts
}

// jobs writes what is queued: "domain: address(original)…", sorted.
func (l *lab) jobs() []string {
	l.t.Helper()
	jobs, err := l.queue.List(l.t.Context())
	l.must(err)
	var list []string
	for _, j := range jobs {
		s := j.Domain + ":"
		for _, r := range j.Recipients {
			s += " " + r.Address
			if r.Original != "" {
				s += "(" + r.Original + ")"
			}
			if r.Done {
				s += "=" + r.Status.Code.String()
			}
		}
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}

func (l *lab) wantJobs(want ...string) {
	l.t.Helper()
	if got := l.jobs(); !slices.Equal(got, want) {
		l.t.Errorf("queued %q, want %q", got, want)
	}
}

func (l *lab) wantInboxes(an, binh, chi int) {
	l.t.Helper()
	got := [3]int{len(l.inbox("an")), len(l.inbox("binh")), len(l.inbox("chi"))}
	if want := [3]int{an, binh, chi}; got != want {
		l.t.Errorf("messages of an, binh, chi: %v, want %v", got, want)
	}
}

func code(s dsn.Status) string { return fmt.Sprintf("%d %s", s.Reply, s.Code) }

func TestCheck(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.must(l.store.SetQuota(t.Context(), l.ids["chi"], 1000, 0))
	l.must(l.store.SetQuota(t.Context(), l.ids["binh"], 0, 1))
	l.must(l.dir.AddList(t.Context(), directory.List{Address: at("full@hanoi.example"), Members: all("binh@hanoi.example"), Group: true}))
	if s := l.Accept(t.Context(), envelope("x@hue.example", "binh@hanoi.example"), l.body(letter)); !s.OK() {
		t.Fatal(s)
	}
	for _, c := range []struct {
		sender, to string
		size       int64
		want       string
	}{
		{"x@hue.example", "an@hanoi.example", 0, "250 2.1.5"},
		{"x@hue.example", "AN@hanoi.example", 0, "250 2.1.5"},
		{"x@hue.example", "an+tag@hanoi.example", 0, "250 2.1.5"},
		{"", "an@hanoi.example", 0, "250 2.1.5"},
		{"x@hue.example", "away@hanoi.example", 0, "251 2.1.5"},
		{"x@hue.example", "nobody@hanoi.example", 0, "550 5.1.1"},
		{"x@hue.example", "y@hue.example", 0, "551 5.7.1"},
		{"an@hanoi.example", "y@hue.example", 0, "250 2.1.5"},
		{"x@hue.example", "blocked@hanoi.example", 0, "450 4.2.1"},
		{"x@hue.example", "chi@hanoi.example", 0, "250 2.1.5"},
		{"x@hue.example", "chi@hanoi.example", 1000, "250 2.1.5"},
		{"x@hue.example", "chi@hanoi.example", 1001, "552 5.2.2"},
		{"x@hue.example", "binh@hanoi.example", 0, "452 4.2.2"},
		{"x@hue.example", "full@hanoi.example", 0, "452 4.2.2"},
		{"x@hue.example", "all@hanoi.example", 5000, "250 2.1.5"},
	} {
		if got := code(l.Check(t.Context(), envelope(c.sender), at(c.to), c.size)); got != c.want {
			t.Errorf("from <%s> to <%s>, %d octets: %s, want %s", c.sender, c.to, c.size, got, c.want)
		}
	}
}

func TestMixedRecipientsInOneCommit(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.inbox("an") // so that the mailboxes exist
	l.inbox("binh")
	body := l.body(letter)
	before := l.kv.submits.Load()
	s := l.Accept(t.Context(), envelope("an@hanoi.example", "binh@hanoi.example", "x@hue.example", "y@hue.example", "z@saigon.example"), body)
	if code(s) != "250 2.0.0" || !strings.Contains(s.Text, body.ID.String()) {
		t.Errorf("%v", s)
	}
	if n := l.kv.submits.Load() - before; n != 1 {
		t.Errorf("%d commits, want one", n)
	}
	l.wantInboxes(0, 1, 0)
	l.wantJobs("hue.example: x@hue.example y@hue.example", "saigon.example: z@saigon.example")
	if got := l.inbox("binh")[0]; got != letter {
		t.Errorf("stored %q", got)
	}
	j, err := l.queue.Show(t.Context(), body.ID.String()+"-1")
	if err != nil || j.Skip != int64(len(returnLine)) || j.Size != int64(len(letter)-len(returnLine)) || j.ReturnPath != "an@hanoi.example" {
		t.Errorf("job %+v, %v", j, err)
	}
	for _, want := range []string{"msg=accepted", "id=" + body.ID.String(), "from=an@hanoi.example", "to=4", "placed=1", "queued=2"} {
		if !strings.Contains(l.log.String(), want) {
			t.Errorf("log %q lacks %s", l.log, want)
		}
	}
}

func TestEachGetsOneCopy(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.Accept(t.Context(), envelope("x@hue.example", "boss@hanoi.example", "all@hanoi.example", "an@hanoi.example",
		"An@hanoi.example", "away@hanoi.example", "away@hanoi.example"), l.body(letter))
	if !s.OK() {
		t.Fatal(s)
	}
	l.wantInboxes(1, 1, 1)
	l.wantJobs("hue.example: someone@hue.example(away@hanoi.example)")
}

func TestNobodyLeft(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, c := range []struct {
		to   []string
		want string
	}{
		{nil, "554 5.5.1"},
		{[]string{"nobody@hanoi.example"}, "550 5.1.1"},
		{[]string{"y@hue.example"}, "551 5.7.1"},
		{[]string{"nobody@hanoi.example", "blocked@hanoi.example"}, "450 4.2.1"},
	} {
		if got := code(l.Accept(t.Context(), envelope("x@hue.example", c.to...), l.body(letter))); got != c.want {
			t.Errorf("to %v: %s, want %s", c.to, got, c.want)
		}
	}
	l.wantInboxes(0, 0, 0)
	l.wantJobs()
}

func TestOverQuotaAtTheEnd(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.must(l.store.SetQuota(t.Context(), l.ids["chi"], 10, 0))
	if s := l.Accept(t.Context(), envelope("x@hue.example", "chi@hanoi.example"), l.body(letter)); code(s) != "452 4.2.2" {
		t.Errorf("%v", s)
	}
	if s := l.Accept(t.Context(), envelope("x@hue.example", "all@hanoi.example"), l.body(letter)); !s.OK() {
		t.Errorf("%v", s)
	}
	l.wantInboxes(1, 1, 0)
	l.wantJobs(": chi@hanoi.example(all@hanoi.example)") // to be tried again
	if s := l.Accept(t.Context(), envelope("", "all@hanoi.example"), l.body(letter)); !s.OK() {
		t.Errorf("%v", s)
	}
	l.wantJobs(": chi@hanoi.example(all@hanoi.example)", ": chi@hanoi.example(all@hanoi.example)")
	l.must(l.store.SetQuota(t.Context(), l.ids["chi"], 0, 1))
	if s := l.Accept(t.Context(), envelope("x@hue.example", "chi@hanoi.example"), l.body(letter)); !s.OK() {
		t.Errorf("%v", s)
	}
	l.run(2) // full now
	l.must(l.store.SetQuota(t.Context(), l.ids["chi"], 0, 0))
	_, err := l.queue.Retry(t.Context(), queue.Choice{})
	l.must(err)
	l.run(0)
	l.wantInboxes(2, 2, 3)
	if got := l.inbox("chi")[0]; got != letter {
		t.Errorf("stored %q", got)
	}
}

// TestSuccessIsReported for mailboxes, and for groups as such; what is asked
// about others goes with their jobs.
func TestSuccessIsReported(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := envelope("an@hanoi.example", "binh@hanoi.example", "all@hanoi.example", "away@hanoi.example", "chi@hanoi.example")
	wish := dsn.Wish{Notify: dsn.NotifySuccess, ORCPT: "rfc822;x@y"}
	e.Wishes = []dsn.Wish{wish, wish, wish}
	e.EnvID, e.Return, e.Priority = "E-1", dsn.ReturnFull, 3
	if s := l.Accept(t.Context(), e, l.body(letter)); !s.OK() {
		t.Fatal(s)
	}
	l.wantJobs(": binh@hanoi.example=2.1.5 all@hanoi.example=2.1.5", "hue.example: someone@hue.example(away@hanoi.example)")
	jobs, err := l.queue.Find(t.Context(), queue.Choice{Domain: "hue.example"})
	l.must(err)
	if j := jobs[0]; j.EnvID != "E-1" || j.Return != dsn.ReturnFull || j.Priority != 3 || j.Recipients[0].Notify != dsn.NotifySuccess || j.Recipients[0].ORCPT != "rfc822;x@y" {
		t.Errorf("%+v", j)
	}
	l.send = func(queue.Recipient) dsn.Status { return dsn.Status{Reply: 550, Text: "no"} }
	l.run(0) // the failure is not what the sender wants to hear of
	reports := strings.Join(l.inbox("an"), "")
	for _, want := range []string{"Action: delivered", "Action: expanded", "Original-Envelope-Id: E-1", "Original-Recipient: rfc822;x@y"} {
		if !strings.Contains(reports, want) {
			t.Errorf("no %q in\n%s", want, reports)
		}
	}
	if strings.Contains(reports, "Action: failed") {
		t.Errorf("a failure is reported:\n%s", reports)
	}
}

// TestFullDomain: a recipient is refused for now when the accounts of the domain
// together have no room left.
func TestFullDomain(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.must(l.store.SetPool(t.Context(), "hanoi.example", 0, 1))
	for _, name := range []string{"an", "chi"} {
		l.must(l.store.Join(t.Context(), l.ids[name], "hanoi.example"))
	}
	check := func() dsn.Status {
		return l.Check(t.Context(), envelope("x@hue.example", "chi@hanoi.example"), at("chi@hanoi.example"), 0)
	}
	if s := check(); !s.OK() {
		t.Errorf("with room: %v", s)
	}
	if s := l.Accept(t.Context(), envelope("x@hue.example", "an@hanoi.example"), l.body(letter)); !s.OK() {
		t.Fatal(s)
	}
	if s := check(); code(s) != "452 4.2.2" {
		t.Errorf("without room: %v", s)
	}
}

func TestLargerThanTheMailbox(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	chi, err := l.dir.Account(t.Context(), at("chi@hanoi.example"))
	l.must(err)
	chi.Quota = 10
	l.must(l.dir.SetAccount(t.Context(), chi))
	l.must(l.store.SetQuota(t.Context(), chi.ID, 10, 0))
	if s := l.Accept(t.Context(), envelope("x@hue.example", "chi@hanoi.example"), l.body(letter)); code(s) != "552 5.2.2" {
		t.Errorf("%v", s)
	}
}

func TestTooManyHops(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for n, want := range map[int]string{MaxHops: "250 2.0.0", MaxHops + 1: "554 5.4.6"} {
		text := strings.Replace(letter, "Subject", strings.Repeat("RECEIVED: from y\r\n", n)+"Subject", 1)
		if s := l.Accept(t.Context(), envelope("x@hue.example", "an@hanoi.example"), l.body(text)); code(s) != want {
			t.Errorf("%d hops before this one: %v, want %s", n, s, want)
		}
	}
}

// failedJob queues a letter for x@hue.example and returns its job.
func (l *lab) failedJob(sender string) (*queue.Job, []queue.Recipient) {
	l.t.Helper()
	e := envelope(sender, "x@hue.example")
	e.Submitted = true
	body := l.body(letter)
	if s := l.Accept(l.t.Context(), e, body); !s.OK() {
		l.t.Fatal(s)
	}
	j, err := l.queue.Show(l.t.Context(), body.ID.String())
	l.must(err)
	failed := slices.Clone(j.Recipients)
	failed[0].Status = dsn.Status{Reply: 550, Code: dsn.Code{5, 1, 1}, Text: "unknown", Remote: "mx.hue.example"}
	return &j, failed
}

// mark is a row that a report's commit carries; marked reports that it is there.
func (l *lab) bounce(ctx context.Context, j *queue.Job, failed []queue.Recipient, delayed bool, done func(*kv.Batch)) error {
	id, err := l.Bounce(ctx, j, failed, delayed, done)
	if (id == "") != (err != nil) {
		l.t.Errorf("report %q, %v", id, err)
	}
	return err
}

func mark(b *kv.Batch) { b.Set(kv.Queue, []byte("mark"), []byte{1}) }

func (l *lab) marked() (ok bool) {
	l.t.Helper()
	l.must(l.kv.View(l.t.Context(), func(r kv.Reader) (err error) {
		_, ok, err = r.Get(kv.Queue, []byte("mark"))
		return err
	}))
	return ok
}

// TestBounceWithoutMessage: who sent a message that the store has lost is told of its end all the same.
func TestBounceWithoutMessage(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	j, failed := l.failedJob("an@hanoi.example")
	j.Body = blob.ID{9}
	l.must(l.bounce(t.Context(), j, failed, false, mark))
	if got := l.inbox("an"); len(got) != 1 || !strings.Contains(got[0], "Final-Recipient: rfc822; x@hue.example") || !l.marked() {
		t.Errorf("%q", got)
	}
}

func TestBounceInOneCommit(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.inbox("an")
	j, failed := l.failedJob("an@hanoi.example")
	before := l.kv.submits.Load()
	l.must(l.bounce(t.Context(), j, failed, false, mark))
	if n := l.kv.submits.Load() - before; n != 1 {
		t.Errorf("%d commits, want one", n)
	}
	if !l.marked() {
		t.Error("the rows of done were not written")
	}
	got := l.inbox("an")
	if len(got) != 1 {
		t.Fatalf("%d reports, want one", len(got))
	}
	for _, want := range []string{"Return-Path: <>\r\n", "x@hue.example", "5.1.1", "Received: from y\r\nSubject: Hello\r\n", "mx.hanoi.example"} {
		if !strings.Contains(got[0], want) {
			t.Errorf("report lacks %q:\n%s", want, got[0])
		}
	}
	if strings.Contains(got[0], "Hello.") || strings.Contains(got[0], returnLine) {
		t.Errorf("report quotes more than the header as sent:\n%s", got[0])
	}
}

func TestBounceToElsewhere(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	j, failed := l.failedJob("far@saigon.example")
	l.must(l.bounce(t.Context(), j, failed, false, func(*kv.Batch) {}))
	l.wantJobs("hue.example: x@hue.example", "saigon.example: far@saigon.example")
	jobs, err := l.queue.List(t.Context())
	l.must(err)
	// Ids made in one millisecond have no order.
	i := slices.IndexFunc(jobs, func(j queue.Job) bool { return j.Domain == "saigon.example" })
	if jobs[i].ReturnPath != "" || jobs[i].Skip != int64(len("Return-Path: <>\r\n")) {
		t.Errorf("report job %+v", jobs[i])
	}
}

func TestNobodyToBounceTo(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.must(l.store.SetQuota(t.Context(), l.ids["chi"], 10, 0))
	for _, sender := range []string{"", "nobody@hanoi.example", "chi@hanoi.example", "not an address"} {
		j, failed := l.failedJob("an@hanoi.example")
		j.ReturnPath = sender
		j.Expires = j.Created // a full mailbox is not waited for any more
		err := l.bounce(t.Context(), j, failed, false, mark)
		if !errors.Is(err, queue.ErrNoReport) {
			t.Errorf("<%s>: %v, want ErrNoReport", sender, err)
		}
	}
	if l.marked() {
		t.Error("the rows of done were written")
	}
	l.wantInboxes(0, 0, 0)
}

// TestReportWaitsForRoom: a sender whose mailbox is full is told when it no longer is.
func TestReportWaitsForRoom(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	j, failed := l.failedJob("an@hanoi.example")
	j.ReturnPath = "chi@hanoi.example"
	l.must(l.store.SetQuota(t.Context(), l.ids["chi"], 10, 0))
	err := l.bounce(t.Context(), j, failed, false, mark)
	if err == nil || errors.Is(err, queue.ErrNoReport) {
		t.Errorf("%v, want an error that keeps the job", err)
	}
	if l.marked() {
		t.Error("the rows of done were written")
	}
	l.must(l.store.SetQuota(t.Context(), l.ids["chi"], 0, 0))
	l.must(l.bounce(t.Context(), j, failed, false, mark))
	if n := len(l.inbox("chi")); n != 1 || !l.marked() {
		t.Errorf("%d reports, marked %v", n, l.marked())
	}
}

// TestBounceLosesTheRace is about a job that changed while its report was made.
func TestBounceLosesTheRace(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	j, failed := l.failedJob("an@hanoi.example")
	err := l.bounce(t.Context(), j, failed, false, func(b *kv.Batch) { b.Assert(kv.Queue, []byte("none"), []byte{1}) })
	if err == nil || errors.Is(err, queue.ErrNoReport) {
		t.Errorf("%v, want an error that leaves the job as it is", err)
	}
	l.wantInboxes(0, 0, 0)
}

// run has the queue send until so many jobs are left, each tried once at least.
func (l *lab) run(left int) {
	l.t.Helper()
	ctx, cancel := context.WithCancel(l.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.queue.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); !l.at(left); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Errorf("still queued: %v", l.jobs())
			break
		}
	}
	cancel()
	l.must(<-ended)
}

func (l *lab) at(left int) bool {
	jobs, err := l.queue.Find(l.t.Context(), queue.Choice{})
	l.must(err)
	return len(jobs) <= left && !slices.ContainsFunc(jobs, func(j queue.Job) bool { return j.Attempts == 0 })
}

func TestThroughTheQueue(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.send = func(to queue.Recipient) dsn.Status {
		if strings.HasPrefix(to.Address, "good@") {
			return dsn.Status{Reply: 250, Code: dsn.Code{2, 0, 0}, Text: "ok"}
		}
		return dsn.Status{Reply: 550, Code: dsn.Code{5, 1, 1}, Text: "unknown"}
	}
	s := l.Accept(t.Context(), envelope("an@hanoi.example", "good@hue.example", "bad@hue.example", "nobody@hanoi.example"), l.body(letter))
	if !s.OK() {
		t.Fatal(s)
	}
	// A stranger's letter to an alias that points nowhere: the report fails too and is forgotten.
	if s := l.Accept(t.Context(), envelope("stranger@saigon.example", "away@hanoi.example"), l.body(letter)); !s.OK() {
		t.Fatal(s)
	}
	l.run(0)
	reports := l.inbox("an")
	if len(reports) != 2 {
		t.Errorf("%d reports, want one for each failed recipient's job", len(reports))
	}
	all := strings.Join(reports, "")
	if !strings.Contains(all, "bad@hue.example") || !strings.Contains(all, "nobody@hanoi.example") || strings.Contains(all, "good@hue.example") {
		t.Errorf("reports:\n%s", all)
	}
	if !strings.Contains(l.log.String(), `msg="no report"`) {
		t.Errorf("the log does not say that the stranger was not told:\n%s", l.log)
	}
}
