package message

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"golang.org/x/net/html"
)

// maxHTMLToken is how many octets a tag, a comment or a script may have; a longer
// one is left out. A longer text is taken in pieces.
const maxHTMLToken = 256 << 10

// maxEntity is how long an entity may be to be known where a text is cut.
const maxEntity = 40

// writeHTML writes HTML as a search sees it: the text, a line end wherever a
// reader sees one, pictures as their alternative text, and at the end the
// targets of links and the titles of elements. Words are not broken by markup
// inside them.
func writeHTML(w io.Writer, source io.Reader) error {
	s := searchHTML{w: w, max: maxHTMLToken}
	return s.all(source)
}

// searchHTML is the text that is not yet written.
type searchHTML struct {
	w      io.Writer
	max    int // octets of a token
	z      *html.Tokenizer
	out    []byte
	more   []byte // what goes to the end
	back   []byte // what a text that was cut ended with
	hidden bool   // inside of an element that is not text
}

// all writes a whole text.
func (s *searchHTML) all(source io.Reader) error {
	for source != nil {
		rest, err := s.tokens(source)
		if err != nil {
			return err
		}
		source = rest
	}
	_, err := s.w.Write(append(s.out, s.more...))
	return err
}

// tokens reads to the end, or to where a token is too long: then there is a rest.
func (s *searchHTML) tokens(source io.Reader) (rest io.Reader, err error) {
	s.z = html.NewTokenizer(source)
	s.z.SetMaxBuf(s.max)
	for kind, before := s.z.Next(), html.ErrorToken; ; kind, before = s.z.Next(), kind {
		if kind == html.ErrorToken {
			if s.z.Err() != html.ErrBufferExceeded {
				return nil, notEOF(s.z.Err())
			}
			return s.skip(before, source), nil
		}
		s.token(kind)
		if err := s.write(); err != nil {
			return nil, err
		}
	}
}

func notEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

func (s *searchHTML) token(kind html.TokenType) {
	switch kind {
	case html.TextToken:
		s.text()
	case html.StartTagToken:
		s.hidden = s.tag()
	case html.SelfClosingTagToken, html.EndTagToken:
		s.tag()
		s.hidden = false
	}
}

// text takes a text, but of one that is too long not what may be the beginning
// of an entity or a tag at its end.
func (s *searchHTML) text() {
	raw := s.z.Raw()
	switch {
	case s.hidden:
	case len(raw) < s.max:
		s.out = append(s.out, s.z.Text()...)
	default:
		end := len(raw)
		if i := bytes.LastIndexAny(raw[max(0, end-maxEntity):], "&<"); i >= 0 {
			end = max(0, end-maxEntity) + i
		}
		s.back = bytes.Clone(raw[end:])
		s.out = append(s.out, html.UnescapeString(string(raw[:end]))...)
	}
}

// write writes the text if there is much, and what was to go to its end if that
// is more than is kept: then what stands before and behind is not found as one.
func (s *searchHTML) write() error {
	if len(s.more) > s.max {
		s.out = append(append(s.out, s.more...), 0)
		s.more = s.more[:0]
	}
	if len(s.out) < textRoom {
		return nil
	}
	_, err := s.w.Write(s.out)
	s.out = s.out[:0]
	return err
}

// skip is where to go on after a token that is too long: a text goes on where
// it was cut, a script at the next end tag, anything else behind the next >.
func (s *searchHTML) skip(before html.TokenType, source io.Reader) io.Reader {
	r := bufio.NewReader(io.MultiReader(bytes.NewReader(bytes.Clone(s.z.Buffered())), source))
	if before == html.TextToken && len(s.z.Raw()) == 0 {
		if !s.hidden {
			return io.MultiReader(bytes.NewReader(s.back), r)
		}
		for skipPast(r, '<') {
			if next, _ := r.Peek(1); string(next) == "/" {
				return io.MultiReader(strings.NewReader("<"), r)
			}
		}
		return nil
	}
	if !skipPast(r, '>') {
		return nil
	}
	return r
}

// skipPast reports whether there is such an octet, and stands behind it then.
func skipPast(r *bufio.Reader, c byte) bool {
	for {
		_, err := r.ReadSlice(c)
		if err != bufio.ErrBufferFull {
			return err == nil
		}
	}
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
