// Package app wires the floors together: it opens the stores, gives each
// server what it may use and nothing more, and ends everything in order. It is
// the only place that sees them all.
//
// Run owns every goroutine it starts and waits for them.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"tem/internal/blob/dir"
	"tem/internal/bus/local"
	"tem/internal/config"
	"tem/internal/control"
	"tem/internal/directory"
	"tem/internal/kv"
	"tem/internal/kv/pebble"
	"tem/internal/mail"
	"tem/internal/queue"
)

// Stores are what a data directory holds, opened.
type Stores struct {
	KV        kv.Engine
	Mail      *mail.Store
	Directory *directory.Directory
}

// OpenStores opens the stores under data, making them where they are missing.
// onFatal is called when the disk fails in a way that nothing can be kept any more.
func OpenStores(ctx context.Context, data string, log *slog.Logger, onFatal func(error)) (*Stores, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	engine, err := pebble.Open(pebble.Options{Dir: filepath.Join(data, "rows"), Log: log, OnFatal: onFatal})
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return nil, fmt.Errorf("%s is in use by another process; one server at a time can have it: stop that one, or name another directory", data)
	case err != nil:
		return nil, fmt.Errorf("open the store in %s: %w", data, err)
	}
	s, err := openOn(ctx, engine, data, log)
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return s, nil
}

func openOn(ctx context.Context, engine kv.Engine, data string, log *slog.Logger) (*Stores, error) {
	bodies, err := dir.Open(filepath.Join(data, "bodies"))
	if err != nil {
		return nil, fmt.Errorf("open the bodies in %s: %w", data, err)
	}
	letters, err := mail.Open(ctx, mail.Options{KV: engine, Blobs: bodies, Bus: local.New(), Log: log})
	if err != nil {
		return nil, err
	}
	people, err := directory.Open(ctx, directory.Options{KV: engine})
	if err != nil {
		return nil, err
	}
	return &Stores{KV: engine, Mail: letters, Directory: people}, nil
}

// Close ends the use of the stores.
func (s *Stores) Close() error { return s.KV.Close() }

// Service opens the stores of a server that is not running, for the
// administrator's verbs. config names a file; data, if not empty, a data
// directory directly. The result is the service and what closes it.
func Service(ctx context.Context, file, data string) (*control.Service, func() error, error) {
	data, err := DataDir(file, data)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.DiscardHandler)
	s, err := openOrFail(ctx, data, log)
	if err != nil {
		return nil, nil, err
	}
	q := queue.New(queue.Options{KV: s.KV, Mail: s.Mail, Log: log, Now: time.Now})
	return &control.Service{Directory: s.Directory, Mail: s.Mail, Queue: q}, s.Close, nil
}

// openOrFail opens the stores, but does not wait for an opening that a failed
// disk holds up.
func openOrFail(ctx context.Context, data string, log *slog.Logger) (*Stores, error) {
	type outcome struct {
		s   *Stores
		err error
	}
	fatal, opened := make(chan error, 1), make(chan outcome, 1)
	go func() {
		s, err := OpenStores(ctx, data, log, func(err error) { fatal <- err })
		opened <- outcome{s, err}
	}()
	select {
	case o := <-opened:
		return o.s, o.err
	case err := <-fatal:
		return nil, fmt.Errorf("open the store in %s: %w", data, err)
	}
}

// DataDir is the data directory that the flags of an administrator's verb name.
func DataDir(file, data string) (string, error) {
	if data != "" {
		return data, nil
	}
	c, err := config.Load(file)
	return c.Data, err
}
