package delivery

import (
	"strings"
	"testing"
	"time"

	"tem/internal/journey"
	"tem/internal/message/dsn"
	"tem/internal/queue"
)

// TestHeldBack: what a sender wants to go later waits in the queue, for people
// here as for those elsewhere, and then finds its way as any message does.
func TestHeldBack(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var waits []string
	l.o.Record = func(e journey.Event) {
		if e.Kind == journey.Queued {
			waits = append(waits, strings.Join(e.To, " ")+": "+e.Reason)
		}
	}
	e := envelope("an@hanoi.example", "all@hanoi.example", "binh@hanoi.example", "away@hanoi.example", "nobody@hanoi.example")
	e.Wishes = []dsn.Wish{{}, {Notify: dsn.NotifySuccess}}
	e.Release = time.Now().Add(time.Hour)
	if s := l.Accept(t.Context(), e, l.body(letter)); !s.OK() {
		t.Fatal(s)
	}
	l.wantInboxes(0, 0, 0)
	l.wantJobs(": all@hanoi.example binh@hanoi.example", ": nobody@hanoi.example=5.1.1", "hue.example: someone@hue.example(away@hanoi.example)")
	if got := strings.Join(waits, "; "); got != "someone@hue.example: held back as its sender asked; all@hanoi.example binh@hanoi.example: held back as its sender asked" {
		t.Errorf("the journey says %q", got)
	}
	jobs, err := l.queue.Find(t.Context(), queue.Choice{To: "binh@hanoi.example"})
	l.must(err)
	if len(jobs) != 1 || !jobs[0].Next.Equal(e.Release.Truncate(time.Millisecond)) {
		t.Fatalf("%+v", jobs)
	}
	j := &jobs[0]
	for _, s := range l.Delivery.Deliver(t.Context(), j, j.Recipients[:2]) {
		if !s.OK() || !s.Passed {
			t.Errorf("%+v", s)
		}
	}
	l.wantInboxes(1, 1, 1)
	if got := l.inbox("binh")[0]; got != l.stored(j) {
		t.Errorf("%q arrived", got)
	}
	found, err := l.queue.Find(t.Context(), queue.Choice{To: "binh@hanoi.example"})
	l.must(err)
	if len(found) != 2 || found[1].Recipients[0].Status != arrived || found[1].Next.After(time.Now()) {
		t.Errorf("no report of success: %+v", found)
	}
	if refused, err := l.queue.Find(t.Context(), queue.Choice{To: "nobody@hanoi.example"}); err != nil || len(refused) != 1 || refused[0].Next.After(time.Now()) {
		t.Errorf("the report on nobody@ waits: %+v, %v", refused, err)
	}
}

// stored is the text of a job's message.
func (l *lab) stored(j *queue.Job) string {
	body, err := l.store.OpenBody(l.t.Context(), j.Body)
	l.must(err)
	defer body.Close()
	text := make([]byte, body.Size())
	_, err = body.ReadAt(text, 0)
	l.must(err)
	return string(text)
}
