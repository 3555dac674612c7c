package imapserver

import (
	"fmt"
	"io"
	"slices"
)

// span is a literal in the answers that a turn has gathered.
type span struct{ from, to int }

// writeLiteral puts size octets behind what is gathered or, when streaming,
// writes both at once.
func (t *turn) writeLiteral(text io.Reader, size int64) error {
	t.out = append(appendUint(append(t.out, '{'), uint64(size)), "}\r\n"...)
	if t.streaming {
		return t.stream(text, size)
	}
	from := len(t.out)
	t.out = slices.Grow(t.out, int(size))[:from+int(size)]
	if _, err := io.ReadFull(text, t.out[from:]); err != nil {
		t.out = t.out[:from]
		return err
	}
	t.literals = append(t.literals, span{from, len(t.out)})
	return nil
}

// stream is called with writing held.
func (t *turn) stream(text io.Reader, size int64) error {
	if err := t.writeLocked(); err != nil {
		return err
	}
	n, err := io.Copy(t.c, text)
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil { // the literal was announced: there is no way back
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return nil
}

// write writes what is gathered: whole responses.
func (t *turn) write() error {
	t.writing.Lock()
	defer t.writing.Unlock()
	return t.writeLocked()
}

// writeLocked shows the tap lines as lines and literals as content.
func (t *turn) writeLocked() error {
	at := 0
	for _, l := range t.literals {
		t.c.WriteLines(t.out[at:l.from])
		t.c.Write(t.out[l.from:l.to])
		at = l.to
	}
	err := t.c.WriteLines(t.out[at:]) // a failure of the network stays
	t.out, t.literals = t.out[:0], t.literals[:0]
	return err
}
