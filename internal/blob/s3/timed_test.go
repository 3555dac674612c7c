package s3

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// watched is a body that knows whether somebody reads it.
type watched struct {
	io.Reader
	over atomic.Bool
	late atomic.Bool // it was read after it was over
}

func (w *watched) Read(p []byte) (int, error) {
	if w.over.Load() {
		w.late.Store(true)
	}
	return w.Reader.Read(p)
}

// TestBodyIsLetGo sends more than the other side takes, to one that refuses
// early and to one that says nothing. After an attempt the body must not be
// read any more: the next attempt reads it.
func TestBodyIsLetGo(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"refused early": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"silent":        func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(handler)
			t.Cleanup(s.Close)
			o := Options{Timeout: 200 * time.Millisecond}
			transport := transport(o)
			t.Cleanup(transport.CloseIdleConnections)
			body := &watched{Reader: endless{}}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL, body)
			if err != nil {
				t.Fatal(err)
			}
			r.ContentLength = 1 << 40
			answer, err := timed{transport, o.Timeout}.RoundTrip(r)
			if err == nil {
				answer.Body.Close()
			}
			body.over.Store(true)
			transport.CloseIdleConnections()
			s.CloseClientConnections()
			s.Close() // waits for what the other side still reads
			if body.late.Load() {
				t.Error("the body was read after the attempt")
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte{'x'}, 512)), nil }
