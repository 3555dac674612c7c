package pop3server

import (
	"bytes"
	"context"
	"errors"
	"io"

	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/wire/pop3"
)

// copySize is how much of a large message is in memory at a time; of one that
// lies beside its rows it is all.
const copySize = 32 << 10

// text is one message as it is sent.
type text struct {
	small     []byte      // the stored octets, if they are in memory
	large     mail.Reader // or where they are
	surrogate *message.Surrogate
}

// stored gives the octets as they lie in the store.
func (t *text) stored() (io.ReaderAt, int64) {
	if t.large != nil {
		return t.large, t.large.Size()
	}
	return bytes.NewReader(t.small), int64(len(t.small))
}

// reader gives the octets that are sent, from the first on, and their number.
func (t *text) reader() (io.Reader, int64) {
	r, size := t.stored()
	if t.surrogate != nil {
		return t.surrogate.Reader(r), t.surrogate.Size()
	}
	return io.NewSectionReader(r, 0, size), size
}

// sent is how many octets RETR sends, dot-stuffing aside; shape is that of what is stored.
func (t *text) sent(shape mail.Shape) int64 {
	_, size := t.reader()
	ended := shape&mail.ShapeUnended == 0
	if t.surrogate != nil {
		ended = t.surrogate.Ended(ended)
	}
	if !ended {
		size += crlf
	}
	return size
}

func (t *text) close() {
	if t.large != nil {
		t.large.Close()
	}
}

func (x *session) retrieve(ctx context.Context, c pop3.Command) error {
	m, t, err := x.open(ctx, c.N)
	if err != nil {
		return err
	}
	defer t.close()
	size := t.sent(m.shape)
	if t.surrogate == nil && t.large == nil {
		err = x.send(size, t.small, nil)
	} else {
		r, _ := t.reader()
		err = x.send(size, nil, r)
	}
	if err != nil {
		return err
	}
	m.marks |= collected
	x.drop.retrieved++
	return nil
}

// top sends the header, the empty line and so many lines of the body. It does
// not count as collecting. RFC 1939 §7
func (x *session) top(ctx context.Context, c pop3.Command) error {
	_, t, err := x.open(ctx, c.N)
	if err != nil {
		return err
	}
	defer t.close()
	r, _ := t.reader()
	end, err := topEnd(r, c.Lines, x.copyBuffer())
	if err != nil {
		return err
	}
	r, _ = t.reader()
	return x.send(end, nil, io.LimitReader(r, end))
}

// send says size and answers with the octets of small and then of rest, if it is not nil.
func (x *session) send(size int64, small []byte, rest io.Reader) error {
	x.ok("%d octets", size)
	w := x.conn.DotWriter()
	_, err := w.Write(small)
	if err == nil && rest != nil {
		_, err = io.CopyBuffer(w, rest, x.copyBuffer())
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return errors.Join(errLost, err) // there is no way to take +OK back
	}
	return nil
}

func (x *session) copyBuffer() []byte {
	if x.buf == nil {
		x.buf = make([]byte, copySize)
	}
	return x.buf
}

// open gives message n and its text, if nobody has removed it by other means
// since login.
func (x *session) open(ctx context.Context, n int) (*entry, *text, error) {
	m, err := x.drop.at(n)
	if err != nil {
		return nil, nil, err
	}
	t, err := x.read(ctx, m)
	var e *mail.Error
	switch {
	case errors.As(err, &e) && e.Kind == mail.NotFound:
		return nil, nil, &pop3.Error{Text: "message %d was removed by another program", Args: []any{n}}
	case errors.Is(err, message.ErrNoSurrogate): // RFC 6856 §5
		return nil, nil, &pop3.Error{Code: pop3.CodeUTF8, Text: "the header of message %d is too long to be written in ASCII: say UTF8 before the login", Args: []any{n}}
	case err != nil:
		return nil, nil, err
	}
	return m, t, nil
}

// keepSize is how much memory for texts a session keeps between two of them.
const keepSize = 64 << 10

// read gives the text of m as this client can take it. The octets of a small
// one are valid until the next read.
func (x *session) read(ctx context.Context, m *entry) (*text, error) {
	t, err := x.find(ctx, m)
	if err != nil {
		return nil, err
	}
	if x.needsSurrogate(m) {
		if t.surrogate, err = x.surrogate(ctx, m, t); err != nil {
			t.close()
			return nil, err
		}
	}
	return t, nil
}

// find gives the octets of m as they lie in the store.
func (x *session) find(ctx context.Context, m *entry) (*text, error) {
	if x.ahead.text(m.uid) == nil {
		if err := x.readAhead(ctx, m); err != nil {
			return nil, err
		}
	}
	if octets := x.ahead.text(m.uid); octets != nil {
		x.ahead.last = m.uid
		return &text{small: octets}, nil
	}
	small, large, err := x.drop.mail.Text(ctx, x.drop.inbox.ID, m.uid, x.small[:0])
	if err == nil && cap(small) <= keepSize {
		x.small = small
	}
	return &text{small: small, large: large}, err
}

// needsSurrogate says whether m has, or may have, a header in UTF-8 for a client
// that has not said UTF8. RFC 6856 §2.1: it must not be sent as it is. A
// refusal would keep the person from their letter, so it is written anew.
func (x *session) needsSurrogate(m *entry) bool {
	return !x.utf8 && m.shape&(mail.ShapeKnown|mail.ShapeUTF8) != mail.ShapeKnown
}

func (x *session) surrogate(ctx context.Context, m *entry, t *text) (s *message.Surrogate, err error) {
	r, size := t.stored()
	err = x.drop.mail.Fetch(ctx, x.drop.inbox.ID, []mail.UID{m.uid}, func(meta *mail.Meta) error {
		root, err := message.DecodePart(meta.Parts)
		if err == nil {
			s, err = message.NewSurrogate(r, root, size)
		}
		return err
	})
	if err == nil && s == nil {
		err = &mail.Error{Kind: mail.NotFound, Text: "no such message"}
	}
	return s, err
}

// settle finds out how many octets RETR will send of a message that goes as its
// surrogate. RFC 6856 §2.1: LIST should say just that. What can't be sent keeps
// the size that it is stored with.
func (x *session) settle(ctx context.Context, m *entry) error {
	if x.utf8 || m.shape&mail.ShapeUTF8 == 0 || m.is(settled) {
		return nil
	}
	t, err := x.read(ctx, m)
	var e *mail.Error
	switch {
	case errors.Is(err, message.ErrNoSurrogate) || errors.As(err, &e) && e.Kind == mail.NotFound:
	case err != nil:
		return err
	default:
		defer t.close()
		m.size = t.sent(m.shape)
	}
	m.marks |= settled
	return nil
}

func (x *session) settleAll(ctx context.Context) error {
	for i := range x.drop.messages {
		if err := x.settle(ctx, &x.drop.messages[i]); err != nil {
			return err
		}
	}
	return nil
}

// topEnd is the offset behind the header, the empty line and the first lines
// of the body.
func topEnd(r io.Reader, lines int, buf []byte) (int64, error) {
	inHeader, empty := true, true
	var at int64
	for {
		n, err := r.Read(buf)
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
