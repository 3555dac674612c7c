// Package pgtest runs private PostgreSQL servers for tests and measurements.
//
// Invariant: a server lives in a directory of its own, listens on a socket
// there and nowhere else, and ends with the process that started it. It is as
// durable as one in earnest: fsync and synchronous_commit are on.
//
// A Server owns one goroutine, which reads its log; Stop waits for it.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience is how long a server may take to be made, to start or to stop.
const patience = 3 * time.Minute

// settings are given to every server on its command line.
var settings = []string{
	"listen_addresses=", "fsync=on", "synchronous_commit=on", "full_page_writes=on",
	"max_connections=200", "shared_buffers=128MB", "max_wal_size=2GB", "lc_messages=C",
}

// Server is one PostgreSQL server with the superuser postgres, who needs no
// password.
type Server struct {
	bin, dir string
	own      bool // the directory was made here and is removed by Stop
	run      *run // nil while stopped
}

// Start makes a server in dir and starts it. An empty dir stands for a new
// directory for temporary files, which Stop removes. When this process is root
// the server runs as the user postgres, who must be able to reach dir.
func Start(dir string) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir, own: dir == ""}
	if s.own {
		if s.dir, err = os.MkdirTemp("", "tem-pg-"); err != nil {
			return nil, err
		}
	}
	if err = s.initialise(); err == nil {
		err = s.start()
	}
	if err != nil {
		s.remove()
		return nil, fmt.Errorf("run PostgreSQL in %s: %w", s.dir, err)
	}
	return s, nil
}

// binaries returns the directory of the newest server that is installed.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		path, err := exec.LookPath("postgres")
		if err != nil {
			return "", errors.New("PostgreSQL is not installed: install the Debian package postgresql (test/packages does)")
		}
		return filepath.Dir(path), nil
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return int(1000 * (release(a) - release(b))) })
	return filepath.Dir(newest), nil
}

// release is the number in /usr/lib/postgresql/N/bin/postgres.
func release(path string) (n float64) {
	fmt.Sscan(filepath.Base(filepath.Dir(filepath.Dir(path))), &n)
	return n
}

// initialise fills the directory.
func (s *Server) initialise() error {
	attr, err := credentials()
	if err != nil {
		return err
	}
	if attr.Credential != nil {
		if err := os.Chown(s.dir, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"),
		"-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	cmd.Dir, cmd.SysProcAttr = s.dir, attr
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Socket is the path of the unix socket that the server listens on.
func (s *Server) Socket() string { return filepath.Join(s.dir, ".s.PGSQL.5432") }

// URL is how to reach a database of this server.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&user=postgres", url.PathEscape(database), url.QueryEscape(s.dir))
}

// Stop ends the server at once and removes what Start made.
func (s *Server) Stop() error {
	err := s.crash()
	return errors.Join(err, s.remove())
}

func (s *Server) remove() error {
	if !s.own {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// Restart ends the server as a crash would and starts it again; it returns when
// the server has recovered.
func (s *Server) Restart() error {
	if err := s.crash(); err != nil {
		return err
	}
	return s.start()
}

// crash stops the server in its immediate mode: no checkpoint, no farewell.
func (s *Server) crash() error {
	if s.run == nil {
		return nil
	}
	r := s.run
	s.run = nil
	return r.stop(syscall.SIGQUIT)
}

func (s *Server) start() error {
	args := []string{"-D", s.data(), "-k", s.dir}
	for _, set := range settings {
		args = append(args, "-c", set)
	}
	r, err := startRun(filepath.Join(s.bin, "postgres"), s.dir, args)
	s.run = r
	return err
}

// Create makes an empty database and returns its URL. It goes with the server:
// to drop one costs a checkpoint, more than most tests.
func (s *Server) Create(ctx context.Context, name string) (string, error) {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", fmt.Errorf("create database %s: %w", name, err)
	}
	return s.URL(name), nil
}
