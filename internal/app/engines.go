package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/jackc/pgx/v5/pgconn"

	"tem/internal/blob"
	"tem/internal/blob/dir"
	"tem/internal/blob/s3"
	"tem/internal/bus"
	"tem/internal/bus/local"
	buspostgres "tem/internal/bus/postgres"
	"tem/internal/config"
	"tem/internal/control"
	"tem/internal/kv/pebble"
	"tem/internal/kv/postgres"
	"tem/internal/mail"
)

// What lies in the data directory, beside the administrator's socket.
const (
	rowsDir   = "rows"
	bodiesDir = "bodies"
	nodeLock  = "node.lock" // held by a server whose store is elsewhere
)

// answerTime is how long a database or an object service may take to answer
// when the stores are opened.
const answerTime = 10 * time.Second

// openKV opens the rows.
func (s *Stores) openKV(ctx context.Context, c config.Config, log *slog.Logger, onFatal func(error)) error {
	if !c.Store.IsPostgres() {
		return s.openPebble(c.Data, log, onFatal)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	e, err := postgres.Open(ctx, postgres.Options{URL: string(c.Store), Log: log, OnFatal: onFatal})
	if err != nil {
		return unreachable("store", c.Store, err)
	}
	s.KV, s.Places.Rows = e, c.Store.String()
	s.close = append(s.close, e.Close)
	return nil
}

func (s *Stores) openPebble(data string, log *slog.Logger, onFatal func(error)) error {
	rows := filepath.Join(data, rowsDir)
	e, err := pebble.Open(pebble.Options{Dir: rows, Log: log, OnFatal: onFatal})
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return inUse(data)
	case err != nil:
		return fmt.Errorf("open the store in %s: %w", data, err)
	}
	s.KV, s.Places.Rows, s.Places.RowsDir = e, rows, rows
	s.close = append(s.close, e.Close)
	return nil
}

// openBodies opens the place of the bodies that are too large to lie beside
// their rows.
func (s *Stores) openBodies(ctx context.Context, c config.Config) (blob.Store, error) {
	switch c.Bodies.Scheme() {
	case "s3":
		return s.openS3(ctx, c.Bodies)
	case "file":
		lock, err := lockDir(c.Bodies.Dir(), "lock")
		if err != nil {
			return nil, err
		}
		s.close = append(s.close, lock.Close)
		return s.openDir(c.Bodies.Dir())
	}
	return s.openDir(filepath.Join(c.Data, bodiesDir))
}

func (s *Stores) openDir(root string) (blob.Store, error) {
	bodies, err := dir.Open(root)
	if err != nil {
		return nil, fmt.Errorf("open the bodies in %s: %w", root, err)
	}
	s.Places.Bodies, s.Places.BodiesDir = root, root
	return bodies, nil
}

func (s *Stores) openS3(ctx context.Context, p config.Place) (blob.Store, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	o, err := s3.ParseURL(string(p), os.Getenv)
	if err != nil {
		return nil, fmt.Errorf("bodies: %w", err)
	}
	bodies, err := s3.Open(ctx, o)
	if err != nil {
		return nil, unreachable("bodies", p, err)
	}
	s.Places.Bodies = p.String()
	s.close = append(s.close, func() error { bodies.Close(); return nil })
	return bodies, nil
}

// openBus opens the way on which nodes tell each other that something changed.
func (s *Stores) openBus(ctx context.Context, c config.Config, log *slog.Logger) (bus.Bus, error) {
	if !c.Store.IsPostgres() {
		return local.New(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	b, err := buspostgres.Open(ctx, buspostgres.Options{URL: string(c.Store), StateKey: mail.StateKey(), Log: log})
	if err != nil {
		return nil, unreachable("store", c.Store, err)
	}
	s.close = append(s.close, b.Close)
	return b, nil
}

// unreachable says in one line which key of the configuration does not work.
func unreachable(key string, p config.Place, err error) error {
	var malformed *pgconn.ParseConfigError
	if errors.As(err, &malformed) { // what is in the address stays out of the error
		return fmt.Errorf("%s = %q: the address can't be read: %v", key, p, malformed.Unwrap())
	}
	text := oneLine(err.Error())
	if errors.Is(err, context.DeadlineExceeded) {
		text = fmt.Sprintf("no answer within %v (%s)", answerTime, text)
	}
	return fmt.Errorf("%s = %q: %s", key, p, text)
}

// oneLine joins the lines of an error, each once: one that tried several
// addresses has a line for each.
func oneLine(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.Join(strings.Fields(lines[i]), " ")
	}
	return strings.Join(slices.Compact(lines), " ")
}

// lockDir makes a directory this process's own, by a file in it.
func lockDir(name, file string) (io.Closer, error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, err
	}
	lock, err := vfs.Default.Lock(filepath.Join(name, file))
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("lock the directory: %w", err)
	case err != nil:
		return nil, inUse(name)
	}
	return lock, nil
}

func inUse(dir string) error {
	return fmt.Errorf("%s %w; one server at a time can have it: stop that one, or name another directory", dir, control.ErrInUse)
}
