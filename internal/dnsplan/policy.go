package dnsplan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Mode is how strict an MTA-STS policy is (RFC 8461 §5).
type Mode string

const (
	Enforce Mode = "enforce" // without TLS as the policy wants it, no mail
	Testing Mode = "testing" // failures are only reported
	None    Mode = "none"    // there was a policy, there is none any more
)

const (
	policyAge  = 7 * 24 * time.Hour // RFC 8461 §3.2: weeks or more; this is a beginner's week
	maxPolicy  = 64 << 10           // RFC 8461 §3.3: a policy may be bounded to 64 kilobytes
	maxSeconds = 31557600           // RFC 8461 §3.2: the largest max_age
)

// Policy is an MTA-STS policy.
type Policy struct {
	Mode   Mode
	MX     []string // host names, or *.domain
	MaxAge time.Duration
}

// String is the policy's text (RFC 8461 §3.2).
func (p Policy) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: STSv1\r\nmode: %s\r\n", p.Mode)
	for _, host := range p.MX {
		fmt.Fprintf(&b, "mx: %s\r\n", host)
	}
	fmt.Fprintf(&b, "max_age: %d\r\n", int(p.MaxAge.Seconds()))
	return b.String()
}

// ID names this very policy in the DNS (RFC 8461 §3.1: up to 32 letters and digits).
func (p Policy) ID() string {
	sum := sha256.Sum256([]byte(p.String()))
	return hex.EncodeToString(sum[:10])
}

// Allows: a mail exchanger is in the policy (RFC 8461 §4.1).
func (p Policy) Allows(host string) bool {
	for _, mx := range p.MX {
		parent, wild := strings.CutPrefix(mx, "*.")
		_, above, _ := strings.Cut(host, ".")
		if strings.EqualFold(mx, host) || wild && strings.EqualFold(parent, above) {
			return true
		}
	}
	return false
}

// ParsePolicy reads a policy's text. Keys that it does not know are passed over.
func ParsePolicy(text string) (Policy, error) {
	if len(text) > maxPolicy {
		return Policy{}, fmt.Errorf("the policy is larger than %d octets", maxPolicy)
	}
	var p Policy
	version, age := "", ""
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "version":
			version = value
		case "mode":
			p.Mode = Mode(value)
		case "mx":
			p.MX = append(p.MX, strings.ToLower(value))
		case "max_age":
			age = value
		default:
			if !ok && strings.TrimSpace(line) != "" {
				return Policy{}, fmt.Errorf("the line %.40q is not of the form key: value", line)
			}
		}
	}
	seconds, err := strconv.ParseUint(age, 10, 32)
	switch {
	case version != "STSv1":
		return Policy{}, errors.New("it has no line version: STSv1")
	case p.Mode != Enforce && p.Mode != Testing && p.Mode != None:
		return Policy{}, fmt.Errorf("mode is %.20q, not enforce, testing or none", string(p.Mode))
	case err != nil || seconds > maxSeconds:
		return Policy{}, fmt.Errorf("max_age is %.20q, not a number of seconds up to %d", age, maxSeconds)
	case len(p.MX) == 0 && p.Mode != None:
		return Policy{}, errors.New("it names no mx")
	}
	p.MaxAge = time.Duration(seconds) * time.Second
	return p, nil
}
