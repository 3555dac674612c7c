package s3test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Fake is an S3 service in memory, with one bucket, that can be made to fail.
// It believes every signature.
type Fake struct {
	URL string // of the bucket, with credentials

	server *httptest.Server
	store  http.Handler  // without faults
	ended  chan struct{} // closed when the test ends

	mu     sync.Mutex
	faults []*fault
	count  map[string]int
}

// fault is what happens to some requests.
type fault struct {
	operation string
	times     int
	do        Fault
}

// Fault answers a request in place of the store.
type Fault func(w http.ResponseWriter, r *http.Request, f *Fake)

// NewFake starts a service that ends with the test.
func NewFake(t testing.TB) *Fake {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("bodies"); err != nil {
		t.Fatal(err)
	}
	f := &Fake{ended: make(chan struct{}), count: make(map[string]int)}
	f.store = gofakes3.New(backend, gofakes3.WithoutVersioning()).Server()
	f.server = httptest.NewServer(f)
	f.URL = "s3://FAKEKEY:FAKESECRET@" + f.server.Listener.Addr().String() + "/bodies?tls=off"
	t.Cleanup(func() {
		close(f.ended)
		f.server.Close()
	})
	return f
}

// Fail lets the next requests of an operation, or of any operation if it is
// empty, meet a fault. Faults given first come first; times 0 stands for all.
func (f *Fake) Fail(operation string, times int, do Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &fault{operation, times, do})
}

// Heal takes all faults away.
func (f *Fake) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// Count is how many requests of an operation there were.
func (f *Fake) Count(operation string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[operation]
}

// Store does what a request asks.
func (f *Fake) Store(w http.ResponseWriter, r *http.Request) { f.store.ServeHTTP(w, r) }

// ServeHTTP counts a request and lets it meet its fault, if there is one.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if do := f.next(Operation(r)); do != nil {
		do(w, r, f)
		return
	}
	f.store.ServeHTTP(w, r)
}

func (f *Fake) next(operation string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[operation]++
	for i, fault := range f.faults {
		if fault.operation != "" && fault.operation != operation {
			continue
		}
		if fault.times--; fault.times == 0 {
			f.faults = append(f.faults[:i:i], f.faults[i+1:]...)
		}
		return fault.do
	}
	return nil
}

// Operation is the name that S3 has for what a request asks.
func Operation(r *http.Request) string {
	q := r.URL.Query()
	object := strings.Contains(strings.TrimPrefix(r.URL.Path, "/"), "/") && !strings.HasSuffix(r.URL.Path, "/")
	switch key := r.Method; {
	case !object:
		return bucketOperation(key, q)
	case key == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload"
	case key == http.MethodPost && q.Has("uploadId"):
		return "CompleteMultipartUpload"
	case key == http.MethodPut && q.Has("uploadId"):
		return "UploadPart"
	case key == http.MethodDelete && q.Has("uploadId"):
		return "AbortMultipartUpload"
	default:
		return title(key) + "Object"
	}
}

func bucketOperation(method string, q url.Values) string {
	switch {
	case method == http.MethodGet && q.Has("uploads"):
		return "ListMultipartUploads"
	case method == http.MethodGet:
		return "ListObjects"
	case method == http.MethodPost && q.Has("delete"):
		return "DeleteObjects"
	default:
		return title(method) + "Bucket"
	}
}

func title(method string) string { return method[:1] + strings.ToLower(method[1:]) }

// Refuse answers with an error of S3.
func Refuse(status int, code string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ *Fake) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			io.WriteString(w, "<Error><Code>"+code+"</Code><Message>as the test wants</Message></Error>")
		}
	}
}

// Hang reads nothing and answers nothing until the client gives up.
func Hang(_ http.ResponseWriter, r *http.Request, f *Fake) {
	select {
	case <-r.Context().Done():
	case <-f.ended:
	}
	panic(http.ErrAbortHandler)
}

// CutUpload closes the connection when n octets of the request have come.
func CutUpload(n int64) Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ *Fake) {
		io.CopyN(io.Discard, r.Body, n)
		panic(http.ErrAbortHandler)
	}
}

// LoseAnswer does what is asked and closes the connection without a word.
func LoseAnswer(_ http.ResponseWriter, r *http.Request, f *Fake) {
	f.store.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// CutAnswer does what is asked and closes the connection when n octets of the
// answer, after its head, are written.
func CutAnswer(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, f *Fake) {
		full := httptest.NewRecorder()
		f.store.ServeHTTP(full, r)
		for key, values := range full.Header() {
			w.Header()[key] = values
		}
		w.WriteHeader(full.Code)
		w.Write(full.Body.Bytes()[:min(n, full.Body.Len())])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}
