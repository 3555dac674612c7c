package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"tem/internal/faultfs"
	"tem/internal/kv"
)

// fill writes n volumes of one value each, and then some that begins another.
func (s *shop) fill(n int) {
	for i := range n {
		s.set(map[string][]byte{fmt.Sprintf("%02d", i): noise(i, 9000)})
	}
	s.set(map[string][]byte{"last": noise(n, 100)})
}

// counting counts how many volumes are closed.
type counting struct {
	vfs.FS
	closed atomic.Int32
}

func (c *counting) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := c.FS.OpenReadWrite(name, category, opts...)
	return &countedFile{f, c}, err
}

type countedFile struct {
	vfs.File
	of *counting
}

func (f *countedFile) Close() error {
	f.of.closed.Add(1)
	return f.File.Close()
}

// TestTidyLeavesNothing: the files that are removed are closed, their rows do
// not come back, and the last volume is filled further after a new start.
func TestTidyLeavesNothing(t *testing.T) {
	t.Parallel()
	fs := &counting{FS: vfs.NewMem()}
	s := &shop{t: t, e: open(t, Options{FS: fs, Apart: apart}), want: make(map[string][]byte)}
	s.fill(4)
	s.delete("00")
	s.delete("02")
	tidy(t, s.e)
	s.set(map[string][]byte{"small": noise(9, 100)})
	if n := fs.closed.Load(); n != 2 {
		t.Errorf("%d files are closed, want 2", n)
	}
	const left = "00000002.values 00000004.values 00000005.values"
	for range 2 {
		if got := files(t, fs); got != left {
			t.Errorf("files %s, want %s", got, left)
		}
		s.e.Close()
		var log bytes.Buffer
		s.e = open(t, Options{FS: fs, Apart: apart, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if log.Len() > 0 {
			t.Errorf("the log has %s", &log)
		}
		s.set(map[string][]byte{"small": noise(10, 100)})
		s.check()
	}
	s.e.Close()
	if n := fs.closed.Load(); n != 2+3*3 {
		t.Errorf("%d files are closed after three ends, want 11", n)
	}
}

// TestTidyGoesOn to the other volumes from one that is damaged.
func TestTidyGoesOn(t *testing.T) {
	t.Parallel()
	fs := faultfs.New(vfs.NewMem())
	s := &shop{t: t, e: open(t, Options{FS: fs, Apart: apart}), want: make(map[string][]byte)}
	defer s.e.Close()
	s.fill(dailyRounds + 1) // two in a call
	s.delete("00")
	s.delete("01")
	fs.Flip("00000001.values", 10, 0)
	if err := s.e.Tidy(t.Context()); !errors.Is(err, kv.ErrDamaged) {
		t.Errorf("tidy: %v", err)
	}
	if got := files(t, fs); !strings.HasPrefix(got, "00000001.values 00000003.values") {
		t.Errorf("files %s", got)
	}
	s.check()
}

// TestCarryMeetsAWrite changes a row while its value is carried out of a volume.
func TestCarryMeetsAWrite(t *testing.T) {
	t.Parallel()
	reads, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var armed atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if armed.Load() && op.Kind == errorfs.OpFileReadAt && strings.HasSuffix(op.Path, "1.values") && op.Offset == recordHead+8+1 {
			once.Do(func() { close(reads); <-goOn })
		}
		return nil
	}))
	s := &shop{t: t, e: open(t, Options{FS: fs, Apart: apart}), want: make(map[string][]byte)}
	defer s.e.Close()
	s.set(map[string][]byte{"a": noise(1, 2000)})
	s.set(map[string][]byte{"b": noise(2, 7000)})
	s.set(map[string][]byte{"c": noise(3, 100)})
	s.delete("b")
	armed.Store(true)
	tidied := make(chan error)
	go func() { tidied <- s.e.Tidy(t.Context()) }()
	<-reads
	s.set(map[string][]byte{"a": noise(4, 2000)})
	close(goOn)
	if err := <-tidied; err != nil {
		t.Error(err)
	}
	s.check()
	if got := files(t, fs); got != "00000002.values" {
		t.Errorf("files %s", got)
	}
}
