package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// client is a lean IMAP client: it counts what a server says and looks no
// closer than it must to find where an answer ends.
type client struct {
	net.Conn
	in     *bufio.Reader
	exists int // messages in the mailbox, as last told
}

// answer is what a command brought.
type answer struct {
	octets   int64
	untagged int    // responses
	fetched  int    // those that are FETCH
	numbers  int    // in * SEARCH or * SORT
	code     string // the response codes of untagged OK, one after another
	tagged   string // the last line
}

// refused is a NO or BAD; the session goes on.
type refused struct{ text string }

func (r refused) Error() string { return r.text }

// silence is how long a server may take over one command.
const silence = 5 * time.Minute

// greet takes a connection on which nothing has been read.
func greet(conn net.Conn, buffer int) (*client, error) {
	c := &client{Conn: conn, in: bufio.NewReaderSize(conn, buffer)}
	_ = c.SetDeadline(time.Now().Add(silence))
	_, err := c.in.ReadSlice('\n')
	return c, err
}

// do sends a command, whose literals must be non-synchronizing, and reads its answer.
func (c *client) do(format string, args ...any) (answer, error) {
	if err := c.send(fmt.Appendf(nil, "a "+format+"\r\n", args...)); err != nil {
		return answer{}, err
	}
	return c.finish()
}

func (c *client) send(text []byte) error {
	_ = c.SetDeadline(time.Now().Add(silence))
	_, err := c.Write(text)
	return err
}

// finish reads to the tagged line of one command.
func (c *client) finish() (a answer, err error) {
	for a.tagged == "" {
		if err := c.response(&a); err != nil {
			return a, err
		}
	}
	if !strings.HasPrefix(a.tagged, "OK") {
		return a, refused{a.tagged}
	}
	return a, nil
}

// response reads one response with its literals.
func (c *client) response(a *answer) error {
	literal, err := c.line(a, c.note)
	for err == nil && literal >= 0 {
		var n int
		n, err = c.in.Discard(int(literal))
		if a.octets += int64(n); err == nil {
			literal, err = c.line(a, func([]byte, *answer) {})
		}
	}
	return err
}

// line reads to the end of a line, hands its beginning on, and returns the
// length of the literal that follows, -1 if none.
func (c *client) line(a *answer, note func([]byte, *answer)) (literal int64, err error) {
	piece, err := c.in.ReadSlice('\n')
	note(piece, a)
	list := counted(piece)
	for {
		if a.octets += int64(len(piece)); list {
			a.numbers += listed(piece)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return announced(piece), err
		}
		piece, err = c.in.ReadSlice('\n')
	}
}

// counted says that a response is a list of messages.
func counted(line []byte) bool {
	return bytes.HasPrefix(line, []byte("* SEARCH")) || bytes.HasPrefix(line, []byte("* SORT"))
}

// listed counts the numbers, each of which follows a space.
func listed(piece []byte) (n int) {
	return bytes.Count(piece, []byte(" ")) - bytes.Count(piece, []byte("* S"))
}

// announced is the length of the literal that a line ends with (RFC 9051 §4.3), or -1.
func announced(line []byte) int64 {
	if !bytes.HasSuffix(line, []byte("}\r\n")) {
		return -1
	}
	open := bytes.LastIndexByte(line, '{')
	if open < 0 {
		return -1
	}
	n, err := strconv.ParseInt(string(line[open+1:len(line)-3]), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// note keeps what a response tells of the mailbox, or of the end of the answer.
func (c *client) note(line []byte, a *answer) {
	rest, untagged := bytes.CutPrefix(line, []byte("* "))
	switch {
	case !untagged && bytes.HasPrefix(line, []byte("a ")):
		a.tagged = string(bytes.TrimSpace(line[2:]))
		return
	case !untagged:
		return
	case bytes.HasPrefix(rest, []byte("OK [")):
		a.code += string(rest)
	}
	if bytes.Contains(rest[:min(len(rest), 20)], []byte(" FETCH (")) {
		a.fetched++
	}
	if a.untagged++; len(line) > 40 {
		return
	}
	number, what, _ := strings.Cut(string(rest), " ")
	switch n, _ := strconv.Atoi(number); strings.TrimSpace(what) {
	case "EXISTS":
		c.exists = n
	case "EXPUNGE":
		c.exists--
	}
}

// capability is what the server says it can do.
func (c *client) capability() (list string, err error) {
	if err := c.send([]byte("a CAPABILITY\r\n")); err != nil {
		return "", err
	}
	for {
		line, err := c.in.ReadString('\n')
		if err != nil || strings.HasPrefix(line, "a ") {
			return list, err
		}
		if strings.HasPrefix(line, "* CAPABILITY") {
			list = strings.TrimSpace(line)
		}
	}
}

// login logs in and selects a mailbox, "" for none.
func (c *client) login(user, mailbox string) error {
	if _, err := c.do("LOGIN %s %s", user, password); err != nil || mailbox == "" {
		return err
	}
	_, err := c.do("SELECT %s", mailbox)
	return err
}

// logout ends the session politely.
func (c *client) logout() error {
	_, err := c.do("LOGOUT")
	return errors.Join(err, c.Close())
}

// value is what follows a word in the response codes: UIDVALIDITY, HIGHESTMODSEQ.
func (a *answer) value(word string) string {
	_, rest, _ := strings.Cut(a.code, "["+word+" ")
	value, _, _ := strings.Cut(rest, "]")
	return value
}
