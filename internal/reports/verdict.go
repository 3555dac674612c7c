package reports

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tem/internal/transport"
	"tem/internal/trust"
	"tem/internal/trust/dkim"
	"tem/internal/trust/dmarc"
	"tem/internal/trust/spf"
)

// maxSignatures is how many of a message's signatures are told of.
const maxSignatures = 10

// recordOf is what is told of a message, without a count.
func recordOf(v *trust.Verdict) Record {
	r := Record{
		SourceIP: addressText(v.Client.Addr), DKIM: "fail", SPF: "fail",
		HeaderFrom: v.DMARC.From, EnvelopeFrom: tidy(v.ReturnPath[strings.LastIndexByte(v.ReturnPath, '@')+1:]),
		SPFResults: []SPFResult{{Domain: tidy(v.SPF.Domain), Scope: "mfrom", Result: string(v.SPF.Result)}},
	}
	if v.SPF.Result != spf.Pass {
		r.SPFResults[0].Human = tidy(v.SPF.Reason)
	}
	for _, a := range v.DMARC.Alignments {
		switch {
		case !a.Pass || !a.Aligned:
		case a.Method == "dkim":
			r.DKIM = "pass"
		case a.Method == "spf":
			r.SPF = "pass"
		}
	}
	r.DKIMResults = signatures(v)
	r.Disposition, r.Reasons = disposition(v)
	return r
}

// alike appends a name that verdicts of a day have in common if there is one
// record for them: made of the same, and much faster.
func alike(b []byte, day uint32, v *trust.Verdict) []byte {
	d := v.DMARC
	b = v.Client.Addr.AppendTo(binary.BigEndian.AppendUint32(b, day))
	texts := [...]string{
		d.Record.Text, d.From, d.Domain, d.Org, string(d.Value), string(d.Policy), string(d.Apply), v.Action.String(), v.Override,
		v.ReturnPath[strings.LastIndexByte(v.ReturnPath, '@')+1:], v.SPF.Domain, string(v.SPF.Result), v.SPF.Reason,
	}
	for _, s := range texts {
		b = append(append(b, 0), s...)
	}
	if d.Value == dmarc.TempError || d.Value == dmarc.PermError {
		b = append(append(b, 0), d.Reason...)
	}
	for _, a := range d.Alignments {
		b = append(append(b, 1), a.Method...)
		b = strconv.AppendBool(b, a.Pass && a.Aligned)
	}
	for i := range v.DKIM {
		k := &v.DKIM[i]
		for _, s := range [...]string{k.Domain, k.Selector, string(k.Status), k.Reason} {
			b = append(append(b, 2), s...)
		}
	}
	return b
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().WithZone("").String()
}

// signatures are those that say most first: aligned, passing, others (RFC 9990 §3.1.5).
func signatures(v *trust.Verdict) []DKIMResult {
	list := slices.DeleteFunc(slices.Clone(v.DKIM), func(d dkim.Result) bool { return d.Domain == "" })
	rank := func(d dkim.Result) int {
		switch {
		case d.Status != dkim.Pass:
			return 3
		case d.Domain == v.DMARC.From:
			return 0
		case v.DMARC.Org != "" && dmarc.IsWithin(d.Domain, v.DMARC.Org):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(list, func(a, b dkim.Result) int { return cmp.Compare(rank(a), rank(b)) })
	var out []DKIMResult
	for _, d := range list[:min(len(list), maxSignatures)] {
		out = append(out, DKIMResult{Domain: tidy(d.Domain), Selector: tidy(d.Selector), Result: string(d.Status), Human: tidy(d.Reason)})
	}
	return out
}

// disposition is what was done for the policy's sake, and why it was not what the owner asked for.
func disposition(v *trust.Verdict) (string, []Reason) {
	d := v.DMARC
	switch {
	case d.Value == dmarc.Pass && d.Policy != dmarc.PolicyNone:
		return "pass", nil
	case d.Value == dmarc.Pass, d.Policy == dmarc.PolicyNone:
		return "none", nil
	case d.Value != dmarc.Fail:
		return "none", []Reason{{"other", tidy(d.Reason)}}
	case d.Apply == dmarc.PolicyNone:
		return "none", []Reason{{"policy_test_mode", ""}}
	case v.Override != "":
		return "none", []Reason{{"trusted_forwarder", "arc=pass as " + v.Override + " saw it"}}
	case d.Apply == dmarc.Reject && v.Action == trust.Reject:
		return "reject", nil
	case d.Apply == dmarc.Quarantine && v.Action != trust.Accept:
		return "quarantine", nil
	}
	return "none", []Reason{{"local_policy", ""}}
}

// publishedOf is the policy of a record at a domain, with what it means where it says nothing.
func publishedOf(domain string, r *dmarc.Record) Published {
	mode := func(strict bool) string {
		if strict {
			return "s"
		}
		return "r"
	}
	p := Published{Domain: domain, Discovery: "treewalk", P: string(r.P), SP: string(cmp.Or(r.SP, r.P)), FO: r.FO, ADKIM: mode(r.StrictDKIM), ASPF: mode(r.StrictSPF), Testing: "n"}
	p.NP = string(cmp.Or(r.NP, dmarc.Policy(p.SP)))
	if r.Testing {
		p.Testing = "y"
	}
	return p
}

// session is what is counted of TLS sessions; of those that succeeded, only the policy.
type session struct {
	Policy  TLSPolicy   `json:"policy"`
	Failure *TLSFailure `json:"failure,omitempty"`
}

func sessionOf(o *transport.TLSOutcome) session {
	s := session{Policy: TLSPolicy{Type: o.Policy.Type, Strings: o.Policy.Strings, Domain: o.Policy.Domain, Hosts: o.Policy.Hosts}}
	if o.Result != "" {
		s.Failure = &TLSFailure{
			Result: o.Result, SendingIP: addressText(o.SendingIP), Host: tidy(o.Host), Hello: tidy(o.HostHello),
			HostIP: addressText(o.HostIP), Reason: tidy(o.Reason),
		}
	}
	return s
}
