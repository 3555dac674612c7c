package smtp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"tem/internal/message/dsn"
)

// Transaction is one message to be sent.
type Transaction struct {
	From       string // without brackets; "" is the null path
	Size       int64  // of the content; 0: not known
	UTF8       bool   // needs SMTPUTF8
	EightBit   bool   // needs 8BITMIME
	Binary     bool   // needs BINARYMIME: the content need not be lines
	RequireTLS bool   // needs REQUIRETLS
	Priority   int    // passed on where MT-PRIORITY is offered
	By         dsn.By // passed on where DELIVERBY is offered
	EnvID      string // this and the next two are passed on where DSN is offered
	Return     dsn.Return
	Wishes     []dsn.Wish // of To, in order; nil for none
	To         []string
	// Content has CRLF line ends and is not dot-stuffed. A CR or LF that is not
	// part of a CRLF becomes a space, unless Binary.
	Content  io.Reader
	Progress func(sent int64)
}

// Send sends one message, pipelined and in chunks where the server offers it.
// It returns one reply for each recipient: that to RCPT when it was refused,
// else that to the text (RFC 2033 §4.2: with LMTP each has its own). err is for
// a connection that can't be used any more; the replies known by then are
// still returned (nil ones are unknown).
func (c *Client) Send(ctx context.Context, t Transaction) ([]*Reply, error) {
	c.unheard, c.said = true, false
	if r := c.refuse(&t); r != nil {
		r.Ours = true
		return same(r, len(t.To)), nil
	}
	defer c.watch(ctx)()
	s := sending{c: c, t: &t, replies: make([]*Reply, len(t.To))}
	if err := s.run(); err != nil {
		s.lastWords()
		return s.replies, c.why(ctx, err)
	}
	c.Sent++
	return s.replies, nil
}

// Untaken reports, after Send failed with an error, that the server can't have
// taken the message: it had not been given all of it, or it never answered at all.
func (c *Client) Untaken() bool { return !c.said || c.unheard }

// Clean reports that no transaction is open, so that the connection can be kept for another message.
func (c *Client) Clean() bool { return !c.dirty }

func same(r *Reply, n int) []*Reply {
	all := make([]*Reply, n)
	for i := range all {
		all[i] = r
	}
	return all
}

// sending is one transaction under way.
type sending struct {
	c       *Client
	t       *Transaction
	replies []*Reply
	text    bool // the text is under way, and all that was said before it is answered
}

const (
	// group is how many commands are sent before their replies are read: few
	// enough that neither side can fill the other's window while it does not read.
	group = 100
	// oneFlight is the largest text that is sent along with its envelope: what
	// fits into one write with it, and is no great loss when nobody takes it.
	oneFlight = 48 << 10
	// lastWords is how long a server may take to have said why it hung up.
	lastWords = 5 * time.Second
)

// errLied is a reply that answers another question than ours: what follows can't be believed.
var errLied = errors.New("the server's replies are out of step")

func (s *sending) run() error {
	if !s.c.has("PIPELINING") {
		return s.stepwise()
	}
	chunks := s.chunks()
	along := chunks && s.t.Size <= oneFlight
	for at := 0; ; at += group {
		next := min(at+group, len(s.t.To))
		last := next == len(s.t.To)
		if err := s.write(at, next); err != nil {
			return err
		}
		if err := s.close(last && along, last && !chunks); err != nil {
			return err
		}
		goes, err := s.heard(at, next)
		switch {
		case err != nil:
			return err
		case last && along:
			return s.taken()
		case last && chunks:
			return s.chunk()
		case last:
			return s.data()
		case !goes:
			return nil
		}
	}
}

// chunks reports whether the text goes as a chunk (RFC 3030 §2).
func (s *sending) chunks() bool { return s.t.Size > 0 && s.c.has("CHUNKING") }

