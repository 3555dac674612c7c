package trust

import (
	"bytes"
	"strings"

	"tem/internal/message"
	"tem/internal/message/authres"
	"tem/internal/trust/dkim"
	"tem/internal/trust/dmarc"
)

// AuthenticationResults is the field that tells the verdict to mail programs,
// folded, with CRLF (RFC 8601). host is our authserv-id.
func (v *Verdict) AuthenticationResults(host string) []byte {
	f := authres.Field{Host: host, Version: 1}
	if v.DMARC != nil {
		f.Results = append(f.Results, v.clientResults()...)
		f.Results = append(f.Results, v.spfResults()...)
		for i := range v.DKIM {
			f.Results = append(f.Results, dkimResult(&v.DKIM[i]))
		}
		if len(v.DKIM) == 0 {
			f.Results = append(f.Results, authres.Result{Method: "dkim", Value: "none"})
		}
		f.Results = append(f.Results, dmarcResult(v.DMARC))
		f.Results = append(f.Results, v.arcResults()...)
	}
	return f.Bytes()
}

// props are properties given as type, name, value …; those without a value are left out.
func props(words ...string) (list []authres.Prop) {
	for i := 0; i+2 < len(words); i += 3 {
		if words[i+2] != "" {
			list = append(list, authres.Prop{Type: words[i], Name: words[i+1], Value: words[i+2]})
		}
	}
	return list
}

// clientResults: RFC 8601 §2.7.3, and RFC 8904 for allow-lists that have the address.
func (v *Verdict) clientResults() []authres.Result {
	ip := v.Client.Addr.Unmap().WithZone("").String()
	list := []authres.Result{{Method: "iprev", Value: string(v.IPRev.Value), Comment: v.IPRev.Name, Props: props("policy", "iprev", ip)}}
	for _, r := range v.Lists {
		if r.Listed {
			list = append(list, authres.Result{Method: "x-dnsbl", Value: "listed", Comment: r.Text, Props: props("dns", "zone", r.Zone, "policy", "ip", r.Answers[0].String())})
		}
	}
	return list
}

// spfResults: RFC 8601 §2.7.2.
func (v *Verdict) spfResults() []authres.Result {
	hello := authres.Result{Method: "spf", Value: string(v.Hello.Result), Reason: v.Hello.Reason, Props: props("smtp", "helo", v.Client.Hello)}
	if v.ReturnPath == "" {
		return []authres.Result{hello}
	}
	return []authres.Result{{Method: "spf", Value: string(v.SPF.Result), Reason: v.SPF.Reason, Props: props("smtp", "mailfrom", v.ReturnPath)}, hello}
}

// dkimResult: RFC 8601 §2.7.1, RFC 6008.
func dkimResult(r *dkim.Result) authres.Result {
	return authres.Result{Method: "dkim", Value: string(r.Status), Reason: r.Reason, Props: props(
		"header", "d", r.Domain, "header", "i", r.Identity, "header", "s", r.Selector, "header", "a", r.Algorithm, "header", "b", r.Begins)}
}

// dmarcResult: RFC 9989 §9.1. The comment tells what the owner asks for this
// From, whatever became of it.
func dmarcResult(d *dmarc.Result) authres.Result {
	r := authres.Result{Method: "dmarc", Value: string(d.Value), Reason: d.Reason, Props: props("header", "from", d.From)}
	if d.Record != nil {
		r.Comment = d.Tag + "=" + string(d.Policy)
		r.Props = append(r.Props, props("polrec", "p", string(d.Record.P))...)
		if d.Domain != d.From {
			r.Props = append(r.Props, props("polrec", "domain", d.Domain)...)
		}
	}
	return r
}

// arcResults: draft-ietf-dmarc-arc-protocol-23 §10.1.
func (v *Verdict) arcResults() []authres.Result {
	if v.ARC.Status == dkim.None {
		return nil
	}
	r := authres.Result{Method: "arc", Value: string(v.ARC.Status), Reason: v.ARC.Reason, Props: props("smtp", "remote-ip", v.Client.Addr.Unmap().WithZone("").String())}
	if n := len(v.ARC.Sets); n > 0 {
		r.Props = append(r.Props, props("header", "d", v.ARC.Sets[n-1].Seal.Domain)...)
	}
	return []authres.Result{r}
}

// StripForged takes out of a header block each Authentication-Results field
// that claims to be the word of host: only what we add ourselves is (RFC 8601
// §5). A field that can't be read goes too if host's name is in it. A header
// without such fields is returned as it is.
func StripForged(header []byte, host string) []byte {
	return message.Header(header).Without(func(name, raw []byte) bool {
		return strings.EqualFold(string(name), authres.Name) && claims(raw, host)
	})
}

// claims reports a field that host seems to have written.
func claims(raw []byte, host string) bool {
	_, value, _ := bytes.Cut(raw, []byte(":"))
	f, err := authres.Parse(string(value))
	if err != nil {
		return authres.Mentions(string(value), host)
	}
	return strings.EqualFold(strings.TrimSuffix(f.Host, "."), host)
}
