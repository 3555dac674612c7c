package queue

import (
	"bytes"
	"strings"
	"time"
)

// pick decodes a row if it is that of a job that is meant. One that can't be
// read is picked, too: somebody has to hear of it.
func (c *Choice) pick(id string, val []byte) (stored, bool) {
	if !c.mayFit(val) {
		return stored{}, false
	}
	s, err := decode(val)
	if err != nil {
		return stored{Job: Job{ID: id}, bad: err}, true
	}
	return s, c.fits(&s.Job)
}

// mayFit reports false of a row that is seen not to fit without decoding it,
// which takes ten times as long: a million are looked through in a second.
func (c *Choice) mayFit(val []byte) bool {
	return (!c.Held || bytes.Contains(val, []byte(`"Held":true`))) &&
		(c.From == "" || mayHave(val, `"ReturnPath":"`, c.fromFits)) &&
		(c.To == "" || mayHave(val, `"Address":"`, c.toFits)) &&
		(c.Domain == "" || mayHave(val, `"Domain":"`, c.domainFits)) &&
		(c.Before.IsZero() || mayHave(val, `"Created":"`, c.createdFits))
}

func (c *Choice) domainFits(domain string) bool { return strings.EqualFold(domain, c.Domain) }

func (c *Choice) toFits(address string) bool { return strings.EqualFold(address, c.To) }

func (c *Choice) createdFits(text string) bool {
	created, err := time.Parse(time.RFC3339Nano, text)
	return err != nil || created.Before(c.Before)
}

// mayHave reports whether one of the texts of a row that stand behind a name
// fits, or can't be told: it is written with escapes, or there is none. The
// name with its quotes and the colon stands nowhere else, for within a text
// the quotes are escaped.
func mayHave(row []byte, name string, fits func(string) bool) bool {
	for found := false; ; found = true {
		i := bytes.Index(row, []byte(name))
		if i < 0 {
			return !found
		}
		row = row[i+len(name):]
		end := bytes.IndexByte(row, '"')
		if end < 0 || bytes.IndexByte(row[:end], '\\') >= 0 || fits(string(row[:end])) {
			return true
		}
	}
}
