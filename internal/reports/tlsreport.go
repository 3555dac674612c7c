package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// TLSReport is an SMTP TLS report (RFC 8460 §4.4).
type TLSReport struct {
	Organization string        `json:"organization-name"`
	Range        TLSRange      `json:"date-range"`
	Contact      string        `json:"contact-info"`
	ReportID     string        `json:"report-id"`
	Policies     []TLSPolicies `json:"policies"`
}

// TLSRange is the time that a report is about.
type TLSRange struct {
	Start time.Time `json:"start-datetime"`
	End   time.Time `json:"end-datetime"`
}

// TLSPolicies is what became of sessions under one policy.
type TLSPolicies struct {
	Policy   TLSPolicy    `json:"policy"`
	Summary  TLSSummary   `json:"summary"`
	Failures []TLSFailure `json:"failure-details,omitempty"`
}

// TLSPolicy is a policy as the reporter saw it.
type TLSPolicy struct {
	Type    string `json:"policy-type"` // "tlsa", "sts" or "no-policy-found"
	Strings texts  `json:"policy-string,omitempty"`
	Domain  string `json:"policy-domain"`
	Hosts   texts  `json:"mx-host,omitempty"`
}

// TLSSummary counts sessions.
type TLSSummary struct {
	Successes int64 `json:"total-successful-session-count"`
	Failures  int64 `json:"total-failure-session-count"`
}

// TLSFailure counts sessions that failed in the same way.
type TLSFailure struct {
	Result     string `json:"result-type"`
	SendingIP  string `json:"sending-mta-ip,omitempty"`
	Host       string `json:"receiving-mx-hostname,omitempty"`
	Hello      string `json:"receiving-mx-helo,omitempty"`
	HostIP     string `json:"receiving-ip,omitempty"`
	Count      int64  `json:"failed-session-count"`
	Additional string `json:"additional-information,omitempty"`
	Reason     string `json:"failure-reason-code,omitempty"`
}

// texts is a list of strings, of which some reporters write a single one without brackets.
type texts []string

// UnmarshalJSON reads both forms.
func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = nil
		if one != "" {
			*t = texts{one}
		}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(t))
}

// Bounds of what is read of a TLS report.
const (
	maxPolicies = 1000
	maxFailures = 10_000
	maxStrings  = 100
)

// ParseTLS reads a TLS report. What it returns is checked as ParseFeedback does.
func ParseTLS(r io.Reader) (*TLSReport, error) {
	limited := &io.LimitedReader{R: r, N: maxDocument + 1}
	t := new(TLSReport)
	err := json.NewDecoder(limited).Decode(t)
	switch {
	case limited.N <= 0:
		err = fmt.Errorf("it is larger than %d octets", maxDocument)
	case err == nil:
		err = t.check()
	}
	if err != nil {
		return nil, fmt.Errorf("TLS report: %w", noEOF(err))
	}
	return t, nil
}

func (t *TLSReport) check() error {
	tidyAll(&t.Organization, &t.Contact, &t.ReportID)
	t.Range.Start, t.Range.End = t.Range.Start.UTC(), t.Range.End.UTC()
	if err := checkPeriod(t.Range.Start, t.Range.End); err != nil {
		return fmt.Errorf("date-range: %w", err)
	}
	if len(t.Policies) == 0 || len(t.Policies) > maxPolicies {
		return fmt.Errorf("it has %d policies: there can be 1 to %d", len(t.Policies), maxPolicies)
	}
	failures := 0
	for i := range t.Policies {
		failures += len(t.Policies[i].Failures)
		if err := t.Policies[i].check(); err != nil {
			return fmt.Errorf("policy %d: %w", i+1, err)
		}
	}
	if failures > maxFailures {
		return fmt.Errorf("it has more than %d failure-details", maxFailures)
	}
	return nil
}

var errCount = errors.New("a count is none")

func (p *TLSPolicies) check() error {
	p.Policy.Strings = p.Policy.Strings[:min(len(p.Policy.Strings), maxStrings)]
	p.Policy.Hosts = p.Policy.Hosts[:min(len(p.Policy.Hosts), maxStrings)]
	tidyAll(&p.Policy.Type)
	for _, list := range []texts{p.Policy.Strings, p.Policy.Hosts} {
		for i := range list {
			tidyAll(&list[i])
		}
	}
	if err := checkDomain(&p.Policy.Domain); err != nil {
		return fmt.Errorf("policy-domain: %w", err)
	}
	if !counts(p.Summary.Successes) || !counts(p.Summary.Failures) {
		return errCount
	}
	for i := range p.Failures {
		f := &p.Failures[i]
		tidyAll(&f.Result, &f.SendingIP, &f.Host, &f.Hello, &f.HostIP, &f.Additional, &f.Reason)
		f.Host = strings.TrimSuffix(f.Host, ".")
		if !counts(f.Count) {
			return errCount
		}
	}
	return nil
}

// Domains are those that the report's policies are of.
func (t *TLSReport) Domains() (list []string) {
	for i := range t.Policies {
		list = append(list, t.Policies[i].Policy.Domain)
	}
	return list
}
