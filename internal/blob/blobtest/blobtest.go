// Package blobtest is the contract of blob.Store as one test suite that every
// implementation runs.
package blobtest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"tem/internal/blob"
)

// Run tests stores made by open, each of them empty.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	tests := []struct {
		name string
		fn   func(*testing.T, blob.Store)
	}{
		{"WriteRead", testWriteRead},
		{"UnfinishedIsAbsent", testUnfinished},
		{"Abort", testAbort},
		{"Delete", testDelete},
		{"List", testList},
		{"Concurrent", testConcurrent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.fn(t, open(t))
		})
	}
}

func create(t *testing.T, s blob.Store, id blob.ID) blob.Writer {
	t.Helper()
	w, err := s.Create(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// write stores a body in two pieces.
func write(t *testing.T, s blob.Store, data []byte) blob.ID {
	t.Helper()
	id := blob.NewID(time.Now())
	w := create(t, s, id)
	for _, piece := range [][]byte{data[:len(data)/2], data[len(data)/2:]} {
		if _, err := w.Write(piece); err != nil {
			t.Error(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	return id
}

func absent(t *testing.T, s blob.Store, id blob.ID) {
	t.Helper()
	if _, err := s.Open(t.Context(), id); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("open: %v, want ErrNotFound", err)
	}
}

func check(t *testing.T, s blob.Store, id blob.ID, want []byte) {
	t.Helper()
	r, err := s.Open(t.Context(), id)
	if err != nil {
		t.Errorf("open %s: %v", id, err)
		return
	}
	defer r.Close()
	if r.Size() != int64(len(want)) {
		t.Errorf("size %d, want %d", r.Size(), len(want))
	}
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d octets, %v; want %d", len(got), err, len(want))
	}
}

func testWriteRead(t *testing.T, s blob.Store) {
	for _, n := range []int{0, 1, 4096, 1 << 20} {
		data := bytes.Repeat([]byte{'a' + byte(n%7)}, n)
		check(t, s, write(t, s, data), data)
	}
	r, err := s.Open(t.Context(), write(t, s, []byte("0123456789")))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := make([]byte, 4)
	if n, err := r.ReadAt(p, 3); n != 4 || err != nil || string(p) != "3456" {
		t.Errorf("ReadAt gives %q, %v", p[:n], err)
	}
	if n, err := r.ReadAt(p, 8); n != 2 || err != io.EOF {
		t.Errorf("ReadAt over the end gives %d, %v", n, err)
	}
}

func testUnfinished(t *testing.T, s blob.Store) {
	id := blob.NewID(time.Now())
	w := create(t, s, id)
	io.WriteString(w, "half")
	absent(t, s, id)
	if ids := list(t, s); len(ids) != 0 {
		t.Errorf("an unfinished body is listed: %v", ids)
	}
	w.Abort()
}

func testAbort(t *testing.T, s blob.Store) {
	id := blob.NewID(time.Now())
	w := create(t, s, id)
	io.WriteString(w, "gone")
	w.Abort()
	absent(t, s, id)
	w = create(t, s, id)
	io.WriteString(w, "again")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, s, id, []byte("again"))
}

func testDelete(t *testing.T, s blob.Store) {
	a, b, c := write(t, s, []byte("a")), write(t, s, []byte("b")), write(t, s, []byte("c"))
	if err := s.Delete(t.Context(), a, blob.NewID(time.Now()), b); err != nil {
		t.Errorf("delete: %v", err)
	}
	absent(t, s, a)
	absent(t, s, b)
	check(t, s, c, []byte("c"))
	if err := s.Delete(t.Context(), a); err != nil {
		t.Errorf("delete again: %v", err)
	}
}

func list(t *testing.T, s blob.Store) (ids []blob.ID) {
	t.Helper()
	err := s.List(t.Context(), func(i blob.Info) error {
		ids = append(ids, i.ID)
		if time.Since(i.Written).Abs() > time.Hour || i.Size != 5 {
			t.Errorf("listed as %+v", i)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func testList(t *testing.T, s blob.Store) {
	var want []blob.ID
	for range 20 {
		want = append(want, write(t, s, []byte("12345")))
	}
	for _, id := range list(t, s) {
		i := slices.Index(want, id)
		if i < 0 {
			t.Fatalf("%s is listed twice or was never written", id)
		}
		want = slices.Delete(want, i, i+1)
	}
	if len(want) != 0 {
		t.Errorf("not listed: %v", want)
	}
	own := errors.New("own")
	if err := s.List(t.Context(), func(blob.Info) error { return own }); !errors.Is(err, own) {
		t.Errorf("own error: %v", err)
	}
}

func testConcurrent(t *testing.T, s blob.Store) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			data := bytes.Repeat([]byte{byte(i)}, 1000*i)
			check(t, s, write(t, s, data), data)
		})
	}
	wg.Wait()
}
