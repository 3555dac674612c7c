package dsn

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
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
	// Message is all of it, if its sender wanted it back (RET=FULL, RFC 3461
	// §4.3); nil: its header alone goes into the report. It has CRLF line ends.
	Message []byte
	EnvID   string // as the sender gave it (RFC 3461 §4.4); ""
}

// ReportRecipient is the outcome for one recipient.
type ReportRecipient struct {
	Address, Original string // Original is the ORCPT address; "" if none was given
	Status            Status
	// Relayed and Expanded say what success means: handed to a server that does
	// not report further, or to several in the place of this one (RFC 3464 §2.3.3).
	Relayed, Expanded bool
}

// maxReportHeader is how much of the original header a report carries.
const maxReportHeader = 64 << 10

// Build writes the report as a whole message with CRLF. Nothing that others
// gave can end a line in it.
func (r *Report) Build(w io.Writer) error {
	var b strings.Builder
	boundary := "=_" + rand.Text()
	r.writeHeader(&b, boundary)
	fmt.Fprintf(&b, "--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", boundary)
	r.writeText(&b)
	fmt.Fprintf(&b, "\r\n--%s\r\n", boundary)
	r.writeStatus(&b)
	r.writeOriginal(&b, boundary)
	fmt.Fprintf(&b, "\r\n--%s--\r\n", boundary)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) writeHeader(b *strings.Builder, boundary string) {
	fmt.Fprintf(b, "Date: %s\r\nFrom: Mail Delivery System <%s>\r\nTo: <%s>\r\n", date(r.Now), line(r.From), line(r.To))
	fmt.Fprintf(b, "Subject: %s\r\nMessage-ID: <%s@%s>\r\n", r.subject(), rand.Text(), line(r.Host))
	fmt.Fprintf(b, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n") // RFC 3834 §5
	fmt.Fprintf(b, "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"%s\"\r\n", boundary)
	fmt.Fprint(b, "Content-Transfer-Encoding: 8bit\r\n\r\n") // RFC 2045 §6.4: as the parts inside
}

// subject tells the worst that happened.
func (r *Report) subject() string {
	worst := delivered
	for _, to := range r.Recipients {
		worst = min(worst, r.action(&to))
	}
	return subjects[worst]
}

// writeOriginal writes the message that the report is about, or its header.
func (r *Report) writeOriginal(b *strings.Builder, boundary string) {
	if r.Message != nil {
		typ := "message/rfc822"
		if !isASCII(string(r.Header)) {
			typ = "message/global" // RFC 6533 §4.2
		}
		fmt.Fprintf(b, "\r\n--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", boundary, typ)
		b.Write(r.Message)
		return
	}
	header := Clip(strings.ToValidUTF8(string(r.Header), "\uFFFD"), maxReportHeader)
	typ := "text/rfc822-headers"
	if !isASCII(header) {
		typ = "message/global-headers\r\nContent-Transfer-Encoding: 8bit" // RFC 6533 §4.3
	}
	fmt.Fprintf(b, "\r\n--%s\r\nContent-Type: %s\r\n\r\n", boundary, typ)
	for text := range strings.SplitSeq(strings.TrimRight(header, "\r\n"), "\n") {
		b.WriteString(Clip(dropControls.Replace(text), maxText) + "\r\n")
	}
}

// dropControls takes out what no line of a message may have.
var dropControls = strings.NewReplacer("\r", "", "\x00", "")

// date writes a time as RFC 5322 §3.3 does.
func date(t time.Time) string { return t.Format("Mon, 02 Jan 2006 15:04:05 -0700") }

// maxText is how much of a text that others gave stands on one line, which must
// not have more than 998 octets (RFC 5322 §2.1.1).
const maxText = 900

// line makes a part of one line of text that others gave: no control characters.
func line(s string) string {
	return Clip(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, s), maxText)
}

// Clip cuts s to at most n octets, no character in two.
func Clip(s string, n int) string {
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
