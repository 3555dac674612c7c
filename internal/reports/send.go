package reports

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tem/internal/kv"
)

// Sent is what became of the report to a domain on a day.
type Sent struct {
	Kind     Kind          `json:"kind"`
	Domain   string        `json:"domain"`
	Day      time.Time     `json:"day"`
	ReportID string        `json:"report_id,omitempty"`
	Messages int64         `json:"messages,omitempty"` // or TLS sessions, that it tells of
	To       []Destination `json:"to,omitempty"`
	Done     bool          `json:"done"`
	Why      string        `json:"why,omitempty"`    // it is tried again
	Claimed  time.Time     `json:"claimed,omitzero"` // until then a node is at it
	Next     time.Time     `json:"next,omitzero"`    // not to be tried before
}

// Destination is an address that a report was asked to.
type Destination struct {
	URI     string    `json:"uri"`
	Outcome string    `json:"outcome"` // "mailed", "posted", or why not
	Time    time.Time `json:"time"`
}

// settled reports that there is nothing left to do for an address.
func (s *Sent) settled(uri string) bool {
	return slices.ContainsFunc(s.To, func(d Destination) bool { return d.URI == uri })
}

// When a report is sent: after its day, within spread; once more every
// retryTime while somebody does not answer, until lateTime (RFC 8460 §5.5: 24 hours).
const (
	settleTime = 10 * time.Minute // for what other nodes have not written yet
	spread     = 4 * time.Hour    // RFC 8460 §4.1
	retryTime  = time.Hour
	lateTime   = 24 * time.Hour
	claimTime  = 30 * time.Minute
)

// due is a report that is to be sent: on a day, or on what was counted of it until a time (see cut).
type due struct {
	kind   Kind
	day    uint32
	domain string
	until  int64  // nanoseconds since 1970; 0: the whole day
	policy string // of DMARC: the record
}

// name is that of the domain in keys: "hue.example", "hue.example/1764155688000000001".
func (d *due) name() string {
	if d.until == 0 {
		return d.domain
	}
	return fmt.Sprintf("%s/%d", d.domain, d.until)
}

// named takes a name apart; others than ours are those of domains.
func (d *due) named(name string) {
	domain, until, _ := strings.Cut(name, "/")
	d.domain = domain
	d.until, _ = strconv.ParseInt(until, 10, 64)
}

// period is what the report is about; its end is its last second.
func (d *due) period() (begin, end time.Time) {
	if d.until != 0 {
		return startOf(d.day), time.Unix(0, d.until).UTC().Truncate(time.Second)
	}
	return startOf(d.day), startOf(d.day + 1).Add(-time.Second)
}

// at is when it is sent first: not at the same time as all others.
func (d *due) at() time.Time {
	n := binary.BigEndian.Uint64(hash8(d.kind.String(), d.name(), fmt.Sprint(d.day)))
	return startOf(d.day + 1).Add(settleTime + time.Duration(n%uint64(spread)))
}

// id is the same each time that the report is made (RFC 9990 §3.5.1).
func (r *Reports) id(d *due) string {
	return fmt.Sprintf("%d.%x.%s", startOf(d.day).Unix(), hash8(d.kind.String(), d.name(), r.o.Hostname), d.kind)
}

// sendDue sends the reports whose time has come.
func (r *Reports) sendDue(ctx context.Context) {
	for _, k := range []Kind{DMARC, TLS} {
		list, err := r.counts(ctx, k, dayOf(r.o.Now()))
		if err != nil {
			r.o.Log.Error("reports: what is to be sent", "err", err)
		}
		for i := range list {
			d := &list[i]
			if ctx.Err() != nil {
				return
			}
			if r.o.Now().Before(d.at()) {
				continue
			}
			if _, err := r.deal(ctx, d, false); err != nil {
				r.o.Log.Error("reports: not sent", "kind", d.kind.String(), "domain", d.domain, "err", err)
			}
		}
	}
}

// maxEnded bounds the reports that one turn looks at.
const maxEnded = 20_000

// counts are the reports that there are counts for, of days before one.
func (r *Reports) counts(ctx context.Context, k Kind, before uint32) (list []due, err error) {
	hi := head(dayPrefix, k, before)
	err = r.o.KV.View(ctx, func(v kv.Reader) error {
		return v.Scan(kv.Reports, head(dayPrefix, k, 0), hi, kv.ScanOptions{Limit: maxEnded}, func(key, val []byte) error {
			var row dayRow
			if err := json.Unmarshal(val, &row); err != nil {
				return fmt.Errorf("reports: row of a day: %w", err)
			}
			day, name := target(key)
			d := due{kind: k, day: day, policy: row.Policy}
			d.named(name)
			list = append(list, d)
			return nil
		})
	})
	return list, err
}

