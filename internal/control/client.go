package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Call is one thing to ask.
type Call struct {
	Verb     string
	Request  any
	Response any                   // a pointer
	Progress Progress              // nil: nobody watches
	Found    func(json.RawMessage) // what a long verb tells before its end; nil: nobody listens
}

// Client asks a running server.
type Client struct{ http http.Client }

// NewClient is for the server of a data directory. It connects when it is used.
func NewClient(dir string) *Client {
	return &Client{http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, dir) },
	}}}
}

// Do asks the server. What the server says went wrong is an *Error.
func (c *Client) Do(ctx context.Context, call Call) error {
	body, err := json.Marshal(call.Request)
	if err != nil {
		return fmt.Errorf("%s: %w", call.Verb, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://control"+pathPrefix+call.Verb, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", call.Verb, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server: %w", reason(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the server: it answers %s: it may be of another version", resp.Status)
	}
	return call.read(resp.Body)
}

// reason leaves out the URL, which means nothing to anybody.
func reason(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// read takes the lines of an answer until the one that ends it.
func (c Call) read(r io.Reader) error {
	dec := json.NewDecoder(r)
	for {
		var m answerLine
		switch err := dec.Decode(&m); {
		case err != nil:
			return fmt.Errorf("%s: the server went away before it answered: %w", c.Verb, err)
		case m.Error != nil:
			return m.Error
		case m.Result != nil:
			return c.finish(m.Result)
		case m.Found != nil && c.Found != nil:
			c.Found(m.Found)
		case m.Progress != nil && c.Progress != nil:
			c.Progress(m.Progress.Done, m.Progress.Total)
		}
	}
}

func (c Call) finish(result json.RawMessage) error {
	if c.Response == nil {
		return nil
	}
	if err := json.Unmarshal(result, c.Response); err != nil {
		return fmt.Errorf("%s: the answer is not one that this version of tem knows", c.Verb)
	}
	return nil
}

// ErrInUse says that another process has the store: a server that does not
// answer yet or any more, or somebody else's verb.
var ErrInUse = errors.New("is in use by another process")

// How long Do waits for a store that is in use, and how often it looks.
const (
	patience  = 3 * time.Second
	lookAgain = 50 * time.Millisecond
)

// Do asks the server of a data directory, or, if none is running, opens its
// store and does the same there.
func Do(ctx context.Context, dir string, open func(context.Context) (*Service, func() error, error), call Call) error {
	end := time.Now().Add(patience)
	for {
		if err := NewClient(dir).Do(ctx, call); !errors.Is(err, errNobody) {
			return err
		}
		s, closeStore, err := open(ctx)
		if err == nil {
			return errors.Join(s.Do(ctx, call), closeStore())
		}
		if !errors.Is(err, ErrInUse) || time.Now().After(end) {
			return lateServer(ctx, dir, call, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// lateServer is for a store that could not be opened: a server may have come
// up since nobody answered.
func lateServer(ctx context.Context, dir string, call Call, notOpened error) error {
	if err := NewClient(dir).Do(ctx, call); !errors.Is(err, errNobody) {
		return err
	}
	return notOpened
}

// Do runs a call in this process.
func (s *Service) Do(ctx context.Context, call Call) error {
	body, err := json.Marshal(call.Request)
	if err != nil {
		return fmt.Errorf("%s: %w", call.Verb, err)
	}
	result, err := s.run(ctx, call.Verb, body, call.watcher())
	if err != nil {
		return err
	}
	return call.finish(result)
}

// watcher hands on what is told in this process.
func (c Call) watcher() watcher {
	w := watcher{progress: c.Progress, found: func(any) {}}
	if w.progress == nil {
		w.progress = func(int, int) {}
	}
	if c.Found != nil {
		w.found = func(v any) { c.Found(lineOf(v)) }
	}
	return w
}
