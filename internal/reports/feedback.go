package reports

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/text/encoding/charmap"
)

// Feedback is a DMARC aggregate report (RFC 9990 §3.1, before it RFC 7489 appendix C).
type Feedback struct {
	XMLName   xml.Name  `xml:"feedback" json:"-"`
	Namespace string    `xml:"xmlns,attr,omitempty" json:"-"`
	Version   string    `xml:"version,omitempty" json:"version,omitempty"`
	Metadata  Metadata  `xml:"report_metadata" json:"metadata"`
	Policy    Published `xml:"policy_published" json:"policy"`
	Records   []Record  `xml:"record" json:"records"`
}

// Metadata says who reports on which time.
type Metadata struct {
	Organization string   `xml:"org_name" json:"organization"`
	Email        string   `xml:"email" json:"email"`
	Contact      string   `xml:"extra_contact_info,omitempty" json:"contact,omitempty"`
	ReportID     string   `xml:"report_id" json:"report_id"`
	Begin        Seconds  `xml:"date_range>begin" json:"begin"`
	End          Seconds  `xml:"date_range>end" json:"end"`
	Errors       []string `xml:"error,omitempty" json:"errors,omitempty"`
	Generator    string   `xml:"generator,omitempty" json:"generator,omitempty"`
}

// Seconds since 1970, as reports write times.
type Seconds int64

// Time is it in UTC.
func (s Seconds) Time() time.Time { return time.Unix(int64(s), 0).UTC() }

// Published is the policy that the reporter saw.
type Published struct {
	Domain    string `xml:"domain" json:"domain"`
	Discovery string `xml:"discovery_method,omitempty" json:"discovery_method,omitempty"`
	P         string `xml:"p" json:"p"`
	SP        string `xml:"sp,omitempty" json:"sp,omitempty"`
	NP        string `xml:"np,omitempty" json:"np,omitempty"`
	FO        string `xml:"fo,omitempty" json:"fo,omitempty"`
	ADKIM     string `xml:"adkim,omitempty" json:"adkim,omitempty"`
	ASPF      string `xml:"aspf,omitempty" json:"aspf,omitempty"`
	Testing   string `xml:"testing,omitempty" json:"testing,omitempty"`
}

// Record counts messages that have all of this in common.
type Record struct {
	SourceIP     string       `xml:"row>source_ip" json:"source_ip"`
	Count        int64        `xml:"row>count" json:"count,omitempty"`
	Disposition  string       `xml:"row>policy_evaluated>disposition" json:"disposition"`
	DKIM         string       `xml:"row>policy_evaluated>dkim" json:"dkim"` // pass: of a domain that is aligned
	SPF          string       `xml:"row>policy_evaluated>spf" json:"spf"`
	Reasons      []Reason     `xml:"row>policy_evaluated>reason" json:"reasons,omitempty"`
	HeaderFrom   string       `xml:"identifiers>header_from" json:"header_from"`
	EnvelopeFrom string       `xml:"identifiers>envelope_from" json:"envelope_from"`
	EnvelopeTo   string       `xml:"identifiers>envelope_to,omitempty" json:"envelope_to,omitempty"`
	DKIMResults  []DKIMResult `xml:"auth_results>dkim" json:"dkim_results,omitempty"`
	SPFResults   []SPFResult  `xml:"auth_results>spf" json:"spf_results,omitempty"`
}

// Passes reports that DMARC passed.
func (r *Record) Passes() bool { return r.DKIM == "pass" || r.SPF == "pass" }

// Reason is why a policy was not applied as published.
type Reason struct {
	Type    string `xml:"type" json:"type"`
	Comment string `xml:"comment,omitempty" json:"comment,omitempty"`
}

// DKIMResult is that of one signature, aligned or not.
type DKIMResult struct {
	Domain   string `xml:"domain" json:"domain"`
	Selector string `xml:"selector" json:"selector"`
	Result   string `xml:"result" json:"result"`
	Human    string `xml:"human_result,omitempty" json:"human,omitempty"`
}

// SPFResult is that of the return path, aligned or not.
type SPFResult struct {
	Domain string `xml:"domain" json:"domain"`
	Scope  string `xml:"scope,omitempty" json:"scope,omitempty"`
	Result string `xml:"result" json:"result"`
	Human  string `xml:"human_result,omitempty" json:"human,omitempty"`
}

// namespace of RFC 9990 §7.
const namespace = "urn:ietf:params:xml:ns:dmarc-2.0"

// Bounds of what is read of a report.
const (
	maxDocument = 32 << 20 // octets, not compressed
	maxRecords  = 20_000
	maxValue    = 256 // octets of one text
	maxResults  = 100 // signatures of one record (RFC 9990 §3.1.5)
	maxPeriod   = 100 * 24 * time.Hour
)

// WriteXML writes the report as a file.
func (f *Feedback) WriteXML(w io.Writer) error {
	f.Namespace = namespace
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(f); err != nil {
		return err
	}
	return e.Close()
}

