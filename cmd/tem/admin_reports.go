package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"tem/internal/config"
	"tem/internal/control"
	"tem/internal/reports"
)

type reportsCommand struct {
	DMARC reportsDMARC `cmd:"" name:"dmarc" help:"Who sends mail in a domain's name, as others report (DMARC)."`
	TLS   reportsTLS   `cmd:"" name:"tls" help:"How TLS to a domain's mail servers fares, as others report (TLSRPT)."`
	Sent  reportsSent  `cmd:"" help:"What became of the reports that this server sends to others."`
	Send  reportsSend  `cmd:"" help:"Send a domain what was counted about it until now, without waiting for the end of the day."`
	Read  reportsRead  `cmd:"" help:"Print one report: a file of XML or JSON, compressed or not, or a message with it."`
}

func (reportsCommand) Help() string {
	return `Examples:
  tem reports dmarc hanoi.example --since 30d
  tem reports tls hanoi.example --lang vi
  tem reports read 'google.com!hanoi.example!1767225600!1767311999.zip'
  tem reports sent
  tem reports send saigon.example       to see that they arrive

Others send reports once a day to the addresses that "tem dns records" has a
domain publish. They stay in that mailbox, too. Exit code 3: none has come.`
}

// reportsFlags are those of both kinds.
type reportsFlags struct {
	adminFlags
	Domain string          `arg:"" help:"The domain; those below it are included."`
	Since  config.Duration `default:"30d" help:"About nothing older: 7d, 90d."`
	Lang   string          `enum:",en,vi" default:"" help:"Language: en or vi (default: by LANG)."`
}

func (f reportsFlags) query() control.ReportsQuery {
	return control.ReportsQuery{Domain: f.Domain, Since: time.Now().Add(-time.Duration(f.Since))}
}

func (f reportsFlags) language() string { return languageOf(f.Lang) }

type reportsDMARC struct{ reportsFlags }

func (c *reportsDMARC) Run(ctx context.Context, env *adminEnv) error {
	var resp reports.Summary
	err := c.ask(ctx, env, control.Call{Verb: "reports.dmarc", Request: c.query(), Response: &resp})
	return c.show(env, err, resp, func(w io.Writer) { printSummary(w, &resp, c.language()) })
}

func printSummary(w io.Writer, s *reports.Summary, lang string) {
	if lang == "vi" {
		tableRow(w, fmt.Sprintf("%s: %d thư, %d đạt DMARC (%s), theo %d báo cáo từ %s đến %s của %s",
			s.Domain, s.Messages, s.Passed, share(s.Passed, s.Messages), s.Reports, dayText(s.From), dayText(s.To), strings.Join(s.Reporters, ", ")))
		tableRow(w, "NGUỒN", "THƯ", "ĐẠT", "DKIM", "SPF", "XỬ LÝ", "NGƯỜI GỬI")
	} else {
		tableRow(w, fmt.Sprintf("%s: %d messages, %d pass DMARC (%s), by %d reports on %s to %s from %s",
			s.Domain, s.Messages, s.Passed, share(s.Passed, s.Messages), s.Reports, dayText(s.From), dayText(s.To), strings.Join(s.Reporters, ", ")))
		tableRow(w, "SOURCE", "MESSAGES", "PASS", "DKIM", "SPF", "DONE", "FROM")
	}
	for i := range s.Sources {
		x := &s.Sources[i]
		tableRow(w, x.IP, x.Messages, x.Passed, x.DKIM, x.SPF, countsText(x.Dispositions), strings.Join(x.HeaderFrom, ","))
	}
	if s.More > 0 {
		tableRow(w, fmt.Sprintf("… %d more", s.More))
	}
	io.WriteString(w, "\n")
	for i := range s.Sources {
		tableRow(w, s.Sources[i].IP+" "+s.Sources[i].Hint.In(lang))
	}
	if s.Unproven > 0 {
		tableRow(w, fmt.Sprintf("%d of the reports are not proven to come from whom they name", s.Unproven))
	}
}

type reportsTLS struct{ reportsFlags }

func (c *reportsTLS) Run(ctx context.Context, env *adminEnv) error {
	var resp reports.TLSView
	err := c.ask(ctx, env, control.Call{Verb: "reports.tls", Request: c.query(), Response: &resp})
	return c.show(env, err, resp, func(w io.Writer) { printTLS(w, &resp, c.language()) })
}

