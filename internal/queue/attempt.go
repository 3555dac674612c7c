package queue

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"tem/internal/kv"
	"tem/internal/message/dsn"
)

// outcome is what came of an attempt.
type outcome struct {
	statuses []dsn.Status // of the recipients that were left
	next     time.Time    // when the job is due again; zero: never
	skipped  bool         // no server was asked
	ended    bool         // nobody is left to try: it is due, if at all, for its report
	unread   bool         // the job could not be read or written: it is where it was
}

// attempt tries one job, or does not if skip says why, and records what came of it.
func (q *Queue) attempt(ctx context.Context, h hint, skip *dsn.Status) (o outcome) {
	s, err := q.load(ctx, h.id)
	began := q.o.Now()
	if err == nil && !s.Next.After(began) {
		s, err = q.reportFirst(ctx, s, began)
	}
	if err != nil {
		return q.trouble(ctx, h, err)
	}
	if s.Next.After(began) { // it was put off by hand, or by another process
		return outcome{next: s.Next, skipped: true}
	}
	if len(s.pending()) > 0 { // until here isDue says so
		q.setTrying(h.id, true)
		defer q.setTrying(h.id, false)
	}
	if why := s.excuse(began, skip); why != nil {
		o.skipped, o.statuses = true, slices.Repeat([]dsn.Status{*why}, len(s.pending()))
	} else if s, o.statuses, err = q.deliverAlone(ctx, s); err != nil {
		return q.trouble(ctx, h, err)
	}
	now, fresh := q.o.Now(), s.spread(o.statuses)
	keep := context.WithoutCancel(ctx) // what happened is written down even when Run is ending
	for first := true; ; first = false {
		j := s.Job
		j.Recipients = slices.Clone(s.Recipients)
		given := !first && len(o.statuses) > 0 && j.takeBack()
		tried := j.record(fresh, now)
		if given {
			j.giveUp()
		}
		j.Next, j.Claimed = q.next(&j, now), time.Time{}
		if first {
			q.logOutcomes(&j, tried, now)
			q.tell(&j, tried, now.Sub(began))
		}
		if err = q.settle(keep, s, &j, now, adviseAll(o.statuses).move <= probe); err == nil {
			o.next, o.ended = j.due(), len(j.pending()) == 0
			return o
		}
		if !errors.Is(err, kv.ErrConflict) { // else it was retried or dropped by hand in the meantime
			failed := q.trouble(keep, h, err)
			if !sleep(ctx, recovery) {
				return failed
			}
		}
		if s, err = q.load(keep, h.id); err != nil {
			return q.trouble(keep, h, err)
		}
	}
}

// takeBack undoes that recipients were given up by hand, so that the attempt
// that was under way counts: who has the message is not told of as given up.
func (j *Job) takeBack() (some bool) {
	for i := range j.Recipients {
		if r := &j.Recipients[i]; r.Done && !r.Reported && r.Status.Code == codeGivenUp {
			r.Done, r.Status, some = false, dsn.Status{}, true
		}
	}
	return some
}

// sleep waits for d; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// trouble logs why a job could not be read or written. A job that is gone is
// no trouble: it was dropped, perhaps by a program that left rows of its schedule.
func (q *Queue) trouble(ctx context.Context, h hint, err error) outcome {
	switch {
	case errors.Is(err, errClaimed):
		return outcome{skipped: true}
	case errors.Is(err, errBadRow): // it gets no better by looking again soon
		q.o.Log.Error("queue: a job can't be read, and is left alone", "err", err)
		return outcome{skipped: true}
	case errors.Is(err, ErrNotFound):
		var b kv.Batch
		b.Assert(kv.Queue, jobKey(h.id), nil)
		(&Job{ID: h.id, Domain: h.domain, Priority: h.priority, Next: h.next}).unschedule(&b)
		if err = kv.Commit(ctx, q.o.KV, &b); err == nil || errors.Is(err, kv.ErrConflict) {
			return outcome{skipped: true}
		}
	}
	q.o.Log.Error("queue: attempt not recorded", "err", err)
	return outcome{skipped: true, unread: true}
}

