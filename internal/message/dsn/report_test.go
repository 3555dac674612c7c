package dsn

import (
	"net/mail"
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := Report{From: "MAILER-DAEMON@hanoi.example", To: "a@hanoi.example", Host: "mx.hanoi.example", Arrived: now, Now: now, QueueID: "q1",
		Recipients: []ReportRecipient{{Address: "b@saigon.example", Original: "rfc822;b@saigon.example",
			Status: Status{Reply: 550, Code: Code{5, 1, 1}, Text: "no\r\nX: such user", Remote: "mx.saigon.example"}}},
		Header: []byte("Subject: hi\r\nFrom: a@hanoi.example\r\n\r\n")}
	var out strings.Builder
	if err := r.Build(&out); err != nil {
		t.Fatal(err)
	}
	s := out.String()
	for _, want := range []string{"report-type=delivery-status", "\r\nReporting-MTA: dns; mx.hanoi.example\r\n", "\r\nFinal-Recipient: rfc822; b@saigon.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
		"\r\nDiagnostic-Code: smtp; 550 5.1.1 no  X: such user\r\n", "text/rfc822-headers\r\n\r\nSubject: hi\r\n"} {
		if !strings.Contains(s, want) {
			t.Errorf("%q is missing in\n%s", want, s)
		}
	}
	if strings.Contains(strings.ReplaceAll(s, "\r\n", ""), "\n") {
		t.Error("a bare line feed")
	}
	if _, err := mail.ReadMessage(strings.NewReader(s)); err != nil {
		t.Error(err)
	}
}
