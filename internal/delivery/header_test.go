package delivery

import (
	"bytes"
	"strings"
	"testing"
)

type stored struct{ *bytes.Reader }

func (stored) Close() error { return nil }

func TestReadHeader(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("X-Line: y\r\n", 2000)
	huge := strings.Repeat("X-Line: y\r\n", 20000)
	for _, c := range []struct {
		name, text string
		skip       int64
		want       int
	}{
		{"plain", "A: b\r\n\r\nbody", 0, 8},
		{"skip", "A: b\r\nC: d\r\n\r\nbody", 6, 8},
		{"no body", "A: b\r\n", 0, 6},
		{"no fields", "\r\nbody\r\n\r\n", 0, 2},
		{"empty", "", 0, 0},
		{"skip beyond the end", "A", 5, 0},
		{"no line end", "A: b", 0, 0},
		{"larger than the first piece", long + "\r\nbody", 0, len(long) + 2},
		{"more than there is room for", huge, 0, headerRoom / 11 * 11},
	} {
		got, err := readHeader(stored{bytes.NewReader([]byte(c.text))}, c.skip)
		if err != nil || len(got) != c.want || !strings.HasPrefix(c.text[min(int(c.skip), len(c.text)):], string(got)) {
			t.Errorf("%s: %d octets, %v; want %d", c.name, len(got), err, c.want)
		}
	}
}

func TestCountField(t *testing.T) {
	t.Parallel()
	header := "Received: a\r\n\tReceived: folded\r\nX-Received: b\r\nreceived: c\r\n\r\n"
	if n := countField([]byte(header), "Received:"); n != 2 {
		t.Errorf("%d, want 2", n)
	}
}

func FuzzReadHeader(f *testing.F) {
	f.Add([]byte("A: b\r\n\r\nbody"), int64(0))
	f.Add([]byte("Return-Path: <>\r\nA: b\r\n\r\n"), int64(17))
	f.Add([]byte("\r\n"), int64(1))
	f.Add([]byte("A: b\n\nbody"), int64(3))
	f.Fuzz(func(t *testing.T, text []byte, skip int64) {
		if skip < 0 || skip > int64(len(text)) {
			return
		}
		got, err := readHeader(stored{bytes.NewReader(text)}, skip)
		if err != nil || !bytes.HasPrefix(text[skip:], got) || len(got) > 0 && got[len(got)-1] != '\n' {
			t.Errorf("%q from %d: %q, %v", text, skip, got, err)
		}
	})
}
