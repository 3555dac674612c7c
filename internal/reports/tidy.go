package reports

import (
	"fmt"
	"strings"
	"unicode"

	"tem/internal/address"
)

// tidyAll makes texts of others fit to be kept and shown: one line, no control
// characters, at most maxValue octets.
func tidyAll(texts ...*string) {
	for _, t := range texts {
		*t = tidy(*t)
	}
}

func tidy(s string) string {
	if len(s) > 4*maxValue {
		s = s[:4*maxValue]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == unicode.ReplacementChar || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxValue {
		s = strings.ToValidUTF8(s[:maxValue], "")
	}
	return s
}

// checkDomain brings a name into the form in which domains are compared.
func checkDomain(name *string) error {
	d, err := address.Domain(strings.TrimSuffix(*name, "."))
	if err != nil || d == "" || strings.HasPrefix(d, "[") {
		return fmt.Errorf("%.80q is not a domain", *name)
	}
	*name = d
	return nil
}
