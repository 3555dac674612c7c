package journey

import (
	"context"
	"slices"
	"time"

	"tem/internal/kv"
)

// A bucket ends after bucketTime, or when it has bucketShare of the size that is allowed.
const (
	bucketTime  = time.Hour
	bucketShare = 16
)

// write makes rows of events, in one commit.
func (j *Journal) write(ctx context.Context, events []Event, lost uint64) {
	next := j.turn()
	var b kv.Batch
	for _, g := range sortTrips(events) {
		j.writeGroup(&b, &next, g)
	}
	added := int64(0)
	for i := range b.Ops {
		added += int64(len(b.Ops[i].Key) + len(b.Ops[i].Val))
	}
	next.octets += added
	next.events += uint64(len(events))
	next.lost += lost
	next.last = j.o.Now()
	b.Set(kv.Journey, next.key(), next.encode())
	err := kv.Commit(ctx, j.o.KV, &b)
	if err == nil {
		j.grown += added
		j.bucket, j.failing = next, false
		return
	}
	if !j.failing {
		j.o.Log.Error("journey: events not written", "events", len(events), "err", err)
	}
	j.failing = true
	j.mu.Lock()
	j.lost += uint64(len(events)) + lost
	j.mu.Unlock()
}

// turn is the bucket to write to: the last one, or a new one when that is full.
func (j *Journal) turn() bucket {
	now, b := j.o.Now(), j.bucket
	if b.name != "" && now.Sub(b.start()) < bucketTime && b.octets < j.o.Size/bucketShare {
		return b
	}
	if name := bucketName(now, j.node); b.name == "" || name > b.name { // else the clock went back, or it is the same second
		return bucket{name: name}
	}
	return b
}

// sameTrip is what is written together of one trip.
type sameTrip struct {
	trip   string
	events []*Event
}

// sortTrips sorts events by their trips, in the order in which these come first.
func sortTrips(events []Event) []sameTrip {
	list := make([]sameTrip, 0, len(events))
	at := make(map[string]int, len(events))
	for i := range events {
		e := &events[i]
		name := e.trip()
		k, ok := at[name]
		if !ok {
			k = len(list)
			at[name] = k
			list = append(list, sameTrip{trip: name})
		}
		list[k].events = append(list[k].events, e)
	}
	return list
}

// writeGroup adds the rows of one trip.
func (j *Journal) writeGroup(b *kv.Batch, to *bucket, g sameTrip) {
	var index [][]byte
	var row []byte
	before := new(Event)
	for _, e := range g.events {
		e.bound()
		e.ID = "" // it is the trip's
		index = e.index(index, to, g.trip)
		row = appendEvent(row, e, before)
		if before = e; len(row) >= fullRow {
			j.setRow(b, to, g.trip, row)
			row, before = nil, new(Event)
		}
	}
	if len(row) > 0 {
		j.setRow(b, to, g.trip, row)
	}
	for _, key := range index {
		b.Set(kv.Journey, key, nil)
	}
}

func (j *Journal) setRow(b *kv.Batch, to *bucket, trip string, row []byte) {
	val := append(make([]byte, 0, len(row)+1), plainRow)
	if len(row) >= zipFrom {
		val[0] = zippedRow
		val = j.zip.EncodeAll(row, val)
	} else {
		val = append(val, row...)
	}
	j.seq++
	b.Set(kv.Journey, to.eventsKey(trip, j.seq), val)
}

// index adds the keys under which the event's trip is to be found.
func (e *Event) index(keys [][]byte, to *bucket, trip string) [][]byte {
	at := begun(trip, e.Time)
	add := func(kind byte, h uint64) {
		key := to.indexKey(kind, h, at, trip)
		if !slices.ContainsFunc(keys, func(k []byte) bool { return string(k) == string(key) }) {
			keys = append(keys, key)
		}
	}
	if e.MessageID != "" {
		add(nameRow, hashName(e.MessageID))
	}
	if e.Link != "" {
		add(linkRow, hash(e.Link))
	}
	switch e.Kind {
	case Attempted, Deferred, Changed: // it has been said who
		return keys
	}
	if e.From != "" {
		add(addressRow, hashAddress(e.From))
	}
	for _, a := range e.To {
		add(addressRow, hashAddress(a))
	}
	return keys
}
