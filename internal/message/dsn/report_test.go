package dsn

import (
	"bufio"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 7*3600))

// report is one with all that does not differ between the tests.
func report(to ...ReportRecipient) *Report {
	return &Report{From: "MAILER-DAEMON@hanoi.example", To: "a@hanoi.example", Host: "mx.hanoi.example", Arrived: now.Add(-time.Hour), Now: now, QueueID: "q1",
		Recipients: to, Header: []byte("Subject: hi\r\nFrom: a@hanoi.example\r\n\r\n")}
}

// part is one of the three parts of a report.
type part struct {
	header textproto.MIMEHeader
	body   string
}

// built builds a report and reads it back with the standard library.
func built(t *testing.T, r *Report) (mail.Header, []part) {
	t.Helper()
	var out strings.Builder
	if err := r.Build(&out); err != nil {
		t.Fatal(err)
	}
	s := out.String()
	if strings.ContainsAny(strings.ReplaceAll(s, "\r\n", ""), "\r\n\x00") || !utf8.ValidString(s) {
		t.Errorf("bare line ends or broken characters in %q", s)
	}
	for line := range strings.SplitSeq(s, "\r\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d octets", len(line))
		}
	}
	m, err := mail.ReadMessage(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	typ, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || typ != "multipart/report" || params["report-type"] != "delivery-status" {
		t.Fatalf("type %s %v %v", typ, params, err)
	}
	var parts []part
	in := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := in.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(p)
		parts = append(parts, part{p.Header, string(body)})
	}
	if len(parts) != 3 {
		t.Fatalf("%d parts in\n%s", len(parts), s)
	}
	for _, p := range parts {
		if !isASCII(p.body) && p.header.Get("Content-Transfer-Encoding") != "8bit" {
			t.Errorf("%s is not declared as 8bit", p.header)
		}
	}
	return m.Header, parts
}

