package app

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// listenSocket listens on a socket of the file system that its owner and group
// may use. One that a dead server left is replaced; one that answers, or a file
// of another kind, is not.
func listenSocket(name, path string) (net.Listener, error) {
	fail := func(err error) (net.Listener, error) {
		return nil, fmt.Errorf("listen.%s = %q: %w", name, path, err)
	}
	if err := removeStale(path); err != nil {
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

// removeStale removes a socket on which nobody listens.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("there is a file of another kind; remove it, or name another path")
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
		return fmt.Errorf("the socket is in use by another program: %w", syscall.EADDRINUSE)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("the socket may be in use by another program: %w", err)
	}
	return os.Remove(path)
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
