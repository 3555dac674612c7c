package transport

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"tem/internal/queue"
)

// Relay is a server that takes mail for others.
type Relay struct {
	Name     string
	Host     string   // host:port, lmtp://host:port, lmtp:///path/of/socket
	Implicit bool     // TLS from the first octet
	Clear    bool     // no TLS at all; for servers on this machine
	Login    string   // "": none
	Password string   // file that holds it; "": none
	Token    *Token   // instead of a password; nil: none
	For      []string // recipients' domains: "example.com", ".example.com" (those below), "*"
	Senders  []string // return paths: addresses or "@domain"; empty: all
}

const lmtpScheme = "lmtp://"

func (r *Relay) lmtp() bool { return strings.HasPrefix(r.Host, lmtpScheme) }

// network is that to dial; a path is a socket's.
func (r *Relay) network() string {
	if strings.HasPrefix(strings.TrimPrefix(r.Host, lmtpScheme), "/") {
		return "unix"
	}
	return "tcp"
}

// host is the name, or the path.
func (r *Relay) host() string {
	place := strings.TrimPrefix(r.Host, lmtpScheme)
	if host, _, err := net.SplitHostPort(place); err == nil {
		return host
	}
	return place
}

func (r *Relay) port() int {
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.Host, lmtpScheme))
	n, _ := strconv.Atoi(port) // CheckHost has
	return n
}

// CheckHost says what is wrong with the place of a relay.
func CheckHost(s string) error {
	place := strings.TrimPrefix(s, lmtpScheme)
	if strings.HasPrefix(place, "/") && place != s {
		return nil
	}
	host, port, err := net.SplitHostPort(place)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || host == "" || bad != nil || n == 0 {
		return fmt.Errorf("%q: write host:port, lmtp://host:port or lmtp:///path", s)
	}
	return nil
}

// Local reports whether the relay is on this machine for certain.
func (r *Relay) Local() bool {
	return r.network() == "unix" || r.host() == "localhost" || net.ParseIP(r.host()).IsLoopback()
}

// relayOf is the relay for a job, nil for the mail exchangers of its domain.
func (r *Remote) relayOf(j *queue.Job) (*Relay, error) {
	switch j.Route {
	case "mx":
		return nil, nil
	case "":
		for _, relay := range r.Relays {
			if relay.takes(j) {
				return relay, nil
			}
		}
		return nil, nil
	}
	for _, relay := range r.Relays {
		if relay.Name == j.Route {
			return relay, nil
		}
	}
	if CheckHost(j.Route) != nil {
		return nil, fmt.Errorf("the route %q is no relay of the configuration and no host:port", j.Route)
	}
	relay := &Relay{Name: j.Route, Host: j.Route}
	relay.Clear = relay.Local()
	return relay, nil
}

// CheckRoute says whether a job can be sent that way (queue.Job.Route).
func (r *Remote) CheckRoute(route string) error {
	_, err := r.relayOf(&queue.Job{Route: route})
	return err
}

// takes reports whether the configuration has a relay take a job.
func (r *Relay) takes(j *queue.Job) bool {
	return slices.ContainsFunc(r.For, func(s string) bool {
		return s == "*" || strings.EqualFold(s, j.Domain) || strings.HasPrefix(s, ".") && hasSuffixFold(j.Domain, s)
	}) && (len(r.Senders) == 0 || slices.ContainsFunc(r.Senders, func(s string) bool {
		return strings.EqualFold(s, j.ReturnPath) || strings.HasPrefix(s, "@") && hasSuffixFold(j.ReturnPath, s)
	}))
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) > len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// ReadSecret reads the first line of a file that nobody else may read.
func ReadSecret(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others: chmod 600 %s", file, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	secret, _, _ := strings.Cut(string(text), "\n")
	if secret = strings.TrimRight(secret, "\r"); secret == "" {
		return "", errors.New(file + " has no first line")
	}
	return secret, nil
}
