package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"tem/internal/blob"
	"tem/internal/blob/blobtest"
	"tem/internal/s3test"
)

var server s3test.Shared

func TestMain(m *testing.M) { os.Exit(server.Main(m)) }

// at opens a store. change may alter the options.
func at(t *testing.T, address string, change func(*Options)) (*Store, error) {
	t.Helper()
	o, err := ParseURL(address, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&o)
	}
	s, err := Open(t.Context(), o)
	if err == nil {
		t.Cleanup(s.Close)
	}
	return s, err
}

func open(t *testing.T, address string) *Store {
	t.Helper()
	s, err := at(t, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// services are what the tests run on: each gives the address of an empty bucket.
func services() map[string]func(t *testing.T) string {
	return map[string]func(t *testing.T) string{
		"versitygw": func(t *testing.T) string { return server.Bucket(t) },
		"fake":      func(t *testing.T) string { return s3test.NewFake(t).URL },
	}
}

func onEach(t *testing.T, fn func(t *testing.T, address string)) {
	for name, bucket := range services() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fn(t, bucket(t))
		})
	}
}

func TestContract(t *testing.T) {
	t.Parallel()
	for name, bucket := range services() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, bucket(t)) })
		})
	}
}

// content is n octets that differ from each other in no short pattern.
func content(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(p)
	return p
}

// put stores a body in pieces of odd size.
func put(t *testing.T, s *Store, data []byte) (blob.ID, error) {
	t.Helper()
	id := blob.NewID(time.Now())
	w, err := s.Create(t.Context(), id)
	if err != nil {
		return id, err
	}
	for p := range slices.Chunk(data, 1_000_003) {
		if _, err := w.Write(p); err != nil {
			w.Abort()
			return id, err
		}
	}
	return id, w.Close()
}

func get(t *testing.T, s *Store, id blob.ID) ([]byte, error) {
	t.Helper()
	r, err := s.Open(t.Context(), id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
}

func check(t *testing.T, s *Store, id blob.ID, want []byte) {
	t.Helper()
	got, err := get(t, s, id)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("body %s: %d octets, %v; want %d", id, len(got), err, len(want))
	}
}

func absent(t *testing.T, s *Store, id blob.ID) {
	t.Helper()
	if _, err := s.Open(t.Context(), id); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("open %s: %v, want ErrNotFound", id, err)
	}
}

// unfinished is how many uploads the service keeps that are no objects.
func unfinished(t *testing.T, s *Store) int {
	t.Helper()
	page, err := s.api.ListMultipartUploads(t.Context(), s.options.Bucket, "", "", "", "", 1000)
	if err != nil && !noUploads(err) {
		t.Fatal(err)
	}
	return len(page.Uploads)
}

// TestParts writes bodies around the size of a part.
func TestParts(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		s := open(t, address)
		for _, n := range []int{partSize - 1, partSize, partSize + 1, 2*partSize + 12345} {
			data := content(n)
			id, err := put(t, s, data)
			if err != nil {
				t.Fatal(err)
			}
			check(t, s, id, data)
		}
		if n := unfinished(t, s); n != 0 {
			t.Errorf("%d uploads are unfinished", n)
		}
	})
}

func TestAbortInTheMiddle(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		s := open(t, address)
		id := blob.NewID(time.Now())
		w, err := s.Create(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, partSize+1)); err != nil {
			t.Fatal(err)
		}
		if n := unfinished(t, s); n != 1 {
			t.Errorf("%d uploads are under way, want 1", n)
		}
		w.Abort()
		absent(t, s, id)
		if n := unfinished(t, s); n != 0 {
			t.Errorf("%d uploads are left", n)
		}
	})
}

// TestPrefixes keeps two stores in one bucket, and objects of others.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		place, options, _ := strings.Cut(address, "?")
		a, b := open(t, place+"/a?"+options), open(t, place+"/a/b?"+options)
		id, err := put(t, a, []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		other, err := put(t, b, []byte("other"))
		if err != nil {
			t.Fatal(err)
		}
		absent(t, b, id)
		name := id.String()
		for _, key := range []string{"a/README", "a/00/" + name[:24] + "00/x", "a/" + name[24:] + "/" + strings.ToLower(name), "a/zz/" + name} {
			if _, err := a.api.PutObject(t.Context(), a.options.Bucket, key, strings.NewReader("x"), 1, "", "", minio.PutObjectOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		for s, want := range map[*Store]blob.ID{a: id, b: other} {
			if ids := list(t, s); len(ids) != 1 || ids[0] != want {
				t.Errorf("listed %v, want %v", ids, want)
			}
		}
	})
}

func list(t *testing.T, s *Store) (ids []blob.ID) {
	t.Helper()
	err := s.List(t.Context(), func(i blob.Info) error { ids = append(ids, i.ID); return nil })
	if err != nil {
		t.Error(err)
	}
	return ids
}

