package message

import (
	"crypto/rand"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
	"time"
)

// Draft is a message to be built.
type Draft struct {
	From, To, Cc, Bcc, ReplyTo []Mailbox
	Subject                    string
	Date                       time.Time
	MessageID                  string // made by Build from From's domain when empty; without brackets
	InReplyTo, References      []string
	Text                       string // plain text, UTF-8
	Attachments                []Attachment
	Extra                      []Param // further fields, in order
	ReportType                 string  // text and attachments are a multipart/report of this type (RFC 6522); "": multipart/mixed
}

// Attachment is one file of a draft.
type Attachment struct {
	Name string
	Type string // "" : guessed from the name
	Open func() (io.ReadCloser, error)
}

// Build writes the message with CRLF: text as quoted-printable or 7bit, files
// as base64, names by RFC 2231 (and 2047 for old readers), headers folded at
// 78. Bcc is written only if bcc. What would break the header (a line end or
// NUL in an address, a field of Extra, a type or an id) is an error that names
// the field; then nothing is written.
func (d *Draft) Build(w io.Writer, bcc bool) error {
	if err := d.check(); err != nil {
		return err
	}
	e := &errWriter{w: w}
	d.writeHeader(e, bcc)
	if len(d.Attachments) == 0 {
		writeText(e, d.Text)
		return e.err
	}
	// 128 random bits: no text holds them by chance (RFC 2046 §5.1.1).
	boundary := "=_" + rand.Text()
	kind := "mixed"
	if d.ReportType != "" {
		kind = "report; report-type=" + d.ReportType
	}
	fmt.Fprintf(e, "Content-Type: multipart/%s;\r\n boundary=\"%s\"\r\n\r\n--%[2]s\r\n", kind, boundary)
	writeText(e, d.Text)
	for _, a := range d.Attachments {
		fmt.Fprintf(e, "\r\n--%s\r\n", boundary)
		if err := a.write(e); err != nil {
			return fmt.Errorf("attach %s: %w", a.Name, err)
		}
	}
	fmt.Fprintf(e, "\r\n--%s--\r\n", boundary)
	return e.err
}

// errWriter keeps the first error and writes nothing after it.
type errWriter struct {
	w   io.Writer
	err error
}

func (e *errWriter) Write(b []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	n, err := e.w.Write(b)
	e.err = err
	return n, err
}

func (d *Draft) writeHeader(w io.Writer, bcc bool) {
	date := d.Date
	if date.IsZero() {
		date = time.Now()
	}
	writeField(w, "Date", date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	writeField(w, "Message-ID", "<"+d.messageID()+">")
	writeMailboxes(w, "From", d.From)
	writeMailboxes(w, "Reply-To", d.ReplyTo)
	writeMailboxes(w, "To", d.To)
	writeMailboxes(w, "Cc", d.Cc)
	if bcc {
		writeMailboxes(w, "Bcc", d.Bcc)
	}
	writeField(w, "Subject", EncodeWords(cleanText(d.Subject)))
	writeIDs(w, "In-Reply-To", d.InReplyTo)
	writeIDs(w, "References", d.References)
	for _, x := range d.Extra {
		writeField(w, x.Name, EncodeWords(cleanText(x.Value)))
	}
	writeField(w, "MIME-Version", "1.0")
}

func (d *Draft) messageID() string {
	if d.MessageID != "" {
		return d.MessageID
	}
	domain := "localhost"
	if len(d.From) > 0 {
		if _, of, ok := strings.Cut(d.From[0].Address, "@"); ok && of != "" {
			domain = of
		}
	}
	return rand.Text() + "@" + domain
}

func writeMailboxes(w io.Writer, name string, list []Mailbox) {
	var all []string
	for _, m := range list {
		all = append(all, cleanText(m.String()))
	}
	if len(all) > 0 {
		writeField(w, name, strings.Join(all, ", "))
	}
}

func writeIDs(w io.Writer, name string, ids []string) {
	if len(ids) > 0 {
		writeField(w, name, "<"+strings.Join(ids, "> <")+">")
	}
}

// writeField writes one field folded at spaces to 78 columns where it can (RFC 5322 §2.1.1).
func writeField(w io.Writer, name, value string) {
	line := name + ":"
	for word := range strings.SplitSeq(value, " ") {
		if len(line)+1+len(word) > 78 && strings.TrimSpace(line) != "" && word != "" && line != name+":" {
			fmt.Fprintf(w, "%s\r\n", line)
			line = ""
		}
		line += " " + word
	}
	fmt.Fprintf(w, "%s\r\n", line)
}

// writeText writes a text part, its header first.
func writeText(w io.Writer, text string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	charset := "utf-8"
	if isASCII(text) {
		charset = "us-ascii"
	}
	writeField(w, "Content-Type", "text/plain; charset="+charset)
	if fits7bit(text) {
		fmt.Fprintf(w, "Content-Transfer-Encoding: 7bit\r\n\r\n%s", strings.ReplaceAll(text, "\n", "\r\n"))
		return
	}
	fmt.Fprint(w, "Content-Transfer-Encoding: quoted-printable\r\n\r\n")
	qp := quotedprintable.NewWriter(w)
	io.WriteString(qp, strings.ReplaceAll(text, "\n", "\r\n")) // w keeps the error
	qp.Close()
}

// fits7bit reports text of printable ASCII in lines that every server takes (RFC 5322 §2.1.1).
func fits7bit(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > MaxLine || needsWords(strings.ReplaceAll(line, "=?", "")) {
			return false
		}
	}
	return true
}
