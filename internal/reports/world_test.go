package reports

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"tem/internal/address"
	blobs "tem/internal/blob/memory"
	bus "tem/internal/bus/local"
	"tem/internal/delivery"
	"tem/internal/directory"
	"tem/internal/dns"
	"tem/internal/kv"
	"tem/internal/kv/memory"
	"tem/internal/mail"
	"tem/internal/message/dsn"
	"tem/internal/queue"
	"tem/internal/trust"
	"tem/internal/trust/dkim"
)

// clock is a time that tests turn.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// side is a mail server with everything but sockets.
type side struct {
	*Reports
	t        *testing.T
	domain   string
	kv       kv.Engine
	mail     *mail.Store
	dir      *directory.Directory
	delivery *delivery.Delivery
	queue    *queue.Queue
	judge    *trust.Judge
	log      *bytes.Buffer
	post     kv.Part                                                                   // the postmaster's account
	out      func(ctx context.Context, s *side, text string, to []string) []dsn.Status // where its mail goes
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newSide is the server mx.DOMAIN; its mail leaves by out.
func newSide(t *testing.T, c *clock, r *dns.Resolver, domain string, key ed25519.PrivateKey, change func(*Options)) *side {
	t.Helper()
	ctx := t.Context()
	s := &side{t: t, domain: domain, kv: memory.New(), log: new(bytes.Buffer)}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	var err error
	s.mail, err = mail.Open(ctx, mail.Options{KV: s.kv, Blobs: blobs.New(), Bus: bus.New(), Log: log})
	check(t, err)
	s.dir, err = directory.Open(ctx, directory.Options{KV: s.kv})
	check(t, err)
	check(t, s.dir.AddDomain(ctx, domain))
	a, err := s.dir.AddAccount(ctx, address.Address{Local: "postmaster", Domain: domain}, "Post", "a long password", 0)
	check(t, err)
	s.post = a.ID
	for _, name := range []string{"dmarc", "other"} {
		check(t, s.dir.AddList(ctx, directory.List{Address: address.Address{Local: name, Domain: domain}, Members: []address.Address{a.Address}}))
	}
	s.queue = queue.New(queue.Options{KV: s.kv, Mail: s.mail, Transport: s, Local: s, Log: log, Now: c.Now})
	s.judge = trust.NewJudge(r, trust.Options{Hostname: "mx." + domain, EnforceDMARC: true, Now: c.Now})
	o := Options{
		KV: s.kv, Resolver: r, Hostname: "mx." + domain, Organization: "The Post of " + domain, DMARC: true, TLS: true, Log: log, Now: c.Now,
		IsLocal: s.dir.IsLocal, OpenBody: s.mail.OpenBody,
		Send: func(ctx context.Context, l *delivery.Letter, also func(*kv.Batch)) (string, dsn.Status, error) {
			return s.delivery.Send(ctx, l, also)
		},
	}
	if change != nil {
		change(&o)
	}
	s.Reports = New(o)
	s.delivery = delivery.New(delivery.Options{
		Hostname: "mx." + domain, Directory: s.dir, Mail: s.mail, Queue: s.queue, Log: log, Now: c.Now, Accepted: s.Arrived,
		Keys: func(_ context.Context, of string) ([]dkim.Key, error) {
			if of != domain {
				return nil, nil
			}
			return []dkim.Key{{Domain: domain, Selector: "s1", Signer: key}}, nil
		},
	})
	return s
}

// Deliver is queue.Transport: it hands a job's message to where out says.
func (s *side) Deliver(ctx context.Context, j *queue.Job, to []queue.Recipient) []dsn.Status {
	body, err := s.mail.OpenBody(ctx, j.Body)
	check(s.t, err)
	defer body.Close()
	text, err := io.ReadAll(io.NewSectionReader(body, j.Skip, body.Size()-j.Skip))
	check(s.t, err)
	var names []string
	for _, r := range to {
		names = append(names, r.Address)
	}
	return s.out(ctx, s, string(text), names)
}

// take judges a message from another server and puts it where it belongs, as smtpserver does.
func (s *side) take(ctx context.Context, from netip.Addr, hello, path, text string, to ...string) (*trust.Verdict, dsn.Status) {
	e := s.judge.Visit(ctx, trust.Client{Addr: from, Hello: hello}).From(ctx, path)
	io.WriteString(e, text)
	v := e.Verdict(ctx)
	s.Judged(v)
	if !v.Status().OK() {
		return v, v.Status()
	}
	spool := s.mail.NewSpool(ctx)
	head := "Return-Path: <" + path + ">\r\n"
	io.WriteString(spool, head+string(v.AuthenticationResults("mx."+s.domain))+text)
	body, err := spool.Finish()
	check(s.t, err)
	env := &delivery.Envelope{Skip: int64(len(head)), Junk: v.Action == trust.Quarantine}
	if path != "" {
		env.ReturnPath = at(path)
	}
	for _, a := range to {
		env.Recipients = append(env.Recipients, at(a))
	}
	return v, s.delivery.Accept(ctx, env, body)
}

func at(a string) address.Address {
	local, domain, _ := strings.Cut(a, "@")
	return address.Address{Local: local, Domain: domain}
}

// read keeps what has arrived.
func (s *side) read() {
	for len(s.arrived) > 0 {
		s.receive(s.t.Context(), <-s.arrived)
	}
}

// jobs sends what is queued, once.
func (s *side) jobs() (n int) {
	list, err := s.queue.List(s.t.Context())
	check(s.t, err)
	for i := range list {
		for _, status := range s.Deliver(s.t.Context(), &list[i], list[i].Recipients) {
			if !status.OK() {
				s.t.Errorf("%s: %v", list[i].ID, status)
			}
		}
		_, err := s.queue.Drop(s.t.Context(), queue.Choice{IDs: []string{list[i].ID}})
		check(s.t, err)
	}
	return len(list)
}

// world is hanoi.example, where mail arrives, and saigon.example, in whose name it comes.
type world struct {
	*clock
	hanoi, saigon *side
	key           ed25519.PrivateKey
	letters       []string // that went from one to the other
}

var (
	hanoiIP  = netip.MustParseAddr("192.0.2.1")
	saigonIP = netip.MustParseAddr("192.0.2.2")
	otherIP  = netip.MustParseAddr("203.0.113.7")
)

func newWorld(t *testing.T, change func(*Options), records ...string) *world {
	t.Helper()
	w := &world{clock: &clock{now: time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)}}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	text, err := dkim.Record(public)
	check(t, err)
	r, err := dns.ZoneResolver(append([]string{
		`hanoi.example. TXT "v=spf1 ip4:192.0.2.1 -all"`, `_dmarc.hanoi.example. TXT "v=DMARC1; p=reject; rua=mailto:postmaster@hanoi.example"`,
		`saigon.example. TXT "v=spf1 ip4:192.0.2.2 -all"`,
		`s1._domainkey.hanoi.example. TXT "` + text + `"`, `s1._domainkey.saigon.example. TXT "` + text + `"`,
	}, records...)...)
	check(t, err)
	w.key = key
	w.hanoi = newSide(t, w.clock, r, "hanoi.example", key, change)
	w.saigon = newSide(t, w.clock, r, "saigon.example", key, nil)
	w.hanoi.out = func(ctx context.Context, s *side, text string, to []string) []dsn.Status {
		w.letters = append(w.letters, text)
		_, status := w.saigon.take(ctx, hanoiIP, "mx.hanoi.example", "noreply-dmarc@hanoi.example", text, to...)
		return []dsn.Status{status}
	}
	return w
}

// sign signs a letter as saigon does.
func (w *world) sign(t *testing.T, text string) string {
	t.Helper()
	s, err := dkim.NewSigning(nil, []dkim.Key{{Domain: "saigon.example", Selector: "s1", Signer: w.key}}, dkim.SigningOptions{Now: w.Now})
	check(t, err)
	s.Write([]byte(text))
	fields, err := s.Fields()
	check(t, err)
	return string(fields) + text
}
