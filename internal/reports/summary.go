package reports

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tem/internal/kv"
	"tem/internal/trust/dmarc"
)

// Summary is what others told of mail in a domain's name.
type Summary struct {
	Domain    string    `json:"domain"`
	From      time.Time `json:"from,omitzero"` // the first and the last time that a report is about
	To        time.Time `json:"to,omitzero"`
	Reports   int       `json:"reports"`
	Unproven  int       `json:"unverified,omitempty"` // of them, not known to be of whom they claim to be
	Reporters []string  `json:"reporters"`
	Messages  int64     `json:"messages"`
	Passed    int64     `json:"passed"`
	Sources   []Source  `json:"sources"`        // those that fail most first
	More      int       `json:"more,omitempty"` // sources that are left out
}

// Source is an address that sent in the domain's name.
type Source struct {
	IP           string           `json:"ip"`
	Messages     int64            `json:"messages"`
	Passed       int64            `json:"passed"`
	DKIM         int64            `json:"dkim"` // aligned passes of each
	SPF          int64            `json:"spf"`
	Dispositions map[string]int64 `json:"dispositions"`
	HeaderFrom   []string         `json:"header_from"`
	Signers      []string         `json:"signers,omitempty"`   // domains whose signatures passed
	Envelope     []string         `json:"envelope,omitempty"`  // domains of return paths for which SPF passed
	Forwarded    int64            `json:"forwarded,omitempty"` // the receiver knew it as forwarded, or from a list
	Reporters    []string         `json:"reporters"`
	Hint         Hint             `json:"hint"`
}

// Bounds of a summary.
const (
	maxSources = 500
	maxNames   = 20 // names in one list
)

// Summarize is what was told of a domain and those below it since a time; zero: a year ago.
func (r *Reports) Summarize(ctx context.Context, domain string, since time.Time) (*Summary, error) {
	s, at := &Summary{Domain: domain}, map[string]*Source{}
	err := r.received(ctx, DMARC, domain, since, func(g *Received) {
		if !g.Verified {
			s.Unproven++
		}
		s.take(at, g.DMARC, g.From)
	})
	s.finish(at)
	return s, err
}

// Summary is what one report says.
func (f *Feedback) Summary() *Summary {
	s, at := &Summary{Domain: f.Policy.Domain}, map[string]*Source{}
	s.take(at, f, f.Metadata.Email)
	s.finish(at)
	return s
}

// take adds a report of somebody to the sources at.
func (s *Summary) take(at map[string]*Source, f *Feedback, from string) {
	who := cmp.Or(f.Metadata.Organization, from)
	s.Reports++
	s.From, s.To = stretch(s.From, s.To, f.Metadata.Begin.Time(), f.Metadata.End.Time())
	add(&s.Reporters, who)
	for i := range f.Records {
		s.add(at, &f.Records[i], who)
	}
}

// finish puts the sources in order.
func (s *Summary) finish(at map[string]*Source) {
	for _, source := range at {
		source.Hint = source.hint()
		s.Sources = append(s.Sources, *source)
	}
	slices.SortFunc(s.Sources, func(a, b Source) int {
		return cmp.Or(cmp.Compare(b.Messages-b.Passed, a.Messages-a.Passed), cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.IP, b.IP))
	})
	if n := len(s.Sources) - maxSources; n > 0 {
		s.Sources, s.More = s.Sources[:maxSources], n
	}
}

// stretch makes a time, which is empty at first, hold another.
func stretch(from, to, begin, end time.Time) (time.Time, time.Time) {
	if from.IsZero() || begin.Before(from) {
		from = begin
	}
	if end.After(to) {
		to = end
	}
	return from, to
}

func (s *Summary) add(at map[string]*Source, rec *Record, reporter string) {
	x := at[rec.SourceIP]
	if x == nil {
		x = &Source{IP: rec.SourceIP, Dispositions: map[string]int64{}}
		at[rec.SourceIP] = x
	}
	n := rec.Count
	s.Messages += n
	x.Messages += n
	if rec.Passes() {
		s.Passed += n
		x.Passed += n
	}
	if rec.DKIM == "pass" {
		x.DKIM += n
	}
	if rec.SPF == "pass" {
		x.SPF += n
	}
	if len(x.Dispositions) < maxNames || x.Dispositions[rec.Disposition] > 0 {
		x.Dispositions[rec.Disposition] += n
	}
	if slices.ContainsFunc(rec.Reasons, forwarding) {
		x.Forwarded += n
	}
	add(&x.HeaderFrom, rec.HeaderFrom)
	add(&x.Reporters, reporter)
	for _, d := range rec.DKIMResults {
		if d.Result == "pass" {
			add(&x.Signers, d.Domain)
		}
	}
	for _, p := range rec.SPFResults {
		if p.Result == "pass" {
			add(&x.Envelope, p.Domain)
		}
	}
}

func forwarding(r Reason) bool {
	return r.Type == "forwarded" || r.Type == "mailing_list" || r.Type == "trusted_forwarder"
}

// add adds a name to a list that has it not, while there is room.
func add(list *[]string, name string) {
	if name != "" && len(*list) < maxNames && !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
}

// received gives the reports about a domain, and those below it, since a time.
// What can't be read, of a newer program, is passed over.
func (r *Reports) received(ctx context.Context, k Kind, domain string, since time.Time, fn func(*Received)) error {
	return r.o.KV.View(ctx, func(v kv.Reader) error {
		return v.Scan(kv.Reports, head(receivedPrefix, k, r.since(since)), []byte{receivedPrefix, byte(k) + 1}, kv.ScanOptions{}, func(key, val []byte) error {
			_, name := target(key)
			if n := len(name) - 9; n < 0 || name[n] != 0 || !dmarc.IsWithin(name[:n], domain) {
				return nil
			}
			if g, err := decodeReceived(val); err == nil && (k == DMARC) == (g.DMARC != nil) && (k == TLS) == (g.TLS != nil) {
				fn(g)
			}
			return nil
		})
	})
}

// Sendings are the reports that were sent, or are being, the newest first, and how many
// messages and sessions of the last year could not be counted.
func (r *Reports) Sendings(ctx context.Context, since time.Time, limit int) (list []Sent, lost int64, err error) {
	err = r.o.KV.View(ctx, func(v kv.Reader) error {
		for _, k := range []Kind{DMARC, TLS} {
			o := kv.ScanOptions{Reverse: true, Limit: limit}
			err := v.Scan(kv.Reports, head(sentPrefix, k, r.since(since)), []byte{sentPrefix, byte(k) + 1}, o, func(_, val []byte) error {
				var s Sent
				if err := json.Unmarshal(val, &s); err != nil {
					return fmt.Errorf("reports: row of a report: %w", err)
				}
				list = append(list, s)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return v.Scan(kv.Reports, head(lostPrefix, 0, r.since(since)), []byte{lostPrefix + 1}, kv.ScanOptions{}, func(_, val []byte) error {
			row, err := decodeCount(val)
			lost += row.Count
			return err
		})
	})
	slices.SortStableFunc(list, func(a, b Sent) int { return b.Day.Compare(a.Day) })
	return list[:min(len(list), limit)], lost, err
}
