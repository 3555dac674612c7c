package dkim

import (
	"errors"
	"fmt"
	"strings"
)

// Tag is one name=value of a tag list (RFC 6376 §3.2). Value has no white
// space around it; what is inside, folds too, is kept.
type Tag struct {
	Name, Value string
	from, to    int // where the value lies in the list, white space around it included
}

// Tags is a tag list in the order of its text.
type Tags []Tag

// ParseTags reads a tag list. A name that occurs twice, an empty element and a
// control character make the whole list invalid.
func ParseTags(list string) (Tags, error) {
	tags := make(Tags, 0, 12)
	for at := 0; at < len(list); {
		end := strings.IndexByte(list[at:], ';')
		if end < 0 {
			end = len(list)
		} else {
			end += at
		}
		if end == len(list) && trim(list[at:]) == "" && len(tags) > 0 {
			break // white space behind the last semicolon
		}
		t, err := parseTag(list, at, end)
		if err != nil {
			return nil, err
		}
		if _, twice := tags.Get(t.Name); twice {
			return nil, fmt.Errorf("the tag %s= is there twice", t.Name)
		}
		if tags = append(tags, t); len(tags) > maxTags {
			return nil, fmt.Errorf("more than %d tags", maxTags)
		}
		at = end + 1
	}
	return tags, nil
}

// parseTag reads what lies between two semicolons, list[from:to].
func parseTag(list string, from, to int) (Tag, error) {
	name, _, found := strings.Cut(list[from:to], "=")
	if !found {
		if trim(name) == "" {
			return Tag{}, errors.New("there is nothing between two semicolons")
		}
		return Tag{}, fmt.Errorf("%s has no =", quote(trim(name)))
	}
	from += len(name) + 1
	name = trim(name)
	if !isTagName(name) {
		return Tag{}, fmt.Errorf("%s is not the name of a tag", quote(name))
	}
	value := trim(list[from:to])
	for i := range len(value) {
		if c := value[i]; c == 0x7f || c < ' ' && !isSpace(c) {
			return Tag{}, fmt.Errorf("the tag %s= holds a control character", name)
		}
	}
	return Tag{name, value, from, to}, nil
}

// isTagName is tag-name: ALPHA *ALNUMPUNC.
func isTagName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if letter := lower(c) >= 'a' && lower(c) <= 'z'; !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// Get returns the value of a tag. Names are told apart by case.
func (t Tags) Get(name string) (string, bool) {
	for i := range t {
		if t[i].Name == name {
			return t[i].Value, true
		}
	}
	return "", false
}

// isSpace is WSP or a part of a fold.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func trim(s string) string { return strings.Trim(s, " \t\r\n") }

// compact is s without any white space: what RFC 6376 §3.5 asks of base64.
func compact(s string) string {
	if strings.IndexAny(s, " \t\r\n") < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if !isSpace(s[i]) {
			b = append(b, s[i])
		}
	}
	return string(b)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// quote shows a stranger's text in a reason: short, and without control characters.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
