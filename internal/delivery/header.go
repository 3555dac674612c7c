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
	if text := body.Text(); text != nil {
		text = text[:min(len(text), headerRoom)]
		if header, whole := headerIn(text); whole {
			return header, nil
		}
		return wholeLines(text), nil
	}
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
		if whole, ok := headerIn(header[:n]); ok {
			return whole, nil
		}
		if n < room || room >= headerRoom {
			return wholeLines(header[:n]), nil
		}
	}
}

// headerIn is the header block that text begins with, and whether its end is there.
func headerIn(text []byte) (header []byte, whole bool) {
	if bytes.HasPrefix(text, []byte("\r\n")) {
		return text[:2], true // no fields at all
	}
	if end := bytes.Index(text, []byte("\r\n\r\n")); end >= 0 {
		return text[:end+4], true
	}
	return nil, false
}

// wholeLines leaves out what is behind the last line end.
func wholeLines(text []byte) []byte { return text[:bytes.LastIndexByte(text, '\n')+1] }
