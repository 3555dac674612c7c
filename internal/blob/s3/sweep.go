package s3

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/minio/minio-go/v7"

	"tem/internal/blob"
)

// Delete removes bodies, up to 1,000 with one request.
func (s *Store) Delete(ctx context.Context, ids ...blob.ID) error {
	results, err := s.api.RemoveObjectsWithIter(ctx, s.options.Bucket, func(yield func(minio.ObjectInfo) bool) {
		for _, id := range ids {
			if !yield(minio.ObjectInfo{Key: s.key(id)}) {
				return
			}
		}
	}, minio.RemoveObjectsOptions{})
	if err != nil {
		return fmt.Errorf("delete bodies: %w", s.explain(err))
	}
	var errs []error
	for r := range results {
		if r.Err == nil {
			continue
		}
		if err := s.explain(r.Err); err != blob.ErrNotFound {
			errs = append(errs, fmt.Errorf("delete body %s: %w", r.ObjectName[max(0, len(r.ObjectName)-26):], err))
		}
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// List asks for page after page. Objects that are not bodies are left alone.
func (s *Store) List(ctx context.Context, fn func(blob.Info) error) error {
	o := minio.ListObjectsOptions{Prefix: s.root(), Recursive: true}
	for object := range s.api.ListObjectsIter(ctx, s.options.Bucket, o) {
		if object.Err != nil {
			return fmt.Errorf("list bodies: %w", s.explain(object.Err))
		}
		id, ok := s.id(object.Key)
		if !ok {
			continue
		}
		if err := fn(blob.Info{ID: id, Size: object.Size, Written: object.LastModified}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// SweepUnfinished gives up the uploads that were begun before a time and
// never ended, as a crash leaves them. Nobody sees them, but they are paid for.
func (s *Store) SweepUnfinished(ctx context.Context, before time.Time) error {
	var key, upload string // where the last page ended
	for {
		page, err := s.api.ListMultipartUploads(ctx, s.options.Bucket, s.root(), key, upload, "", 1000)
		if noUploads(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list unfinished uploads: %w", s.explain(err))
		}
		for _, u := range page.Uploads {
			if err := s.giveUp(ctx, u, before); err != nil {
				return err
			}
		}
		if !page.IsTruncated {
			return nil
		}
		key, upload = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

func (s *Store) giveUp(ctx context.Context, u minio.ObjectMultipartInfo, before time.Time) error {
	id, ok := s.id(u.Key)
	if !ok || !u.Initiated.Before(before) {
		return nil
	}
	err := s.api.AbortMultipartUpload(ctx, s.options.Bucket, u.Key, u.UploadID)
	if err == nil || noUploads(err) {
		return nil
	}
	return fmt.Errorf("give up the unfinished upload of body %s: %w", id, s.explain(err))
}

// noUploads tells whether there is no upload, which is what we want.
// QUIRK(gofakes3): it is also how a bucket that never had one is listed.
func noUploads(err error) bool { return minio.ToErrorResponse(err).Code == minio.NoSuchUpload }
