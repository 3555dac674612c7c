// Package s3test gives tests a real S3 server, versitygw on a directory of its
// own, and an S3 service inside the test process that can be made to fail.
//
// Invariant: a server listens on the loopback only, has credentials that
// nobody else knows, and ends with the process that started it. A Server owns
// one goroutine, which waits for the child; Stop waits for it.
package s3test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// patience is how long a server may take to start or to stop.
const patience = time.Minute

// Server is one versitygw.
type Server struct {
	Host      string // 127.0.0.1:PORT, without TLS
	AccessKey string
	SecretKey string

	dir    string
	own    bool // the directory was made here and is removed by Stop
	cmd    *exec.Cmd
	output bytes.Buffer // of the child, complete when it has ended
	ended  chan struct{}
	err    error // why it ended
}

// Start starts a server that keeps everything in dir. An empty dir stands for
// a new directory for temporary files, which Stop removes.
func Start(dir string) (*Server, error) {
	binary, err := binary()
	if err != nil {
		return nil, err
	}
	s := &Server{AccessKey: rand.Text(), SecretKey: rand.Text(), dir: dir, own: dir == ""}
	if s.own {
		if s.dir, err = os.MkdirTemp("", "tem-s3-"); err != nil {
			return nil, err
		}
	}
	for range 3 { // another process may take the port that was free
		if err = s.run(binary); err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("run versitygw in %s: %w", s.dir, err), s.remove())
}

// run starts the child and waits until it answers.
func (s *Server) run(binary string) (err error) {
	if s.Host, err = freeAddress(); err != nil {
		return err
	}
	// Metadata lie in files, since not every file system has attributes.
	objects, metadata := filepath.Join(s.dir, "objects"), filepath.Join(s.dir, "metadata")
	for _, dir := range []string{objects, metadata} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	s.output.Reset()
	s.cmd = exec.Command(binary, "--port", s.Host, "--quiet", "--keep-alive", "posix", "--sidecar", metadata, objects)
	s.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.AccessKey, "ROOT_SECRET_KEY="+s.SecretKey)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.SysProcAttr = new(syscall.SysProcAttr)
	dieWithUs(s.cmd.SysProcAttr)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.ended = make(chan struct{})
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	return s.await()
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// await returns when the server takes connections or has ended.
func (s *Server) await() error {
	late := time.After(patience)
	for {
		if c, err := net.Dial("tcp", s.Host); err == nil {
			return c.Close()
		}
		select {
		case <-s.ended:
			return fmt.Errorf("it ended: %v: %s", s.err, s.output.Bytes())
		case <-late:
			return errors.Join(errors.New("it takes no connections"), s.end())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Stop ends the server and removes what Start made.
func (s *Server) Stop() error {
	return errors.Join(s.end(), s.remove())
}

func (s *Server) end() error {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
		return nil
	case <-time.After(patience):
	}
	s.cmd.Process.Kill()
	<-s.ended
	return fmt.Errorf("versitygw did not end in %v: %s", patience, s.output.Bytes())
}

func (s *Server) remove() error {
	if !s.own {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// Create makes a bucket and returns the address that a store in it has.
func (s *Server) Create(ctx context.Context, bucket string) (string, error) {
	c, err := minio.New(s.Host, &minio.Options{Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Region: "us-east-1"})
	if err != nil {
		return "", err
	}
	return s.URL(bucket), c.MakeBucket(ctx, bucket, minio.MakeBucketOptions{})
}

// URL is the address that a store in a bucket has, with the credentials.
func (s *Server) URL(bucket string) string {
	u := url.URL{Scheme: "s3", User: url.UserPassword(s.AccessKey, s.SecretKey), Host: s.Host, Path: "/" + bucket, RawQuery: "tls=off"}
	return u.String()
}
