package dsn

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"
)

// Report is a delivery status notification to a message's sender (RFC 3464).
type Report struct {
	From       string // mailbox, MAILER-DAEMON@host
	To         string
	Host       string // of the reporting server
	Arrived    time.Time
	Now        time.Time
	QueueID    string
	Delayed    bool      // still being tried
	Until      time.Time // when the server gives up, if Delayed
	Recipients []ReportRecipient
	Header     []byte // of the message reported on
}

// ReportRecipient is the outcome for one recipient.
type ReportRecipient struct {
	Address, Original string // Original is the ORCPT address; "" if none was given
	Status            Status
}

// maxReportHeader is how much of the original header a report carries.
const maxReportHeader = 64 << 10

// Build writes the report as a whole message with CRLF.
func (r *Report) Build(w io.Writer) error {
	var b strings.Builder
	boundary := "=_" + rand.Text()
	r.writeHeader(&b, boundary)
	fmt.Fprintf(&b, "--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", boundary)
	r.writeText(&b)
	utf8 := r.needsUTF8()
	typ := "message/delivery-status"
	if utf8 {
		typ = "message/global-delivery-status" // RFC 6533 §4
	}
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: %s\r\n\r\n", boundary, typ)
	r.writeStatus(&b, utf8)
	r.writeOriginal(&b, boundary)
	fmt.Fprintf(&b, "\r\n--%s--\r\n", boundary)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) writeHeader(b *strings.Builder, boundary string) {
	subject := "Undelivered mail returned to sender"
	if r.Delayed {
		subject = "Delayed mail (still being tried)"
	}
	fmt.Fprintf(b, "Date: %s\r\nFrom: Mail Delivery System <%s>\r\nTo: <%s>\r\n", date(r.Now), line(r.From), line(r.To))
	fmt.Fprintf(b, "Subject: %s\r\nMessage-ID: <%s@%s>\r\n", subject, rand.Text(), line(r.Host))
	fmt.Fprintf(b, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n") // RFC 3834 §5
	fmt.Fprintf(b, "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"%s\"\r\n\r\n", boundary)
}

// writeText writes the part for people: what happened, whose move it is.
func (r *Report) writeText(b *strings.Builder) {
	en, vi := "could not be delivered to the recipients below. It will not be tried again.\r\nPlease check the addresses and send it again if it still matters.",
		"không gửi được tới những người nhận dưới đây và sẽ không được thử lại.\r\nXin kiểm tra địa chỉ rồi gửi lại nếu cần."
	if r.Delayed {
		en, vi = "has not been delivered to the recipients below yet. We keep trying until\r\n"+date(r.Until)+". You need not do anything.",
			"chưa gửi được tới những người nhận dưới đây. Máy chủ sẽ tiếp tục thử đến\r\n"+date(r.Until)+". Bạn không cần làm gì."
	}
	fmt.Fprintf(b, "This is the mail server %s.\r\n\r\nYour message (queued as %s) %s\r\n\r\n", line(r.Host), line(r.QueueID), en)
	fmt.Fprintf(b, "Đây là máy chủ thư %s.\r\n\r\nThư của bạn (mã %s) %s\r\n\r\n", line(r.Host), line(r.QueueID), vi)
	for _, to := range r.Recipients {
		fmt.Fprintf(b, "<%s>:\r\n    %s\r\n", line(to.Address), clip(line(to.Status.String()), 900))
	}
}

// writeStatus writes the fields of RFC 3464 §2.2 and §2.3.
func (r *Report) writeStatus(b *strings.Builder, utf8 bool) {
	fmt.Fprintf(b, "Reporting-MTA: dns; %s\r\n", line(r.Host))
	if !r.Arrived.IsZero() {
		fmt.Fprintf(b, "Arrival-Date: %s\r\n", date(r.Arrived))
	}
	for _, to := range r.Recipients {
		r.writeRecipient(b, &to, utf8)
	}
}

func (r *Report) writeRecipient(b *strings.Builder, to *ReportRecipient, utf8 bool) {
	kind := "rfc822"
	if utf8 {
		kind = "utf-8"
	}
	b.WriteString("\r\n")
	if to.Original != "" {
		original := line(to.Original)
		if !strings.Contains(original, ";") {
			original = kind + ";" + original
		}
		fmt.Fprintf(b, "Original-Recipient: %s\r\n", original)
	}
	fmt.Fprintf(b, "Final-Recipient: %s; %s\r\nAction: %s\r\nStatus: %s\r\n", kind, line(to.Address), r.action(to.Status), statusCode(to.Status))
	if to.Status.Remote != "" {
		fmt.Fprintf(b, "Remote-MTA: dns; %s\r\n", line(to.Status.Remote))
	}
	if to.Status.Reply != 0 {
		fmt.Fprintf(b, "Diagnostic-Code: smtp; %s\r\n", clip(line(to.Status.String()), 900))
	}
	fmt.Fprintf(b, "Last-Attempt-Date: %s\r\n", date(r.Now))
	if r.Delayed && !r.Until.IsZero() {
		fmt.Fprintf(b, "Will-Retry-Until: %s\r\n", date(r.Until))
	}
}

// action is what became of a recipient (RFC 3464 §2.3.3).
func (r *Report) action(s Status) string {
	switch {
	case s.OK():
		return "delivered"
	case r.Delayed:
		return "delayed"
	}
	return "failed"
}

// statusCode is the enhanced code, or the general one of its class.
func statusCode(s Status) string {
	if !s.Code.IsZero() {
		return s.Code.String()
	}
	if c := s.class(); c == 2 || c == 4 {
		return fmt.Sprintf("%d.0.0", c)
	}
	return "5.0.0"
}

// writeOriginal writes the header of the message that the report is about.
func (r *Report) writeOriginal(b *strings.Builder, boundary string) {
	header := clip(string(r.Header), maxReportHeader)
	typ := "text/rfc822-headers"
	if !isASCII(header) {
		typ = "message/global-headers\r\nContent-Transfer-Encoding: 8bit" // RFC 6533 §6
	}
	header = strings.ReplaceAll(strings.ReplaceAll(header, "\r\n", "\n"), "\r", "")
	header = strings.ReplaceAll(strings.TrimRight(header, "\n"), "\n", "\r\n")
	fmt.Fprintf(b, "\r\n--%s\r\nContent-Type: %s\r\n\r\n%s\r\n", boundary, typ, header)
}

// needsUTF8 reports that a status field has other characters than ASCII.
func (r *Report) needsUTF8() bool {
	for _, to := range r.Recipients {
		if !isASCII(to.Address + to.Original + to.Status.String()) {
			return true
		}
	}
	return false
}

// date writes a time as RFC 5322 §3.3 does.
func date(t time.Time) string { return t.Format("Mon, 02 Jan 2006 15:04:05 -0700") }

// line makes one line of text that others gave: no control characters.
func line(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, s)
}

// clip cuts s to at most n octets, no character in two.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
