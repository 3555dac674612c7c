package dns

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/miekg/dns"
)

const (
	maxZoneFile    = 16 << 20 // octets
	byteOrderMark  = "\ufeff" // which some editors put in front of a file
	maxZoneRecords = 1 << 17  // $GENERATE makes many of one line
)

// ReadZone reads a master file (RFC 1035 §5, with $ORIGIN, and $TTL of RFC 2308
// §4; without $INCLUDE) and returns its records, one a line with absolute names.
// A line "NAME TIMEOUT" makes the name one whose servers are silent, but for the
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
		if f := strings.Fields(line); len(f) == 2 && strings.EqualFold(f[1], "TIMEOUT") {
			lines[i] = f[0] + " " + mute.String() + ` \# 0`
		}
	}
	return strings.Join(lines, "\n")
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
		take(rr)
	}
	var parse *dns.ParseError
	if err := p.Err(); errors.As(err, &parse) {
		return errors.New(strings.Replace(err.Error(), "dns: ", "", 1))
	}
	return p.Err()
}
