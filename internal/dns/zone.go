package dns

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

const (
	defaultTTL  = 300 // seconds, of records that name none
	negativeTTL = 10  // of "there is none": a lab's zone changes with every start
)

// zone holds the records of each name, in canonical form. A name that only
// lies above others has an empty list.
type zone map[string][]dns.RR

// parseZone reads master-file lines (RFC 1035 §5.1).
func parseZone(lines []string) (zone, error) {
	z := zone{}
	if err := eachRecord(strings.Join(lines, "\n"), "", z.add); err != nil {
		return nil, fmt.Errorf("zone record: %w", err)
	}
	return z, nil
}

// add puts a record under its name and makes the names above it exist (RFC 8020 §2).
func (z zone) add(rr dns.RR) {
	name := canonical(rr.Header().Name)
	rr.Header().Name = name
	z[name] = append(z[name], rr)
	for above := range upwards(name) {
		if _, exists := z[above]; !exists {
			z[above] = nil
		}
	}
}

// canonical is a name in the one form that it has here, however its octets are
// escaped (RFC 1035 §5.1): a\058b and a:b are the same.
func canonical(name string) string {
	if !strings.Contains(name, `\`) {
		return dns.CanonicalName(name)
	}
	var wire [255]byte
	if _, err := dns.PackDomainName(dns.Fqdn(name), wire[:], 0, nil, false); err != nil {
		return dns.CanonicalName(name)
	}
	if plain, _, err := dns.UnpackDomainName(wire[:], 0); err == nil {
		name = plain
	}
	return dns.CanonicalName(name)
}

// mute is a record of a private type (RFC 6895 §3.1): nobody answers for what its name has no record of.
const mute = dns.Type(65280)

// silent: there is no answer to the question, not even that there is none.
func (z zone) silent(q dns.Question) bool {
	records, _ := z.at(canonical(q.Name))
	found, alias := pick(records, q.Qtype)
	if len(found) > 0 || alias != "" {
		return false
	}
	return slices.ContainsFunc(records, func(rr dns.RR) bool { return rr.Header().Rrtype == uint16(mute) })
}

// upwards gives a name and the names above it, up to the root.
func upwards(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for off, end := 0, name == "."; !end; off, end = dns.NextLabel(name, off) {
			if !yield(name[off:]) {
				return
			}
		}
		yield(".")
	}
}

// answer fills in a reply the way RFC 1034 §4.3.2 tells an authority to, and
// says whether all of it is authenticated.
func (z zone) answer(reply *dns.Msg, q dns.Question) {
	name := canonical(q.Name)
	reply.AuthenticatedData = true
	for range maxAliases {
		records, exists := z.at(name)
		reply.AuthenticatedData = reply.AuthenticatedData && z.signed(name)
		if !exists {
			reply.Rcode = dns.RcodeNameError
			break
		}
		found, alias := pick(records, q.Qtype)
		reply.Answer = append(reply.Answer, found...)
		if alias == "" {
			break
		}
		name = alias
	}
	if len(reply.Answer) == 0 || reply.Rcode == dns.RcodeNameError {
		reply.Ns = append(reply.Ns, z.authority(name)) // RFC 2308 §3
	}
}

// at returns the records of a name, those of a wildcard if that covers it (RFC
// 4592 §3.3.1), and whether the name exists.
func (z zone) at(name string) (records []dns.RR, exists bool) {
	if records, exists = z[name]; exists {
		return records, true
	}
	for above := range upwards(name) {
		if _, exists = z[above]; !exists {
			continue
		}
		wild, exists := z["*."+strings.TrimPrefix(above, ".")]
		for _, rr := range wild {
			rr = dns.Copy(rr)
			rr.Header().Name = name
			records = append(records, rr)
		}
		return records, exists // what lies deeper than the closest name hides wildcards above
	}
	return nil, false
}

// signed: the closest zone that holds a name has a key.
func (z zone) signed(name string) bool {
	for above := range upwards(name) {
		cut := false
		for _, rr := range z[above] {
			switch rr.Header().Rrtype {
			case dns.TypeDNSKEY:
				return true
			case dns.TypeSOA, dns.TypeNS:
				cut = true
			}
		}
		if cut {
			return false
		}
	}
	return false
}

// Signed is a master-file line that makes the zone at a name count as signed:
// what a ZoneResolver or a Server then says of the names at and below it is
// authenticated, except below another zone (SOA or NS) that has no key. Nothing
// is really signed; the key is of no use.
func Signed(name string) string { return dns.Fqdn(name) + " DNSKEY 257 3 13 AAAA" }

// pick returns the records that answer a question of the kind, and the name
// to go on with when the only one is an alias.
func pick(records []dns.RR, kind uint16) (found []dns.RR, alias string) {
	for _, rr := range records {
		if rr.Header().Rrtype == kind || kind == dns.TypeANY {
			found = append(found, rr)
		}
	}
	if len(found) > 0 {
		return found, ""
	}
	for _, rr := range records {
		if c, ok := rr.(*dns.CNAME); ok {
			return []dns.RR{c}, dns.CanonicalName(c.Target)
		}
	}
	return nil, ""
}

// authority is the SOA of the closest zone above name, or one made up for the root.
func (z zone) authority(name string) dns.RR {
	for above := range upwards(name) {
		for _, rr := range z[above] {
			if soa, ok := rr.(*dns.SOA); ok {
				return soa
			}
		}
	}
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: negativeTTL},
		Ns:  "localhost.", Mbox: "hostmaster.localhost.",
		Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: negativeTTL,
	}
}
