package reports

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"tem/internal/kv"
	"tem/internal/transport"
	"tem/internal/trust"
)

// tally is what is counted: all that a count has in common.
type tally struct {
	kind   Kind
	day    uint32 // since 1970
	domain string // that is reported to
	policy string // of DMARC: the record
	what   string // JSON of a Record or a session
}

// Bounds of counting.
const (
	maxTallies = 20_000  // different ones between two flushes
	maxRows    = 200_000 // rows that one process makes in a day
)

// dayOf counts days since 1970 in UTC.
func dayOf(t time.Time) uint32 { return uint32(t.Unix() / 86400) }

// startOf is when a day begins.
func startOf(day uint32) time.Time { return time.Unix(int64(day)*86400, 0).UTC() }

// Judged counts a message, if the domain that answers for its author asks for reports.
func (r *Reports) Judged(v *trust.Verdict) {
	if !r.o.DMARC || v.DMARC == nil || v.DMARC.Record == nil || len(v.DMARC.Record.RUA) == 0 || v.Action == trust.Defer { // it will come again
		return
	}
	var room [512]byte
	day := dayOf(r.o.Now())
	r.count(alike(room[:0], day, v), func() tally {
		return tally{DMARC, day, v.DMARC.Domain, v.DMARC.Record.Text, string(encode(recordOf(v)))}
	})
}

// Session counts a TLS session on the way to a domain.
func (r *Reports) Session(o transport.TLSOutcome) {
	domain := o.Domain
	if !r.o.TLS || checkDomain(&domain) != nil {
		return
	}
	t := tally{TLS, dayOf(r.o.Now()), domain, "", string(encode(sessionOf(&o)))}
	r.count(fmt.Append(nil, t), func() tally { return t })
}

// counter counts a tally since the last flush.
type counter struct {
	tally
	n int64
}

// count counts what has a name, and works out what that is when it comes first.
func (r *Reports) count(name []byte, of func() tally) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counters[string(name)]
	if c == nil {
		if len(r.counters) >= maxTallies {
			r.lost++
			return
		}
		c = &counter{tally: of()}
		r.counters[string(name)] = c
	}
	c.n++
}

// flush makes rows of what was counted.
func (r *Reports) flush(ctx context.Context) {
	r.flushing.Lock()
	defer r.flushing.Unlock()
	r.mu.Lock()
	counters, lost := r.counters, r.lost
	r.counters, r.lost = make(map[string]*counter, len(counters)), 0
	r.mu.Unlock()
	tallies := make(map[tally]int64, len(counters))
	for _, c := range counters { // different names can come to the same
		tallies[c.tally] += c.n
	}
	if len(tallies) > 0 {
		lost += r.write(ctx, tallies)
	}
	r.tellLost(ctx, lost)
}

// maxWrite is how many tallies go into one commit.
const maxWrite = 2000

// write adds tallies to their rows and returns how many messages or sessions were lost.
func (r *Reports) write(ctx context.Context, tallies map[tally]int64) (lost int64) {
	if today := dayOf(r.o.Now()); today != r.day {
		r.day, r.rows, r.shares = today, 0, map[string]int{}
	}
	rows := make([]tally, 0, min(len(tallies), maxWrite))
	commit := func() {
		n, err := r.add(ctx, rows, tallies)
		lost += n
		if err != nil && !r.failing {
			r.o.Log.Error("reports: counts not written", "err", err)
		}
		r.failing = err != nil
		rows = rows[:0]
	}
	for t := range tallies {
		if rows = append(rows, t); len(rows) == maxWrite {
			commit()
		}
	}
	if len(rows) > 0 {
		commit()
	}
	return lost
}

// addTries bounds how often a commit of counts is begun anew because rows in it were cut meanwhile.
const addTries = 5

// add is one commit of write.
func (r *Reports) add(ctx context.Context, list []tally, tallies map[tally]int64) (lost int64, err error) {
	for range addTries {
		if lost, err = r.addOnce(ctx, list, tallies); !errors.Is(err, kv.ErrConflict) {
			break
		}
	}
	if err != nil {
		lost = 0
		for _, t := range list {
			lost += tallies[t]
		}
	}
	return lost, err
}

// addOnce asserts each row: nobody else adds to those of this process, but cut takes them away.
func (r *Reports) addOnce(ctx context.Context, list []tally, tallies map[tally]int64) (lost int64, err error) {
	var b kv.Batch
	err = r.o.KV.View(ctx, func(v kv.Reader) error {
		for _, t := range list {
			key := r.countKey(&t)
			val, known, err := v.Get(kv.Reports, key)
			if err != nil {
				return err
			}
			row := countRow{What: json.RawMessage(t.what)}
			if known {
				if row, err = decodeCount(val); err != nil {
					return err
				}
			} else if !r.room(&t) {
				lost += tallies[t]
				continue
			}
			row.Count += tallies[t]
			b.Assert(kv.Reports, key, bytes.Clone(val))
			b.Set(kv.Reports, key, encode(row))
			b.Set(kv.Reports, dayKey(t.kind, t.day, t.domain), encode(dayRow{Policy: t.policy}))
		}
		return nil
	})
	if err == nil && len(b.Ops) > 0 {
		err = kv.Commit(ctx, r.o.KV, &b)
	}
	return lost, err
}

// room says whether another row may be made, so that no domain takes the room of others.
func (r *Reports) room(t *tally) bool {
	share := t.kind.String() + t.domain
	if r.rows >= maxRows || r.shares[share] >= maxRecords {
		return false
	}
	r.rows++
	r.shares[share]++
	return true
}

// tellLost says what could not be counted: in the log, at most every ten
// minutes, and in a row of the day.
func (r *Reports) tellLost(ctx context.Context, lost int64) {
	if lost == 0 {
		return
	}
	now := r.o.Now()
	if now.Sub(r.toldLost) >= 10*time.Minute {
		r.o.Log.Warn("reports: more than can be counted: reports of this day will say less than there was", "lost", lost)
		r.toldLost = now
	}
	key := r.lostKey(dayOf(now))
	var row countRow
	r.o.KV.View(ctx, func(v kv.Reader) error {
		if val, known, err := v.Get(kv.Reports, key); err == nil && known {
			row, _ = decodeCount(val)
		}
		return nil
	})
	row.Count += lost
	var b kv.Batch
	b.Set(kv.Reports, key, encode(row))
	if err := kv.Commit(ctx, r.o.KV, &b); err != nil {
		r.o.Log.Error("reports: number of lost counts not written", "lost", lost, "err", err)
	}
}

// hash8 is the beginning of the SHA-256 of texts.
func hash8(texts ...string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return sum[:8]
}
