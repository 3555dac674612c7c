package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

func TestPlainLetterHasItsSize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{4 << 10, 100 << 10} {
		p := newPlain(size, plainSender)
		for i := range 200 {
			text := p.letter(nil, i, fmt.Sprintf("u%d@tem.example", i))
			text, ended := bytes.CutSuffix(text, []byte("\r\n.\r\n"))
			if len(text)+2 != size || !ended {
				t.Fatalf("letter %d of %d octets has %d, ended: %v", i, size, len(text)+2, ended)
			}
		}
	}
}

// TestSignedLetterPasses: a signature holds for each letter that is made of a pooled one.
func TestSignedLetterPasses(t *testing.T) {
	t.Parallel()
	s, err := newSigners()
	if err != nil {
		t.Fatal(err)
	}
	pool, err := s.pool(4<<10, func(i int) string { return fmt.Sprintf("u%d@tem.example", i) })
	if err != nil {
		t.Fatal(err)
	}
	zone := s.zone()
	lookup := func(name string) ([]string, error) {
		i := slices.IndexFunc(zone, func(record string) bool { return strings.HasPrefix(record, name+". ") })
		if i < 0 {
			return nil, fmt.Errorf("no %s in the zone", name)
		}
		_, text, _ := strings.Cut(zone[i], `"`)
		return []string{strings.ReplaceAll(strings.TrimSuffix(text, `"`), `" "`, "")}, nil
	}
	for _, i := range []int{0, 7, pooled + 7} {
		text := bytes.TrimSuffix(pool.letter(nil, i, ""), []byte(".\r\n"))
		if d := len(text) - 4<<10; d < -100 || d > 100 {
			t.Errorf("letter %d has %d octets", i, len(text))
		}
		found, err := dkim.VerifyWithOptions(bytes.NewReader(text), &dkim.VerifyOptions{LookupTXT: lookup})
		if err != nil || len(found) != 1 || found[0].Err != nil || found[0].Domain != signingDomain(i) {
			t.Errorf("letter %d: %+v, %v", i, found, err)
		}
	}
}

// TestSink hears both ways of sending text, and several commands at once.
func TestSink(t *testing.T) {
	t.Parallel()
	s, err := newSink([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	c, err := dial("127.0.0.1:" + s.port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	long := strings.Repeat("x", 16<<10) // what the sink reads at once: its end looks like the final dot
	said := "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n" + long + ".\r\n..\r\n.\r\n" +
		"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 5\r\nQUIT\nBDAT 0 LAST\r\nNOOP\r\nQUIT\r\n"
	if _, err := io.WriteString(c, said); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c.in)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for line := range strings.Lines(string(text)) {
		if line[3] == ' ' {
			codes = append(codes, line[:3])
		}
	}
	want := "220 250 250 250 354 250 250 250 250 250 250 221"
	if got := strings.Join(codes, " "); got != want || s.count.Load() != 2 {
		t.Errorf("%d messages, replies %s; want 2, %s", s.count.Load(), got, want)
	}
}
