package s3test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// client speaks to the service of an address and tells the bucket.
func client(t *testing.T, address string) (*minio.Client, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := u.User.Password()
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(u.User.Username(), secret, ""), Region: "us-east-1", MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c, strings.TrimPrefix(u.Path, "/")
}

func store(t *testing.T, c *minio.Client, bucket, key, text string) error {
	t.Helper()
	_, err := c.PutObject(t.Context(), bucket, key, strings.NewReader(text), int64(len(text)), minio.PutObjectOptions{})
	return err
}

func load(t *testing.T, c *minio.Client, bucket, key string) (string, error) {
	t.Helper()
	o, err := c.GetObject(t.Context(), bucket, key, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	p, err := io.ReadAll(o)
	return string(p), err
}

// TestServer stores an object, stops the server and finds the object in its
// directory with the next one.
func TestServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Start(dir)
	if err != nil {
		t.Fatal(err)
	}
	address, err := s.Create(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	c, bucket := client(t, address)
	if err := store(t, c, bucket, "a/b", "text"); err != nil {
		t.Error(err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := load(t, c, bucket, "a/b"); err == nil {
		t.Error("it answers although it was stopped")
	}
	if s, err = Start(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	c, _ = client(t, s.URL(bucket))
	if got, err := load(t, c, bucket, "a/b"); got != "text" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := s.Create(t.Context(), "kept"); err == nil {
		t.Error("a bucket was made twice")
	}
}

func TestStopRemovesWhatStartMade(t *testing.T) {
	t.Parallel()
	s, err := Start("")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v", s.dir, err)
	}
}

// script is a program in place of go that notes each call.
func script(t *testing.T, text string) (path, calls string) {
	t.Helper()
	dir := t.TempDir()
	path, calls = filepath.Join(dir, "go"), filepath.Join(dir, "calls")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho \"$@\" >>"+calls+"\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path, calls
}

// TestBuildOnce lets several ask at once for a binary that is not there.
func TestBuildOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cache")
	gocmd, calls := script(t, "echo built >$GOBIN/versitygw\n")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			path, err := built(dir, gocmd)
			if err != nil {
				t.Error(err)
				return
			}
			if p, err := os.ReadFile(path); err != nil || string(p) != "built\n" {
				t.Errorf("%s has %q, %v", path, p, err)
			}
		})
	}
	wg.Wait()
	p, err := os.ReadFile(calls)
	if err != nil || string(p) != "install "+module+"\n" {
		t.Errorf("go was called so: %q, %v", p, err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "build-*")); err != nil || len(files) != 0 {
		t.Errorf("left: %v, %v", files, err)
	}
}

func TestBuildFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	gocmd, _ := script(t, "echo no network >&2; exit 1\n")
	_, err := built(dir, gocmd)
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"no network", "go install " + module, variable} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	gocmd, _ = script(t, "echo built >$GOBIN/versitygw\n")
	if _, err := built(dir, gocmd); err != nil {
		t.Errorf("after a failure: %v", err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	f := NewFake(t)
	c, bucket := client(t, f.URL)
	text := strings.Repeat("text", 1000)
	for name, fault := range map[string]Fault{"Refuse": Refuse(http.StatusServiceUnavailable, "SlowDown"), "CutUpload": CutUpload(100)} {
		f.Fail("PutObject", 1, fault)
		if err := store(t, c, bucket, name, text); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := load(t, c, bucket, name); minio.ToErrorResponse(err).Code != minio.NoSuchKey {
			t.Errorf("%s: read: %v", name, err)
		}
		if err := store(t, c, bucket, name, text); err != nil {
			t.Errorf("%s: the second time: %v", name, err)
		}
	}
	f.Fail("PutObject", 0, LoseAnswer)
	if err := store(t, c, bucket, "lost", text); err == nil {
		t.Error("LoseAnswer: no error")
	}
	if got, err := load(t, c, bucket, "lost"); got != text || err != nil {
		t.Errorf("LoseAnswer: read %d octets, %v", len(got), err)
	}
	f.Fail("GetObject", 0, CutAnswer(1000))
	o, err := c.GetObject(t.Context(), bucket, "lost", minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(o); err == nil || got.Len() > 1000 {
		t.Errorf("CutAnswer: read %d octets, %v", got.Len(), err)
	}
	f.Heal()
	if got, err := load(t, c, bucket, "lost"); got != text || err != nil {
		t.Errorf("healed: read %d octets, %v", len(got), err)
	}
}

func TestOperation(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]string{
		"GET /b/k":                         "GetObject",
		"HEAD /b/k/l":                      "HeadObject",
		"PUT /b/k":                         "PutObject",
		"DELETE /b/k":                      "DeleteObject",
		"POST /b/k?uploads=":               "CreateMultipartUpload",
		"PUT /b/k?partNumber=1&uploadId=u": "UploadPart",
		"POST /b/k?uploadId=u":             "CompleteMultipartUpload",
		"DELETE /b/k?uploadId=u":           "AbortMultipartUpload",
		"HEAD /b/":                         "HeadBucket",
		"PUT /b":                           "PutBucket",
		"GET /b/?list-type=2":              "ListObjects",
		"GET /b/?uploads=":                 "ListMultipartUploads",
		"POST /b/?delete=":                 "DeleteObjects",
	} {
		method, target, _ := strings.Cut(request, " ")
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if got := Operation(&http.Request{Method: method, URL: u}); got != want {
			t.Errorf("%s is %s, want %s", request, got, want)
		}
	}
}
