package smtpserver

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tem/internal/line"
)

// model is what a client may know of a session: the whole of RFC 5321 §4.1.4
// and RFC 3030 §2, as small as it can be said.
type model struct {
	hello, extended, login, mail, binary, spoilt bool
	rcpts                                        int
	chunks                                       bool
	bare                                         bool // of the chunks: they end in half a CRLF
	stored                                       int  // messages that were taken
	ended                                        bool
}

func (m *model) drop() {
	m.mail, m.binary, m.spoilt, m.chunks, m.bare, m.rcpts = false, false, false, false, false, 0
}

// move is one command of the alphabet: what is sent and the code that must answer.
type move struct {
	name string
	say  string // the text of DATA goes behind it when the answer is 354
	text string
	do   func(m *model) int
	ends bool // the session
}

const goodText, badText = "Subject: a\r\n\r\nb\r\n.\r\n", "a\nb\r\n.\r\n"

func needHello(do func(m *model) int) func(*model) int {
	return func(m *model) int {
		if !m.hello {
			return 503
		}
		return do(m)
	}
}

func mailMove(name, params string, code int, binary bool) move {
	return move{name: name, say: "MAIL FROM:<an@hanoi.example>" + params + "\r\n", do: needHello(func(m *model) int {
		switch {
		case m.mail:
			return 503
		case params != "" && !m.extended:
			return 555
		case code == 250:
			m.mail, m.binary = true, binary
		}
		return code
	})}
}

func rcptMove(name, to string, code int) move {
	return move{name: name, say: "RCPT TO:<" + to + ">\r\n", do: needHello(func(m *model) int {
		if !m.mail || m.spoilt || m.chunks {
			return 503
		}
		if code == 250 && m.rcpts < 3 {
			m.rcpts++
		} else if m.rcpts == 3 {
			return 452
		}
		return code
	})}
}

func dataMove(name, text string, code int) move {
	return move{name: name, say: "DATA\r\n", text: text, do: needHello(func(m *model) int {
		switch {
		case !m.mail || m.spoilt:
			return 503
		case m.chunks:
			m.spoilt = true
			return 503
		case m.binary || m.rcpts == 0:
			return 503
		}
		m.drop()
		if code == 250 {
			m.stored++
		}
		return code
	})}
}

// bdatMove is a chunk; bare says that it is wrong in a message of lines.
func bdatMove(name, text string, last, bare bool) move {
	mark := ""
	if last {
		mark = " LAST"
	}
	return move{name: name, say: fmt.Sprintf("BDAT %d%s\r\n%s", len(text), mark, text), do: func(m *model) int {
		if !m.hello || !m.mail || m.spoilt || m.rcpts == 0 {
			return 503
		}
		wrong := bare && !m.binary
		m.chunks = true
		switch {
		case last && wrong:
			m.drop()
			return 550
		case last:
			m.drop()
			m.stored++
		case wrong:
			m.spoilt = true
			return 550
		}
		return 250
	}}
}

func helloMove(verb string, extended bool) move {
	return move{name: verb, say: verb + " a\r\n", do: func(m *model) int {
		m.drop()
		m.hello, m.extended = true, extended
		return 250
	}}
}

func plain(name, say string, do func(m *model) int) move {
	return move{name: name, say: say + "\r\n", do: do}
}

// alphabet is what the test says, in every order.
func alphabet() []move {
	return []move{
		helloMove("EHLO", true), helloMove("HELO", false),
		mailMove("mail", "", 250, false), mailMove("mail binary", " BODY=BINARYMIME", 250, true), mailMove("mail refused", " SIZE=999999", 552, false),
		rcptMove("rcpt", "an@hanoi.example", 250), rcptMove("rcpt refused", "nobody@hanoi.example", 550),
		dataMove("data", goodText, 250), dataMove("data refused", badText, 550),
		bdatMove("bdat", "A: b\r\n\r\n", false, false), bdatMove("bdat failed", "A\n", false, true),
		bdatMove("bdat last", "\r\nb\r\n", true, false), bdatMove("bdat last failed", "\r\nb\n", true, true),
		plain("RSET", "RSET", func(m *model) int { m.drop(); return 250 }),
		plain("NOOP", "NOOP", func(*model) int { return 250 }),
		{name: "BDAT what", say: "BDAT x\r\n", do: func(m *model) int { m.ended = true; return 501 }, ends: true},
		plain("STARTTLS refused", "STARTTLS", func(*model) int { return 454 }),
		plain("AUTH", loginAn, needHello(func(m *model) int {
			if m.login || m.mail {
				return 503
			}
			m.login = true
			return 235
		})),
		plain("XCLIENT", "XCLIENT ADDR=192.0.2.7 LOGIN=[UNAVAILABLE]", func(m *model) int {
			if m.mail {
				return 503
			}
			m.hello, m.extended, m.login = false, false, false
			return 220
		}),
	}
}

