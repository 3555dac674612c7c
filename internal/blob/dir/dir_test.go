package dir

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tem/internal/blob"
	"tem/internal/blob/blobtest"
)

func open(t *testing.T, root string) *Store {
	t.Helper()
	s, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, t.TempDir()) })
}

// TestReopen abandons a body half-written, as a crash does.
func TestReopen(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root)
	done, lost := blob.NewID(time.Now()), blob.NewID(time.Now())
	for _, id := range []blob.ID{done, lost} {
		w, err := s.Create(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, "text")
		if id == done {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	s = open(t, root)
	r, err := s.Open(t.Context(), done)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := s.Open(t.Context(), lost); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the unfinished body: %v", err)
	}
	left, err := os.ReadDir(filepath.Join(root, temp))
	if err != nil || len(left) != 0 {
		t.Errorf("%d files left in tmp, %v", len(left), err)
	}
}

func TestStrangersAreLeftAlone(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root)
	os.WriteFile(filepath.Join(root, "README"), nil, 0o600)
	os.Mkdir(filepath.Join(root, "AA"), 0o700)
	os.WriteFile(filepath.Join(root, "AA", "notes.txt"), nil, 0o600)
	err := s.List(t.Context(), func(i blob.Info) error {
		t.Errorf("listed %v", i)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestContractInMemory(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blob.Store {
		s, err := OpenWith(Options{Dir: "bodies", FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
