package main

import "fmt"

const (
	metadata    = "(UID FLAGS RFC822.SIZE ENVELOPE)"
	thunderbird = "(UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])"
	mbsync      = "(UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (X-TUID MESSAGE-ID)])"
)

func fetchRows() []row {
	return []row{
		fetchAll("FETCH flags, sizes, ENVELOPE of all", metadata, 4),
		fetchAll("FETCH UID, FLAGS of all", "(UID FLAGS)", 4),
		fetchAll("FETCH as Thunderbird of all", thunderbird, 4),
		fetchAll("FETCH as mbsync of all", mbsync, 4),
		fetchAll("FETCH BODYSTRUCTURE of all", "(UID BODYSTRUCTURE)", 4),
		{protocol: "imap", group: "fetch body", name: "FETCH 2,000 bodies of 4 KiB", unit: "MB/s", aim: 2, measure: smallBodies},
		{protocol: "imap", group: "fetch body", name: "FETCH 2,000 bodies of 4 KiB, one by one", unit: "MB/s", measure: singleBodies},
		{protocol: "imap", group: "fetch body", name: "FETCH bodies of 5 MiB", unit: "MB/s", aim: 2, measure: largeBodies},
	}
}

// fetchAll fetches items of every message of the large mailbox.
func fetchAll(name, items string, aim float64) row {
	return row{protocol: "imap", group: "fetch metadata", name: name, unit: "/s", aim: aim, measure: func(b *bench, s *server, m *meter) error {
		c, err := s.main()
		if err != nil {
			return err
		}
		return m.repeat(float64(c.exists), func() error {
			a, err := c.do("FETCH 1:* %s", items)
			if err != nil {
				return err
			}
			return expect(name, a.fetched, c.exists)
		})
	}}
}

func smallBodies(b *bench, s *server, m *meter) error {
	c, err := s.main()
	if err != nil {
		return err
	}
	count := min(2000, b.inbox)
	return m.repeat(mega(count*b.letters), func() error {
		a, err := c.do("FETCH 1:%d BODY.PEEK[]", count)
		if err != nil {
			return err
		}
		return bodies(a, count, b.letters)
	})
}

// singleBodies is a client that waits for each message before it asks for the next.
func singleBodies(b *bench, s *server, m *meter) error {
	c, err := s.main()
	if err != nil {
		return err
	}
	count := min(2000, b.inbox)
	return m.repeat(mega(count*b.letters), func() error {
		for i := range count {
			if a, err := c.do("FETCH %d BODY.PEEK[]", 1+i); err != nil || a.octets < int64(b.letters) {
				return fmt.Errorf("message %d: %d octets: %w", i, a.octets, err)
			}
		}
		return nil
	})
}

func largeBodies(b *bench, s *server, m *meter) error {
	c, err := s.login(big, "Large", maxBuffer)
	if err != nil {
		return err
	}
	defer c.Close()
	return m.repeat(mega(b.large*largeSize), func() error {
		a, err := c.do("FETCH 1:* BODY.PEEK[]")
		if err != nil {
			return err
		}
		return bodies(a, b.large, largeSize)
	})
}

// bodies checks that all of them came.
func bodies(a answer, count, size int) error {
	if a.octets < int64(count)*int64(size) {
		return fmt.Errorf("%d octets are fewer than %d bodies of %d", a.octets, count, size)
	}
	return expect("bodies", a.fetched, count)
}

func mega(octets int) float64 { return float64(octets) / 1e6 }