// probe is a message that must go through whatever came before, and say
// nothing of it.
func probe() []move {
	return []move{
		plain("probe", "RSET", func(m *model) int { m.drop(); return 250 }), helloMove("HELO", false),
		mailMove("mail", "", 250, false), rcptMove("rcpt", "an@hanoi.example", 250), dataMove("data", goodText, 250),
	}
}

// script is a connection on which a client says everything at once.
type script struct {
	net.Conn
	in  *strings.Reader
	out bytes.Buffer
}

func (s *script) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (s *script) Close() error                     { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// said is what a client says that walks through moves, and the codes that it must hear.
func said(moves []move) (text string, codes []int, m model) {
	var b strings.Builder
	codes = []int{220}
	for _, v := range moves {
		if m.ended {
			break
		}
		b.WriteString(v.say)
		before := m
		code := v.do(&m)
		if v.text != "" && code != 503 && before.mail {
			b.WriteString(v.text)
			codes = append(codes, 354)
		}
		codes = append(codes, code)
	}
	return b.String(), codes, m
}

// heard are the codes of replies, in order.
func heard(text string) (codes []int) {
	in := bufio.NewScanner(strings.NewReader(text))
	for in.Scan() {
		if l := in.Text(); len(l) > 3 && l[3] == ' ' {
			n := 0
			fmt.Sscan(l[:3], &n)
			codes = append(codes, n)
		}
	}
	return codes
}

// TestStates says every sequence of commands behind some beginnings, then a
// message that must go through: the codes are those of the model, and nothing
// is left over.
func TestStates(t *testing.T) {
	t.Parallel()
	more := 0
	if os.Getenv("TEM_NIGHTLY") != "" {
		more = 1
	}
	all := alphabet()
	hello, mail, rcpt := all[0], mailMove("mail", "", 250, false), rcptMove("rcpt", "an@hanoi.example", 250)
	binary := mailMove("mail binary", " BODY=BINARYMIME", 250, true)
	var wg sync.WaitGroup
	for _, c := range []struct {
		depth int
		start []move
	}{
		{2, nil}, {3, []move{hello}}, {3, []move{hello, mail, rcpt}}, {2, []move{hello, binary, rcpt}},
		{2, []move{hello, mail, rcpt, bdatMove("bdat", "A: b\r\n\r\n", false, false)}},
		{2, []move{hello, mail, rcpt, bdatMove("bdat failed", "A\n", false, true)}},
	} {
		wg.Go(func() {
			w := new(statesWorld)
			walk(all, c.start, c.depth+more, func(moves []move) bool { return w.follow(t, moves) })
		})
	}
	wg.Wait()
}

func walk(all, path []move, depth int, visit func([]move) bool) bool {
	if depth == 0 {
		return visit(path)
	}
	for _, v := range all {
		left := depth - 1
		if v.ends {
			left = 0 // nothing comes behind it
		}
		if !walk(all, append(path[:len(path):len(path)], v), left, visit) {
			return false
		}
	}
	return true
}

// statesWorld makes a new world now and then, so that no mailbox grows large.
type statesWorld struct {
	w    *world
	s    *Server
	used int
}

func (w *statesWorld) server(t *testing.T) *Server {
	if w.s == nil || w.used > 2000 {
		w.w = newWorld(t)
		o := proxied(w.w)
		o.MaxErrors, o.TLS = 1000, nil
		w.s, w.used = New(o), 0
	}
	w.used++
	return w.s
}

func (w *statesWorld) follow(t *testing.T, path []move) bool {
	s := w.server(t)
	moves := append(path[:len(path):len(path)], probe()...)
	text, want, _ := said(moves)
	conn := &script{in: strings.NewReader(text)}
	s.Handle(t.Context(), line.NewConn(conn, line.Server, s.Options()))
	if got := heard(conn.out.String()); fmt.Sprint(got) != fmt.Sprint(want) {
		names := make([]string, len(path))
		for i, v := range path {
			names[i] = v.name
		}
		t.Errorf("%s:\ngot  %v\nwant %v\n%s", strings.Join(names, ", "), got, want, conn.out.String())
		return false
	}
	return true
}
