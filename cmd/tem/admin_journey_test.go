package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"tem/internal/journey"
	"tem/internal/message/dsn"
)

// remember has the host's journal hold events.
func (h *adminHost) remember(events ...journey.Event) {
	ctx, cancel := context.WithCancel(h.t.Context())
	cancel() // Run writes what is there, and ends
	for _, e := range events {
		h.s.Journal.Record(e)
	}
	if err := h.s.Journal.Run(ctx); err != nil {
		h.t.Fatal(err)
	}
}

func TestJourneyCommand(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	h.expect(3, `nothing is remembered of that: the journal is empty`, "journey linh@hanoi.example")
	const id = "01JDCAQ5N9T3V8ZK2M7R4W6XYB"
	at := time.Now().Add(-time.Hour)
	to := []string{"binh@saigon.example"}
	h.remember(
		journey.Event{ID: id, Kind: journey.Accepted, Time: at, Session: "s1", Remote: "192.0.2.1", Login: "linh@hanoi.example", TLS: "TLS 1.3",
			From: "linh@hanoi.example", To: to, MessageID: "<m1@hanoi.example>", Size: 2843, Dialogue: "C: EHLO quiet\n"},
		journey.Event{ID: id, Kind: journey.Queued, Time: at.Add(time.Millisecond), To: to},
		journey.Event{ID: id, Job: id + "-1", Kind: journey.Attempted, Time: at.Add(1300 * time.Millisecond), Took: time.Second, Remote: "mx.saigon.example [192.0.2.7]", To: to,
			Policy: "mta-sts", Status: dsn.Status{Reply: 452, Code: dsn.Code{4, 2, 2}, Text: "Mailbox \x1b[2Jfull", Remote: "mx.saigon.example"}, Dialogue: "C: RCPT TO:<binh@saigon.example>\nS: 452 4.2.2 \x1b[31mfull\n"},
		journey.Event{ID: id, Job: id + "-1", Kind: journey.Deferred, Time: at.Add(1310 * time.Millisecond), To: to, Next: at.Add(time.Hour),
			Status: dsn.Status{Reply: 452, Code: dsn.Code{4, 2, 2}, Text: "Mailbox full", Remote: "mx.saigon.example"}})
	for _, what := range []string{id, id + "-1", "LINH@hanoi.example", "<m1@hanoi.example>", "m1@hanoi.example"} {
		h.expect(0, `(?s)^01JDC\S+  linh@hanoi.example -> binh@saigon.example.*waits in the queue.*mailbox is full.*Whose move: the owner of the mailbox.*`+
			`accepted.*\+1\.3 s +attempted.*mx\.saigon\.example \[192\.0\.2\.7\].*policy mta-sts.*took 1s.*452 4\.2\.2.*S: 452`, "journey "+what)
	}
	if strings.Contains(h.out.String(), "\x1b") || strings.Contains(h.out.String(), "EHLO quiet") {
		t.Errorf("it shows too much:\n%q", h.out.String())
	}
	h.expect(0, `EHLO quiet`, "journey --dialogue "+id)
	h.expect(0, `Đến lượt: chủ hộp thư nhận`, "journey --lang vi "+id)
	h.expect(0, `"answers":\[\{"to":"binh@saigon.example","state":"waiting".*"party":"recipient"`, "journey --json "+id)
	h.expect(3, `nothing is remembered`, "journey --since 5m "+id)
	h.expect(2, `at least 1`, "journey --limit 0 "+id)
}
