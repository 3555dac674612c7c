package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"time"
)

func popRows() []row {
	return []row{
		{protocol: "pop3", group: "login", name: "login+STAT, 1 session", unit: "/s", measure: popLogins(1, 100)},
		{protocol: "pop3", group: "login", name: "login+STAT, 10 sessions", unit: "/s", measure: popLogins(10, 300)},
		{protocol: "pop3", group: "uidl", name: "login+STAT+UIDL of the large mailbox", unit: "ms", aim: 4, measure: popList},
		{protocol: "pop3", group: "retr", name: "RETR 2,000 of 4 KiB, one by one", unit: "MB/s", aim: 4, measure: popRetrieve(1)},
		{protocol: "pop3", group: "retr", name: "RETR 2,000 of 4 KiB, in a pipeline", unit: "MB/s", aim: 4, measure: popRetrieve(window)},
		{protocol: "pop3", group: "top", name: "TOP 0 of 2,000, in a pipeline", unit: "/s", measure: popTop},
	}
}

// popClient is a lean POP3 client.
type popClient struct {
	net.Conn
	in *bufio.Reader
}

func (s *server) popLogin(user string) (*popClient, error) {
	conn, err := s.connect("", s.pop3)
	if err != nil {
		return nil, err
	}
	c := &popClient{conn, bufio.NewReaderSize(conn, maxBuffer)}
	for _, command := range []string{"", "USER " + user, "PASS " + password, "STAT"} {
		if _, err := c.do(command, false); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return c, nil
}

// do sends a command, "" for none, and reads its answer; listing says that it has many lines.
func (c *popClient) do(command string, listing bool) (octets int, err error) {
	if err := c.send(command); err != nil {
		return 0, err
	}
	return c.answer(listing)
}

func (c *popClient) send(commands string) error {
	_ = c.SetDeadline(time.Now().Add(silence))
	if commands == "" {
		return nil
	}
	_, err := c.Write([]byte(commands + "\r\n"))
	return err
}

func (c *popClient) answer(listing bool) (octets int, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(line, []byte("+OK")) {
		return 0, refused{string(bytes.TrimSpace(line))}
	}
	for octets = len(line); listing; octets += len(line) {
		if line, err = c.in.ReadSlice('\n'); err != nil || len(line) == 3 && line[0] == '.' {
			return octets, err
		}
	}
	return octets, nil
}

func (c *popClient) quit() error {
	_, err := c.do("QUIT", false)
	c.Close()
	return err
}

func popLogins(sessions, count int) func(*bench, *server, *meter) error {
	return func(b *bench, s *server, m *meter) error {
		free := make(chan string, b.users)
		for i := range b.users {
			free <- user(i)
		}
		m.begin()
		err := inParallel(sessions, count, func(int) error {
			user := <-free // a maildrop is of one session at a time (RFC 1939 §4)
			defer func() { free <- user }()
			c, err := s.popLogin(user)
			if err != nil {
				return err
			}
			return c.quit()
		})
		m.end(float64(count))
		return err
	}
}

func popList(b *bench, s *server, m *meter) error {
	return m.repeat(1, func() error {
		c, err := s.popLogin(post)
		if err != nil {
			return err
		}
		defer c.Close()
		octets, err := c.do("UIDL", true)
		if err == nil && octets < b.collected*4 {
			err = fmt.Errorf("a list of %d octets is too short", octets)
		}
		if err != nil {
			return err
		}
		return c.quit()
	})
}

// popRetrieve fetches messages with so many commands on their way.
func popRetrieve(window int) func(*bench, *server, *meter) error {
	return func(b *bench, s *server, m *meter) error {
		return popEach(b, s, m, window, "RETR %d\r\n", mega(b.letters), b.letters)
	}
}

func popTop(b *bench, s *server, m *meter) error {
	return popEach(b, s, m, window, "TOP %d 0\r\n", 1, 500)
}

// popEach gives a command for each of 2,000 messages; each is worth so much,
// and must bring at least so many octets.
func popEach(b *bench, s *server, m *meter, window int, command string, worth float64, least int) error {
	c, err := s.popLogin(post)
	if err != nil {
		return err
	}
	defer c.Close()
	count := min(2000, b.collected)
	err = m.repeat(float64(count)*worth, func() error {
		for from := 0; from < count; from += window {
			if err := c.batch(command, from, min(window, count-from), least); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.quit()
}

// batch sends commands for messages from+1 … from+n at once and reads the answers.
func (c *popClient) batch(command string, from, n, least int) error {
	var text []byte
	for i := range n {
		text = fmt.Appendf(text, command, from+i+1)
	}
	if err := c.send(string(text[:len(text)-2])); err != nil {
		return err
	}
	for range n {
		octets, err := c.answer(true)
		if err == nil && octets < least {
			err = fmt.Errorf("%d octets, fewer than %d", octets, least)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
