package mail

import (
	"io"

	"tem/internal/blob"
)

// headed reads a large body: a head, which lies beside the rows since it was
// known only when the rest had been written, and the blob behind it.
type headed struct {
	head []byte
	rest blob.Reader
}

// behind puts a head before a blob.
func behind(head []byte, r blob.Reader) blob.Reader {
	if len(head) == 0 || r == nil {
		return r
	}
	return &headed{head, r}
}

func (h *headed) Size() int64  { return int64(len(h.head)) + h.rest.Size() }
func (h *headed) Close() error { return h.rest.Close() }

// ReadAt is io.ReaderAt.
func (h *headed) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 {
		return 0, io.EOF
	}
	n := 0
	if at < int64(len(h.head)) {
		n = copy(p, h.head[at:])
		if n == len(p) {
			return n, nil
		}
	}
	m, err := h.rest.ReadAt(p[n:], at+int64(n)-int64(len(h.head)))
	return n + m, err
}
