package pop3

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Verb names a command.
type Verb string

// The commands.
const (
	User Verb = "USER" // Arg: the name
	Pass Verb = "PASS" // Arg: the password
	Auth Verb = "AUTH" // Arg: the mechanism in upper case, "" asks for a list; Initial
	Stls Verb = "STLS"
	Capa Verb = "CAPA"
	UTF8 Verb = "UTF8"
	Lang Verb = "LANG" // Arg: a language range in lower case, "*", or "" for a list
	Stat Verb = "STAT"
	List Verb = "LIST" // N, or 0 for all
	Uidl Verb = "UIDL" // N, or 0 for all
	Retr Verb = "RETR" // N
	Top  Verb = "TOP"  // N, Lines
	Dele Verb = "DELE" // N
	Rset Verb = "RSET"
	Noop Verb = "NOOP"
	Quit Verb = "QUIT"
)

// Command is one line of a client, understood.
type Command struct {
	Verb    Verb
	N       int    // message number
	Lines   int    // lines of the body that TOP wants
	Arg     string // text argument
	Initial []byte // initial response of AUTH, decoded; nil for none
}

// parsers has the grammar of each command's argument.
var parsers = map[Verb]func(c *Command, arg string) *Error{
	User: name,
	Lang: language,
	Pass: password,
	Auth: auth,
	Stls: nothing, Capa: nothing, UTF8: nothing, Stat: nothing,
	Rset: nothing, Noop: nothing, Quit: nothing,
	List: optionalNumber, Uidl: optionalNumber,
	Retr: number, Dele: number,
	Top: top,
}

// maxArg bounds a name and a password. RFC 2449 §4: a command has 255 octets; a
// line of an AUTH exchange may have more (RFC 5034 §4).
const maxArg = 1024

// Parse reads one line without its CRLF. What is wrong with it is an *Error to
// be answered with; it never quotes the argument, which may be a secret.
func Parse(line []byte) (Command, error) {
	verb, arg, _ := strings.Cut(string(line), " ")
	if i := bytes.IndexByte(line, 0); i >= 0 {
		return Command{}, &Error{Text: "a command can't hold a NUL"}
	}
	c := Command{Verb: Verb(strings.ToUpper(verb))}
	parse, ok := parsers[c.Verb]
	if !ok {
		return Command{}, &Error{Text: "unknown command"}
	}
	if err := parse(&c, arg); err != nil {
		return Command{}, err
	}
	return c, nil
}

// wants says what is missing: text is a format for the verb.
func wants(c *Command, text string) *Error {
	return &Error{Text: text, Args: []any{c.Verb}}
}

func nothing(c *Command, arg string) *Error {
	if strings.TrimSpace(arg) != "" {
		return wants(c, "%s wants no argument")
	}
	return nil
}

func name(c *Command, arg string) *Error {
	if c.Arg = strings.TrimSpace(arg); c.Arg == "" {
		return wants(c, "%s wants a name")
	}
	return checkText(c)
}

// password is the whole rest of the line, with its spaces. RFC 1939 §7 PASS
func password(c *Command, arg string) *Error {
	if c.Arg = arg; arg == "" {
		return wants(c, "%s wants a password")
	}
	return checkText(c)
}

// checkText refuses what is not UTF-8. RFC 6856 §2.2
func checkText(c *Command) *Error {
	switch {
	case len(c.Arg) > maxArg:
		return wants(c, "%s wants something shorter")
	case !utf8.ValidString(c.Arg):
		return wants(c, "%s wants UTF-8")
	}
	return nil
}

// language reads a language range, or none. RFC 6856 §3.2, RFC 4647 §2.1
func language(c *Command, arg string) *Error {
	c.Arg = strings.ToLower(strings.TrimSpace(arg))
	if c.Arg == "" || c.Arg == "*" {
		return nil
	}
	for subtag := range strings.SplitSeq(c.Arg, "-") {
		if len(subtag) < 1 || len(subtag) > 8 || strings.Trim(subtag, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return wants(c, "%s wants one language such as vi, or * for the server's")
		}
	}
	return nil
}

func number(c *Command, arg string) *Error {
	n, ok := messageNumber(strings.TrimSpace(arg))
	if !ok {
		return wants(c, "%s wants one message number")
	}
	c.N = n
	return nil
}

func optionalNumber(c *Command, arg string) *Error {
	if strings.TrimSpace(arg) == "" {
		return nil
	}
	return number(c, arg)
}

func top(c *Command, arg string) *Error {
	f := strings.Fields(arg)
	if len(f) != 2 {
		return wants(c, "%s wants a message number and a number of lines")
	}
	var err *Error
	if err = number(c, f[0]); err != nil {
		return err
	}
	// RFC 1939 §7 TOP: not negative. ParseUint gives the largest number for one
	// that is larger, which asks for as much: fetchmail says 99999999.
	lines, e := strconv.ParseUint(f[1], 10, 31)
	if e != nil && !errors.Is(e, strconv.ErrRange) {
		return wants(c, "%s wants a number of lines that is not negative")
	}
	c.Lines = int(lines)
	return nil
}

// messageNumber reads a number from 1. RFC 1939 §5
func messageNumber(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil && n > 0
}

// auth reads a mechanism and perhaps an initial response, "=" for an empty
// one. RFC 5034 §4
func auth(c *Command, arg string) *Error {
	f := strings.Fields(arg)
	switch {
	case len(f) > 2:
		return wants(c, "%s wants a mechanism and at most one initial response")
	case len(f) == 0:
		return nil // QUIRK(Outlook): RFC 1734's draft form, asks for a list
	case len(f) == 2 && f[1] == "=":
		c.Initial = []byte{}
	case len(f) == 2:
		var err error
		if c.Initial, err = base64.StdEncoding.DecodeString(f[1]); err != nil {
			return wants(c, "%s wants its initial response in base64")
		}
	}
	c.Arg = strings.ToUpper(f[0])
	return nil
}
