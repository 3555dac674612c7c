package smtp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"tem/internal/address"
)

// Command is one command line.
type Command struct {
	Verb   string          // upper case
	Arg    string          // what follows, without outer spaces
	Path   address.Address // of MAIL and RCPT
	Params []Param         // of MAIL and RCPT
}

// Param is one parameter, such as SIZE=1000. Name is in upper case.
type Param struct{ Name, Value string }

// Param returns the value of a parameter, and whether it was given.
func (c *Command) Param(name string) (string, bool) {
	for _, p := range c.Params {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// maxParams bounds the parameters of one command.
const maxParams = 32

// Parse reads a command line (without its CRLF). The error is always a *Reply,
// and the Command's Verb is set if it could be read.
func Parse(line []byte) (Command, error) {
	if !utf8.Valid(line) {
		return Command{}, NewReply(501, "5.5.2", "Command is not valid UTF-8")
	}
	for _, b := range line {
		if b < ' ' && b != '\t' || b == 0x7f {
			return Command{}, NewReply(501, "5.5.2", "Command holds a control character")
		}
	}
	verb, arg, _ := strings.Cut(string(line), " ")
	c := Command{Verb: upper(verb), Arg: strings.Trim(arg, " \t")}
	switch c.Verb {
	case "MAIL":
		return c, c.path("FROM:")
	case "RCPT":
		return c, c.path("TO:")
	}
	return c, nil
}

// upper turns small letters into capitals, those of ASCII only: other scripts have
// letters whose capitals are I and S, and what is no command to others is none here.
func upper(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			r += 'A' - 'a'
		}
		return r
	}, s)
}

// path reads the argument of MAIL and RCPT (RFC 5321 §4.1.1.2, §4.1.1.3).
func (c *Command) path(word string) error {
	if len(c.Arg) < len(word) || !strings.EqualFold(c.Arg[:len(word)], word) {
		return c.usage(word)
	}
	// DEVIATES(RFC 5321 §3.3): spaces before < are let pass: people and old programs type them.
	rest := strings.TrimLeft(c.Arg[len(word):], " ")
	if !strings.HasPrefix(rest, "<") {
		return c.usage(word)
	}
	end := pathEnd(rest)
	if end < 0 {
		return c.usage(word)
	}
	inner, params := rest[1:end], rest[end+1:]
	if params != "" && params[0] != ' ' {
		return c.usage(word)
	}
	if err := c.mailbox(inner); err != nil {
		return err
	}
	return c.params(params)
}

func (c *Command) usage(word string) error {
	return NewReply(501, "5.5.4", "Syntax: "+c.Verb+" "+word+"<address> [parameters]")
}

// pathEnd finds the > that closes the path, which a quoted string may hold too.
func pathEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if quoted {
				i++
			}
		case '"':
			quoted = !quoted
		case '>':
			if !quoted {
				return i
			}
		}
	}
	return -1
}

func (c *Command) mailbox(s string) error {
	enhanced := "5.1.7"
	if c.Verb == "RCPT" {
		enhanced = "5.1.3"
	}
	if s == "" && c.Verb == "MAIL" {
		return nil
	}
	if strings.EqualFold(s, "postmaster") && c.Verb == "RCPT" { // RFC 5321 §4.1.1.3
		c.Path = address.Address{Local: s}
		return nil
	}
	if strings.HasPrefix(s, "@") { // RFC 5321 §4.1.2: a source route must be accepted and should be ignored
		_, after, ok := strings.Cut(s, ":")
		if !ok {
			return NewReply(553, enhanced, "<"+s+">: the source route has no mailbox")
		}
		s = after
	}
	a, err := address.Parse(s)
	if err != nil {
		return NewReply(553, enhanced, "<"+s+">: "+err.Error())
	}
	c.Path = a
	return nil
}

// params reads esmtp-params (RFC 5321 §4.1.2).
func (c *Command) params(s string) error {
	for _, p := range strings.FieldsFunc(s, isBlank) {
		name, value, hasValue := strings.Cut(p, "=")
		name = upper(name)
		if !isKeyword(name) || hasValue && !isParamValue(name, value) {
			return NewReply(501, "5.5.4", p+": not a parameter")
		}
		if _, again := c.Param(name); again || len(c.Params) == maxParams {
			return NewReply(501, "5.5.4", name+": parameter given again, or one of too many")
		}
		c.Params = append(c.Params, Param{name, value})
	}
	return nil
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' }

// isParamValue is RFC 5321 §4.1.2's esmtp-value. Of all that there are, ORCPT alone
// may hold UTF-8 (RFC 6533 §3).
func isParamValue(name, value string) bool {
	return value != "" && !strings.Contains(value, "=") && (name == "ORCPT" || isPrintable(value))
}

func isKeyword(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' && i > 0) {
			return false
		}
	}
	return s != ""
}

const authVerb = "AUTH"

// Redact hides the secrets in one client line (AUTH with an initial response) from a tap,
// also behind blanks that make it no command; and what a client says that goes on
// with its name and password after AUTH was refused: a word that is no command but base64.
func Redact(line []byte) []byte {
	said := bytes.TrimLeftFunc(line, unicode.IsSpace)
	if len(said) < len(authVerb) || !strings.EqualFold(string(said[:len(authVerb)]), authVerb) {
		if word := bytes.TrimRightFunc(said, unicode.IsSpace); bytes.IndexByte(word, ' ') < 0 && isBase64(word) {
			return fmt.Appendf(nil, "‹secret %d bytes›", len(line))
		}
		return line // nearly always, at little cost
	}
	words := bytes.Fields(line)
	if len(words) < 3 || !strings.EqualFold(string(words[0]), authVerb) {
		return line
	}
	return fmt.Appendf(nil, "%s %s ‹secret›", words[0], words[1])
}

// isBase64 reports base64 that is none of the commands which look so.
func isBase64(word []byte) bool {
	for verb := range strings.FieldsSeq("HELO EHLO LHLO MAIL RCPT DATA BDAT RSET NOOP QUIT HELP VRFY EXPN AUTH TURN ETRN STARTTLS") {
		if strings.EqualFold(string(word), verb) {
			return false
		}
	}
	_, err := base64.StdEncoding.DecodeString(string(word))
	return err == nil
}
