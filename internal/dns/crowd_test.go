package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

func network(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
}

// TestCrowd: ten thousand sessions ask a hundred questions each, of servers that
// never answer. What is under way is bounded, what waits is, and all else has its
// answer at once; others get their turn when there is one again.
func TestCrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const sessions, questions, most = 10_000, 100, 80
		c := new(Resolver).AtMost(most).crowd
		ctx, end := context.WithCancel(t.Context())
		var inside, present, refused atomic.Int32
		ask := func(network netip.Prefix) {
			leave, err := c.enter(ctx, network)
			if err != nil {
				refused.Add(1)
				if !errors.Is(err, ErrTemporary) || !strings.Contains(err.Error(), "too many look-ups at once") {
					t.Error(err)
				}
				return
			}
			inside.Add(1)
			<-ctx.Done()
			leave()
		}
		for s := range sessions {
			for range questions {
				present.Add(1)
				go func() { defer present.Add(-1); ask(network(s % 50)) }()
			}
			if s%100 == 99 {
				synctest.Wait() // those that are refused at once have gone
			}
		}
		if n := inside.Load(); n != most {
			t.Errorf("%d questions are under way, want %d", n, most)
		}
		if n := present.Load(); n > most*(1+queuers) {
			t.Errorf("%d questions are there, want %d at most", n, most*(1+queuers))
		}
		began := time.Now()
		ask(network(200))
		if took := time.Since(began); took > turnTime {
			t.Errorf("it took %v to say no", took)
		}
		time.Sleep(2 * turnTime) // who waits for its own network first, and then for all
		synctest.Wait()
		if n, want := refused.Load(), int32(sessions*questions-most+1); n != want {
			t.Errorf("%d were told so, want %d", n, want)
		}
		end()
		synctest.Wait()
		if c.present != 0 || len(c.networks) != 0 || len(c.places) != 0 {
			t.Errorf("%d questions of %d networks are left, with %d places", c.present, len(c.networks), len(c.places))
		}
	})
}

// TestCrowdOfOneNetwork: however much one network has asked, others are asked for.
func TestCrowdOfOneNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new(Resolver).AtMost(80).crowd
		var left []func()
		for range 1000 {
			go func() {
				if leave, err := c.enter(t.Context(), network(1)); err == nil {
					left = append(left, leave)
				}
			}()
			synctest.Wait()
		}
		if len(left) != 80/ownShare {
			t.Errorf("one network has %d places", len(left))
		}
		began := time.Now()
		if _, err := c.enter(t.Context(), network(2)); err != nil || time.Since(began) != 0 {
			t.Errorf("another network: %v after %v", err, time.Since(began))
		}
		next := make(chan error)
		time.Sleep(turnTime)
		synctest.Wait() // nobody waits any more
		go func() { _, err := c.enter(t.Context(), network(1)); next <- err }()
		synctest.Wait()
		left[0]()
		if err := <-next; err != nil {
			t.Errorf("whose turn it is: %v", err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := c.enter(gone, network(1)); !errors.Is(err, ErrTemporary) || !errors.Is(err, context.Canceled) {
			t.Errorf("who has left: %v", err)
		}
	})
}

// TestCrowdedResolver: a question that finds no place is not asked, and says so.
func TestCrowdedResolver(t *testing.T) {
	t.Parallel()
	g, r := newGate(t)
	r.AtMost(1).crowd.patience = 0
	var steps []Step
	first := make(chan string)
	go func() { first <- show(r.MX(t.Context(), "hanoi.example")) }()
	<-g.first
	ctx := WithTrace(OnBehalf(t.Context(), network(1)), func(s Step) { steps = append(steps, s) })
	_, err := r.TXT(ctx, "hanoi.example")
	if want := "too many look-ups at once"; !errors.Is(err, ErrTemporary) || !strings.Contains(fmt.Sprint(err), want) || len(steps) != 1 || !errors.Is(steps[0].Err, ErrTemporary) {
		t.Errorf("%v, and was told %v", err, steps)
	}
	close(g.opened)
	if got := <-first; !strings.Contains(got, "mx.hanoi.example") {
		t.Error(got)
	}
	if _, err := r.TXT(ctx, "hanoi.example"); errors.Is(err, ErrTemporary) {
		t.Errorf("when there is a place again: %v", err)
	}
	if n := g.asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

// TestCrowdIsNobodyElses: a network whose questions find no place does not take
// away the answers of those who ask the same.
func TestCrowdIsNobodyElses(t *testing.T) {
	t.Parallel()
	g, r := newGate(t)
	close(g.opened)
	leave, err := r.AtMost(2).crowd.enter(t.Context(), network(1)) // all that it may have
	if err != nil {
		t.Fatal(err)
	}
	full := make(chan string)
	go func() { full <- show(r.MX(OnBehalf(t.Context(), network(1)), "hanoi.example")) }()
	passengers(t, r, ticket{question{"hanoi.example", dns.TypeMX}, network(1)}, 1)
	if got := show(r.MX(OnBehalf(t.Context(), network(2)), "hanoi.example")); !strings.Contains(got, "mx.hanoi.example") {
		t.Errorf("another network: %s", got)
	}
	leave()
	<-full
}
