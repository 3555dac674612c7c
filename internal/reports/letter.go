package reports

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"tem/internal/address"
	"tem/internal/delivery"
	"tem/internal/kv"
	"tem/internal/message"
	"tem/internal/trust/dmarc"
)

// maxLetter is the largest report that is sent by mail; larger ones were refused almost anywhere.
const maxLetter = 20 << 20

// errNothing: all that there was to tell has been told already, on the day itself (SendNow).
var errNothing = errors.New("nothing was counted")

// send makes the report and brings it to all who asked and have not got it. An
// error is temporary: there is something left to do.
func (r *Reports) send(ctx context.Context, w *work, asked []wish) error {
	from, err := r.from(ctx)
	if err != nil {
		return err
	}
	file, err := r.build(ctx, w, from)
	if err != nil {
		return err
	}
	if w.state.Messages == 0 {
		return errNothing
	}
	if err := r.sendMail(ctx, w, asked, from, file); err != nil {
		return err
	}
	var last error
	for _, a := range asked {
		if a.url == "" || w.state.settled(a.uri) {
			continue
		}
		if err := r.post(ctx, a.url, file); err != nil {
			last = fmt.Errorf("%s: %w", a.uri, err)
			continue
		}
		w.settle(r, a, "posted")
	}
	return last
}

func (w *work) settle(r *Reports, a wish, outcome string) {
	w.state.To = append(w.state.To, Destination{a.uri, outcome, r.o.Now().UTC()})
}

// from is who sends: as configured, or in the nearest of our domains that the host is in.
func (r *Reports) from(ctx context.Context) (address.Address, error) {
	if !r.o.From.IsNull() {
		return r.o.From, nil
	}
	domain, err := r.ours(ctx, r.o.Hostname)
	return address.Address{Local: "noreply-dmarc", Domain: cmp.Or(domain, r.o.Hostname)}, err
}

// ours is the nearest of our domains that a name is in; "" for none.
func (r *Reports) ours(ctx context.Context, name string) (string, error) {
	for at := name; strings.Contains(at, "."); _, at, _ = strings.Cut(at, ".") {
		if local, err := r.o.IsLocal(ctx, at); local || err != nil {
			return at, err
		}
	}
	return "", nil
}

// build makes the file, compressed.
func (r *Reports) build(ctx context.Context, w *work, from address.Address) ([]byte, error) {
	var write func(io.Writer) error
	if w.kind == TLS {
		report, err := r.tlsReport(ctx, w, from)
		if err != nil {
			return nil, err
		}
		write = func(z io.Writer) error { return json.NewEncoder(z).Encode(report) }
	} else {
		report, err := r.feedback(ctx, w, from)
		if err != nil {
			return nil, err
		}
		write = report.WriteXML
	}
	var file bytes.Buffer
	z := gzip.NewWriter(&file)
	if err := write(z); err != nil {
		return nil, err
	}
	err := z.Close()
	return file.Bytes(), err
}

// feedback is the DMARC report. Of more records than maxRecords it says so.
func (r *Reports) feedback(ctx context.Context, w *work, from address.Address) (*Feedback, error) {
	rec, err := dmarc.Parse(w.policy)
	if err != nil {
		return nil, err
	}
	begin, end := w.period()
	f := &Feedback{Version: "1.0", Policy: publishedOf(w.domain, rec), Metadata: Metadata{
		Organization: cmp.Or(r.o.Organization, from.Domain), Email: from.String(), Contact: r.o.Contact, ReportID: w.state.ReportID,
		Begin: Seconds(begin.Unix()), End: Seconds(end.Unix()), Generator: strings.TrimSpace("Tem " + r.o.Version),
	}}
	at, left := map[string]int{}, int64(0)
	w.state.Messages = 0
	err = r.counted(ctx, w.kind, w.day, w.name(), func(c countRow) error {
		w.state.Messages += c.Count
		i, known := at[string(c.What)]
		switch {
		case known:
			f.Records[i].Count += c.Count
			return nil
		case len(f.Records) == maxRecords:
			left += c.Count
			return nil
		}
		at[string(c.What)] = len(f.Records)
		record := Record{}
		if err := json.Unmarshal(c.What, &record); err != nil {
			return fmt.Errorf("reports: row of counts: %w", err)
		}
		record.Count = c.Count
		f.Records = append(f.Records, record)
		return nil
	})
	if left > 0 {
		f.Metadata.Errors = append(f.Metadata.Errors, fmt.Sprintf("%d more messages are left out: the report has %d records", left, maxRecords))
	}
	slices.SortFunc(f.Records, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.HeaderFrom, b.HeaderFrom), cmp.Compare(a.SourceIP, b.SourceIP), cmp.Compare(b.Count, a.Count))
	})
	return f, err
}

