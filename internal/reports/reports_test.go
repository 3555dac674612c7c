package reports

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tem/internal/kv"
	"tem/internal/transport"
	"tem/internal/trust"
)

const asks = `_dmarc.saigon.example. TXT "v=DMARC1; p=reject; sp=quarantine; rua=mailto:dmarc@saigon.example,mailto:postmaster@saigon.example,mailto:x@elsewhere.example,https://saigon.example/r,mailto:small@saigon.example!1k"`

var number = regexp.MustCompile("[0-9]+ octets")

func letterOf(from string) string {
	return "From: An <a@" + from + ">\r\nTo: postmaster@hanoi.example\r\nSubject: x\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n"
}

// day has letters come to hanoi, and lets the day end.
func (w *world) day(t *testing.T) {
	ctx := t.Context()
	for range 3 {
		w.hanoi.take(ctx, saigonIP, "mx.saigon.example", "a@saigon.example", w.sign(t, letterOf("saigon.example")), "postmaster@hanoi.example")
	}
	w.hanoi.flush(ctx)
	w.hanoi.take(ctx, saigonIP, "mx.saigon.example", "a@saigon.example", w.sign(t, letterOf("saigon.example")), "postmaster@hanoi.example")
	for range 2 {
		if v, _ := w.hanoi.take(ctx, otherIP, "bad", "a@other.example", letterOf("saigon.example"), "postmaster@hanoi.example"); v.Action != trust.Reject {
			t.Errorf("a forged letter: %v", v.Lines())
		}
	}
	w.hanoi.take(ctx, otherIP, "bad", "", letterOf("sub.saigon.example"), "postmaster@hanoi.example")
	w.hanoi.flush(ctx)
	w.set(w.Now().Add(24 * time.Hour).Truncate(24 * time.Hour).Add(5 * time.Hour))
}

// TestDayOfDMARC is the whole way: judged, counted, reported, received, shown.
func TestDayOfDMARC(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, asks)
	ctx := t.Context()
	w.day(t)
	w.hanoi.sendDue(ctx)
	if n := w.hanoi.jobs(); n != 1 || len(w.letters) != 1 {
		t.Fatalf("%d jobs, %d letters\n%s", n, len(w.letters), w.hanoi.log)
	}
	for _, want := range []string{
		"DKIM-Signature:", "From: noreply-dmarc@hanoi.example\r\n", "To: dmarc@saigon.example, postmaster@saigon.example\r\n",
		"Subject: Report Domain: saigon.example Submitter: hanoi.example Report-ID:", "Content-Type: multipart/mixed", "Content-Type: application/gzip",
		fmt.Sprintf("hanoi.example!saigon.example!%d!", startOf(dayOf(w.Now())-1).Unix()),
	} {
		if !strings.Contains(strings.ReplaceAll(w.letters[0], "\r\n ", " "), want) {
			t.Errorf("no %q in\n%s", want, w.letters[0])
		}
	}
	d, err := Read(strings.NewReader(w.letters[0]))
	check(t, err)
	var got []string
	for _, r := range d.DMARC.Records {
		got = append(got, fmt.Sprintln(r.SourceIP, r.Count, r.Disposition, r.DKIM, r.SPF, r.HeaderFrom, r.EnvelopeFrom, len(r.DKIMResults), r.SPFResults[0].Domain, r.SPFResults[0].Result))
	}
	want := []string{
		"192.0.2.2 4 pass pass pass saigon.example saigon.example 1 saigon.example pass\n",
		"203.0.113.7 2 reject fail fail saigon.example other.example 0 other.example none\n",
		"203.0.113.7 1 quarantine fail fail sub.saigon.example  0 bad none\n",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if p := fmt.Sprint(d.DMARC.Policy); p != "{saigon.example treewalk reject quarantine quarantine 0 r r n}" {
		t.Error(p)
	}
	w.shown(t)
	w.sentOnce(t)
}

// shown looks at what saigon makes of the report.
func (w *world) shown(t *testing.T) {
	t.Helper()
	w.saigon.read()
	s, err := w.saigon.Summarize(t.Context(), "saigon.example", time.Time{})
	check(t, err)
	if s.Reports != 1 || s.Unproven != 0 || s.Messages != 7 || s.Passed != 4 || len(s.Sources) != 2 || s.Reporters[0] != "The Post of hanoi.example" {
		t.Fatalf("%+v\n%s", s, w.saigon.log)
	}
	if x := s.Sources[0]; x.IP != "203.0.113.7" || x.Messages != 3 || !strings.Contains(x.Hint.EN, "without SPF or DKIM") || x.Dispositions["reject"] != 2 {
		t.Errorf("%+v", x)
	}
	if x := s.Sources[1]; x.IP != "192.0.2.2" || x.Hint.EN != "passes: all is well." {
		t.Errorf("%+v", x)
	}
	if s, err := w.saigon.Summarize(t.Context(), "saigon.example", w.Now()); err != nil || s.Reports != 0 {
		t.Errorf("since now: %+v %v", s, err)
	}
}

