package pop3server

import (
	"context"
	"errors"
	"fmt"
	"io"

	"tem/internal/mail"
	"tem/internal/wire/pop3"
)

// copySize is how much of a message is in memory at a time.
const copySize = 32 << 10

func (x *session) retrieve(ctx context.Context, c pop3.Command) error {
	return x.send(ctx, c, func(r mail.Reader) (int64, error) { return r.Size(), nil })
}

// top sends the header, the empty line and so many lines of the body.
// RFC 1939 §7
func (x *session) top(ctx context.Context, c pop3.Command) error {
	return x.send(ctx, c, func(r mail.Reader) (int64, error) { return topEnd(r, c.Lines, x.buf) })
}

// send answers with a message up to the offset that end finds.
//
// DEVIATES(RFC 6856 §2.1): a header in UTF-8 goes as it is to a client that has
// not said UTF8; nearly all can read it, and a refusal would keep the person
// from their letter.
func (x *session) send(ctx context.Context, c pop3.Command, end func(mail.Reader) (int64, error)) error {
	r, err := x.open(ctx, c.N)
	if err != nil {
		return err
	}
	defer r.Close()
	if x.buf == nil {
		x.buf = make([]byte, copySize)
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
func (x *session) open(ctx context.Context, n int) (r mail.Reader, err error) {
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

// topEnd is the offset behind the header, the empty line and the first lines
// of the body.
func topEnd(r mail.Reader, lines int, buf []byte) (int64, error) {
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
