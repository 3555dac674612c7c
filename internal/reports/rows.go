package reports

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"tem/internal/kv"
)

// Kind is what a report is about.
type Kind byte

// The kinds of report.
const (
	DMARC Kind = 'd'
	TLS   Kind = 't'
)

func (k Kind) String() string {
	if k == TLS {
		return "tls"
	}
	return "dmarc"
}

// MarshalText is the kind's name in JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads it.
func (k *Kind) UnmarshalText(b []byte) error {
	if *k = DMARC; string(b) == "tls" {
		*k = TLS
	}
	return nil
}

// The first octets of keys (docs/format.md).
const (
	countPrefix    = 'c'
	dayPrefix      = 'd'
	lostPrefix     = 'l'
	sentPrefix     = 's'
	receivedPrefix = 'r'
)

// countRow counts what has something in common.
type countRow struct {
	Count int64           `json:"count"`
	What  json.RawMessage `json:"what,omitempty"`
}

// dayRow says that there is something to report to a domain.
type dayRow struct {
	Policy string `json:"policy,omitempty"` // the last record that was seen
}

func head(prefix byte, k Kind, day uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefix, byte(k)}, day)
}

func dayKey(k Kind, day uint32, domain string) []byte {
	return append(head(dayPrefix, k, day), domain...)
}

func sentKey(k Kind, day uint32, domain string) []byte {
	return append(head(sentPrefix, k, day), domain...)
}

// bounds are those of all rows about one domain on a day.
func bounds(prefix byte, k Kind, day uint32, domain string) (lo, hi []byte) {
	lo = append(append(head(prefix, k, day), domain...), 0)
	hi = append(append(head(prefix, k, day), domain...), 1)
	return lo, hi
}

// countKeys are the bounds of all counts for one report.
func countKeys(k Kind, day uint32, domain string) (lo, hi []byte) {
	return bounds(countPrefix, k, day, domain)
}

func (r *Reports) countKey(t *tally) []byte {
	key, _ := countKeys(t.kind, t.day, t.domain)
	return append(append(key, hash8(t.what)...), r.node[:]...)
}

func (r *Reports) lostKey(day uint32) []byte { return append(head(lostPrefix, 0, day), r.node[:]...) }

// receivedKeys are the bounds of all that was told about a domain on a day.
func receivedKeys(k Kind, day uint32, domain string) (lo, hi []byte) {
	return bounds(receivedPrefix, k, day, domain)
}

// target reads the day and the domain of a day's or sent key.
func target(key []byte) (day uint32, domain string) {
	return binary.BigEndian.Uint32(key[2:]), string(key[6:])
}

// encode is a row's value; our rows always can be written.
func encode(v any) []byte {
	val, _ := json.Marshal(v)
	return val
}

func decodeCount(val []byte) (row countRow, err error) {
	if err = json.Unmarshal(val, &row); err != nil {
		err = fmt.Errorf("reports: row of counts: %w", err)
	}
	return row, err
}

// counted gives each count of a report, the same from several nodes one after another.
func (r *Reports) counted(ctx context.Context, k Kind, day uint32, domain string, fn func(countRow) error) error {
	lo, hi := countKeys(k, day, domain)
	return r.o.KV.View(ctx, func(v kv.Reader) error {
		return v.Scan(kv.Reports, lo, hi, kv.ScanOptions{}, func(_, val []byte) error {
			row, err := decodeCount(val)
			if err != nil {
				return err
			}
			return fn(row)
		})
	})
}

// How long rows are kept.
const (
	keepCounts = 8       // days, of what could not be sent
	keepDays   = 365     // of what was sent and received
	keepOctets = 1 << 30 // of what was received
	maxKept    = 500     // reports on one domain and one day
)

// forget takes away what is too old, once a day.
func (r *Reports) forget(ctx context.Context) {
	today := dayOf(r.o.Now())
	if r.forgot == today {
		return
	}
	var b kv.Batch
	for _, k := range []Kind{DMARC, TLS} {
		for _, prefix := range []byte{countPrefix, dayPrefix} {
			b.DeleteRange(kv.Reports, head(prefix, k, 0), head(prefix, k, today-keepCounts))
		}
		for _, prefix := range []byte{sentPrefix, receivedPrefix} {
			b.DeleteRange(kv.Reports, head(prefix, k, 0), head(prefix, k, today-keepDays))
		}
		if day, err := r.crowded(ctx, k); err == nil && day > 0 {
			b.DeleteRange(kv.Reports, head(receivedPrefix, k, 0), head(receivedPrefix, k, day))
		}
	}
	b.DeleteRange(kv.Reports, head(lostPrefix, 0, 0), head(lostPrefix, 0, today-keepDays))
	if err := kv.Commit(ctx, r.o.KV, &b); err != nil {
		r.o.Log.Error("reports: forget", "err", err)
		return
	}
	r.forgot = today
}

// crowded is the day before which received reports must go, so that the rest
// has not more than keepOctets; 0: there is room for all.
func (r *Reports) crowded(ctx context.Context, k Kind) (day uint32, err error) {
	total := 0
	err = r.o.KV.View(ctx, func(v kv.Reader) error {
		return v.Scan(kv.Reports, head(receivedPrefix, k, 0), []byte{receivedPrefix, byte(k) + 1}, kv.ScanOptions{Reverse: true}, func(key, val []byte) error {
			if total += len(key) + len(val); total > keepOctets/2 {
				at, _ := target(key)
				day = at + 1
				return kv.ErrStop
			}
			return nil
		})
	})
	return day, kv.Stopped(err)
}

// since is the first day of a time; zero is a year ago.
func (r *Reports) since(t time.Time) uint32 {
	first := dayOf(r.o.Now()) - keepDays
	if t.IsZero() || dayOf(t) < first {
		return first
	}
	return dayOf(t)
}
