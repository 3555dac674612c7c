package gmail

import (
	"strconv"
	"strings"
	"time"

	"tem/internal/mail"
)

// days are the ways to write one; the table never changes. 4/5/2004 is in April.
var days = [...]string{"2006/1/2", "2006-1-2", "1/2/2006", "2/1/2006"}

// moment reads a day, which begins at midnight, or seconds since 1970.
func (s *Setting) moment(value string) (time.Time, bool) {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && isNumber(value) && 9 <= len(value) && len(value) <= 11 {
		return time.Unix(n, 0), true
	}
	for _, layout := range days {
		if t, err := time.ParseInLocation(layout, value, s.Now.Location()); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func after(s *Setting, value string) mail.Query {
	t, ok := s.moment(value)
	if !ok {
		return nil
	}
	return mail.ReceivedSince{T: t}
}

func before(s *Setting, value string) mail.Query {
	t, ok := s.moment(value)
	if !ok {
		return nil
	}
	return mail.ReceivedBefore{T: t.Add(-time.Second)} // which counts that second, too
}

// ago reads how long, such as 2d, 3m or 1y, and goes back so far.
func (s *Setting) ago(value string) (time.Time, bool) {
	if value == "" || len(value) > 5 {
		return time.Time{}, false
	}
	last := len(value) - 1
	n, err := strconv.Atoi(value[:last])
	if err != nil || !isNumber(value[:last]) {
		return time.Time{}, false
	}
	switch value[last] {
	case 'd', 'D':
		return s.Now.AddDate(0, 0, -n), true
	case 'm', 'M':
		return s.Now.AddDate(0, -n, 0), true
	case 'y', 'Y':
		return s.Now.AddDate(-n, 0, 0), true
	}
	return time.Time{}, false
}

func newerThan(s *Setting, value string) mail.Query {
	t, ok := s.ago(value)
	if !ok {
		return nil
	}
	return mail.ReceivedSince{T: t}
}

func olderThan(s *Setting, value string) mail.Query {
	t, ok := s.ago(value)
	if !ok {
		return nil
	}
	return mail.ReceivedBefore{T: t}
}

// octets reads a size, such as 5000, 10M or 1k.
func octets(value string) (int64, bool) {
	digits := strings.TrimRight(strings.ToUpper(value), "KMGB")
	factor, known := map[string]int64{"": 1, "B": 1, "K": 1 << 10, "KB": 1 << 10, "M": 1 << 20, "MB": 1 << 20,
		"G": 1 << 30, "GB": 1 << 30}[strings.ToUpper(value)[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 33) // with any factor it fits into 63 bits
	return n * factor, err == nil && known && isNumber(digits)
}

func larger(_ *Setting, value string) mail.Query {
	n, ok := octets(value)
	if !ok {
		return nil
	}
	return mail.Larger(n)
}

func smaller(_ *Setting, value string) mail.Query {
	n, ok := octets(value)
	if !ok {
		return nil
	}
	return mail.Smaller(n)
}
