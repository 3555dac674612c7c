package authres

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxItems bounds the results of a field and the properties of a result: more are no server's word.
const maxItems = 500

// Parse reads the value of a field, folded or not (RFC 8601 §2.2).
//
// QUIRK(Microsoft 365): leaves the authserv-id out; Host is then "".
// QUIRK(many): a semicolon behind the last result is no error.
func Parse(value string) (Field, error) {
	f := Field{Version: 1}
	l := lexer{s: value}
	if err := l.head(&f); err != nil {
		return Field{}, err
	}
	for !l.atEnd() {
		if !l.take(';') {
			return Field{}, fmt.Errorf("%q: a semicolon is missing before it", l.rest())
		}
		if l.atEnd() {
			break
		}
		if l.isNone() {
			continue
		}
		r, err := l.result()
		if err != nil {
			return Field{}, err
		}
		if f.Results = append(f.Results, r); len(f.Results) > maxItems {
			return Field{}, fmt.Errorf("more than %d results", maxItems)
		}
	}
	if f.Host == "" && len(f.Results) == 0 {
		return Field{}, errors.New("neither an authserv-id nor a result")
	}
	return f, nil
}

// Mentions reports that the name of a host is in the value of a field that
// can't be read, as it stands or once comments, folds and quotes are taken out:
// those who read it less strictly may see it there.
func Mentions(value, host string) bool {
	host = strings.ToLower(host)
	var b strings.Builder
	l := lexer{s: value}
	for l.skip(); l.s != ""; l.skip() {
		if c := l.s[0]; c != '"' && c != '\\' {
			b.WriteByte(c)
		}
		l.s = l.s[1:]
	}
	return strings.Contains(strings.ToLower(value), host) || strings.Contains(strings.ToLower(b.String()), host)
}

// head reads authserv-id and version; without an authserv-id, the first result.
func (l *lexer) head(f *Field) error {
	l.skip()
	start := *l
	quoted := strings.HasPrefix(l.s, `"`)
	host, err := l.value()
	if err != nil {
		return fmt.Errorf("authserv-id: %w", err)
	}
	if !quoted && strings.Contains(host, "=") || l.peek() == '=' {
		*l = start
		r, err := l.result()
		f.Results = append(f.Results, r)
		return err
	}
	f.Host = host
	if l.skip(); l.s != "" && l.s[0] != ';' {
		f.Version, err = l.number()
	}
	return err
}

// isNone reads over a lone "none", which says that there are no results.
func (l *lexer) isNone() bool {
	at := *l
	if word := l.keyword(); word == "none" {
		if l.skip(); l.s == "" || l.s[0] == ';' {
			return true
		}
	}
	*l = at
	return false
}

// result reads one resinfo without its semicolon.
func (l *lexer) result() (r Result, err error) {
	r.Version = 1
	if r.Method = l.keyword(); r.Method == "" {
		return r, fmt.Errorf("%q: a method was expected", l.rest())
	}
	if l.take('/') {
		if r.Version, err = l.number(); err != nil {
			return r, fmt.Errorf("version of %s: %w", r.Method, err)
		}
	}
	if !l.take('=') {
		return r, fmt.Errorf("%s: no = behind it", r.Method)
	}
	if r.Value = l.keyword(); r.Value == "" {
		return r, fmt.Errorf("%s: no result behind =", r.Method)
	}
	r.Comment = l.skip()
	for l.s != "" && l.s[0] != ';' {
		if err := l.property(&r); err != nil {
			return r, fmt.Errorf("%s: %w", r.Method, err)
		}
	}
	return r, nil
}

// property reads reason=value or ptype.property=value.
func (l *lexer) property(r *Result) error {
	kind := l.keyword()
	if kind == "" {
		return fmt.Errorf("%q: a property was expected", l.rest())
	}
	if kind == "reason" && l.take('=') {
		var err error
		l.skip()
		r.Reason, err = l.value()
		l.skip()
		return err
	}
	if !l.take('.') {
		return fmt.Errorf("%s: no dot behind it", kind)
	}
	p := Prop{Type: kind, Name: l.keyword()}
	if p.Name == "" || !l.take('=') {
		return fmt.Errorf("%s.%s: no = behind it", kind, p.Name)
	}
	l.skip()
	value, err := l.value()
	if err != nil {
		return fmt.Errorf("%s.%s: %w", kind, p.Name, err)
	}
	l.skip()
	p.Value = value
	if r.Props = append(r.Props, p); len(r.Props) > maxItems {
		return fmt.Errorf("more than %d properties", maxItems)
	}
	return nil
}

// number reads a version.
func (l *lexer) number() (int, error) {
	l.skip()
	n := 0
	for n < len(l.s) && isDigit(l.s[n]) {
		n++
	}
	v, err := strconv.ParseUint(l.s[:n], 10, 16)
	if err != nil || v == 0 {
		return 0, fmt.Errorf("%q is not a version", l.rest())
	}
	l.s = l.s[n:]
	return int(v), nil
}
