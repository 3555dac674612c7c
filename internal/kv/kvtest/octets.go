package kvtest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"tem/internal/kv"
)

// testBinaryKeys uses keys that are easily mistaken: empty, with the lowest and
// the highest octet, one the beginning of another, nothing that is text.
func testBinaryKeys(t *testing.T, e kv.Engine) {
	sorted := []string{"", "\x00", "\x00\x00", "\x00\xff", "a", "a\x00", "a\x00b", "a\xff", "a\xff\xff", "b", "\xc3\x28", "\xff", "\xff\x00", "\xff\xff"}
	b, all := new(kv.Batch), [][]byte(nil)
	for _, i := range []int{7, 2, 13, 0, 4, 9, 1, 12, 5, 10, 3, 8, 6, 11} {
		b.Set(part, []byte(sorted[i]), []byte(sorted[i]))
	}
	for _, key := range sorted {
		all = append(all, []byte(key))
	}
	commit(t, e, b)
	view(t, e, func(r kv.Reader) error {
		for from := range sorted {
			for to := range sorted {
				checkRange(t, r, sorted, from, to)
			}
		}
		return r.GetMulti(part, all, func(i int, val []byte) error {
			if string(val) != sorted[i] {
				t.Errorf("value of %q is %q", sorted[i], val)
			}
			return nil
		})
	})
	b = new(kv.Batch)
	b.DeleteRange(part, []byte("a\x00"), []byte("b"))
	b.Delete(part, nil)
	commit(t, e, b)
	view(t, e, func(r kv.Reader) error {
		left := slices.Delete(slices.Clone(sorted), 5, 9)[1:]
		if got := visited(t, r, nil, nil, kv.ScanOptions{}); !slices.Equal(got, left) {
			t.Errorf("left %q, want %q", got, left)
		}
		return nil
	})
}

// checkRange scans from one key to another, both ways.
func checkRange(t *testing.T, r kv.Reader, sorted []string, from, to int) {
	t.Helper()
	want := slices.Clone(sorted[from:max(from, to)])
	for _, reverse := range []bool{false, true} {
		got := visited(t, r, []byte(sorted[from]), []byte(sorted[to]), kv.ScanOptions{Reverse: reverse})
		if !slices.Equal(got, want) {
			t.Errorf("%q to %q, reverse %v: %q, want %q", sorted[from], sorted[to], reverse, got, want)
		}
		slices.Reverse(want)
	}
}

// visited returns the keys of a scan.
func visited(t *testing.T, r kv.Reader, lo, hi []byte, o kv.ScanOptions) (list []string) {
	t.Helper()
	err := r.Scan(part, lo, hi, o, func(key, val []byte) error {
		list = append(list, string(key))
		if !bytes.Equal(key, val) {
			t.Errorf("key %q has value %q", key, val)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return list
}

// testNilValue sets a value of nil, which is present and empty.
func testNilValue(t *testing.T, e kv.Engine) {
	b := new(kv.Batch)
	b.Set(part, []byte("a"), nil)
	commit(t, e, b)
	want(t, e, "a", "")
	b = set("b", "1")
	b.Assert(part, []byte("a"), []byte{})
	b.Delete(part, []byte("a"))
	commit(t, e, b)
	want(t, e, "a", "-", "b", "1")
}

// testLargeValues stores values of 1 MiB, more together than a page should hold.
func testLargeValues(t *testing.T, e kv.Engine) {
	const n, size = 6, 1 << 20
	b, asked := new(kv.Batch), [][]byte(nil)
	val := func(i int) []byte { return bytes.Repeat([]byte{byte(i), 0, 0xff, '\''}, size/4) }
	for i := range n {
		key := fmt.Append(nil, i)
		b.Set(part, key, val(i))
		asked = append(asked, key)
	}
	commit(t, e, b)
	check := func(i int, got []byte) error {
		if !bytes.Equal(got, val(i)) {
			t.Errorf("value %d came back different, %d octets", i, len(got))
		}
		return nil
	}
	view(t, e, func(r kv.Reader) error {
		got, _, err := r.Get(part, asked[0])
		check(0, got)
		seen := 0
		scanned := r.Scan(part, nil, nil, kv.ScanOptions{}, func(_, got []byte) error {
			seen++
			return check(seen-1, got)
		})
		if err != nil || scanned != nil || seen != n {
			t.Errorf("get: %v; scan: %v after %d values", err, scanned, seen)
		}
		return r.GetMulti(part, asked, check)
	})
}

// testPages scans more rows than an engine over a network reads at once.
func testPages(t *testing.T, e kv.Engine) {
	const n = 5000
	b := new(kv.Batch)
	for i := range n {
		key := fmt.Appendf(nil, "%05d", i)
		b.Set(part, key, key)
	}
	commit(t, e, b)
	view(t, e, func(r kv.Reader) error {
		for _, reverse := range []bool{false, true} {
			for _, limit := range []int{0, 1, 100, 101, 2600, n, n + 1} {
				got := visited(t, r, nil, nil, kv.ScanOptions{Reverse: reverse, Limit: limit})
				if !slices.Equal(got, numbers(n, limit, reverse)) {
					t.Errorf("reverse %v, limit %d: %d wrong keys", reverse, limit, len(got))
				}
			}
		}
		return nil
	})
}

// numbers are the keys that a scan of testPages must visit.
func numbers(n, limit int, reverse bool) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("%05d", i))
	}
	if reverse {
		slices.Reverse(list)
	}
	if limit > 0 && limit < n {
		list = list[:limit]
	}
	return list
}

// testNestedReads reads from the same snapshot while a scan is going on. Values
// got before stay as they are.
func testNestedReads(t *testing.T, e kv.Engine) {
	const n = 250
	b := new(kv.Batch)
	for i := range n {
		key := fmt.Appendf(nil, "%03d", i)
		b.Set(part, key, key)
		b.Set(part+1, key, append([]byte("other "), key...))
	}
	commit(t, e, b)
	view(t, e, func(r kv.Reader) error {
		var held [][]byte
		err := r.Scan(part, nil, nil, kv.ScanOptions{}, func(key, val []byte) error {
			was := string(key)
			other, _, err := r.Get(part+1, key)
			held = append(held, other)
			back := visited(t, r, key, nil, kv.ScanOptions{Reverse: true, Limit: 2})
			twice := 0
			multi := r.GetMulti(part, [][]byte{key, []byte("none"), key}, func(int, []byte) error { twice++; return nil })
			if err != nil || multi != nil || twice != 2 || len(back) != min(2, n-len(held)+1) {
				t.Errorf("within a scan at %q: %v, %v, %d, %q", key, err, multi, twice, back)
			}
			if string(key) != was || string(val) != was {
				t.Errorf("a nested read changed the row %q to %q, %q", was, key, val)
			}
			return nil
		})
		for i, val := range held {
			if want := fmt.Sprintf("other %03d", i); string(val) != want {
				t.Errorf("a value became %q, want %q", val, want)
			}
		}
		return err
	})
}