// deliver hands the recipients that are left to the transport.
func (q *Queue) deliver(ctx context.Context, j *Job) []dsn.Status {
	to := j.pending()
	if len(to) == 0 {
		return nil
	}
	t := q.o.Transport
	if j.Domain == "" && q.o.Local != nil {
		t = q.o.Local
	}
	statuses := t.Deliver(ctx, j, to)
	for len(statuses) < len(to) {
		statuses = append(statuses, dsn.Status{Code: dsn.Code{4, 3, 0}, Text: "no outcome known"})
	}
	return statuses
}

// pending are the recipients that still have to be tried.
func (j *Job) pending() []Recipient { return j.only(func(r *Recipient) bool { return !r.Done }) }

func (j *Job) only(want func(*Recipient) bool) (list []Recipient) {
	for i := range j.Recipients {
		if want(&j.Recipients[i]) {
			list = append(list, j.Recipients[i])
		}
	}
	return list
}

// over reports that nothing is left to do for a job.
func (j *Job) over() bool {
	return !slices.ContainsFunc(j.Recipients, func(r Recipient) bool { return !r.Done || j.owes(&r) })
}

func (j *Job) due() time.Time {
	if j.over() {
		return time.Time{}
	}
	return j.Next
}

// spread gives each recipient its place among the statuses of the pending ones;
// that of the others is zero.
func (j *Job) spread(statuses []dsn.Status) []dsn.Status {
	all := make([]dsn.Status, len(j.Recipients))
	n := 0
	for i := range j.Recipients {
		if !j.Recipients[i].Done {
			all[i] = statuses[n]
			n++
		}
	}
	return all
}

// record notes what each recipient was told, unless it has its end already, and
// returns those as they are now.
func (j *Job) record(fresh []dsn.Status, now time.Time) (tried []Recipient) {
	for i := range j.Recipients {
		r := &j.Recipients[i]
		if r.Done || fresh[i] == (dsn.Status{}) {
			continue
		}
		r.Status = fresh[i]
		j.Last = r.Status.String()
		if !r.Status.OK() && !r.Status.Permanent() && !now.Before(j.Expires) {
			r.Status = expired(r.Status)
		}
		r.Done = r.Status.OK() || r.Status.Permanent() || r.Status.Code == codeExpired
		tried = append(tried, *r)
	}
	if len(tried) > 0 {
		j.Attempts++
	}
	return tried
}

var codeExpired = dsn.Code{4, 4, 7} // RFC 3463 §3.5

// expired is the final status of a recipient that could not be reached in time.
func expired(last dsn.Status) dsn.Status {
	return dsn.Status{Code: codeExpired, Text: "delivery time expired; last: " + last.String(), Remote: last.Remote}
}

// settle commits a job after an attempt, together with the report that its
// sender is due, if any. A report may wait unless that would bring recipients
// who are left forward, or the site is about to rest, for then so does the job.
func (q *Queue) settle(ctx context.Context, old stored, j *Job, now time.Time, mayWait bool) error {
	if ended := j.only(j.owes); len(ended) > 0 {
		owing, wait := q.gather(ctx, old, j, now)
		if wait && mayWait && (len(j.pending()) == 0 || j.Next.Before(now.Add(2*gatherTime))) {
			j.Next = now.Add(gatherTime)
			return q.save(ctx, old, j)
		}
		return q.report(ctx, old, j, notice{about: ended, with: owing})
	}
	if late := j.only(func(r *Recipient) bool { return !r.Done && r.Notify.Wants(dsn.NotifyDelay) }); len(late) > 0 && j.late(now) {
		return q.report(ctx, old, j, notice{about: late, delayed: true})
	}
	return q.save(ctx, old, j)
}

