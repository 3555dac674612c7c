package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Size is a number of octets, written as 50M, 2G, 100K or plain digits.
type Size int64

const sizeUnits = "KMGT"

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	t := strings.ToUpper(strings.TrimSpace(string(text)))
	t = strings.TrimSuffix(strings.TrimSuffix(t, "B"), "I")
	shift := 0
	if t != "" {
		if i := strings.IndexByte(sizeUnits, t[len(t)-1]); i >= 0 {
			shift, t = 10*(i+1), t[:len(t)-1]
		}
	}
	n, err := strconv.ParseInt(t, 10, 64)
	if err != nil || n < 0 || n > 1<<62>>shift {
		return fmt.Errorf("%q is not a size; write 50M, 2G or a number of octets", text)
	}
	*s = Size(n << shift)
	return nil
}

// String is the size in its largest whole unit.
func (s Size) String() string {
	for i := len(sizeUnits); i > 0; i-- {
		if unit := int64(1) << (10 * i); int64(s) >= unit && int64(s)%unit == 0 {
			return strconv.FormatInt(int64(s)/unit, 10) + sizeUnits[i-1:i]
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// Duration is a time span, written as 30s, 5m, 12h or 5d.
type Duration time.Duration

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	t := string(text)
	if days, ok := strings.CutSuffix(t, "d"); ok {
		n, err := strconv.Atoi(days)
		if err == nil && n >= 0 && n < 36500 {
			*d = Duration(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	v, err := time.ParseDuration(t)
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration; write 30s, 5m, 12h or 5d", t)
	}
	*d = Duration(v)
	return nil
}

// String is the duration in its largest whole unit.
func (d Duration) String() string {
	v := time.Duration(d)
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if v >= u.unit && v%u.unit == 0 {
			return strconv.FormatInt(int64(v/u.unit), 10) + u.name
		}
	}
	return v.String()
}

// Network is a range of addresses, written as 192.0.2.0/24, 2001:db8::/32, or one address.
type Network struct{ netip.Prefix }

// UnmarshalText reads a network.
func (n *Network) UnmarshalText(text []byte) (err error) {
	if a, plain := netip.ParseAddr(string(text)); plain == nil && a.Zone() == "" {
		n.Prefix = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		return nil
	}
	n.Prefix, err = netip.ParsePrefix(string(text))
	if err != nil || n.Addr().Is4In6() || n.Masked() != n.Prefix {
		return fmt.Errorf("%q is not a network; write 192.0.2.0/24, 2001:db8::/32 or one address", text)
	}
	return nil
}

// loopback is this machine.
func loopback() []Network {
	return []Network{{netip.MustParsePrefix("127.0.0.0/8")}, {netip.MustParsePrefix("::1/128")}}
}

// Within returns what tells whether an address is in one of the networks.
func Within(networks []Network) func(net.Addr) bool {
	return func(a net.Addr) bool {
		t, ok := a.(*net.TCPAddr)
		if !ok {
			return false
		}
		ip := t.AddrPort().Addr().Unmap().WithZone("")
		return slices.ContainsFunc(networks, func(n Network) bool { return n.Contains(ip) })
	}
}

// levelText checks a log level.
type levelText struct{ slog.Level }

func (l *levelText) UnmarshalText(text []byte) error {
	switch string(text) {
	case "debug", "info", "warn", "error":
		return l.Level.UnmarshalText(text)
	}
	return fmt.Errorf("log.level = %q: it may be debug, info, warn or error", text)
}

// SlogLevel is the level for log/slog. The configuration was checked.
func (l Log) SlogLevel() slog.Level {
	var t levelText
	if t.UnmarshalText([]byte(l.Level)) != nil {
		return slog.LevelInfo
	}
	return t.Level
}
