package gmail

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tem/internal/mail"
)

// Setting is what a query is read in.
type Setting struct {
	Now       time.Time      // its zone is that of the days in the query
	Mailboxes []mail.Mailbox // what labels are looked for among
	Me        string         // the address that "me" stands for; "": none

	names []string // of the mailboxes, as they are compared; nil: not made yet
}

// The bounds of a query. Terms beyond are left out, brackets beyond are passed over.
const (
	maxTerms = 1000
	maxDepth = 50
)

// Query is what text, as somebody types it, looks for. Terms stand next to each
// other if all must match; OR binds more closely than that.
func Query(text string, s Setting) mail.Query {
	p := parser{text: strings.ToValidUTF8(text, " "), set: &s}
	return all(p.clauses("", 0))
}

// parser reads a query. It goes over the text once.
type parser struct {
	text  string
	pos   int
	depth int // of brackets
	terms int // so far
	set   *Setting
}

// peek is the next character, 0 at the end.
func (p *parser) peek() rune {
	if p.pos == len(p.text) {
		return 0
	}
	c, _ := utf8.DecodeRuneInString(p.text[p.pos:])
	if c == 0 {
		return ' '
	}
	return c
}

func (p *parser) take(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// isSpace: NUL, which peek has as a space, is one, too.
func isSpace(c rune) bool   { return unicode.IsSpace(c) || c == 0 }
func isBracket(c rune) bool { return c == '(' || c == ')' || c == '{' || c == '}' }
func isQuote(c rune) bool   { return c == '"' || c == '“' || c == '”' || c == '„' }

// upTo reads the characters before the first that ends.
func (p *parser) upTo(ends func(rune) bool) string {
	start := p.pos
	n := strings.IndexFunc(p.text[start:], ends)
	if n < 0 {
		n = len(p.text) - start
	}
	p.pos += n
	return p.text[start:p.pos]
}

func (p *parser) space() { p.upTo(func(c rune) bool { return !isSpace(c) }) }

// word reads what stands together; it is empty before a bracket or a quote.
func (p *parser) word() string {
	return p.upTo(func(c rune) bool { return isSpace(c) || isBracket(c) || isQuote(c) })
}

// phrase reads what is quoted; the last one may be left open.
func (p *parser) phrase() string {
	p.pos += utf8.RuneLen(p.peek())
	text := p.upTo(isQuote)
	if p.pos < len(p.text) {
		p.pos += utf8.RuneLen(p.peek())
	}
	return text
}

// joiner takes OR, AND or AROUND n, if that is next, and names it.
func (p *parser) joiner() string {
	at := p.pos
	switch word := p.word(); word {
	case "OR", "|":
		return "OR"
	case "AND", "&":
		return "AND"
	case "AROUND":
		p.space()
		if isNumber(p.word()) {
			return "AND"
		}
	}
	p.pos = at
	return ""
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// clauses reads up to the bracket end, or to the end of the text. What is in a
// bracket behind an operator is each that operator's.
func (p *parser) clauses(op string, end rune) (list []mail.Query) {
	or := false
	for {
		p.space()
		c := p.peek()
		if c == 0 {
			return list
		}
		if c == ')' || c == '}' {
			if p.pos++; c == end {
				return list
			}
			continue // it closes nothing
		}
		if join := p.joiner(); join != "" {
			or = join == "OR" && len(list) > 0
			continue
		}
		q := p.factor(op)
		switch {
		case q == nil:
		case or:
			list[len(list)-1], or = mail.Or{list[len(list)-1], q}, false
		default:
			list = append(list, q)
		}
	}
}

// factor reads a term, which may be negated; nil: there is nothing in it.
func (p *parser) factor(op string) mail.Query {
	not := false
	for p.take('-') {
		not = !not
	}
	if isSpace(p.peek()) { // a dash
		return nil
	}
	p.take('+')
	q := p.term(op)
	if q != nil && not {
		return mail.Not{Q: q}
	}
	return q
}

// term reads a word, a phrase or a bracket, with an operator before it or not.
func (p *parser) term(op string) mail.Query {
	for {
		switch c := p.peek(); {
		case c == '(' || c == '{':
			return p.bracket(op)
		case isQuote(c):
			return p.quoted(op)
		}
		word := p.word()
		name, value, _ := strings.Cut(word, ":")
		name = strings.ToLower(name)
		switch {
		case word == "":
			return nil
		case operators[name] == nil || name == word:
			return p.leaf(op, word)
		case value != "":
			return p.leaf(name, value)
		}
		op = name // its value follows, with a space between or not
		p.space()
	}
}

// bracket reads ( ), all of which must match, or { }, any of which may.
func (p *parser) bracket(op string) mail.Query {
	open := p.peek()
	p.pos++
	if p.depth == maxDepth {
		return nil
	}
	p.depth++
	defer func() { p.depth-- }()
	if open == '(' {
		if list := p.clauses(op, ')'); len(list) > 0 {
			return all(list)
		}
		return nil
	}
	return anyOf(p.clauses(op, '}'))
}

// quoted is a phrase, or texts that are to be AROUND each other.
func (p *parser) quoted(op string) mail.Query {
	var near []mail.Query
	words := strings.Fields(p.phrase())
	from := 0
	for i := range words {
		if words[i] == "AROUND" && i+1 < len(words) && isNumber(words[i+1]) {
			near = append(near, p.leaf(op, strings.Join(words[from:i], " ")))
			from = i + 2
		}
	}
	near = append(near, p.leaf(op, strings.Join(words[min(from, len(words)):], " ")))
	if near = without(near); len(near) == 0 {
		return nil
	}
	return all(near)
}

// leaf is one condition; without an operator, or where that makes no sense of
// the value, a text. nil: nothing can be looked for, or there are too many.
func (p *parser) leaf(op, value string) mail.Query {
	if strings.IndexFunc(value, isText) < 0 || p.terms == maxTerms {
		return nil
	}
	if op == "" {
		p.terms++
		return mail.AnyText(value)
	}
	q := operators[op](p.set, value)
	if q == nil {
		q = mail.AnyText(op + ":" + value)
	}
	p.terms = min(p.terms+count(q), maxTerms)
	return q
}

// count is how many conditions there are in what an operator makes.
func count(q mail.Query) int {
	switch q := q.(type) {
	case mail.Or:
		return count(q[0]) + count(q[1])
	case mail.Not:
		return count(q.Q)
	}
	return 1
}

// isText: more than the punctuation that stands alone between words.
func isText(c rune) bool {
	return !isSpace(c) && !unicode.IsPunct(c) && (c >= utf8.RuneSelf || !unicode.IsSymbol(c))
}

// without leaves out what is nil.
func without(list []mail.Query) []mail.Query {
	kept := list[:0]
	for _, q := range list {
		if q != nil {
			kept = append(kept, q)
		}
	}
	return kept
}

// all and anyOf join conditions: none is all there is, and nil.
func all(list []mail.Query) mail.Query {
	switch len(list) {
	case 0:
		return mail.All{}
	case 1:
		return list[0]
	}
	return mail.And(list)
}

func anyOf(list []mail.Query) mail.Query {
	if len(list) == 0 {
		return nil
	}
	q := list[0]
	for _, other := range list[1:] {
		q = mail.Or{q, other}
	}
	return q
}
