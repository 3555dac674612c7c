package line

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// feed inflates what is compressed, given in pieces of n octets and read by m; it stops at an error.
func feed(compressed []byte, n, m int) ([]byte, error) {
	z := newInflater()
	var all []byte
	p := make([]byte, m)
	for {
		got, err := z.read(p)
		all = append(all, p[:got]...)
		switch {
		case err != nil:
			return all, err
		case got > 0:
		case len(compressed) == 0:
			return all, io.ErrUnexpectedEOF
		default:
			n := min(n, len(compressed))
			z.in, compressed = append(z.in, compressed[:n]...), compressed[n:]
		}
	}
}

// samples are texts of all sorts.
func samples() map[string][]byte {
	noise := rand.NewChaCha8([32]byte{1})
	random := make([]byte, 100_000)
	noise.Read(random)
	var mixed []byte
	for i := range 2000 {
		mixed = append(mixed, "* "...)
		mixed = append(mixed, random[i*10:i*10+3]...)
		mixed = append(mixed, " FETCH (FLAGS (\\Seen))\r\n"...)
	}
	return map[string][]byte{
		"empty": nil, "one": []byte("a"), "line": []byte("a1 NOOP\r\n"), "random": random, "mixed": mixed,
		"zeros": make([]byte, 300_000), "text": []byte(strings.Repeat("it has no end ", 9000)),
	}
}

func TestInflate(t *testing.T) {
	t.Parallel()
	for name, text := range samples() {
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, 1, 6, 9} {
			var b bytes.Buffer
			w, _ := flate.NewWriter(&b, level)
			w.Write(text[:len(text)/3])
			w.Flush()
			w.Write(text[len(text)/3:])
			w.Close()
			for _, cut := range [][2]int{{1, 1 << 16}, {7, 100}, {1 << 20, 1 << 16}, {1 << 20, 1 + len(text)/1000}} {
				got, err := feed(b.Bytes(), cut[0], cut[1])
				if !bytes.Equal(got, text) || err != io.EOF {
					t.Errorf("%s at level %d, pieces %d: %d octets of %d, %v", name, level, cut, len(got), len(text), err)
				}
			}
		}
	}
}

// TestInflateGivesAllAtOnce has a sender that flushes, wholly and (zlib's
// Z_PARTIAL_FLUSH: an empty block with fixed codes, RFC 1979 §2.1) in part.
func TestInflateGivesAllAtOnce(t *testing.T) {
	t.Parallel()
	for name, compressed := range map[string]string{
		"sync":    "\x4a\x34\x54\xf0\xf3\xf7\x0f\xe0\xe5\x02\x00\x00\x00\xff\xff",
		"partial": "\x4a\x34\x54\xf0\xf3\xf7\x0f\xe0\xe5\x02\x08",
		"none":    "\x4a\x34\x54\xf0\xf3\xf7\x0f\xe0\xe5\x02",
	} {
		for _, n := range []int{1, 100} {
			got, err := feed([]byte(compressed), n, 100)
			if string(got) != "a1 NOOP\r\n" || err != io.ErrUnexpectedEOF {
				t.Errorf("%s by %d: %q, %v", name, n, got, err)
			}
		}
	}
}

func TestInflateRefuses(t *testing.T) {
	t.Parallel()
	for name, compressed := range map[string]string{
		"block type 3":                       "\x07",
		"stored length that does not add up": "\x01\x01\x00\x00\x00a",
		"distance before the beginning":      "\x03\x02\x00\x00\x00",
		"287 symbols":                        "\xf5\xff\xff\xff",
		"codes that no tree has":             "\x05\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		if got, err := feed([]byte(compressed), 1, 100); err != errDeflate || len(got) > 0 {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestInflateHoldsLittle reads a bomb slowly.
func TestInflateHoldsLittle(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	for range 1000 {
		w.Write(make([]byte, 10_000))
	}
	w.Flush()
	z := newInflater()
	z.in = b.Bytes()
	p := make([]byte, 10)
	for range 10_000 {
		if n, err := z.read(p); n == 0 || err != nil {
			t.Fatal(n, err)
		}
		if z.made-z.given > window || len(z.ring) > window {
			t.Fatalf("%d octets made ahead in %d", z.made-z.given, len(z.ring))
		}
	}
	small := newInflater()
	b.Reset()
	w.Reset(&b)
	w.Write([]byte("a1 NOOP\r\n"))
	w.Flush()
	small.in = b.Bytes()
	small.read(p)
	small.read(p)
	if len(small.ring) != 512 || small.codes != nil {
		t.Errorf("a few octets hold %d and codes %v", len(small.ring), small.codes)
	}
}

// FuzzInflate compares with another decoder, on streams good and bad.
func FuzzInflate(f *testing.F) {
	for _, text := range samples() {
		text = text[:min(len(text), 5000)]
		for _, level := range []int{flate.HuffmanOnly, 0, 1, 9} {
			var b bytes.Buffer
			w, _ := flate.NewWriter(&b, level)
			w.Write(text)
			w.Close()
			f.Add(b.Bytes(), 3)
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, n int) {
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(stream)), 1<<20))
		got, err := feed(stream, max(1, n&0xfff), 1000)
		if len(got) > 1<<20 {
			got = got[:1<<20]
		}
		if wantErr == nil && (!bytes.Equal(got, want) || err != io.EOF) && len(want) < 1<<20 {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
		if n := min(len(got), len(want)); !bytes.Equal(got[:n], want[:n]) {
			t.Fatalf("%q and %q begin differently", got, want)
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	var c bytes.Buffer
	w, _ := flate.NewWriter(&c, 1)
	text := samples()["mixed"]
	w.Write(text)
	w.Close()
	b.SetBytes(int64(len(text)))
	p := make([]byte, 64<<10)
	for b.Loop() {
		z := newInflater()
		z.in = c.Bytes()
		for {
			if _, err := z.read(p); err != nil {
				break
			}
		}
	}
}
