package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/minio/minio-go/v7"

	"tem/internal/blob"
)

// partSize is how much of a body is kept in memory and sent at once. The
// protocol wants at least 5 MiB of all parts but the last and takes up to
// 10,000 of them.
const partSize = 8 << 20

// Create starts a body. The context must last until Close; when it ends, so
// does the upload.
func (s *Store) Create(ctx context.Context, id blob.ID) (blob.Writer, error) {
	return &writer{store: s, ctx: ctx, id: id, key: s.key(id)}, nil
}

// writer collects one part after the other. A body of one part becomes an
// object with one request, a longer one with an upload in parts.
type writer struct {
	store  *Store
	ctx    context.Context
	id     blob.ID
	key    string
	part   []byte // not sent yet
	sent   int64
	upload string // empty until there is a second part
	parts  []minio.CompletePart
	err    error // the first
}

func (w *writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && w.err == nil {
		if len(w.part) == w.store.partSize {
			if err := w.send(); err != nil {
				w.err = w.failed(err)
				break
			}
		}
		k := min(len(p), w.store.partSize-len(w.part))
		w.part = append(w.part, p[:k]...)
		p, n = p[k:], n+k
	}
	return n, w.err
}

func (w *writer) failed(err error) error {
	return fmt.Errorf("put body %s: %w", w.id, w.store.explain(err))
}

// send sends what is collected as a part.
func (w *writer) send() (err error) {
	if w.upload == "" {
		w.upload, err = w.store.api.NewMultipartUpload(w.ctx, w.bucket(), w.key, minio.PutObjectOptions{})
		if err != nil {
			return err
		}
	}
	sums := checksums(w.part)
	n := len(w.parts) + 1
	done, err := w.store.api.PutObjectPart(w.ctx, w.bucket(), w.key, w.upload, n, bytes.NewReader(w.part), int64(len(w.part)), sums)
	if err != nil {
		return err
	}
	w.parts = append(w.parts, minio.CompletePart{PartNumber: n, ETag: done.ETag})
	w.sent += int64(len(w.part))
	w.part = w.part[:0]
	return nil
}

func (w *writer) bucket() string { return w.store.options.Bucket }

// checksums let the service see whether it got what we sent. The second, over
// the whole, is in the signature; without DisableContentSha256 the client
// would cut the octets into signed chunks instead.
func checksums(p []byte) minio.PutObjectPartOptions {
	m, s := md5.Sum(p), sha256.Sum256(p)
	return minio.PutObjectPartOptions{
		Md5Base64: base64.StdEncoding.EncodeToString(m[:]),
		Sha256Hex: hex.EncodeToString(s[:]),

		DisableContentSha256: true,
	}
}

// Close returns nil when the service has confirmed the object. After an error
// there is none, unless the service stopped answering altogether; what it may
// have kept then is an orphan that List shows.
func (w *writer) Close() error {
	if w.err == nil {
		if err := w.finish(); err != nil {
			w.err = w.failed(err)
		}
	}
	if w.err != nil {
		w.undo()
	}
	w.part = nil
	return w.err
}

func (w *writer) finish() error {
	if w.upload == "" {
		sums := checksums(w.part)
		_, err := w.store.api.PutObject(w.ctx, w.bucket(), w.key, bytes.NewReader(w.part), int64(len(w.part)),
			sums.Md5Base64, sums.Sha256Hex, minio.PutObjectOptions{DisableContentSha256: true})
		return err
	}
	if err := w.send(); err != nil {
		return err
	}
	_, err := w.store.api.CompleteMultipartUpload(w.ctx, w.bucket(), w.key, w.upload, w.parts, minio.PutObjectOptions{})
	if err != nil && w.complete() {
		return nil
	}
	return err
}

// complete tells whether the upload was completed although we did not hear
// it: the answer was lost, and to a second request the upload is unknown.
func (w *writer) complete() bool {
	info, err := w.store.api.StatObject(w.ctx, w.bucket(), w.key, minio.StatObjectOptions{})
	return err == nil && info.Size == w.sent
}

// Abort leaves nothing behind.
func (w *writer) Abort() {
	if w.upload != "" || w.err != nil {
		w.undo()
	}
	w.part = nil
}

// undo removes what the service has of the body, also what it took without
// saying so. It has one time-out for all: a service that is gone is not waited for.
func (w *writer) undo() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), w.store.options.Timeout)
	defer cancel()
	if w.upload != "" {
		w.store.api.AbortMultipartUpload(ctx, w.bucket(), w.key, w.upload)
	}
	w.store.api.RemoveObject(ctx, w.bucket(), w.key, minio.RemoveObjectOptions{})
}
