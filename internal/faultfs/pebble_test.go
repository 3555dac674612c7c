package faultfs

import (
	"errors"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

func openPebble(t *testing.T, f *FS) (*pebble.DB, error) {
	t.Helper()
	return pebble.Open("db", &pebble.Options{FS: f, Logger: quiet{}})
}

// TestUnderPebble stores a table and reads it through a fault: the library
// sees the file system that it is given, and nothing goes around it.
func TestUnderPebble(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault func(*FS)
		seen  func(error) bool
	}{
		"sound":   {func(f *FS) {}, func(err error) bool { return err == nil }},
		"damaged": {func(f *FS) { f.Flip("*.sst", 10, 3) }, pebble.IsCorruptionError},
		"bad": {
			func(f *FS) { f.Fail(Fault{On: Reads, Name: "*.sst"}) },
			func(err error) bool { return errors.Is(err, syscall.EIO) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := New(vfs.NewMem())
			db, err := openPebble(t, f)
			if err != nil {
				t.Fatal(err)
			}
			err = errors.Join(db.Set([]byte("k"), make([]byte, 100), pebble.Sync), db.Flush(), db.Close())
			if err != nil {
				t.Fatal(err)
			}
			c.fault(f)
			if err := readPebble(t, f); !c.seen(err) {
				t.Errorf("read: %v", err)
			}
		})
	}
}

func readPebble(t *testing.T, f *FS) error {
	t.Helper()
	db, err := openPebble(t, f)
	if err != nil {
		return err
	}
	defer db.Close()
	_, closer, err := db.Get([]byte("k"))
	if err == nil {
		err = closer.Close()
	}
	return err
}
