package main

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// groupCommit is the floor of deliveries: writers that each hand in size octets
// and wait, one log that writes what has gathered and syncs it.
func (b *bench) groupCommit(writers, size int) (r delivered, err error) {
	f, err := os.Create(filepath.Join(b.dir, "floor"))
	if err != nil {
		return r, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	l := &syncedLog{f: f, body: make([]byte, size), queue: make(chan chan error, writers)}
	ended := make(chan struct{})
	go func() { l.run(); close(ended) }()
	done := make([]chan error, writers)
	for i := range done {
		done[i] = make(chan error, 1)
	}
	before := cpuTime()
	times, took, err := crowd(b.ctx, writers, b.span, func(w int) error {
		l.queue <- done[w]
		return <-done[w]
	})
	close(l.queue)
	<-ended
	r = delivered{rate: float64(len(times)) / took.Seconds(), p50: percentile(times, 50)}
	r.cpu = (cpuTime() - before) / time.Duration(max(len(times), 1))
	return r, err
}

// syncedLog appends the same body for everybody who is in line.
type syncedLog struct {
	f     *os.File
	body  []byte
	queue chan chan error
	buf   []byte
}

func (l *syncedLog) run() {
	var group []chan error
	for first := range l.queue {
		group = append(group[:0], first)
		for range len(l.queue) {
			group = append(group, <-l.queue)
		}
		err := l.write(len(group))
		if err == nil {
			err = unix.Fdatasync(int(l.f.Fd()))
		}
		for _, done := range group {
			done <- err
		}
	}
}

// most is how much of a group is gathered for one call of write.
const most = 1 << 20

func (l *syncedLog) write(n int) error {
	l.buf = l.buf[:0]
	for i := range n {
		if l.buf = append(l.buf, l.body...); len(l.buf) < most && i < n-1 {
			continue
		}
		if _, err := l.f.Write(l.buf); err != nil {
			return err
		}
		l.buf = l.buf[:0]
	}
	return nil
}
