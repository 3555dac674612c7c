package mail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tem/internal/blob/dir"
	"tem/internal/bus/local"
	"tem/internal/faultfs"
	"tem/internal/kv"
	"tem/internal/kv/pebble"
)

// The crash harness: people who each use an account of their own, and one that
// all of them write to, until the machine loses power or the disk fails. Then
// the store is opened on what had reached the disk. Each account must be as its
// user had seen it acknowledged at that moment, or with the thing the user was
// doing; all messages must be whole; and Check must find nothing.

// crashRuns is how many seeds are tried.
func crashRuns() uint64 {
	if os.Getenv("TEM_NIGHTLY") != "" {
		return 1000
	}
	return 50
}

func TestCrash(t *testing.T) {
	t.Parallel()
	for seed := range crashRuns() {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			newCrash(t, seed).run()
		})
	}
}

const crashUsers = 4

// common is the account that all users write to.
const common = alice + crashUsers

// crash is one run.
type crash struct {
	t     *testing.T
	rng   *rand.Rand
	disk  *vfs.MemFS  // what a power loss takes the unsynced from
	fs    *faultfs.FS // what the store sees
	users []*crashUser
	done  atomic.Int64 // things acknowledged, by all
	busy  atomic.Int64 // users that go on
	stop  atomic.Bool
	dead  chan struct{} // closed when the engine has died
	texts sync.Map      // hash of a message → true: all that were ever handed in

	apart    bool // each larger body lies in a volume, or only those that come together
	tolerant bool // a delivery may fail for any reason, and its user goes on
}

// crashUser is one user and what it knows of its account.
type crashUser struct {
	c     *crash
	rng   *rand.Rand
	a     *Account
	n     int
	boxes map[string]MailboxID
	now   crashAccount // acknowledged
	next  crashAccount // with what is being done

	mu     sync.Mutex
	states []crashAccount // all that were acknowledged
	sure   int            // how many were before the disaster
	mail   [][32]byte     // acknowledged before it as being in the common account
}

// crashAccount is a state of an account: for each mailbox the messages by UID.
type crashAccount map[string]map[UID]crashMessage

type crashMessage struct {
	sum   [sha256.Size]byte
	flags Flags
}

func (a crashAccount) clone() crashAccount {
	c := make(crashAccount, len(a))
	for name, box := range a {
		c[name] = maps.Clone(box)
	}
	return c
}

func newCrash(t *testing.T, seed uint64) *crash {
	c := &crash{t: t, rng: rand.New(rand.NewPCG(seed, 1)), disk: vfs.NewCrashableMem(), dead: make(chan struct{}), apart: seed%2 == 0}
	c.fs = faultfs.New(c.disk)
	return c
}

// open opens a store on a file system; fatal is told when its engine dies.
func (c *crash) open(fs vfs.FS, fatal func(error)) (*Store, kv.Engine) {
	c.t.Helper()
	e, err := pebble.Open(pebble.Options{
		Dir: "rows", FS: fs, CacheSize: 1 << 20, MemTable: 256 << 10, OnFatal: fatal,
		Apart: pebble.Apart{From: 300, Alone: c.apart, Volume: 16 << 10},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	bodies, err := dir.OpenWith(dir.Options{Dir: "bodies", FS: fs})
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := Open(context.Background(), Options{KV: e, Blobs: bodies, Bus: local.New(), InlineMax: 2000, Keep: time.Hour})
	if err != nil {
		c.t.Fatal(err)
	}
	return s, e
}

func (c *crash) run() {
	s, e := c.open(c.fs, func(error) { close(c.dead) })
	for i := range kv.Part(crashUsers) {
		c.users = append(c.users, c.newUser(s, alice+i))
	}
	s.Account(common).Mailboxes(context.Background())
	var wg sync.WaitGroup
	c.busy.Store(crashUsers)
	for _, u := range c.users {
		wg.Go(func() {
			defer c.busy.Add(-1)
			u.run()
		})
	}
	tidied := c.tidy(e)
	after := c.disaster()
	c.stop.Store(true)
	wg.Wait()
	select {
	case <-tidied:
	case <-c.dead: // it may never return
	}
	c.fs.Heal()
	e.Close()
	c.verify(after)
}

// tidy has the engine give back room until the end, and closes its result then.
func (c *crash) tidy(e kv.Engine) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !c.stop.Load() {
			if err := e.(kv.Tidier).Tidy(context.Background()); errors.Is(err, kv.ErrFailed) {
				return
			} else if err != nil {
				c.t.Errorf("tidy: %v", err)
				return
			}
			runtime.Gosched()
		}
	}()
	return done
}