// TestPages lists and deletes more bodies than one answer and one request hold.
func TestPages(t *testing.T) {
	t.Parallel()
	f := s3test.NewFake(t)
	s := open(t, f.URL)
	ids := make([]blob.ID, 1100)
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for i := part; i < len(ids); i += 4 {
				var err error
				if ids[i], err = put(t, s, []byte("x")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := len(list(t, s)); n != len(ids) {
		t.Errorf("%d bodies are listed, want %d", n, len(ids))
	}
	if err := s.Delete(t.Context(), ids...); err != nil {
		t.Error(err)
	}
	if n := len(list(t, s)); n != 0 {
		t.Errorf("%d bodies are left", n)
	}
	if n := f.Count("ListObjects"); n < 3 {
		t.Errorf("%d requests listed: the test does not see pages", n)
	}
	if n := f.Count("DeleteObjects"); n != 2 {
		t.Errorf("%d requests deleted, want 2", n)
	}
}

// TestSweepUnfinished leaves uploads as a crash does.
func TestSweepUnfinished(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		s := open(t, address)
		var _ blob.Sweeper = s
		kept, err := put(t, s, []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		id := blob.NewID(time.Now())
		w, err := s.Create(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, partSize+1)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.api.NewMultipartUpload(t.Context(), s.options.Bucket, "strange", minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			age  time.Duration
			left int
		}{{time.Hour, 2}, {-time.Hour, 1}} {
			if err := s.SweepUnfinished(t.Context(), time.Now().Add(-c.age)); err != nil {
				t.Fatal(err)
			}
			if n := unfinished(t, s); n != c.left {
				t.Errorf("%d uploads are left of those older than %v, want %d", n, c.age, c.left)
			}
		}
		check(t, s, kept, []byte("text"))
		if err := w.Close(); err == nil {
			t.Error("an upload that was swept could be closed")
		}
		absent(t, s, id)
	})
}

func TestNoBucket(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, address string) {
		_, err := at(t, address, func(o *Options) { o.Bucket = "missing" })
		if err == nil || !strings.Contains(err.Error(), "has no bucket missing: create it") {
			t.Errorf("open: %v", err)
		}
		s := open(t, address)
		id, err := put(t, s, []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		s.options.Bucket = "missing"
		if _, err := s.Open(t.Context(), id); err == nil || errors.Is(err, blob.ErrNotFound) {
			t.Errorf("a bucket that went away looks like a body that did: %v", err)
		}
	})
}

// TestWrongCredentials is told by a real server only.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	address := server.Bucket(t)
	for name, change := range map[string]func(*Options){
		"key":    func(o *Options) { o.AccessKey = "WRONGKEY" },
		"secret": func(o *Options) { o.SecretKey = "WRONGSECRET" },
	} {
		_, err := at(t, address, change)
		if err == nil || !strings.Contains(err.Error(), "the object service at 127.0.0.1:") || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "WRONG") {
			t.Errorf("%s: a secret is in: %v", name, err)
		}
	}
}

// TestDamagedOnTheWay sends a body with checksums that are not its own.
func TestDamagedOnTheWay(t *testing.T) {
	t.Parallel()
	s := open(t, server.Bucket(t))
	whole, damaged := []byte("text"), []byte("test")
	for name, sums := range map[string]minio.PutObjectPartOptions{
		"MD5":     {Md5Base64: checksums(whole).Md5Base64, Sha256Hex: checksums(damaged).Sha256Hex},
		"SHA-256": {Sha256Hex: checksums(whole).Sha256Hex},
	} {
		_, err := s.api.PutObject(t.Context(), s.options.Bucket, "x", bytes.NewReader(damaged), 4, sums.Md5Base64, sums.Sha256Hex, minio.PutObjectOptions{DisableContentSha256: true})
		if err == nil {
			t.Errorf("%s: the server took a damaged body", name)
		}
	}
}

// TestReadAhead counts the requests of those who read a body.
func TestReadAhead(t *testing.T) {
	t.Parallel()
	f := s3test.NewFake(t)
	s := open(t, f.URL)
	data := content(5*windowSize + 100)
	id, err := put(t, s, data)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			in, got := io.NewSectionReader(r, 0, r.Size()), new(bytes.Buffer)
			if _, err := io.CopyBuffer(struct{ io.Writer }{got}, struct{ io.Reader }{in}, make([]byte, 4096)); err != nil || !bytes.Equal(got.Bytes(), data) {
				t.Errorf("read %d octets, %v", got.Len(), err)
			}
		})
	}
	wg.Wait()
	if n := f.Count("GetObject"); n < 6 || n > 4*6 {
		t.Errorf("%d requests for 6 windows read by 4", n)
	}
	before := f.Count("GetObject")
	p := make([]byte, 2*windowSize)
	for range 100 {
		if n, err := r.ReadAt(p, windowSize/2); n != len(p) || err != nil || !bytes.Equal(p, data[windowSize/2:][:len(p)]) {
			t.Fatalf("ReadAt: %d, %v", n, err)
		}
	}
	if n := f.Count("GetObject") - before; n > 3 {
		t.Errorf("%d requests for the same 3 windows", n)
	}
	if n, err := r.ReadAt(make([]byte, 10), r.Size()-4); n != 4 || err != io.EOF {
		t.Errorf("over the end: %d, %v", n, err)
	}
	if _, err := r.ReadAt(make([]byte, 10), -1); err == nil {
		t.Error("before the beginning: no error")
	}
}

// TestEnd ends the contexts of a writer and of a reader.
func TestEnd(t *testing.T) {
	t.Parallel()
	s := open(t, s3test.NewFake(t).URL)
	done, err := put(t, s, []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	id := blob.NewID(time.Now())
	w, err := s.Create(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, "text")
	r, err := s.Open(ctx, done)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if err := w.Close(); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v", err)
	}
	absent(t, s, id)
	if _, err := r.ReadAt(make([]byte, 1), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
}
