package app

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tem/internal/address"
	"tem/internal/config"
	"tem/internal/kv"
	"tem/internal/kv/memory"
	"tem/internal/kv/pebble"
	"tem/internal/mail"
	"tem/internal/queue"
	"tem/internal/sasl"
)

// What the first released format's program said of the store in
// testdata/format1.tar.gz.
type (
	former struct{ Accounts map[string]formerAccount }

	formerAccount struct {
		Mailboxes []formerMailbox
		Quota     mail.Quota
	}
	formerMailbox struct {
		Name, Use            string
		UIDValidity, UIDNext uint32
		HighestModSeq        uint64
		Keywords             []string
		Messages             []formerMessage
	}
	formerMessage struct {
		UID                          uint32
		Email, Thread, ModSeq, Flags uint64
		Size                         int64
		SHA256                       string
		Received                     time.Time
	}
)

// unpackFormer unpacks the store into a new directory.
func unpackFormer(t *testing.T) (dir string, said former) {
	t.Helper()
	dir = t.TempDir()
	packed, err := os.ReadFile("testdata/format1.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = unpack(filepath.Join(dir, filepath.FromSlash(h.Name)), h, r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("testdata/format1.json")
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	if err != nil || len(said.Accounts) == 0 {
		t.Fatal(err)
	}
	return dir, said
}

func unpack(name string, h *tar.Header, r io.Reader) error {
	if h.FileInfo().IsDir() {
		return os.MkdirAll(name, 0o700)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}

// addFormerJob adds a job to the queue of a store of format 1, which differs
// from today's in the partition that the body and its reference lie in.
func addFormerJob(t *testing.T, dir string) {
	t.Helper()
	spare, err := mail.Open(t.Context(), mail.Options{KV: memory.New()})
	if err != nil {
		t.Fatal(err)
	}
	sp := spare.NewSpool(t.Context())
	io.WriteString(sp, "Subject: on its way\r\n\r\nout\r\n")
	body, err := sp.Finish()
	if err != nil {
		t.Fatal(err)
	}
	q, b := queue.New(queue.Options{Mail: spare}), new(kv.Batch)
	var made *kv.Batch
	_, err = spare.Deliver(t.Context(), body, nil, func(b *kv.Batch) {
		made = b
		q.Add(b, &queue.Job{ID: body.ID.String() + "-1", Body: body.ID, Size: body.Size, Domain: "elsewhere.example"})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range made.Ops {
		if op.Part >= kv.FirstBodies && op.Part < kv.FirstBodies+kv.BodyParts {
			op.Part = kv.OldBodies
		}
		b.Ops = append(b.Ops, op)
	}
	rows, err := pebble.Open(pebble.Options{Dir: filepath.Join(dir, rowsDir)})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(kv.Commit(t.Context(), rows, b), rows.Close()); err != nil {
		t.Fatal(err)
	}
}

// announced is a log that tells when a message with some text was logged.
type announced struct {
	slog.Handler
	text string
	came chan struct{}
}

func newAnnounced(text string) *announced {
	return &announced{slog.DiscardHandler, text, make(chan struct{}, 1)}
}

func (a *announced) Enabled(context.Context, slog.Level) bool { return true }

func (a *announced) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, a.text) {
		select {
		case a.came <- struct{}{}:
		default:
		}
	}
	return nil
}

func openFormer(t *testing.T, dir string, h slog.Handler) (*Stores, error) {
	c := config.Default()
	c.Data = dir
	return OpenStores(t.Context(), c, slog.New(h), func(err error) { t.Error(err) })
}

func accountOf(t *testing.T, s *Stores, name string) (mail.AccountID, *mail.Account) {
	t.Helper()
	addr, err := address.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	acc, err := s.Directory.Account(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	return acc.ID, s.Mail.Account(acc.ID)
}

// read is what the store says of an account now, as the other program said it.
func read(t *testing.T, s *Stores, a *mail.Account, hashed bool) (all []formerMailbox) {
	t.Helper()
	boxes, err := a.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range boxes {
		box := formerMailbox{m.Name, m.SpecialUse, m.UIDValidity, uint32(m.UIDNext), uint64(m.HighestModSeq), m.Keywords, nil}
		_, items, err := a.List(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			err := a.Fetch(t.Context(), m.ID, []mail.UID{i.UID}, func(meta *mail.Meta) error {
				sum := sumOf(t, a, meta)
				if hashed && meta.SHA256 != sum {
					t.Errorf("%s, uid %d: its hash is said to be %x and is %x", m.Name, i.UID, meta.SHA256, sum)
				}
				box.Messages = append(box.Messages, formerMessage{
					uint32(i.UID), uint64(meta.Email), uint64(meta.Thread), uint64(i.ModSeq), uint64(i.Flags),
					meta.Size, hex.EncodeToString(sum[:]), meta.Received,
				})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, box)
	}
	return all
}

func sumOf(t *testing.T, a *mail.Account, meta *mail.Meta) (sum [sha256.Size]byte) {
	t.Helper()
	r, err := a.OpenMessage(t.Context(), meta)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, r.Size())); err != nil {
		t.Fatal(err)
	}
	h.Sum(sum[:0])
	return sum
}

// same compares what an account has with what it should have.
func same(t *testing.T, s *Stores, name string, want []formerMailbox, hashed bool) {
	t.Helper()
	_, a := accountOf(t, s, name)
	got := read(t, s, a, hashed)
	if len(got) != len(want) {
		t.Fatalf("%s has %d mailboxes, want %d", name, len(got), len(want))
	}
	for n, g := range got {
		w := want[n]
		if g.Name != w.Name || g.Use != w.Use || g.UIDValidity != w.UIDValidity || g.UIDNext != w.UIDNext ||
			g.HighestModSeq != w.HighestModSeq || !slices.Equal(g.Keywords, w.Keywords) {
			t.Errorf("%s: %+v, want %+v", name, g, w)
		}
		if !slices.EqualFunc(g.Messages, w.Messages, sameMessage) {
			t.Errorf("%s, %s: %+v,\nwant %+v", name, g.Name, g.Messages, w.Messages)
		}
	}
}

func sameMessage(x, y formerMessage) bool {
	at := x.Received.Equal(y.Received)
	x.Received, y.Received = time.Time{}, time.Time{}
	return at && x == y
}

// queued returns the one job there is, after looking at its body.
func queued(t *testing.T, s *Stores) queue.Job {
	t.Helper()
	jobs, err := queue.New(queue.Options{KV: s.KV, Mail: s.Mail, Log: slog.New(slog.DiscardHandler)}).List(t.Context())
	if err != nil || len(jobs) != 1 {
		t.Fatalf("the queue has %+v, %v", jobs, err)
	}
	r, err := s.Mail.OpenBody(t.Context(), jobs[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Size() != jobs[0].Skip+jobs[0].Size {
		t.Errorf("the body has %d octets, the job says %d after %d", r.Size(), jobs[0].Size, jobs[0].Skip)
	}
	return jobs[0]
}

// run brings the store to the present format while do happens.
func run(t *testing.T, s *Stores, done *announced, do func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Mail.Run(ctx) }()
	do()
	select {
	case <-done.came:
	case err := <-ended:
		t.Fatalf("Run ended: %v", err)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// sound checks the whole store.
func sound(t *testing.T, s *Stores) {
	t.Helper()
	_, err := s.Mail.Check(t.Context(), mail.CheckOptions{Problem: func(p mail.Problem) { t.Errorf("account %d: %s", p.Account, p.Text) }})
	if err != nil {
		t.Fatal(err)
	}
}

// nothingOld: the partition that format 1 had bodies in is empty.
func nothingOld(t *testing.T, s *Stores) {
	t.Helper()
	err := s.KV.View(t.Context(), func(r kv.Reader) error {
		return r.Scan(kv.OldBodies, nil, nil, kv.ScanOptions{}, func(key, _ []byte) error {
			t.Errorf("left in the old partition: %q", key)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFormat1 opens a store that the first released format's program left
// behind, reads everything, brings it to the present format and reads
// everything again.
func TestFormat1(t *testing.T) {
	t.Parallel()
	dir, said := unpackFormer(t)
	addFormerJob(t, dir)
	done := newAnnounced("nothing of format 1 is left")
	s, err := openFormer(t, dir, done)
	if err != nil {
		t.Fatal(err)
	}
	all := func(hashed bool) {
		for name, a := range said.Accounts {
			same(t, s, name, a.Mailboxes, hashed)
		}
	}
	all(false)
	job := queued(t, s)
	run(t, s, done, func() { all(false) })
	all(true)
	again := queued(t, s)
	if again.ID != job.ID || again.Body != job.Body || again.Attempts != job.Attempts {
		t.Errorf("the job is %+v, was %+v", again, job)
	}
	nothingOld(t, s)
	sound(t, s)
	for name, a := range said.Accounts {
		_, acct := accountOf(t, s, name)
		if q, err := acct.Quota(t.Context()); err != nil || q.Messages != emails(a) {
			t.Errorf("%s: quota %+v, %v; want %d emails", name, q, err, emails(a))
		}
		if _, _, err := s.Directory.SCRAM(t.Context(), sasl.SHA256, name); err != nil {
			t.Errorf("%s has no password any more: %v", name, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	started := newAnnounced("bringing the store")
	if s, err = openFormer(t, dir, started); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	s.Mail.Run(ctx)
	if len(started.came) > 0 {
		t.Error("opened again, it was brought to the format once more")
	}
	all(true)
	newerFormat(t, s, dir)
}

// emails counts each email once, in however many mailboxes it is.
func emails(a formerAccount) int64 {
	ids := make(map[uint64]bool)
	for _, m := range a.Mailboxes {
		for _, msg := range m.Messages {
			ids[msg.Email] = true
		}
	}
	return int64(len(ids))
}

// newerFormat makes the store one of a format to come, which is refused.
func newerFormat(t *testing.T, s *Stores, dir string) {
	t.Helper()
	b := new(kv.Batch)
	b.Set(kv.System, []byte("format"), []byte("7"))
	if err := errors.Join(kv.Commit(t.Context(), s.KV, b), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, err := openFormer(t, dir, slog.DiscardHandler)
	if err == nil || !strings.Contains(err.Error(), "the store has format 7, this program knows up to 6: use a newer program") {
		t.Errorf("a store of format 7: %v", err)
	}
}

// TestFormat1InUse goes on using the store while it is brought to the present format.
func TestFormat1InUse(t *testing.T) {
	t.Parallel()
	dir, said := unpackFormer(t)
	done := newAnnounced("nothing of format 1 is left")
	s, err := openFormer(t, dir, done)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id, a := accountOf(t, s, "an@hanoi.example")
	for name, acct := range said.Accounts {
		same(t, s, name, acct.Mailboxes, false)
	}
	sums := make(map[string]int) // how often each body is there
	for _, m := range said.Accounts["an@hanoi.example"].Mailboxes {
		for _, msg := range m.Messages {
			sums[msg.SHA256]++
		}
	}
	run(t, s, done, func() { use(t, s, id, a, sums) })
	after := make(map[string]int)
	for _, m := range read(t, s, a, true) {
		for _, msg := range m.Messages {
			after[msg.SHA256]++
		}
	}
	maps.DeleteFunc(sums, func(_ string, n int) bool { return n == 0 })
	if !maps.Equal(after, sums) {
		t.Errorf("there are %v, want %v", after, sums)
	}
	nothingOld(t, s)
	sound(t, s)
}

// use delivers, copies, moves, flags and removes, and keeps sums what is there.
func use(t *testing.T, s *Stores, id mail.AccountID, a *mail.Account, sums map[string]int) {
	t.Helper()
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	box := make(map[string]mail.MailboxID)
	boxes, err := a.Mailboxes(t.Context())
	fail(err)
	for _, m := range boxes {
		box[m.Name] = m.ID
	}
	sum := func(name string, uid mail.UID) (hash string) {
		fail(a.Fetch(t.Context(), box[name], []mail.UID{uid}, func(m *mail.Meta) error {
			sum := sumOf(t, a, m)
			hash = hex.EncodeToString(sum[:])
			return nil
		}))
		return hash
	}
	for n := range mail.UID(5) {
		sp := s.Mail.NewSpool(t.Context())
		io.WriteString(sp, "Subject: while it moves\r\n\r\n"+strings.Repeat("x", int(n))+"\r\n")
		b, err := sp.Finish()
		fail(err)
		p, err := s.Mail.Deliver(t.Context(), b, []mail.Target{{Account: id}}, nil)
		fail(err)
		sums[sum("INBOX", p[0].UID)]++
		_, err = a.Move(t.Context(), box["Work/2026"], []mail.UID{n + 1}, "INBOX")
		fail(err)
		sums[sum("INBOX", n+15)]++
		_, err = a.Copy(t.Context(), box["INBOX"], []mail.UID{n + 15}, "Drafts")
		fail(err)
		sums[sum("INBOX", n+20)]--
		gone, err := a.Remove(t.Context(), box["INBOX"], []mail.UID{n + 20})
		fail(err)
		if len(gone) != 1 {
			t.Errorf("removed %v", gone)
		}
	}
}
