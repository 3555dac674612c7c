package message

import (
	"strconv"
	"strings"
	"time"
)

// parseDate reads a date-time of RFC 5322 §3.3 and §4.3 tolerantly; the zero
// time if there is no date in it. As RFC 5256 §2.2 says, a bad zone is UTC and
// a bad time midnight.
func parseDate(value string) time.Time {
	var buf [6]string
	words := dateWords(value, buf[:0])
	if len(words) > 0 && !isDigit(words[0][0]) {
		words = words[1:] // day of the week
	}
	if len(words) == 1 || len(words) > 1 && strings.Count(words[0], "-") == 2 {
		words = append(strings.SplitN(words[0], "-", 3), words[1:]...) // 2-Jan-2006
	}
	if len(words) < 3 {
		return time.Time{}
	}
	day, err1 := strconv.Atoi(words[0])
	month := monthNumber(words[1])
	year, err2 := parseYear(words[2])
	if err1 != nil || err2 != nil || month == 0 || day < 1 || day > 31 {
		return time.Time{}
	}
	clock, zone := time.Duration(0), time.UTC
	if len(words) > 3 {
		clock = parseClock(words[3])
	}
	if len(words) > 4 {
		zone = parseZone(words[4])
	}
	return time.Date(year, month, day, 0, 0, 0, 0, zone).Add(clock)
}

// dateWords splits a date at white space, commas and comments, into as many
// words as there is room for in words: no date has more.
func dateWords(s string, words []string) []string {
	for s != "" && len(words) < cap(words) {
		switch c := s[0]; {
		case c == '(':
			s = s[commentLength(s):]
		case isSpace(c) || c == ',':
			s = s[1:]
		default:
			n := strings.IndexAny(s, " \t\r\n,(")
			if n < 0 {
				n = len(s)
			}
			words = append(words, s[:n])
			s = s[n:]
		}
	}
	return words
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// monthNumber is 0 for what is no month.
func monthNumber(s string) time.Month {
	if len(s) < 3 {
		return 0
	}
	i := strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", strings.ToLower(s[:3]))
	if i < 0 || i%3 != 0 {
		return 0
	}
	return time.Month(i/3 + 1)
}

// parseYear knows years of two and three digits (RFC 5322 §4.3).
func parseYear(s string) (int, error) {
	year, err := strconv.ParseUint(s, 10, 16)
	switch {
	case len(s) == 2 && year < 50:
		year += 2000
	case len(s) == 2 || len(s) == 3:
		year += 1900
	}
	if year > 9999 {
		err = strconv.ErrRange
	}
	return int(year), err
}

// parseClock reads hour:minute or hour:minute:second; midnight if it can't.
func parseClock(s string) time.Duration {
	var clock time.Duration
	units := [...]time.Duration{time.Hour, time.Minute, time.Second}
	limits := [...]uint64{23, 59, 60}
	if colons := strings.Count(s, ":"); colons < 1 || colons > 2 {
		return 0
	}
	for i := 0; s != ""; i++ {
		w, rest, more := strings.Cut(s, ":")
		if s = rest; more && rest == "" {
			return 0
		}
		n, err := strconv.ParseUint(w, 10, 8)
		if err != nil || n > limits[i] {
			return 0
		}
		clock += time.Duration(n) * units[i]
	}
	return clock
}

// parseZone reads +hhmm and the obsolete names (RFC 5322 §4.3); UTC for all others.
func parseZone(s string) *time.Location {
	if len(s) == 5 && (s[0] == '+' || s[0] == '-') {
		n, err := strconv.ParseUint(s[1:], 10, 16)
		if err != nil || n%100 > 59 || n > 2359 {
			return time.UTC
		}
		seconds := int(n/100*3600 + n%100*60)
		if s[0] == '-' {
			seconds = -seconds
		}
		return time.FixedZone("", seconds)
	}
	switch strings.ToUpper(s) {
	case "EDT":
		return time.FixedZone("EDT", -4*3600)
	case "EST", "CDT":
		return time.FixedZone(s, -5*3600)
	case "CST", "MDT":
		return time.FixedZone(s, -6*3600)
	case "MST", "PDT":
		return time.FixedZone(s, -7*3600)
	case "PST":
		return time.FixedZone(s, -8*3600)
	}
	return time.UTC
}
