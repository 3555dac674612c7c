package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// sent is what a sender knows of one letter.
type sent struct {
	token    string
	answered bool // the final dot was answered with 250
}

// ledger is what all senders know.
type ledger struct {
	mu      sync.Mutex
	letters []sent
}

func (l *ledger) add(s sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.letters = append(l.letters, s)
}

// answered counts the letters that were answered with 250.
func (l *ledger) answered() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.letters {
		if s.answered {
			n++
		}
	}
	return n
}

// enough letters are to be answered in each round, as a mean.
const enough = 2

const ending = "this is the last line"

// work sends letters, each with a token of its own, until the server is gone.
func (l *ledger) work(ctx context.Context, address string, login *person, from string, to []string, name string) {
	s, err := dialSMTP(address, login)
	if err != nil {
		return
	}
	defer s.Close()
	filler := strings.Repeat("padding padding padding\r\n", 10)
	for i := 0; ctx.Err() == nil; i++ {
		token := fmt.Sprintf("%s-%d", name, i)
		if i%10 == 9 { // now and then one that is too large to lie beside its rows
			filler = strings.Repeat("padding padding padding padding padding padding\r\n", 7000)
		}
		err := s.send(from, to, "Subject: token="+token+";\r\n\r\n"+filler+ending+"\r\n")
		l.add(sent{token, err == nil})
		if err != nil {
			return
		}
	}
}

// TestKill kills the server at random while letters arrive, and counts them
// afterwards: one that was answered 250 is there, once, whole, for each of its
// recipients; one that was not is there for all of them or for none.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := 50
	if os.Getenv("TEM_NIGHTLY") != "" {
		rounds = 1000
	}
	l := newLab(t)
	var local, remote ledger
	for round := range rounds {
		l.killDuring(t, round, &local, &remote)
	}
	hanoi, saigon := l.Servers[0], l.Servers[1]
	an := count(t, popAll(t, hanoi, hanoi.Accounts[0]))
	binh := count(t, popAll(t, hanoi, hanoi.Accounts[1]))
	for _, s := range local.letters {
		if n := an[s.token]; n != binh[s.token] || n > 1 || s.answered && n != 1 {
			t.Errorf("%s, answered 250: %t; there %d and %d times", s.token, s.answered, n, binh[s.token])
		}
	}
	l.checkRemote(t, saigon, remote.letters)
	t.Logf("%d kills, %d letters, %d answered, %d to the other server", rounds, len(local.letters), local.answered(), len(remote.letters))
}

// killDuring lets senders work for a moment, kills the server and starts it again.
// The moment is longer where the server is so slow that hardly any letter was answered so far.
func (l *lab) killDuring(t *testing.T, round int, local, remote *ledger) {
	t.Helper()
	hanoi, saigon := l.Servers[0], l.Servers[1]
	an, binh, chi := hanoi.Accounts[0], hanoi.Accounts[1], saigon.Accounts[0]
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			local.work(ctx, hanoi.At("smtp"), nil, "alice@crepes.fr", []string{an.Address, binh.Address}, fmt.Sprintf("local-%d-%d", round, i))
		})
	}
	wg.Go(func() {
		remote.work(ctx, hanoi.At("submission"), &an, an.Address, []string{chi.Address}, fmt.Sprintf("remote-%d", round))
	})
	time.Sleep(time.Duration(20+rand.IntN(180)) * time.Millisecond)
	eventually(t, "an answer", testTime, func() bool {
		return local.answered() >= enough*(round+1)
	})
	time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
	l.Kill()
	cancel()
	wg.Wait()
	l.Start(t)
}

// checkRemote waits for what the first server took for the second. A kill
// between the second's 250 and the first's note of it sends a letter twice
// (RFC 5321 §4.5.4.1 prefers that to none), so at least once is asked.
func (l *lab) checkRemote(t *testing.T, to town, letters []sent) {
	t.Helper()
	missing := 0
	eventually(t, "letters to the other server", testTime, func() bool {
		there := count(t, popAll(t, to, to.Accounts[0]))
		missing = 0
		for _, s := range letters {
			if s.answered && there[s.token] == 0 {
				missing++
			}
		}
		return missing == 0
	})
}

var tokenField = regexp.MustCompile(`token=([^;]+);`)

// count counts the letters by token, each of which must be whole.
func count(t *testing.T, letters []string) map[string]int {
	t.Helper()
	there := make(map[string]int)
	for _, text := range letters {
		m := tokenField.FindStringSubmatch(text)
		if m == nil || !strings.Contains(tail(text, 100), ending) {
			t.Errorf("a letter that is not whole: %.200q … %.200q", text, tail(text, 200))
			continue
		}
		there[m[1]]++
	}
	return there
}
