package s3

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tem/internal/blob"
	"tem/internal/s3test"
)

const attempts = 2

// patient opens a store for faults that show at once.
func patient(t *testing.T, f *s3test.Fake) *Store { return within(t, f, time.Minute) }

// impatient opens a store for faults that show when the time is up. What
// works must do so in that time on a busy machine.
func impatient(t *testing.T, f *s3test.Fake) *Store { return within(t, f, time.Second) }

func within(t *testing.T, f *s3test.Fake, timeout time.Duration) *Store {
	t.Helper()
	s, err := at(t, f.URL, func(o *Options) { o.Timeout, o.Attempts = timeout, attempts })
	if err != nil {
		t.Fatal(err)
	}
	s.partSize = testPart
	return s
}

// wellSaid checks an error that people read.
func wellSaid(t *testing.T, s *Store, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one that says %q", want)
		return
	}
	text := err.Error()
	if !strings.Contains(text, want) || !strings.Contains(text, "the object service at "+s.options.Host) {
		t.Errorf("error %q, want one that says %q and names the service", text, want)
	}
	if strings.Contains(text, "FAKE") || strings.Contains(text, "\n") {
		t.Errorf("a secret or a line break is in %q", text)
	}
}

var (
	slowDown = s3test.Refuse(http.StatusServiceUnavailable, "SlowDown")
	denied   = s3test.Refuse(http.StatusForbidden, "AccessDenied")
)

const (
	testPart = 64 << 10 // the fake does not insist on 5 MiB
	small    = 10_000
	large    = testPart + 10_000
)

// TestWriteFails lets each request that writing takes fail until the store
// gives up: the caller gets an error and nothing is left.
func TestWriteFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		size      int
		operation string
		fault     s3test.Fault
		requests  int
		want      string
	}{
		{"refused", small, "PutObject", denied, 1, "refused: AccessDenied"},
		{"overloaded", small, "PutObject", slowDown, attempts, "failed: SlowDown"},
		{"silent", small, "PutObject", s3test.Hang, attempts, "did not answer in time"},
		{"cut", small, "PutObject", s3test.CutUpload(small / 2), attempts, "can't be used"},
		{"stored in silence", small, "PutObject", s3test.LoseAnswer, attempts, "can't be used"},
		{"parts refused", large, "CreateMultipartUpload", denied, 1, "refused: AccessDenied"},
		{"part refused", large, "UploadPart", denied, 1, "refused: AccessDenied"},
		{"part silent", large, "UploadPart", s3test.Hang, attempts, "did not answer in time"},
		{"part cut", large, "UploadPart", s3test.CutUpload(testPart / 2), attempts, "can't be used"},
		{"end refused", large, "CompleteMultipartUpload", denied, 1, "refused: AccessDenied"},
		{"end overloaded", large, "CompleteMultipartUpload", slowDown, attempts, "failed: SlowDown"},
		{"end silent", large, "CompleteMultipartUpload", s3test.Hang, attempts, "did not answer in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := s3test.NewFake(t)
			s := patient(t, f)
			if strings.Contains(c.want, "in time") {
				s = impatient(t, f)
			}
			f.Fail(c.operation, 0, c.fault)
			id, err := put(t, s, content(c.size))
			wellSaid(t, s, err, c.want)
			if err != nil && !strings.HasPrefix(err.Error(), "put body "+id.String()+": ") {
				t.Errorf("error %q does not name the body", err)
			}
			if n := f.Count(c.operation); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
			f.Heal()
			absent(t, s, id)
			if n := unfinished(t, s); n != 0 || len(list(t, s)) != 0 {
				t.Errorf("%d uploads are left; objects: %v", n, list(t, s))
			}
		})
	}
}

// TestWriteRetries lets each request fail as often as it may.
func TestWriteRetries(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	defer wg.Wait()
	for name, fault := range map[string]s3test.Fault{
		"overloaded": slowDown, "silent": s3test.Hang, "cut": s3test.CutUpload(100), "lost": s3test.LoseAnswer,
	} {
		for operation, size := range map[string]int{
			"PutObject": small, "CreateMultipartUpload": large, "UploadPart": large, "CompleteMultipartUpload": large,
		} {
			f := s3test.NewFake(t)
			s := patient(t, f)
			if name == "silent" {
				s = impatient(t, f)
			}
			f.Fail(operation, attempts-1, fault)
			wg.Go(func() {
				data := content(size)
				id, err := put(t, s, data)
				if err != nil {
					t.Errorf("%s %s: %v", operation, name, err)
					return
				}
				check(t, s, id, data)
			})
		}
	}
}

