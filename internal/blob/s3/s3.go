// Package s3 keeps bodies as objects of an S3-compatible service:
// PREFIX/NN/ID, named as package dir names its files.
//
// Invariant: an object is there only when the service has all of it, checked
// against our checksums, and is never written again. A crash leaves
// unfinished uploads, which are no objects and which SweepUnfinished removes.
// Every call ends within a bounded time, whatever the service does. There are
// no goroutines but those of the connections.
package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"tem/internal/blob"
)

const (
	defaultTimeout  = 30 * time.Second
	defaultAttempts = 4
)

// Store is a blob.Store and a blob.Sweeper in one bucket, under a prefix that
// belongs to it alone. Its methods may be called concurrently.
type Store struct {
	options   Options
	api       minio.Core
	transport *http.Transport
	partSize  int
}

// Open looks whether the bucket is there; it makes none.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Attempts == 0 {
		o.Attempts = defaultAttempts
	}
	t := transport(o)
	client, err := minio.New(endpoint(o), &minio.Options{
		Creds:      credentials.NewStaticV4(string(o.AccessKey), string(o.SecretKey), string(o.Token)),
		Secure:     !o.Plain,
		Region:     o.Region,
		Transport:  timed{t, o.Timeout},
		MaxRetries: o.Attempts,
	})
	if err != nil {
		return nil, fmt.Errorf("open the bodies in %s: %w", o, err)
	}
	s := &Store{options: o, api: minio.Core{Client: client}, transport: t, partSize: partSize}
	if err := s.checkBucket(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("open the bodies in %s: %w", o, err)
	}
	return s, nil
}

func endpoint(o Options) string {
	if o.Host == "" {
		return "s3.amazonaws.com" // the client puts the region in
	}
	return o.Host
}

// Close closes the connections that are not in use.
func (s *Store) Close() { s.transport.CloseIdleConnections() }

// checkBucket lists an object: a request of which an error says more than of
// HEAD.
func (s *Store) checkBucket(ctx context.Context) error {
	o := minio.ListObjectsOptions{Prefix: s.root(), Recursive: true, MaxKeys: 1}
	for object := range s.api.ListObjectsIter(ctx, s.options.Bucket, o) {
		if minio.ToErrorResponse(object.Err).Code == minio.NoSuchBucket {
			return fmt.Errorf("the object service at %s has no bucket %s: create it there, private, and try again",
				s.options.service(), s.options.Bucket)
		}
		return s.explain(object.Err)
	}
	return ctx.Err() // an ended context ends the list
}

// key is the name of a body's object.
func (s *Store) key(id blob.ID) string {
	name := id.String()
	return s.root() + name[len(name)-2:] + "/" + name
}

// root is what all names begin with.
func (s *Store) root() string {
	if s.options.Prefix == "" {
		return ""
	}
	return s.options.Prefix + "/"
}

// id is the body that an object is, if it is one.
func (s *Store) id(key string) (blob.ID, bool) {
	id, err := blob.ParseID(key[strings.LastIndexByte(key, '/')+1:])
	return id, err == nil && s.key(id) == key
}

func transport(o Options) *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: o.Timeout}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true, // bodies are octets, whatever they look like
	}
}

// explain says what the service did. Its words are repeated in one line and
// without the access key, which some services echo.
func (s *Store) explain(err error) error {
	var refusal minio.ErrorResponse
	service := s.options.service()
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the object service at %s did not answer in time: %w", service, err)
	case !errors.As(err, &refusal):
		return fmt.Errorf("the object service at %s can't be used: %w", service, err)
	case refusal.Code == minio.NoSuchKey:
		return blob.ErrNotFound
	}
	verb := "refused"
	if refusal.StatusCode >= 500 {
		verb = "failed"
	}
	said := refusal.Code
	if refusal.Message != "" && refusal.Message != said {
		said += " (" + refusal.Message + ")"
	}
	if key := string(s.options.AccessKey); key != "" {
		said = strings.ReplaceAll(said, key, hidden)
	}
	return fmt.Errorf("the object service at %s %s: %s", service, verb, oneLine(said))
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return s
}
