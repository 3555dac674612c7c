package agent

import (
	"strings"
	"time"

	"tem/internal/wire/imap/imapclient"
)

// parseQuery turns words, from: to: subject: … since: before: and flag names
// into IMAP SEARCH keys, all of which must match (RFC 9051 §6.4.4).
func parseQuery(q string) ([]any, error) {
	var keys []any
	for _, w := range queryWords(q) {
		k, err := queryKey(w)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k...)
	}
	if len(keys) == 0 {
		return nil, failf(Usage, "nothing to search for")
	}
	return keys, nil
}

func queryKey(w string) ([]any, error) {
	switch l := strings.ToLower(w); l {
	case "unseen", "seen", "flagged", "unflagged", "answered", "unanswered", "deleted", "draft":
		return []any{strings.ToUpper(l)}, nil
	}
	name, value, ok := strings.Cut(w, ":")
	if !ok || value == "" {
		return []any{"TEXT", imapclient.Text(w)}, nil
	}
	switch name = strings.ToLower(name); name {
	case "from", "to", "cc", "bcc", "subject", "body", "text":
		return []any{strings.ToUpper(name), imapclient.Text(value)}, nil
	case "since", "before", "on":
		d, err := time.Parse("2006-01-02", value)
		if err != nil {
			return nil, failf(Usage, "%s: %q is not a date such as 2026-11-23", name, value)
		}
		return []any{strings.ToUpper(name), d.Format("2-Jan-2006")}, nil
	}
	return []any{"TEXT", imapclient.Text(w)}, nil
}

// queryWords splits at spaces outside double quotes.
func queryWords(q string) []string {
	var words []string
	var b strings.Builder
	quoted := false
	for _, r := range q + " " {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ' ' && !quoted:
			if b.Len() > 0 {
				words = append(words, b.String())
			}
			b.Reset()
		default:
			b.WriteRune(r)
		}
	}
	if b.Len() > 0 { // a quote was never closed
		words = append(words, strings.TrimSuffix(b.String(), " "))
	}
	return words
}

func fields(s string) []string { return strings.Fields(s) }
