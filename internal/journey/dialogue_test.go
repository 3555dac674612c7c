package journey

import (
	"fmt"
	"strings"
	"testing"

	"tem/internal/line"
)

// tell gives a dialogue events written as "C text", "S text", "* text"; "CD text" is content.
func tell(d *Dialogue, steps ...string) {
	sides := map[byte]line.Side{'C': line.Client, 'S': line.Server, '*': line.None}
	for _, s := range steps {
		word, text, _ := strings.Cut(s, " ")
		e := line.Event{From: sides[word[0]], Kind: line.Line, Text: []byte(text)}
		switch {
		case word == "CD":
			e.Kind = line.Data
		case word == "*O":
			e.Kind = line.Opened
		case word == "*C":
			e.Kind = line.Closed
		case word == "*":
			e.Kind = line.Info
		}
		d.Event(e)
	}
}

func TestDialogue(t *testing.T) {
	t.Parallel()
	d := Listen(nil)
	tell(d, "*O 1.2.3.4:5 6.7.8.9:25", "S 220 hi", "C EHLO a\x1b[2J", "* TLS 1.3 X", "C DATA", "S 354 go", "CD hello\r\n", "CD world\r\n", "C .", "S 250 ok")
	want := "*: opened 1.2.3.4:5 6.7.8.9:25\nS: 220 hi\nC: EHLO a\\x1b[2J\n*: TLS 1.3 X\nC: DATA\nS: 354 go\nC: ‹14 octets›\nC: .\nS: 250 ok\n"
	if got := d.Since(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	d.Mark()
	tell(d, "C QUIT", "*C ", "*C broken pipe")
	if got, want := d.Since(), "C: QUIT\n*: closed broken pipe\n"; got != want {
		t.Errorf("after Mark: %q", got)
	}
}

func TestDialogueOfNobody(t *testing.T) {
	t.Parallel()
	var d *Dialogue
	d.Event(line.Event{})
	d.Mark()
	if d.Since() != "" {
		t.Error("a nil dialogue has text")
	}
}

func TestDialogueTellsNext(t *testing.T) {
	t.Parallel()
	inner := Listen(nil)
	tell(Listen(inner), "C NOOP")
	if inner.Since() != "C: NOOP\n" {
		t.Errorf("next heard %q", inner.Since())
	}
}

func TestDialogueIsBounded(t *testing.T) {
	t.Parallel()
	for _, long := range []string{"", strings.Repeat("x", 900), strings.Repeat("\x01", 3000)} {
		d := Listen(nil)
		for i := range 5000 {
			tell(d, fmt.Sprintf("C RCPT %d %s", i, long))
			if n := len(d.Since()); n > maxDialogue {
				t.Fatalf("%d octets after %d lines", n, i)
			}
		}
		text := d.Since()
		if !strings.HasPrefix(text, "C: RCPT 0 ") || !strings.Contains(text, "\n"+elided) || strings.Count(text, elided) != 1 {
			t.Errorf("%d octets, %d gaps", len(text), strings.Count(text, elided))
		}
		if last := text[strings.LastIndex(text[:len(text)-1], "\n")+1:]; !strings.HasPrefix(last, "C: RCPT 4999 ") {
			t.Errorf("it ends %q", last)
		}
		for l := range strings.Lines(text) {
			if l != elided && !strings.HasPrefix(l, "C: RCPT ") {
				t.Errorf("a torn line: %q", l)
			}
		}
	}
}

func TestDialogueAllocatesNothingAtRest(t *testing.T) {
	d := Listen(nil)
	e := line.Event{From: line.Client, Kind: line.Line, Text: []byte("MAIL FROM:<a@b.example>")}
	n := testing.AllocsPerRun(1000, func() {
		for range 10 {
			d.Event(e)
		}
		d.Mark()
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDialogue(b *testing.B) {
	d := Listen(nil)
	e := line.Event{From: line.Client, Kind: line.Line, Text: []byte("MAIL FROM:<a@b.example> SIZE=4096 BODY=8BITMIME")}
	b.ReportAllocs()
	for i := range b.N {
		d.Event(e)
		if i%10 == 0 {
			d.Mark()
		}
	}
}
