package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// scratchSize is the size of the file that floors of reading are read from.
const scratchSize = 1 << 30

// writeScratch makes that file and returns octets a second, synced.
func (b *bench) writeScratch() (float64, error) {
	f, err := os.Create(filepath.Join(b.dir, "scratch"))
	if err != nil {
		return 0, err
	}
	b.scratch = f
	block := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(block) // never fails
	start := time.Now()
	for range scratchSize / len(block) {
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
	}
	err = unix.Fdatasync(int(f.Fd()))
	return scratchSize / time.Since(start).Seconds(), err
}

// forget drops the files under root from the page cache.
func forget(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return forgetFile(f)
	})
}

// forgetFile writes what is dirty first: only clean pages can be dropped.
func forgetFile(f *os.File) error {
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return fmt.Errorf("sync %s: %w", f.Name(), err)
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// readThrough is how long it takes to read so many octets in order.
func (b *bench) readThrough(octets int64, cold bool) (time.Duration, error) {
	if err := b.warmth(cold, unix.FADV_SEQUENTIAL); err != nil {
		return 0, err
	}
	block := make([]byte, 1<<20)
	start := time.Now()
	for at := int64(0); at < octets; at += int64(len(block)) {
		n := min(int64(len(block)), octets-at)
		if _, err := b.scratch.ReadAt(block[:n], at%scratchSize); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// readSingly is how long it takes to read count pieces of size octets, one
// after another in order or anywhere.
func (b *bench) readSingly(count, size int, random, cold bool) (time.Duration, error) {
	advice := unix.FADV_SEQUENTIAL
	if random {
		advice = unix.FADV_RANDOM
	}
	if err := b.warmth(cold, advice); err != nil {
		return 0, err
	}
	piece := make([]byte, size)
	r := rand.New(rand.NewPCG(1, 2))
	start := time.Now()
	for i := range count {
		at := int64(i*size) % (scratchSize - int64(size))
		if random {
			at = r.Int64N((scratchSize-int64(size))>>12) << 12
		}
		if _, err := b.scratch.ReadAt(piece, at); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// warmth makes the scratch file cold, or leaves it as it is.
func (b *bench) warmth(cold bool, advice int) error {
	if err := unix.Fadvise(int(b.scratch.Fd()), 0, 0, advice); err != nil {
		return err
	}
	if !cold {
		return nil
	}
	return forgetFile(b.scratch)
}