func printTLS(w io.Writer, s *reports.TLSView, lang string) {
	heads := [...]string{"%s: %d TLS sessions succeeded, %d failed, by %d reports on %s to %s from %s", "POLICY", "SUCCEEDED", "FAILED", "RESULT", "HOST", "SESSIONS", "WHY"}
	if lang == "vi" {
		heads = [...]string{"%s: %d phiên TLS thành công, %d thất bại, theo %d báo cáo từ %s đến %s của %s", "CHÍNH SÁCH", "THÀNH CÔNG", "THẤT BẠI", "KẾT QUẢ", "MÁY CHỦ", "PHIÊN", "VÌ SAO"}
	}
	tableRow(w, fmt.Sprintf(heads[0], s.Domain, s.Successes, s.Failures, s.Reports, dayText(s.From), dayText(s.To), strings.Join(s.Reporters, ", ")))
	tableRow(w, heads[1], heads[2], heads[3])
	for _, p := range s.Policies {
		tableRow(w, p.Type+" "+p.Domain, p.Successes, p.Failures)
	}
	if len(s.Details) == 0 {
		return
	}
	io.WriteString(w, "\n")
	tableRow(w, heads[4], heads[5], heads[6], heads[7])
	for _, d := range s.Details {
		tableRow(w, d.Result, orDash(d.Host), d.Count, orDash(strings.Join(d.Reasons, "; ")))
	}
	io.WriteString(w, "\n")
	said := map[string]bool{}
	for _, d := range s.Details {
		if hint := d.Hint.In(lang); hint != "" && !said[d.Result] {
			said[d.Result] = true
			tableRow(w, d.Result+": "+hint)
		}
	}
}

type reportsSent struct {
	adminFlags
	Since config.Duration `default:"30d" help:"On nothing older: 7d, 90d."`
	Limit int             `default:"100" help:"At most so many, the newest."`
}

func (c *reportsSent) Run(ctx context.Context, env *adminEnv) error {
	if c.Limit < 1 {
		return usagef("--limit %d: it must be at least 1", c.Limit)
	}
	var resp control.SentReports
	q := control.SentQuery{Since: time.Now().Add(-time.Duration(c.Since)), Limit: c.Limit}
	err := c.ask(ctx, env, control.Call{Verb: "reports.sent", Request: q, Response: &resp})
	return c.show(env, err, resp, func(w io.Writer) { printSent(w, &resp) })
}

type reportsSend struct {
	adminFlags
	Domain string `arg:"" help:"The domain that asks for reports."`
}

func (c *reportsSend) Run(ctx context.Context, env *adminEnv) error {
	var resp control.SentReports
	err := c.ask(ctx, env, control.Call{Verb: "reports.send", Request: control.SendReportsQuery{Domain: c.Domain}, Response: &resp})
	return c.show(env, err, resp, func(w io.Writer) { printSent(w, &resp) })
}

func printSent(w io.Writer, s *control.SentReports) {
	if len(s.Reports) == 0 {
		tableRow(w, "no report was sent: only domains that ask for them get some, on the day after (or now: tem reports send DOMAIN)")
	} else {
		tableRow(w, "DAY", "KIND", "DOMAIN", "COUNTED", "TO")
	}
	for i := range s.Reports {
		r := &s.Reports[i]
		var to []string
		for _, d := range r.To {
			to = append(to, d.URI+": "+d.Outcome)
		}
		if r.Why != "" {
			to = append(to, "trouble: "+r.Why)
		}
		if !r.Done {
			to = append(to, "not done yet")
		}
		tableRow(w, dayText(r.Day), r.Kind, r.Domain, r.Messages, strings.Join(to, "; "))
	}
	if s.Lost > 0 {
		tableRow(w, fmt.Sprintf("%d messages or TLS sessions could not be counted", s.Lost))
	}
}

type reportsRead struct {
	File string `arg:"" type:"existingfile" help:"The file."`
	Lang string `enum:",en,vi" default:"" help:"Language: en or vi (default: by LANG)."`
	JSON bool   `name:"json" help:"Answer with one line of JSON."`
}

func (c *reportsRead) Run(_ context.Context, env *adminEnv) error {
	in, err := os.Open(c.File)
	if err != nil {
		return failf("%w", err)
	}
	defer in.Close()
	d, err := reports.Read(in)
	if err != nil {
		return failf("%s: %w", c.File, err)
	}
	lang := languageOf(c.Lang)
	return adminFlags{JSON: c.JSON}.show(env, nil, d, func(w io.Writer) {
		if d.TLS != nil {
			s := d.TLS.Summary()
			tableRow(w, "report "+d.TLS.ReportID+", contact "+d.TLS.Contact)
			printTLS(w, s, lang)
			return
		}
		m, p := &d.DMARC.Metadata, &d.DMARC.Policy
		tableRow(w, fmt.Sprintf("report %s, contact %s %s", m.ReportID, m.Email, m.Contact))
		tableRow(w, fmt.Sprintf("policy of %s as it was seen: p=%s sp=%s np=%s adkim=%s aspf=%s t=%s", p.Domain, p.P, orDash(p.SP), orDash(p.NP), orDash(p.ADKIM), orDash(p.ASPF), orDash(p.Testing)))
		for _, e := range m.Errors {
			tableRow(w, "note: "+e)
		}
		printSummary(w, d.DMARC.Summary(), lang)
	})
}

func dayText(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateOnly)
}

// share is a part of all in percent.
func share(n, all int64) string {
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", 100*float64(n)/float64(all))
}

// countsText is counts by name, sorted: none 3, reject 2.
func countsText(m map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", orDash(name), m[name]))
	}
	return strings.Join(parts, ", ")
}
