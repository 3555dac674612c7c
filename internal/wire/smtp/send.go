package smtp

import (
	"context"
	"io"
	"strconv"
	"strings"
)

// Transaction is one message to be sent.
type Transaction struct {
	From     string // without brackets; "" is the null path
	Size     int64  // of the content; 0: not known
	UTF8     bool   // needs SMTPUTF8
	EightBit bool   // needs 8BITMIME
	To       []string
	Content  io.Reader // with CRLF line ends, not dot-stuffed
	Progress func(sent int64)
}

// Send sends one message, pipelined where the server offers it. It returns one
// reply for each recipient: that to RCPT when it was refused, else that to the
// final dot. err is for a connection that can't be used any more; the replies
// known by then are still returned (nil ones are unknown).
func (c *Client) Send(ctx context.Context, t Transaction) ([]*Reply, error) {
	defer c.watch(ctx)()
	if r := c.refuse(&t); r != nil {
		return same(r, len(t.To)), nil
	}
	if c.dirty {
		if err := c.Reset(ctx); err != nil {
			return make([]*Reply, len(t.To)), err
		}
	}
	s := sending{c: c, t: &t, replies: make([]*Reply, len(t.To))}
	if err := s.run(); err != nil {
		return s.replies, c.why(ctx, err)
	}
	return s.replies, nil
}

func same(r *Reply, n int) []*Reply {
	all := make([]*Reply, n)
	for i := range all {
		all[i] = r
	}
	return all
}

// refuse is what we know the server would say, without asking it.
func (c *Client) refuse(t *Transaction) *Reply {
	for _, a := range append([]string{t.From}, t.To...) {
		if strings.ContainsAny(a, "\r\n<>\x00") {
			return NewReply(553, "5.1.3", "the address can't be sent")
		}
	}
	if _, ok := c.Ext["SMTPUTF8"]; t.UTF8 && !ok { // RFC 6531 §3.5
		return NewReply(550, "5.6.7", "the server does not take internationalised addresses (SMTPUTF8)")
	}
	if most, err := strconv.ParseInt(c.Ext["SIZE"], 10, 64); err == nil && most > 0 && t.Size > most { // RFC 1870 §6.1
		return NewReply(552, "5.3.4", "the message has "+strconv.FormatInt(t.Size, 10)+" octets, the server takes "+strconv.FormatInt(most, 10))
	}
	return nil
}

func (c *Client) mail(t *Transaction) string {
	s := "MAIL FROM:<" + t.From + ">"
	if _, ok := c.Ext["SIZE"]; ok && t.Size > 0 {
		s += " SIZE=" + strconv.FormatInt(t.Size, 10)
	}
	if _, ok := c.Ext["8BITMIME"]; ok && t.EightBit {
		s += " BODY=8BITMIME"
	}
	if t.UTF8 {
		s += " SMTPUTF8"
	}
	return s
}

// sending is one transaction under way.
type sending struct {
	c       *Client
	t       *Transaction
	replies []*Reply
}

// group is how many commands are sent before their replies are read: few
// enough that neither side can fill the other's window while it does not read.
const group = 100

func (s *sending) run() error {
	_, pipelining := s.c.Ext["PIPELINING"]
	commands := []string{s.c.mail(s.t)}
	for _, to := range s.t.To {
		commands = append(commands, "RCPT TO:<"+to+">")
	}
	step := 1
	if pipelining {
		commands = append(commands, "DATA")
		step = group
	}
	s.c.dirty = true
	var data *Reply
	for at := 0; at < len(commands); at += step {
		some := commands[at:min(at+step, len(commands))]
		if err := s.write(some); err != nil {
			return err
		}
		for i := range some {
			r, err := s.read()
			if err != nil {
				return err
			}
			if commands[at+i] == "DATA" {
				data = r
			} else if !s.took(at+i, r) && !pipelining {
				return nil
			}
		}
	}
	if !pipelining && s.waiting() > 0 {
		var err error
		if err = s.write([]string{"DATA"}); err == nil {
			data, err = s.read()
		}
		if err != nil {
			return err
		}
	}
	return s.content(data)
}

func (s *sending) write(commands []string) error {
	for _, l := range commands {
		if err := s.c.c.WriteLine(l); err != nil {
			return err
		}
	}
	return nil
}

// read reads one reply; 421 is the end of the connection (RFC 5321 §3.8).
func (s *sending) read() (*Reply, error) {
	r, err := readReply(s.c.c)
	if err != nil {
		return nil, err
	}
	if r.Code == 421 {
		s.settle(r)
		return nil, r
	}
	return r, nil
}

// took notes the reply to MAIL (at 0) or a RCPT; false: there is no transaction.
func (s *sending) took(at int, r *Reply) bool {
	switch {
	case at == 0 && r.Code >= 300:
		s.settle(r)
		return false
	case at > 0 && r.Code >= 300 && s.replies[at-1] == nil:
		s.replies[at-1] = r
	}
	return true
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

// content sends the text if the server asked for it, and settles the rest.
func (s *sending) content(data *Reply) error {
	if data == nil {
		return nil // nobody to send to
	}
	if data.Code != 354 {
		s.settle(data)
		return nil
	}
	w := s.c.c.DotWriter()
	if s.waiting() > 0 { // else RFC 2920 §3.1: a lone dot
		if err := s.copy(w); err != nil {
			return err // the text is cut short: the connection must not be used any more
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	r, err := s.read()
	if err != nil {
		return err
	}
	s.c.dirty = false
	s.settle(r)
	return nil
}

func (s *sending) copy(w io.Writer) error {
	if s.t.Progress != nil {
		w = &counter{w: w, tell: s.t.Progress}
	}
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{s.t.Content}, make([]byte, 32<<10))
	return err
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
