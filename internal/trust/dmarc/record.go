package dmarc

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
)

// Policy is what a domain's owner asks for messages that fail.
type Policy string

const (
	PolicyNone Policy = "none"
	Quarantine Policy = "quarantine"
	Reject     Policy = "reject"
)

// Record is a policy record (RFC 9989 §4.7).
type Record struct {
	P, SP, NP  Policy           // SP and NP are "" where they are not given
	StrictDKIM bool             // adkim=s
	StrictSPF  bool             // aspf=s
	RUA, RUF   []string         // URIs for reports
	Limits     map[string]int64 // octets that an address of RUA or RUF takes at most, where it says so ("!10m", RFC 7489 §6.2)
	FO         string           // when failure reports are wanted; "0" by default
	PSD        byte             // 'y', 'n' or 'u'
	Testing    bool             // t=y
	Text       string           // as it is published
}

// maxURIs bounds the addresses that one record can name.
const maxURIs = 20

// isRecord reports that a TXT record is a DMARC record: v=DMARC1 comes first and in this case (RFC 9989 §4.7).
func isRecord(txt string) bool {
	first, _, _ := strings.Cut(txt, ";")
	name, value, ok := strings.Cut(first, "=")
	return ok && strings.EqualFold(strings.TrimSpace(name), "v") && strings.TrimSpace(value) == "DMARC1"
}

// errNoPolicy: the record asks for something that does not exist.
var errNoPolicy = errors.New("not a policy")

// Parse reads a record. Unknown tags (pct, rf and ri of old among them) and
// values that can't be read are passed over (RFC 9989 §4.7), save a policy
// that is none: with an address for reports the record then counts as p=none,
// without it is of no use, which is the error (RFC 9989 §4.10.1).
func Parse(txt string) (*Record, error) {
	if !isRecord(txt) {
		return nil, errors.New("it does not begin with v=DMARC1")
	}
	r := &Record{P: PolicyNone, FO: "0", PSD: 'u', Text: txt}
	var bad error
	seen := map[string]bool{"v": true}
	for part := range strings.SplitSeq(txt, ";") {
		name, value, ok := strings.Cut(part, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		if err := r.set(name, value); err != nil && bad == nil {
			bad = err
		}
	}
	switch {
	case bad == nil:
		return r, nil
	case len(r.RUA) > 0:
		r.P, r.SP, r.NP = PolicyNone, "", ""
		return r, nil
	}
	return nil, bad
}

// set takes one tag.
func (r *Record) set(name, value string) error {
	switch name {
	case "p":
		return setPolicy(&r.P, name, value)
	case "sp":
		return setPolicy(&r.SP, name, value)
	case "np":
		return setPolicy(&r.NP, name, value)
	case "adkim":
		r.StrictDKIM = strings.EqualFold(value, "s")
	case "aspf":
		r.StrictSPF = strings.EqualFold(value, "s")
	case "rua":
		r.RUA = r.uris(value)
	case "ruf":
		r.RUF = r.uris(value)
	case "fo":
		r.FO = options(value)
	case "t":
		r.Testing = strings.EqualFold(value, "y")
	case "psd":
		if v := strings.ToLower(value); v == "y" || v == "n" {
			r.PSD = v[0]
		}
	}
	return nil
}

func setPolicy(p *Policy, name, value string) error {
	switch v := Policy(strings.ToLower(value)); v {
	case PolicyNone, Quarantine, Reject:
		*p = v
		return nil
	}
	return fmt.Errorf("%s=%q: %w: it may be none, quarantine or reject", name, value, errNoPolicy)
}

// uris reads a list of addresses, and what each says of sizes.
func (r *Record) uris(value string) (list []string) {
	for s := range strings.SplitSeq(value, ",") {
		s, size, limited := strings.Cut(strings.TrimSpace(s), "!")
		u, err := url.Parse(s)
		if err != nil || u.Scheme == "" || len(list) >= maxURIs || u.Scheme == "mailto" && !strings.Contains(u.Opaque, "@") {
			continue
		}
		list = append(list, s)
		if n, ok := octets(size); limited && ok {
			if r.Limits == nil {
				r.Limits = map[string]int64{}
			}
			r.Limits[s] = n
		}
	}
	return list
}

// octets reads a number, in units of 1024 and its powers with k, m, g or t behind it (RFC 7489 §6.4).
func octets(s string) (int64, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	digits, shift := s, 0
	if n := len(s) - 1; n >= 0 {
		if unit := strings.IndexByte("kmgt", s[n]); unit >= 0 {
			digits, shift = s[:n], 10*(unit+1)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n << shift, err == nil && n >= 0 && n <= math.MaxInt64>>shift
}

// options reads fo, "0" if it is not well formed.
func options(value string) string {
	for o := range strings.SplitSeq(strings.ToLower(value), ":") {
		if o = strings.TrimSpace(o); o != "0" && o != "1" && o != "d" && o != "s" {
			return "0"
		}
	}
	return strings.ToLower(strings.ReplaceAll(value, " ", ""))
}
