package dkim

import "strings"

const (
	columns = 76 // of a line that we make, less where nothing can be folded
	sumLine = 72 // of a line of b=
)

// folded is a header field being written, folded where white space may stand.
type folded struct {
	text   []byte
	column int
}

// add writes s, on a new line if this one has no room for it.
func (f *folded) add(s string, space bool) {
	switch {
	case f.column+len(s)+1 > columns && f.column > 1:
		f.fold()
	case space:
		f.text = append(f.text, ' ')
		f.column++
	}
	f.text = append(f.text, s...)
	f.column += len(s)
}

func (f *folded) fold() {
	f.text = append(f.text, "\r\n "...)
	f.column = 1
}

// foldTags writes a field with tags in their order and returns where b=, which
// has a line of its own, awaits its value. h= is folded between names.
func foldTags(name string, tags []Tag) (field []byte, at int) {
	f := folded{text: append(make([]byte, 0, 512), name...), column: len(name) + 1}
	f.text = append(f.text, ':')
	for i, t := range tags {
		end := ";"
		if i == len(tags)-1 {
			end = ""
		}
		switch t.Name {
		case "b":
			f.fold()
			f.add("b=", false)
			at = len(f.text)
			f.text = append(f.text, end...)
			f.column = columns
		case "h":
			f.addList("h="+t.Value+end, ':')
		default:
			f.add(t.Name+"="+t.Value+end, true)
		}
	}
	f.text = append(f.text, crlf...)
	return f.text, at
}

// addList writes s, which may be folded behind each separator.
func (f *folded) addList(s string, sep byte) {
	for space := true; s != ""; space = false {
		n := strings.IndexByte(s, sep) + 1
		if n == 0 {
			n = len(s)
		}
		f.add(s[:n], space)
		s = s[n:]
	}
}

// appendSum adds a signature in base64, folded; "b=" stands before it.
func appendSum(dst []byte, sum string) []byte {
	for room := sumLine - len("b="); len(sum) > room; room = sumLine {
		dst = append(append(dst, sum[:room]...), "\r\n "...)
		sum = sum[room:]
	}
	return append(dst, sum...)
}
