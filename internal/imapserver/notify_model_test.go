package imapserver

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// passive is a client that knows its mailboxes only from what it is told unasked.
type passive struct {
	mu    sync.Mutex
	boxes map[string]map[string]int // by name: the items of STATUS, and "subscribed"
	flags []string                  // of the selected mailbox's messages, by number
	lines []string
}

var (
	listLine   = regexp.MustCompile(`^\* LIST \((.*?)\) "/" (\S+)(?: \("OLDNAME" \((\S+)\)\))?$`)
	statusLine = regexp.MustCompile(`^\* STATUS (\S+) \((.*)\)$`)
	fetchLine  = regexp.MustCompile(`^\* (\d+) FETCH \(UID \d+ FLAGS \((.*)\)\)$`)
	appendLine = regexp.MustCompile(`^x OK \[APPENDUID \d+ (\d+)\]`)
	numberLine = regexp.MustCompile(`^\* (\d+) (EXISTS|EXPUNGE)$`)
)

// run takes in what p is told until the connection ends.
func (c *passive) run(p *peer) {
	for {
		text, err := p.in.ReadString('\n')
		if err != nil {
			return
		}
		c.mu.Lock()
		c.take(strings.TrimSpace(text))
		c.mu.Unlock()
	}
}

func (c *passive) take(text string) {
	c.lines = append(c.lines, text)
	if m := listLine.FindStringSubmatch(text); m != nil {
		c.takeName(m[2], m[3], m[1])
	} else if m := statusLine.FindStringSubmatch(text); m != nil {
		for item := range slices.Chunk(strings.Fields(m[2]), 2) {
			if item[0] != "UIDVALIDITY" {
				c.box(m[1])[item[0]], _ = strconv.Atoi(item[1])
			}
		}
	} else if m := fetchLine.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		c.flags[n-1] = m[2]
	} else if m := appendLine.FindStringSubmatch(text); m != nil {
		if uid, _ := strconv.Atoi(m[1]); c.box("Sent")["UIDNEXT"] <= uid { // else STATUS has counted it
			c.box("Sent")["UIDNEXT"] = uid + 1
			c.box("Sent")["MESSAGES"]++
			c.box("Sent")["UNSEEN"]++
		}
	} else if m := numberLine.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		if m[2] == "EXPUNGE" {
			c.flags = slices.Delete(c.flags, n-1, n)
		} else {
			c.flags = append(c.flags, make([]string, n-len(c.flags))...)
		}
	}
}

func (c *passive) takeName(name, old, attrs string) {
	if old != "" { // and those below, of which nothing is said (RFC 5465 §5.4)
		for n, box := range maps.Clone(c.boxes) {
			if within(n, old) {
				delete(c.boxes, n)
				c.boxes[name+strings.TrimPrefix(n, old)] = box
			}
		}
	}
	if strings.Contains(attrs, `\NonExistent`) {
		delete(c.boxes, name)
		return
	}
	c.box(name)["subscribed"] = strings.Count(attrs, `\Subscribed`)
}

func (c *passive) box(name string) map[string]int {
	if c.boxes[name] == nil {
		c.boxes[name] = map[string]int{"MESSAGES": 0, "UIDNEXT": 1, "UNSEEN": 0, "subscribed": 0}
	}
	return c.boxes[name]
}

// What a client is told unasked adds up to what there is, whatever others do and
// however long it rests.
func TestNotifyAddsUp(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { addUp(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func addUp(t *testing.T, r *rand.Rand) {
	s := newServer(t, 3)
	s.o.MaxErrors = 1000
	b := selectedPeer(t, s)
	before := b.do(`LIST "" * RETURN (SUBSCRIBED STATUS (MESSAGES UIDNEXT UNSEEN))`)
	a := watching(t, s, "SET (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange)) (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))", "ENABLE IMAP4rev2")
	c := &passive{boxes: map[string]map[string]int{}, flags: make([]string, 3)}
	for _, l := range before {
		c.take(l)
	}
	go c.run(a)
	for range 40 {
		act(b, r)
		switch r.IntN(10) {
		case 0:
			time.Sleep(restAfter + time.Second)
		case 1: // of which it knows by the answer
			a.send("x APPEND Sent {15+}\r\nSubject: x\r\n\r\ny\r\n")
		case 2, 3, 4: // or what follows happens at the same time
			synctest.Wait()
		}
	}
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	want := &passive{boxes: map[string]map[string]int{}}
	for _, l := range b.do(`LIST "" * RETURN (SUBSCRIBED STATUS (MESSAGES UIDNEXT UNSEEN))`) {
		want.take(l)
	}
	b.do("ENABLE IMAP4rev2")
	b.do("EXAMINE INBOX")
	want.flags = nil
	for _, l := range b.do("FETCH 1:* (FLAGS)") {
		if m := regexp.MustCompile(`FLAGS \((.*)\)\)`).FindStringSubmatch(l); m != nil {
			want.flags = append(want.flags, m[1])
		}
	}
	for _, told := range []*passive{c, want} { // of INBOX, which is selected, STATUS says nothing
		told.boxes["INBOX"] = nil
	}
	if fmt.Sprint(c.boxes, c.flags) != fmt.Sprint(want.boxes, want.flags) {
		t.Errorf("told\n%v %q, there is\n%v %q\n%s", c.boxes, c.flags, want.boxes, want.flags, strings.Join(c.lines, "\n"))
	}
}

// act does something to the mailboxes.
func act(b *peer, r *rand.Rand) {
	boxes := []string{"INBOX", "Sent", "x", "x/y", "z"}
	one, other := boxes[r.IntN(len(boxes))], boxes[2+r.IntN(3)]
	switch r.IntN(10) {
	case 0:
		b.do("CREATE " + other)
	case 1:
		b.do("SELECT INBOX") // or it would be of the mailbox that this session has open
		b.do("DELETE " + other)
	case 2:
		b.do("SELECT INBOX")
		b.do("RENAME " + other + " " + boxes[2+r.IntN(3)])
	case 3:
		b.do([]string{"", "UN"}[r.IntN(2)] + "SUBSCRIBE " + []string{"INBOX", "Sent", "Trash"}[r.IntN(3)])
	case 4, 5:
		b.send("x APPEND " + one + [...]string{"", ` (\Seen)`}[r.IntN(2)] + " {15+}\r\nSubject: x\r\n\r\ny\r\n")
		b.until("x ")
	case 6:
		b.do("SELECT " + one)
		b.do("COPY 1:* " + boxes[r.IntN(2)])
	case 7, 8:
		b.do("SELECT " + one)
		b.do(fmt.Sprintf(`STORE %d %cFLAGS (\Seen)`, 1+r.IntN(4), "+-"[r.IntN(2)]))
	default:
		b.do("SELECT " + one)
		b.do(fmt.Sprintf(`STORE %d +FLAGS (\Deleted)`, 1+r.IntN(4)))
		b.do("EXPUNGE")
	}
}
