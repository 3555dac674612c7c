package message

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// HTMLText turns HTML into readable text: paragraphs, list items, table rows
// with their cells apart, links numbered and listed at the end. Other control
// characters than line feeds are left out.
func HTMLText(source string) string {
	var t htmlText
	z := html.NewTokenizer(strings.NewReader(source))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return t.finish()
		case html.TextToken:
			if t.hidden == "" {
				t.text(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			t.start(z.Token())
		case html.EndTagToken:
			name, _ := z.TagName()
			t.end(string(name))
		}
	}
}

// htmlText is the text so far. It keeps no stack, so depth costs nothing.
type htmlText struct {
	out    strings.Builder
	lines  int    // line ends due before the next text
	space  bool   // a space is due
	hidden string // the element whose content is left out
	href   string
	links  []string
}

func (t *htmlText) text(s string) {
	if s == "" {
		return
	}
	t.space = t.space || strings.TrimLeftFunc(s, unicode.IsSpace) != s
	for word := range strings.FieldsSeq(s) {
		t.put(word)
		t.space = true
	}
	t.space = t.space && strings.TrimRightFunc(s, unicode.IsSpace) != s
}

// put writes a word with what is due before it.
func (t *htmlText) put(word string) {
	switch {
	case t.out.Len() == 0:
	case t.lines > 0:
		t.out.WriteString(strings.Repeat("\n", t.lines))
	case t.space:
		t.out.WriteByte(' ')
	}
	t.lines, t.space = 0, false
	t.out.WriteString(cleanText(word))
}

func (t *htmlText) start(tag html.Token) {
	switch tag.Data {
	case "script", "style", "head", "title":
		if t.hidden == "" && tag.Type == html.StartTagToken {
			t.hidden = tag.Data
		}
	case "body":
		t.hidden = ""
	case "br":
		t.lines = min(t.lines+1, 2)
	case "li":
		t.breakLines(1)
		t.put("- ")
	case "td", "th":
		if t.lines == 0 {
			t.text(" | ")
		}
	case "a":
		t.href = attribute(tag, "href")
	case "img":
		t.text(attribute(tag, "alt"))
	default:
		t.block(tag.Data)
	}
}

func (t *htmlText) end(name string) {
	switch {
	case name == t.hidden:
		t.hidden = ""
	case name == "a" && strings.Contains(t.href, ":"):
		t.links = append(t.links, t.href)
		t.put(fmt.Sprintf(" [%d]", len(t.links)))
		t.href = ""
	default:
		t.block(name)
	}
}

// block asks for line ends around block elements.
func (t *htmlText) block(name string) {
	switch name {
	case "p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "ul", "ol":
		t.breakLines(2)
	case "div", "tr", "hr", "section", "article", "header", "footer", "dt", "dd":
		t.breakLines(1)
	}
}

func (t *htmlText) breakLines(n int) { t.lines = max(t.lines, n) }

func (t *htmlText) finish() string {
	for i, link := range t.links {
		if i == 0 {
			t.out.WriteString("\n")
		}
		fmt.Fprintf(&t.out, "\n[%d] %s", i+1, cleanText(link))
	}
	return t.out.String()
}

func attribute(tag html.Token, name string) string {
	for _, a := range tag.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