// disaster waits for a while, lets something happen, and returns the disk as
// the next start finds it.
func (c *crash) disaster() *vfs.MemFS {
	c.wait(int64(5 + c.rng.IntN(60)))
	switch c.rng.IntN(6) {
	case 0: // a full disk
		c.fs.Fill("*", int64(c.rng.IntN(200<<10)))
	case 1: // a disk that can't be written safely any more
		c.fs.Fail(faultfs.Fault{On: faultfs.Syncs, After: c.rng.IntN(20)})
	case 2: // the same for one kind of file
		c.fs.Fail(faultfs.Fault{On: faultfs.Syncs, Name: []string{"*.log", "*.sst", "*.blob", "01*", "MANIFEST*", "*.values"}[c.rng.IntN(6)], After: c.rng.IntN(5)})
	default: // power is lost
	}
	c.wait(c.done.Load() + int64(c.rng.IntN(40)))
	for _, u := range c.users {
		u.note()
	}
	keep := 0
	if c.rng.IntN(2) == 0 { // some of what was not synced happened to be written
		keep = 1 + c.rng.IntN(99)
	}
	return c.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: rand.New(rand.NewPCG(c.rng.Uint64(), 2))})
}

// wait returns when so much was acknowledged, or when nothing more will be.
func (c *crash) wait(n int64) {
	for c.done.Load() < n && c.busy.Load() > 0 {
		select {
		case <-c.dead:
			return
		case <-time.After(100 * time.Microsecond): // a look now and then; nothing depends on how long
		}
	}
}

func (c *crash) newUser(s *Store, id kv.Part) *crashUser {
	u := &crashUser{c: c, rng: rand.New(rand.NewPCG(c.rng.Uint64(), uint64(id))), a: s.Account(id), now: crashAccount{}, boxes: map[string]MailboxID{}}
	boxes, err := u.a.Mailboxes(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	for _, b := range boxes {
		u.now[b.Name], u.boxes[b.Name] = map[UID]crashMessage{}, b.ID
	}
	u.states = []crashAccount{u.now}
	return u
}

// note takes down how far the user is for sure.
func (u *crashUser) note() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.sure = len(u.states)
}

// acknowledge is called when next has become true, with what is in the common
// account now.
func (u *crashUser) acknowledge(mail [][32]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.now = u.next
	u.states = append(u.states, u.now)
	if u.sure == 0 {
		u.mail = append(u.mail, mail...)
	}
	u.c.done.Add(1)
}

// run does one thing after another until told to stop or until one fails:
// what has become of that is for the disk to tell.
func (u *crashUser) run() {
	for !u.c.stop.Load() {
		u.next = u.now.clone()
		var err error
		var mail [][32]byte
		switch u.rng.IntN(7) {
		default:
			mail, err = u.deliver()
		case 3:
			err = u.flag()
		case 4:
			err = u.transfer(false)
		case 5:
			err = u.transfer(true)
		case 6:
			err = u.remove()
		}
		if err != nil && u.c.tolerant && u.unchanged() {
			continue
		}
		if err != nil {
			u.explain(err)
			return
		}
		u.acknowledge(mail)
	}
}

// unchanged reports that what failed has not happened.
func (u *crashUser) unchanged() bool {
	u.next = u.now
	for name, id := range u.boxes {
		var items int
		err := u.read(func() error {
			_, list, err := u.a.List(context.Background(), id)
			items = len(list)
			return err
		})
		if err != nil || items != len(u.now[name]) {
			u.c.t.Errorf("user %d: %s has %d messages after something failed, had %d (%v)", u.a.id, name, items, len(u.now[name]), err)
			return false
		}
	}
	return true
}

