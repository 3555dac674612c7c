package authres

import (
	"strconv"
	"strings"
)

const (
	maxColumn = 77  // of a line that can be folded (RFC 5322 §2.1.1: at most 78)
	maxValue  = 300 // octets of one value: nothing that others gave makes a line too long
)

// Bytes is the whole field, folded, with CRLF.
func (f *Field) Bytes() []byte {
	return fold([]byte(Name + ": " + f.String()))
}

// String is the value of the field on one line, with a tab before each result.
func (f *Field) String() string {
	var b strings.Builder
	if f.Host != "" {
		writeValue(&b, f.Host)
		if f.Version != 1 {
			b.WriteString(" " + strconv.Itoa(f.Version))
		}
		b.WriteString(";")
	}
	for i := range f.Results {
		if i > 0 {
			b.WriteString(";")
		}
		if i > 0 || f.Host != "" {
			b.WriteString("\t")
		}
		f.Results[i].write(&b)
	}
	if len(f.Results) == 0 {
		b.WriteString(" none")
	}
	return b.String()
}

func (r *Result) write(b *strings.Builder) {
	b.WriteString(r.Method)
	if r.Version != 1 && r.Version != 0 {
		b.WriteString("/" + strconv.Itoa(r.Version))
	}
	b.WriteString("=" + r.Value)
	if c := clip(r.Comment); c != "" {
		b.WriteString(" (" + escapeComment.Replace(c) + ")")
	}
	if r.Reason != "" {
		b.WriteString(" reason=")
		writeQuoted(b, r.Reason)
	}
	for _, p := range r.Props {
		b.WriteString(" " + p.Type + "." + p.Name + "=")
		writeValue(b, p.Value)
	}
}

// writeValue writes a value bare where it can be read back so.
func writeValue(b *strings.Builder, s string) {
	s = clip(s)
	if s == "" || strings.ContainsAny(s, " ;()\"\\,<>[]:?=\t") {
		writeQuoted(b, s)
		return
	}
	b.WriteString(s)
}

func writeQuoted(b *strings.Builder, s string) {
	b.WriteByte('"')
	b.WriteString(escapeQuoted.Replace(clip(s)))
	b.WriteByte('"')
}

var (
	escapeQuoted  = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	escapeComment = strings.NewReplacer(`\`, `\\`, `(`, `\(`, `)`, `\)`)
)

// clip is a value in one line and of a bounded length.
func clip(s string) string {
	if s = oneLine(s); len(s) > maxValue {
		s = strings.TrimRight(strings.ToValidUTF8(s[:maxValue], ""), " ")
	}
	return s
}

// fold breaks a field before its tabs, and at spaces where a line would be too long.
// White space in quoted strings and comments may be folded too (RFC 5322 §3.2.2, §3.2.4).
func fold(field []byte) []byte {
	out := make([]byte, 0, len(field)+64)
	start, space := 0, -1 // of the line, in out; of its last space
	for _, c := range field {
		if c == '\t' {
			out = append(out, "\r\n"...)
			start, space = len(out), -1
		}
		if c == ' ' && len(out) > start {
			space = len(out)
		}
		out = append(out, c)
		if len(out)-start > maxColumn && space > 0 {
			out = append(out[:space], append([]byte("\r\n"), out[space:]...)...)
			start, space = space+2, -1
		}
	}
	return append(out, "\r\n"...)
}
