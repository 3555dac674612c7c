package main

import "fmt"

func changeRows() []row {
	return []row{
		{protocol: "imap", group: "store", name: "STORE +FLAGS, -FLAGS on 10,000", unit: "/s", measure: store("")},
		{protocol: "imap", group: "store", name: "STORE +FLAGS.SILENT, -FLAGS.SILENT on 10,000", unit: "/s", measure: store(".SILENT")},
		{protocol: "imap", group: "copy", name: "COPY 1,000", unit: "/s", measure: copyThousand},
		{protocol: "imap", group: "expunge", name: "EXPUNGE 1,000", unit: "/s", measure: expungeThousand},
	}
}

// store sets a keyword that no message has and takes it away again, in turn.
func store(silent string) func(*bench, *server, *meter) error {
	return func(b *bench, s *server, m *meter) error {
		c, err := s.main()
		if err != nil {
			return err
		}
		count := min(10_000, b.inbox)
		return m.repeat(float64(2*count), func() error {
			for _, sign := range []string{"+", "-"} {
				a, err := c.do("STORE 1:%d %sFLAGS%s ($Bench)", count, sign, silent)
				if err == nil && silent == "" {
					err = expect("STORE", a.fetched, count)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// copies has a new mailbox hold the first thousand of the INBOX while fn runs in it.
func copies(b *bench, s *server, prepare, fn func(c *client, count int) error) error {
	c, err := s.login(big, "INBOX", maxBuffer)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.do("CREATE Copies"); err != nil {
		return err
	}
	count := min(1000, b.inbox)
	err = prepare(c, count)
	if err == nil {
		err = fn(c, count)
	}
	if _, removed := c.do("DELETE Copies"); err == nil {
		err = removed
	}
	return err
}

func copyThousand(b *bench, s *server, m *meter) error {
	return copies(b, s, func(*client, int) error { return nil }, func(c *client, count int) error {
		m.begin()
		_, err := c.do("COPY 1:%d Copies", count)
		m.end(float64(count))
		return err
	})
}

func expungeThousand(b *bench, s *server, m *meter) error {
	prepare := func(c *client, count int) error {
		for _, command := range []string{fmt.Sprintf("COPY 1:%d Copies", count), "SELECT Copies", "STORE 1:* +FLAGS.SILENT (\\Deleted)"} {
			if _, err := c.do("%s", command); err != nil {
				return err
			}
		}
		return nil
	}
	return copies(b, s, prepare, func(c *client, count int) error {
		m.begin()
		a, err := c.do("EXPUNGE")
		m.end(float64(count))
		if err == nil {
			err = expect("EXPUNGE", min(a.untagged, count), count)
		}
		if _, unselected := c.do("SELECT INBOX"); err == nil { // Dovecot deletes no selected mailbox of its own session
			err = unselected
		}
		return err
	})
}
