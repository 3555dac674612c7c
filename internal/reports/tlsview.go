package reports

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// TLSView is what others told of TLS on the way to a domain.
type TLSView struct {
	Domain    string      `json:"domain"`
	From      time.Time   `json:"from,omitzero"`
	To        time.Time   `json:"to,omitzero"`
	Reports   int         `json:"reports"`
	Unproven  int         `json:"unverified,omitempty"`
	Reporters []string    `json:"reporters"`
	Successes int64       `json:"successes"`
	Failures  int64       `json:"failures"`
	Policies  []TLSTotal  `json:"policies"`
	Details   []TLSDetail `json:"details"` // the most frequent first
	More      int         `json:"more,omitempty"`
}

// TLSTotal counts sessions under policies of one type.
type TLSTotal struct {
	Type      string `json:"type"`
	Domain    string `json:"domain"`
	Successes int64  `json:"successes"`
	Failures  int64  `json:"failures"`
}

// TLSDetail counts sessions that failed for one reason at one host.
type TLSDetail struct {
	Result    string   `json:"result"`
	Host      string   `json:"host"`
	Count     int64    `json:"count"`
	Reasons   []string `json:"reasons,omitempty"`
	Reporters []string `json:"reporters"`
	Hint      Hint     `json:"hint"`
}

// SummarizeTLS is what was told of TLS to a domain since a time; zero: a year ago.
func (r *Reports) SummarizeTLS(ctx context.Context, domain string, since time.Time) (*TLSView, error) {
	s, at := &TLSView{Domain: domain}, newTLSCounts()
	err := r.received(ctx, TLS, domain, since, func(g *Received) {
		if !g.Verified {
			s.Unproven++
		}
		s.take(at, g.TLS, g.From)
	})
	s.finish(at)
	return s, err
}

// Summary is what one report says.
func (t *TLSReport) Summary() *TLSView {
	s, at := new(TLSView), newTLSCounts()
	if len(t.Policies) > 0 {
		s.Domain = t.Policies[0].Policy.Domain
	}
	s.take(at, t, t.Contact)
	s.finish(at)
	return s
}

// tlsCounts are totals and details by what they are of.
type tlsCounts struct {
	totals  map[string]*TLSTotal
	details map[string]*TLSDetail
}

func newTLSCounts() *tlsCounts {
	return &tlsCounts{map[string]*TLSTotal{}, map[string]*TLSDetail{}}
}

// take adds a report of somebody.
func (s *TLSView) take(at *tlsCounts, t *TLSReport, from string) {
	who := cmp.Or(t.Organization, from)
	s.Reports++
	s.From, s.To = stretch(s.From, s.To, t.Range.Start, t.Range.End)
	add(&s.Reporters, who)
	for i := range t.Policies {
		s.add(at, &t.Policies[i], who)
	}
}

// finish puts the counts in order.
func (s *TLSView) finish(at *tlsCounts) {
	for _, key := range slices.Sorted(maps.Keys(at.totals)) {
		s.Policies = append(s.Policies, *at.totals[key])
	}
	for _, d := range at.details {
		d.Hint = tlsHint(d.Result)
		s.Details = append(s.Details, *d)
	}
	slices.SortFunc(s.Details, func(a, b TLSDetail) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Result, b.Result), cmp.Compare(a.Host, b.Host))
	})
	if n := len(s.Details) - maxSources; n > 0 {
		s.Details, s.More = s.Details[:maxSources], n
	}
}

func (s *TLSView) add(at *tlsCounts, p *TLSPolicies, who string) {
	s.Successes += p.Summary.Successes
	s.Failures += p.Summary.Failures
	key := p.Policy.Type + "\x00" + p.Policy.Domain
	t := at.totals[key]
	if t == nil {
		t = &TLSTotal{Type: p.Policy.Type, Domain: p.Policy.Domain}
		at.totals[key] = t
	}
	t.Successes += p.Summary.Successes
	t.Failures += p.Summary.Failures
	for i := range p.Failures {
		f := &p.Failures[i]
		key := f.Result + "\x00" + f.Host
		d := at.details[key]
		if d == nil {
			d = &TLSDetail{Result: f.Result, Host: f.Host}
			at.details[key] = d
		}
		d.Count += f.Count
		add(&d.Reasons, cmp.Or(f.Reason, f.Additional))
		add(&d.Reporters, who)
	}
}