// explain lets only errors of the disk pass.
func (u *crashUser) explain(err error) {
	for _, known := range []error{syscall.ENOSPC, syscall.EIO} {
		if errors.Is(err, known) {
			return
		}
	}
	select {
	case <-u.c.dead:
	default:
		u.c.t.Errorf("user %d: %v", u.a.id, err)
	}
}

// deliver returns the hash of a message that went to the common account as well.
func (u *crashUser) deliver() (mail [][32]byte, err error) {
	u.n++
	msg := []byte(text(fmt.Sprintf("u%d-%d", u.a.id, u.n), u.rng.IntN(4000)))
	m := crashMessage{sum: sha256.Sum256(msg), flags: Seen & Flags(u.rng.IntN(2))}
	u.c.texts.Store(m.sum, true)
	sp := u.a.s.NewSpool(context.Background())
	if _, err := sp.Write(msg); err != nil {
		sp.Abort()
		return nil, err
	}
	b, err := sp.Finish()
	if err != nil {
		return nil, err
	}
	to := []Target{{Account: u.a.id, Flags: m.flags}}
	if u.rng.IntN(2) == 0 {
		to = append(to, Target{Account: common})
	}
	u.next[inbox][u.nextUID(inbox)] = m
	p, err := u.a.s.Deliver(context.Background(), b, to, nil)
	if err != nil {
		return nil, err
	}
	if u.next[inbox][p[0].UID] != m {
		return nil, fmt.Errorf("delivered as uid %d", p[0].UID)
	}
	if len(to) > 1 {
		mail = append(mail, m.sum)
	}
	return mail, nil
}

// nextUID is 0 if the store can't say.
func (u *crashUser) nextUID(name string) (next UID) {
	u.read(func() error {
		m, err := u.a.MailboxByID(context.Background(), u.boxes[name])
		if err == nil {
			next = m.UIDNext
		}
		return err
	})
	return next
}

// read asks the store, and again where a read may fail.
func (u *crashUser) read(ask func() error) (err error) {
	for begins := time.Now(); ; {
		// A server that starts again is back in less.
		if err = ask(); err == nil || !u.c.tolerant || time.Since(begins) > time.Minute {
			return err
		}
	}
}

// some picks a mailbox and some of its UIDs, in order.
func (u *crashUser) some() (name string, uids []UID) {
	name = []string{inbox, "Trash", "Archive"}[u.rng.IntN(3)]
	for _, uid := range slices.Sorted(maps.Keys(u.now[name])) {
		if u.rng.IntN(3) == 0 {
			uids = append(uids, uid)
		}
	}
	return name, uids
}

func (u *crashUser) flag() error {
	name, uids := u.some()
	for _, uid := range uids {
		m := u.next[name][uid]
		m.flags |= Flagged
		u.next[name][uid] = m
	}
	_, _, err := u.a.Store(context.Background(), u.boxes[name], uids, AddFlags, Flagged, nil, 0)
	return err
}

func (u *crashUser) transfer(move bool) error {
	from, uids := u.some()
	to := []string{"Trash", "Archive"}[u.rng.IntN(2)]
	next := u.nextUID(to)
	for i, uid := range uids {
		u.next[to][next+UID(i)] = u.now[from][uid]
		if move {
			delete(u.next[from], uid)
		}
	}
	do := u.a.Copy
	if move {
		do = u.a.Move
	}
	_, err := do(context.Background(), u.boxes[from], uids, to)
	return err
}

func (u *crashUser) remove() error {
	name, uids := u.some()
	for _, uid := range uids {
		delete(u.next[name], uid)
	}
	_, err := u.a.Remove(context.Background(), u.boxes[name], uids)
	return err
}

// verify opens what is left and compares.
func (c *crash) verify(disk *vfs.MemFS) {
	c.t.Helper()
	s, e := c.open(disk, func(err error) { c.t.Errorf("after the crash: %v", err) })
	defer e.Close()
	c.compare(s)
}

