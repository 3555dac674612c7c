package main

import "fmt"

func findRows() []row {
	text := func(name, key string) row {
		return asked("search text", "SEARCH "+name, "SEARCH CHARSET UTF-8 "+key, 30)
	}
	quick := func(name, key string) row { return asked("search", "SEARCH "+name, "SEARCH "+key, 0) }
	sort := func(key string) row { return asked("sort", "SORT "+key, "SORT ("+key+") UTF-8 ALL", 0, "SORT") }
	return []row{
		text("BODY, a rare word", "BODY "+rare),
		text("BODY, no such word", "BODY "+absent),
		text("BODY, one word of Vietnamese", "BODY "+literal("duyệt")),
		text("BODY, two words", "BODY "+literal("hợp đồng")),
		text("TEXT, a rare word", "TEXT "+rare),
		text("TEXT, a common word", "TEXT "+newCorpus().english[20]),
		quick("UNSEEN", "UNSEEN"),
		quick("FROM", "FROM person42@"),
		quick("SUBJECT", "SUBJECT "+newCorpus().english[30]),
		quick("SINCE", "SINCE 1-Jun-2026"),
		quick("SENTSINCE", "SENTSINCE 1-Jun-2026"),
		quick("KEYWORD, flagged, larger", "KEYWORD $Forwarded FLAGGED LARGER 4000"),
		sort("SUBJECT"), sort("DATE"), sort("ARRIVAL"), sort("FROM"), sort("SIZE"),
		asked("thread", "THREAD REFERENCES", "THREAD REFERENCES UTF-8 ALL", 0, "THREAD=REFERENCES"),
		asked("thread", "THREAD REFS", "THREAD REFS UTF-8 ALL", 0, "THREAD=REFS"),
	}
}

func literal(text string) string { return fmt.Sprintf("{%d+}\r\n%s", len(text), text) }

func coldRows() []row {
	return []row{
		{protocol: "imap", group: "cold select", name: "SELECT of the large mailbox, cold", unit: "ms", once: true, measure: cold("")},
		{protocol: "imap", group: "cold fetch", name: "SELECT and FETCH flags, sizes, ENVELOPE of all, cold", unit: "/s", aim: 4, once: true, measure: cold("FETCH 1:* " + metadata)},
		{protocol: "imap", group: "cold fetch", name: "SELECT and FETCH 2,000 bodies, cold", unit: "/s", once: true, measure: cold("FETCH 1:2000 BODY.PEEK[]")},
		{protocol: "imap", group: "search text unindexed", name: "SEARCH BODY, a rare word, without an index", unit: "ms", aim: 2, once: true, measure: unindexed},
	}
}

// cold restarts the server, with none of its files in memory, and times the
// first SELECT of the large mailbox and a FETCH.
func cold(fetch string) func(*bench, *server, *meter) error {
	return func(b *bench, s *server, m *meter) error {
		if err := s.restart(true, nil); err != nil {
			return err
		}
		c, err := s.login(big, "", maxBuffer)
		if err != nil {
			return err
		}
		defer c.Close()
		quiet([]*server{s}, span)
		m.begin()
		_, err = c.do("SELECT INBOX")
		n := 1.0
		if err == nil && fetch != "" {
			var a answer
			a, err = c.do("%s", fetch)
			n = float64(a.fetched)
		}
		m.end(n)
		return err
	}
}

// unindexed searches when Tem has no text index; that it begins to make one
// meanwhile is in the figures.
func unindexed(b *bench, s *server, m *meter) error {
	if err := s.restart(false, s.unindex); err != nil {
		return err
	}
	c, err := s.main()
	if err != nil {
		return err
	}
	if _, err := c.do("FETCH 1:* (UID FLAGS)"); err != nil {
		return err
	}
	m.begin()
	a, err := c.do("SEARCH BODY %s", rare)
	m.end(1)
	m.sample.found = a.numbers
	if err == nil {
		quiet([]*server{s}, 2*span) // the index is whole again
	}
	return err
}
