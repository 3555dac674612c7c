package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"tem/internal/blob"
	"tem/internal/kv/memory"
	"tem/internal/mail"
)

// making is the processor time that one letter takes to make.
func (b *bench) making(size int) time.Duration {
	p := piecewise()
	return cpuOf(size, func() error { return b.letters.write(io.Discard, p, int(b.serial.Add(1)), size) })
}

// reading is the processor time of the spool alone, with nothing to write to.
func (b *bench) reading(size int) (time.Duration, error) {
	e := memory.New()
	defer e.Close()
	s, err := mail.Open(b.ctx, mail.Options{KV: e, Blobs: new(slate)})
	if err != nil {
		return 0, err
	}
	p := piecewise()
	var failed error
	spool := cpuOf(size, func() error {
		sp := s.NewSpool(b.ctx)
		if failed = b.letters.write(sp, p, int(b.serial.Add(1)), size); failed == nil {
			_, failed = sp.Finish()
		}
		return failed
	})
	return spool - b.making(size), failed
}

// slate is a blob.Store and the Writer of the one body that it holds, the latest.
type slate struct{ body []byte }

func (s *slate) Create(context.Context, blob.ID) (blob.Writer, error) {
	s.body = s.body[:0]
	return s, nil
}

func (s *slate) Write(p []byte) (int, error) {
	s.body = append(s.body, p...)
	return len(p), nil
}

func (s *slate) Open(context.Context, blob.ID) (blob.Reader, error) {
	return slateReader{bytes.NewReader(s.body)}, nil
}

func (s *slate) Close() error                                      { return nil }
func (s *slate) Abort()                                            {}
func (s *slate) Delete(context.Context, ...blob.ID) error          { return nil }
func (s *slate) List(context.Context, func(blob.Info) error) error { return nil }

type slateReader struct{ *bytes.Reader }

func (slateReader) Close() error { return nil }

// cpuOf is the processor time of one call of fn, which handles size octets: the
// median of a few rounds, as it is short.
func cpuOf(size int, fn func() error) time.Duration {
	const rounds = 5
	count := max(4, min(2000, 64<<20/size))
	times := make([]float64, rounds)
	for i := range times {
		before := cpuTime()
		for range count {
			if fn() != nil {
				return 0
			}
		}
		times[i] = float64(cpuTime()-before) / float64(count)
	}
	return time.Duration(median(times))
}

// startProfile begins to profile a run; the returned function writes the files.
func (b *bench) startProfile(size, writers int) (stop func(), err error) {
	if b.profile == "" {
		return func() {}, nil
	}
	stem := filepath.Join(b.profile, fmt.Sprintf("%d-%d", size, writers))
	cpu, err := os.Create(stem + ".cpu")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		cpu.Close()
		if heap, err := os.Create(stem + ".allocs"); err == nil {
			_ = pprof.Lookup("allocs").WriteTo(heap, 0)
			heap.Close()
		}
	}, nil
}