// sentOnce has hanoi look again.
func (w *world) sentOnce(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	w.hanoi.sendDue(ctx)
	w.set(w.Now().Add(3 * time.Hour))
	w.hanoi.sendDue(ctx)
	if n := w.hanoi.jobs(); n != 0 {
		t.Errorf("%d more letters", n)
	}
	list, lost, err := w.hanoi.Sendings(ctx, time.Time{}, 10)
	check(t, err)
	if len(list) != 1 || !list[0].Done || list[0].Messages != 7 || lost != 0 {
		t.Fatalf("%+v, %d lost", list, lost)
	}
	var outcomes []string
	for _, d := range list[0].To {
		outcomes = append(outcomes, d.URI+": "+number.ReplaceAllString(d.Outcome, "SIZE octets"))
	}
	slices.Sort(outcomes)
	const want = "https://saigon.example/r: DMARC reports go by mail only\nmailto:dmarc@saigon.example: mailed\nmailto:postmaster@saigon.example: mailed\n" +
		"mailto:small@saigon.example: the report, SIZE octets, is larger than is taken there\n" +
		"mailto:x@elsewhere.example: elsewhere.example does not say that it takes reports about saigon.example (saigon.example._report._dmarc.elsewhere.example)"
	if got := strings.Join(outcomes, "\n"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	check(t, w.hanoi.kv.View(ctx, func(v kv.Reader) error {
		return v.Scan(kv.Reports, []byte{countPrefix}, []byte{dayPrefix + 1}, kv.ScanOptions{}, func(key, _ []byte) error {
			t.Errorf("left: %q", key)
			return nil
		})
	}))
}

func session1(result string) transport.TLSOutcome {
	return transport.TLSOutcome{
		Domain: "saigon.example", Policy: transport.TLSPolicy{Type: "sts", Domain: "saigon.example", Strings: []string{"version: STSv1"}, Hosts: []string{"*.saigon.example"}},
		Result: result, Reason: map[bool]string{true: "expired yesterday"}[result != ""], SendingIP: hanoiIP, Host: "mx.saigon.example", HostIP: saigonIP, HostHello: "mx.saigon.example",
	}
}

func TestDayOfTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, `_smtp._tls.saigon.example. TXT "v=TLSRPTv1; rua=mailto:postmaster@saigon.example"`)
	ctx := t.Context()
	for range 5 {
		w.hanoi.Session(session1(""))
	}
	w.hanoi.Session(session1("certificate-expired"))
	w.hanoi.flush(ctx)
	w.hanoi.Session(session1("certificate-expired"))
	silent := session1("")
	silent.Domain = "silent.example"
	w.hanoi.Session(silent)
	w.hanoi.flush(ctx)
	w.set(w.Now().Add(17 * time.Hour))
	w.hanoi.sendDue(ctx)
	if n := w.hanoi.jobs(); n != 1 {
		t.Fatalf("%d jobs\n%s", n, w.hanoi.log)
	}
	for _, want := range []string{
		"Content-Type: multipart/report; report-type=tlsrpt;", "TLS-Report-Domain: saigon.example\r\n", "TLS-Report-Submitter: hanoi.example\r\n",
		"TLS-Required: No\r\n", "Content-Type: application/tlsrpt+gzip", ".json.gz", "DKIM-Signature:",
	} {
		if !strings.Contains(w.letters[0], want) {
			t.Errorf("no %q in\n%s", want, w.letters[0])
		}
	}
	w.saigon.read()
	s, err := w.saigon.SummarizeTLS(ctx, "saigon.example", time.Time{})
	check(t, err)
	if s.Reports != 1 || s.Successes != 5 || s.Failures != 2 || len(s.Details) != 1 || s.Details[0].Count != 2 || s.Details[0].Reasons[0] != "expired yesterday" || !strings.Contains(s.Details[0].Hint.VI, "hết hạn") {
		t.Errorf("%+v\n%s", s, w.saigon.log)
	}
	if list, _, _ := w.hanoi.Sendings(ctx, time.Time{}, 10); len(list) != 1 || list[0].Domain != "saigon.example" || list[0].Messages != 7 {
		t.Errorf("%+v", list)
	}
}

