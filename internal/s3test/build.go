package s3test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	version = "v1.8.0"
	module  = "github.com/versity/versitygw/cmd/versitygw@" + version

	// variable names a binary that is used instead of our own.
	variable = "TEM_VERSITYGW"

	// buildTime is how long the build may take, which is minutes when nothing
	// of it is in Go's cache.
	buildTime = 15 * time.Minute
)

// Build makes the server's program ready, so that no test has to wait for it,
// and returns its path.
func Build() (string, error) { return binary() }

// binary is the path of versitygw, which is built when it is needed for the
// first time on this machine. It is no part of our module: it has more
// dependencies than everything else together.
func binary() (string, error) {
	if path := os.Getenv(variable); path != "" {
		if _, err := exec.LookPath(path); err != nil {
			return "", fmt.Errorf("%s names no program: %w", variable, err)
		}
		return path, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return built(filepath.Join(cache, "tem"), "go")
}

// built returns the binary in a directory and makes it with the given go
// command if it is missing. Processes that come at once build it once.
func built(dir, gocmd string) (string, error) {
	path := filepath.Join(dir, "versitygw-"+version)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(path + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	if err := build(dir, path, gocmd); err != nil {
		return "", fmt.Errorf("the S3 server of the tests can't be built: %w\nrun\n\tGOBIN=%s go install %s\nand name the binary in %s",
			err, dir, module, variable)
	}
	return path, nil
}

// build leaves a complete binary at path or none.
func build(dir, path, gocmd string) error {
	temp, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, gocmd, "install", module)
	cmd.Dir = temp
	cmd.Env = append(os.Environ(), "GOBIN="+temp, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return os.Rename(filepath.Join(temp, "versitygw"), path)
}

// lock waits for the lock of a file.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil // closing gives the lock back
}
