package fold

import "unicode/utf8"

// windowSize is how many octets of a text that comes in pieces are in memory at a time.
const windowSize = 64 << 10

// Windows is a writer that gathers the pieces of a text, which may be cut
// anywhere, into windows of at most windowSize octets that can be folded one
// after the other. A window ends before white space or a NUL; where there is
// none, before a character that combines with none before it.
type Windows struct {
	size int // of a window at most
	buf  []byte
	next func(window []byte) error // which is valid during the call
}

// NewWindows gives each window to next, whose errors end the writing.
func NewWindows(next func(window []byte) error) *Windows {
	return &Windows{size: windowSize, next: next}
}

// Write implements io.Writer.
func (w *Windows) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if len(w.buf) == w.size {
			if err := w.pass(windowEnd(w.buf)); err != nil {
				return n, err
			}
		}
		took := min(len(p)-n, w.size-len(w.buf))
		w.buf = append(w.buf, p[n:n+took]...)
		n += took
	}
	return n, nil
}

// End gives what is left; the next text begins.
func (w *Windows) End() error { return w.pass(len(w.buf)) }

// Reset forgets what is left; the next text begins.
func (w *Windows) Reset() { w.buf = w.buf[:0] }

func (w *Windows) pass(n int) error {
	if n == 0 {
		return nil
	}
	err := w.next(w.buf[:n])
	w.buf = w.buf[:copy(w.buf, w.buf[n:])]
	return err
}

// windowEnd is where a window ends that a text of more than s begins with.
func windowEnd(s []byte) int {
	for i := len(s) - 1; i > 0; i-- {
		if c := s[i]; c == 0 || c < utf8.RuneSelf && lower[c] == ' ' {
			return i
		}
	}
	for i := len(s) - 1; i > 0; i-- {
		if utf8.RuneStart(s[i]) && utf8.FullRune(s[i:]) && startsSegment(s[i:]) {
			return i
		}
	}
	return len(s)
}