// TestNodesShare: counts of two nodes go into one report, which one of them sends.
func TestNodesShare(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, asks)
	other := New(w.hanoi.Reports.o)
	w.day(t)
	v, _ := w.hanoi.take(t.Context(), otherIP, "bad", "a@other.example", letterOf("saigon.example"), "postmaster@hanoi.example")
	now := w.Now()
	w.set(now.Add(-24 * time.Hour))
	other.Judged(v)
	other.flush(t.Context())
	w.set(now)
	list, err := other.counts(t.Context(), DMARC, dayOf(w.Now()))
	check(t, err)
	taken, err := other.claim(t.Context(), &list[0], false)
	if err != nil || taken == nil {
		t.Fatal(taken, err)
	}
	w.hanoi.sendDue(t.Context())
	if n := w.hanoi.jobs(); n != 0 {
		t.Errorf("%d letters, though another node has it", n)
	}
	w.set(now.Add(claimTime + time.Second)) // it died
	w.hanoi.sendDue(t.Context())
	asked, err := other.asked(t.Context(), &list[0])
	check(t, err)
	if err := other.send(t.Context(), taken, asked); err == nil {
		t.Error("who lost its claim sends all the same")
	}
	if n := w.hanoi.jobs(); n != 1 {
		t.Errorf("%d letters", n)
	}
	if d, err := Read(strings.NewReader(w.letters[0])); err != nil || d.DMARC.Records[1].Count != 3 {
		t.Errorf("%v %v", d, err)
	}
}

func TestForgedReports(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, asks)
	w.day(t)
	w.hanoi.sendDue(t.Context())
	w.hanoi.jobs()
	for len(w.saigon.arrived) > 0 {
		<-w.saigon.arrived
	}
	forged := w.letters[0][strings.Index(w.letters[0], "Date:"):]
	for _, c := range []struct {
		name, text string
		to         string
		from       netip.Addr
	}{
		{"not signed", strings.ReplaceAll(forged, "@hanoi.example", "@nowhere.example"), "postmaster@saigon.example", otherIP},
		{"to somebody else", w.letters[0], "other@saigon.example", hanoiIP},
	} {
		w.saigon.take(t.Context(), c.from, "x", "x@other.example", c.text, c.to)
		if len(w.saigon.arrived) != 1 {
			t.Errorf("%s: it did not arrive", c.name)
		}
		w.saigon.read()
		if s, err := w.saigon.Summarize(t.Context(), "saigon.example", time.Time{}); err != nil || s.Reports != 0 {
			t.Errorf("%s: %+v %v", c.name, s, err)
		}
	}
}

// TestTooMuch: counts that have no room are lost, and that is said.
func TestTooMuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for i := range maxTallies + 7 {
		o := session1("validation-failure")
		o.Reason = fmt.Sprint(i)
		w.hanoi.Session(o)
	}
	w.hanoi.flush(t.Context())
	w.hanoi.Session(session1(""))
	w.hanoi.flush(t.Context())
	_, lost, err := w.hanoi.Sendings(t.Context(), time.Time{}, 10)
	check(t, err)
	if lost != 8 || !strings.Contains(w.hanoi.log.String(), "more than can be counted") { // the last one finds no room for its domain
		t.Errorf("%d lost\n%s", lost, w.hanoi.log)
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, asks)
	w.day(t)
	w.hanoi.sendDue(t.Context())
	w.hanoi.jobs()
	w.saigon.read()
	w.hanoi.Session(session1(""))
	w.hanoi.flush(t.Context())
	w.set(w.Now().AddDate(0, 0, keepCounts+1))
	rows := func(s *side) (n int) {
		check(t, s.kv.View(t.Context(), func(v kv.Reader) error {
			return v.Scan(kv.Reports, nil, nil, kv.ScanOptions{}, func([]byte, []byte) error { n++; return nil })
		}))
		return n
	}
	w.hanoi.forget(t.Context())
	w.saigon.forget(t.Context())
	if rows(w.hanoi) != 1 || rows(w.saigon) != 1 { // what was sent, and what was received
		t.Errorf("%d and %d rows after a week", rows(w.hanoi), rows(w.saigon))
	}
	w.set(w.Now().AddDate(1, 0, 0))
	w.hanoi.forget(t.Context())
	w.saigon.forget(t.Context())
	if rows(w.hanoi)+rows(w.saigon) != 0 {
		t.Errorf("%d and %d rows after a year", rows(w.hanoi), rows(w.saigon))
	}
}
