package journey

import (
	"context"
	"time"
)

// Bounds of what waits to be written.
const (
	maxWaiting       = 16384       // events
	maxWaitingOctets = 32 << 20    // of their texts
	restWaiting      = 1024        // events that room is kept for while little happens
	patience         = time.Second // that a question waits for what is being written
)

// Record takes an event to be written soon. It never waits for the store: when
// too much waits already the event is counted as lost.
func (j *Journal) Record(e Event) {
	size := e.texts()
	j.mu.Lock()
	if len(j.waiting) >= maxWaiting || j.octets+size > maxWaitingOctets {
		j.lost++
		j.mu.Unlock()
		return
	}
	j.waiting = append(j.waiting, e)
	j.octets += size
	j.taken++
	full := len(j.waiting) >= batchEvents
	j.mu.Unlock()
	if full {
		j.hurry()
	}
}

// hurry has Run write without waiting for the end of a batch.
func (j *Journal) hurry() {
	select {
	case j.full <- struct{}{}:
	default:
	}
}

// catchUp waits until what was recorded before is written, so that whoever did
// something and then asks finds it; for a second at most.
func (j *Journal) catchUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	j.mu.Lock()
	want := j.taken
	j.mu.Unlock()
	for {
		j.mu.Lock()
		done, wrote := j.done, j.wrote
		j.mu.Unlock()
		if done >= want {
			return
		}
		j.hurry()
		select {
		case <-wrote:
		case <-ctx.Done():
			return
		}
	}
}

// settle notes that n events wait no longer.
func (j *Journal) settle(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done += uint64(n)
	close(j.wrote)
	j.wrote = make(chan struct{})
}

// texts is about how many octets the long texts of an event have.
func (e *Event) texts() int { return len(e.Dialogue) + len(e.Verdict) + len(e.Reason) + 32*len(e.To) }

// take returns what waits, and how many events were lost; spare is room for what comes.
func (j *Journal) take(spare []Event) (events []Event, lost uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	events, lost = j.waiting, j.lost
	j.waiting, j.octets, j.lost = spare, 0, 0
	return events, lost
}

// Run writes what is recorded until ctx ends, and then what is left. A store
// that can't be written to costs events, which are counted, and nothing else:
// it always returns nil. Whoever records must have ended before ctx does, or
// what they record last is not written.
func (j *Journal) Run(ctx context.Context) error {
	keep := context.WithoutCancel(ctx) // what is written has happened
	tick := time.NewTicker(batchTime)
	defer tick.Stop()
	j.forget(keep)
	var spare []Event
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-j.full:
		case <-tick.C:
		}
		spare = j.flush(keep, spare)
		if j.dueToForget() {
			j.forget(keep)
		}
	}
	j.flush(keep, spare)
	return nil
}

// flush writes all that waits and returns room to be used again.
func (j *Journal) flush(ctx context.Context, spare []Event) []Event {
	events, lost := j.take(spare)
	if len(events) == 0 && lost == 0 {
		return events
	}
	j.tellLost(lost)
	for rest := events; len(rest) > 0 || lost > 0; lost = 0 {
		n := min(len(rest), maxBatch)
		j.write(ctx, rest[:n], lost)
		rest = rest[n:]
	}
	j.settle(len(events))
	clear(events) // what they refer to can go
	if cap(events) > restWaiting {
		return nil
	}
	return events[:0]
}

// tellLost says in the log that the journal has gaps, once a minute at most.
func (j *Journal) tellLost(lost uint64) {
	j.untold += lost
	if now := j.o.Now(); j.untold > 0 && now.Sub(j.toldLost) >= time.Minute {
		j.o.Log.Warn("journey: events lost: more happened than could be written down", "events", j.untold)
		j.untold, j.toldLost = 0, now
	}
}
