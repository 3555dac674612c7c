package smtp

import (
	"strconv"
	"strings"
	"time"

	"tem/internal/message/dsn"
)

// maxSeconds is how many digits a number of seconds has at most (RFC 2852 §4, RFC 4865 §4).
const maxSeconds = 9

func parseSeconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return time.Duration(n) * time.Second, err == nil && len(s) <= maxSeconds
}

// ParseBy reads BY (RFC 2852 §4): "120;R", "-5;NT".
func ParseBy(value string, now time.Time) (dsn.By, error) {
	wrong := notParam("BY", value, "seconds;N or seconds;R, with a T behind it for a trace")
	seconds, mode, _ := strings.Cut(value, ";")
	digits := strings.TrimPrefix(seconds, "+")
	past := false
	if digits == seconds {
		digits, past = strings.CutPrefix(seconds, "-")
	}
	d, ok := parseSeconds(digits)
	if past {
		d = -d
	}
	mode, trace := strings.CutSuffix(strings.ToUpper(mode), "T")
	if !ok || mode != "N" && mode != "R" {
		return dsn.By{}, wrong
	}
	if mode == "R" && d <= 0 {
		return dsn.By{}, notParam("BY", value, "a time to come, as R needs it") // RFC 2852 §4.1.4
	}
	return dsn.By{Time: now.Add(d), Return: mode == "R", Trace: trace}, nil
}

// ParseHold reads HOLDFOR and HOLDUNTIL (RFC 4865 §4), and refuses what is more than most from now.
// A time that is over already, and HOLDFOR=0, mean now: clocks differ, and a
// command takes its time on the way.
//
// DEVIATES(RFC 4865 §3): its grammar has intervals begin with a digit from 1 to 9.
func ParseHold(name, value string, now time.Time, most time.Duration) (time.Time, error) {
	var until time.Time
	if name == "HOLDFOR" {
		d, ok := parseSeconds(value)
		if !ok {
			return until, notParam(name, value, "a number of seconds")
		}
		until = now.Add(d)
	} else if t, err := time.Parse(time.RFC3339, value); err != nil {
		return until, notParam(name, value, "a date such as 2026-11-26T08:00:00Z")
	} else {
		until = t
	}
	if until.Sub(now) > most {
		return until, NewReply(501, "5.5.4", name+"="+value+": longer than messages are held here, see EHLO")
	}
	return until, nil
}

// ParsePriority reads MT-PRIORITY (RFC 6710 §4): -9 to 9.
func ParsePriority(value string) (int, error) {
	digit := strings.TrimPrefix(value, "-")
	if len(digit) != 1 || digit < "0" || digit > "9" || value == "-0" {
		return 0, notParam("MT-PRIORITY", value, "a number from -9 to 9")
	}
	return strconv.Atoi(value)
}

// ParseSince reads RRVS (RFC 7293 §3.1); mayGoOn says that the test may be left out where it can't be made.
func ParseSince(value string) (since time.Time, mayGoOn bool, err error) {
	date, action, given := strings.Cut(value, ";")
	since, err = time.Parse(time.RFC3339, date)
	action = strings.ToUpper(action)
	if err != nil || given && action != "C" && action != "R" {
		return time.Time{}, false, notParam("RRVS", value, "a date such as 2026-11-26T08:00:00Z, with ;C or ;R behind it or not")
	}
	return since, action == "C", nil
}
