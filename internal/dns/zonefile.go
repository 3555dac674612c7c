package dns

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/net/idna"
)

const (
	maxZoneFile    = 16 << 20 // octets
	byteOrderMark  = "\ufeff" // which some editors put in front of a file
	maxZoneRecords = 1 << 17  // $GENERATE makes many of one line
)

// ReadZone reads a master file (RFC 1035 §5, with $ORIGIN, and $TTL of RFC 2308
// §4; without $INCLUDE) and returns its records, one a line with absolute names.
// Names with U-labels become A-labels.
// A line "NAME TIMEOUT" (with or without TTL and IN) makes the name one whose servers are silent, but for the
// records that it has besides: the published suites of tests have such.
func ReadZone(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the zone: %w", err)
	}
	if info.Size() > maxZoneFile {
		return nil, fmt.Errorf("read the zone %s: it is larger than %d octets", path, maxZoneFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the zone: %w", err)
	}
	var lines []string
	err = eachRecord(timeouts(strings.TrimPrefix(string(text), byteOrderMark)), path, func(rr dns.RR) { lines = append(lines, rr.String()) })
	if err != nil {
		return nil, fmt.Errorf("read the zone: %w", err)
	}
	return lines, nil
}

// timeouts turns the lines NAME TIMEOUT into records that are read as such.
func timeouts(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		line, _, _ = strings.Cut(line, ";")
		if f := strings.Fields(line); isTimeout(f) {
			lines[i] = strings.Join(f[:len(f)-1], " ") + " " + mute.String() + ` \# 0`
		}
	}
	return strings.Join(lines, "\n")
}

// isTimeout reports the fields of a line NAME [TTL] [IN] TIMEOUT, the two in either order (RFC 1035 §5.1).
func isTimeout(fields []string) bool {
	last := len(fields) - 1
	if last < 1 || last > 3 || !strings.EqualFold(fields[last], "TIMEOUT") {
		return false
	}
	return !slices.ContainsFunc(fields[1:last], func(f string) bool {
		return !strings.EqualFold(f, "IN") && (f[0] < '0' || f[0] > '9')
	})
}

// toALabels writes the names of a record with A-labels, as they are asked for (RFC 5890 §2.3.2.1).
func toALabels(rr dns.RR) error {
	names := []*string{&rr.Header().Name}
	switch rr := rr.(type) {
	case *dns.MX:
		names = append(names, &rr.Mx)
	case *dns.CNAME:
		names = append(names, &rr.Target)
	case *dns.NS:
		names = append(names, &rr.Ns)
	case *dns.SRV:
		names = append(names, &rr.Target)
	case *dns.PTR:
		names = append(names, &rr.Ptr)
	}
	for _, name := range names {
		labels := strings.Split(*name, ".")
		for i, label := range labels {
			if strings.IndexFunc(label, func(r rune) bool { return r >= 0x80 }) < 0 {
				continue
			}
			a, err := idna.New(idna.MapForLookup(), idna.BidiRule()).ToASCII(label)
			if err != nil {
				return fmt.Errorf("%s: %q is no label of a domain name; write its A-label, xn--…", *name, label)
			}
			labels[i] = a
		}
		*name = strings.Join(labels, ".")
	}
	return nil
}

// eachRecord reads the records of a master file. The file's name is for errors.
func eachRecord(text, file string, take func(dns.RR)) error {
	p := dns.NewZoneParser(strings.NewReader(text+"\n"), ".", file)
	p.SetDefaultTTL(defaultTTL)
	n := 0
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if n++; n > maxZoneRecords {
			return fmt.Errorf("more than %d records", maxZoneRecords)
		}
		if err := toALabels(rr); err != nil {
			return err
		}
		take(rr)
	}
	var parse *dns.ParseError
	if err := p.Err(); errors.As(err, &parse) {
		return errors.New(strings.Replace(err.Error(), "dns: ", "", 1))
	}
	return p.Err()
}
