package main

import (
	"bytes"
	"math"
	"testing"
	"time"
)

func TestMedians(t *testing.T) {
	t.Parallel()
	m := medians([]sample{{3, 10}, {1, 30}, {2, 20}})
	if m[0] != 2 || m[1] != 20 {
		t.Errorf("medians are %v", m)
	}
	if m := median([]float64{4, 1}); m != 1 {
		t.Errorf("of two it is %v", m)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	times := make([]time.Duration, 200)
	for i := range times {
		times[i] = time.Duration(i)
	}
	for p, want := range map[int]time.Duration{0: 0, 50: 100, 99: 198, 100: 199} {
		if got := percentile(times, p); got != want {
			t.Errorf("p%d is %d, want %d", p, got, want)
		}
	}
	if got := percentile(nil, 50); got != 0 {
		t.Errorf("of none it is %v", got)
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	l := line{{100, 1}, {200, 2}, {400, 3}}
	for octets, want := range map[float64]float64{100: 1, 150: 1.5, 200: 2, 300: 2.5, 400: 3, 600: 4, 50: 0.5, -100: 0} {
		if got := l.at(octets); math.Abs(got-want) > 1e-9 {
			t.Errorf("at %v it is %v, want %v", octets, got, want)
		}
	}
	if got := l.model(1, 100); got != 1 {
		t.Errorf("one writer: %v", got)
	}
	if got := l.model(4, 50); got != 1 { // four hand in 200 octets, which take 2 s
		t.Errorf("four writers: %v", got)
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0.00", 0.01234: "0.012", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 1234567: "1,234,567", -1234: "-1,234"} {
		if got := number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
	if got := number(none); got != "–" {
		t.Errorf("nothing is written %s", got)
	}
}

// TestLetters asks for sizes to the octet, lines that end, and no line too long.
func TestLetters(t *testing.T) {
	t.Parallel()
	l, p := newLetters(), piecewise()
	for _, size := range []int{400, 500, 4 << 10, 16 << 10, 16<<10 + 1, 100 << 10, 5 << 20, 9 << 20} {
		var out bytes.Buffer
		if err := l.write(&out, p, 123456, size); err != nil {
			t.Fatal(err)
		}
		if out.Len() != size || !bytes.HasSuffix(out.Bytes(), []byte("\r\n")) {
			t.Errorf("a letter of %d octets has %d and ends with %q", size, out.Len(), out.Bytes()[out.Len()-4:])
		}
		for row := range bytes.Lines(out.Bytes()) {
			if len(row) > 1000 {
				t.Errorf("size %d: a line of %d octets", size, len(row))
			}
		}
	}
}
