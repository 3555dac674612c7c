package control

import (
	"context"
	"time"

	"tem/internal/reports"
)

// ReportsQuery asks for what others have reported.
type ReportsQuery struct {
	Domain string    `json:"domain"`
	Since  time.Time `json:"since,omitzero"` // zero: a year ago
}

// DMARCReports sums up what was told of mail in a domain's name.
func (s *Service) DMARCReports(ctx context.Context, q ReportsQuery) (*reports.Summary, error) {
	name, err := domainName(q.Domain)
	if err != nil {
		return nil, err
	}
	found, err := s.Reports.Summarize(ctx, name, q.Since)
	if err == nil && found.Reports == 0 {
		return nil, errorf(NotFound, "%s: no DMARC report has come; others send them once a day to the rua= address of its DMARC record (tem dns check %s)", name, name)
	}
	return found, err
}

// TLSReports sums up what was told of TLS on the way to a domain.
func (s *Service) TLSReports(ctx context.Context, q ReportsQuery) (*reports.TLSView, error) {
	name, err := domainName(q.Domain)
	if err != nil {
		return nil, err
	}
	found, err := s.Reports.SummarizeTLS(ctx, name, q.Since)
	if err == nil && found.Reports == 0 {
		return nil, errorf(NotFound, "%s: no TLS report has come; others send them once a day to the rua= address of its TLSRPT record (tem dns check %s)", name, name)
	}
	return found, err
}

// SentQuery asks for what became of our reports.
type SentQuery struct {
	Since time.Time `json:"since,omitzero"`
	Limit int       `json:"limit,omitempty"` // 0: 100
}

// SentReports is the answer to reports.sent.
type SentReports struct {
	Reports []reports.Sent `json:"reports"`
	Lost    int64          `json:"lost,omitempty"` // messages and sessions that could not be counted
}

// SendReportsQuery names whom to send to.
type SendReportsQuery struct {
	Domain string `json:"domain"`
}

// SendReports sends a domain what was counted about it until now.
func (s *Service) SendReports(ctx context.Context, q SendReportsQuery) (out SentReports, err error) {
	name, err := domainName(q.Domain)
	if err != nil {
		return out, err
	}
	if s.Reload == nil {
		return out, errorf(Failed, "no server is running: it is the server that sends reports")
	}
	out.Reports, err = s.Reports.SendNow(ctx, name)
	if err == nil && len(out.Reports) == 0 {
		err = errorf(NotFound, "%s: nothing was counted that it has not been told; mail in its name that comes in is, if its DMARC record has rua=, and TLS on the way to it", name)
	}
	return out, err
}

// maxSent bounds an answer.
const maxSent = 10_000

// SentReports lists our reports, the newest first.
func (s *Service) SentReports(ctx context.Context, q SentQuery) (out SentReports, err error) {
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	out.Reports, out.Lost, err = s.Reports.Sendings(ctx, q.Since, min(limit, maxSent))
	return out, err
}
