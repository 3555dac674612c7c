package dnsplan

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"tem/internal/transport/sts"
)

const policyAge = 7 * 24 * time.Hour // RFC 8461 §3.2: weeks or more; this is a beginner's week

// STSPolicy is the MTA-STS policy of the domains whose mail comes to a host:
// its text, and the id that names this very text in the DNS (RFC 8461 §3.1: up
// to 32 letters and digits).
func STSPolicy(host string, mode sts.Mode) (text, id string) {
	p := sts.Policy{Mode: mode, MX: []string{host}, MaxAge: policyAge}
	text = strings.Join(p.Lines(), "\r\n") + "\r\n"
	sum := sha256.Sum256([]byte(text))
	return text, hex.EncodeToString(sum[:10])
}
