package imapclient

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Value is one datum of a response: an atom, a string, NIL or a list.
type Value struct {
	Text string
	Atom bool // neither quoted nor a literal
	List []Value
	// IsList tells an empty list from an empty string.
	IsList bool
}

// IsNil reports the atom NIL.
func (v Value) IsNil() bool { return v.Atom && strings.EqualFold(v.Text, "NIL") }

// String is the text of a string or atom, "" for NIL.
func (v Value) String() string {
	if v.IsNil() {
		return ""
	}
	return v.Text
}

func texts(vs []Value) []string {
	ts := make([]string, 0, len(vs))
	for _, v := range vs {
		ts = append(ts, v.Text)
	}
	return ts
}

// response is one line of the server with its literals.
type response struct {
	tag    string // "*", "+" or a tag of ours
	num    uint32 // of "* 5 EXISTS"
	name   string // in upper case; "" for a status
	args   []Value
	status *Status
	text   string // of a continuation
}

var errSyntax = errors.New("imap: response not understood")

// read reads one response (RFC 9051 §2.2.2).
func (c *Client) read() (*response, error) {
	l, err := c.conn.ReadLine()
	if err != nil {
		return nil, err
	}
	d := &decoder{client: c, line: string(l)}
	if d.line == "+" || strings.HasPrefix(d.line, "+ ") {
		return &response{tag: "+", text: strings.TrimPrefix(d.line[1:], " ")}, nil
	}
	r, err := d.response()
	if err != nil {
		return nil, fmt.Errorf("%w: %.80q", err, d.line)
	}
	return r, nil
}

// decoder walks over one response; a literal makes it read on.
type decoder struct {
	client *Client // nil: literals can't be read
	line   string
	depth  int
}

func (d *decoder) response() (*response, error) {
	r := &response{tag: d.word()}
	word := strings.ToUpper(d.word())
	if n, err := strconv.ParseUint(word, 10, 32); err == nil && r.tag == "*" {
		r.num = uint32(n)
		word = strings.ToUpper(d.word())
	}
	switch word {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		r.status = parseStatus(word, d.line)
		return r, nil
	case "":
		return nil, errSyntax
	}
	if r.tag != "*" {
		return nil, errSyntax
	}
	r.name = word
	var err error
	r.args, err = d.values()
	return r, err
}

// word takes the next text up to a space.
func (d *decoder) word() string {
	w, rest, _ := strings.Cut(d.line, " ")
	d.line = rest
	return w
}

// parseStatus splits "[CODE args] text".
func parseStatus(kind, rest string) *Status {
	st := &Status{Kind: kind, Text: rest}
	inner, ok := strings.CutPrefix(rest, "[")
	if !ok {
		return st
	}
	inner, text, ok := strings.Cut(inner, "]")
	if !ok {
		return st
	}
	code, args, _ := strings.Cut(inner, " ")
	st.Code, st.Args, st.Text = strings.ToUpper(code), args, strings.TrimPrefix(text, " ")
	return st
}

// values reads to the end of the response.
func (d *decoder) values() ([]Value, error) {
	var vs []Value
	for {
		d.line = strings.TrimLeft(d.line, " ")
		if d.line == "" {
			return vs, nil
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
}

func (d *decoder) value() (Value, error) {
	switch d.line[0] {
	case '(':
		return d.list()
	case '"':
		return d.quoted()
	case '{':
		return d.literal(d.line)
	case '~': // literal8, RFC 3516
		if strings.HasPrefix(d.line, "~{") {
			return d.literal(d.line[1:])
		}
	case ')':
		return Value{}, errSyntax
	}
	return d.atom()
}

func (d *decoder) list() (Value, error) {
	if d.depth++; d.depth > MaxDepth {
		return Value{}, fmt.Errorf("imap: more than %d nested lists", MaxDepth)
	}
	defer func() { d.depth-- }()
	d.line = d.line[1:]
	v := Value{IsList: true}
	for {
		d.line = strings.TrimLeft(d.line, " ")
		if d.line == "" {
			return v, errSyntax
		}
		if d.line[0] == ')' {
			d.line = d.line[1:]
			return v, nil
		}
		e, err := d.value()
		if err != nil {
			return v, err
		}
		v.List = append(v.List, e)
	}
}

func (d *decoder) quoted() (Value, error) {
	var b strings.Builder
	for i := 1; i < len(d.line); i++ {
		switch ch := d.line[i]; ch {
		case '"':
			d.line = d.line[i+1:]
			return Value{Text: b.String()}, nil
		case '\\':
			if i++; i < len(d.line) {
				b.WriteByte(d.line[i])
			}
		default:
			b.WriteByte(ch)
		}
	}
	return Value{}, errSyntax
}

// atom takes text up to a space or parenthesis. Brackets belong to it with all
// they hold, as in BODY[HEADER.FIELDS (FROM TO)].
func (d *decoder) atom() (Value, error) {
	brackets := 0
	i := 0
scan:
	for ; i < len(d.line); i++ {
		switch ch := d.line[i]; {
		case ch == '[':
			brackets++
		case ch == ']' && brackets > 0:
			brackets--
		case brackets == 0 && (ch == ' ' || ch == '(' || ch == ')'):
			break scan
		}
	}
	v := Value{Text: d.line[:i], Atom: true}
	d.line = d.line[i:]
	return v, nil
}

// literal reads {n} and the n octets behind the line's end, then the next line.
func (d *decoder) literal(s string) (Value, error) {
	num, ok := strings.CutSuffix(s[1:], "}")
	n, err := strconv.ParseInt(strings.TrimSuffix(num, "+"), 10, 64)
	if !ok || err != nil || n < 0 || d.client == nil {
		return Value{}, errSyntax
	}
	if n > MaxLiteral {
		return Value{}, fmt.Errorf("imap: literal of %d octets is beyond the limit of %d", n, MaxLiteral)
	}
	text, err := d.client.readLiteral(n)
	if err != nil {
		return Value{}, err
	}
	l, err := d.client.conn.ReadLine()
	if err != nil {
		return Value{}, err
	}
	d.line = string(l)
	return Value{Text: text}, nil
}

// readLiteral reads n octets; memory grows with what really comes.
func (c *Client) readLiteral(n int64) (string, error) {
	var b strings.Builder
	b.Grow(int(min(n, 1<<20)))
	buf := make([]byte, min(n, 64<<10))
	for done := int64(0); done < n; {
		m, err := c.conn.Read(buf[:min(int64(len(buf)), n-done)])
		b.Write(buf[:m])
		done += int64(m)
		if err != nil && done < n {
			return "", fmt.Errorf("read literal: %w", noEOF(err))
		}
		if c.Progress != nil {
			c.Progress(done, n)
		}
	}
	return b.String(), nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
