package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// crowd calls fn again and again from n goroutines until span has passed or
// one call fails. It returns how long each call took, sorted, and how long it
// was until the last one ended. fn learns which goroutine it is in.
func crowd(ctx context.Context, n int, span time.Duration, fn func(worker int) error) ([]time.Duration, time.Duration, error) {
	times := make([][]time.Duration, n)
	errs := make([]error, n)
	start := time.Now()
	var wg sync.WaitGroup
	for w := range n {
		wg.Go(func() {
			for before := start; before.Sub(start) < span && errs[w] == nil; {
				if errs[w] = ctx.Err(); errs[w] == nil {
					errs[w] = fn(w)
				}
				now := time.Now()
				times[w] = append(times[w], now.Sub(before))
				before = now
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	all := slices.Concat(times...)
	slices.Sort(all)
	return all, took, errors.Join(errs...)
}

// each calls fn for 0 to n-1 from workers goroutines, in no order.
func each(ctx context.Context, workers, n int, fn func(worker, i int) error) error {
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				if errs[w] = ctx.Err(); errs[w] == nil {
					errs[w] = fn(w, i)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
