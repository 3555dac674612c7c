package dnsplan

import (
	"fmt"
	"io"
	"strings"

	"tem/internal/explain"
)

const (
	recordTTL = 3600 // seconds
	maxString = 255  // octets of one string of a TXT record (RFC 1035 §3.3)
)

// WriteZone writes the plan as lines of a zone file (RFC 1035 §5), each after a
// comment that says why. What does not belong into the domain's zone is a
// comment as a whole.
func (p Plan) WriteZone(w io.Writer, lang string) error {
	var b strings.Builder
	var last explain.Text
	for _, r := range p.Records {
		if r.Why != last {
			b.WriteByte('\n')
			comment(&b, r.note().In(lang))
			last = r.Why
		}
		if r.Move != DNSProvider {
			b.WriteString("; ")
		}
		b.WriteString(r.zoneLine() + "\n")
	}
	if len(p.Site.Addresses) == 0 {
		b.WriteByte('\n')
		comment(&b, say(
			"This machine has no public address of its own: add A and AAAA records of %s and PTR records, or give --address.",
			"Máy này không có địa chỉ công cộng: hãy thêm bản ghi A và AAAA của %s cùng bản ghi PTR, hoặc dùng --address.", p.Site.Hostname).In(lang))
	}
	if p.Policy != "" {
		p.writePolicy(&b, lang)
	}
	_, err := io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}

// writePolicy writes the MTA-STS policy as comments, for whoever has it served.
func (p Plan) writePolicy(b *strings.Builder, lang string) {
	whose := say("to be had there from some web server; listen.https makes this server one", "phải tải được từ một máy chủ web; listen.https để máy chủ này tự cung cấp")
	if p.Site.Web {
		whose = say("which this server has there", "do máy chủ này cung cấp")
	}
	b.WriteByte('\n')
	comment(b, say("The MTA-STS policy at https://mta-sts.%s/.well-known/mta-sts.txt, ", "Chính sách MTA-STS tại https://mta-sts.%s/.well-known/mta-sts.txt, ", p.Domain).In(lang)+whose.In(lang)+":")
	for line := range strings.Lines(p.Policy) {
		b.WriteString(";   " + strings.TrimRight(line, "\r\n") + "\n")
	}
}

// ZoneLines are the records for one purpose, as lines of a zone file.
func (p Plan) ZoneLines(purpose Purpose) (lines []string) {
	for _, r := range p.Records {
		if r.Purpose == purpose {
			lines = append(lines, r.zoneLine())
		}
	}
	return lines
}

// note is why, and who else has to act than who edits the zone.
func (r Record) note() explain.Text {
	why := r.Why
	if r.Optional {
		why = explain.Text{EN: "(Optional.) " + why.EN, VI: "(Không bắt buộc.) " + why.VI}
	}
	if r.Move == DNSProvider {
		return why
	}
	return explain.Text{EN: why.EN + " To be set by: " + r.Move.Text().EN + ".", VI: why.VI + " Người đặt: " + r.Move.Text().VI + "."}
}

// zoneLine is the record as a zone file has it; "" if it has no data.
func (r Record) zoneLine() string {
	data := r.Data
	if data == "" {
		return ""
	}
	if r.Type == "TXT" {
		data = QuoteText(data)
	}
	return fmt.Sprintf("%s. %d IN %s %s", r.Name, recordTTL, r.Type, data)
}

// QuoteText writes a text as a zone file has it: in quoted strings of what one can hold.
func QuoteText(text string) string {
	var parts []string
	for len(text) > maxString {
		parts = append(parts, quote(text[:maxString]))
		text = text[maxString:]
	}
	return strings.Join(append(parts, quote(text)), " ")
}

func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// comment writes text in comment lines.
func comment(b *strings.Builder, text string) { explain.Wrap(b, "; ", "; ", text) }
