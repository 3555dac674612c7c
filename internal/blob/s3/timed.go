package s3

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// timed bounds each attempt at a request, from the dial to the last octet of
// the answer. The client above it makes the next attempt, from the same
// reader: an attempt is over only when the transport has let go of it, which
// may be later than RoundTrip returns.
type timed struct {
	next  http.RoundTripper
	limit time.Duration
}

func (t timed) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), t.limit)
	r = r.WithContext(ctx)
	end := cancel
	if r.Body != nil && r.Body != http.NoBody {
		body := &sentBody{ReadCloser: r.Body, done: make(chan struct{})}
		r.Body = body
		end = func() { cancel(); <-body.done }
	}
	answer, err := t.next.RoundTrip(r)
	if err != nil {
		end()
		return nil, err
	}
	answer.Body = &timedBody{answer.Body, end}
	return answer, nil
}

// sentBody is what a request sends; the transport always closes it.
type sentBody struct {
	io.ReadCloser
	once sync.Once
	done chan struct{}
}

func (b *sentBody) Close() error {
	defer b.once.Do(func() { close(b.done) })
	return b.ReadCloser.Close()
}

// timedBody is an answer.
type timedBody struct {
	io.ReadCloser
	end func()
}

func (b *timedBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
