package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tem/internal/message"
)

// hop is one server that took the letter, as its Received field says.
type hop struct {
	From    string    `json:"from,omitempty"`
	By      string    `json:"by,omitempty"`
	With    string    `json:"with,omitempty"`
	TLS     string    `json:"tls,omitempty"`
	ID      string    `json:"id,omitempty"`
	Time    time.Time `json:"time,omitzero"`
	Seconds *int      `json:"seconds,omitempty"` // since the hop before; below 0: their clocks differ; nil: not known
	Slowest bool      `json:"slowest,omitempty"`
}

// maxHops bounds what is read of a header: more is a loop (RFC 5321 §6.3).
const maxHops = 200

// hops are the servers that a letter came through, the first one first.
func hops(h message.Header) (list []hop) {
	for name, raw := range h.RawFields {
		_, value, _ := strings.Cut(string(raw), ":")
		if !strings.EqualFold(string(name), "Received") || len(list) == maxHops {
			continue
		}
		r := message.ParseReceived(value)
		list = append(list, hop{From: r.From, By: r.By, With: r.With, TLS: r.TLS, ID: r.ID, Time: r.Date})
	}
	slices.Reverse(list) // the last to take it wrote on top
	slowest := -1
	for i := 1; i < len(list); i++ {
		if list[i].Time.IsZero() || list[i-1].Time.IsZero() {
			continue
		}
		n := int(list[i].Time.Sub(list[i-1].Time) / time.Second)
		list[i].Seconds = &n
		if n > 0 && (slowest < 0 || n > *list[slowest].Seconds) {
			slowest = i
		}
	}
	if slowest >= 0 {
		list[slowest].Slowest = true
	}
	return list
}

func hopRows(list []hop, lang string) (rows [][2]string) {
	for i := range list {
		rows = append(rows, [2]string{fmt.Sprintf("%s %d", words(lang).hop, i+1), list[i].text(words(lang))})
	}
	return rows
}

func (h *hop) text(l labels) string {
	parts := []string{strings.TrimPrefix(h.From+" → "+h.By, " → ")}
	if how := strings.TrimSpace(h.With + " " + h.TLS); h.encrypted() {
		parts = append(parts, how)
	} else {
		parts = append(parts, strings.TrimSpace(h.With+" "+l.clear))
	}
	if h.Seconds != nil {
		parts = append(parts, fmt.Sprintf("%+d %s", *h.Seconds, l.seconds))
		if *h.Seconds < 0 {
			parts = append(parts, l.skewed)
		}
	}
	if h.Slowest {
		parts = append(parts, l.slowest)
	}
	return strings.Join(parts, "; ")
}

// encrypted: it says so, or names a protocol of RFC 3848 or 6531 that is.
func (h *hop) encrypted() bool {
	with := strings.ToUpper(h.With)
	return h.TLS != "" || strings.HasSuffix(with, "SMTPS") || strings.HasSuffix(with, "SMTPSA") || strings.HasSuffix(with, "LMTPS")
}
