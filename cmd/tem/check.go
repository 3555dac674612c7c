package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"tem/internal/dns"
)

// CheckCommand makes the checks of incoming mail by hand.
type CheckCommand struct {
	SPF    CheckSPFCommand    `cmd:"" name:"spf" help:"May this address send for this domain?"`
	DKIM   CheckDKIMCommand   `cmd:"" name:"dkim" help:"Are the signatures of a message good?"`
	DMARC  CheckDMARCCommand  `cmd:"" name:"dmarc" help:"Does the domain in From stand behind a message?"`
	ARC    CheckARCCommand    `cmd:"" name:"arc" help:"What do those who passed a message on say of it?"`
	MX     CheckMXCommand     `cmd:"" name:"mx" help:"Which servers take the mail of a domain, and do they answer?"`
	DANE   CheckDANECommand   `cmd:"" name:"dane" help:"Do a domain's servers show the keys that it publishes under DNSSEC?"`
	MTASTS CheckMTASTSCommand `cmd:"" name:"mta-sts" help:"What does a domain ask of TLS, and do its servers conform?"`
}

// checkFlags are what all checks take.
type checkFlags struct {
	Zone *string `placeholder:"FILE" xor:"dns" help:"Answer DNS from a zone file instead of the network; a line NAME TIMEOUT stands for silence."`
	DNS  *string `name:"dns" placeholder:"SERVER" xor:"dns" help:"Ask this name server (address or address:port)."`
	JSON bool    `name:"json" help:"Answer with JSON: check, verdict, reason, meaning, steps, questions; spf also explanation, dkim signatures, dmarc signatures and policy."`
	Lang string  `enum:"en,vi,both" default:"both" help:"Language of the explanation: en, vi or both."`
}

// checkTime bounds one check.
const checkTime = time.Minute

// report is what a check comes to.
type checkReport struct {
	Check   string    `json:"check"`
	Verdict string    `json:"verdict"`
	Reason  string    `json:"reason"`
	Meaning checkText `json:"meaning"`
	Says    string    `json:"explanation,omitempty"` // what the domain says of an SPF fail (exp=)
	// Signatures are those of DKIM, in the order in which they stand; nil for checks of something else.
	Signatures []checkSignature `json:"signatures,omitzero"`
	Policy     *checkPolicy     `json:"policy,omitempty"` // dmarc: of the domain in From
	Steps      []checkStep      `json:"steps"`
	Questions  []checkQuestion  `json:"questions"`
}

// checkSignature is what became of one DKIM signature.
type checkSignature struct {
	Domain    string `json:"domain"`
	Selector  string `json:"selector"`
	Algorithm string `json:"algorithm"`
	Result    string `json:"result"`
	Reason    string `json:"reason,omitempty"`
}

// checkPolicy is what DMARC found for a message.
type checkPolicy struct {
	Author       string         `json:"author"`           // domain in From
	Organization string         `json:"organization"`     // its organizational domain
	Domain       string         `json:"domain,omitempty"` // whose record applies
	Record       string         `json:"record,omitempty"`
	Asks         string         `json:"asks,omitempty"` // for this From: none, quarantine, reject
	Apply        string         `json:"apply"`          // what follows for this message
	Identifiers  []checkAligned `json:"identifiers"`
}

// checkAligned is a domain that SPF or DKIM speaks of.
type checkAligned struct {
	Method  string `json:"method"`
	Domain  string `json:"domain"`
	Pass    bool   `json:"pass"`
	Aligned bool   `json:"aligned"`
}

// checkStep is one thing that was done, and what came of it.
type checkStep struct {
	What  string `json:"what"`
	Found string `json:"found"`
}

// checkQuestion is a question to the DNS.
type checkQuestion struct {
	Kind          string   `json:"kind"`
	Name          string   `json:"name"`
	Answer        []string `json:"answer,omitempty"`
	Error         string   `json:"error,omitempty"`
	Server        string   `json:"server,omitempty"`
	Cached        bool     `json:"cached,omitempty"`
	Authenticated bool     `json:"authenticated,omitempty"`
	Micros        int64    `json:"microseconds"`
}

// resolver is who answers the questions.
func (f *checkFlags) resolver() (*dns.Resolver, error) {
	switch {
	case f.Zone != nil && *f.Zone == "":
		return nil, errors.New("--zone \"\": name a zone file, or leave --zone out to ask the network")
	case f.Zone != nil:
		records, err := dns.ReadZone(kong.ExpandPath(*f.Zone))
		if err != nil {
			return nil, err
		}
		return dns.ZoneResolver(records...)
	case f.DNS != nil:
		server, err := nameServer(*f.DNS)
		if err != nil {
			return nil, err
		}
		return dns.NewResolver(server), nil
	}
	return dns.NewResolver(), nil
}

