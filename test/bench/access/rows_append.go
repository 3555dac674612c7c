package main

import (
	"errors"
	"fmt"
)

func appendRows() []row {
	list := []row{}
	for _, size := range []int{4 << 10, 100 << 10} {
		for _, sessions := range []int{1, 10} {
			aim := 0.0
			if sessions == 10 {
				aim = 3
			}
			count := 1000
			if size > 4<<10 {
				count = 300
			}
			list = append(list, row{protocol: "imap", group: "append", name: fmt.Sprintf("APPEND of %d KiB, %d sessions", size>>10, sessions), unit: "/s", aim: aim,
				measure: func(b *bench, s *server, m *meter) error { return appends(b, s, m, sessions, count, size) }})
		}
	}
	return list
}

// appends has each session append to a mailbox of its user's own, made for this.
func appends(b *bench, s *server, m *meter, sessions, count, size int) error {
	clients := make([]*client, sessions)
	for i := range clients {
		c, err := s.login(user(i), "", minBuffer)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := c.do("CREATE Appended"); err != nil {
			return err
		}
		clients[i] = c
	}
	commands := make([][]byte, count) // made before the clock starts
	for i := range commands {
		commands[i] = b.appendCommand("Appended", i, 1, size)
	}
	idle := make(chan *client, sessions)
	for _, c := range clients {
		idle <- c
	}
	m.begin()
	err := inParallel(sessions, count, func(i int) error {
		c := <-idle
		defer func() { idle <- c }()
		return c.one(commands[i])
	})
	m.end(float64(count))
	for _, c := range clients {
		_, removed := c.do("DELETE Appended")
		err = errors.Join(err, removed)
	}
	return err
}

// one sends a command and waits for its end.
func (c *client) one(command []byte) error {
	if err := c.send(command); err != nil {
		return err
	}
	_, err := c.finish()
	return err
}
