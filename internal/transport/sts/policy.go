// Package sts is MTA-STS (RFC 8461): what a domain says, over HTTPS, of the
// hosts that take its mail and of their TLS.
//
// Invariant: a policy that was fetched holds until its max_age is over or
// another takes its place; nobody on the way can make it forgotten by breaking
// the domain's DNS or web server.
//
// Cache.Run owns the goroutine that fetches policies again before they end.
package sts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Mode is what to do when no host conforms (RFC 8461 §5).
type Mode string

// The modes.
const (
	Enforce Mode = "enforce"
	Testing Mode = "testing"
	None    Mode = "none"
)

// Policy is one policy (RFC 8461 §3.2).
type Policy struct {
	Mode   Mode
	MaxAge time.Duration
	MX     []string // host names and patterns "*.example.com", in lower case
}

const (
	maxPolicy = 64 << 10 // octets; RFC 8461 §3.3 suggests as much
	maxHosts  = 256      // patterns
	maxAge    = 31557600 // seconds; RFC 8461 §3.2
	version   = "STSv1"
)

// ErrPolicy: the text is not a policy.
var ErrPolicy = errors.New("not a policy")

// Parse reads a policy (RFC 8461 §3.2). Unknown keys are passed over; of a key
// that is given again, but for mx, the first counts.
func Parse(text []byte) (*Policy, error) {
	if len(text) > maxPolicy {
		return nil, fmt.Errorf("%w: more than %d octets", ErrPolicy, maxPolicy)
	}
	p := &Policy{}
	seen := map[string]bool{}
	for l := range strings.Lines(string(text)) {
		l = strings.TrimRight(l, "\r\n \t")
		if l == "" {
			continue
		}
		key, value, ok := strings.Cut(l, ":")
		if !ok {
			return nil, fmt.Errorf("%w: a line without a colon: %.80q", ErrPolicy, l)
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if seen[key] && key != "mx" {
			continue
		}
		seen[key] = true
		if err := p.set(key, value); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
		}
	}
	return p, p.check(seen)
}

func (p *Policy) set(key, value string) error {
	switch key {
	case "version":
		if value != version {
			return fmt.Errorf("version %.40q", value)
		}
	case "mode":
		if p.Mode = Mode(value); p.Mode != Enforce && p.Mode != Testing && p.Mode != None {
			return fmt.Errorf("mode %.40q", value)
		}
	case "max_age":
		n, err := strconv.ParseUint(value, 10, 40)
		if err != nil {
			return fmt.Errorf("max_age %.40q", value)
		}
		p.MaxAge = time.Duration(min(n, maxAge)) * time.Second
	case "mx":
		host := strings.ToLower(strings.TrimSuffix(value, "."))
		if !isPattern(host) || len(p.MX) == maxHosts {
			return fmt.Errorf("mx %.80q, or one of more than %d", value, maxHosts)
		}
		p.MX = append(p.MX, host)
	}
	return nil
}

func (p *Policy) check(seen map[string]bool) error {
	for _, key := range []string{"version", "mode", "max_age"} {
		if !seen[key] {
			return fmt.Errorf("%w: no %s", ErrPolicy, key)
		}
	}
	if len(p.MX) == 0 && p.Mode != None {
		return fmt.Errorf("%w: no mx", ErrPolicy)
	}
	return nil
}

// isPattern: a host name whose first label may be "*" (RFC 8461 §4.1).
func isPattern(s string) bool {
	s = strings.TrimPrefix(s, "*.")
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// Matches reports whether the policy lets a host take mail. A "*" is exactly one label (RFC 8461 §4.1).
func (p *Policy) Matches(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, parent, _ := strings.Cut(host, ".")
	for _, pattern := range p.MX {
		if under, wild := strings.CutPrefix(pattern, "*."); pattern == host || wild && parent == under {
			return true
		}
	}
	return false
}

// Lines is the policy as it is published, line by line.
func (p *Policy) Lines() []string {
	lines := []string{"version: " + version, "mode: " + string(p.Mode)}
	for _, host := range p.MX {
		lines = append(lines, "mx: "+host)
	}
	return append(lines, "max_age: "+strconv.FormatInt(int64(p.MaxAge/time.Second), 10))
}

// ErrRecord: the TXT records of a domain announce no policy.
var ErrRecord = errors.New("no MTA-STS record")

// ParseRecord returns the id in the TXT records of _mta-sts.DOMAIN (RFC 8461 §3.1).
func ParseRecord(records []string) (id string, err error) {
	var found []string
	for _, r := range records {
		if tag, _, _ := strings.Cut(r, ";"); strings.TrimRight(tag, " \t") == "v="+version {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%w: %d records begin with v=%s, one must", ErrRecord, len(found), version)
	}
	for field := range strings.SplitSeq(found[0], ";") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(field), "id="); ok {
			id = value
			break
		}
	}
	if id == "" || len(id) > 32 || strings.Trim(strings.ToLower(id), "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return "", fmt.Errorf("%w: the id must be 1 to 32 letters and digits", ErrRecord)
	}
	return id, nil
}
