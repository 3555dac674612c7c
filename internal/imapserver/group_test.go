package imapserver

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tem/internal/blob"
	blobmemory "tem/internal/blob/memory"
	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// gated is a blob store whose bodies can't be opened before the gate is, if there is one.
type gated struct {
	blob.Store
	gate, waiting chan struct{}
}

func (g *gated) Open(ctx context.Context, id blob.ID) (blob.Reader, error) {
	if g.gate != nil {
		select {
		case g.waiting <- struct{}{}:
		default:
		}
		<-g.gate
	}
	return g.Store.Open(ctx, id)
}

// A search that reads for long keeps nobody waiting who asked for something else.
func TestLookersRunSideBySide(t *testing.T) {
	t.Parallel()
	g := &gated{Store: blobmemory.New(), waiting: make(chan struct{}, 1)}
	s := newServerOn(t, 3, mail.Options{Blobs: g, InlineMax: 1})
	g.gate = make(chan struct{})
	p := selectedPeer(t, s)
	p.send("a SEARCH RETURN (COUNT) BODY Joe\r\nb FETCH 1 UID\r\nc STATUS INBOX (MESSAGES)\r\nd NOOP\r\n")
	p.untilAll("* 1 FETCH (UID 1)", "b OK", "* STATUS INBOX (MESSAGES 3)", "c OK", "d OK")
	<-g.waiting
	close(g.gate)
	got := p.until("a OK")
	if !slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, `* ESEARCH (TAG "a") COUNT 3`) }) {
		t.Errorf("%q", got)
	}
}

// What could change another's answer, or whose answers could be mistaken for
// another's, waits (RFC 9051 §5.5).
func TestWhatIsAmbiguousRunsInOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ commands, want string }{
		"seen":     {"a FETCH 1 BODY[TEXT]<0.1>\r\nb SEARCH RETURN (ALL) SEEN\r\n", `* ESEARCH (TAG "b") ALL 1`},
		"saved":    {"a SEARCH RETURN (SAVE) 2\r\nb SEARCH RETURN (ALL) $\r\n", `* ESEARCH (TAG "b") ALL 2`},
		"store":    {"a STORE 3 +FLAGS.SILENT (\\Seen)\r\nb SEARCH RETURN (ALL) SEEN\r\n", `* ESEARCH (TAG "b") ALL 3`},
		"untagged": {"a SEARCH 1\r\nb SEARCH 2\r\n", "* SEARCH 2"},
		"twice":    {"a FETCH 1 UID\r\nb FETCH 2 UID\r\n", "* 2 FETCH (UID 2)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := selectedPeer(t, newServer(t, 3))
			p.send(c.commands)
			p.until("a OK")
			if got := p.line(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A number means the message that it meant when the client wrote it.
func TestNoExpungeBeforeWhatWasSentAlready(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	b.do(`STORE 1 +FLAGS.SILENT (\Deleted)`)
	b.do("EXPUNGE")
	a.send("a NOOP\r\nb UID STORE 2 +FLAGS.SILENT (\\Seen)\r\nc FETCH 3 UID\r\nd NOOP\r\n")
	got := a.untilAll("c OK", "d OK")
	if got = append(got, a.do("NOOP")...); !slices.Contains(got, "* 3 FETCH (UID 3)") || slices.Index(got, "* 1 EXPUNGE") < slices.Index(got, "* 3 FETCH (UID 3)") {
		t.Errorf("%q", got)
	}
}

// yielding is a blob store whose readers let all others go first.
type yielding struct{ blob.Store }

type yieldingReader struct{ blob.Reader }

func (y yielding) Open(ctx context.Context, id blob.ID) (blob.Reader, error) {
	r, err := y.Store.Open(ctx, id)
	return yieldingReader{r}, err
}

func (y yieldingReader) ReadAt(p []byte, at int64) (int, error) {
	for range 100 {
		runtime.Gosched()
	}
	return y.Reader.ReadAt(p, at)
}

// A response with literals is written in whole, whatever else is answered meanwhile.
func TestLiteralsBesideOtherAnswers(t *testing.T) {
	t.Parallel()
	s := newServerOn(t, 50, mail.Options{Blobs: yielding{blobmemory.New()}, InlineMax: 1})
	p := selectedPeer(t, s)
	for range 20 {
		p.send("a FETCH 1:50 BODY.PEEK[TEXT]\r\nb SEARCH RETURN (COUNT) 1:3\r\nc STATUS INBOX (MESSAGES)\r\nd SEARCH RETURN (MIN) 50\r\n")
		for left := 4; left > 0; {
			l := p.line()
			if strings.HasSuffix(l, "BODY[TEXT] {38}") {
				if text, end := p.line(), p.line(); text != "Hello Joe, do you think we can meet?" || end != ")" {
					t.Fatalf("literal %q, then %q", text, end)
				}
			} else if !strings.HasPrefix(l, "*") {
				left--
			}
		}
	}
}

func TestKindsOfSearches(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]kindOf{
		"SEARCH UNSEEN":                             searches,
		"SEARCH RETURN (ALL) UNSEEN":                tagged,
		"SEARCH RETURN (SAVE) UNSEEN":               alone,
		"SEARCH RETURN (UPDATE) UNSEEN":             alone,
		"SEARCH RETURN (ALL) OR 1 NOT (MODSEQ 7)":   alone,
		"SEARCH RETURN (ALL) FILTER f":              alone,
		"SEARCH 1 UID $":                            alone,
		"SORT (DATE) UTF-8 ALL":                     sorts,
		"SORT RETURN (COUNT) (DATE) UTF-8 ALL":      tagged,
		"UID THREAD REFS UTF-8 ALL":                 threads,
		"ESEARCH IN (personal) ALL":                 tagged,
		"ESEARCH IN (personal) RETURN (UPDATE) ALL": alone,
	} {
		cmd, err := imap.Parse([]byte("a "+text), imap.Mode{})
		if err != nil {
			t.Fatal(err)
		}
		if got := kind(cmd); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}
