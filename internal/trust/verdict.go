package trust

import (
	"fmt"
	"slices"
	"strings"

	"tem/internal/message/authres"
	"tem/internal/message/dsn"
	"tem/internal/trust/arc"
	"tem/internal/trust/dkim"
	"tem/internal/trust/dmarc"
	"tem/internal/trust/dnsbl"
	"tem/internal/trust/iprev"
	"tem/internal/trust/spf"
)

// Verdict is all that was found out about a message, and what follows.
type Verdict struct {
	Client     Client
	ReturnPath string
	IPRev      iprev.Result
	Hello      spf.Outcome // SPF of the greeting
	SPF        spf.Outcome // SPF of MAIL FROM; that of the greeting for the null path
	DKIM       []dkim.Result
	ARC        arc.Result
	DMARC      *dmarc.Result // nil for a trusted client
	Lists      []dnsbl.Result
	Action     Action
	Reasons    []string // why the action is not Accept, or why it is in spite of a fail
	Override   string   // the sealer (ARC) whose word counts more than the DMARC fail; "" for none
	status     dsn.Status
	crowded    bool // something could not be asked since we had too many questions under way
}

// Status is what to answer the client: 250, or a refusal with its reason.
func (v *Verdict) Status() dsn.Status {
	if v.status.Reply == 0 {
		return dsn.Status{Reply: 250, Code: dsn.Code{2, 0, 0}, Text: "accepted"}
	}
	return v.status
}

// decide weighs the results by the operator's rules.
func (v *Verdict) decide(o *Options) {
	v.weighLists(o)
	if o.EnforceDMARC && v.crowdedOut(o) {
		v.add(Defer, dsn.Code{4, 4, 3}, "too many look-ups are under way to check this message, try again later")
	} else {
		v.weighDMARC(o)
	}
	v.weighSPF(o)
	if o.DeferTempError && v.DMARC.Value == dmarc.TempError {
		v.add(Defer, dsn.Code{4, 4, 3}, "the message can't be checked for now, try later: "+v.DMARC.Reason)
	}
}

// maxText is how much of a reason goes into a reply, whose line has at most 512 octets (RFC 5321 §4.5.3.1.5).
const maxText = 450

// add lets the action be at least a. The text of the worst one is the answer.
func (v *Verdict) add(a Action, code dsn.Code, text string) {
	v.Reasons = append(v.Reasons, text)
	if a <= v.Action {
		return
	}
	v.Action = a
	text = dsn.Clip(text, maxText)
	switch a {
	case Reject:
		v.status = dsn.Status{Reply: 550, Code: code, Text: text}
	case Defer:
		v.status = dsn.Status{Reply: 451, Code: code, Text: text}
	}
}

// weighLists: who is on an allow-list is not refused for another list.
func (v *Verdict) weighLists(o *Options) {
	for i, r := range v.Lists {
		if r.Listed && o.Lists[i].Allow {
			return
		}
	}
	for i, r := range v.Lists {
		if a := o.Lists[i].Action; r.Listed && a != Accept {
			v.add(a, dsn.Code{5, 7, 1}, "the address that this comes from is blocked: "+r.String())
		}
	}
}

// crowdedOut reports that what the author's domain may ask for can't be known only
// because of our own bound on questions: who fills that must neither have mail of
// others refused or put aside, nor have forged mail taken.
func (v *Verdict) crowdedOut(o *Options) bool {
	d := v.DMARC
	switch {
	case !v.crowded:
		return false
	case d.Value == dmarc.TempError:
		return d.Record == nil || protects(d)
	}
	return d.Apply != dmarc.PolicyNone && v.ARC.Temporary && len(o.TrustedSealers) > 0
}

// protects reports a policy that is known and asks for more than none.
func protects(d *dmarc.Result) bool {
	return d.Record != nil && !d.Record.Testing && d.Policy != dmarc.PolicyNone
}

