package pop3

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
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
	User: text("a name"),
	Pass: password,
	Auth: auth,
	Stls: nothing, Capa: nothing, UTF8: nothing, Stat: nothing,
	Rset: nothing, Noop: nothing, Quit: nothing,
	List: optionalNumber, Uidl: optionalNumber,
	Retr: number, Dele: number,
	Top: top,
}

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

func wants(c *Command, what string) *Error {
	return &Error{Text: string(c.Verb) + " wants " + what}
}

func nothing(c *Command, arg string) *Error {
	if strings.TrimSpace(arg) != "" {
		return wants(c, "no argument")
	}
	return nil
}

func text(what string) func(c *Command, arg string) *Error {
	return func(c *Command, arg string) *Error {
		if c.Arg = strings.TrimSpace(arg); c.Arg == "" {
			return wants(c, what)
		}
		return nil
	}
}

// password is the whole rest of the line, with its spaces. RFC 1939 §7 PASS
func password(c *Command, arg string) *Error {
	if c.Arg = arg; arg == "" {
		return wants(c, "a password")
	}
	return nil
}

func number(c *Command, arg string) *Error {
	n, ok := messageNumber(strings.TrimSpace(arg))
	if !ok {
		return wants(c, "one message number")
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
		return wants(c, "a message number and a number of lines")
	}
	var err *Error
	if err = number(c, f[0]); err != nil {
		return err
	}
	lines, e := strconv.ParseUint(f[1], 10, 31) // RFC 1939 §7 TOP: not negative
	if e != nil {
		return wants(c, "a number of lines that is not negative")
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
		return wants(c, "a mechanism and at most one initial response")
	case len(f) == 0:
		return nil // QUIRK(Outlook): RFC 1734's draft form, asks for a list
	case len(f) == 2 && f[1] == "=":
		c.Initial = []byte{}
	case len(f) == 2:
		var err error
		if c.Initial, err = base64.StdEncoding.DecodeString(f[1]); err != nil {
			return wants(c, "its initial response in base64")
		}
	}
	c.Arg = strings.ToUpper(f[0])
	return nil
}
