package message

import (
	"slices"
	"sort"
	"strconv"
	"strings"
)

// maxParams is how many parameters of one field are read, each section of a
// value (RFC 2231 §3) counted.
const maxParams = 100

// contentType reads a Content-Type value; ok is false where RFC 2045 §5.2 says
// to assume text/plain.
func contentType(value string) (typ, subtype string, params []Param, ok bool) {
	main, rest, _ := strings.Cut(dropComments(value), ";")
	typ, subtype, _ = strings.Cut(main, "/")
	typ, subtype = cleanToken(typ), cleanToken(subtype)
	if subtype == "" && typ == "multipart" {
		subtype = "mixed"
	}
	if typ == "" || subtype == "" {
		return "", "", nil, false
	}
	return typ, subtype, parseParams(rest), true
}

// disposition reads a Content-Disposition value (RFC 2183).
func disposition(value string) (string, []Param) {
	main, rest, _ := strings.Cut(dropComments(value), ";")
	return cleanToken(main), parseParams(rest)
}

// transferEncoding reads a Content-Transfer-Encoding value.
func transferEncoding(value string) string {
	if value = cleanToken(dropComments(value)); value == "" {
		return "7bit" // RFC 2045 §6.1
	}
	return value
}

// cleanToken is the first word in lower case, quotes taken off.
func cleanToken(s string) string {
	s = strings.Trim(strings.TrimSpace(s), `"`)
	if i := strings.IndexAny(s, " \t;"); i >= 0 {
		s = s[:i]
	}
	return strings.ToLower(s)
}

// dropComments takes (comments) out that stand outside quotes and after white
// space or the beginning: RFC 2045 §5.1 allows them, and file names have
// parentheses of their own. Where an opening one begins no comment, all up to
// its closing one stays.
func dropComments(s string) string {
	if strings.IndexByte(s, '(') < 0 {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); {
		n := 1
		switch {
		case s[i] == '"':
			n = quotedLength(s[i:])
		case s[i] == '(' && (i == 0 || isSpace(s[i-1])):
			if n = commentLength(s[i:]); closedComment(s[i:], n) {
				i += n
				continue
			}
		}
		out.WriteString(s[i : i+n])
		i += n
	}
	return out.String()
}

// closedComment reports that the comment of n octets that s begins with ends and is followed by the end, white space or a semicolon.
func closedComment(s string, n int) bool {
	return s[n-1] == ')' && (n == len(s) || isSpace(s[n]) || s[n] == ';')
}

// parseParams reads ;-separated name=value pairs, tolerating values that should
// have been quoted, and joins what RFC 2231 split.
func parseParams(s string) []Param {
	var raw []Param
	for s != "" && len(raw) < maxParams {
		s = strings.TrimLeft(s, "; \t")
		end := strings.IndexAny(s, "=;")
		if end < 0 {
			break
		}
		if s[end] == ';' {
			s = s[end:]
			continue
		}
		name := strings.ToLower(strings.TrimSpace(s[:end]))
		var value string
		value, s = paramValue(s[end+1:])
		if name != "" {
			raw = append(raw, Param{name, value})
		}
	}
	return joinParams(raw)
}

// paramValue splits off one value and what is left behind the next semicolon.
func paramValue(s string) (value, rest string) {
	s = strings.TrimLeft(s, " \t")
	if s == "" || s[0] != '"' {
		value, rest, _ = strings.Cut(s, ";")
		return strings.TrimSpace(value), rest
	}
	n := quotedLength(s)
	_, rest, _ = strings.Cut(s[n:], ";")
	return unquote(s[:n]), rest
}

// joinParams puts RFC 2231 continuations together, decodes charsets and keeps
// the first of a name; an extended value (name*) beats a plain one.
func joinParams(raw []Param) []Param {
	if len(raw) == 0 {
		return nil
	}
	if !hasExtended(raw) {
		return distinct(raw)
	}
	var extended, plain []Param
	for _, p := range raw {
		base, _, ok := strings.Cut(p.Name, "*")
		switch {
		case !ok:
			plain = append(plain, p)
		case base != "" && !hasParam(extended, base):
			extended = append(extended, Param{base, joinSections(raw, base)})
		}
	}
	return distinct(append(extended, plain...))
}

func hasExtended(raw []Param) bool {
	for _, p := range raw {
		if strings.IndexByte(p.Name, '*') >= 0 {
			return true
		}
	}
	return false
}

// distinct keeps the first parameter of each name, in place.
func distinct(params []Param) []Param {
	out := params[:0]
	for _, p := range params {
		if !hasParam(out, p.Name) {
			out = append(out, p)
		}
	}
	return out
}

func hasParam(params []Param, name string) bool {
	return slices.ContainsFunc(params, func(p Param) bool { return p.Name == name })
}

// section is one piece of a value: name*2*=.
type section struct {
	number  int
	encoded bool
	value   string
}

// joinSections is the value of base*, or of base*0, base*1, … (RFC 2231 §3, §4).
func joinSections(raw []Param, base string) string {
	var sections []section
	for _, p := range raw {
		if name, suffix, ok := strings.Cut(p.Name, "*"); ok && name == base {
			if s, ok := parseSection(suffix, p.Value); ok {
				sections = append(sections, s)
			}
		}
	}
	sort.SliceStable(sections, func(i, j int) bool { return sections[i].number < sections[j].number })
	charset := ""
	var out []byte
	for i, s := range sections {
		if i > 0 && s.number != i {
			break // a gap, a section twice, or name* which is complete in itself
		}
		if i == 0 && s.encoded {
			charset, s.value = splitCharset(s.value)
		}
		if s.encoded {
			out = append(out, percentDecode(s.value)...)
		} else {
			out = append(out, s.value...)
		}
	}
	return cleanText(decodeCharset(charset, out))
}

// parseSection reads what follows the first asterisk of a name: "", "0" or "0*".
func parseSection(suffix, value string) (section, bool) {
	if suffix == "" {
		return section{-1, true, value}, true
	}
	digits, encoded := strings.CutSuffix(suffix, "*")
	n, err := strconv.Atoi(digits)
	return section{n, encoded, value}, err == nil && n >= 0
}

// splitCharset splits charset'language'text.
func splitCharset(s string) (charset, text string) {
	charset, rest, ok := strings.Cut(s, "'")
	if !ok {
		return "", s
	}
	_, text, ok = strings.Cut(rest, "'")
	if !ok {
		return "", s
	}
	return charset, text
}

// percentDecode undoes %XX; a broken escape stays as it is.
func percentDecode(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return out
}

// unhex is the value of a hexadecimal digit, -1 if it is none.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