// weighDMARC does what the author's domain asks for, unless a sealer that we trust saw it pass.
func (v *Verdict) weighDMARC(o *Options) {
	d := v.DMARC
	if !o.EnforceDMARC || d.Nobody { // nobody is pretended to be: a program's bare note
		return
	}
	if d.From == "" { // no one author domain: hardly anything legitimate looks like that, and who reads it sees what the forger likes
		v.add(Quarantine, dsn.Code{5, 6, 0}, d.Reason)
		return
	}
	if d.Value == dmarc.TempError && protects(d) {
		// Else who forges a domain need only sign with one of its selectors whose name servers are dead.
		v.add(Quarantine, dsn.Code{4, 4, 3}, fmt.Sprintf("%s asks to be protected (DMARC, %s=%s), and it can't be found out for now whether it sent this: %s", d.Domain, d.Tag, d.Policy, d.Reason))
		return
	}
	if d.Apply == dmarc.PolicyNone {
		return
	}
	if v.Override = v.vouched(o.TrustedSealers); v.Override != "" {
		v.Reasons = append(v.Reasons, fmt.Sprintf("%s, which is trusted, saw the message pass before it passed it on (ARC)", v.Override))
		return
	}
	if d.Apply == dmarc.Reject {
		v.add(Reject, dsn.Code{5, 7, 1}, fmt.Sprintf("refused by the DMARC policy of %s (%s=%s): neither SPF nor DKIM passes for %s. "+
			"Send through a server of that domain, or ask its administrator to sign with DKIM", d.Domain, d.Tag, d.Policy, d.From))
		return
	}
	v.add(Quarantine, dsn.Code{5, 7, 1}, fmt.Sprintf("suspicious by the DMARC policy of %s (%s=%s): %s", d.Domain, d.Tag, d.Policy, d.Reason))
}

// vouched is the sealer that saw the message pass. From the newest seal back,
// each is believed only if those after it are (draft-ietf-dmarc-arc-protocol-23 §7.2.1).
func (v *Verdict) vouched(trusted []string) string {
	if v.ARC.Status != dkim.Pass {
		return ""
	}
	for _, set := range slices.Backward(v.ARC.Sets) {
		if !slices.ContainsFunc(trusted, func(t string) bool { return strings.EqualFold(t, set.Seal.Domain) }) {
			return ""
		}
		if f, err := authres.Parse(set.Results); err == nil && SawPass(&f, v.DMARC.From) {
			return set.Seal.Domain
		}
	}
	return ""
}

// SawPass reports results with a DMARC pass of the author domain.
func SawPass(f *authres.Field, from string) bool {
	return slices.ContainsFunc(f.Results, func(r authres.Result) bool {
		return r.Method == "dmarc" && r.Value == "pass" && strings.EqualFold(r.Get("header", "from"), from)
	})
}

// weighSPF: -all alone decides only where the author has no policy of his own;
// forwarding breaks SPF, and DMARC takes that into account (RFC 9989 §8.1).
func (v *Verdict) weighSPF(o *Options) {
	if v.SPF.Result != spf.Fail || o.SPFFail == Accept || v.DMARC.Value == dmarc.Pass || v.DMARC.Record != nil {
		return
	}
	text := "SPF: " + v.SPF.Reason
	if v.SPF.Explanation != "" {
		text += "; " + v.SPF.Domain + " explains: " + v.SPF.Explanation // RFC 7208 §6.2: whose words these are
	}
	v.add(o.SPFFail, dsn.Code{5, 7, 23}, text) // RFC 7372 §3.2
}

// Lines tells the verdict to people, a line for each check.
func (v *Verdict) Lines() []string {
	if v.DMARC == nil {
		return []string{"not judged: the client is trusted"}
	}
	lines := []string{
		fmt.Sprintf("iprev %s: %s", v.IPRev.Value, v.IPRev.Reason),
		fmt.Sprintf("SPF %s: %s", v.SPF.Result, v.SPF.Reason),
	}
	if v.ReturnPath != "" {
		lines = append(lines, fmt.Sprintf("SPF of the greeting %s: %s", v.Hello.Result, v.Hello.Reason))
	}
	for i := range v.DKIM {
		lines = append(lines, "DKIM "+v.DKIM[i].String())
	}
	if len(v.DKIM) == 0 {
		lines = append(lines, "DKIM none: the message is not signed")
	}
	if v.ARC.Status != dkim.None {
		lines = append(lines, "ARC "+v.ARC.String())
	}
	lines = append(lines, fmt.Sprintf("DMARC %s: %s", v.DMARC.Value, v.DMARC.Reason))
	for _, r := range v.Lists {
		lines = append(lines, "list: "+r.String())
	}
	lines = append(lines, "action: "+v.Action.String())
	for _, r := range v.Reasons {
		lines = append(lines, "because "+r)
	}
	return lines
}