// compare holds a store against what its users know.
func (c *crash) compare(s *Store) {
	c.t.Helper()
	for _, u := range c.users {
		got, could := c.read(s.Account(u.a.id)), append(u.states[u.sure-1:], u.next)
		if !slices.ContainsFunc(could, got.equal) {
			c.t.Errorf("account %d is neither as acknowledged nor further:\n got %s\nwant one of %s", u.a.id, got, could)
		}
	}
	found := make(map[[32]byte]int)
	for _, m := range c.read(s.Account(common))[inbox] {
		found[m.sum]++
	}
	for _, u := range c.users {
		for _, sum := range u.mail {
			if found[sum] != 1 {
				c.t.Errorf("a message acknowledged for the common account is there %d times", found[sum])
			}
		}
	}
	if _, err := s.Check(context.Background(), CheckOptions{Problem: func(p Problem) { c.t.Errorf("account %d: %s", p.Account, p.Text) }}); err != nil {
		c.t.Errorf("check: %v", err)
	}
}

// read reads an account with every octet of every message.
func (c *crash) read(a *Account) crashAccount {
	c.t.Helper()
	got := crashAccount{}
	boxes, err := a.Mailboxes(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	for _, b := range boxes {
		got[b.Name] = map[UID]crashMessage{}
		_, items, err := a.List(context.Background(), b.ID)
		if err != nil {
			c.t.Fatal(err)
		}
		flags := make(map[UID]Flags)
		for _, i := range items {
			flags[i.UID] = i.Flags
		}
		err = a.Fetch(context.Background(), b.ID, uidsOf(items), func(m *Meta) error {
			sum, err := c.sum(a, m)
			got[b.Name][m.UID] = crashMessage{sum, flags[m.UID]}
			return err
		})
		if err != nil || len(got[b.Name]) != len(items) {
			c.t.Fatalf("%s: read %d of %d messages: %v", b.Name, len(got[b.Name]), len(items), err)
		}
	}
	return got
}

// sum is the hash of a message, which must be one that was handed in.
func (c *crash) sum(a *Account, m *Meta) ([32]byte, error) {
	r, err := a.OpenMessage(context.Background(), m)
	if err != nil {
		return [32]byte{}, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	sum := sha256.Sum256(data)
	if _, known := c.texts.Load(sum); !known {
		c.t.Errorf("a message is there that nobody wrote: %q", data[:min(len(data), 60)])
	}
	return sum, err
}

func (a crashAccount) equal(b crashAccount) bool {
	return maps.EqualFunc(a, b, maps.Equal)
}

func (a crashAccount) String() string {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(a)) {
		fmt.Fprintf(&b, "%s:", name)
		for _, uid := range slices.Sorted(maps.Keys(a[name])) {
			m := a[name][uid]
			fmt.Fprintf(&b, " %d=%x/%d", uid, m.sum[:3], m.flags)
		}
		b.WriteString("; ")
	}
	return b.String()
}

// TestReadFaults: what can't be read, or is read wrong, is an error and never
// another message.
func TestReadFaults(t *testing.T) {
	t.Parallel()
	for seed := range crashRuns() {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			newCrash(t, seed).readFaults()
		})
	}
}

func (c *crash) readFaults() {
	s, e := c.open(c.fs, func(error) {})
	msg := text("read", 1500)
	for range 300 {
		deliver(c.t, s, msg, Target{Account: alice})
	}
	if err := e.Close(); err != nil {
		c.t.Fatal(err)
	}
	s, e = c.open(c.fs, func(error) {}) // what was in the log is in tables now
	defer e.Close()
	defer c.fs.Heal() // an engine that has died is not closed, and its library reads again and again
	if c.rng.IntN(2) == 0 {
		c.fs.Fail(faultfs.Fault{On: faultfs.Reads, After: c.rng.IntN(100)})
	} else {
		for range 20 {
			c.fs.Flip([]string{"*.sst", "*.blob", "*.values"}[c.rng.IntN(3)], int64(c.rng.IntN(200<<10)), byte(c.rng.IntN(8)))
		}
	}
	a := s.Account(alice)
	for uid := UID(1); uid <= 300; uid += 7 {
		var got []byte
		box, err := a.Mailbox(context.Background(), inbox)
		if err == nil {
			err = a.Fetch(context.Background(), box.ID, []UID{uid}, func(m *Meta) error {
				r, err := a.OpenMessage(context.Background(), m)
				if err != nil {
					return err
				}
				defer r.Close()
				got, err = io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
				return err
			})
		}
		if err == nil && string(got) != msg {
			c.t.Fatalf("uid %d: read %d octets that are not the message, without an error", uid, len(got))
		}
	}
}
