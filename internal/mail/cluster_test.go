package mail

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"tem/internal/blob/s3"
	"tem/internal/bus/local"
	"tem/internal/kv"
	"tem/internal/kv/postgres"
	"tem/internal/pgtest"
	"tem/internal/s3test"
)

// TestClusterFaults runs the people of the crash harness on two nodes that share
// PostgreSQL and S3 while both services fail: connections are cut and the server
// dies in the midst of commits, objects are refused, or an upload is cut off.
// What was acknowledged is there once and whole, and nothing else has happened.
func TestClusterFaults(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t)
	for seed := range crashRuns() / 25 { // each takes seconds: a server starts again in it
		objects := s3test.NewFake(t)
		url, err := server.Create(t.Context(), "faults"+string(rune('a'+seed%26))+time.Now().Format("150405000000000"))
		if err != nil {
			t.Fatal(err)
		}
		newClusterRun(t, seed, server, objects, url).run()
	}
}

// clusterRun is one run: the crash harness without a disk of its own.
type clusterRun struct {
	*crash
	server  *pgtest.Server
	objects *s3test.Fake
	url     string
}

func newClusterRun(t *testing.T, seed uint64, server *pgtest.Server, objects *s3test.Fake, url string) *clusterRun {
	c := newCrash(t, seed)
	c.tolerant = true
	return &clusterRun{c, server, objects, url}
}

// node opens one process's store.
func (c *clusterRun) node() (*Store, kv.Engine) {
	c.t.Helper()
	e, err := postgres.Open(c.t.Context(), postgres.Options{URL: c.url})
	if err != nil {
		c.t.Fatal(err)
	}
	o, err := s3.ParseURL(c.objects.URL, func(string) string { return "" })
	if err != nil {
		c.t.Fatal(err)
	}
	o.Timeout, o.Attempts = 500*time.Millisecond, 2
	bodies, err := s3.Open(c.t.Context(), o)
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := Open(c.t.Context(), Options{KV: e, Blobs: bodies, Bus: local.New(), InlineMax: 2000, Keep: time.Hour, Shared: true})
	if err != nil {
		c.t.Fatal(err)
	}
	return s, e
}

func (c *clusterRun) run() {
	var engines []kv.Engine
	for n := range kv.Part(2) {
		s, e := c.node()
		engines = append(engines, e)
		for i := range kv.Part(crashUsers / 2) {
			c.users = append(c.users, c.newUser(s, alice+n*crashUsers/2+i))
		}
		s.Account(common).Mailboxes(context.Background())
	}
	var wg sync.WaitGroup
	c.busy.Store(crashUsers)
	for _, u := range c.users {
		wg.Go(func() {
			defer c.busy.Add(-1)
			u.run()
		})
	}
	for range 6 {
		c.wait(c.done.Load() + int64(5+c.rng.IntN(20)))
		c.trouble()
	}
	c.objects.Heal()
	c.wait(c.done.Load() + 10)
	c.stop.Store(true)
	wg.Wait()
	for _, u := range c.users {
		u.note()
	}
	for _, e := range engines {
		if err := e.Close(); err != nil {
			c.t.Error(err)
		}
	}
	s, e := c.node()
	defer e.Close()
	c.compare(s)
}

// trouble lets one service fail.
func (c *clusterRun) trouble() {
	switch c.rng.IntN(4) {
	case 0:
		if err := c.server.Restart(); err != nil {
			c.t.Fatal(err)
		}
	case 1:
		c.objects.Fail("", 1+c.rng.IntN(6), s3test.Refuse(http.StatusServiceUnavailable, "SlowDown"))
	case 2:
		c.objects.Fail("", 1+c.rng.IntN(3), s3test.Hang)
	case 3:
		faults := []s3test.Fault{s3test.CutUpload(100), s3test.LoseAnswer, s3test.CutAnswer(10)}
		c.objects.Fail("", 1+c.rng.IntN(4), faults[rand.New(c.src()).IntN(len(faults))])
	}
}

func (c *clusterRun) src() rand.Source { return rand.NewPCG(c.rng.Uint64(), 3) }

// TestHotAccount: two nodes that deliver to one account at once get in each
// other's way with every commit, and no letter is refused for it.
func TestHotAccount(t *testing.T) {
	t.Parallel()
	url, bucket := clusterPlaces(t)
	const writers, each = 5, 20
	var stores []*Store
	for range 2 {
		o := clusterNode(t, url, bucket)
		o.Bus, o.Shared = local.New(), true
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, s)
	}
	stores[0].Account(alice).Mailboxes(t.Context())
	var wg sync.WaitGroup
	for _, s := range stores {
		for range writers {
			wg.Go(func() {
				for range each {
					if _, err := s.Deliver(t.Context(), body(t, s, text("hot", 500)), []Target{{Account: alice}}, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	if m, items := listed(t, stores[0].Account(alice), inbox); m.Messages != 2*writers*each || len(items) != 2*writers*each {
		t.Errorf("%d messages, %d in the list", m.Messages, len(items))
	}
	sound(t, stores[1])
}
