package delivery

import (
	"bytes"
	"context"
	"errors"
	"io"

	"tem/internal/blob"
	"tem/internal/mail"
	"tem/internal/message"
)

// headerRoom is how much of a header block is read: for counting hops, and to
// be quoted in a report.
const headerRoom = 64 << 10

// headerOf returns the header of a message, with our lines before it.
func headerOf(ctx context.Context, body *mail.Body) (message.Header, error) {
	r, err := body.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readHeader(r, 0)
}

// countField counts the lines of a header block that start with name, in any case.
func countField(header []byte, name string) (n int) {
	for line := range bytes.Lines(header) {
		if len(line) >= len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			n++
		}
	}
	return n
}

// readHeader returns the header block of a message that starts at skip, with
// its empty line; of a block larger than headerRoom the whole lines within that.
func readHeader(r blob.Reader, skip int64) ([]byte, error) {
	var header []byte
	for room := 4 << 10; ; room *= 2 {
		header = make([]byte, min(int64(room), max(0, r.Size()-skip)))
		n, err := r.ReadAt(header, skip)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		header = header[:n]
		if bytes.HasPrefix(header, []byte("\r\n")) {
			return header[:2], nil // no fields at all
		}
		if end := bytes.Index(header, []byte("\r\n\r\n")); end >= 0 {
			return header[:end+4], nil
		}
		if n < room || room >= headerRoom {
			return header[:bytes.LastIndexByte(header, '\n')+1], nil
		}
	}
}
