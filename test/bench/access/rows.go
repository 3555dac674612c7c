package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// row is one line of the table.
type row struct {
	protocol, group, name string
	unit                  string  // ms: less is better; /s and MB/s: more is
	aim                   float64 // how much faster than Dovecot Tem shall be; 0: as fast
	once                  bool    // its first run counts: cold
	measure               func(b *bench, s *server, m *meter) error
}

// rows is the table.
func rows() []row {
	return slices.Concat(loginRows(), fetchRows(), changeRows(), appendRows(), findRows(), coldRows(), mixedRows(), popRows())
}

// row runs one row on all servers in turn, and prints what came of it. What
// fails is noted and does not end the others.
func (b *bench) row(r *row) {
	b.say("measuring %s", r.name)
	outcomes := make([]outcome, len(b.servers))
	warm := 1
	if r.once {
		warm = 0
	}
	for run := range b.runs + warm {
		for i := range b.servers {
			if run%2 == 1 { // each is first as often
				i = len(b.servers) - 1 - i
			}
			o := &outcomes[i]
			if o.err != nil || b.ctx.Err() != nil {
				continue
			}
			quiet(b.servers, 100*time.Millisecond)
			sample, err := b.one(r, b.servers[i])
			if o.err = err; err == nil && run >= warm {
				o.samples = append(o.samples, sample)
			}
		}
	}
	b.line(r, outcomes)
}

// one runs a row once on one server.
func (b *bench) one(r *row, s *server) (sample, error) {
	m := newMeter(s, r.unit)
	stop := b.profile(r, m)
	err := r.measure(b, s, m)
	stop()
	var no refused
	if err != nil && !errors.As(err, &no) && !errors.Is(err, errAbsent) {
		s.forget()
	}
	return m.sample, err
}

// asked is a row that repeats one command in the large INBOX, and expects so
// many responses; 0 for any number. n says how many things are done.
func asked(group, name, command string, aim float64, needs ...string) row {
	return row{protocol: "imap", group: group, name: name, unit: "ms", aim: aim, measure: func(b *bench, s *server, m *meter) error {
		c, err := s.main()
		if err != nil {
			return err
		}
		if len(needs) > 0 {
			if err := s.lacks(needs...); err != nil {
				return err
			}
		}
		return m.repeat(1, func() error {
			a, err := c.do("%s", command)
			m.sample.found = a.numbers
			return err
		})
	}}
}

// expect is an error where a server did not answer for as many messages as it should.
func expect(what string, got, want int) error {
	if got >= want { // more: the client was told what others had changed
		return nil
	}
	return fmt.Errorf("%s: %d responses, fewer than %d", what, got, want)
}