// groups reads the field groups of the second part.
func groups(t *testing.T, p part) (all []textproto.MIMEHeader) {
	t.Helper()
	r := textproto.NewReader(bufio.NewReader(strings.NewReader(p.body + "\r\n\r\n")))
	for {
		h, err := r.ReadMIMEHeader()
		if len(h) > 0 {
			all = append(all, h)
		}
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("%v in %s", err, p.body)
		}
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	gone := ReportRecipient{Address: "b@saigon.example", Original: "rfc822;B@saigon.example", Status: Status{Reply: 550, Code: Code{5, 1, 1}, Text: "no such user", Remote: "mx.saigon.example"}}
	slow := ReportRecipient{Address: "c@saigon.example", Status: Status{Reply: 451, Text: "later"}}
	good := ReportRecipient{Address: "d@saigon.example", Status: Status{Reply: 250, Code: Code{2, 1, 5}, Text: "ok"}}
	names := ReportRecipient{Address: "nguyễn@sài-gòn.example", Original: `utf-8;nguy\x{1EC5}n@s\x{e0}i-g\x{F2}n.example`, Status: Status{Code: Code{5, 1, 2}, Text: "no such host"}}
	broken := ReportRecipient{Address: "ế@h", Original: `utf-8;a\x{D}b\x{zz`, Status: Status{Reply: 550, Text: "không có người này"}}
	hostile := ReportRecipient{Address: "x>\r\nAction: delivered@h", Original: "rfc822;y\r\n\r\nz", Status: Status{Reply: 550, Text: "no\r\nX: such \x1b[1m\u009b user ế " + strings.Repeat("ộ", 2000), Remote: "m\nx"}}
	handed, group := good, good
	handed.Relayed, group.Expanded = true, true
	const week = "Fri, 09 Jan 2026 03:04:05 +0700"

	for name, c := range map[string]struct {
		to            []ReportRecipient
		delayed       bool
		subject, kind string
		fields        []map[string]string // of each recipient, "" for one that must not be there
		says          []string
	}{
		"failed": {[]ReportRecipient{gone}, false, "Undelivered mail returned to sender", "message/delivery-status",
			[]map[string]string{{"Original-Recipient": "rfc822;B@saigon.example", "Final-Recipient": "rfc822; b@saigon.example", "Action": "failed", "Status": "5.1.1", "Remote-Mta": "dns; mx.saigon.example",
				"Diagnostic-Code": "smtp; 550 5.1.1 no such user", "Last-Attempt-Date": "Fri, 02 Jan 2026 03:04:05 +0700", "Will-Retry-Until": ""}},
			[]string{"It could not be delivered to:\r\n\r\n  <b@saigon.example>\r\n      550 5.1.1 no such user\r\n", "It will not be tried again.", "Thư không gửi được tới:", "Máy chủ sẽ không thử lại."}},
		"delayed": {[]ReportRecipient{slow}, true, "Delayed mail (still being tried)", "message/delivery-status",
			[]map[string]string{{"Action": "delayed", "Status": "4.0.0", "Will-Retry-Until": week, "Original-Recipient": "", "Remote-Mta": ""}},
			[]string{"not been delivered yet", "keeps trying until\r\n" + week + ".\r\n", "chưa gửi được", "tiếp tục thử đến\r\n" + week}},
		"expired":   {[]ReportRecipient{slow}, false, "Undelivered mail returned to sender", "message/delivery-status", []map[string]string{{"Action": "failed", "Status": "4.0.0", "Will-Retry-Until": ""}}, nil},
		"handed on": {[]ReportRecipient{handed}, false, "Mail handed on", "message/delivery-status", []map[string]string{{"Action": "relayed"}}, []string{"handed on to the server of:", "đã được chuyển tới máy chủ"}},
		"a group":   {[]ReportRecipient{group, good}, false, "Mail delivered to a list of people", "message/delivery-status", []map[string]string{{"Action": "expanded"}, {"Action": "delivered"}}, []string{"stands for several", "một nhóm người"}},
		"delivered": {[]ReportRecipient{good}, false, "Mail delivered", "message/delivery-status", []map[string]string{{"Action": "delivered", "Status": "2.1.5"}}, []string{"It was delivered to:", "đã được giao tới:"}},
		"several": {[]ReportRecipient{good, slow, slow}, true, "Delayed mail (still being tried)", "message/delivery-status",
			[]map[string]string{{"Action": "delivered", "Will-Retry-Until": ""}, {"Action": "delayed", "Will-Retry-Until": week}, {"Action": "delayed"}},
			[]string{"delivered yet to:\r\n\r\n  <c@saigon.example>\r\n      451 later\r\n  <c@saigon.example>\r\n", "It was delivered to:\r\n\r\n  <d@"}},
		"UTF-8": {[]ReportRecipient{names, gone}, false, "Undelivered mail returned to sender", "message/global-delivery-status",
			[]map[string]string{{"Original-Recipient": "utf-8;nguyễn@sài-gòn.example", "Final-Recipient": "utf-8; nguyễn@sài-gòn.example", "Diagnostic-Code": ""}, {"Final-Recipient": "rfc822; b@saigon.example"}},
			[]string{"<nguyễn@sài-gòn.example>"}},
		"UTF-8, broken": {[]ReportRecipient{broken}, false, "Undelivered mail returned to sender", "message/global-delivery-status",
			[]map[string]string{{"Original-Recipient": `utf-8;a\x{D}b\x{zz`, "Diagnostic-Code": "smtp; 550 không có người này"}}, nil},
		"hostile": {[]ReportRecipient{hostile}, false, "Undelivered mail returned to sender", "message/delivery-status",
			[]map[string]string{{"Final-Recipient": "rfc822; x>  Action: delivered@h", "Original-Recipient": "rfc822;y    z", "Action": "failed", "Remote-Mta": "dns; m x"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := report(c.to...)
			r.Delayed = c.delayed
			if c.delayed {
				r.Until = now.AddDate(0, 0, 7)
			}
			header, parts := built(t, r)
			if s := header.Get("Subject"); s != c.subject {
				t.Errorf("subject %q", s)
			}
			if kind := parts[1].header.Get("Content-Type"); kind != c.kind {
				t.Errorf("status part is %s", kind)
			}
			all := groups(t, parts[1])
			if len(all) != len(c.fields)+1 || all[0].Get("Reporting-Mta") != "dns; mx.hanoi.example" || all[0].Get("Arrival-Date") == "" {
				t.Fatalf("status\n%s", parts[1].body)
			}
			for i, fields := range c.fields {
				for name, want := range fields {
					if got := all[i+1].Get(name); got != want {
						t.Errorf("recipient %d, %s: %q, want %q", i, name, got, want)
					}
				}
			}
			for _, want := range c.says {
				if !strings.Contains(parts[0].body, want) {
					t.Errorf("%q is missing in\n%s", want, parts[0].body)
				}
			}
		})
	}
}

func TestReportHeader(t *testing.T) {
	t.Parallel()
	r := report(ReportRecipient{Address: "b@c", Status: Status{Reply: 550}})
	if _, parts := built(t, r); parts[2].header.Get("Content-Type") != "text/rfc822-headers" || parts[2].body != "Subject: hi\r\nFrom: a@hanoi.example\r\n" {
		t.Errorf("%v", parts[2])
	}
	r.Header = []byte("Subject: chào\xff\x00\nX: a\rb\n\n" + strings.Repeat("X: ế\n", 1<<16))
	_, parts := built(t, r)
	if parts[2].header.Get("Content-Type") != "message/global-headers" || !strings.HasPrefix(parts[2].body, "Subject: chào\uFFFD\r\nX: ab\r\n") || len(parts[2].body) > 2*maxReportHeader {
		t.Errorf("%v %.80q %d", parts[2].header, parts[2].body, len(parts[2].body))
	}
}

func TestWholeMessage(t *testing.T) {
	t.Parallel()
	r := report(ReportRecipient{Address: "b@c", Status: Status{Reply: 550}})
	r.EnvID = "QQ314159\r\nX: y"
	for header, typ := range map[string]string{"Subject: hi\r\n\r\n": "message/rfc822", "Subject: chào\r\n\r\n": "message/global"} {
		r.Header = []byte(header)
		r.Message = []byte(header + "Chào.\r\n")
		_, parts := built(t, r)
		if parts[2].header.Get("Content-Type") != typ || parts[2].body != string(r.Message) {
			t.Errorf("%v", parts[2])
		}
		if id := groups(t, parts[1])[0].Get("Original-Envelope-Id"); id != "QQ314159  X: y" {
			t.Errorf("envelope id %q", id)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]Status{
		"550 5.1.1 no":  {Reply: 550, Code: Code{5, 1, 1}, Text: "no"},
		"421 busy":      {Reply: 421, Text: "busy"},
		"4.4.1 silence": {Code: Code{4, 4, 1}, Text: "silence"},
		"250 2.0.0 ok":  {Reply: 250, Code: Code{2, 0, 0}, Text: "ok"},
	} {
		if s.String() != want || s.OK() != (want[0] == '2') || s.Temporary() != (want[0] == '4') || s.Permanent() != (want[0] == '5') {
			t.Errorf("%q, want %q", s, want)
		}
	}
}

func FuzzReport(f *testing.F) {
	f.Add("b@c", `utf-8;\x{e9}@c`, "no", "mx", []byte("Subject: a\r\n\r\n"))
	f.Add("b@c", "", "không", "é", []byte("0"))
	f.Add("é@c\r\n", "a\x00", "\xff", "\n", []byte("\n\n\xff"))
	f.Fuzz(func(t *testing.T, address, original, text, remote string, header []byte) {
		r := report(ReportRecipient{Address: address, Original: original, Status: Status{Reply: 550, Text: text, Remote: remote}})
		r.Header = header
		if _, parts := built(t, r); len(groups(t, parts[1])) != 2 {
			t.Errorf("status\n%s", parts[1].body)
		}
	})
}