// write writes a part of the envelope: MAIL, if it is the first, and recipients at to next.
func (s *sending) write(at, next int) error {
	if at == 0 {
		if err := s.writeMail(); err != nil {
			return err
		}
	}
	for i := at; i < next; i++ {
		if err := s.line(s.c.appendRcpt(s.c.scratch[:0], s.t, i)); err != nil {
			return err
		}
	}
	return nil
}

// writeMail writes MAIL, and before it RSET when something was left open.
func (s *sending) writeMail() error {
	if s.c.dirty {
		if err := s.line(append(s.c.scratch[:0], "RSET"...)); err != nil {
			return err
		}
	}
	return s.line(s.c.appendMail(s.c.scratch[:0], s.t))
}

func (s *sending) line(b []byte) error {
	s.c.scratch = b
	return s.c.c.WriteLineBytes(b)
}

// close ends the envelope: with the whole text, or by asking for it.
func (s *sending) close(text, ask bool) error {
	switch {
	case text:
		return s.writeChunk()
	case ask:
		return s.line(append(s.c.scratch[:0], "DATA"...))
	}
	return nil
}

// heard reads the replies to what write wrote; false: there is no transaction.
func (s *sending) heard(at, next int) (goes bool, err error) {
	goes = true
	if at == 0 {
		if goes, err = s.heardMail(); err != nil {
			return false, err
		}
	}
	for i := at; i < next; i++ {
		if err := s.heardRcpt(i); err != nil {
			return false, err
		}
	}
	return goes, nil
}

// heardMail reads the reply to MAIL, and that to RSET before it.
func (s *sending) heardMail() (goes bool, err error) {
	if s.c.dirty {
		if _, err := s.read(2, "RSET"); err != nil {
			return false, err
		}
	}
	r, err := s.read(2, "MAIL")
	if err != nil {
		return false, err
	}
	s.c.dirty = true // also when it was refused: who knows what is thought of what followed
	if r.Code >= 400 {
		s.settle(r)
	}
	return r.Code < 400, nil
}

func (s *sending) heardRcpt(i int) error {
	r, err := s.read(2, "RCPT")
	if err == nil && r.Code >= 400 && s.replies[i] == nil {
		s.replies[i] = r
	}
	return err
}

// stepwise waits for each reply (RFC 5321 §2.1).
func (s *sending) stepwise() error {
	if s.c.dirty {
		if err := s.line(append(s.c.scratch[:0], "RSET"...)); err != nil {
			return err
		}
		if _, err := s.read(2, "RSET"); err != nil {
			return err
		}
		s.c.dirty = false
	}
	if err := s.writeMail(); err != nil {
		return err
	}
	if goes, err := s.heardMail(); err != nil || !goes {
		return err
	}
	for i := range s.t.To {
		if err := s.line(s.c.appendRcpt(s.c.scratch[:0], s.t, i)); err != nil {
			return err
		}
		if err := s.heardRcpt(i); err != nil {
			return err
		}
	}
	return s.stepwiseText()
}

func (s *sending) stepwiseText() error {
	switch {
	case s.waiting() == 0:
		return nil
	case s.chunks():
		return s.chunk()
	}
	if err := s.close(false, true); err != nil {
		return err
	}
	return s.data()
}

// read reads one reply, which may be of the class wanted or a refusal; 421 is
// the end of the connection (RFC 5321 §3.8).
func (s *sending) read(class int, command string) (*Reply, error) {
	r, err := readReply(s.c.c)
	if err != nil {
		return nil, err
	}
	s.c.unheard = false
	switch {
	case r.Code == 421:
		s.c.said = false // it was refused, whatever it was
		s.settle(r)
		return nil, r
	case r.Code < 400 && r.Code/100 != class:
		return nil, fmt.Errorf("%w: %d to %s", errLied, r.Code, command)
	}
	return r, nil
}

// settle gives every recipient that has no reply yet this one.
func (s *sending) settle(r *Reply) {
	for i := range s.replies {
		if s.replies[i] == nil {
			s.replies[i] = r
		}
	}
}

// waiting is how many recipients have no reply yet.
func (s *sending) waiting() (n int) {
	for _, r := range s.replies {
		if r == nil {
			n++
		}
	}
	return n
}

