package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	maxRequest = MaxImport*4/3 + 1<<20 // an import travels in base64
	headerTime = 10 * time.Second
	stopTime   = 5 * time.Second
	pathPrefix = "/v1/"
)

// answerLine is one line of an answer: how far it is, what was found on the way,
// or its end.
type answerLine struct {
	Found    json.RawMessage  `json:"found,omitempty"`
	Progress *progressMessage `json:"progress,omitempty"`
	Result   json.RawMessage  `json:"result,omitempty"`
	Error    *Error           `json:"error,omitempty"`
}

type progressMessage struct {
	Done  int `json:"done"`
	Total int `json:"total"`
}

// Door answers on the control socket of a data directory.
type Door struct {
	service *Service
	log     *slog.Logger
	ln      net.Listener
}

// Listen opens the control socket in dir, which must exist and whose store the
// caller has open. Serve must be called to answer on it, and closes it.
func Listen(ctx context.Context, dir string, s *Service) (*Door, error) {
	l, err := listen(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	log := s.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Door{service: s, log: log, ln: l}, nil
}

// Serve answers until ctx ends, then gives what is under way a moment to
// notice that.
func (d *Door) Serve(ctx context.Context) error {
	srv := &http.Server{
		Handler:           http.HandlerFunc(d.answer),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       headerTime,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			srv.Close()
		}
	})
	err := srv.Serve(d.ln)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("control socket: %w", err)
}

// answer runs one verb: POST /v1/VERB with the request's JSON, answered by
// lines of JSON of which the last has the result or the error.
func (d *Door) answer(w http.ResponseWriter, r *http.Request) {
	name, ok := verbOf(r)
	if !ok {
		http.Error(w, "POST "+pathPrefix+"VERB", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	send := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		send.Encode(answerLine{Error: &Error{Invalid, "the request is cut short or too large"}})
		return
	}
	var last time.Time
	tell := watcher{progress: func(done, total int) {
		if now := time.Now(); done == total || now.Sub(last) > 100*time.Millisecond {
			last = now
			send.Encode(answerLine{Progress: &progressMessage{done, total}})
			flush.Flush()
		}
	}, found: func(v any) {
		send.Encode(answerLine{Found: lineOf(v)})
		flush.Flush()
	}}
	result, err := d.service.run(r.Context(), name, request, tell)
	d.note(r.Context(), name, err)
	if err != nil {
		send.Encode(answerLine{Error: asError(err)})
		return
	}
	send.Encode(answerLine{Result: result})
}

// lineOf is a value of ours, which always can be written.
func lineOf(v any) json.RawMessage {
	text, _ := json.Marshal(v)
	return text
}

func verbOf(r *http.Request) (string, bool) {
	if r.Method != http.MethodPost || len(r.URL.Path) <= len(pathPrefix) || r.URL.Path[:len(pathPrefix)] != pathPrefix {
		return "", false
	}
	return r.URL.Path[len(pathPrefix):], true
}

// note logs what was asked, without its arguments.
func (d *Door) note(ctx context.Context, name string, err error) {
	var e *Error
	switch {
	case err == nil:
		d.log.InfoContext(ctx, "control", "verb", name)
	case errors.As(err, &e) && e.Kind != Failed:
		d.log.InfoContext(ctx, "control refused", "verb", name, "kind", e.Kind, "err", err)
	default:
		d.log.ErrorContext(ctx, "control failed", "verb", name, "err", err)
	}
}
