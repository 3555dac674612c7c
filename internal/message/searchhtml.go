package message

import (
	"bytes"

	"golang.org/x/net/html"
)

// appendHTML appends HTML as a search sees it: the text, a line end wherever a
// reader sees one, pictures as their alternative text, and at the end the
// targets of links and the titles of elements. Words are not broken by markup
// inside them.
func appendHTML(dst, source []byte) []byte {
	s := searchHTML{z: html.NewTokenizer(bytes.NewReader(source)), out: dst}
	for {
		switch s.z.Next() {
		case html.ErrorToken:
			return append(s.out, s.more...)
		case html.TextToken:
			if !s.hidden {
				s.out = append(s.out, s.z.Text()...)
			}
		case html.StartTagToken:
			s.hidden = s.tag()
		case html.SelfClosingTagToken, html.EndTagToken:
			s.tag()
			s.hidden = false
		}
	}
}

// searchHTML is the text so far.
type searchHTML struct {
	z      *html.Tokenizer
	out    []byte
	more   []byte // what goes to the end
	hidden bool   // inside of an element that is not text
}

// tag reads a tag and reports whether what follows is no text.
func (s *searchHTML) tag() (hides bool) {
	name, more := s.z.TagName()
	if !isInline(name) {
		s.out = append(s.out, '\n')
	}
	hides = string(name) == "script" || string(name) == "style" || string(name) == "title"
	for more {
		var key, value []byte
		key, value, more = s.z.TagAttr()
		s.attribute(key, value)
	}
	return hides
}

func (s *searchHTML) attribute(key, value []byte) {
	switch string(key) {
	case "alt":
		s.out = append(append(append(s.out, ' '), value...), ' ')
	case "title":
		s.more = append(append(s.more, 0), value...)
	case "href":
		if bytes.IndexByte(value, ':') >= 0 && !bytes.HasPrefix(value, []byte("data:")) {
			s.more = append(append(s.more, 0), value...)
		}
	}
}

// isInline reports elements that don't end a word.
func isInline(name []byte) bool {
	switch string(name) {
	case "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd",
		"mark", "o:p", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "wbr":
		return true
	}
	return false
}
