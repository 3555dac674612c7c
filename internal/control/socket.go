package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"tem/internal/line"
)

// socketName is the door's name in the data directory.
const socketName = "control.sock"

// maxSocketPath is what fits into sun_path everywhere, its final NUL aside.
const maxSocketPath = 103

// socketPath calls use with a name of the socket in dir that is short enough
// for the system calls; the name is good only during the call or, if use
// succeeds, until release.
func socketPath(dir string, use func(path string) error) (release func(), err error) {
	path := filepath.Join(dir, socketName)
	if len(path) <= maxSocketPath {
		return func() {}, use(path)
	}
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("the path of %s is longer than %d bytes: choose a shorter data directory", path, maxSocketPath)
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	release = func() { d.Close() }
	if err := use(fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName)); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// dial reaches the server of a data directory. errNobody: there is none.
func dial(ctx context.Context, dir string) (conn net.Conn, err error) {
	release, err := socketPath(dir, func(path string) (err error) {
		conn, err = (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
		return err
	})
	if err != nil {
		return nil, nobody(err)
	}
	release()
	return conn, nil
}

var errNobody = errors.New("no server is running")

// nobody recognises the errors that mean that nobody listens: there is no
// socket, or one that a dead process left behind.
func nobody(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return errNobody
	}
	return err
}

// listener is the door; closing it removes the socket.
type listener struct {
	net.Listener
	release func()
}

func (l *listener) Close() error {
	defer l.release()
	return l.Listener.Close()
}

// listen opens the door of a data directory to its owner alone.
func listen(ctx context.Context, dir string) (net.Listener, error) {
	if err := private(dir); err != nil {
		return nil, err
	}
	// Whoever listens holds the lock of the store in the data directory, or that
	// of the directory if the store is elsewhere, so at most one server gets here.
	var l net.Listener
	release, err := socketPath(dir, func(path string) (err error) {
		if err := line.RemoveStale(path); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, socketName), err)
		}
		if l, err = (&net.ListenConfig{}).Listen(ctx, "unix", path); err != nil {
			return err
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		if l != nil {
			l.Close()
		}
		return nil, err
	}
	return &listener{l, release}, nil
}

// private makes sure that nobody else can pass through dir.
func private(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return os.Chmod(dir, 0o700)
}
