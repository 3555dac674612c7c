package app

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"tem/internal/line"
)

// listenSocket listens on a socket of the file system that its owner and group
// may use. One that a dead server left is replaced; one that answers, or a file
// of another kind, is not.
func listenSocket(name, path string) (net.Listener, error) {
	fail := func(err error) (net.Listener, error) {
		return nil, fmt.Errorf("listen.%s = %q: %w", name, path, err)
	}
	if err := line.RemoveStale(path); err != nil {
		return fail(err)
	}
	// It gets its name only when its rights are what they shall be.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".tem-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	unnamed := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: unnamed, Net: "unix"})
	if err != nil {
		return fail(err)
	}
	l.SetUnlinkOnClose(false) // it would be under the name that it has no more
	err = os.Chmod(unnamed, 0o660)
	if err == nil {
		err = os.Link(unnamed, path) // not over another's, which os.Rename would go
	}
	var made fs.FileInfo
	if err == nil {
		made, err = os.Lstat(path)
	}
	if err != nil {
		l.Close()
		return fail(err)
	}
	return &namedSocket{l, path, made}, nil
}

// namedSocket takes its name away when it is closed, unless it is another's by then.
type namedSocket struct {
	*net.UnixListener
	path string
	made fs.FileInfo
}

// Close is net.Listener's.
func (s *namedSocket) Close() error {
	err := s.UnixListener.Close()
	if now, gone := os.Lstat(s.path); gone == nil && err == nil && os.SameFile(now, s.made) {
		return os.Remove(s.path)
	}
	return err
}
