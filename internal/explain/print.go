package explain

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// ErrUnknown: nothing that was asked is a code.
var ErrUnknown = errors.New(`no code in that: try 550, 5.7.1, "421 4.3.2", "-ERR [IN-USE]" or "NO [OVERQUOTA]"`)

// In is the text in one language: vi, or English.
func (t Text) In(lang string) string {
	if lang == "vi" {
		return t.VI
	}
	return t.EN
}

// Only is the entry without what is said in another language; lang is en or
// vi, anything else leaves it whole.
func (e Note) Only(lang string) Note {
	switch lang {
	case "en":
		e.Meaning.VI, e.Next.VI = "", ""
	case "vi":
		e.Meaning.EN, e.Next.EN = "", ""
	}
	return e
}

// Short is the entry in one line of one language.
func (e Note) Short(lang string) string { return e.Code + ": " + e.Meaning.In(lang) }

var (
	labelEnglish  = Text{"English", "English"}
	labelVietnam  = Text{"Tiếng Việt", "Tiếng Việt"}
	labelRaised   = Text{"Raised by", "Xuất hiện ở"}
	labelTurn     = Text{"Whose move", "Đến lượt"}
	labelNext     = Text{"What to do", "Nên làm gì"}
	labelToday    = Text{"Today", "Ngày nay"}
	labelUnknown  = Text{"not in the catalogue; explained by its form", "không có trong danh mục; giải thích theo dạng mã"}
	labelHistoric = Text{"historic", "mã cũ"}
)

// Print writes the entry as a block for people to read, in en, vi, or with
// another lang in both.
func (e Note) Print(w io.Writer, lang string) error {
	var b strings.Builder
	switch lang {
	case "en", "vi":
		e.heading(&b, lang)
		e.block(&b, lang, "  ")
	default:
		e.heading(&b, "en")
		b.WriteString("  " + labelEnglish.EN + "\n")
		e.block(&b, "en", "    ")
		b.WriteString("  " + labelVietnam.VI + "\n")
		e.block(&b, "vi", "    ")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// heading is "550  permanent failure · SMTP · RFC 5321 §4.2.3".
func (e Note) heading(b *strings.Builder, lang string) {
	parts := []string{e.Class.Text().In(lang), e.Protocol, e.Reference}
	if e.Today != "" {
		parts = append(parts, labelHistoric.In(lang))
	}
	if !e.Known {
		parts = append(parts, labelUnknown.In(lang))
	}
	fmt.Fprintf(b, "%s  %s\n", e.Code, strings.Join(parts, " · "))
}

// block is everything that is said in one language.
func (e Note) block(b *strings.Builder, lang, indent string) {
	Wrap(b, indent, indent, e.Meaning.In(lang))
	row := func(label Text, text string) {
		if text != "" {
			lead := indent + pad(label.In(lang), 12)
			Wrap(b, lead, strings.Repeat(" ", utf8.RuneCountInString(lead)), text)
		}
	}
	var where []string
	for _, word := range e.Raised {
		where = append(where, stage(word).In(lang))
	}
	row(labelRaised, strings.Join(where, ", "))
	row(labelTurn, e.Turn.Text().In(lang))
	row(labelNext, e.Next.In(lang))
	row(labelToday, e.Today)
}

func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(1, n-utf8.RuneCountInString(s)))
}

// width is how long printed lines may be, in characters.
const width = 80

// Wrap writes text in lines of 80 characters where words allow it; the first begins with lead, others with indent.
func Wrap(b *strings.Builder, lead, indent, text string) {
	b.WriteString(lead)
	at := utf8.RuneCountInString(lead)
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteString("\n" + indent)
			at = utf8.RuneCountInString(indent)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	b.WriteByte('\n')
}
