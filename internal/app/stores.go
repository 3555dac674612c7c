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
	"slices"
	"time"

	"tem/internal/blob"
	"tem/internal/bus"
	"tem/internal/config"
	"tem/internal/control"
	"tem/internal/directory"
	"tem/internal/journey"
	"tem/internal/kv"
	"tem/internal/mail"
	"tem/internal/queue"
	"tem/internal/reports"
	"tem/internal/transport"
)

// Stores are what a configuration says where to keep, opened.
type Stores struct {
	KV        kv.Engine
	Mail      *mail.Store
	Directory *directory.Directory
	Journal   *journey.Journal
	Places    control.Places

	close []func() error // the last opened last
}

// OpenStores opens the stores that c names, making them where they are missing.
// onFatal is called when nothing can be kept any more: the disk has failed, or
// the database has been lost for too long. Its errors are one line.
func OpenStores(ctx context.Context, c config.Config, log *slog.Logger, onFatal func(error)) (*Stores, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	s := new(Stores)
	if err := s.open(ctx, c, log, onFatal); err != nil {
		s.Close() // what it says is not why
		return nil, err
	}
	return s, nil
}

func (s *Stores) open(ctx context.Context, c config.Config, log *slog.Logger, onFatal func(error)) (err error) {
	if err := s.openKV(ctx, c, log, onFatal); err != nil {
		return err
	}
	bodies, err := s.openBodies(ctx, c)
	if err != nil {
		return err
	}
	notices, err := s.openBus(ctx, c, log)
	if err != nil {
		return err
	}
	if s.Mail, err = s.openMail(ctx, c, bodies, notices, log); err != nil {
		return err
	}
	s.Directory, err = directory.Open(ctx, directory.Options{KV: s.KV, Shared: c.Store.IsPostgres()})
	s.Journal = journey.New(journey.Options{KV: s.KV, Keep: time.Duration(c.Keep.Journey), Size: int64(c.Keep.JourneySize), Log: log})
	return err
}

func (s *Stores) openMail(ctx context.Context, c config.Config, bodies blob.Store, notices bus.Bus, log *slog.Logger) (*mail.Store, error) {
	return mail.Open(ctx, mail.Options{
		KV: s.KV, Blobs: bodies, Bus: notices, Log: log, Shared: c.Store.IsPostgres(),
		Keep: time.Duration(c.Keep.Deleted), KeepLog: time.Duration(c.Keep.Changes),
	})
}

// Close ends the use of the stores.
func (s *Stores) Close() error {
	var errs []error
	for _, end := range slices.Backward(s.close) {
		errs = append(errs, end())
	}
	s.close = nil
	return errors.Join(errs...)
}

// Service opens the stores of a server that is not running, for the
// administrator's verbs. file names a configuration; data, if not empty, a data
// directory directly. The result is the service and what closes it.
func Service(ctx context.Context, file, data string) (*control.Service, func() error, error) {
	c, err := configOf(file, data)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.DiscardHandler)
	s, err := openOrFail(ctx, c, log)
	if err != nil {
		return nil, nil, err
	}
	q := queue.New(queue.Options{KV: s.KV, Mail: s.Mail, Log: log, Now: time.Now})
	service := &control.Service{Directory: s.Directory, Mail: s.Mail, Queue: q, Journal: s.Journal, Reports: reports.New(reports.Options{KV: s.KV}), Places: s.Places}
	if c.Hostname != "" {
		service.Site = siteOf(c, nil)
		service.Route = (&transport.Remote{Relays: c.Outbound.Relays()}).CheckRoute
	}
	return service, s.Close, nil
}

// configOf is the configuration that the flags of an administrator's verb name.
func configOf(file, data string) (config.Config, error) {
	if data == "" {
		return config.Load(file)
	}
	c := config.Default()
	c.Data = data
	_, noStore := os.Stat(filepath.Join(data, rowsDir))
	if _, err := os.Stat(filepath.Join(data, nodeLock)); err == nil && noStore != nil {
		return c, fmt.Errorf("the store of %s is not in it, but where its server's configuration says: give --config FILE", data)
	}
	return c, nil
}

// openOrFail opens the stores, but does not wait for an opening that a failed
// disk holds up.
func openOrFail(ctx context.Context, c config.Config, log *slog.Logger) (*Stores, error) {
	type outcome struct {
		s   *Stores
		err error
	}
	fatal, opened := make(chan error, 1), make(chan outcome, 1)
	go func() {
		s, err := OpenStores(ctx, c, log, func(err error) { fatal <- err })
		opened <- outcome{s, err}
	}()
	select {
	case o := <-opened:
		return o.s, o.err
	case err := <-fatal:
		return nil, fmt.Errorf("open the store in %s: %w", c.Data, err)
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