// TestEndIsNotHeard loses every answer to the request that completes an
// upload: the object is there, and the store finds that out.
func TestEndIsNotHeard(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]s3test.Fault{"lost": s3test.LoseAnswer, "cut": s3test.CutAnswer(10)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := s3test.NewFake(t)
			s := patient(t, f)
			f.Fail("CompleteMultipartUpload", 0, fault)
			data := content(large)
			id, err := put(t, s, data)
			if err != nil {
				t.Fatal(err)
			}
			check(t, s, id, data)
		})
	}
}

// TestWriteAfterFailure goes on writing as a careless caller would.
func TestWriteAfterFailure(t *testing.T) {
	t.Parallel()
	f := s3test.NewFake(t)
	s := patient(t, f)
	f.Fail("UploadPart", 1, denied)
	id := blob.NewID(time.Now())
	w, err := s.Create(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write(make([]byte, large)); err == nil || n != testPart {
		t.Errorf("write: %d, %v", n, err)
	}
	if n, err := io.WriteString(w, "more"); err == nil || n != 0 {
		t.Errorf("write again: %d, %v", n, err)
	}
	wellSaid(t, s, w.Close(), "AccessDenied")
	absent(t, s, id)
}

func TestReadFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		fault    s3test.Fault
		requests int
		want     string
	}{
		{"refused", denied, 1, "refused: AccessDenied"},
		{"overloaded", slowDown, attempts, "failed: SlowDown"},
		{"silent", s3test.Hang, attempts, "did not answer in time"},
		{"lost", s3test.LoseAnswer, attempts, "can't be used"},
		{"cut", s3test.CutAnswer(small / 2), attempts, "the answer was cut off"},
		{"nothing after the head", s3test.CutAnswer(0), attempts, "the answer was cut off"},
		{"too much", ignoreRange, 1, "gave"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := s3test.NewFake(t)
			s := patient(t, f)
			if strings.Contains(c.want, "in time") {
				s = impatient(t, f)
			}
			data := content(windowSize + small)
			id, err := put(t, s, data)
			if err != nil {
				t.Fatal(err)
			}
			f.Fail("GetObject", 0, c.fault)
			got, err := get(t, s, id)
			wellSaid(t, s, err, c.want)
			if err != nil && !strings.HasPrefix(err.Error(), "read body "+id.String()+": ") || len(got) != 0 {
				t.Errorf("%d octets; error %q", len(got), err)
			}
			// net/http repeats a GET on a connection that was closed under it.
			if n := f.Count("GetObject"); n < c.requests || n > 1 && c.requests == 1 {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

// ignoreRange answers with the whole object, whatever was asked for.
func ignoreRange(w http.ResponseWriter, r *http.Request, f *s3test.Fake) {
	r.Header.Del("Range")
	f.Store(w, r)
}

// TestReadAgain uses one reader before and after a failure.
func TestReadAgain(t *testing.T) {
	t.Parallel()
	f := s3test.NewFake(t)
	s := impatient(t, f)
	data := content(2*windowSize + small)
	id, err := put(t, s, data)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f.Fail("GetObject", 1, denied)
	got := make([]byte, len(data))
	if _, err := r.ReadAt(got, 0); err == nil {
		t.Error("no error")
	}
	for i, fault := range []s3test.Fault{s3test.CutAnswer(100), slowDown, s3test.Hang} {
		f.Fail("GetObject", 1, fault)
		n, err := r.ReadAt(got[i*windowSize:], int64(i*windowSize))
		if err != nil || !bytes.Equal(got[i*windowSize:][:n], data[i*windowSize:]) {
			t.Errorf("after failure %d, which passed: %d octets, %v", i, n, err)
		}
	}
}

func TestDeletedWhileRead(t *testing.T) {
	t.Parallel()
	s := patient(t, s3test.NewFake(t))
	id, err := put(t, s, content(small))
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := s.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadAt(make([]byte, 1), 0); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
}

// TestOthersFail lets what is left fail: nothing may look like an empty store
// or an absent body.
func TestOthersFail(t *testing.T) {
	t.Parallel()
	type call = func(context.Context, *Store, blob.ID) error
	for operation, do := range map[string]call{
		"HeadObject":    func(ctx context.Context, s *Store, id blob.ID) error { _, err := s.Open(ctx, id); return err },
		"DeleteObjects": func(ctx context.Context, s *Store, id blob.ID) error { return s.Delete(ctx, id) },
		"ListObjects": func(ctx context.Context, s *Store, _ blob.ID) error {
			return s.List(ctx, func(blob.Info) error { return nil })
		},
		"ListMultipartUploads": func(ctx context.Context, s *Store, _ blob.ID) error {
			return s.SweepUnfinished(ctx, time.Now())
		},
	} {
		for name, c := range map[string]struct {
			fault s3test.Fault
			want  string
		}{
			"refused": {denied, "refused: AccessDenied"},
			"cut":     {s3test.CutAnswer(20), "can't be used"},
		} {
			if operation == "HeadObject" && name == "cut" {
				continue // its answer has only a head
			}
			t.Run(operation+" "+name, func(t *testing.T) {
				t.Parallel()
				f := s3test.NewFake(t)
				s := patient(t, f)
				id, err := put(t, s, content(small))
				if err != nil {
					t.Fatal(err)
				}
				f.Fail(operation, 0, c.fault)
				err = do(t.Context(), s, id)
				wellSaid(t, s, err, c.want)
				if errors.Is(err, blob.ErrNotFound) {
					t.Error("the body looks absent")
				}
			})
		}
	}
}

// TestServiceIsGone bounds how long each call takes when nothing is answered.
func TestServiceIsGone(t *testing.T) {
	t.Parallel()
	f := s3test.NewFake(t)
	s := impatient(t, f)
	id, err := put(t, s, content(small))
	if err != nil {
		t.Fatal(err)
	}
	f.Fail("", 0, s3test.Hang)
	bound := attempts*(s.options.Timeout+time.Second) + s.options.Timeout + 5*time.Second // the last for a busy machine
	var wg sync.WaitGroup
	for name, do := range map[string]func() error{
		"open the store": func() error { _, err := Open(t.Context(), s.options); return err },
		"write":          func() error { _, err := put(t, s, content(small)); return err },
		"write parts":    func() error { _, err := put(t, s, content(large)); return err },
		"open":           func() error { _, err := s.Open(t.Context(), id); return err },
		"delete":         func() error { return s.Delete(t.Context(), id) },
		"list":           func() error { return s.List(t.Context(), func(blob.Info) error { return nil }) },
		"sweep":          func() error { return s.SweepUnfinished(t.Context(), time.Now()) },
	} {
		wg.Go(func() {
			begun := time.Now()
			wellSaid(t, s, do(), "did not answer in time")
			if took := time.Since(begun); took > bound {
				t.Errorf("%s took %v, more than %v", name, took, bound)
			}
		})
	}
	wg.Wait()
}

// TestServiceEchoes answers with our key, in two lines and at length.
func TestServiceEchoes(t *testing.T) {
	t.Parallel()
	f := s3test.NewFake(t)
	s := patient(t, f)
	f.Fail("PutObject", 1, func(w http.ResponseWriter, r *http.Request, _ *s3test.Fake) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, r.Header.Get("Authorization")+"\n"+strings.Repeat("x", 5000))
	})
	_, err := put(t, s, content(small))
	wellSaid(t, s, err, "418")
	if err != nil && len(err.Error()) > 400 {
		t.Errorf("the error has %d octets", len(err.Error()))
	}
}

// TestTLS speaks to a service over TLS, and does not fall back.
func TestTLS(t *testing.T) {
	t.Parallel()
	f := s3test.NewFake(t)
	safe := httptest.NewUnstartedServer(f)
	safe.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of those who do not trust it
	safe.StartTLS()
	t.Cleanup(safe.Close)
	secure := func(o *Options) {
		o.Host, o.Plain = safe.Listener.Addr().String(), false
		o.Roots = x509.NewCertPool()
		o.Roots.AddCert(safe.Certificate())
	}
	s, err := at(t, f.URL, secure)
	if err != nil {
		t.Fatal(err)
	}
	data := content(large)
	id, err := put(t, s, data)
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, id, data)
	for name, change := range map[string]func(*Options){
		"unknown authority": func(o *Options) { secure(o); o.Roots = x509.NewCertPool() },
		"no TLS":            func(o *Options) { o.Plain = false },
	} {
		before := f.Count("ListObjects")
		_, err := at(t, f.URL, change)
		if err == nil || !strings.Contains(err.Error(), "can't be used") || f.Count("ListObjects") != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}