// tlsReport is the TLS report.
func (r *Reports) tlsReport(ctx context.Context, w *work, from address.Address) (*TLSReport, error) {
	begin, end := w.period()
	t := &TLSReport{Organization: cmp.Or(r.o.Organization, from.Domain), Range: TLSRange{begin, end}, Contact: cmp.Or(r.o.Contact, from.String()), ReportID: w.state.ReportID}
	at, failures := map[string]int{}, 0
	w.state.Messages = 0
	err := r.counted(ctx, w.kind, w.day, w.name(), func(c countRow) error {
		var s session
		if err := json.Unmarshal(c.What, &s); err != nil {
			return fmt.Errorf("reports: row of counts: %w", err)
		}
		name := string(encode(s.Policy))
		i, known := at[name]
		if !known {
			if len(t.Policies) == maxPolicies {
				return nil
			}
			i = len(t.Policies)
			at[name] = i
			t.Policies = append(t.Policies, TLSPolicies{Policy: s.Policy})
		}
		w.state.Messages += c.Count
		p := &t.Policies[i]
		if s.Failure == nil {
			p.Summary.Successes += c.Count
			return nil
		}
		p.Summary.Failures += c.Count
		if failures++; failures <= maxFailures {
			p.fail(*s.Failure, c.Count)
		}
		return nil
	})
	return t, err
}

// fail adds sessions that failed, to those that failed in the same way.
func (p *TLSPolicies) fail(f TLSFailure, n int64) {
	i := slices.IndexFunc(p.Failures, func(g TLSFailure) bool { g.Count = 0; return g == f })
	if i < 0 {
		i = len(p.Failures)
		p.Failures = append(p.Failures, f)
	}
	p.Failures[i].Count += n
}

// sendMail sends one letter to all mailboxes that asked, and marks them in the same commit.
func (r *Reports) sendMail(ctx context.Context, w *work, asked []wish, from address.Address, file []byte) error {
	var to []wish
	before := len(w.state.To)
	size := int64(len(file))*78/57 + 8<<10 // in lines of base64, with what is around it
	for _, a := range asked {
		switch {
		case w.state.settled(a.uri), a.url != "":
		case a.no != "":
			w.settle(r, a, a.no)
		case size > maxLetter || a.most > 0 && size > a.most: // RFC 9990 §3.5
			w.settle(r, a, fmt.Sprintf("the report, %d octets, is larger than is taken there", size))
		default:
			to = append(to, a)
		}
	}
	if len(to) == 0 {
		return nil
	}
	letter := r.letter(w, to, from, file)
	refused := w.state.To
	var marked []byte
	id, status, err := r.o.Send(ctx, letter, func(b *kv.Batch) {
		w.state.To = slices.Clone(refused)
		for _, a := range to {
			w.settle(r, a, "mailed")
		}
		marked = encode(w.state)
		r.mark(b, w, marked)
	})
	if err == nil && status.OK() {
		w.mine = marked
		r.o.Log.Info("report mailed", "id", id, "kind", w.kind.String(), "domain", w.domain, "to", len(to))
		return nil
	}
	w.state.To = refused
	if err == nil && status.Permanent() { // nobody there: ours alone can say so
		for _, a := range to {
			w.settle(r, a, status.String())
		}
		return nil
	}
	w.state.To = refused[:before]
	return fmt.Errorf("letter: %w", cmp.Or(err, errors.New(status.String())))
}

// letter is the message that brings a report (RFC 9990 §3.5.2, RFC 8460 §5.3).
func (r *Reports) letter(w *work, to []wish, from address.Address, file []byte) *delivery.Letter {
	begin, end := w.period()
	id := w.state.ReportID + "@" + r.o.Hostname
	name := fmt.Sprintf("%s!%s!%d!%d", from.Domain, w.domain, begin.Unix(), end.Unix())
	d := message.Draft{
		From: []message.Mailbox{{Address: from.String()}}, Date: r.o.Now(), MessageID: id,
		Subject: fmt.Sprintf("Report Domain: %s Submitter: %s Report-ID: <%s>", w.domain, from.Domain, id),
		Extra:   []message.Param{{Name: "Auto-Submitted", Value: "auto-generated"}},
		Text: fmt.Sprintf("This is a report about mail that claimed to come from %s, as its DMARC record asks for,\non %s (UTC): %d messages. `tem reports read` and other tools show what it says.\n",
			w.domain, begin.Format("2006-01-02"), w.state.Messages),
	}
	kind, ending := "application/gzip", ".xml.gz"
	if w.kind == TLS {
		kind, ending = "application/tlsrpt+gzip", ".json.gz"
		d.ReportType = "tlsrpt"
		d.Text = fmt.Sprintf("This is a report about TLS on the way to the mail servers of %s, as its TLSRPT record asks for,\non %s (UTC): %d sessions.\n",
			w.domain, begin.Format("2006-01-02"), w.state.Messages)
		d.Extra = append(d.Extra, message.Param{Name: "TLS-Report-Domain", Value: w.domain}, message.Param{Name: "TLS-Report-Submitter", Value: from.Domain},
			message.Param{Name: "TLS-Required", Value: "No"}) // RFC 8460 §3: it goes in spite of what it tells of (RFC 8689 §3)
	}
	d.Attachments = []message.Attachment{{Name: name + ending, Type: kind, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file)), nil }}}
	l := &delivery.Letter{Path: from, From: from.Domain, Build: func(w io.Writer) error { return d.Build(w, false) }}
	for _, a := range to {
		d.To = append(d.To, message.Mailbox{Address: a.to.String()})
		l.To = append(l.To, a.to)
	}
	return l
}