// work is a claimed report.
type work struct {
	*due
	state Sent
	mine  []byte // the state row, as this process wrote it last
}

// deal does what is left to do about a report, unless another node is at it or,
// without now, it failed a moment ago. It returns what became of it; nil: nothing was done.
func (r *Reports) deal(ctx context.Context, d *due, now bool) (*Sent, error) {
	w, err := r.claim(ctx, d, now)
	if err != nil || w == nil {
		return nil, err
	}
	asked, err := r.asked(ctx, d)
	if err == nil && len(asked) == 0 && len(w.state.To) == 0 { // nobody wants to know
		w.state.Claimed, w.state.Done = time.Time{}, true
		w.settle(r, wish{uri: d.domain}, "asks for no such report")
		return &w.state, r.drop(ctx, w)
	}
	if err == nil {
		err = r.send(ctx, w, asked)
	}
	if errors.Is(err, errNothing) {
		return nil, r.drop(ctx, w)
	}
	err = r.conclude(ctx, w, err)
	return &w.state, err
}

// drop forgets a report that nobody gets.
func (r *Reports) drop(ctx context.Context, w *work) error {
	key := sentKey(w.kind, w.day, w.name())
	var b kv.Batch
	r.clean(&b, w)
	b.Assert(kv.Reports, key, w.mine)
	b.Delete(kv.Reports, key)
	return kv.Commit(ctx, r.o.KV, &b)
}

// claim takes a report on; nil: it is not to be dealt with, or, unless at once, not yet.
func (r *Reports) claim(ctx context.Context, d *due, atOnce bool) (*work, error) {
	key, now := sentKey(d.kind, d.day, d.name()), r.o.Now()
	w := &work{due: d, state: Sent{Kind: d.kind, Domain: d.domain, Day: startOf(d.day), ReportID: r.id(d)}}
	var old []byte
	err := r.o.KV.View(ctx, func(v kv.Reader) error {
		val, known, err := v.Get(kv.Reports, key)
		if err != nil || !known {
			return err
		}
		old = append(old, val...)
		return json.Unmarshal(val, &w.state)
	})
	if err != nil {
		return nil, fmt.Errorf("state of the report: %w", err)
	}
	var b kv.Batch
	b.Assert(kv.Reports, key, old)
	if w.state.Done { // what is here was counted too late
		w.mine = old
		r.clean(&b, w)
		return nil, ignoreConflict(kv.Commit(ctx, r.o.KV, &b))
	}
	if now.Before(w.state.Claimed) || now.Before(w.state.Next) && !atOnce {
		return nil, nil
	}
	w.state.Claimed = now.Add(claimTime)
	w.mine = encode(w.state)
	b.Set(kv.Reports, key, w.mine)
	err = kv.Commit(ctx, r.o.KV, &b)
	if errors.Is(err, kv.ErrConflict) {
		return nil, nil // another node has it
	}
	return w, err
}

func ignoreConflict(err error) error {
	if errors.Is(err, kv.ErrConflict) {
		return nil
	}
	return err
}

// clean takes the counts of a report away.
func (r *Reports) clean(b *kv.Batch, w *work) {
	lo, hi := countKeys(w.kind, w.day, w.name())
	b.DeleteRange(kv.Reports, lo, hi)
	b.Delete(kv.Reports, dayKey(w.kind, w.day, w.name()))
}

// mark adds the state to a batch, with the condition that it is as this process left it.
func (r *Reports) mark(b *kv.Batch, w *work, val []byte) {
	key := sentKey(w.kind, w.day, w.name())
	b.Assert(kv.Reports, key, w.mine)
	b.Set(kv.Reports, key, val)
}

// conclude ends the claim: the report is done, or is tried again.
func (r *Reports) conclude(ctx context.Context, w *work, failed error) error {
	now := r.o.Now()
	w.state.Claimed, w.state.Next, w.state.Why = time.Time{}, time.Time{}, ""
	w.state.Done = failed == nil
	if failed != nil {
		w.state.Why, w.state.Next = tidy(failed.Error()), now.Add(retryTime)
		w.state.Done = now.After(w.at().Add(lateTime))
	}
	var b kv.Batch
	r.mark(&b, w, encode(w.state))
	if w.state.Done {
		r.clean(&b, w)
	}
	if err := kv.Commit(ctx, r.o.KV, &b); err != nil {
		return err
	}
	r.o.Log.Info("report", "kind", w.kind.String(), "domain", w.domain, "day", w.state.Day.Format(time.DateOnly), "done", w.state.Done, "why", w.state.Why)
	return nil
}