// late reports that the sender should know by now that a message is on its way
// still: after four hours, and when the sender's own time is over (RFC 2852 §4.1.4).
func (j *Job) late(now time.Time) bool {
	return !j.Warned && now.Sub(j.begun()) >= warnAfter || !j.Late && j.overBy(now)
}

func (j *Job) overBy(now time.Time) bool { return !j.By.Time.IsZero() && !j.By.Time.After(now) }

func (q *Queue) save(ctx context.Context, old stored, j *Job) error {
	var b kv.Batch
	q.replace(&b, old, j)
	return kv.Commit(ctx, q.o.KV, &b)
}

// notice is what a report tells of.
type notice struct {
	about   []Recipient // of the job itself
	with    []stored    // other jobs of the message, whose ends it tells, too
	delayed bool
}

// report tells the sender about recipients and commits the job, marked as
// having done so, with the report. If the report can't be made now the job is
// saved without the mark and comes back for it.
func (q *Queue) report(ctx context.Context, old stored, j *Job, n notice) error {
	told := *j
	told.markTold(n.delayed, q.o.Now())
	id, err := "", ErrNoReport
	if j.ReturnPath != "" && !j.Unverified { // RFC 5321 §4.5.5: no report about a report
		id, err = q.o.Bounce(ctx, j, n.everybody(j), n.delayed, func(b *kv.Batch) {
			q.replace(b, old, &told)
			for _, s := range n.with {
				also := s.Job
				also.markTold(false, time.Time{})
				q.replace(b, s, &also)
			}
		})
	}
	switch {
	case err == nil:
		*j = told
		q.tellReported(j, n.about, n.delayed, id)
		for _, s := range n.with {
			q.tellReported(&s.Job, s.only(s.owes), false, id)
		}
		return nil
	case errors.Is(err, kv.ErrConflict):
		return err
	case errors.Is(err, ErrNoReport):
		q.o.Log.Warn("no report", "id", j.ID, "from", j.ReturnPath, "recipients", len(n.about), "delayed", n.delayed, "why", err)
		*j = told
	default:
		q.o.Log.Error("queue: report not made", "id", j.ID, "err", err)
	}
	return q.save(ctx, old, j)
}

// everybody is whom the report on j is about, in the order of the jobs.
func (n *notice) everybody(j *Job) (all []Recipient) {
	for _, s := range n.with {
		if s.ID < j.ID {
			all = append(all, s.only(s.owes)...)
		}
	}
	all = append(all, n.about...)
	for _, s := range n.with {
		if s.ID > j.ID {
			all = append(all, s.only(s.owes)...)
		}
	}
	return all
}

// markTold notes that the sender knows of the delay, or of the recipients that ended.
func (j *Job) markTold(delayed bool, now time.Time) {
	if delayed {
		j.Warned, j.Late = true, j.overBy(now)
		return
	}
	j.Recipients = slices.Clone(j.Recipients)
	for i := range j.Recipients {
		r := &j.Recipients[i]
		r.Reported = r.Reported || j.owes(r)
	}
}

// logOutcomes writes the mail log: one line for each recipient tried.
func (q *Queue) logOutcomes(j *Job, tried []Recipient, now time.Time) {
	for _, r := range tried {
		q.o.Log.Info(end(&r),
			slog.String("id", j.ID),
			slog.String("to", r.Address),
			slog.String("domain", j.Domain),
			slog.String("remote", r.Status.Remote),
			slog.String("reply", r.Status.String()),
			slog.Int("tries", j.Attempts),
			slog.Duration("delay", now.Sub(j.Created)),
		)
	}
}

func end(r *Recipient) string {
	switch {
	case r.Status.OK():
		return "delivered"
	case r.Status.Permanent():
		return "failed"
	case r.Done:
		return "expired"
	default:
		return "deferred"
	}
}
