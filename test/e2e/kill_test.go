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
	inBoth(t, local.letters, an, binh)
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

// allThere looks for letters to An and Binh: one that was answered 250 is in
// each mailbox once, one that was not is in both or in none.
func (p *post) allThere(t *testing.T, letters []sent) {
	t.Helper()
	an, binh := count(t, popAll(t, p.town, p.an)), count(t, popAll(t, p.town, p.binh))
	inBoth(t, letters, an, binh)
	if len(an) == 0 {
		t.Error("nothing is there")
	}
	has(t, "the check", p.do(t, "store", "check"), "all is well")
	t.Logf("%d letters, %d here", len(letters), len(an))
}

// inBoth looks at two people's mailboxes, by token.
func inBoth(t *testing.T, letters []sent, an, binh map[string]int) {
	t.Helper()
	for _, l := range letters {
		if n := an[l.token]; n != binh[l.token] || n > 1 || l.answered && n != 1 {
			t.Errorf("%s, answered 250: %t; there %d and %d times", l.token, l.answered, n, binh[l.token])
		}
	}
}

// wentOut waits until the queue is empty and looks for letters at a sink, of
// which name gives the token ("": it is none of them): one that was answered
// 250 came there, and at most once more for each time that the server died
// (between the sink's 250 and its note of it, RFC 5321 §4.5.4.1).
func (p *post) wentOut(t *testing.T, s *sink, letters []sent, deaths int, name func(accepted) string) {
	t.Helper()
	p.emptied(t)
	got, _ := s.got()
	there, again := make(map[string]int), 0
	for _, m := range got {
		if token := name(m); token != "" {
			if there[token]++; there[token] > 1 {
				again++
			}
		}
	}
	for _, l := range letters {
		if n := there[l.token]; l.answered && n == 0 || n > 1+deaths {
			t.Errorf("%s, answered 250: %t; it went out %d times", l.token, l.answered, n)
		}
	}
	if len(there) == 0 {
		t.Error("nothing went out")
	}
	t.Logf("%d went out, %d times one again", len(there), again)
}

// tokenOf is the token in a text, "" if there is none.
func tokenOf(text string) string {
	if m := tokenField.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// TestKillAmongEverything kills the server at random while letters arrive that
// are judged, forwarded and answered: what was answered 250 is in the
// mailboxes once, and its forwarded copy and the reply to its sender go out.
func TestKillAmongEverything(t *testing.T) {
	t.Parallel()
	rounds := 6
	if os.Getenv("TEM_NIGHTLY") != "" {
		rounds = 200
	}
	s := newSink(t, "mx.far.example", nil)
	n := newNames(t, append(mx("far.example", s), `far.example. TXT "v=spf1 ip4:127.0.0.1 -all"`, `_dmarc.far.example. TXT "v=DMARC1; p=reject; rua=mailto:d@far.example"`)...)
	p := newPost(t, n, []*sink{s}, "", "")
	p.do(t, "account", "forward", p.an.Address, "--to", "copy@far.example", "--keep")
	p.do(t, "account", "reply", p.binh.Address, "--text", "Tôi đi vắng.")
	var all ledger
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var senders sync.WaitGroup
		for i := range 3 {
			senders.Go(func() { p.receives(ctx, &all, fmt.Sprintf("%d-%d", round, i)) })
		}
		eventually(t, "an answer", testTime, func() bool { return all.answered() > 3*round })
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		p.Kill()
		cancel()
		senders.Wait()
		p.start(t)
	}
	p.allThere(t, all.letters)
	p.wentOut(t, s, all.letters, rounds, func(m accepted) string {
		if strings.Contains(m.to[0], "copy@far.example") {
			return tokenOf(m.text)
		}
		return ""
	})
	p.wentOut(t, s, all.letters, rounds, func(m accepted) string {
		if m := answeredTo.FindStringSubmatch(m.to[0]); m != nil {
			return m[1]
		}
		return ""
	})
}

var answeredTo = regexp.MustCompile(`<s-([^@]+)@far\.example>`)

// receives is handed letters to An and Binh, each from somebody else, until the server is gone.
func (p *post) receives(ctx context.Context, l *ledger, name string) {
	c, err := dialSMTP(p.At("smtp"), nil)
	if err != nil {
		return
	}
	defer c.Close()
	for i := 0; ctx.Err() == nil && err == nil; i++ {
		token := fmt.Sprintf("%s-%d", name, i)
		from := "s-" + token + "@far.example"
		err = c.send(from, []string{p.an.Address, p.binh.Address}, fmt.Sprintf("From: %s\r\nTo: %s, %s\r\nSubject: token=%s;\r\n\r\nXin chào\r\n%s\r\n",
			from, p.an.Address, p.binh.Address, token, ending))
		l.add(sent{token, err == nil})
	}
}
