package reports

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tem/internal/address"
	"tem/internal/blob"
	"tem/internal/delivery"
	"tem/internal/kv"
	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/message/authres"
	"tem/internal/trust"
	"tem/internal/trust/dmarc"
)

// Received is a report that others sent about a domain of ours.
type Received struct {
	Document
	Arrived  time.Time `json:"arrived"`
	From     string    `json:"from"`     // domain of its sender
	Verified bool      `json:"verified"` // DMARC passed for the letter, or it is ours
	Message  string    `json:"message"`  // id of the letter
}

// arrival is a letter that may bring a report.
type arrival struct {
	body   blob.ID
	to     []address.Address
	ours   bool // one of our own wrote it
	header message.Header
}

// maxArrived bounds the letters that wait to be read.
const maxArrived = 100

// Arrived is delivery's Accepted: it looks whether a message may bring a report.
func (r *Reports) Arrived(e *delivery.Envelope, h message.Header, body *mail.Body) {
	if e.Junk || !announces(h) {
		return
	}
	a := arrival{body: body.ID, to: slices.Clone(e.Recipients), ours: e.Submitted, header: bytes.Clone(h)}
	select {
	case r.arrived <- a:
	default:
		r.o.Log.Warn("reports: too many come at once: one is left unread in its mailbox", "id", body.ID)
	}
}

// announces says that a header is that of a report.
func announces(h message.Header) bool {
	return strings.Contains(strings.ToLower(h.Text("Subject")), "report domain:") || h.Get("TLS-Report-Domain") != "" ||
		strings.Contains(strings.ToLower(h.Get("Content-Type")), "tlsrpt")
}

// receive keeps what a letter reports, if it is about a domain of ours and came
// to an address that the domain named for it.
func (r *Reports) receive(ctx context.Context, a arrival) {
	got, err := r.read(ctx, a)
	if err == nil {
		err = r.keep(ctx, a, got)
	}
	if err != nil && !a.ours { // ours are mostly those that we send
		r.o.Log.Info("reports: a letter is no report that is kept", "id", a.body, "err", err)
	}
}

func (r *Reports) read(ctx context.Context, a arrival) (*Received, error) {
	got := &Received{Arrived: r.o.Now().UTC(), Message: a.body.String()}
	got.From, _ = dmarc.Author(a.header.Values("From"))
	judged := false
	if got.Verified, judged = r.verified(a, got.From); judged && !got.Verified {
		return nil, fmt.Errorf("it does not come from %s: DMARC does not pass", got.From)
	}
	body, err := r.o.OpenBody(ctx, a.body)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	d, err := ReadMessage(body, body.Size())
	if err != nil {
		return nil, err
	}
	got.Document = *d
	return got, nil
}

// verified says whether a letter is of the domain in From, and whether that was looked at.
func (r *Reports) verified(a arrival, from string) (ok, judged bool) {
	if a.ours {
		return true, true
	}
	for _, value := range a.header.Values(authres.Name) {
		f, err := authres.Parse(value)
		if err != nil || !f.Is(r.o.Hostname) { // others can't write in our name: trust.StripForged
			continue
		}
		return trust.SawPass(&f, from), true
	}
	return false, false
}

// keep writes a report beside those that are there; one that comes again takes its own place.
func (r *Reports) keep(ctx context.Context, a arrival, got *Received) error {
	kind, begin, name, domains := got.about()
	now := r.o.Now()
	if begin.Before(now.AddDate(0, 0, -keepDays)) || begin.After(now.Add(48*time.Hour)) {
		return fmt.Errorf("it is about %s", begin.Format(time.DateOnly))
	}
	for _, d := range domains {
		wanted, err := r.wanted(ctx, kind, d, a.to)
		if err != nil {
			return err
		}
		if !wanted {
			continue
		}
		err = r.store(ctx, kind, dayOf(begin), d, name, got)
		if err == nil {
			r.o.Log.Info("report received", "id", a.body, "kind", kind.String(), "domain", d, "from", got.From, "verified", got.Verified)
		}
		return err
	}
	return fmt.Errorf("it is about %s, and did not come to an address that a domain of ours names for that", tidy(strings.Join(domains, " ")))
}

// about is the kind of a report, when its time begins, what tells it apart and whose it can be.
func (g *Received) about() (k Kind, begin time.Time, name string, domains []string) {
	if g.TLS != nil {
		return TLS, g.TLS.Range.Start, strings.Join([]string{g.From, g.TLS.Organization, g.TLS.ReportID}, "\x00"), g.TLS.Domains()
	}
	m := &g.DMARC.Metadata
	return DMARC, m.Begin.Time(), strings.Join([]string{g.From, m.Organization, m.ReportID}, "\x00"), []string{g.DMARC.Policy.Domain}
}

// reportBox is the mailbox that `tem dns records` names for reports.
const reportBox = "postmaster"

// wanted says whether a domain is ours and reports about it are to come to one
// of the recipients. What DANE reports name is a host of the domain (RFC 8460 §4.4).
func (r *Reports) wanted(ctx context.Context, k Kind, domain string, to []address.Address) (bool, error) {
	ours, err := r.ours(ctx, domain)
	if err != nil || ours == "" {
		return false, err
	}
	for _, a := range to {
		if local, err := r.o.IsLocal(ctx, a.Domain); err == nil && local && strings.EqualFold(a.Local, reportBox) {
			return true, nil
		}
	}
	for _, uri := range r.published(ctx, k, domain, ours) {
		if w := wishOf(uri); slices.ContainsFunc(to, func(a address.Address) bool { return !w.to.IsNull() && a.Key() == w.to.Key() }) {
			return true, nil
		}
	}
	return false, nil
}

// published are the addresses that a domain of ours names.
func (r *Reports) published(ctx context.Context, k Kind, domain, ours string) (uris []string) {
	if k == TLS {
		uris, _ = ruaTLS(ctx, r.o.Resolver, domain)
		more, _ := ruaTLS(ctx, r.o.Resolver, ours)
		return append(uris, more...)
	}
	if res := dmarc.Discover(ctx, r.o.Resolver, domain).Evaluate(ctx, r.o.Resolver, nil); res.Record != nil {
		return res.Record.RUA
	}
	return nil
}

// store writes the row of a received report.
func (r *Reports) store(ctx context.Context, k Kind, day uint32, domain, name string, got *Received) error {
	lo, hi := receivedKeys(k, day, domain)
	key := append(slices.Clone(lo), hash8(name)...)
	n := 0
	err := r.o.KV.View(ctx, func(v kv.Reader) error {
		return v.Scan(kv.Reports, lo, hi, kv.ScanOptions{Limit: maxKept}, func(other, _ []byte) error {
			if !bytes.Equal(other, key) {
				n++
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	if n >= maxKept {
		return fmt.Errorf("there are %d reports about %s of that day already", n, domain)
	}
	var val bytes.Buffer
	z := gzip.NewWriter(&val)
	json.NewEncoder(z).Encode(got) // nothing fails in memory
	z.Close()
	var b kv.Batch
	b.Set(kv.Reports, key, val.Bytes())
	return kv.Commit(ctx, r.o.KV, &b)
}

func decodeReceived(val []byte) (*Received, error) {
	z, err := gzip.NewReader(bytes.NewReader(val))
	if err != nil {
		return nil, fmt.Errorf("reports: received row: %w", err)
	}
	got := new(Received)
	if err := json.NewDecoder(io.LimitReader(z, 4*maxDocument)).Decode(got); err != nil {
		return nil, fmt.Errorf("reports: received row: %w", err)
	}
	return got, nil
}
