package pop3server

import (
	"context"
	"strings"

	"tem/internal/wire/pop3"
)

// language is one that people can be told things in: its tag, its own name for
// itself, and its texts by the English ones, which are formats of package fmt.
type language struct {
	tag, name string
	texts     map[string]string
}

// languages are those of LANG; the first is the server's own.
func languages() []language {
	return []language{{tag: "en", name: "English"}, {"vi", "Tiếng Việt", vietnamese}}
}

// text is an English text in this language; what there is no other for (a
// reply that is all numbers, or comes from below) stays as it is.
func (l language) text(english string) string {
	if text, ok := l.texts[english]; ok {
		return text
	}
	return english
}

// lang is LANG. RFC 6856 §3.2
func (x *session) lang(_ context.Context, c pop3.Command) error {
	if c.Arg == "" {
		return x.listLanguages()
	}
	l, ok := findLanguage(c.Arg)
	if !ok {
		return &pop3.Error{Text: "this language is not known here; LANG alone lists those that are"}
	}
	x.language = l
	x.ok("%s the language is English now", l.tag)
	return nil
}

func (x *session) listLanguages() error {
	x.ok("languages follow")
	for _, l := range languages() {
		x.conn.WriteLine(l.tag + " " + l.name)
	}
	x.conn.WriteLine(".")
	return nil
}

// findLanguage looks a range up, shortening it from its end until it is found,
// so that vi-vn finds vi. RFC 4647 §3.4
func findLanguage(tags string) (language, bool) {
	if tags == "*" {
		return languages()[0], true
	}
	for tags != "" {
		for _, l := range languages() {
			if l.tag == tags {
				return l, true
			}
		}
		tags = tags[:max(strings.LastIndexByte(tags, '-'), 0)]
	}
	return language{}, false
}