// data sends the text if the server asks for it, and settles the rest.
func (s *sending) data() error {
	r, err := s.read(3, "DATA")
	switch {
	case err != nil:
		return err
	case r.Code >= 400:
		s.settle(r)
		return nil
	}
	s.text = true
	w := s.c.c.DotWriter()
	if s.waiting() > 0 { // else RFC 2920 §3.1: a lone dot
		if _, err := s.copy(w, s.t.Content); err != nil {
			return err // the text is cut short: the connection must not be used any more
		}
		s.c.said = true
	}
	if err := w.Close(); err != nil {
		return err
	}
	return s.taken()
}

// chunk sends the text if there is somebody to send it to.
func (s *sending) chunk() error {
	if s.waiting() == 0 {
		return nil
	}
	s.text = true
	if err := s.writeChunk(); err != nil {
		return err
	}
	return s.taken()
}

// lastWords, when the text could not be sent to its end, takes a refusal that the server sent before it
// hung up, such as 552 in the middle of too large a text: else all of it would be sent again and again.
func (s *sending) lastWords() {
	if !s.text || !s.c.c.LastWords(lastWords) {
		return
	}
	if r, err := readReply(s.c.c); err == nil && r.Code >= 400 {
		s.settle(r)
	}
}

// writeChunk writes all of the text as one chunk (RFC 3030 §2).
func (s *sending) writeChunk() error {
	b := strconv.AppendInt(append(s.c.scratch[:0], "BDAT "...), s.t.Size, 10)
	if err := s.line(append(b, " LAST"...)); err != nil {
		return err
	}
	n, err := s.copy(s.c.c, io.LimitReader(s.t.Content, s.t.Size))
	if err != nil {
		return err
	}
	if n != s.t.Size {
		return fmt.Errorf("the text has %d octets, not %d: %w", n, s.t.Size, io.ErrUnexpectedEOF)
	}
	s.c.said = true
	return nil
}

// taken reads what the server says of the text.
func (s *sending) taken() error {
	if s.c.LMTP && s.c.has("PIPELINING") && s.waiting() == 0 {
		// RFC 2033 §4.2 wants a refusal here; how many replies come else is anybody's guess.
		r, err := s.read(5, "the text for nobody")
		if err == nil && r.Code < 400 {
			err = errLied
		}
		return err
	}
	for first := true; first || s.c.LMTP && s.waiting() > 0; first = false {
		r, err := s.read(2, "the text")
		if err != nil {
			return err
		}
		if first {
			s.c.dirty = r.Code >= 400 && s.chunks() // RFC 3030 §2: after a chunk was refused only RSET is certain
		}
		s.answer(r)
	}
	return nil
}

// answer is the reply to the text: for all who wait, or the first of them (RFC 2033 §4.2).
func (s *sending) answer(r *Reply) {
	if !s.c.LMTP {
		s.settle(r)
		return
	}
	for i := range s.replies {
		if s.replies[i] == nil {
			s.replies[i] = r
			return
		}
	}
}

// copies are the buffers through which texts go.
var copies = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// copy sends the text, made into whole lines unless it need not be.
func (s *sending) copy(w io.Writer, text io.Reader) (int64, error) {
	if s.t.Progress != nil {
		w = &counter{w: w, tell: s.t.Progress}
	}
	buffer := copies.Get().(*[32 << 10]byte)
	defer copies.Put(buffer)
	lines := tidy{}
	var sent int64
	for {
		n, err := text.Read(buffer[1:]) // the first octet is for what tidy holds back
		part := buffer[1 : 1+n]
		if !s.t.Binary {
			part = lines.next(buffer[:1+n], err != nil)
		}
		sent += int64(len(part))
		if _, err := w.Write(part); err != nil {
			return sent, err
		}
		if err == io.EOF {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
	}
}

// counter tells how much went through it.
type counter struct {
	w    io.Writer
	sent int64
	tell func(int64)
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.sent += int64(n)
	c.tell(c.sent)
	return n, err
}
