package config

import (
	"fmt"
	"strings"

	"tem/internal/address"
	"tem/internal/trust"
)

// Trust says how mail from elsewhere is judged. Mail of people who log in is not.
type Trust struct {
	Enabled         bool      `toml:"enabled" doc:"Check iprev, SPF, DKIM, ARC and DMARC of mail from other servers, and note the results in Authentication-Results."`
	EnforceDMARC    bool      `toml:"enforce_dmarc" doc:"Do as the domain in From asks (DMARC): refuse at p=reject, Junk at p=quarantine. false only notes the result."`
	SPFFail         string    `toml:"spf_fail" doc:"What to do on an SPF fail (-all) when the domain in From has no DMARC record: \"accept\", \"quarantine\" (Junk) or \"reject\". Forwarded mail fails SPF, so accept notes it only."`
	DeferErrors     bool      `toml:"defer_errors" doc:"Refuse for now (451) what DMARC can't judge because name servers do not answer; false accepts it, to Junk where the domain asks for more than p=none."`
	DNSBL           []string  `toml:"dnsbl" doc:"Lists of addresses to ask, ZONE=ACTION: accept (note only), quarantine, reject; allow for a list of good senders, which undoes the others. None is asked unless named: [\"zen.spamhaus.org=reject\", \"list.dnswl.org=allow\"]. Read the rules of a list before you use it."`
	TrustedSealers  []string  `toml:"trusted_sealers" doc:"Domains of forwarders and mailing lists that are believed (ARC) when they say that a message passed DMARC before they changed it."`
	Seal            string    `toml:"seal" doc:"Domain of ours whose key seals (ARC) mail from elsewhere that is forwarded, so that the next server can believe what was found here; \"\" seals nothing. ARC is on its way out, but large providers still look at it."`
	TrustedNetworks []Network `toml:"trusted_networks" doc:"Networks whose mail is not judged: our own relays, a laboratory."`
}

// maxLists bounds what one connection makes us ask.
const maxLists = 20

func defaultTrust() Trust {
	return Trust{Enabled: true, EnforceDMARC: true, SPFFail: "accept"}
}

// Options are the rules in the form that a judge takes.
func (t *Trust) Options(hostname string) (trust.Options, error) {
	o := trust.Options{Hostname: hostname, EnforceDMARC: t.EnforceDMARC, DeferTempError: t.DeferErrors}
	var ok bool
	if o.SPFFail, ok = actionOf(t.SPFFail); !ok {
		return o, fmt.Errorf("trust.spf_fail = %q: it may be accept, quarantine or reject", t.SPFFail)
	}
	if len(t.DNSBL) > maxLists {
		return o, fmt.Errorf("trust.dnsbl names %d lists: at most %d are asked", len(t.DNSBL), maxLists)
	}
	for _, text := range t.DNSBL {
		l, err := parseList(text)
		if err != nil {
			return o, err
		}
		o.Lists = append(o.Lists, l)
	}
	for _, s := range t.TrustedSealers {
		domain, err := address.Domain(s)
		if err != nil {
			return o, fmt.Errorf("trust.trusted_sealers: %w", err)
		}
		o.TrustedSealers = append(o.TrustedSealers, domain)
	}
	if d, err := address.Domain(t.Seal); t.Seal != "" && (err != nil || strings.HasPrefix(d, "[")) {
		return o, fmt.Errorf("trust.seal = %q: it must be a domain of this server", t.Seal)
	}
	for _, n := range t.TrustedNetworks {
		o.TrustedNetworks = append(o.TrustedNetworks, n.Prefix)
	}
	return o, nil
}

// parseList reads ZONE=ACTION.
func parseList(text string) (trust.List, error) {
	zone, word, _ := strings.Cut(text, "=")
	zone, err := address.Domain(strings.TrimSuffix(zone, "."))
	if err != nil || strings.HasPrefix(zone, "[") {
		return trust.List{}, fmt.Errorf("trust.dnsbl: %q: write ZONE=ACTION, such as zen.spamhaus.org=reject", text)
	}
	action, ok := actionOf(word)
	if !ok && word != "allow" {
		return trust.List{}, fmt.Errorf("trust.dnsbl: %q: the action may be accept, quarantine, reject or allow", text)
	}
	return trust.List{Zone: zone, Allow: word == "allow", Action: action}, nil
}

func actionOf(word string) (trust.Action, bool) {
	for _, a := range []trust.Action{trust.Accept, trust.Quarantine, trust.Reject} {
		if a.String() == word {
			return a, true
		}
	}
	return trust.Accept, false
}
