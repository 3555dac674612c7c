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
	s := &TLSView{Domain: domain}
	totals, details := map[string]*TLSTotal{}, map[string]*TLSDetail{}
	err := r.received(ctx, TLS, domain, since, func(g *Received) {
		who := cmp.Or(g.TLS.Organization, g.From)
		s.Reports++
		if !g.Verified {
			s.Unproven++
		}
		span := Summary{From: s.From, To: s.To}
		span.stretch(g.TLS.Range.Start, g.TLS.Range.End)
		s.From, s.To = span.From, span.To
		add(&s.Reporters, who)
		for i := range g.TLS.Policies {
			s.add(totals, details, &g.TLS.Policies[i], who)
		}
	})
	for _, key := range slices.Sorted(maps.Keys(totals)) {
		s.Policies = append(s.Policies, *totals[key])
	}
	for _, d := range details {
		d.Hint = tlsHint(d.Result)
		s.Details = append(s.Details, *d)
	}
	slices.SortFunc(s.Details, func(a, b TLSDetail) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Result, b.Result), cmp.Compare(a.Host, b.Host))
	})
	if n := len(s.Details) - maxSources; n > 0 {
		s.Details, s.More = s.Details[:maxSources], n
	}
	return s, err
}

func (s *TLSView) add(totals map[string]*TLSTotal, details map[string]*TLSDetail, p *TLSPolicies, who string) {
	s.Successes += p.Summary.Successes
	s.Failures += p.Summary.Failures
	key := p.Policy.Type + "\x00" + p.Policy.Domain
	t := totals[key]
	if t == nil {
		t = &TLSTotal{Type: p.Policy.Type, Domain: p.Policy.Domain}
		totals[key] = t
	}
	t.Successes += p.Summary.Successes
	t.Failures += p.Summary.Failures
	for i := range p.Failures {
		f := &p.Failures[i]
		key := f.Result + "\x00" + f.Host
		d := details[key]
		if d == nil {
			d = &TLSDetail{Result: f.Result, Host: f.Host}
			details[key] = d
		}
		d.Count += f.Count
		add(&d.Reasons, cmp.Or(f.Reason, f.Additional))
		add(&d.Reporters, who)
	}
}
