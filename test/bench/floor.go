package main

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// groupCommit is the floor: writers that each hand in size octets and wait,
// one log that writes what has gathered and syncs it. Messages a second.
func groupCommit(dir string, writers, size int, span time.Duration) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "floor"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	requests := make(chan chan struct{}, writers)
	end := time.Now().Add(span)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			done := make(chan struct{})
			for time.Now().Before(end) {
				requests <- done
				<-done
			}
		})
	}
	go func() { wg.Wait(); close(requests) }()
	return drain(f, requests, make([]byte, size))
}

// drain writes and syncs one group after another.
func drain(f *os.File, requests chan chan struct{}, body []byte) (float64, error) {
	start, count := time.Now(), 0
	var failed error
	var group []chan struct{}
	var buffer []byte
	for first := range requests {
		group = append(group[:0], first)
		for len(requests) > 0 {
			group = append(group, <-requests)
		}
		buffer = buffer[:0]
		for range group {
			buffer = append(buffer, body...)
		}
		if _, err := f.Write(buffer); err != nil {
			failed = err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			failed = err
		}
		for _, done := range group {
			done <- struct{}{}
		}
		count += len(group)
	}
	return float64(count) / time.Since(start).Seconds(), failed
}

// middle is the median of one figure.
func middle[T any](rs []T, figure func(T) float64) float64 {
	values := make([]float64, len(rs))
	for i, r := range rs {
		values[i] = figure(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
