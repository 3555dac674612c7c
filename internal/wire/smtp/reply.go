package smtp

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"tem/internal/line"
	"tem/internal/message/dsn"
)

// Reply is one server reply. It is an error when Code is 400 or more.
type Reply struct {
	Code     int
	Enhanced dsn.Code
	Lines    []string // text of each line, without code and enhanced code; at least one
	// Ours: no server said it; the client knows by what the server offers.
	Ours bool
	// UTF8: the client has said that it can read UTF-8 in this reply (RFC 6531 §3.7.4).
	UTF8 bool
}

// NewReply makes a reply; enhanced is like "5.1.1", or "" for none.
func NewReply(code int, enhanced string, lines ...string) *Reply {
	e, _, _ := cutEnhanced(code, enhanced+" ")
	return &Reply{Code: code, Enhanced: e, Lines: lines}
}

func (r *Reply) Error() string {
	s := strconv.Itoa(r.Code) + " "
	if !r.Enhanced.IsZero() {
		s += r.Enhanced.String() + " "
	}
	return s + strings.Join(r.Lines, " ")
}

// Status turns a reply of the server called remote into a status. It has no
// words that the server did not say: reports quote it (RFC 3464 §2.3.6).
func (r *Reply) Status(remote string) dsn.Status {
	s := dsn.Status{Reply: r.Code, Code: r.Enhanced, Text: strings.Join(r.Lines, " "), Remote: remote}
	switch {
	case r.Ours:
		s.Reply, s.Remote = 0, ""
	case s.Code.IsZero() && r.Code/100 == 3:
		s.Code = dsn.Code{4, 0, 0}
	}
	return s
}

// StatusReply is the reply that tells a client of a status.
func StatusReply(s dsn.Status) *Reply {
	code := s.Reply
	if code == 0 {
		code = map[uint16]int{2: 250, 4: 451}[s.Code[0]]
	}
	if code == 0 {
		code = 554
	}
	return &Reply{Code: code, Enhanced: s.Code, Lines: []string{s.Text}}
}

// maxReplyLine is the longest line of a reply without its CRLF (RFC 5321
// §4.5.3.1.5). A challenge of AUTH is as long as it is (RFC 4954 §4).
const maxReplyLine = 510

// Write buffers the reply: one line for each of Lines (RFC 5321 §4.2.1), each
// with the enhanced code (RFC 2034 §3). What was quoted is cut off where the line
// would be too long.
func (r *Reply) Write(c *line.Conn) error {
	var room [128]byte
	for i := range r.Lines {
		if err := c.WriteLineBytes(r.AppendLine(room[:0], i)); err != nil {
			return err
		}
	}
	return nil
}

// AppendLine appends the i-th line as Write writes it, without its CRLF.
func (r *Reply) AppendLine(b []byte, i int) []byte {
	mark := byte('-')
	if i == len(r.Lines)-1 {
		mark = ' '
	}
	from := len(b)
	b = append(strconv.AppendInt(b, int64(r.Code), 10), mark)
	if !r.Enhanced.IsZero() {
		b = append(r.Enhanced.Append(b), ' ')
	}
	b = append(b, clean(r.Lines[i], r.UTF8)...)
	if r.Code != 334 {
		b = b[:from+len(clip(b[from:], maxReplyLine))]
	}
	return b
}

// clean keeps a reply on its line, whatever was quoted in it, and in ASCII unless
// the client reads more (RFC 6531 §3.7.4.2): điệp is then \x{111}i\x{1EC7}p.
func clean(s string, wide bool) string {
	if isPrintable(s) { // nearly always
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < ' ' || r == 0x7f:
			b.WriteByte('?')
		case r > 0x7f && !wide:
			fmt.Fprintf(&b, `\x{%X}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// clip cuts a text off at the last character that fits.
func clip(b []byte, most int) []byte {
	if len(b) <= most {
		return b
	}
	for !utf8.RuneStart(b[most]) {
		most--
	}
	return b[:most]
}

// Bounds of one reply.
const (
	maxReplyLines = 1 << 15
	keptLines     = 200 // of them; what the others say is not kept
)

// readReply reads one reply. A long one is read to its end: it may be the one
// that takes a message, which would be sent again if it did not count.
func readReply(c *line.Conn) (*Reply, error) {
	r := &Reply{}
	for n := range maxReplyLines {
		l, err := c.ReadLine()
		if err != nil && err != line.ErrBareNewline {
			return nil, err
		}
		code, text, more, ok := parseReplyLine(string(l))
		if !ok || n > 0 && code != r.Code {
			return nil, fmt.Errorf("%q is not an SMTP reply", l)
		}
		r.Code = code
		if e, rest, ok := cutEnhanced(code, text); ok {
			r.Enhanced, text = e, rest
		}
		if n < keptLines {
			r.Lines = append(r.Lines, text)
		}
		if !more {
			return r, nil
		}
	}
	return nil, fmt.Errorf("an SMTP reply has more than %d lines", maxReplyLines)
}

// parseReplyLine reads one line of a reply (RFC 5321 §4.2).
func parseReplyLine(s string) (code int, text string, more, ok bool) {
	if len(s) < 3 || s[0] < '2' || s[0] > '5' || s[1] < '0' || s[1] > '9' || s[2] < '0' || s[2] > '9' {
		return 0, "", false, false
	}
	code, _ = strconv.Atoi(s[:3])
	if len(s) == 3 {
		return code, "", false, true
	}
	return code, s[4:], s[3] == '-', s[3] == '-' || s[3] == ' '
}

// cutEnhanced takes an enhanced code of the same class as code off a text (RFC 2034 §4).
func cutEnhanced(code int, text string) (e dsn.Code, rest string, ok bool) {
	word, rest, _ := strings.Cut(text, " ")
	for i := range e {
		part, more, dot := strings.Cut(word, ".")
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || n > 999 || dot != (i < len(e)-1) {
			return dsn.Code{}, text, false
		}
		e[i], word = uint16(n), more
	}
	if int(e[0]) != code/100 {
		return dsn.Code{}, text, false
	}
	return e, rest, true
}
