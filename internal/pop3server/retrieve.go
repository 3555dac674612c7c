package pop3server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"tem/internal/blob"
	"tem/internal/mail"
	"tem/internal/wire/pop3"
)

// copySize is how much of a message is in memory at a time.
const copySize = 32 << 10

func (x *session) retrieve(ctx context.Context, c pop3.Command) error {
	return x.send(ctx, c, func(r blob.Reader) (int64, error) { return r.Size(), nil })
}

// top sends the header, the empty line and so many lines of the body.
// RFC 1939 §7
func (x *session) top(ctx context.Context, c pop3.Command) error {
	return x.send(ctx, c, func(r blob.Reader) (int64, error) { return topEnd(r, c.Lines, x.buf) })
}

// send answers with a message up to the offset that end finds.
func (x *session) send(ctx context.Context, c pop3.Command, end func(blob.Reader) (int64, error)) error {
	r, err := x.open(ctx, c.N)
	if err != nil {
		return err
	}
	defer r.Close()
	if x.buf == nil {
		x.buf = make([]byte, copySize)
	}
	if err := x.checkUTF8(r); err != nil {
		return err
	}
	size, err := end(r)
	if err != nil {
		return err
	}
	x.ok("%d octets", size)
	w := x.conn.DotWriter()
	if _, err := io.CopyBuffer(w, io.NewSectionReader(r, 0, size), x.buf); err != nil {
		return errors.Join(errLost, err) // there is no way to take +OK back
	}
	if err := w.Close(); err != nil {
		return errors.Join(errLost, err)
	}
	x.drop.retrieved++
	return nil
}

// open gives the text of message n, if nobody has removed it by other means
// since login.
func (x *session) open(ctx context.Context, n int) (r blob.Reader, err error) {
	m, err := x.drop.at(n)
	if err != nil {
		return nil, err
	}
	err = x.drop.mail.Fetch(ctx, x.drop.inbox.ID, []mail.UID{m.uid}, func(meta *mail.Meta) (err error) {
		r, err = x.drop.mail.OpenMessage(ctx, meta)
		return err
	})
	if err == nil && r == nil {
		err = &pop3.Error{Text: fmt.Sprintf("message %d was removed by another program", n)}
	}
	return r, err
}

// checkUTF8 refuses a message whose header is in UTF-8 to a client that has
// not said that it can read that. RFC 6856 §2.1 and 5
func (x *session) checkUTF8(r blob.Reader) error {
	if x.utf8 {
		return nil
	}
	n, err := r.ReadAt(x.buf, 0)
	if err != nil && err != io.EOF {
		return err
	}
	header := x.buf[:n]
	if i := bytes.Index(header, []byte("\r\n\r\n")); i >= 0 {
		header = header[:i]
	}
	if isASCII(header) || !utf8.Valid(header) { // other 8-bit junk is as old as mail and goes through
		return nil
	}
	return &pop3.Error{Code: pop3.CodeUTF8, Text: "this message has UTF-8 in its header: say UTF8 before you log in"}
}

func isASCII(p []byte) bool {
	for _, c := range p {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// topEnd is the offset behind the header, the empty line and the first lines
// of the body.
func topEnd(r blob.Reader, lines int, buf []byte) (int64, error) {
	text := io.NewSectionReader(r, 0, r.Size())
	inHeader, empty := true, true
	var at int64
	for {
		n, err := text.Read(buf)
		for i, c := range buf[:n] {
			switch {
			case c != '\n':
				empty = empty && c == '\r'
				continue
			case !inHeader:
				lines--
			case empty:
				inHeader = false
			}
			empty = true
			if !inHeader && lines <= 0 {
				return at + int64(i) + 1, nil
			}
		}
		at += int64(n)
		if err == io.EOF {
			return at, nil
		}
		if err != nil {
			return 0, err
		}
	}
}