// ParseFeedback reads an aggregate report of any version. What it returns is
// checked: addresses are addresses, counts and times make sense, texts are short and hold no
// control characters.
func ParseFeedback(r io.Reader) (*Feedback, error) {
	limited := &io.LimitedReader{R: r, N: maxDocument + 1}
	d := xml.NewDecoder(limited)
	d.CharsetReader = latin
	f, err := readFeedback(d)
	if limited.N <= 0 {
		return nil, fmt.Errorf("DMARC report: it is larger than %d octets", maxDocument)
	}
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return nil, fmt.Errorf("DMARC report: %w", err)
	}
	return f, nil
}

// latin reads the few charsets beside UTF-8 that reports come in.
func latin(charset string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "us-ascii", "ascii":
		return r, nil
	case "iso-8859-1", "windows-1252", "latin1":
		return charmap.Windows1252.NewDecoder().Reader(r), nil
	}
	return nil, fmt.Errorf("charset %.40q is not known", charset)
}

// readFeedback reads element by element, so that the number of records is
// bounded before they are in memory.
func readFeedback(d *xml.Decoder) (*Feedback, error) {
	f, depth := new(Feedback), 0
	for {
		token, err := d.Token()
		if err == io.EOF && depth == 0 && f.Policy.Domain != "" {
			return f, nil
		}
		if err != nil {
			return nil, noEOF(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				if t.Name.Local != "feedback" {
					return nil, fmt.Errorf("it begins with <%.40s>, not with <feedback>", t.Name.Local)
				}
				depth++
				continue
			}
			if err := f.element(d, &t); err != nil {
				return nil, noEOF(err)
			}
		case xml.EndElement:
			return f, nil // of feedback: those below it are read by element
		}
	}
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// element reads one child of the root; unknown ones are passed over (RFC 9990 §5).
func (f *Feedback) element(d *xml.Decoder, t *xml.StartElement) error {
	switch t.Name.Local {
	case "version":
		return d.DecodeElement(&f.Version, t)
	case "report_metadata":
		return d.DecodeElement(&f.Metadata, t)
	case "policy_published":
		return d.DecodeElement(&f.Policy, t)
	case "record":
		if len(f.Records) == maxRecords {
			return fmt.Errorf("it has more than %d records", maxRecords)
		}
		var r Record
		err := d.DecodeElement(&r, t)
		f.Records = append(f.Records, r)
		return err
	}
	return d.Skip()
}

// check refuses what makes no sense and cuts what is too long.
func (f *Feedback) check() error {
	m, p := &f.Metadata, &f.Policy
	tidyAll(&f.Version, &m.Organization, &m.Email, &m.Contact, &m.ReportID, &m.Generator,
		&p.Domain, &p.Discovery, &p.P, &p.SP, &p.NP, &p.FO, &p.ADKIM, &p.ASPF, &p.Testing)
	m.Errors = m.Errors[:min(len(m.Errors), 20)]
	for i := range m.Errors {
		tidyAll(&m.Errors[i])
	}
	if err := checkDomain(&p.Domain); err != nil {
		return fmt.Errorf("policy_published: %w", err)
	}
	if err := checkPeriod(m.Begin.Time(), m.End.Time()); err != nil {
		return fmt.Errorf("date_range: %w", err)
	}
	for i := range f.Records {
		if err := f.Records[i].check(); err != nil {
			return fmt.Errorf("record %d: %w", i+1, err)
		}
	}
	return nil
}

func (r *Record) check() error {
	a, err := netip.ParseAddr(strings.TrimSpace(r.SourceIP))
	if err != nil {
		return fmt.Errorf("source_ip %.60q is not an address", r.SourceIP)
	}
	r.SourceIP = a.Unmap().WithZone("").String()
	if !counts(r.Count) {
		return fmt.Errorf("count %d is none", r.Count)
	}
	tidyAll(&r.Disposition, &r.DKIM, &r.SPF, &r.HeaderFrom, &r.EnvelopeFrom, &r.EnvelopeTo)
	r.Reasons = r.Reasons[:min(len(r.Reasons), maxResults)]
	for i := range r.Reasons {
		tidyAll(&r.Reasons[i].Type, &r.Reasons[i].Comment)
	}
	r.DKIMResults = r.DKIMResults[:min(len(r.DKIMResults), maxResults)]
	for i := range r.DKIMResults {
		d := &r.DKIMResults[i]
		tidyAll(&d.Domain, &d.Selector, &d.Result, &d.Human)
	}
	r.SPFResults = r.SPFResults[:min(len(r.SPFResults), maxResults)]
	for i := range r.SPFResults {
		s := &r.SPFResults[i]
		tidyAll(&s.Domain, &s.Scope, &s.Result, &s.Human)
	}
	return nil
}

// maxCount is the largest number that is believed, far from an overflow of sums.
const maxCount = 1 << 40

func counts(n int64) bool { return n >= 0 && n <= maxCount }

var errPeriod = errors.New("it is no time that a report can be about")

func checkPeriod(begin, end time.Time) error {
	if begin.Unix() <= 0 || end.Before(begin) || end.Sub(begin) > maxPeriod {
		return errPeriod
	}
	return nil
}