// nameServer is the address and port of a name server that --dns names.
func nameServer(s string) (string, error) {
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		return net.JoinHostPort(a.String(), "53"), nil
	}
	if a, err := netip.ParseAddrPort(s); err != nil || a.Port() == 0 {
		return "", fmt.Errorf("--dns %q: write an address, or address:port, such as 192.0.2.53 or [2001:db8::53]:53", s)
	}
	return s, nil
}

// run makes a check with its questions noted, prints the report, and fails if the verdict is bad.
func (f *checkFlags) run(ctx context.Context, out io.Writer, check func(context.Context, *dns.Resolver, *checkReport) error) error {
	r, err := f.resolver()
	if err != nil {
		return usageError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	rep := &checkReport{Steps: []checkStep{}, Questions: []checkQuestion{}}
	ctx = dns.WithTrace(ctx, func(s dns.Step) { rep.Questions = append(rep.Questions, questionOf(s)) })
	if err := check(ctx, r, rep); err != nil {
		return err
	}
	rep.Meaning = meaningOf(rep.Check, rep.Verdict)
	if err := f.print(out, rep); err != nil {
		return err
	}
	if rep.bad() {
		return &traceError{code: exitFailure} // the report has been shown
	}
	return nil
}

// bad: the verdict speaks against the message, or could not be had. Neutral is
// what an SPF record may well say; of a signature it says that it can't be read.
func (r *checkReport) bad() bool {
	return r.Verdict != "pass" && r.Verdict != "none" && (r.Verdict != "neutral" || r.Check != "spf")
}

func (r *checkReport) step(what, format string, args ...any) {
	r.Steps = append(r.Steps, checkStep{what, fmt.Sprintf(format, args...)})
}

func questionOf(s dns.Step) checkQuestion {
	q := checkQuestion{Kind: s.Kind.String(), Name: s.Name, Answer: s.Answer, Server: s.Server, Cached: s.Cached, Authenticated: s.Authenticated, Micros: s.Took.Microseconds()}
	switch {
	case errors.Is(s.Err, dns.ErrNotFound):
		q.Error = "there is none"
	case s.Err != nil:
		q.Error = s.Err.Error()
	}
	return q
}

// String is the question and its answer in a line.
func (q checkQuestion) String() string {
	answer := cmp.Or(q.Error, strings.Join(q.Answer, " | "))
	from := q.Server
	switch {
	case q.Cached:
		from = "remembered"
	case from == "":
		from = "zone"
	default:
		from += ", " + (time.Duration(q.Micros) * time.Microsecond).String()
	}
	if q.Authenticated {
		from += ", authenticated"
	}
	return fmt.Sprintf("%s %s: %s (%s)", q.Kind, q.Name, answer, from)
}

func (f *checkFlags) print(out io.Writer, r *checkReport) error {
	if f.JSON {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	words := checkWords(f.Lang)
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n  %s\n", strings.ToUpper(r.Check), r.Verdict, printable(r.Reason))
	for _, line := range r.Meaning.in(f.Lang) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	fmt.Fprintf(&b, "\n%s\n", words.steps)
	for i, s := range r.Steps {
		fmt.Fprintf(&b, "  %d. %s: %s\n", i+1, printable(s.What), printable(s.Found))
	}
	fmt.Fprintf(&b, "\n%s\n", words.questions)
	for _, q := range r.Questions {
		fmt.Fprintf(&b, "  %s\n", printable(q.String()))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// printable keeps what strangers wrote from steering the terminal; further lines are indented.
func printable(s string) string {
	s = strings.ReplaceAll(strings.TrimRight(s, "\r\n"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, strings.ReplaceAll(strings.ReplaceAll(s, "\t", " "), "\n", "\n     "))
}

// maxLetter is the largest message that is checked by hand.
const maxLetter = 200 << 20

// readLetter reads a message from a file, or from in for "-". Lines that end
// with LF only are given CRLF, as they have it on their way.
func readLetter(file string, in io.Reader) ([]byte, error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxLetter+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxLetter {
		return nil, fmt.Errorf("%s is larger than %d octets", file, maxLetter)
	}
	return withCRLF(text), nil
}

// withCRLF ends each line with CRLF.
func withCRLF(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/40)
	for i, c := range text {
		if c == '\n' && (i == 0 || text[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return out
}
