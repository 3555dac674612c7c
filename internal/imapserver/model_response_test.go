package imapserver

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// response is what the server says at a time, with its literals.
type response struct {
	text string
	err  error
	tag  string            // "*" and "+" too
	verb string            // EXISTS, FETCH, OK, …; of a tagged one its status
	num  uint32            // before the verb
	rest string            // behind the verb
	code string            // in brackets, of OK, NO, BAD, BYE
	atts map[string]string // of FETCH and UIDFETCH; strings without quotes or the head of the literal
}

func readResponse(in *bufio.Reader) (r response, err error) {
	var text strings.Builder
	for {
		line, err := in.ReadString('\n')
		text.WriteString(line)
		if err != nil {
			return response{text: text.String()}, err
		}
		n, literal := literalSize(line)
		if !literal {
			break
		}
		if _, err := io.CopyN(&text, in, n); err != nil {
			return response{text: text.String()}, err
		}
	}
	return parseResponse(strings.TrimSuffix(text.String(), "\r\n"))
}

// literalSize reads the {n} that a line ends with.
func literalSize(line string) (n int64, ok bool) {
	line = strings.TrimSuffix(line, "\r\n")
	at := strings.LastIndexByte(line, '{')
	if at < 0 || !strings.HasSuffix(line, "}") {
		return 0, false
	}
	n, err := strconv.ParseInt(line[at+1:len(line)-1], 10, 64)
	return n, err == nil
}

func parseResponse(text string) (r response, err error) {
	r.text = text
	rest := ""
	r.tag, rest, _ = strings.Cut(text, " ")
	r.verb, r.rest, _ = strings.Cut(rest, " ")
	if n, err := strconv.ParseUint(r.verb, 10, 32); err == nil && r.tag == "*" {
		r.num = uint32(n)
		r.verb, r.rest, _ = strings.Cut(r.rest, " ")
	}
	if end := strings.IndexByte(r.rest, ']'); strings.HasPrefix(r.rest, "[") && end > 0 {
		r.code = r.rest[1:end]
	}
	if r.verb == "FETCH" || r.verb == "UIDFETCH" {
		r.atts, err = parseAtts(r.rest)
	}
	return r, err
}

// codeIs returns what follows the name of the response code.
func (r *response) codeIs(name string) (rest string, ok bool) {
	word, rest, _ := strings.Cut(r.code, " ")
	return rest, word == name
}

func parseAtts(text string) (map[string]string, error) {
	if !strings.HasPrefix(text, "(") || !strings.HasSuffix(text, ")") {
		return nil, fmt.Errorf("not in parentheses: %q", text)
	}
	atts := map[string]string{}
	for rest := text[1 : len(text)-1]; rest != ""; rest = strings.TrimPrefix(rest, " ") {
		name, n := "", 0
		for depth := 0; n < len(rest) && (depth > 0 || rest[n] != ' '); n++ {
			switch rest[n] {
			case '[':
				depth++
			case ']':
				depth--
			}
		}
		name, rest = rest[:n], strings.TrimPrefix(rest[n:], " ")
		value, after, err := parseValue(rest)
		if err != nil {
			return nil, err
		}
		if _, twice := atts[name]; twice {
			return nil, fmt.Errorf("%s twice", name)
		}
		atts[name], rest = value, after
	}
	return atts, nil
}

// parseValue cuts off a value: a string, a list or a word.
func parseValue(text string) (value, rest string, err error) {
	switch {
	case strings.HasPrefix(text, `"`):
		for i := 1; i < len(text); i++ {
			if text[i] == '\\' {
				i++
			} else if text[i] == '"' {
				return text[1:i], text[i+1:], nil
			}
		}
	case strings.HasPrefix(text, "{"):
		end := strings.Index(text, "}\r\n")
		n, ok := literalSize(text[:max(end, 0)] + "}")
		if from := end + 3; ok && from+int(n) <= len(text) {
			return text[from : from+int(n)], text[from+int(n):], nil
		}
	case strings.HasPrefix(text, "("):
		for inner := text[1:]; inner != ""; inner = strings.TrimPrefix(inner, " ") {
			if inner[0] == ')' {
				return text[:len(text)-len(inner)+1], inner[1:], nil
			}
			if _, inner, err = parseValue(inner); err != nil {
				return "", "", err
			}
		}
	default:
		if end := strings.IndexAny(text, " )"); end >= 0 {
			return text[:end], text[end:], nil
		}
		return text, "", nil
	}
	return "", "", fmt.Errorf("malformed value: %q", text)
}
